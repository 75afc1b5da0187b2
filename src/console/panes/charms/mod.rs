//! Charms, their newest revisions and their resources.

mod state;
pub mod view;

pub use state::{Row, What, details, rows};
