//! The charms pane: charms, their newest revisions and resources; unfolded, every revision of
//! either.

pub mod actions;
mod details;
pub mod pane;
mod state;
pub mod view;

pub use details::details;
pub use state::{NewestRevision, Row, Unfolded, What, holds_images, releases_behind, rows};
