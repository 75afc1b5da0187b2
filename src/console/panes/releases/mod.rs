//! Upstream releases: which there are, which are published, which are odd.

mod state;
pub mod view;

pub use state::{Label, Row, details, link, preferred, rows};
