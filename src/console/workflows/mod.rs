//! The workflows of the bundle's repository: files with their state and problems, recent runs, one
//! run with its jobs and the end of a log, and the form to start one.
//!
//! Holds selection and input; the data is in the snapshot.

mod follow;
mod form;
mod job_log;
mod lines;
mod update;
pub mod view;

pub use follow::{Followed, follow, follow_recent, followed, lasted, section, standing};
pub use form::{Form, accept as accept_form, close as close_form, step as step_form, typed};
pub use job_log::{ShownLog, log, next_job, read_log};
pub use update::{again, broken, browse, close, open, open_selected, repeat, seen, seen_run, step, stop};

use super::Model;
use super::dialogs::Text;
use super::effect::RequestId;
use super::listing::window;
use crate::domain::workflow::{RepositoryWorkflows, WorkflowFile, WorkflowRun};
use crate::domain::{GitHubRepository, Problem};

/// The state of the workflows dialog.
#[derive(Clone, Debug)]
pub struct Workflows {
    /// The repository.
    pub repository: GitHubRepository,
    /// The selected row.
    pub at: usize,
    /// The first row shown.
    pub offset: usize,
    /// The pending request.
    pub in_flight: Option<RequestId>,
    /// Why the last request failed.
    pub problem: Option<Problem>,
    /// The run whose details are shown.
    pub shown: Option<Shown>,
}

/// A run shown in detail.
#[derive(Clone, Debug)]
pub struct Shown {
    /// GitHub's id of the run.
    pub run: u64,
    /// Its text, or the log of one of its jobs.
    pub text: Text,
    /// The log, if one is shown.
    pub log: Option<ShownLog>,
}

/// A row of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row<'a> {
    /// A workflow.
    File(&'a WorkflowFile),
    /// A run.
    Run(&'a WorkflowRun),
}

/// Returns what is known about the repository.
pub fn known<'a>(model: &'a Model, dialog: &Workflows) -> Option<&'a RepositoryWorkflows> {
    model.snapshot.workflows.get(&dialog.repository)?.value.as_ref()
}

/// Returns all rows: the files, then the runs, newest first.
pub fn rows<'a>(model: &'a Model, dialog: &Workflows) -> Vec<Row<'a>> {
    let Some(known) = known(model, dialog) else {
        return Vec::new();
    };
    let files = known.files.iter().map(Row::File);
    files.chain(known.runs.iter().map(Row::Run)).collect()
}

/// Returns the run that is shown or selected.
pub fn run<'a>(model: &'a Model, dialog: &Workflows) -> Option<&'a WorkflowRun> {
    match &dialog.shown {
        Some(shown) => known(model, dialog)?.run(shown.run),
        None => match rows(model, dialog).get(dialog.at) {
            Some(Row::Run(run)) => Some(run),
            _ => None,
        },
    }
}

/// Clamps selection and scroll position.
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
