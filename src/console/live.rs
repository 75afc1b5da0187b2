//! Runs that this console started or took up, while they go on and after.
//!
//! Owns the last word heard of each. Must not ask the journal.

use crate::journal::{Outcome, RunId, RunRecord};
use crate::plan::Plan;
use crate::run::progress::RunProgress;

/// A run as far as it was heard of.
#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    /// What it makes so.
    pub plan: Plan,
    /// The last progress heard.
    pub progress: Option<RunProgress>,
    /// True from the moment somebody asked it to stop.
    pub cancel_asked: bool,
    /// True once its end was heard.
    pub ended: bool,
}

impl Live {
    /// A run that just began.
    pub const fn new(plan: Plan) -> Self {
        Self {
            plan,
            progress: None,
            cancel_asked: false,
            ended: false,
        }
    }
}

/// How far a run is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It goes on.
    Running,
    /// It was asked to stop and has not answered.
    Stopping,
    /// It ended.
    Ended(Outcome),
    /// It died or its outcome is not known.
    Open,
    /// A later run gave back what it had changed.
    RolledBack,
}

impl State {
    /// Its word on screen.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopping => "stop requested",
            Self::Ended(outcome) => outcome.as_str(),
            Self::Open => "open",
            Self::RolledBack => "rolled back",
        }
    }

    /// True where it can be taken up: it ended neither well nor for good.
    pub const fn waits(self) -> bool {
        matches!(
            self,
            Self::Open | Self::Ended(Outcome::Failed | Outcome::Cancelled)
        )
    }
}

/// The state of a run from what was heard of it and what the journal says.
pub fn state(live: Option<&Live>, record: Option<&RunRecord>) -> State {
    if let Some(live) = live.filter(|live| !live.ended) {
        return if live.cancel_asked {
            State::Stopping
        } else {
            State::Running
        };
    }
    match record {
        Some(record) if record.rolled_back_by.is_some() && !record.running => State::RolledBack,
        Some(record) if record.open() => State::Open,
        Some(record) => record.outcome.map_or(State::Running, State::Ended),
        None => live
            .and_then(|live| live.progress.as_ref()?.outcome)
            .map_or(State::Open, State::Ended),
    }
}

/// The id of a run for places with little room: its first characters.
pub fn short(run: &RunId) -> String {
    super::words::cut(&run.to_string(), 24)
}
