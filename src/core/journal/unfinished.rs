//! Determines which runs are unfinished, and which later run resolves a run that did not succeed.
//!
//! `resume`, `runs`, `doctor`, `status`, hints and the console all use this answer.

use rusqlite::params;

use super::store::stamp;
use super::{Journal, Outcome, RunRecord, StepOutcome};
use crate::domain::{Problem, RunId};
use crate::plan::queue::WaitingRun;
use crate::plan::{Intent, Plan, RolledBack, Subject};

/// Maximum number of unfinished runs that are read, newest first.
const READ: i64 = 1000;

/// State of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    /// A running process works on it.
    Running,
    /// It succeeded.
    Finished,
    /// Another run rolled back its changes.
    RolledBack(RunId),
    /// Another run ended it without a channel to restore.
    GivenUp(RunId),
    /// A later run replaced it: one of the same intent, or a rotation of a secret that it set.
    Replaced(RunId),
    /// It can be resumed: its process died, or it failed, was cancelled or has an unknown outcome.
    Unfinished,
}

impl RunState {
    /// Returns true if it can be resumed.
    pub const fn is_unfinished(&self) -> bool {
        matches!(self, Self::Unfinished)
    }
}

impl RunRecord {
    /// Returns the state of the run.
    pub fn state(&self) -> RunState {
        if self.running {
            return RunState::Running;
        }
        if let Some(by) = &self.rolled_back_by {
            return if self.given_up {
                RunState::GivenUp(by.clone())
            } else {
                RunState::RolledBack(by.clone())
            };
        }
        if matches!(self.outcome, Some(Outcome::Done | Outcome::Partly)) {
            return RunState::Finished;
        }
        self.replaced_by
            .clone()
            .map_or(RunState::Unfinished, RunState::Replaced)
    }
}

/// Marks which of `runs` the run `later` replaces.
pub fn mark_replaced(runs: &mut [RunRecord], later: &RunRecord) {
    for run in runs {
        let is_later = (later.started_at, &later.id) > (run.started_at, &run.id);
        if is_later && run.state().is_unfinished() && replaces(later, run) {
            run.replaced_by = Some(later.id.clone());
        }
    }
}

impl RunRecord {
    /// Returns the subjects of `plan` that this run left half changed. If there are any, `plan` must
    /// not start before this run is resumed or rolled back: a later resume would change what `plan`
    /// did.
    ///
    /// A run that changed nothing for certain does not block, nor does one that `plan` rolls back.
    /// Unless it is unknown what the run changed, a plan that replaces it is not blocked either.
    pub fn blocked_subjects(&self, plan: &Plan) -> Vec<Subject> {
        let half_done = self.is_uncertain() || self.changed_remote();
        if !self.state().is_unfinished() || !half_done || plan.nothing_to_do() {
            return Vec::new();
        }
        let rolls_back = match &plan.intent {
            Intent::Rollback(intent) => intent.of == RolledBack::Run(self.id.clone()),
            _ => false,
        };
        if rolls_back || (!self.is_uncertain() && retries(plan, &self.plan)) {
            return Vec::new();
        }
        let subjects = plan.subjects();
        let mut shared = self.plan.subjects();
        shared.retain(|subject| subjects.contains(subject));
        shared
    }

    /// Returns true if a step that writes to a service is done.
    fn changed_remote(&self) -> bool {
        self.plan.steps.iter().any(|step| {
            let record = self.step(&step.id);
            step.op.writes() && record.is_some_and(|record| record.outcome == Some(StepOutcome::Done))
        })
    }
}

/// Returns true if `later`, which started after `run`, replaces it: then nothing is left of `run` to
/// resume. A retry with other options replaces a run only if it succeeded and covers it.
fn replaces(later: &RunRecord, run: &RunRecord) -> bool {
    if later.id == run.id || !retries(&later.plan, &run.plan) {
        return false;
    }
    let subjects = later.plan.subjects();
    let covers = || {
        run.plan
            .subjects()
            .iter()
            .all(|subject| subjects.contains(subject))
    };
    let succeeded = matches!(later.outcome, Some(Outcome::Done | Outcome::Partly));
    repeats(&later.plan.intent, &run.plan.intent)
        || overtakes(&later.plan, &run.plan)
        || (succeeded && covers())
}

/// Returns true if a run of `later` is another try of what `earlier` was for.
fn retries(later: &Plan, earlier: &Plan) -> bool {
    later.workspace == earlier.workspace
        && (same_purpose(&later.intent, &earlier.intent) || overtakes(later, earlier))
}

/// Returns true if both intents are for the same: one release, or the same command.
fn same_purpose(later: &Intent, earlier: &Intent) -> bool {
    match (later, earlier) {
        (Intent::Publish(later), Intent::Publish(earlier)) => later.release == earlier.release,
        _ => repeats(later, earlier),
    }
}

/// Returns true if a later run with the intent `later` does all that one with `earlier` is for.
fn repeats(later: &Intent, earlier: &Intent) -> bool {
    later.takes_up(earlier) || later == earlier
}

/// Returns true if both rotate the same secret: the value that the earlier run sealed would
/// overwrite a newer one.
fn overtakes(later: &Plan, earlier: &Plan) -> bool {
    let rotation = |plan: &Plan| matches!(plan.intent, Intent::Rotate(_));
    if !(rotation(later) && rotation(earlier)) {
        return false;
    }
    let subjects = earlier.subjects();
    later.subjects().iter().any(|subject| subjects.contains(subject))
}

/// An unfinished run and the later runs that may have replaced it.
struct Candidate {
    id: RunId,
    intent: Intent,
    workspace: String,
    started_at: String,
    later: Vec<RunId>,
}

impl Journal {
    /// Returns the later run that replaced `run`, if `run` did not succeed.
    pub(super) fn replaced_by(&self, run: &RunRecord) -> Result<Option<RunId>, Problem> {
        if !run.state().is_unfinished() {
            return Ok(None);
        }
        let mut candidates = [Candidate {
            id: run.id.clone(),
            intent: run.plan.intent.clone(),
            workspace: run.plan.workspace.clone(),
            started_at: stamp(run.started_at),
            later: Vec::new(),
        }];
        self.find_later(&mut candidates)?;
        let [candidate] = candidates;
        self.first_replacing(run, &candidate)
    }

    fn first_replacing(&self, run: &RunRecord, candidate: &Candidate) -> Result<Option<RunId>, Problem> {
        for id in &candidate.later {
            if self.read_run(id)?.is_some_and(|later| replaces(&later, run)) {
                return Ok(Some(id.clone()));
            }
        }
        Ok(None)
    }

    /// Returns the runs that can be resumed, oldest first.
    pub fn unfinished_runs(&self) -> Result<Vec<RunRecord>, Problem> {
        let mut candidates = self.candidates()?;
        self.find_later(&mut candidates)?;
        let mut found = Vec::new();
        for candidate in &candidates {
            let Some(mut run) = self.read_run(&candidate.id)? else {
                continue;
            };
            run.replaced_by = self.first_replacing(&run, candidate)?;
            if run.state().is_unfinished() {
                found.push(run);
            }
        }
        found.reverse();
        Ok(found)
    }

    /// Returns the runs that did not succeed and were not rolled back, newest first.
    fn candidates(&self) -> Result<Vec<Candidate>, Problem> {
        let connection = self.reading()?;
        let read = || {
            let mut statement = connection.prepare_cached(
                "SELECT run.id, intent, workspace, started_at
                 FROM run LEFT JOIN rolled_back ON rolled_back.run = run.id
                 WHERE environment = ?1 AND by_run IS NULL AND (?3 IS NULL OR workspace = ?3)
                   AND (outcome IS NULL OR outcome IN ('failed', 'unknown', 'cancelled'))
                 ORDER BY started_at DESC, run.id DESC LIMIT ?2",
            )?;
            let mut rows = statement.query(params![self.environment, READ, self.workspace])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                // A run of another version cannot be resumed by this one.
                let Ok(intent) = serde_json::from_str(&row.get::<_, String>(1)?) else {
                    continue;
                };
                found.push(Candidate {
                    id: RunId(row.get(0)?),
                    intent,
                    workspace: row.get(2)?,
                    started_at: row.get(3)?,
                    later: Vec::new(),
                });
            }
            Ok(found)
        };
        read().map_err(|error: rusqlite::Error| self.broken(&error))
    }

    /// Finds the runs that may have replaced `candidates`, by their intents only, in one pass that
    /// keeps none of them.
    fn find_later(&self, candidates: &mut [Candidate]) -> Result<(), Problem> {
        let Some(oldest) = candidates.iter().map(|one| one.started_at.clone()).min() else {
            return Ok(());
        };
        let connection = self.reading()?;
        let mut read = || {
            let mut statement = connection.prepare_cached(
                "SELECT id, intent, workspace, started_at FROM run WHERE environment = ?1 AND started_at >= ?2
                 ORDER BY started_at DESC, id DESC",
            )?;
            let mut rows = statement.query(params![self.environment, oldest])?;
            while let Some(row) = rows.next()? {
                let (id, workspace, started_at): (String, String, String) =
                    (row.get(0)?, row.get(2)?, row.get(3)?);
                let Ok(intent) = serde_json::from_str::<Intent>(&row.get::<_, String>(1)?) else {
                    continue;
                };
                for candidate in candidates.iter_mut() {
                    let both_rotate = matches!(
                        (&intent, &candidate.intent),
                        (Intent::Rotate(_), Intent::Rotate(_))
                    );
                    if (&started_at, &id) > (&candidate.started_at, &candidate.id.0)
                        && workspace == candidate.workspace
                        && (both_rotate || same_purpose(&intent, &candidate.intent))
                    {
                        candidate.later.push(RunId(id.clone()));
                    }
                }
            }
            Ok(())
        };
        read().map_err(|error: rusqlite::Error| self.broken(&error))
    }

    /// Returns the newest run of the same intent, if it can be resumed.
    pub fn unfinished(&self, workspace: &str, intent: &Intent) -> Result<Option<RunRecord>, Problem> {
        Ok(continued_by(&self.unfinished_runs()?, workspace, intent).cloned())
    }

    /// Returns the publishes of `workspace` that are to be resumed or rolled back. Cancelled ones
    /// are left out, because the user decided to stop them.
    pub fn waiting(&self, workspace: &str) -> Result<Vec<WaitingRun>, Problem> {
        Ok(waiting(workspace, &self.unfinished_runs()?))
    }
}

/// Returns the newest of the unfinished `runs`, oldest first, that a run of `intent` in `workspace`
/// continues.
pub fn continued_by<'r>(runs: &'r [RunRecord], workspace: &str, intent: &Intent) -> Option<&'r RunRecord> {
    let mut newest_first = runs.iter().rev();
    newest_first.find(|run| run.plan.workspace == workspace && intent.takes_up(&run.plan.intent))
}

/// Returns the runs of [`Journal::waiting`] among the unfinished `runs`, oldest first.
fn waiting(workspace: &str, runs: &[RunRecord]) -> Vec<WaitingRun> {
    let publish = |run: &RunRecord| match &run.plan.intent {
        Intent::Publish(intent) if run.plan.workspace == workspace => Some(WaitingRun {
            run: run.id.clone(),
            release: intent.release.clone(),
            outcome: run.outcome.map(Outcome::as_str),
        }),
        _ => None,
    };
    let waits = |run: &&RunRecord| run.outcome != Some(Outcome::Cancelled);
    runs.iter().rev().filter(waits).filter_map(publish).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{RunId, SanitizedText};
    use crate::plan::{Plan, PublishIntent};

    fn run(id: &str, intent: Intent, outcome: Option<Outcome>) -> RunRecord {
        RunRecord {
            id: RunId(id.to_owned()),
            actor: SanitizedText::new("a"),
            plan: Plan::new("legend", "w", String::new(), intent, Vec::new(), "yes".to_owned()),
            outcome,
            started_at: chrono::DateTime::UNIX_EPOCH,
            finished_at: None,
            steps: Vec::new(),
            problem: None,
            running: false,
            rolled_back_by: None,
            given_up: false,
            replaced_by: None,
        }
    }

    fn publish(id: &str, release: &str, outcome: Option<Outcome>) -> RunRecord {
        let intent = PublishIntent::of(release.parse().unwrap());
        run(id, Intent::Publish(intent), outcome)
    }

    fn rotation(id: &str, secret: &str, outcome: Option<Outcome>) -> RunRecord {
        let mut run = run(id, Intent::Rotate(crate::plan::RotateIntent::default()), outcome);
        let op = crate::plan::Op::SetSecret {
            target: secret.parse().unwrap(),
            before: None,
        };
        run.plan.steps = vec![crate::plan::Step::new(
            crate::plan::StepId("s".to_owned()),
            op,
            "s",
        )];
        if let Intent::Rotate(intent) = &mut run.plan.intent {
            intent.targets = [secret.parse().unwrap()].into();
        }
        run
    }

    #[test]
    fn every_run_that_did_not_end_well_can_be_resumed() {
        for outcome in [
            None,
            Some(Outcome::Failed),
            Some(Outcome::Unknown),
            Some(Outcome::Cancelled),
        ] {
            for mut run in [
                publish("a", "2024-05-01", outcome),
                rotation("a", "o/r:T", outcome),
            ] {
                assert_eq!(run.state(), RunState::Unfinished, "{outcome:?}");
                run.running = true;
                assert_eq!(run.state(), RunState::Running);
            }
        }
        for outcome in [Outcome::Done, Outcome::Partly] {
            assert_eq!(
                publish("a", "2024-05-01", Some(outcome)).state(),
                RunState::Finished
            );
        }
    }

    /// Returns a plan to release the charm "a", or another one.
    fn release(charm: &str) -> Plan {
        let intent = crate::plan::ReleaseIntent {
            charm: charm.parse().unwrap(),
            revision: crate::domain::CharmRevision(1),
            channels: Vec::new(),
            resources: std::collections::BTreeMap::new(),
        };
        let op = crate::plan::Op::Release {
            charm: charm.parse().unwrap(),
            moves: Vec::new(),
        };
        let steps = vec![crate::plan::Step::new(
            crate::plan::StepId("s".to_owned()),
            op,
            "s",
        )];
        let intent = Intent::Release(intent);
        Plan::new("legend", "w", String::new(), intent, steps, "yes".to_owned())
    }

    fn with_step(mut run: RunRecord, outcome: Option<StepOutcome>) -> RunRecord {
        run.plan.steps = release("a").steps;
        run.steps = vec![crate::journal::StepRecord {
            id: crate::plan::StepId("s".to_owned()),
            outcome,
            attempts: 1,
            made: crate::journal::StepOutput::default(),
            problem: None,
            started_at: None,
            finished_at: None,
        }];
        run
    }

    #[test]
    fn a_run_that_left_a_charm_half_changed_blocks_other_commands() {
        use StepOutcome::{Done, Failed, Skipped};
        let blocks = |outcome, step, plan: &Plan| {
            let run = with_step(publish("r", "2024-05-01", outcome), Some(step));
            !run.blocked_subjects(plan).is_empty()
        };
        let (failed, unknown) = (Some(Outcome::Failed), Some(Outcome::Unknown));
        for outcome in [failed, unknown, Some(Outcome::Cancelled), None] {
            assert!(blocks(outcome, Done, &release("a")), "{outcome:?}");
            assert!(!blocks(outcome, Done, &release("b")), "{outcome:?}");
        }
        assert!(!blocks(failed, Failed, &release("a")), "it changed nothing");
        assert!(!blocks(failed, Skipped, &release("a")), "it changed nothing");
        assert!(blocks(unknown, Failed, &release("a")));
        for outcome in [Some(Outcome::Done), Some(Outcome::Partly)] {
            assert!(!blocks(outcome, Done, &release("a")));
        }
    }

    #[test]
    fn its_own_rollback_and_a_run_that_replaces_it_are_not_blocked() {
        let changing = |intent| Plan {
            intent,
            ..release("a")
        };
        let same = changing(Intent::Publish(PublishIntent::of("2024-05-01".parse().unwrap())));
        let back = |run: &str| {
            changing(Intent::Rollback(crate::plan::RollbackIntent::new(
                RolledBack::Run(RunId(run.to_owned())),
            )))
        };
        let run = |outcome| with_step(publish("r", "2024-05-01", outcome), Some(StepOutcome::Done));
        let (failed, unknown) = (run(Some(Outcome::Failed)), run(Some(Outcome::Unknown)));
        assert_eq!(failed.blocked_subjects(&same), []);
        assert!(
            !unknown.blocked_subjects(&same).is_empty(),
            "what it changed is unknown"
        );
        for run in [failed, unknown] {
            assert_eq!(run.blocked_subjects(&back("r")), []);
            assert!(!run.blocked_subjects(&back("other")).is_empty());
            let mut skipped = release("a");
            skipped.steps[0].skip_reason = Some(SanitizedText::new("already released"));
            assert_eq!(run.blocked_subjects(&skipped), []);
        }
    }

    #[test]
    fn a_later_run_of_the_same_intent_or_a_rollback_leaves_nothing_to_resume() {
        let failed = || publish("a", "2024-05-01", Some(Outcome::Failed));
        let later = publish("b", "2024-05-01", Some(Outcome::Done));
        assert!(replaces(&later, &failed()));
        let other = publish("b", "2024-06-01", Some(Outcome::Done));
        assert!(!replaces(&other, &failed()));
        let mut elsewhere = later.clone();
        elsewhere.plan.workspace = "other".to_owned();
        assert!(!replaces(&elsewhere, &failed()));
        let mut back = failed();
        back.rolled_back_by = Some(RunId("b".to_owned()));
        assert_eq!(back.state(), RunState::RolledBack(RunId("b".to_owned())));
    }

    #[test]
    fn a_run_that_was_rolled_back_without_a_channel_is_given_up() {
        let mut run = publish("a", "2024-05-01", Some(Outcome::Failed));
        run.rolled_back_by = Some(RunId("b".to_owned()));
        run.given_up = true;
        assert_eq!(run.state(), RunState::GivenUp(RunId("b".to_owned())));
    }

    #[test]
    fn a_retry_with_other_options_replaces_a_run_only_if_it_succeeded_and_covers_it() {
        let first = with_step(publish("a", "2024-05-01", Some(Outcome::Failed)), None);
        let retry = |outcome, charm: &str| {
            let mut run = publish("b", "2024-05-01", Some(outcome));
            if let Intent::Publish(intent) = &mut run.plan.intent {
                intent.charms = [charm.parse().unwrap()].into();
            }
            run.plan.steps = release(charm).steps;
            run
        };
        assert!(replaces(&retry(Outcome::Done, "a"), &first));
        assert!(
            !replaces(&retry(Outcome::Failed, "a"), &first),
            "it changed nothing"
        );
        assert!(
            !replaces(&retry(Outcome::Done, "b"), &first),
            "it is for another charm"
        );
        let again = publish("b", "2024-05-01", Some(Outcome::Failed));
        assert!(replaces(&again, &first), "the same intent continues it");
    }

    #[test]
    fn a_later_rotation_of_the_same_secret_replaces_an_unfinished_one() {
        let failed = rotation("a", "o/r:T", Some(Outcome::Failed));
        let same = rotation("b", "o/r:T", Some(Outcome::Cancelled));
        let other = rotation("b", "o/r:U", Some(Outcome::Done));
        assert!(replaces(&same, &failed));
        assert!(!replaces(&other, &failed));
    }

    #[test]
    fn publishes_wait_unless_a_person_cancelled_them() {
        let runs = [
            publish("c", "2024-07-01", None),
            publish("b", "2024-06-01", Some(Outcome::Unknown)),
            publish("x", "2024-06-02", Some(Outcome::Cancelled)),
            publish("a", "2024-05-01", Some(Outcome::Failed)),
            rotation("r", "o/r:T", None),
        ];
        let ids: Vec<String> = waiting("legend", &runs)
            .iter()
            .map(|run| run.run.to_string())
            .collect();
        assert_eq!(ids, ["a", "b", "c"]);
        assert_eq!(waiting("other", &runs), []);
    }
}
