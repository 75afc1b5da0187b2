//! Stores runs and their steps in a local SQLite database, each before and after it is done.
//!
//! The records read from it and the locks that keep two runs off the same charms are here too.
//! Every row names its environment and, if it matters, its workspace. The journal holds no secrets.
//! It never overrides what the services report.

mod aside;
mod changes;
mod damage;
mod file;
mod lineage;
mod lock;
pub mod record;
mod schema;
#[cfg(any(test, feature = "testing"))]
#[allow(clippy::missing_panics_doc, clippy::unwrap_used, missing_docs)]
pub mod situations;
mod store;
mod touched;
mod unfinished;

pub use aside::SetAside;
pub use lock::SubjectLocks;
pub use record::{
    Dispatched, EarlierAttempt, Outcome, Released, ReleasedResource, RunId, RunRecord, StepOutcome,
    StepOutput, StepRecord, Uploaded,
};
pub use store::Journal;
pub use unfinished::{RunState, continued_by, mark_replaced};
