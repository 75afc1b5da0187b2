//! Actions of the activity pane.

use crate::console::actions::Param;
use crate::console::actions::{
    ActionId, ActionSpec, Availability, FeatureActions, Scope, ScopeSpec, actions, always, online_unless,
    scopes,
};
use crate::console::panes::PaneId;
use crate::console::panes::screen::{show_selected, to_pane};
use crate::console::update::resume;
use crate::console::{Model, rollback, running, workflows};
use crate::plan::Risk;

use Availability::{Disabled, Enabled, Hidden};

scopes! {
    /// In the Activity pane.
    ACTIVITY "Pane Activity" in [PANES, SELECTED, LIST, EVERYWHERE, ALWAYS];
}

actions! {
    [Scope::ACTIVITY], pane super::pane::PANE;
    ACTIVITY = "activity" in Scope::PANES, ["5", "g a"], "activity",
        "Go to the Activity pane.",
        run |model| to_pane(model, PaneId::ACTIVITY), twin "windlass runs";
    OPEN_RUN = "open-run" in Scope::ACTIVITY, ["enter"], "open",
        "Show the selected run step by step.",
        run show_selected, footer 10, if open_run, twin "windlass runs", shares OPEN;
    RESUME = "resume" in Scope::ACTIVITY, ["r"], "resume",
        "Check the current state, then finish the selected interrupted run.",
        change resume::ask, footer 21, if can_resume, risk Irreversible, twin "windlass resume RUN", fill fill, takes [Param::Run];
    ROLL_BACK_RUN = "roll-back-run" in Scope::ACTIVITY, ["b"], "roll back",
        "Plan to restore every channel that the selected run changed.",
        run rollback::open, footer 22, if roll_back_run, twin "windlass plan rollback --run RUN", fill fill, takes [Param::Run];
    WORKFLOWS = "workflows" in Scope::ACTIVITY, ["w"], "workflows",
        "List the workflows of the bundle's repository and their runs; start one.",
        run workflows::open, footer 23, if workflows, twin "windlass workflow list";
    GO_WORKFLOWS = "go-workflows" in Scope::PANES, ["g w"], "go to workflows",
        "Open the workflows of the bundle's repository from any pane.",
        run workflows::open, if workflows, twin "windlass workflow list";
}

fn open_run(model: &Model) -> Availability {
    if model.run_rows().is_empty() && !model.run_rows().on_banner() {
        Disabled("there are no runs yet")
    } else {
        Enabled
    }
}

fn roll_back_run(model: &Model) -> Availability {
    online_unless(model, rollback::no_run(model))
}

fn workflows(model: &Model) -> Availability {
    let reason = model.workspace().bundle.is_none();
    online_unless(model, reason.then_some("this workspace has no bundle repository"))
}

fn can_resume(model: &Model) -> Availability {
    match model.run_rows().selected() {
        Some(row) => running::actions::may_resume(model, row.state),
        None => Hidden,
    }
}

fn fill(model: &Model, word: &str) -> Option<String> {
    let row = model.run_rows().selected().filter(|_| word == "RUN")?;
    Some(row.run.0.clone())
}
