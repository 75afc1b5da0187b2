//! The memory: runs and their steps, written before and after the deed, in SQLite.
//!
//! Owns the database file, its schema and the records read from it, and the locks that keep two
//! runs from the same charms. Every row carries its environment and, where it matters, its workspace. Must
//! not hold secrets, and must not decide anything: what the services answer is the truth.

mod aside;
mod changes;
mod file;
mod lineage;
mod lock;
pub mod record;
mod schema;
mod store;
mod touched;
mod unfinished;

pub use aside::SetAside;
pub use lock::SubjectLocks;
pub use record::{
    Dispatched, EarlierAttempt, Made, Outcome, Released, ReleasedResource, RunId, RunRecord, StepOutcome,
    StepRecord, Uploaded,
};
pub use store::Journal;
pub use unfinished::RunState;
