//! Reads the workflows of a repository: files, states, runs, jobs and the end of a log.
//!
//! Must not start a workflow.

use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;
use reqwest::header::{AUTHORIZATION, LOCATION};
use url::Url;

use super::account::bearer;
use super::releases::BlobCache;
use super::{GitHub, Reply, VERSION, workflow_file};
use crate::domain::workflow::{JobLog, JobRun, StepRun, WorkflowFile, WorkflowRun};
use crate::domain::{GitHubRepository, Problem, ProblemKind, SanitizedText};
use crate::services::charmhub::at;
use crate::services::http::body::{last, pieces};
use crate::services::http::{self, Limit, host_of};

/// Folder of workflow files.
const FOLDER: &str = ".github/workflows";
/// Runs that one read returns.
const NEWEST: usize = 30;
/// Bytes of a log that are kept for its end.
const KEPT: usize = 64 * 1024;
/// Bytes of a log that are kept for the whole of it.
const WHOLE: usize = 1024 * 1024;
/// Bytes of a log that are read for that.
const READ: usize = 64 * 1024 * 1024;
/// Lines of a log that are shown.
const LINES: usize = 20;
/// Longest line of a log that is shown, in characters: of its end, and of the whole.
const LINE: usize = 400;
const LONG_LINE: usize = 2000;

/// Holds the workflow files of a repository's default branch.
#[derive(Clone, Debug)]
pub struct WorkflowFiles {
    /// The default branch.
    pub default_branch: String,
    /// True if the account may push there; `None` if GitHub does not report it.
    pub writable: Option<bool>,
    /// The files, without their state.
    pub files: Vec<WorkflowFile>,
}

#[derive(serde::Deserialize)]
struct Workflow {
    path: String,
    state: String,
}

#[derive(serde::Deserialize)]
struct Actor {
    login: String,
}

#[derive(serde::Deserialize)]
struct Run {
    id: u64,
    #[serde(default)]
    path: String,
    #[serde(default)]
    display_title: Option<String>,
    #[serde(default)]
    run_number: u64,
    #[serde(default = "first")]
    run_attempt: u64,
    #[serde(default)]
    event: String,
    #[serde(default)]
    head_branch: Option<String>,
    status: String,
    #[serde(default)]
    conclusion: Option<String>,
    #[serde(default)]
    actor: Option<Actor>,
    #[serde(default)]
    triggering_actor: Option<Actor>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    #[serde(default)]
    html_url: String,
}

const fn first() -> u64 {
    1
}

#[derive(serde::Deserialize)]
struct Runs {
    workflow_runs: Vec<Run>,
}

#[derive(serde::Deserialize)]
struct Jobs {
    jobs: Vec<Job>,
}

#[derive(serde::Deserialize)]
struct Job {
    id: u64,
    name: String,
    status: String,
    #[serde(default)]
    conclusion: Option<String>,
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    steps: Vec<Step>,
}

#[derive(serde::Deserialize)]
struct Step {
    number: u64,
    name: String,
    status: String,
    #[serde(default)]
    conclusion: Option<String>,
}

impl From<Run> for WorkflowRun {
    fn from(run: Run) -> Self {
        // `path` may carry the branch: `.github/workflows/a.yaml@main`.
        let path = run.path.split('@').next().unwrap_or_default();
        let actor = run.triggering_actor.or(run.actor);
        Self {
            id: run.id,
            workflow: SanitizedText::new(path),
            title: SanitizedText::new(run.display_title.unwrap_or_default()),
            number: run.run_number,
            attempt: run.run_attempt,
            event: SanitizedText::new(run.event),
            branch: SanitizedText::new(run.head_branch.unwrap_or_default()),
            status: SanitizedText::new(run.status),
            conclusion: run.conclusion.map(SanitizedText::new),
            actor: SanitizedText::new(actor.map(|actor| actor.login).unwrap_or_default()),
            created_at: run.created_at,
            updated_at: run.updated_at,
            url: SanitizedText::new(run.html_url),
            jobs: Vec::new(),
        }
    }
}

impl From<Job> for JobRun {
    fn from(job: Job) -> Self {
        let harmless = |text: String| SanitizedText::capped(text, 100).to_string();
        Self {
            id: job.id,
            name: SanitizedText::new(job.name),
            labels: job.labels.into_iter().map(harmless).collect(),
            status: SanitizedText::new(job.status),
            conclusion: job.conclusion.map(SanitizedText::new),
            steps: job
                .steps
                .into_iter()
                .map(|step| StepRun {
                    number: step.number,
                    name: SanitizedText::new(step.name),
                    status: SanitizedText::new(step.status),
                    conclusion: step.conclusion.map(SanitizedText::new),
                })
                .collect(),
            log_tail: Vec::new(),
        }
    }
}

impl GitHub {
    /// Reads the workflow files of the default branch.
    ///
    /// `cache` holds files that were read before.
    pub async fn workflow_files<C: BlobCache + Sync>(
        &self,
        repository: &GitHubRepository,
        cache: &C,
    ) -> Result<WorkflowFiles, Problem> {
        let what = format!("reading the workflows of {repository}");
        let about = self.about_kept(repository, &what).await?;
        let folder = format!("{}:{FOLDER}", about.default_branch);
        let entries = match self.tree(repository.as_str(), &folder).await {
            // The repository exists, so it is the folder that is missing.
            Err(problem) if problem.kind == ProblemKind::NotFound => Vec::new(),
            other => other?,
        };
        let files = entries.into_iter().filter(|entry| {
            let extension = std::path::Path::new(&entry.path).extension();
            entry.kind == "blob" && extension.is_some_and(|e| e == "yml" || e == "yaml")
        });
        let read = files.map(|entry| async move {
            let bytes = if let Some(bytes) = cache.blob(&entry.sha) {
                bytes
            } else {
                let bytes = self.blob(repository.as_str(), &entry.sha).await?;
                cache.keep_blob(&entry.sha, &bytes);
                bytes
            };
            let path = format!("{FOLDER}/{}", entry.path);
            Ok::<_, Problem>(workflow_file::read(&path, &bytes))
        });
        let mut files = try_join_all(read).await?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(WorkflowFiles {
            writable: about.may_push(),
            default_branch: about.default_branch,
            files,
        })
    }

    /// Reads every workflow's path and state: `active`, `disabled_inactivity`,
    /// `disabled_manually`…
    pub async fn workflow_states(
        &self,
        repository: &GitHubRepository,
    ) -> Result<Vec<(String, String)>, Problem> {
        let what = format!("reading the state of the workflows of {repository}");
        let path = format!("/repos/{repository}/actions/workflows");
        let list: Vec<Workflow> = self.pages(&path, "workflows", &what).await?;
        let harmless = |text: String| SanitizedText::capped(text, 300).to_string();
        Ok(list
            .into_iter()
            .map(|workflow| (harmless(workflow.path), harmless(workflow.state)))
            .collect())
    }

    /// Reads the newest runs of a repository, newest first, without their jobs.
    pub async fn workflow_runs(&self, repository: &GitHubRepository) -> Result<Vec<WorkflowRun>, Problem> {
        let what = format!("reading the workflow runs of {repository}");
        let path = format!("/repos/{repository}/actions/runs?per_page={NEWEST}");
        self.runs_at(&path, &what).await
    }

    /// Reads the newest runs of the workflow file `file` that were started by hand, newest first.
    pub async fn dispatched_runs(
        &self,
        repository: &GitHubRepository,
        file: &str,
    ) -> Result<Vec<WorkflowRun>, Problem> {
        let file = super::escaped(file);
        let what = format!("reading the runs of {file} in {repository}");
        let path = format!(
            "/repos/{repository}/actions/workflows/{file}/runs?event=workflow_dispatch&per_page={NEWEST}"
        );
        self.runs_at(&path, &what).await
    }

    async fn runs_at(&self, path: &str, what: &str) -> Result<Vec<WorkflowRun>, Problem> {
        let runs: Runs = self.parsed(&self.fresh(path, what).await?, what)?;
        let mut runs: Vec<WorkflowRun> = runs.workflow_runs.into_iter().map(Into::into).collect();
        runs.sort_by_key(|run| std::cmp::Reverse(run.id));
        Ok(runs)
    }

    /// Reads a run with the jobs of its newest attempt.
    pub async fn workflow_run(&self, repository: &GitHubRepository, id: u64) -> Result<WorkflowRun, Problem> {
        let what = format!("reading run {id} of {repository}");
        let path = format!("/repos/{repository}/actions/runs/{id}");
        let jobs_path = format!("{path}/jobs?per_page=100");
        let (run, jobs) = tokio::join!(self.fresh(&path, &what), self.fresh(&jobs_path, &what));
        let run: Run = self.parsed(&run?, &what)?;
        let jobs: Jobs = self.parsed(&jobs?, &what)?;
        let mut run = WorkflowRun::from(run);
        run.jobs = jobs.jobs.into_iter().map(Into::into).collect();
        Ok(run)
    }

    /// Reads the end of a job's log, up to the last error in it.
    pub async fn log_tail(
        &self,
        repository: &GitHubRepository,
        job: u64,
    ) -> Result<Vec<SanitizedText>, Problem> {
        Ok(tail_of(&self.log(repository, job, KEPT).await?))
    }

    /// Reads the log of a job that has ended; of a long one the last 1 MiB.
    pub async fn job_log(&self, repository: &GitHubRepository, job: u64) -> Result<JobLog, Problem> {
        Ok(log_of(&self.log(repository, job, WHOLE).await?))
    }

    /// Reads the last bytes of a job's log, at least `kept` if it is that long. GitHub answers
    /// with an address that is valid for a minute; the token is not sent there.
    async fn log(&self, repository: &GitHubRepository, job: u64, kept: usize) -> Result<Vec<u8>, Problem> {
        let what = format!("reading the log of job {job} of {repository}");
        let number = job.to_string();
        let parts = [
            "repos",
            repository.owner(),
            repository.name(),
            "actions",
            "jobs",
            number.as_str(),
            "logs",
        ];
        let url = at(&self.api, &parts);
        let token = self.token.as_ref().map(bearer).transpose()?;
        let client = self.http.confined(&url)?;
        let answer = self
            .http
            .limited(Limit::LARGE)
            .read(|| {
                let request = client.get(url.clone()).header("X-GitHub-Api-Version", VERSION);
                match &token {
                    Some(token) => request.header(AUTHORIZATION, token.clone()),
                    None => request,
                }
            })
            .await
            .map_err(|failure| failure.problem(&what, &url))?;
        if answer.ok() {
            return Ok(answer.body.to_vec());
        }
        let location = answer
            .headers
            .get(LOCATION)
            .filter(|_| (300..400).contains(&answer.status))
            .and_then(|location| location.to_str().ok());
        let Some(location) = location else {
            return Err(match answer.status {
                404 | 410 => Problem::new(ProblemKind::NotFound, format!("{what}: not found")).cause(
                    "a log is available for 90 days once its job has finished; a job without a runner has \
                    none",
                ),
                _ => self.problem_of(&Reply::from(&answer), &what),
            });
        };
        let there = log_address(&url, location, &what)?;
        let whole = self.log_at(&there, &what, kept);
        match tokio::time::timeout(self.http.timeouts().total * 3, whole).await {
            Ok(end) => end,
            Err(_) => Err(Problem::new(ProblemKind::Network, format!("{what}: timed out"))
                .hint("read it on the page of the run")),
        }
    }

    /// Reads the last bytes of what is stored at `there`. The address itself is a secret while it
    /// is valid.
    async fn log_at(&self, there: &Url, what: &str, kept: usize) -> Result<Vec<u8>, Problem> {
        let broken = |why: &dyn std::fmt::Display| {
            Problem::new(
                ProblemKind::Network,
                format!("{what}: {} closed the connection", host_of(there)),
            )
            .cause(why)
        };
        let client = self.http.confined(there)?;
        let response = self
            .http
            .open(client.get(there.clone()))
            .await
            .map_err(|failure| failure.problem(what, there))?;
        if !response.status().is_success() {
            let status = response.status().as_u16();
            return Err(Problem::new(
                ProblemKind::Service,
                format!("{what}: {} returned {status}", host_of(there)),
            )
            .hint("read it on the page of the run"));
        }
        last(pieces(response), kept, READ, self.http.span())
            .await
            .map_err(|failure| broken(&failure.text))
    }
}

/// Parses the address of a log. A remote host must not redirect to an address of this machine.
fn log_address(from: &Url, location: &str, what: &str) -> Result<Url, Problem> {
    let refused = |why: &str| {
        Problem::new(
            ProblemKind::Service,
            format!("{what}: GitHub returned an address that is not allowed"),
        )
        .cause(why)
    };
    let there = from
        .join(location)
        .map_err(|_| refused("it is not a valid URL"))?;
    http::check(&there).map_err(|_| refused("it is not https"))?;
    if http::is_loopback(&there) && !http::is_loopback(from) {
        return Err(refused("it is a local address"));
    }
    Ok(there)
}

/// Returns the last lines of a log, up to its last error if it has one, in readable form: without
/// the times before each line, colours and the runner's own markers.
fn tail_of(bytes: &[u8]) -> Vec<SanitizedText> {
    let from = bytes.len().saturating_sub(KEPT);
    let text = String::from_utf8_lossy(bytes.get(from..).unwrap_or_default());
    let lines: Vec<&str> = text.lines().map(without_time).collect();
    let error = lines.iter().rposition(|line| line.starts_with("##[error]"));
    let end = error.map_or(lines.len(), |at| at + 1);
    let shown: Vec<SanitizedText> = lines
        .into_iter()
        .take(end)
        .filter(|line| !line.trim().is_empty() && !line.starts_with("##[endgroup]"))
        .map(|line| SanitizedText::capped(without_marks(line), LINE))
        .collect();
    let first = shown.len().saturating_sub(LINES);
    shown.into_iter().skip(first).collect()
}

/// Returns the lines of a log in readable form.
fn log_of(bytes: &[u8]) -> JobLog {
    let from = bytes.len().saturating_sub(WHOLE);
    let text = String::from_utf8_lossy(bytes.get(from..).unwrap_or_default());
    let lines = text.lines().map(without_time);
    JobLog {
        // The first line of a cut log is incomplete.
        lines: lines
            .skip(usize::from(from > 0))
            .filter(|line| !line.starts_with("##[endgroup]"))
            .map(|line| SanitizedText::capped(without_marks(line), LONG_LINE))
            .collect(),
        cut: from > 0,
    }
}

/// Returns a line without the time that the runner puts before it.
fn without_time(line: &str) -> &str {
    let line = line.trim_start_matches('\u{feff}');
    match line.split_once(' ') {
        Some((time, rest)) if time.ends_with('Z') && time.contains('T') && time.len() >= 20 => rest,
        _ => line,
    }
}

/// Returns a line without colours, and with the runner's markers in words: a marker in a log that
/// is shown in another job would be executed there.
fn without_marks(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' && rest.peek() == Some(&'[') {
            for c in rest.by_ref() {
                if c.is_ascii_alphabetic() {
                    break;
                }
            }
        } else if c == '\t' {
            plain.push_str("    ");
        } else {
            plain.push(c);
        }
    }
    let plain = plain
        .replace("##[error]", "error: ")
        .replace("##[warning]", "warning: ")
        .replace("##[group]", "");
    plain.replace("##[", "#[")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_never_looked_for_on_this_machine_because_an_outside_server_says_so() {
        let outside = Url::parse("https://api.github.com/repos/a/b/actions/jobs/1/logs").unwrap();
        let inside = Url::parse("http://127.0.0.1:7000/repos/a/b/actions/jobs/1/logs").unwrap();
        let leads = |from: &Url, to: &str| log_address(from, to, "reading").map(|url| url.to_string());
        assert_eq!(
            leads(&outside, "https://storage.example/log?sig=x").unwrap(),
            "https://storage.example/log?sig=x"
        );
        assert_eq!(leads(&inside, "/blob/1").unwrap(), "http://127.0.0.1:7000/blob/1");
        for to in [
            "http://127.0.0.1:22/",
            "http://localhost/",
            "https://127.0.0.1/",
            "http://storage.example/",
            "file:///etc/passwd",
        ] {
            let problem = leads(&outside, to).unwrap_err();
            assert_eq!(problem.kind, ProblemKind::Service, "{to}");
            assert!(!problem.to_string().contains(to), "{problem}");
        }
    }

    #[test]
    fn a_whole_log_is_read_as_people_read_it_and_a_long_one_is_cut_at_its_beginning() {
        let text = "\u{feff}2026-11-21T10:00:00.0000000Z ##[group]Run a\n2026-11-21T10:00:01.0000000Z \ttwo\n\
                    2026-11-21T10:00:01.0000000Z ##[endgroup]\n\n2026-11-21T10:00:02.0000000Z ##[error]no\n";
        let log = log_of(text.as_bytes());
        let lines: Vec<&str> = log.lines.iter().map(SanitizedText::as_str).collect();
        assert_eq!(lines, ["Run a", "    two", "", "error: no"]);
        assert!(!log.cut);
        let long = "a line of a log that goes on\n".repeat(WHOLE / 20);
        let log = log_of(long.as_bytes());
        assert!(log.cut && log.lines[0].as_str() == "a line of a log that goes on");
        assert_eq!(log_of(b""), JobLog::default());
    }

    #[test]
    fn the_end_of_a_log_is_what_led_to_its_last_error() {
        let mut log = String::from("\u{feff}2026-11-21T10:00:00.0000000Z ##[group]Run ./make.sh\n");
        for number in 0..40 {
            log.push_str(&format!("2026-11-21T10:00:01.0000000Z line {number}\n"));
        }
        log.push_str("2026-11-21T10:00:02.0000000Z \u{1b}[31;1mred\u{1b}[0m ##[add-mask]x\u{202e}\n");
        log.push_str("2026-11-21T10:00:02.0000000Z ##[endgroup]\n");
        log.push_str("2026-11-21T10:00:02.0000000Z ##[error]Process completed with exit code 1.\n");
        log.push_str("2026-11-21T10:00:03.0000000Z Post job cleanup.\n");
        let tail = tail_of(log.as_bytes());
        assert_eq!(tail.len(), LINES);
        assert_eq!(
            tail[LINES - 1].as_str(),
            "error: Process completed with exit code 1."
        );
        assert_eq!(tail[LINES - 2].as_str(), "red #[add-mask]x\u{fffd}");
        assert_eq!(tail[0].as_str(), "line 22");
        // Without an error it is the end itself; bytes that are not text are accepted.
        let tail = tail_of(b"one\n\xff\xfetwo\n");
        assert_eq!(tail.last().unwrap().as_str(), "\u{fffd}\u{fffd}two");
        assert_eq!(tail_of(b""), Vec::new());
    }
}
