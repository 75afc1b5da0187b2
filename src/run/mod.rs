//! Makes plans so: journal first, look before every step, retry, cancel, resume.
//!
//! Owns the only code that calls the writers of the services. Must not plan, and must not print:
//! what happens is said through [`progress`].

mod means;
pub mod progress;
mod recheck;
mod resumption;
mod runner;
mod session;
mod steps;

pub use means::Means;
pub use progress::{Event, Happened, Phase, Retry, RunProgress, StepProgress};
pub use resumption::Resumption;
pub use session::{RunHandle, Session, Setting};
