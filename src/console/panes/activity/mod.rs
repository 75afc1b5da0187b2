//! The activity pane: runs in progress, past runs, and runs that must be resumed.

pub mod actions;
pub mod pane;
mod state;
pub mod view;

pub use state::{Row, rows};
