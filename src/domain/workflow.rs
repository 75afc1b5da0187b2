//! Describes workflows of a repository for starting and following them: files with their inputs and
//! runners, and runs with their jobs.
//!
//! Parsing the files is done elsewhere.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use super::secret::SecretName;
use super::text::SanitizedText;

/// The workflows of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryWorkflows {
    /// The default branch, whose files count.
    pub default_branch: String,
    /// True if the account may push to the repository; `None` if GitHub does not report it.
    pub writable: Option<bool>,
    /// The workflow files, by path.
    pub files: Vec<WorkflowFile>,
    /// Recent runs and those requested by id, newest first.
    pub runs: Vec<WorkflowRun>,
}

impl RepositoryWorkflows {
    /// Returns the files that match `name`: a path, a file name, or the title in the file.
    pub fn named(&self, name: &str) -> Vec<&WorkflowFile> {
        let by_path = |file: &&WorkflowFile| file.path == name || file.file_name() == name;
        let exact: Vec<_> = self.files.iter().filter(by_path).collect();
        if !exact.is_empty() {
            return exact;
        }
        let title = SanitizedText::new(name);
        self.files.iter().filter(|file| file.title == title).collect()
    }

    /// Returns the run with this GitHub id.
    pub fn run(&self, id: u64) -> Option<&WorkflowRun> {
        self.runs.iter().find(|run| run.id == id)
    }
}

/// A workflow file of the default branch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowFile {
    /// Path in the repository.
    pub path: String,
    /// Title in the file, or the file name if it has none.
    pub title: SanitizedText,
    /// State at GitHub: `active`, `disabled_inactivity`, `disabled_manually`...; `None` if unknown.
    pub state: Option<SanitizedText>,
    /// Inputs of a manual start; `None` if it cannot be started manually.
    pub form: Option<Vec<WorkflowInput>>,
    /// Its jobs.
    pub jobs: Vec<WorkflowJob>,
    /// Secrets that it reads.
    pub reads: BTreeSet<SecretName>,
    /// Why the file could not be parsed; then `form` and `jobs` are empty.
    pub unreadable: Option<Problem>,
}

impl WorkflowFile {
    /// Returns the last part of its path.
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// One input of a workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowInput {
    /// Its name.
    pub name: String,
    /// Description in the file.
    pub description: SanitizedText,
    /// True if the input must not be empty.
    pub required: bool,
    /// Default value.
    pub default: Option<String>,
    /// Kind of value that is accepted.
    pub kind: InputKind,
    /// True if a script of the workflow inserts the text directly, so that a shell interprets
    /// quotes and dollar signs in it.
    pub in_script: bool,
}

/// Kinds of values that an input accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputKind {
    /// Any text.
    Text,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// One of these values.
    Choice(Vec<String>),
    /// The name of an environment.
    Environment,
}

/// One job of a workflow file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowJob {
    /// Its key in the file.
    pub id: SanitizedText,
    /// Labels of the runners it requires, one list per runner; matrix runners follow each other.
    /// Labels that are known only at run time are left out.
    pub runners: Vec<Vec<String>>,
    /// Actions and workflows that it uses, `owner/name@ref`.
    pub uses: Vec<String>,
    /// Lines of its scripts that install charmcraft.
    pub installs: Vec<String>,
}

/// A run of a workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowRun {
    /// GitHub's id of the run.
    pub id: u64,
    /// Path of its file.
    pub workflow: SanitizedText,
    /// Title in lists.
    pub title: SanitizedText,
    /// Number among the runs of the workflow.
    pub number: u64,
    /// Number of the attempt, counted from 1.
    pub attempt: u64,
    /// Event that started it: `workflow_dispatch`, `schedule`, `push`...
    pub event: SanitizedText,
    /// The branch that it runs on.
    pub branch: SanitizedText,
    /// `queued`, `in_progress`, `completed`...
    pub status: SanitizedText,
    /// `success`, `failure`, `cancelled`...; `None` until it is completed.
    pub conclusion: Option<SanitizedText>,
    /// Account that started it.
    pub actor: SanitizedText,
    /// When it was started.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// URL of its page.
    pub url: SanitizedText,
    /// Jobs, if they were requested.
    #[serde(default)]
    pub jobs: Vec<JobRun>,
}

impl WorkflowRun {
    /// Returns true if the run has ended.
    pub fn ended(&self) -> bool {
        self.status.as_str() == "completed"
    }

    /// Returns true if the run ended without failure.
    pub fn ended_well(&self) -> bool {
        self.ended() && self.conclusion.as_ref().is_some_and(well)
    }

    /// Returns the first job that failed.
    pub fn failed_job(&self) -> Option<&JobRun> {
        self.jobs.iter().find(|job| job.failed())
    }

    /// Returns true if it was cancelled before it was done.
    pub fn was_cancelled(&self) -> bool {
        self.conclusion
            .as_ref()
            .is_some_and(|word| word.as_str() == "cancelled")
    }

    /// Returns the conclusion, or the status if there is none yet.
    pub fn word(&self) -> &str {
        self.conclusion.as_ref().unwrap_or(&self.status).as_str()
    }
}

fn well(conclusion: &SanitizedText) -> bool {
    matches!(conclusion.as_str(), "success" | "neutral" | "skipped")
}

/// A job of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRun {
    /// GitHub's id of the job.
    pub id: u64,
    /// Name of the job.
    pub name: SanitizedText,
    /// Labels of the runner that it requires.
    pub labels: Vec<String>,
    /// Status, with the same values as for a run.
    pub status: SanitizedText,
    /// Conclusion, with the same values as for a run.
    pub conclusion: Option<SanitizedText>,
    /// Steps; empty if no runner picked up the job.
    pub steps: Vec<StepRun>,
    /// End of the log up to the last error, if it was requested.
    #[serde(default)]
    pub log_tail: Vec<SanitizedText>,
}

impl JobRun {
    /// Returns true if the job failed.
    pub fn failed(&self) -> bool {
        self.conclusion
            .as_ref()
            .is_some_and(|conclusion| !well(conclusion))
    }

    /// Returns the first step that failed.
    pub fn failed_step(&self) -> Option<&StepRun> {
        let bad = |step: &&StepRun| step.conclusion.as_ref().is_some_and(|word| !well(word));
        self.steps.iter().find(bad)
    }
}

/// The log of a job without timestamps, colours and runner markers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobLog {
    /// Its lines.
    pub lines: Vec<SanitizedText>,
    /// True if the beginning of the log was left out.
    pub cut: bool,
}

/// A step of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRun {
    /// Number, counted from 1.
    pub number: u64,
    /// Name of the step.
    pub name: SanitizedText,
    /// Status, with the same values as for a run.
    pub status: SanitizedText,
    /// Conclusion, with the same values as for a run.
    pub conclusion: Option<SanitizedText>,
}
