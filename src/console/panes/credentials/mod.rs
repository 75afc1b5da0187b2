//! What the credentials are, may do, and until when.

mod state;
pub mod view;

pub use state::{Row, details, rows, tone};
