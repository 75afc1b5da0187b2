//! Applies plans: writes to the journal first, checks before every step, retries, cancels and
//! resumes.
//!
//! Only this module calls the writers of the services. It does not print: progress is reported
//! through [`progress`].

mod finished_steps;
mod means;
pub mod progress;
mod recheck;
mod resumption;
mod runner;
mod session;
mod steps;

pub use means::RunSecrets;
pub use progress::{Event, Happened, Phase, Retry, RunProgress, StepProgress};
pub use resumption::Resumption;
pub use session::{RunHandle, Session, Setting};
