//! The activity pane: runs in progress, past runs, and runs that must be resumed.

pub mod actions;
mod state;
pub mod view;

pub use state::{Row, rows};
