//! The releases pane: upstream releases, their state, and their oddities.

pub mod actions;
mod details;
mod diff;
mod state;
pub mod view;

pub use details::details;
pub use diff::{pair, show_diff};
pub use state::{Label, Row, link, preferred, rows, sign_words};
