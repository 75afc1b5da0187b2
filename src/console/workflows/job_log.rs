//! The log of a job of the shown workflow run.

use super::update::{again, dialog, rewrite};
use super::{Workflows, lines, run};
use crate::console::Model;
use crate::console::components::{Line, Text};
use crate::console::effect::{Effect, RequestId};
use crate::console::view::look::Tone;
use crate::domain::Problem;
use crate::domain::workflow::{JobLog, JobRun, WorkflowRun};

/// A shown log.
#[derive(Clone, Debug)]
pub struct ShownLog {
    /// GitHub's id of the job.
    pub job: u64,
    /// GitHub's answer; `None` while it is read.
    answer: Option<Result<JobLog, Problem>>,
}

impl ShownLog {
    /// Returns the log as a text that can be scrolled.
    pub(super) fn text(&self, run: &WorkflowRun) -> Text {
        let at = run.jobs.iter().position(|job| job.id == self.job);
        let name = at
            .and_then(|at| run.jobs.get(at))
            .map_or("job", |job| job.name.as_str());
        let place = at.map_or_else(String::new, |at| format!(" ({} of {})", at + 1, run.jobs.len()));
        let title = format!("{}: log of {name}{place}", lines::title(run));
        let mut text = Text::new(
            title,
            match &self.answer {
                None => vec![Line::text("reading …", Tone::Dim)],
                Some(Ok(log)) if log.lines.is_empty() => vec![Line::text("the log is empty", Tone::Dim)],
                Some(Ok(log)) => lines::of_log(log),
                Some(Err(problem)) => Line::problem(problem),
            },
        );
        text.copy = Some(run.url.to_string());
        text
    }
}

/// Returns the job whose log is next: the one after the shown job, else the first that failed, else
/// the first.
pub fn next_job<'m>(model: &'m Model, dialog: &Workflows) -> Option<&'m JobRun> {
    let shown = dialog.shown.as_ref()?;
    let jobs = &run(model, dialog)?.jobs;
    match &shown.log {
        None => jobs.iter().find(|job| job.failed()).or_else(|| jobs.first()),
        Some(log) => {
            let at = jobs.iter().position(|job| job.id == log.job)?;
            jobs.get((at + 1) % jobs.len())
        }
    }
}

/// Shows the log of the next job.
pub fn log(model: &mut Model) -> Vec<Effect> {
    let shown = model.dialog::<Workflows>();
    let Some(job) = shown.and_then(|dialog| Some(next_job(model, dialog)?.id)) else {
        return Vec::new();
    };
    let Some(dialog) = dialog(model) else {
        return Vec::new();
    };
    // A pending answer for another view is dropped when it arrives.
    dialog.in_flight = None;
    if let Some(shown) = &mut dialog.shown {
        shown.log = Some(ShownLog { job, answer: None });
        shown.text.offset = 0;
    }
    again(model)
}

/// Stores a log.
pub fn read_log(model: &mut Model, id: RequestId, answer: Result<JobLog, Problem>) {
    let Some(dialog) = dialog(model).filter(|dialog| dialog.in_flight == Some(id)) else {
        return;
    };
    dialog.in_flight = None;
    if let Some(log) = dialog.shown.as_mut().and_then(|shown| shown.log.as_mut()) {
        log.answer = Some(answer);
    }
    rewrite(model);
}
