//! Fills a snapshot: every answer is applied and passed on as it arrives.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::{Snapshot, Source, SourceUpdate};

/// Called with every answer as it arrives.
pub type OnUpdate<'a> = &'a (dyn Fn(&SourceUpdate) + Send + Sync);

/// Ignores answers: for callers that need only the whole snapshot.
pub const fn ignore(_update: &SourceUpdate) {}

/// Holds a snapshot shared by the requests that fill it.
pub struct Gathering<'a> {
    snapshot: Mutex<Snapshot>,
    on_update: OnUpdate<'a>,
}

impl<'a> Gathering<'a> {
    /// Starts from `snapshot`.
    pub fn new(snapshot: Snapshot, on_update: OnUpdate<'a>) -> Self {
        Self {
            snapshot: Mutex::new(snapshot),
            on_update,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Snapshot> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes an answer on and applies it.
    pub fn take(&self, update: SourceUpdate) {
        (self.on_update)(&update);
        self.lock().apply(update);
    }

    /// Records that `source` has answered completely.
    pub fn complete(&self, source: Source) {
        self.take(SourceUpdate::Complete(source));
    }

    /// Changes what no source delivers.
    pub fn change(&self, change: impl FnOnce(&mut Snapshot)) {
        change(&mut self.lock());
    }

    /// Returns what is known so far.
    pub fn snapshot(&self) -> Snapshot {
        self.lock().clone()
    }

    /// Returns the snapshot with everything that was read.
    pub fn into_snapshot(self) -> Snapshot {
        self.snapshot.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
