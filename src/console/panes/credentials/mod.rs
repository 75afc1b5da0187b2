//! What the credentials are, may do, and until when; whose value every secret holds; the store's
//! sessions.

mod details;
mod state;
pub mod view;

pub use details::details;
pub use state::{Row, SecretRow, SessionRow, axis, chosen_sessions, nearest, rows};
pub use view::tone;
