//! What every channel runs, and which release that belongs to.

mod state;
pub mod timeline;
pub mod view;

pub use state::{Cell, FLOW, Row, details, rows};
