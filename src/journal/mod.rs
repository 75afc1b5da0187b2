//! The memory: runs and their steps, written before and after the deed, in SQLite.
//!
//! Owns the database file, its schema and the records read from it. Every row carries the world
//! it speaks of. Must not hold secrets, and must not decide anything: the world is the truth.

pub mod record;

pub use record::{Outcome, RunId, RunRecord, StepOutcome, StepRecord};
