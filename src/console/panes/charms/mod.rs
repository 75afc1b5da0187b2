//! The charms pane: charms, their newest revisions and resources; unfolded, every revision of
//! either.

mod details;
mod state;
pub mod view;

pub use details::details;
pub use state::{NewestRevision, Row, What, holds_images, releases_behind, rows};
