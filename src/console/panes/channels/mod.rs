//! The channels pane: what every channel serves, and the release it belongs to.

pub mod actions;
pub mod pane;
mod state;
pub mod timeline;
pub mod view;

pub use state::{Cell, FLOW, Row, details, rows};
