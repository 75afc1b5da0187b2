//! The panes, each in its own folder: `state` builds rows from the snapshot, `view` draws them, `pane`
//! describes it to the console.
//!
//! Shared here: moving, filtering, selecting, rebuilding. Must not know any pane.

pub mod actions;
pub mod activity;
pub mod channels;
pub mod charms;
pub mod credentials;
pub mod id;
pub mod releases;
pub mod rhythm;
pub mod screen;
pub mod sources;
pub mod spec;
pub mod standing;

pub use id::{PaneId, PaneNeed};
pub use spec::{Measure, PaneSpec};

use super::Model;
use super::listing::{AnyList, Keyed};
use super::sorting::Sorting;

/// Returns the list of `pane`.
pub fn list(model: &Model, pane: PaneId) -> Option<&dyn AnyList> {
    model.pane_spec(pane).map(|spec| (spec.list)(model))
}

/// Changes the list of `pane`.
fn change(model: &mut Model, pane: PaneId, change: impl FnOnce(&mut dyn AnyList)) {
    if let Some(spec) = model.pane_spec(pane) {
        change((spec.list_mut)(model));
    }
}

/// Moves the selection of `pane`.
pub fn move_by(model: &mut Model, pane: PaneId, steps: isize) {
    change(model, pane, |list| list.move_by(steps));
}

/// Selects a visible row of `pane`.
pub fn select(model: &mut Model, pane: PaneId, at: usize) {
    change(model, pane, |list| list.select_index(at));
}

/// Selects the banner of `pane`, if there is one.
pub fn select_banner(model: &mut Model, pane: PaneId) {
    change(model, pane, |list| list.select_banner());
}

/// Returns true if the banner of `pane` is selected.
pub fn on_banner(model: &Model, pane: PaneId) -> bool {
    list(model, pane).is_some_and(AnyList::on_banner)
}

/// Returns the key of the selected row of `pane`.
pub fn selected_key(model: &Model, pane: PaneId) -> Option<String> {
    list(model, pane)?.selected_key().map(str::to_owned)
}

/// Selects the row of `pane` with this key, if it is visible.
pub fn select_key(model: &mut Model, pane: PaneId, key: &str) {
    change(model, pane, |list| list.select_key(key));
}

/// Sets the filter of `pane`.
pub fn set_filter(model: &mut Model, pane: PaneId, filter: &str) {
    change(model, pane, |list| list.set_filter(filter));
}

/// Marks or unmarks the selected row of the focused pane.
pub fn toggle_mark(model: &mut Model) {
    change(model, model.pane, |list| list.toggle_mark());
}

/// Sorts `pane` by its next column.
pub fn sort_next(model: &mut Model, pane: PaneId) {
    change(model, pane, |list| list.sort_next());
}

/// Reverses the sort order of `pane`.
pub fn sort_reverse(model: &mut Model, pane: PaneId) {
    change(model, pane, |list| list.sort_reverse());
}

/// Returns the sort order of `pane` with the title of its column, if one was chosen.
pub fn sorting(model: &Model, pane: PaneId) -> Option<(&'static str, Sorting)> {
    list(model, pane)?.sorting()
}

/// Scrolls `pane` to its selection.
pub fn settle(model: &mut Model, pane: PaneId, height: usize) {
    change(model, pane, |list| list.settle(height));
}

/// Returns the filter of `pane`.
pub fn filter(model: &Model, pane: PaneId) -> &str {
    list(model, pane).map_or("", AnyList::filter)
}

/// Returns how many rows `pane` shows, and of how many.
pub fn counts(model: &Model, pane: PaneId) -> (usize, usize) {
    list(model, pane).map_or((0, 0), AnyList::counts)
}

/// Returns the columns that the rows of `pane` need.
pub fn need(model: &Model, pane: PaneId) -> PaneNeed {
    model
        .pane_spec(pane)
        .map_or_else(PaneNeed::default, |spec| (spec.need)(model))
}

/// Returns how many rows of `pane` its filter matches.
pub fn matches(model: &Model, pane: PaneId) -> usize {
    list(model, pane).map_or(0, AnyList::matches)
}

/// Rebuilds the rows of every pane from the snapshot and the journal.
pub fn rebuild(model: &mut Model) {
    for spec in model.panes {
        (spec.rebuild)(model);
    }
    set_banners(model);
}

/// Rebuilds the panes that show runs.
pub fn rebuild_activity(model: &mut Model) {
    for spec in model.panes.iter().filter(|spec| spec.shows_runs) {
        (spec.rebuild)(model);
    }
    set_banners(model);
}

fn set_banners(model: &mut Model) {
    for spec in model.panes {
        let banner = standing::has_banner(model, spec);
        (spec.list_mut)(model).set_banner(banner);
    }
}

/// Returns the key of the first of `rows`, which is selected until the operator chooses another.
pub fn first_key<R: Keyed>(rows: &[R]) -> Option<String> {
    rows.first().map(|row| row.key().to_owned())
}

/// Grows the column widths to what the rows need. They only grow, so that columns and panes stay in
/// place while rows come and go; a resize measures them again.
pub fn measure(model: &mut Model) {
    for spec in model.panes {
        (spec.measure)(model, Measure::Grow);
    }
}

/// Measures the column widths again, ignoring earlier ones.
pub fn measure_again(model: &mut Model) {
    for spec in model.panes {
        (spec.measure)(model, Measure::Again);
    }
}
