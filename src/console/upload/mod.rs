//! The upload dialog: one line that accepts a file, a digest or a reference, and shows which one it
//! is.
//!
//! Whether the content exists is checked by the plan, not here.

pub mod actions;
mod known;
mod read;
mod update;
pub mod view;

pub use known::{EngineImages, Known, images, known};
pub use read::{WITH_PATH, absolute, read};
pub use update::open;

use tui_input::Input;

use crate::domain::{CharmName, ResourceName};

/// The state of the upload dialog.
#[derive(Clone, Debug)]
pub struct Upload {
    /// The charm.
    pub charm: CharmName,
    /// The resource.
    pub resource: ResourceName,
    /// Whether it contains images; `None` if unknown.
    pub images: Option<bool>,
    /// The input.
    pub input: Input,
    /// The input before a completion was inserted, while completions are cycled through.
    pub stem: Option<String>,
    /// The inserted completion.
    pub at: usize,
}

impl Upload {
    /// Returns the text that completions must match.
    pub fn wanted(&self) -> &str {
        self.stem.as_deref().unwrap_or_else(|| self.input.value()).trim()
    }
}
