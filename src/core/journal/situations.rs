//! Lists states of runs with the expected answer to "is it unfinished?". Every front end is tested
//! with this table.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Journal, Outcome, RunId, SubjectLocks};
use crate::plan::{Intent, Op, Plan, PublishIntent, RollbackIntent, RolledBack, Step, StepId};

/// A state of one run.
pub struct Situation {
    /// Name of the state.
    pub name: &'static str,
    /// The run.
    pub run: RunId,
    /// True if it can be resumed.
    pub unfinished: bool,
}

/// A journal with one run in every state.
pub struct Situations {
    /// The journal.
    pub journal: Journal,
    /// All states, oldest run first.
    pub all: Vec<Situation>,
    /// Held for the run that a process works on.
    _locks: SubjectLocks,
}

/// Writes the journal into `folder`.
pub fn situations(folder: &Path) -> Situations {
    use Outcome::{Cancelled, Done, Failed, Partly, Unknown};
    let journal = Journal::open(folder, "w").unwrap();
    let mut all = Vec::new();
    let mut add = |name: &'static str, intent: Intent, outcome: Option<Outcome>, unfinished: bool| -> RunId {
        let number = i64::try_from(all.len()).unwrap();
        let run = RunId(format!("r{number:02}"));
        let at = at(number);
        journal.begin(&run, "ann", &plan(intent), at).unwrap();
        if let Some(outcome) = outcome {
            journal.end(&run, outcome, None, at).unwrap();
        }
        all.push(Situation {
            name,
            run: run.clone(),
            unfinished,
        });
        run
    };
    add("it succeeded", publish(1), Some(Done), false);
    add("a part was left out", publish(2), Some(Partly), false);
    add("it failed", publish(3), Some(Failed), true);
    add("it was cancelled", publish(4), Some(Cancelled), true);
    add("its outcome is unknown", publish(5), Some(Unknown), true);
    add("its process died", publish(6), None, true);
    let running = add("a process works on it", publish(7), None, false);
    let run = add("it failed and was rolled back", publish(8), Some(Failed), false);
    add("the rollback of a failed run", rollback(&run), Some(Done), false);
    let run = add(
        "the rollback of its rollback succeeded",
        publish(9),
        Some(Failed),
        true,
    );
    let back = add(
        "a rollback that was rolled back",
        rollback(&run),
        Some(Done),
        false,
    );
    add("the rollback of a rollback", rollback(&back), Some(Done), false);
    let run = add("its rollback failed", publish(10), Some(Failed), true);
    add("a rollback that failed", rollback(&run), Some(Failed), true);
    add(
        "it failed, and a later run succeeded",
        publish(11),
        Some(Failed),
        false,
    );
    add("the later run", publish(11), Some(Done), false);
    add(
        "it failed, and a later run failed too",
        publish(12),
        Some(Failed),
        false,
    );
    add("the later run that failed", publish(12), Some(Failed), true);
    let locks = SubjectLocks::take(&journal.locks(), &[], &running, "ann").unwrap();
    Situations {
        journal,
        all,
        _locks: locks,
    }
}

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_740_000_000, 0).unwrap() + TimeDelta::minutes(minute)
}

/// Returns a publish of the release of day `day`.
fn publish(day: u8) -> Intent {
    Intent::Publish(PublishIntent::of(format!("2025-01-{day:02}").parse().unwrap()))
}

fn rollback(of: &RunId) -> Intent {
    Intent::Rollback(RollbackIntent::new(RolledBack::Run(of.clone())))
}

/// Returns a plan that changes a charm of its own for each release.
fn plan(intent: Intent) -> Plan {
    let steps = match &intent {
        Intent::Publish(intent) => {
            let op = Op::CreateTrack {
                charm: format!("charm-{}", intent.release).parse().unwrap(),
                track: "2025-01".parse().unwrap(),
            };
            vec![Step::new(StepId("create-track".to_owned()), op, "track 2025-01")]
        }
        _ => Vec::new(),
    };
    Plan::new("legend", "w", intent.command(), intent, steps, "yes".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::RunState;

    #[test]
    fn every_situation_has_one_answer() {
        let folder = tempfile::tempdir().unwrap();
        let Situations { journal, all, .. } = &situations(folder.path());
        let open: Vec<RunId> = journal
            .unfinished_runs()
            .unwrap()
            .into_iter()
            .map(|run| run.id)
            .collect();
        let expected: Vec<RunId> = all
            .iter()
            .filter(|one| one.unfinished)
            .map(|one| one.run.clone())
            .collect();
        assert_eq!(open, expected);
        let listed = journal.runs(all.len()).unwrap();
        for Situation {
            name,
            run,
            unfinished,
        } in all
        {
            let own = listed.iter().find(|one| &one.id == run).unwrap();
            assert_eq!(own.state(), journal.run(run).unwrap().unwrap().state(), "{name}");
            assert_eq!(own.state().is_unfinished(), *unfinished, "{name}");
            assert_eq!(!own.ways_on().is_empty(), *unfinished, "{name}");
            let running = *name == "a process works on it";
            assert_eq!(own.state() == RunState::Running, running, "{name}");
        }
    }
}
