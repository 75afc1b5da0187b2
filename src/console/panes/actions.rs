//! Actions of every pane.

use crate::console::actions::{
    ActionId, ActionSpec, Availability, FeatureActions, Scope, ScopeSpec, actions, always, scopes,
};
use crate::console::effect::Effect;
use crate::console::panes;
use crate::console::panes::screen::{self, show_selected};
use crate::console::split::Split;
use crate::console::{Model, jumps, refresh, review};
use crate::plan::Risk;

use Availability::{Disabled, Enabled, Hidden};

scopes! {
    /// On the panes screen.
    PANES "Every pane" in [SELECTED, LIST, EVERYWHERE, ALWAYS];
    /// While a filter is being typed.
    FILTER "Filter field", typed in [FIELD, LIST, ALWAYS];
}

actions! {
    [Scope::PANES, Scope::FILTER];
    REFRESH = "refresh" in Scope::PANES, ["ctrl-r", "f5"], "refresh",
        "Read every service again. Data that cannot be read keeps its old value and age.",
        run refresh_all, footer 50, if can_refresh, twin "windlass status";
    NEXT_PANE = "next-pane" in Scope::PANES, ["tab", "right"], "next pane",
        "Go to the next pane.",
        change next_pane;
    PREVIOUS_PANE = "previous-pane" in Scope::PANES, ["shift-tab", "left"], "previous pane",
        "Go to the previous pane.",
        change previous_pane;
    ZOOM = "zoom" in Scope::PANES, ["z"], "zoom",
        "Show only this pane, or show all panes again.",
        change zoom, footer 60;
    EVEN_PANES = "even-panes" in Scope::PANES, ["="], "reset sizes",
        "Reset the sizes of the panes. Drag a border with the mouse to change them.",
        change even_panes, if split;
    EDIT_SETTINGS = "edit-settings" in Scope::PANES, [","], "settings",
        "Edit the settings file in your editor, then check it.",
        run edit_settings, if settings, twin "windlass config check";
    FILTER = "filter" in Scope::PANES, ["/"], "filter",
        "Show only matching rows, best match first.",
        change begin_filter, footer 40;
    SORT = "sort" in Scope::PANES, ["s"], "sort",
        "Sort the rows by the next column; after the last column, restore the default order.",
        change sort, footer 61;
    SORT_REVERSE = "sort-reverse" in Scope::PANES, ["S"], "reverse order",
        "Reverse the sort order.",
        change sort_reverse, if sorted;
    UNFILTER = "unfilter" in Scope::PANES, ["esc", "ctrl-o"], "all rows",
        "Clear the filter of this pane.",
        change clear_filter, footer 41, if filtered, shares GO_BACK;
    GO_BACK = "go-back" in Scope::PANES, ["esc", "ctrl-o"], "back",
        "Go back to the previous pane and row.",
        change jumps::back, footer 42, if jumped;
    OPEN = "open" in Scope::PANES, ["enter"], "open",
        "Show the details of the selected row.",
        run show_selected, footer 10, if open;
    SIGN_IN = "sign-in" in Scope::PANES, ["L"], "sign in",
        "Plan a sign-in to Charmhub and show what its token may do.",
        run review::sign_in, footer 31, twin "windlass login";
    FIRST_ROW = "first-row" in Scope::PANES, ["g g"], "first row",
        "Go to the first row.",
        change first_row;
    LAST_ROW = "last-row" in Scope::PANES, ["g e"], "last row",
        "Go to the last row.",
        change last_row;
}

const fn can_refresh(model: &Model) -> Availability {
    if model.refresh.in_flight.is_some() {
        Disabled("a refresh is in progress")
    } else {
        Enabled
    }
}

fn split(model: &Model) -> Availability {
    if model.state::<Split>().is_usual() {
        Disabled("the panes have their default sizes")
    } else {
        Enabled
    }
}

const fn settings(model: &Model) -> Availability {
    match model.setting.wishes.file {
        Some(_) => Enabled,
        None if model.setting.demo => Disabled("the demo environment has no settings file"),
        None => Disabled("no home directory was found for the settings file"),
    }
}

fn sorted(model: &Model) -> Availability {
    match panes::sorting(model, model.pane) {
        Some(_) => Enabled,
        None => Disabled("the rows have their default order"),
    }
}

fn filtered(model: &Model) -> Availability {
    if panes::filter(model, model.pane).is_empty() {
        Hidden
    } else {
        Enabled
    }
}

fn jumped(model: &Model) -> Availability {
    if model.jumps().is_empty() || !panes::filter(model, model.pane).is_empty() {
        Hidden
    } else {
        Enabled
    }
}

fn open(model: &Model) -> Availability {
    let (shown, _) = panes::counts(model, model.pane);
    if screen::opens(model) != ActionId::OPEN {
        Hidden
    } else if panes::on_banner(model, model.pane) {
        Enabled
    } else if shown == 0 {
        Disabled("nothing is selected")
    } else {
        Enabled
    }
}

fn refresh_all(model: &mut Model) -> Vec<Effect> {
    let mut effects = refresh::refresh(model);
    effects.extend(refresh::read_runs(model));
    effects
}

fn next_pane(model: &mut Model) {
    screen::step(model, 1);
}

fn previous_pane(model: &mut Model) {
    screen::step(model, -1);
}

const fn zoom(model: &mut Model) {
    model.zoomed = !model.zoomed;
}

fn even_panes(model: &mut Model) {
    *model.state_mut::<Split>() = Split::default();
    panes::measure_again(model);
}

fn edit_settings(_: &mut Model) -> Vec<Effect> {
    vec![Effect::EditSettings]
}

fn begin_filter(model: &mut Model) {
    let filter = panes::filter(model, model.pane).to_owned();
    model.filtering = Some(tui_input::Input::new(filter));
}

fn sort(model: &mut Model) {
    panes::sort_next(model, model.pane);
}

fn sort_reverse(model: &mut Model) {
    panes::sort_reverse(model, model.pane);
}

fn clear_filter(model: &mut Model) {
    panes::set_filter(model, model.pane, "");
}

fn first_row(model: &mut Model) {
    panes::move_by(model, model.pane, isize::MIN / 2);
}

fn last_row(model: &mut Model) {
    panes::move_by(model, model.pane, isize::MAX / 2);
}
