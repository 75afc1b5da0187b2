//! Opens the workflows dialog and handles its keys and answers.

use std::sync::Arc;

use super::{Form, Row, Shown, Workflows, lines, rows, run};
use crate::console::dialogs::{Modal, Text};
use crate::console::effect::{Effect, RequestId};
use crate::console::{Model, links, review};
use crate::domain::workflow::{RepositoryWorkflows, WorkflowRun};
use crate::domain::{GitHubRepository, Observed, Problem};
use crate::plan::{Intent, WorkflowAction, WorkflowIntent};

pub(super) const fn dialog(model: &mut Model) -> Option<&mut Workflows> {
    match &mut model.modal {
        Some(Modal::Workflows(dialog)) => Some(dialog),
        _ => None,
    }
}

/// Opens the dialog and reads the workflows.
pub fn open(model: &mut Model) -> Vec<Effect> {
    let bundle = model.workspace().bundle.as_ref();
    let Some(Ok(repository)) = bundle.map(|bundle| bundle.repository.parse::<GitHubRepository>()) else {
        model.refuse("this workspace has no bundle repository");
        return Vec::new();
    };
    model.modal = Some(Modal::Workflows(Box::new(Workflows {
        repository,
        at: 0,
        offset: 0,
        in_flight: None,
        problem: None,
        shown: None,
    })));
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
    let Some(Modal::Workflows(dialog)) = &model.modal else {
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

/// Moves by rows, or scrolls the shown run by lines.
pub fn step(model: &mut Model, steps: isize) {
    if let Some(dialog) = dialog(model) {
        match &mut dialog.shown {
            Some(shown) => shown.text.offset = shown.text.offset.saturating_add_signed(steps),
            None => dialog.at = dialog.at.saturating_add_signed(steps),
        }
    }
}

/// Opens the form of the selected workflow, or the selected run with its jobs.
pub fn open_selected(model: &mut Model) -> Vec<Effect> {
    let Some(Modal::Workflows(shown)) = &model.modal else {
        return Vec::new();
    };
    if shown.shown.is_some() {
        return Vec::new();
    }
    let repository = shown.repository.clone();
    match rows(model, shown).get(shown.at).copied() {
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
            model.modal = Some(Modal::Form(Box::new(form)));
            Vec::new()
        }
    }
}

/// Closes the dialog and opens the review of `intent`.
pub(super) fn planned(model: &mut Model, intent: Intent) -> Vec<Effect> {
    review::open(model, intent)
}

fn wish(model: &mut Model, action: impl FnOnce(u64) -> WorkflowAction) -> Vec<Effect> {
    let Some(Modal::Workflows(shown)) = &model.modal else {
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
pub fn repeat(model: &mut Model) -> Vec<Effect> {
    wish(model, |run| WorkflowAction::Rerun { run })
}

/// Opens the review of cancelling the run.
pub fn stop(model: &mut Model) -> Vec<Effect> {
    wish(model, |run| WorkflowAction::Cancel { run })
}

/// Opens the page of the run.
pub fn browse(model: &mut Model) -> Vec<Effect> {
    let link = match &model.modal {
        Some(Modal::Workflows(dialog)) => run(model, dialog).map(|run| run.url.to_string()),
        _ => None,
    };
    let Some(link) = link.filter(|link| links::allowed(link)) else {
        model.refuse("this run has no page");
        return Vec::new();
    };
    model.say(format!("opening {link}"));
    vec![Effect::Open(link)]
}

/// Returns from a log to its run, from a run to the list, or closes the dialog.
pub fn close(model: &mut Model) {
    let Some(dialog) = dialog(model) else {
        return;
    };
    if let Some(shown) = dialog.shown.as_mut().filter(|shown| shown.log.is_some()) {
        shown.log = None;
        shown.text.offset = 0;
        dialog.in_flight = None;
        return rewrite(model);
    }
    if dialog.shown.take().is_some() {
        dialog.in_flight = None;
        dialog.problem = None;
    } else {
        model.modal = None;
    }
}
