//! Holds the progress of a run while it is applied.
//!
//! Console and command line draw from this state. The list of events follows from its changes. A
//! percentage reaches 100 only once the service has answered. Must not read a clock: callers pass
//! the time.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::domain::{Problem, SanitizedText};
use crate::journal::{Outcome, RunId, StepOutcome};
use crate::plan::StepId;

/// Number of events kept; beyond that the oldest are dropped.
const EVENTS: usize = 400;

/// What a step is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Not begun.
    Waiting,
    /// Checking whether the step is already done, and whether its preconditions still hold.
    Looking,
    /// Bytes or a request are under way.
    Sending,
    /// The service has everything and works on it.
    Processing,
    /// A request was lost or refused for the moment, and is repeated after a pause.
    Retrying,
    /// Ended.
    Ended,
}

/// Holds the last retry.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Retry {
    /// Why it was retried.
    pub reason: SanitizedText,
    /// The service's own id of the request that failed.
    pub request_id: Option<SanitizedText>,
    /// When it is tried again; in the past once it was.
    pub again_at: DateTime<Utc>,
}

/// Holds the progress of one step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepProgress {
    /// What the step is busy with.
    pub phase: Phase,
    /// Bytes sent or found present.
    pub bytes_done: u64,
    /// Bytes in all, if known.
    pub bytes_total: Option<u64>,
    /// Bytes per second, over the last moments.
    pub rate: Option<f64>,
    /// Number of retries.
    pub retries: u32,
    /// The last retry.
    pub retry: Option<Retry>,
    /// A short note on what happens now.
    pub note: Option<SanitizedText>,
    /// When the step began.
    pub begun_at: Option<DateTime<Utc>>,
    /// When the step ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// How the step ended.
    pub outcome: Option<StepOutcome>,
    /// Why the step failed.
    pub problem: Option<Problem>,
}

impl Default for StepProgress {
    fn default() -> Self {
        Self {
            phase: Phase::Waiting,
            bytes_done: 0,
            bytes_total: None,
            rate: None,
            retries: 0,
            retry: None,
            note: None,
            begun_at: None,
            ended_at: None,
            outcome: None,
            problem: None,
        }
    }
}

impl StepProgress {
    /// Returns whole per cent, never 100 before the service has confirmed the step.
    pub fn percent(&self) -> Option<u8> {
        if matches!(self.outcome, Some(StepOutcome::Done | StepOutcome::Skipped)) {
            return Some(100);
        }
        let total = self.bytes_total.filter(|total| *total > 0)?;
        Some(((self.bytes_done.min(total) as f64 / total as f64) * 100.0).min(99.0) as u8)
    }

    /// Counts a retry at `again_at`, because of `problem`.
    pub fn tries_again(&mut self, problem: &Problem, again_at: DateTime<Utc>) {
        let reason = match problem.causes.last() {
            Some(cause) => SanitizedText::new(format!("{}: {cause}", problem.summary)),
            None => problem.summary.clone(),
        };
        self.retries += 1;
        self.retry = Some(Retry {
            reason,
            request_id: problem.request_id.clone(),
            again_at,
        });
    }

    /// Returns how long until the next try; `None` if there is no pause at `now`.
    pub fn waits(&self, now: DateTime<Utc>) -> Option<Duration> {
        let retry = self.retry.as_ref().filter(|_| self.outcome.is_none())?;
        (retry.again_at - now)
            .to_std()
            .ok()
            .filter(|left| !left.is_zero())
    }
}

/// Holds one event of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The step; `None` for an event of the whole run.
    pub step: Option<StepId>,
    /// What happened.
    pub what: Happened,
}

/// What can happen in a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Happened {
    /// The run began.
    Begun,
    /// A step entered another phase, or changed its note.
    Phase(Phase, Option<SanitizedText>),
    /// Something is tried again: the number of the attempt, and why.
    Retry(u32, Retry),
    /// A step ended.
    Ended(StepOutcome, Option<Problem>),
    /// Cancellation was requested.
    StopAsked,
    /// The run ended.
    RunEnded(Outcome),
}

/// Holds the progress of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunProgress {
    /// The run.
    pub run: RunId,
    /// When the progress changed last.
    pub at: DateTime<Utc>,
    /// When this process began the run.
    pub begun_at: DateTime<Utc>,
    /// Progress by step.
    pub steps: BTreeMap<StepId, StepProgress>,
    /// True once cancellation was requested.
    pub cancel_requested: bool,
    /// How the run ended.
    pub outcome: Option<Outcome>,
    /// What happened, oldest first.
    pub events: Vec<Event>,
}

impl RunProgress {
    /// Returns the progress of a run that begins at `at`.
    pub fn new(run: RunId, steps: BTreeMap<StepId, StepProgress>, at: DateTime<Utc>) -> Self {
        Self {
            run,
            at,
            begun_at: at,
            steps,
            cancel_requested: false,
            outcome: None,
            events: vec![Event {
                at,
                step: None,
                what: Happened::Begun,
            }],
        }
    }

    /// Changes the progress of one step at `at`, and records the events that follow from the
    /// change.
    pub fn change(&mut self, id: &StepId, at: DateTime<Utc>, change: impl FnOnce(&mut StepProgress)) {
        let step = self.steps.entry(id.clone()).or_default();
        let (phase, note) = (step.phase, step.note.clone());
        let (retries, outcome) = (step.retries, step.outcome);
        change(step);
        let mut happened = Vec::new();
        if phase == Phase::Waiting && !matches!(step.phase, Phase::Waiting | Phase::Ended) {
            step.begun_at.get_or_insert(at);
            happened.push(Happened::Begun);
        }
        if step.retries > retries {
            if let Some(retry) = &step.retry {
                happened.push(Happened::Retry(step.retries, retry.clone()));
            }
        } else if outcome != step.outcome {
            if let Some(outcome) = step.outcome {
                step.ended_at = Some(at);
                happened.push(Happened::Ended(outcome, step.problem.clone()));
            }
        } else if step.note != note || (step.phase != phase && step.phase == Phase::Processing) {
            // A note that has not changed does not describe the new phase.
            let word = step.note.clone().filter(|_| step.note != note);
            happened.push(Happened::Phase(step.phase, word));
        }
        for what in happened {
            self.tell(at, Some(id.clone()), what);
        }
        self.at = at;
    }

    /// Records that cancellation was requested.
    pub fn stop_asked(&mut self, at: DateTime<Utc>) {
        self.at = at;
        if !self.cancel_requested {
            self.cancel_requested = true;
            self.tell(at, None, Happened::StopAsked);
        }
    }

    /// Records how the run ended.
    pub fn end(&mut self, outcome: Outcome, at: DateTime<Utc>) {
        self.at = at;
        self.outcome = Some(outcome);
        self.tell(at, None, Happened::RunEnded(outcome));
    }

    fn tell(&mut self, at: DateTime<Utc>, step: Option<StepId>, what: Happened) {
        if self.events.len() >= EVENTS {
            self.events.remove(0);
        }
        self.events.push(Event { at, step, what });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ProblemKind;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn what_happened_follows_from_what_changed() {
        let id = StepId("copy/a".into());
        let mut run = RunProgress::new(RunId("r".into()), BTreeMap::new(), at(0));
        run.change(&id, at(1), |p| p.phase = Phase::Looking);
        run.change(&id, at(2), |p| {
            p.phase = Phase::Sending;
            p.note = Some("sending blobs".into());
        });
        run.change(&id, at(3), |p| p.bytes_done = 7);
        let mut problem = Problem::new(ProblemKind::Network, "no answer").cause("timed out");
        problem.request_id = Some("req-1".into());
        run.change(&id, at(4), |p| p.tries_again(&problem, at(6)));
        assert_eq!(run.steps[&id].waits(at(4)), Some(Duration::from_secs(2)));
        assert_eq!(run.steps[&id].waits(at(6)), None);
        run.change(&id, at(9), |p| {
            p.phase = Phase::Ended;
            p.outcome = Some(StepOutcome::Done);
        });
        run.stop_asked(at(10));
        run.stop_asked(at(11));
        run.end(Outcome::Done, at(12));
        let step = &run.steps[&id];
        assert_eq!((step.begun_at, step.ended_at), (Some(at(1)), Some(at(9))));
        let told: Vec<(i64, &Happened)> = run
            .events
            .iter()
            .map(|event| (event.at.timestamp(), &event.what))
            .collect();
        let retry = Retry {
            reason: "no answer: timed out".into(),
            request_id: Some("req-1".into()),
            again_at: at(6),
        };
        assert_eq!(
            told,
            [
                (0, &Happened::Begun),
                (1, &Happened::Begun),
                (2, &Happened::Phase(Phase::Sending, Some("sending blobs".into()))),
                (4, &Happened::Retry(1, retry)),
                (9, &Happened::Ended(StepOutcome::Done, None)),
                (10, &Happened::StopAsked),
                (12, &Happened::RunEnded(Outcome::Done)),
            ]
        );
    }

    #[test]
    fn a_step_that_was_never_begun_has_no_beginning() {
        let id = StepId("release/a".into());
        let mut run = RunProgress::new(RunId("r".into()), BTreeMap::new(), at(0));
        run.change(&id, at(5), |p| {
            p.phase = Phase::Ended;
            p.outcome = Some(StepOutcome::Cancelled);
        });
        assert_eq!(run.steps[&id].begun_at, None);
        assert_eq!(run.events.len(), 2);
    }

    #[test]
    fn a_hundred_per_cent_is_what_the_service_said() {
        let mut step = StepProgress {
            bytes_done: 10,
            bytes_total: Some(10),
            ..StepProgress::default()
        };
        assert_eq!(step.percent(), Some(99));
        step.outcome = Some(StepOutcome::Unknown);
        assert_eq!(step.percent(), Some(99));
        step.outcome = Some(StepOutcome::Done);
        assert_eq!(step.percent(), Some(100));
    }

    #[test]
    fn the_list_of_what_happened_does_not_grow_for_ever() {
        let id = StepId("a".into());
        let mut run = RunProgress::new(RunId("r".into()), BTreeMap::new(), at(0));
        for second in 0..1000 {
            run.change(&id, at(second), |p| {
                p.phase = Phase::Processing;
                p.note = Some(SanitizedText::new(format!("look {second}")));
            });
        }
        assert_eq!(run.events.len(), EVENTS);
        assert!(run.events.last().is_some_and(|event| event.at == at(999)));
    }
}
