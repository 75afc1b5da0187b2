//! The run screen: every step with its phase, bytes and rate, the log, and finally the result. A
//! plan that waits in the queue has the same screen.
//!
//! Holds which run and which step is selected; the data is in the model's `live`, `queue` and
//! `runs`.

pub mod actions;
mod ending;
mod lines;
mod log;
mod pages;
mod result;
pub mod screen;
pub mod state;
mod step;
mod stop;
mod update;
pub mod view;

pub use lines::{RunLine, lines};
pub use pages::{copied, page};
pub use screen::{log_lines, move_by, pick, scroll};
pub use state::{LogHidden, Running, plan, selected, shown, state, wants_sign_in};
pub use stop::Stop;
pub use update::{cancel, ended, progress, tick};
