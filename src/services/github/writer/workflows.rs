//! Starts, reruns and cancels workflow runs.
//!
//! Since February 2026 GitHub returns the run that a start has created, on request; servers that
//! do not know that field get the request without it.

use std::sync::atomic::{AtomicU16, Ordering};

use reqwest::Method;
use serde_json::{Value, json};

use super::{Change, GitHubWriter};
use crate::domain::{GitHubRepository, Problem, ProblemKind, SanitizedText};
use crate::services::http::{Answer, Written};

/// Scopes that these actions need.
const SCOPES: &str =
    "a classic token needs the scope repo; a fine-grained one Actions: read and write on this repository";
/// The field that older servers do not know.
const DETAILS: &str = "return_run_details";

impl GitHubWriter {
    /// Starts the workflow file `file` on `branch`. Returns GitHub's number of the run, if GitHub
    /// reports it. Must not be repeated without a check.
    pub async fn dispatch(
        &self,
        repository: &GitHubRepository,
        file: &str,
        branch: &str,
        inputs: &std::collections::BTreeMap<String, String>,
    ) -> Result<Written<Option<u64>>, Problem> {
        let what = format!("starting {} of {repository}", SanitizedText::capped(file, 100));
        let parts = ["actions", "workflows", file, "dispatches"];
        let mut body = json!({"ref": branch, "inputs": inputs});
        let plain = body.clone();
        body[DETAILS] = Value::Bool(true);
        let status = AtomicU16::new(0);
        let sent = self.post(repository, &parts, &body, &what, &status).await;
        let sent = match sent {
            // The server refused the field, so it did not start the run either.
            Err(problem) if unknown_field(status.load(Ordering::Relaxed), &problem) => {
                self.post(repository, &parts, &plain, &what, &status).await
            }
            other => other,
        };
        Ok(sent?.map(|answer| {
            let said: Value = answer.json().unwrap_or_default();
            said["workflow_run_id"].as_u64()
        }))
    }

    /// Reruns the failed jobs of a run.
    pub async fn rerun_failed(
        &self,
        repository: &GitHubRepository,
        run: u64,
    ) -> Result<Written<()>, Problem> {
        let what = format!("rerunning the failed jobs of run {run} of {repository}");
        self.of_run(repository, run, "rerun-failed-jobs", &what).await
    }

    /// Cancels a run. GitHub takes some time for it.
    pub async fn cancel_run(&self, repository: &GitHubRepository, run: u64) -> Result<Written<()>, Problem> {
        let what = format!("cancelling run {run} of {repository}");
        self.of_run(repository, run, "cancel", &what).await
    }

    async fn of_run(
        &self,
        repository: &GitHubRepository,
        run: u64,
        verb: &str,
        what: &str,
    ) -> Result<Written<()>, Problem> {
        let number = run.to_string();
        let parts = ["actions", "runs", number.as_str(), verb];
        let status = AtomicU16::new(0);
        let sent = self.post(repository, &parts, &json!({}), what, &status).await;
        Ok(sent?.map(drop))
    }

    /// Posts and stores the status of a refusal in `status`.
    async fn post(
        &self,
        repository: &GitHubRepository,
        parts: &[&str],
        body: &Value,
        what: &str,
        status: &AtomicU16,
    ) -> Result<Written<Answer>, Problem> {
        let path = super::of_repository(repository, parts);
        let change = Change {
            method: Method::POST,
            path: &path,
            body: Some(body),
            what,
        };
        let refused = |answer: &Answer| {
            status.store(answer.status, Ordering::Relaxed);
            let problem = self.problem_of(answer, what);
            match problem.kind {
                // GitHub answers "not found" also for a missing permission.
                ProblemKind::NotFound => {
                    let mut denied = Problem::new(
                        ProblemKind::Credentials,
                        format!("{what}: not found, or the GitHub token has no permission for it"),
                    )
                    .hint(SCOPES);
                    denied.causes = problem.causes;
                    denied.request_id = problem.request_id;
                    denied
                }
                ProblemKind::Credentials => problem.hint(SCOPES),
                _ => problem,
            }
        };
        self.send(&change, refused).await
    }
}

/// Returns true if a server refused only the field that requests the run.
fn unknown_field(status: u16, problem: &Problem) -> bool {
    let named = problem
        .causes
        .iter()
        .any(|cause| cause.as_str().contains(DETAILS));
    status == 400 || (status == 422 && named)
}
