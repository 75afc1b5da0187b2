//! Upstream releases: which there are, which are published, which are odd.

mod details;
mod diff;
mod state;
pub mod view;

pub use details::details;
pub use diff::{pair, show_diff};
pub use state::{Label, Row, link, preferred, rows, sign_words};
