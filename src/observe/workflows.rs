//! Workflows: what a repository has, and one run followed until it ends.
//!
//! Owns what is asked and how often. Must not start or stop anything.

use std::time::Duration;

use chrono::Utc;

use super::{Observer, sources};
use crate::domain::workflow::{JobLog, RepositoryWorkflows, WorkflowRun};
use crate::domain::{GitHubRepository, Kind, Observed, Outside, Problem, Snapshot};
use crate::plan::{WorkflowAction, WorkflowIntent};

/// Time between two looks at a run: young runs change often.
const PAUSES: [(Duration, Duration); 2] = [
    (Duration::from_secs(60), Duration::from_secs(2)),
    (Duration::from_secs(300), Duration::from_secs(5)),
];
/// Time between two looks at an old one.
const LONG_PAUSE: Duration = Duration::from_secs(15);
/// Looks that may fail one after the other before nobody knows any more.
const BLIND: u32 = 5;

impl Observer {
    /// Fresh facts for a workflow: the files, states and recent runs of its repository, the run
    /// that is spoken of with its jobs, and whose token it is.
    pub async fn for_workflow(&self, previous: Snapshot, intent: &WorkflowIntent) -> Snapshot {
        let run = match intent.action {
            WorkflowAction::Dispatch { .. } => None,
            WorkflowAction::Rerun { run } | WorkflowAction::Cancel { run } => Some(run),
        };
        self.look_at_workflows(previous, &intent.repository, run).await
    }

    /// As [`Observer::for_workflow`], whatever is wished.
    pub async fn look_at_workflows(
        &self,
        previous: Snapshot,
        repository: &GitHubRepository,
        run: Option<u64>,
    ) -> Snapshot {
        if self.offline {
            return previous;
        }
        let mut snapshot = previous;
        snapshot.world = self.services.endpoints.world();
        snapshot.workspace.clone_from(&self.workspace.name);
        let (github, seen) = tokio::join!(sources::github(self), self.workflows_of(repository, run));
        snapshot.taken_at = Utc::now();
        snapshot.github.refresh(github);
        let seen = Observed::from_result(seen, snapshot.taken_at);
        snapshot
            .workflows
            .entry(repository.clone())
            .or_default()
            .refresh(seen);
        self.cache.keep_snapshot(&snapshot);
        snapshot
    }

    async fn workflows_of(
        &self,
        repository: &GitHubRepository,
        run: Option<u64>,
    ) -> Result<RepositoryWorkflows, Problem> {
        let github = &self.services.github;
        let named = async {
            match run {
                Some(id) => github.workflow_run(repository, id).await.map(Some),
                None => Ok(None),
            }
        };
        let (files, states, runs, named) = tokio::join!(
            github.workflow_files(repository, self.cache.as_ref()),
            github.workflow_states(repository),
            github.workflow_runs(repository),
            named,
        );
        let (mut found, states, mut runs) = (files?, states?, runs?);
        for file in &mut found.files {
            let state = states.iter().find(|(path, _)| *path == file.path);
            file.state = state.map(|(_, state)| Outside::new(state));
        }
        match named {
            Ok(Some(named)) => {
                runs.retain(|run| run.id != named.id);
                runs.push(named);
                runs.sort_by_key(|run| std::cmp::Reverse(run.id));
            }
            // Whether there is such a run is for the plan to say.
            Ok(None) => {}
            Err(problem) if problem.kind == Kind::NotFound => {}
            Err(problem) => return Err(problem),
        }
        Ok(RepositoryWorkflows {
            default_branch: found.default_branch,
            writable: found.writable,
            files: found.files,
            runs,
        })
    }

    /// The log of a job that has ended.
    ///
    /// # Errors
    /// [`Kind::Refused`] offline, and what GitHub refuses.
    pub async fn job_log(&self, repository: &GitHubRepository, job: u64) -> Result<JobLog, Problem> {
        if self.offline {
            return Err(
                Problem::new(Kind::Refused, "offline: no log is read").hint("start without --offline")
            );
        }
        self.services.github.job_log(repository, job).await
    }

    /// Follows a run until it ends or `limit` is over, telling every look. What failed brings the
    /// end of its log. `Err` where there is no such run, or where nobody could see it any more.
    pub async fn follow_workflow(
        &self,
        repository: &GitHubRepository,
        run: u64,
        limit: Duration,
        mut tell: impl FnMut(&WorkflowRun),
    ) -> Result<WorkflowRun, Problem> {
        let github = &self.services.github;
        let begun = tokio::time::Instant::now();
        let mut blind = 0;
        let mut last: Option<WorkflowRun> = None;
        let mut seen = loop {
            match github.workflow_run(repository, run).await {
                Ok(seen) => {
                    blind = 0;
                    tell(&seen);
                    if seen.ended() {
                        break seen;
                    }
                    last = Some(seen);
                }
                Err(problem) => {
                    let fleeting = matches!(problem.kind, Kind::Network | Kind::Service | Kind::RateLimited);
                    blind += 1;
                    if !fleeting || blind >= BLIND {
                        return Err(problem);
                    }
                }
            }
            let age = begun.elapsed();
            if let (true, Some(last)) = (age >= limit, &last) {
                break last.clone();
            }
            if age >= limit {
                return Err(Problem::new(
                    Kind::Network,
                    format!("run {run} of {repository} could not be seen in time"),
                ));
            }
            let pause = PAUSES
                .iter()
                .find(|(until, _)| age < *until)
                .map_or(LONG_PAUSE, |(_, pause)| *pause);
            tokio::time::sleep(pause.min(limit.saturating_sub(age))).await;
        };
        let failed = seen.jobs.iter_mut().find(|job| job.failed());
        if let Some(job) = failed {
            job.log_tail = match github.log_tail(repository, job.id).await {
                Ok(tail) => tail,
                // The run is told all the same.
                Err(problem) => vec![Outside::new(problem.to_string())],
            };
        }
        Ok(seen)
    }
}
