//! What the data of a pane is read from: its age and its problem.

use chrono::{DateTime, Utc};

use crate::domain::snapshot::SourceStatus;
use crate::domain::{Observed, Problem};

/// The sources of a pane.
#[derive(Clone, Debug, Default)]
pub struct Sources<'a> {
    /// When the oldest value shown was read.
    pub read_at: Option<DateTime<Utc>>,
    /// The first source whose last read failed, with its name.
    pub problem: Option<(&'static str, &'a Problem)>,
    /// True if no service can be reached at all.
    pub no_network: bool,
    /// True if a source was never read, so that an age would claim too much.
    pub unread: bool,
}

impl<'a> Sources<'a> {
    /// Adds what was read from a source.
    pub fn add<T>(&mut self, what: &'static str, seen: &'a Observed<T>) {
        if let Some(at) = seen.read_at {
            self.read_at = Some(self.read_at.map_or(at, |known| known.min(at)));
        }
        if self.problem.is_none() {
            self.problem = seen.problem.as_ref().map(|problem| (what, problem));
        }
        self.unread |= seen.standing() == SourceStatus::NotAsked;
    }
}
