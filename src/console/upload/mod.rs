//! The upload dialog: one line that takes a file, a digest or a reference, and says which of them
//! it understood.
//!
//! Owns what is typed and what it can be completed to. Must not look whether anything is there:
//! the plan does.

mod known;
mod read;
mod update;
pub mod view;

pub use known::{Known, known};
pub use read::{WITH_PATH, absolute, read};
pub use update::{accept, close, complete, look, open, pick, typed};

use tui_input::Input;

use crate::domain::{CharmName, ResourceName};

/// The dialog.
#[derive(Clone, Debug)]
pub struct Upload {
    /// The charm.
    pub charm: CharmName,
    /// The resource.
    pub resource: ResourceName,
    /// Whether it holds images; `None` where nobody said.
    pub images: Option<bool>,
    /// What is typed.
    pub input: Input,
    /// What was typed before a known text was taken, while known texts are gone through.
    pub stem: Option<String>,
    /// The known text that was taken.
    pub at: usize,
}

impl Upload {
    /// What known texts have to go with.
    pub fn wanted(&self) -> &str {
        self.stem.as_deref().unwrap_or_else(|| self.input.value()).trim()
    }
}
