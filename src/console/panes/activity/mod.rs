//! Runs: what goes on, what was, what waits to be settled.

mod state;
pub mod view;

pub use state::{Row, rows};
