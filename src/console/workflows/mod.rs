//! The workflows of the bundle's repository: files with their state and what is wrong with them,
//! recent runs, one run with its jobs and the end of a log, and the form of whoever starts one.
//!
//! Owns what is selected and typed there. What was seen lies in the snapshot. Must not fetch or plan.

mod follow;
mod form;
mod job_log;
mod lines;
mod update;
pub mod view;

pub use follow::{Followed, follow, followed, lasted, section, standing};
pub use form::{Form, accept as accept_form, close as close_form, step as step_form, typed};
pub use job_log::{ShownLog, log, next_job, read_log};
pub use update::{again, broken, browse, close, open, open_selected, repeat, seen, seen_run, step, stop};

use super::Model;
use super::dialogs::Text;
use super::effect::RequestId;
use super::listing::window;
use crate::domain::workflow::{RepositoryWorkflows, WorkflowFile, WorkflowRun};
use crate::domain::{GitHubRepository, Problem};

/// The dialog.
#[derive(Clone, Debug)]
pub struct Workflows {
    /// The repository.
    pub repository: GitHubRepository,
    /// The selected row.
    pub at: usize,
    /// First row shown.
    pub offset: usize,
    /// The look under way.
    pub in_flight: Option<RequestId>,
    /// Why the last look brought nothing.
    pub problem: Option<Problem>,
    /// The run that is looked at closely.
    pub shown: Option<Shown>,
}

/// A run looked at closely.
#[derive(Clone, Debug)]
pub struct Shown {
    /// GitHub's number of it.
    pub run: u64,
    /// What is told of it, or the log of one of its jobs.
    pub text: Text,
    /// The log, where one is shown.
    pub log: Option<ShownLog>,
}

/// A row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row<'a> {
    /// A workflow.
    File(&'a WorkflowFile),
    /// A run.
    Run(&'a WorkflowRun),
}

/// What was seen of the repository.
pub fn known<'a>(model: &'a Model, dialog: &Workflows) -> Option<&'a RepositoryWorkflows> {
    model.snapshot.workflows.get(&dialog.repository)?.value.as_ref()
}

/// All rows: the files, then the runs, the newest first.
pub fn rows<'a>(model: &'a Model, dialog: &Workflows) -> Vec<Row<'a>> {
    let Some(known) = known(model, dialog) else {
        return Vec::new();
    };
    let files = known.files.iter().map(Row::File);
    files.chain(known.runs.iter().map(Row::Run)).collect()
}

/// The run that is looked at, or selected.
pub fn run<'a>(model: &'a Model, dialog: &Workflows) -> Option<&'a WorkflowRun> {
    match &dialog.shown {
        Some(shown) => known(model, dialog)?.run(shown.run),
        None => match rows(model, dialog).get(dialog.at) {
            Some(Row::Run(run)) => Some(run),
            _ => None,
        },
    }
}

/// Keeps selection and window inside.
pub fn settle(model: &mut Model) {
    use super::dialogs::Modal;
    let Some(Modal::Workflows(dialog)) = &model.modal else {
        return;
    };
    let count = rows(model, dialog).len();
    let (height, _) = view::heights(model, dialog);
    if let Some(Modal::Workflows(dialog)) = &mut model.modal {
        dialog.at = dialog.at.min(count.saturating_sub(1));
        dialog.offset = window(dialog.offset, dialog.at, height, count);
    }
}
