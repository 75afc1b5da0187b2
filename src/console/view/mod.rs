//! Draws the model, and returns the hit map of the frame.
//!
//! Draws header, footer and whatever is in front. Only visible rows are built, and they are counted.

pub mod columns;
pub mod draw;
pub mod drawn;
pub mod finish;
mod footer;
mod found;
pub mod frame;
mod header;
pub mod hyper;
pub mod look;
pub mod pane;
pub mod piece;
pub mod spark;
pub mod theme;
mod tour;
mod which;

pub use draw::{boxed, clear, foot, line, mark_words, scroll_mark, texts};
pub use drawn::Drawn;
pub use frame::draw;
