//! Tracks the runs that this console started or resumed: last progress and recent transfer speed.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};

use super::Model;
use super::state::state;
use crate::domain::SanitizedText;
use crate::journal::{Outcome, RunId, RunRecord, RunState};
use crate::plan::{Plan, StepId};
use crate::run::progress::{Phase, RunProgress, StepProgress};

/// Speed samples kept per transfer, one per second.
const SAMPLES: usize = 24;

/// A run as reported so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    /// The plan it applies.
    pub plan: Plan,
    /// The last progress reported.
    pub progress: Option<RunProgress>,
    /// True once the operator asked it to stop.
    pub cancel_asked: bool,
    /// True once its end was reported.
    pub ended: bool,
    /// Upload speed of each step, second by second.
    pub speeds: BTreeMap<StepId, Speed>,
}

/// The runs that this console started or resumed.
#[derive(Clone, Debug, Default)]
pub struct LiveRuns(BTreeMap<RunId, Live>);

state!(LiveRuns);

impl Model {
    /// Returns the runs that this console started or resumed.
    pub fn live(&self) -> &BTreeMap<RunId, Live> {
        &self.state::<LiveRuns>().0
    }

    /// Returns those runs for changes.
    pub fn live_mut(&mut self) -> &mut BTreeMap<RunId, Live> {
        &mut self.state_mut::<LiveRuns>().0
    }
}

/// The upload speed of a step in the last seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Speed {
    taken_at: DateTime<Utc>,
    bytes: u64,
    /// Bytes per second, oldest first; 0 for a second without a transfer.
    pub samples: VecDeque<u64>,
}

impl Speed {
    fn measure(&mut self, now: DateTime<Utc>, heard: &StepProgress) {
        let second = TimeDelta::seconds(1);
        let passed = (now - self.taken_at).num_seconds();
        if passed < 1 {
            return;
        }
        // Seconds without a report count as 0.
        let idle = usize::try_from(passed - 1).unwrap_or(0).min(SAMPLES);
        let moved = heard.bytes_done != self.bytes;
        let rate = heard.rate.filter(|_| moved).unwrap_or(0.0) as u64;
        self.samples.extend(std::iter::repeat_n(0, idle));
        self.samples.push_back(rate);
        while self.samples.len() > SAMPLES {
            self.samples.pop_front();
        }
        self.bytes = heard.bytes_done;
        self.taken_at += second * i32::try_from(passed).unwrap_or(i32::MAX);
    }
}

impl Live {
    /// Returns a run that has just begun.
    pub const fn new(plan: Plan) -> Self {
        Self {
            plan,
            progress: None,
            cancel_asked: false,
            ended: false,
            speeds: BTreeMap::new(),
        }
    }

    /// Samples the speed of every transfer once a second has passed.
    pub fn measure(&mut self, now: DateTime<Utc>) {
        let Some(progress) = &self.progress else {
            return;
        };
        for (id, heard) in &progress.steps {
            if heard.outcome.is_some() || !matches!(heard.phase, Phase::Sending | Phase::Retrying) {
                continue;
            }
            let Some(begun_at) = heard.begun_at.filter(|_| heard.bytes_total.is_some()) else {
                continue;
            };
            let fresh = || Speed {
                taken_at: begun_at,
                bytes: 0,
                samples: VecDeque::new(),
            };
            self.speeds
                .entry(id.clone())
                .or_insert_with(fresh)
                .measure(now, heard);
        }
    }

    /// Returns the number of ended steps and of all steps.
    pub fn steps_ended(&self) -> (usize, usize) {
        let all = self.plan.steps.len();
        let heard = self.progress.iter().flat_map(|progress| progress.steps.values());
        (heard.filter(|step| step.outcome.is_some()).count().min(all), all)
    }

    /// Returns the progress in whole per cent, counting the bytes of steps under way; never 100
    /// before the run ends.
    pub fn percent(&self) -> Option<u8> {
        let progress = self.progress.as_ref()?;
        let done: usize = progress
            .steps
            .values()
            .map(|step| match step.outcome {
                Some(_) => 100,
                None => usize::from(step.percent().unwrap_or(0)),
            })
            .sum();
        let all = self.plan.steps.len().max(1);
        u8::try_from((done / all).min(99)).ok()
    }
}

/// The state of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Confirmed; waits for the run before it.
    Queued,
    /// Confirmed, but must be reviewed again.
    Asks,
    /// Running.
    Running,
    /// Asked to stop, not stopped yet.
    Stopping,
    /// Ended.
    Ended(Outcome),
    /// Interrupted, or its outcome is unknown.
    Open,
    /// A later run rolled back its changes.
    RolledBack,
    /// A later run ended it without a channel to restore.
    GivenUp,
    /// It ended so, and a later run replaced it.
    Replaced(Option<Outcome>),
}

impl State {
    /// Returns its label on screen.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Asks => "needs review",
            Self::Running => "running",
            Self::Stopping => "cancelling",
            Self::Ended(outcome) => outcome.as_str(),
            Self::Open => "open",
            Self::RolledBack => "rolled back",
            Self::GivenUp => "given up",
            Self::Replaced(_) => "replaced",
        }
    }

    /// Returns true if it can be resumed: it neither succeeded nor failed for good.
    pub const fn waits(self) -> bool {
        matches!(
            self,
            Self::Open | Self::Ended(Outcome::Failed | Outcome::Cancelled)
        )
    }
}

/// Returns the state of a run from its reports and its journal record.
pub fn state(live: Option<&Live>, record: Option<&RunRecord>) -> State {
    if let Some(live) = live.filter(|live| !live.ended) {
        return if live.cancel_asked {
            State::Stopping
        } else {
            State::Running
        };
    }
    let Some(record) = record else {
        return live
            .and_then(|live| live.progress.as_ref()?.outcome)
            .map_or(State::Open, State::Ended);
    };
    match record.state() {
        RunState::Running => State::Running,
        RunState::RolledBack(_) => State::RolledBack,
        RunState::GivenUp(_) => State::GivenUp,
        RunState::Replaced(_) => State::Replaced(record.outcome),
        RunState::Finished | RunState::Unfinished => match record.outcome {
            None | Some(Outcome::Unknown) => State::Open,
            Some(outcome) => State::Ended(outcome),
        },
    }
}

/// Returns what is printed when the console closes: a line for each run it started that can be
/// resumed, with the command.
pub fn unfinished_runs(model: &Model) -> String {
    let mut text = String::new();
    for (run, live) in model.live() {
        let state = state(Some(live), model.record(run));
        let how = match state {
            State::Running | State::Stopping => "was interrupted",
            State::Ended(Outcome::Failed) => "failed",
            State::Ended(Outcome::Cancelled) => "was cancelled",
            State::Open | State::Ended(Outcome::Unknown) => "has an unknown outcome",
            State::Queued
            | State::Asks
            | State::RolledBack
            | State::GivenUp
            | State::Replaced(_)
            | State::Ended(_) => {
                continue;
            }
        };
        text.push_str(&format!(
            "Run {run} ({}) {how}: windlass resume {run}\n",
            SanitizedText::capped(&live.plan.title, 80)
        ));
    }
    text
}

/// Returns the first characters of a run's id, for narrow columns.
pub fn short(run: &RunId) -> String {
    super::words::cut(&run.to_string(), 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(millis).unwrap()
    }

    #[test]
    fn speed_is_taken_once_a_second_and_a_still_second_counts_nothing() {
        let mut speed = Speed {
            taken_at: at(0),
            bytes: 0,
            samples: VecDeque::new(),
        };
        let mut heard = StepProgress {
            bytes_done: 500,
            rate: Some(500.0),
            ..StepProgress::default()
        };
        speed.measure(at(900), &heard);
        assert!(speed.samples.is_empty());
        speed.measure(at(1100), &heard);
        speed.measure(at(2100), &heard);
        heard.bytes_done = 900;
        heard.rate = Some(400.0);
        speed.measure(at(5050), &heard);
        assert_eq!(speed.samples, [500, 0, 0, 0, 400]);
        speed.measure(at(100_000), &heard);
        assert_eq!(speed.samples.len(), SAMPLES);
    }
}
