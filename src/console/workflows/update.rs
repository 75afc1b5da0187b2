//! Opens the workflows dialog and handles its keys and answers.

use std::sync::Arc;

use super::{Form, Row, Shown, Workflows, lines, rows, run};
use crate::console::components::{List, Text};
use crate::console::effect::{Effect, RequestId};
use crate::console::{Model, review};
use crate::domain::workflow::{RepositoryWorkflows, WorkflowRun};
use crate::domain::{GitHubRepository, Observed, Problem};
use crate::plan::{Intent, WorkflowAction, WorkflowIntent};

pub(super) fn dialog(model: &mut Model) -> Option<&mut Workflows> {
    model.dialog_mut()
}

/// Opens the dialog and reads the workflows.
pub fn open(model: &mut Model) -> Vec<Effect> {
    let bundle = model.workspace().bundle.as_ref();
    let Some(Ok(repository)) = bundle.map(|bundle| bundle.repository.parse::<GitHubRepository>()) else {
        model.refuse("this workspace has no bundle repository");
        return Vec::new();
    };
    model.open(Workflows {
        repository,
        list: List::default(),
        in_flight: None,
        problem: None,
        shown: None,
    });
    again(model)
}

/// Reads again what is shown.
pub fn again(model: &mut Model) -> Vec<Effect> {
    let id = model.next_id();
    let previous = model.snapshot.clone();
    let Some(dialog) = dialog(model).filter(|dialog| dialog.in_flight.is_none()) else {
        return Vec::new();
    };
    dialog.in_flight = Some(id);
    dialog.problem = None;
    let repository = dialog.repository.clone();
    let run = dialog.shown.as_ref().map(|shown| shown.run);
    let job = dialog
        .shown
        .as_ref()
        .and_then(|shown| Some(shown.log.as_ref()?.job));
    rewrite(model);
    vec![match (job, run) {
        (Some(job), _) => Effect::ReadJobLog { id, repository, job },
        (None, Some(run)) => Effect::LookAtRun { id, repository, run },
        (None, None) => Effect::LookAtWorkflows {
            id,
            repository,
            previous,
        },
    }]
}

/// Stores the workflows of the repository.
pub fn seen(model: &mut Model, id: RequestId, found: Observed<RepositoryWorkflows>) {
    let Some(dialog) = dialog(model).filter(|dialog| dialog.in_flight == Some(id)) else {
        return;
    };
    dialog.in_flight = None;
    dialog.problem.clone_from(&found.problem);
    let repository = dialog.repository.clone();
    let snapshot = Arc::make_mut(&mut model.snapshot);
    snapshot.workflows.entry(repository).or_default().refresh(found);
}

/// Stores a workflow run.
pub fn seen_run(model: &mut Model, id: RequestId, found: Result<WorkflowRun, Problem>) {
    let Some(dialog) = dialog(model).filter(|dialog| dialog.in_flight == Some(id)) else {
        return;
    };
    dialog.in_flight = None;
    let repository = dialog.repository.clone();
    match found {
        Ok(run) => {
            let snapshot = Arc::make_mut(&mut model.snapshot);
            let known = snapshot
                .workflows
                .get_mut(&repository)
                .and_then(|one| one.value.as_mut());
            if let Some(old) = known.and_then(|known| known.runs.iter_mut().find(|one| one.id == run.id)) {
                *old = run;
            }
        }
        Err(problem) => dialog.problem = Some(problem),
    }
    rewrite(model);
}

/// Ends pending requests after a task failed: they will not be answered.
pub fn broken(model: &mut Model) {
    if let Some(dialog) = dialog(model) {
        dialog.in_flight = None;
    }
}

/// Rebuilds the shown run, or its shown log.
pub(super) fn rewrite(model: &mut Model) {
    let Some(dialog) = model.dialog::<Workflows>() else {
        return;
    };
    let (Some(shown), Some(run)) = (&dialog.shown, run(model, dialog)) else {
        return;
    };
    let mut text = if let Some(log) = &shown.log {
        log.text(run)
    } else {
        let mut text = Text::new(lines::title(run), lines::of_run(model, dialog, run));
        text.copy = Some(run.url.to_string());
        text
    };
    text.offset = shown.text.offset;
    if let Some(shown) = self::dialog(model).and_then(|dialog| dialog.shown.as_mut()) {
        shown.text = text;
    }
}

/// Opens the form of the selected workflow, or the selected run with its jobs.
pub fn open_selected(model: &mut Model) -> Vec<Effect> {
    let Some(shown) = model.dialog::<Workflows>() else {
        return Vec::new();
    };
    if shown.shown.is_some() {
        return Vec::new();
    }
    let repository = shown.repository.clone();
    match rows(model, shown).get(shown.list.at).copied() {
        None => Vec::new(),
        Some(Row::Run(run)) => {
            let shown = Shown {
                run: run.id,
                text: Text::new("", Vec::new()),
                log: None,
            };
            if let Some(dialog) = dialog(model) {
                // The list's request may still be pending; its answer is then dropped.
                dialog.in_flight = None;
                dialog.shown = Some(shown);
            }
            again(model)
        }
        Some(Row::File(file)) => {
            let Some(form) = &file.form else {
                model.refuse("it cannot be started by hand: it has no workflow_dispatch trigger");
                return Vec::new();
            };
            let form = Form::of(repository, file.file_name(), form);
            if form.fields.is_empty() {
                return planned(model, form.intent());
            }
            model.open(form);
            Vec::new()
        }
    }
}

/// Closes the dialog and opens the review of `intent`.
pub(super) fn planned(model: &mut Model, intent: Intent) -> Vec<Effect> {
    review::open(model, intent)
}

fn wish(model: &mut Model, action: impl FnOnce(u64) -> WorkflowAction) -> Vec<Effect> {
    let Some(shown) = model.dialog::<Workflows>() else {
        return Vec::new();
    };
    let Some(run) = run(model, shown).map(|run| run.id) else {
        return Vec::new();
    };
    let repository = shown.repository.clone();
    let intent = WorkflowIntent {
        repository,
        action: action(run),
    };
    planned(model, Intent::Workflow(intent))
}

/// Opens the review of rerunning the failed jobs of the run.
pub(super) fn repeat(model: &mut Model) -> Vec<Effect> {
    wish(model, |run| WorkflowAction::Rerun { run })
}

/// Opens the review of cancelling the run.
pub(super) fn stop(model: &mut Model) -> Vec<Effect> {
    wish(model, |run| WorkflowAction::Cancel { run })
}
