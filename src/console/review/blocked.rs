//! Finds the unfinished run that a plan has to wait for, and how to finish that run.

use crate::console::Model;
use crate::console::actions::ActionId;
use crate::journal::RunRecord;
use crate::plan::Plan;

/// Returns the unfinished run that left half changed what `plan` changes, unless `plan` continues
/// it. The start of a run checks the whole journal again.
pub fn blocking<'m>(model: &'m Model, plan: &Plan) -> Option<&'m RunRecord> {
    let continues = |run: &&RunRecord| {
        run.state().is_unfinished()
            && run.plan.workspace == plan.workspace
            && plan.intent.takes_up(&run.plan.intent)
    };
    let own = model.runs.iter().find(continues).map(|run| &run.id);
    let mut blocks = model
        .runs
        .iter()
        .filter(|run| !run.blocked_subjects(plan).is_empty());
    blocks.find(|run| Some(&run.id) != own)
}

/// Returns how to finish the run that `plan` has to wait for.
pub fn way_out(model: &Model, run: &RunRecord) -> String {
    let keymap = &model.setting.keymap;
    format!(
        "This plan cannot start: the run '{}' is unfinished and changes the same things. {}, {} and \
         select that run, then {} or {}.",
        model.short_title(&run.plan.title),
        keymap
            .hint(ActionId::BACK, "leave this review")
            .replacen('p', "P", 1),
        keymap.hint(ActionId::ACTIVITY, "go to Activity"),
        keymap.hint(ActionId::RESUME, "resume it"),
        keymap.hint(ActionId::ROLL_BACK_RUN, "roll it back"),
    )
}
