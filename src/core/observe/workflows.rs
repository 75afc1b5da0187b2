//! Reads the workflows of a repository, and follows one run until it ends.
//!
//! Must not start or stop anything.

use std::time::Duration;

use chrono::Utc;

use super::{Observer, sources};
use crate::domain::workflow::{JobLog, RepositoryWorkflows, WorkflowRun};
use crate::domain::{GitHubRepository, Observed, Problem, ProblemKind, SanitizedText, Snapshot};
use crate::plan::{WorkflowAction, WorkflowIntent};

/// Time between two reads of a run: young runs change often.
const PAUSES: [(Duration, Duration); 2] = [
    (Duration::from_secs(60), Duration::from_secs(2)),
    (Duration::from_secs(300), Duration::from_secs(5)),
];
/// Time between two reads of an old run.
const LONG_PAUSE: Duration = Duration::from_secs(15);
/// Consecutive reads that may fail before following a run is given up.
const BLIND: u32 = 5;

impl Observer {
    /// Reads fresh facts for a workflow: the files, states and recent runs of its repository, the
    /// run in question with its jobs, and the owner of the token.
    pub(super) async fn for_workflow(&self, previous: Snapshot, intent: &WorkflowIntent) -> Snapshot {
        let run = match intent.action {
            WorkflowAction::Dispatch { .. } => None,
            WorkflowAction::Rerun { run } | WorkflowAction::Cancel { run } => Some(run),
        };
        self.look_at_workflows(previous, &intent.repository, run).await
    }

    /// Reads as [`Observer::for_workflow`] does, for any action.
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
            file.state = state.map(|(_, state)| SanitizedText::new(state));
        }
        match named {
            Ok(Some(named)) => {
                runs.retain(|run| run.id != named.id);
                runs.push(named);
                runs.sort_by_key(|run| std::cmp::Reverse(run.id));
            }
            // The planner reports a run that does not exist.
            Ok(None) => {}
            Err(problem) if problem.kind == ProblemKind::NotFound => {}
            Err(problem) => return Err(problem),
        }
        Ok(RepositoryWorkflows {
            default_branch: found.default_branch,
            writable: found.writable,
            files: found.files,
            runs,
        })
    }

    /// Reads the log of a job that has ended.
    ///
    /// # Errors
    /// [`ProblemKind::Refused`] offline, and the refusals of GitHub.
    pub async fn job_log(&self, repository: &GitHubRepository, job: u64) -> Result<JobLog, Problem> {
        if self.offline {
            return Err(Problem::new(ProblemKind::Refused, "offline: logs are not read")
                .hint("start without --offline"));
        }
        self.services.github.job_log(repository, job).await
    }

    /// Follows a run until it ends or `limit` has passed, and reports every read. For failed jobs
    /// the end of the log is read. Returns `Err` if there is no such run, or if it can no longer
    /// be read.
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
                    let fleeting = matches!(
                        problem.kind,
                        ProblemKind::Network | ProblemKind::Service | ProblemKind::RateLimited
                    );
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
                    ProblemKind::Network,
                    format!("timed out waiting for run {run} of {repository}"),
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
                // The run is reported nevertheless.
                Err(problem) => vec![SanitizedText::new(problem.to_string())],
            };
        }
        Ok(seen)
    }
}
