//! Publishes that wait to be finished or taken back.
//!
//! Owns what settles a publish: a later one of the same release that ended well, or a rollback of
//! that very run. Must not decide what follows from one that waits.

use super::{Journal, Outcome, RunRecord};
use crate::domain::{Problem, ReleaseName};
use crate::plan::Intent;
use crate::plan::queue::WaitingRun;

/// Runs that are looked at, newest first.
const LOOKED_AT: usize = 1000;

impl Journal {
    /// The publishes of `workspace` that wait, one a release at most.
    pub fn waiting(&self, workspace: &str) -> Result<Vec<WaitingRun>, Problem> {
        Ok(waiting(workspace, &self.runs(LOOKED_AT)?))
    }
}

/// As [`Journal::waiting`], among `runs`, newest first.
fn waiting(workspace: &str, runs: &[RunRecord]) -> Vec<WaitingRun> {
    let mut seen: Vec<&ReleaseName> = Vec::new();
    let mut found = Vec::new();
    let here = |run: &&RunRecord| run.plan.workspace == workspace;
    for run in runs.iter().filter(here) {
        let Intent::Publish(intent) = &run.plan.intent else {
            continue;
        };
        if seen.contains(&&intent.release) {
            continue;
        }
        seen.push(&intent.release);
        let ended_badly = matches!(run.outcome, None | Some(Outcome::Failed | Outcome::Unknown));
        if run.running || !ended_badly || run.rolled_back_by.is_some() {
            continue;
        }
        found.push(WaitingRun {
            run: run.id.clone(),
            release: intent.release.clone(),
            outcome: run.outcome.map(Outcome::as_str),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Outside, RunId};
    use crate::plan::{Plan, PublishIntent};

    fn run(id: &str, intent: Intent, outcome: Option<Outcome>) -> RunRecord {
        RunRecord {
            id: RunId(id.to_owned()),
            actor: Outside::new("a"),
            plan: Plan::new("legend", "w", String::new(), intent, Vec::new(), "yes".to_owned()),
            outcome,
            started_at: chrono::DateTime::UNIX_EPOCH,
            finished_at: None,
            steps: Vec::new(),
            problem: None,
            running: false,
            rolled_back_by: None,
        }
    }

    fn publish(id: &str, release: &str, outcome: Option<Outcome>) -> RunRecord {
        let intent = PublishIntent::of(release.parse().unwrap());
        run(id, Intent::Publish(intent), outcome)
    }

    fn ids(runs: &[RunRecord]) -> Vec<String> {
        waiting("legend", runs)
            .iter()
            .map(|run| run.run.to_string())
            .collect()
    }

    #[test]
    fn failed_unknown_and_dead_ones_wait() {
        let runs = [
            publish("a", "2024-05-01", Some(Outcome::Failed)),
            publish("b", "2024-06-01", Some(Outcome::Unknown)),
            publish("c", "2024-07-01", None),
            publish("d", "2024-08-01", Some(Outcome::Done)),
            publish("e", "2024-09-01", Some(Outcome::Partly)),
        ];
        assert_eq!(ids(&runs), ["a", "b", "c"]);
        assert_eq!(waiting("other", &runs), []);
        let mut alive = publish("f", "2024-05-01", None);
        alive.running = true;
        assert_eq!(ids(&[alive]), Vec::<String>::new());
    }

    #[test]
    fn a_later_publish_or_a_rollback_of_the_run_settles_it() {
        let failed = || publish("a", "2024-05-01", Some(Outcome::Failed));
        let later = publish("b", "2024-05-01", Some(Outcome::Done));
        assert_eq!(ids(&[later, failed()]), Vec::<String>::new());
        let mut back = failed();
        back.rolled_back_by = Some(RunId("b".to_owned()));
        assert_eq!(ids(&[back]), Vec::<String>::new());
        assert_eq!(
            ids(&[publish("b", "2024-06-01", Some(Outcome::Done)), failed()]),
            ["a"]
        );
    }
}
