//! The workflows of the bundle's repository: files with their state and problems, recent runs, one
//! run with its jobs and the end of a log, and the form to start one.
//!
//! Holds selection and input; the data is in the snapshot.

pub mod actions;
mod follow;
mod form;
mod job_log;
mod lines;
mod update;
pub mod view;

pub use follow::{Followed, follow, follow_recent, followed, lasted, section, standing};
pub use form::Form;
pub use job_log::{ShownLog, next_job, read_log};
pub use update::{broken, open, seen, seen_run};

use ratatui::Frame;

use super::Model;
use super::actions::{ActionId, Scope};
use super::components::{Dialog, List, Text, text_dialog};
use super::effect::RequestId;
use super::view::Drawn;
use crate::domain::workflow::{RepositoryWorkflows, WorkflowFile, WorkflowRun};
use crate::domain::{GitHubRepository, Problem};

/// The state of the workflows dialog.
#[derive(Clone, Debug)]
pub struct Workflows {
    /// The repository.
    pub repository: GitHubRepository,
    /// The selected row.
    pub list: List,
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
        None => match rows(model, dialog).get(dialog.list.at) {
            Some(Row::Run(run)) => Some(run),
            _ => None,
        },
    }
}

impl Dialog for Workflows {
    fn scope(&self) -> Scope {
        Scope::WORKFLOWS
    }

    fn boxed(&self) -> Box<dyn Dialog> {
        Box::new(self.clone())
    }

    fn draw(&self, model: &Model, frame: &mut Frame, drawn: &mut Drawn) {
        match &self.shown {
            Some(shown) => text_dialog::draw(model, &shown.text, frame, drawn),
            None => view::draw(model, self, frame, drawn),
        }
    }

    fn fit(&mut self, model: &Model) {
        if let Some(shown) = &mut self.shown {
            text_dialog::fit(&mut shown.text, model);
        }
        let count = rows(model, self).len();
        let (height, _) = view::heights(model, self);
        self.list.fit(height, count);
    }

    /// Moves by rows, or scrolls the shown run by lines.
    fn move_by(&mut self, _: &Model, steps: isize) {
        match &mut self.shown {
            Some(shown) => shown.text.scroll(steps),
            None => self.list.step(steps),
        }
    }

    fn pick(&mut self, _: &Model, line: usize) {
        self.list.at = line;
    }

    fn text(&self) -> Option<&Text> {
        self.shown.as_ref().map(|shown| &shown.text)
    }

    fn text_mut(&mut self) -> Option<&mut Text> {
        self.shown.as_mut().map(|shown| &mut shown.text)
    }

    fn page(&self, model: &Model) -> Option<String> {
        run(model, self).map(|run| run.url.to_string())
    }

    fn double_click(&self) -> Option<ActionId> {
        Some(ActionId::WORKFLOWS_OPEN)
    }

    /// Returns from a log to its run, from a run to the list, or closes the dialog.
    fn close(mut self: Box<Self>, model: &mut Model) {
        if let Some(shown) = self.shown.as_mut().filter(|shown| shown.log.is_some()) {
            shown.log = None;
            shown.text.offset = 0;
            self.in_flight = None;
        } else if self.shown.take().is_some() {
            self.in_flight = None;
            self.problem = None;
        } else {
            return;
        }
        model.modal = Some(self);
        update::rewrite(model);
    }
}
