//! The details of an image: digests, releases, platforms, layers, how much of it its destination
//! already has, and the differences from another image.
//!
//! What was fetched is kept as long as the console runs.

pub mod actions;
pub mod data;
mod diff;
mod lines;
pub mod share;
mod update;

pub use data::{Fetched, Images, Look, Seen, There, Wanted};
pub use update::{
    ask_behind, ask_unfolded, behind, broken, looked, open, open_planned, open_selected, selected, with_known,
};

use super::components::{Dialog, Text};

/// The state of the image details.
#[derive(Clone, Debug)]
pub struct Image {
    /// The image shown.
    pub look: Look,
    /// The text shown.
    pub text: Text,
    /// True if the differences from the marked image are shown.
    pub diff: bool,
    /// The dialog below it.
    pub under: Option<Box<dyn Dialog>>,
}
