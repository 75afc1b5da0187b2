//! The credentials pane: what each credential may do and its expiry, which credential every secret
//! holds, and the store's sessions.

pub mod actions;
mod details;
pub mod pane;
mod state;
pub mod view;

pub use details::details;
pub use state::{Row, SecretRow, SessionRow, axis, chosen_sessions, nearest, rows};
pub use view::tone;
