//! Workflows of a repository, as far as somebody needs to know who starts or follows them: files
//! with their forms and runners, and runs with their jobs.
//!
//! Owns these words. Must not know how a file is written or how GitHub is asked; must not judge.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use super::secret::SecretName;
use super::text::Outside;

/// The workflows of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryWorkflows {
    /// The branch whose files count.
    pub default_branch: String,
    /// True where the account may push there; `None` where GitHub does not say.
    pub writable: Option<bool>,
    /// The files, by path.
    pub files: Vec<WorkflowFile>,
    /// Recent runs and those that were asked for, newest first.
    pub runs: Vec<WorkflowRun>,
}

impl RepositoryWorkflows {
    /// The files that `name` means: a path, a file name, or the title in the file.
    pub fn named(&self, name: &str) -> Vec<&WorkflowFile> {
        let by_path = |file: &&WorkflowFile| file.path == name || file.file_name() == name;
        let exact: Vec<_> = self.files.iter().filter(by_path).collect();
        if !exact.is_empty() {
            return exact;
        }
        let title = Outside::new(name);
        self.files.iter().filter(|file| file.title == title).collect()
    }

    /// A run by GitHub's number.
    pub fn run(&self, id: u64) -> Option<&WorkflowRun> {
        self.runs.iter().find(|run| run.id == id)
    }
}

/// A workflow file of the default branch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowFile {
    /// Its path in the repository.
    pub path: String,
    /// What it calls itself; its file name where it does not.
    pub title: Outside,
    /// GitHub's word: `active`, `disabled_inactivity`, `disabled_manually`...; `None` where it was
    /// not told.
    pub state: Option<Outside>,
    /// The form of whoever starts it by hand; `None` where it cannot be.
    pub form: Option<Vec<WorkflowInput>>,
    /// Its jobs.
    pub jobs: Vec<WorkflowJob>,
    /// Secrets that it reads.
    pub reads: BTreeSet<SecretName>,
    /// Why it could not be understood; then form and jobs are empty.
    pub unreadable: Option<Problem>,
}

impl WorkflowFile {
    /// The last part of its path.
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// One field of a workflow's form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowInput {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Outside,
    /// True where it must not be empty.
    pub required: bool,
    /// What counts where nothing is typed.
    pub default: Option<String>,
    /// What may be typed.
    pub kind: InputKind,
    /// True where a script of the workflow takes the text as it stands, so that quotes and dollars
    /// in it are read by a shell.
    pub in_script: bool,
}

/// What may be typed into a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputKind {
    /// Any text.
    Text,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// One of these.
    Choice(Vec<String>),
    /// The name of an environment.
    Environment,
}

/// One job of a workflow file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowJob {
    /// Its key in the file.
    pub id: Outside,
    /// Labels of the runners it asks for, one list a runner; those of a matrix one after the other.
    /// A label that is only known when it runs is left out.
    pub runners: Vec<Vec<String>>,
    /// Actions and workflows that it uses, `owner/name@ref`.
    pub uses: Vec<String>,
    /// Lines of its scripts that install charmcraft.
    pub installs: Vec<String>,
}

/// A run of a workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowRun {
    /// GitHub's number of it.
    pub id: u64,
    /// Path of its file.
    pub workflow: Outside,
    /// What it is called in lists.
    pub title: Outside,
    /// Its number among the runs of its workflow.
    pub number: u64,
    /// Which attempt this is, counted from 1.
    pub attempt: u64,
    /// What started it: `workflow_dispatch`, `schedule`, `push`...
    pub event: Outside,
    /// The branch that it runs on.
    pub branch: Outside,
    /// `queued`, `in_progress`, `completed`...
    pub status: Outside,
    /// `success`, `failure`, `cancelled`...; `None` until it is completed.
    pub conclusion: Option<Outside>,
    /// Who started it.
    pub actor: Outside,
    /// When it was started.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Its page.
    pub url: Outside,
    /// Its jobs, where they were asked for.
    #[serde(default)]
    pub jobs: Vec<JobRun>,
}

impl WorkflowRun {
    /// True where nothing more happens.
    pub fn ended(&self) -> bool {
        self.status.as_str() == "completed"
    }

    /// True where it ended, and not badly.
    pub fn ended_well(&self) -> bool {
        self.ended() && self.conclusion.as_ref().is_some_and(well)
    }

    /// The first job that ended badly.
    pub fn failed_job(&self) -> Option<&JobRun> {
        self.jobs.iter().find(|job| job.failed())
    }

    /// In a word: its conclusion, else its status.
    pub fn word(&self) -> &str {
        self.conclusion.as_ref().unwrap_or(&self.status).as_str()
    }
}

fn well(conclusion: &Outside) -> bool {
    matches!(conclusion.as_str(), "success" | "neutral" | "skipped")
}

/// A job of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRun {
    /// GitHub's number of it.
    pub id: u64,
    /// Its name.
    pub name: Outside,
    /// Labels of the runner that it asks for.
    pub labels: Vec<String>,
    /// As of a run.
    pub status: Outside,
    /// As of a run.
    pub conclusion: Option<Outside>,
    /// Its steps; none where no runner ever took it.
    pub steps: Vec<StepRun>,
    /// The end of its log up to the last error, where it was asked for.
    #[serde(default)]
    pub log_tail: Vec<Outside>,
}

impl JobRun {
    /// True where it ended badly.
    pub fn failed(&self) -> bool {
        self.conclusion
            .as_ref()
            .is_some_and(|conclusion| !well(conclusion))
    }

    /// The first step that ended badly.
    pub fn failed_step(&self) -> Option<&StepRun> {
        let bad = |step: &&StepRun| step.conclusion.as_ref().is_some_and(|word| !well(word));
        self.steps.iter().find(bad)
    }
}

/// The log of a job, as people read it: without times, colours and the runner's marks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobLog {
    /// Its lines.
    pub lines: Vec<Outside>,
    /// True where its beginning is left out.
    pub cut: bool,
}

/// A step of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRun {
    /// Counted from 1.
    pub number: u64,
    /// Its name.
    pub name: Outside,
    /// As of a run.
    pub status: Outside,
    /// As of a run.
    pub conclusion: Option<Outside>,
}
