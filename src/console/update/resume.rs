//! Asks for confirmation before a run is resumed.

use crate::console::components::Line;
use crate::console::dialogs::{Prompt, Purpose};
use crate::console::view::look::Tone;
use crate::console::{Model, running};
use crate::journal::{RunId, RunRecord, StepOutcome};
use crate::plan::Intent;

/// Asks for the word that confirms resuming the selected run.
pub(in crate::console) fn ask(model: &mut Model) {
    let selected = || model.run_rows().selected().map(|row| row.run.clone());
    let run = running::shown(model).or_else(selected);
    if let Some(run) = run {
        ask_for(model, &run);
    }
}

/// Like [`ask`], for `run`.
pub fn ask_for(model: &mut Model, run: &RunId) {
    let Some(record) = model.record(run) else {
        return;
    };
    if !running::state(model, &record.id).waits() {
        return;
    }
    if wants_brought(record) {
        let command = record.plan.command.clone();
        return model.refuse(format!(
            "the token was read from a file; finish the run with: {command}"
        ));
    }
    let wanted = record.plan.confirm.clone();
    let lines = vec![
        Line::text(model.short_title(&record.plan.title), Tone::Strong),
        Line::text(
            "Check the current state, then run the missing steps. Nothing is done twice.",
            Tone::Plain,
        ),
        Line::text(
            format!("Type {wanted} to continue. It cannot be pasted."),
            Tone::Accent,
        ),
    ];
    let purpose = Purpose::Resume(record.id.clone());
    model.open(Prompt {
        title: "Resume".to_owned(),
        lines,
        wanted: Some(wanted),
        input: tui_input::Input::default(),
        error: None,
        purpose,
    });
}

/// Returns true if a run can continue only with the credential value that the operator supplied.
fn wants_brought(record: &RunRecord) -> bool {
    let brought = matches!(&record.plan.intent, Intent::Rotate(intent) if intent.brought.is_some());
    brought
        && record.plan.steps.iter().any(|step| {
            let outcome = record.step(&step.id).and_then(|record| record.outcome);
            step.op.wants_token()
                && step.skip_reason.is_none()
                && !matches!(outcome, Some(StepOutcome::Done | StepOutcome::Skipped))
        })
}
