//! The activity pane: runs in progress, past runs, and runs that must be resumed.

mod state;
pub mod view;

pub use state::{Row, rows};
