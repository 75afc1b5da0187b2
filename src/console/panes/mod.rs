//! The panes, one module per feature: `state` builds rows from the snapshot, `view` draws them.
//!
//! Shared here: moving, filtering, selecting, copying, opening. Must not know how a pane is drawn.

pub mod actions;
pub mod activity;
pub mod channels;
pub mod charms;
pub mod credentials;
pub mod releases;
pub mod rhythm;
pub mod standing;

use std::collections::BTreeSet;

use super::Model;
use super::actions::{ActionId, Scope};
use super::listing::{Keyed, Listing};
use super::sorting::Sorting;
use super::split::PaneNeed;
use crate::domain::Source;
use crate::plan::axis::Axis;
use crate::plan::rhythm::Rhythm;

/// Identifies a pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PaneId {
    /// Upstream releases.
    Releases,
    /// What every channel serves.
    Channels,
    /// Charms, revisions, resources.
    Charms,
    /// Credentials.
    Credentials,
    /// Runs of the journal.
    Activity,
}

impl PaneId {
    /// All panes, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Releases,
        Self::Channels,
        Self::Charms,
        Self::Credentials,
        Self::Activity,
    ];

    /// Returns its title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Releases => "Releases",
            Self::Channels => "Channels",
            Self::Charms => "Charms",
            Self::Credentials => "Credentials",
            Self::Activity => "Activity",
        }
    }

    /// Returns a short title for narrow screens.
    pub const fn short_title(self) -> &'static str {
        match self {
            Self::Releases => "Rel",
            Self::Channels => "Chan",
            Self::Charms => "Charm",
            Self::Credentials => "Cred",
            Self::Activity => "Act",
        }
    }

    /// Returns the hint shown in other panes about actions on its rows.
    pub const fn first(self) -> &'static str {
        match self {
            Self::Releases => "select a row of Releases first",
            Self::Channels => "select a row of Channels first",
            Self::Charms => "select a row of Charms first",
            Self::Credentials => "select a row of Credentials first",
            Self::Activity => "select a row of Activity first",
        }
    }

    /// Returns the scope of its actions.
    pub const fn scope(self) -> Scope {
        match self {
            Self::Releases => Scope::RELEASES,
            Self::Channels => Scope::CHANNELS,
            Self::Charms => Scope::CHARMS,
            Self::Credentials => Scope::CREDENTIALS,
            Self::Activity => Scope::ACTIVITY,
        }
    }

    /// Returns the action that leads to it.
    pub const fn action(self) -> ActionId {
        match self {
            Self::Releases => ActionId::RELEASES,
            Self::Channels => ActionId::CHANNELS,
            Self::Charms => ActionId::CHARMS,
            Self::Credentials => ActionId::CREDENTIALS,
            Self::Activity => ActionId::ACTIVITY,
        }
    }

    /// Returns the pane whose actions are in `scope`.
    pub fn of_scope(scope: Scope) -> Option<Self> {
        Self::ALL.into_iter().find(|pane| pane.scope() == scope)
    }

    /// Returns its number, from 1.
    pub fn number(self) -> usize {
        Self::ALL.iter().position(|p| *p == self).unwrap_or(0) + 1
    }

    /// Returns the pane `steps` further on, wrapping around.
    pub fn step(self, steps: isize) -> Self {
        let count = Self::ALL.len() as isize;
        let at = (self.number() as isize - 1 + steps).rem_euclid(count) as usize;
        Self::ALL.get(at).copied().unwrap_or(self)
    }

    /// Returns true if it has a line of headings at `width`.
    pub const fn has_heading(self, width: u16) -> bool {
        match self {
            Self::Channels | Self::Credentials => true,
            Self::Releases => width >= releases::view::WIDE,
            Self::Charms | Self::Activity => false,
        }
    }
}

/// The state of all panes.
#[derive(Clone, Debug, Default)]
pub struct Panes {
    /// Releases.
    pub releases: Listing<releases::Row>,
    /// Channels.
    pub channels: Listing<channels::Row>,
    /// Charms.
    pub charms: Listing<charms::Row>,
    /// Keys of charms and resources whose revisions are shown.
    pub unfolded: BTreeSet<String>,
    /// Credentials.
    pub credentials: Listing<credentials::Row>,
    /// Runs.
    pub activity: Listing<activity::Row>,
    /// The time axis of credential expiry.
    pub axis: Axis,
    /// How often upstream releases, and how soon releases are published.
    pub rhythm: Rhythm,
    /// Column widths that rows need.
    pub needs: Needs,
}

/// Column widths that the rows of each pane need, measured when rows are built, because a frame
/// reads only visible rows. They only grow, so that columns and panes stay in place while rows come
/// and go; a resize measures them again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Of the releases.
    pub releases: releases::view::Needs,
    /// Of the channels.
    pub channels: channels::view::Needs,
    /// Of the charms.
    pub charms: charms::view::Needs,
    /// Of the credentials.
    pub credentials: credentials::view::Needs,
    /// Of the runs.
    pub activity: activity::view::Needs,
}

impl Needs {
    /// Returns the columns that `pane` needs.
    pub fn of(&self, pane: PaneId) -> PaneNeed {
        match pane {
            PaneId::Releases => self.releases.pane(),
            PaneId::Channels => self.channels.pane(),
            PaneId::Charms => self.charms.pane(),
            PaneId::Credentials => self.credentials.pane(),
            PaneId::Activity => self.activity.pane(),
        }
    }
}

/// Runs `$body` with `$list` bound to the listing of `$pane`.
macro_rules! with_listing {
    ($panes:expr, $pane:expr, $list:ident => $body:expr) => {
        match $pane {
            $crate::console::panes::PaneId::Releases => {
                let $list = &mut $panes.releases;
                $body
            }
            $crate::console::panes::PaneId::Channels => {
                let $list = &mut $panes.channels;
                $body
            }
            $crate::console::panes::PaneId::Charms => {
                let $list = &mut $panes.charms;
                $body
            }
            $crate::console::panes::PaneId::Credentials => {
                let $list = &mut $panes.credentials;
                $body
            }
            $crate::console::panes::PaneId::Activity => {
                let $list = &mut $panes.activity;
                $body
            }
        }
    };
}

/// Moves the selection of `pane`.
pub fn move_by(model: &mut Model, pane: PaneId, steps: isize) {
    with_listing!(model.panes, pane, list => list.move_by(steps));
}

/// Selects a visible row of `pane`.
pub fn select(model: &mut Model, pane: PaneId, at: usize) {
    with_listing!(model.panes, pane, list => list.select_index(at));
}

/// Selects the banner of `pane`, if there is one.
pub fn select_banner(model: &mut Model, pane: PaneId) {
    with_listing!(model.panes, pane, list => list.select_banner());
}

/// Returns true if the banner of `pane` is selected.
pub const fn on_banner(panes: &Panes, pane: PaneId) -> bool {
    match pane {
        PaneId::Releases => panes.releases.on_banner(),
        PaneId::Channels => panes.channels.on_banner(),
        PaneId::Charms => panes.charms.on_banner(),
        PaneId::Credentials => panes.credentials.on_banner(),
        PaneId::Activity => panes.activity.on_banner(),
    }
}

/// Returns the key of the selected row of `pane`.
pub fn selected_key(panes: &Panes, pane: PaneId) -> Option<String> {
    let key = match pane {
        PaneId::Releases => panes.releases.selected().map(Keyed::key),
        PaneId::Channels => panes.channels.selected().map(Keyed::key),
        PaneId::Charms => panes.charms.selected().map(Keyed::key),
        PaneId::Credentials => panes.credentials.selected().map(Keyed::key),
        PaneId::Activity => panes.activity.selected().map(Keyed::key),
    };
    key.map(str::to_owned)
}

/// Selects the row of `pane` with this key, if it is visible.
pub fn select_key(model: &mut Model, pane: PaneId, key: &str) {
    with_listing!(model.panes, pane, list => list.select_key(key));
}

/// Sets the filter of `pane`.
pub fn set_filter(model: &mut Model, pane: PaneId, filter: &str) {
    with_listing!(model.panes, pane, list => list.set_filter(filter));
}

/// Marks or unmarks the selected row of the focused pane.
pub fn toggle_mark(model: &mut Model) {
    let pane = model.pane;
    with_listing!(model.panes, pane, list => list.toggle_mark());
}

/// Sorts `pane` by its next column.
pub fn sort_next(model: &mut Model, pane: PaneId) {
    with_listing!(model.panes, pane, list => list.sort_next());
}

/// Reverses the sort order of `pane`.
pub fn sort_reverse(model: &mut Model, pane: PaneId) {
    with_listing!(model.panes, pane, list => list.sort_reverse());
}

/// Returns the sort order of `pane` with the title of its column, if one was chosen.
pub fn sorting(panes: &Panes, pane: PaneId) -> Option<(&'static str, Sorting)> {
    match pane {
        PaneId::Releases => panes.releases.sorting(),
        PaneId::Channels => panes.channels.sorting(),
        PaneId::Charms => panes.charms.sorting(),
        PaneId::Credentials => panes.credentials.sorting(),
        PaneId::Activity => panes.activity.sorting(),
    }
}

/// Scrolls `pane` to its selection.
pub fn settle(model: &mut Model, pane: PaneId, height: usize) {
    with_listing!(model.panes, pane, list => list.settle(height));
}

/// Returns the filter of `pane`.
pub fn filter(panes: &Panes, pane: PaneId) -> &str {
    match pane {
        PaneId::Releases => panes.releases.filter(),
        PaneId::Channels => panes.channels.filter(),
        PaneId::Charms => panes.charms.filter(),
        PaneId::Credentials => panes.credentials.filter(),
        PaneId::Activity => panes.activity.filter(),
    }
}

/// Returns how many rows `pane` shows, and of how many.
pub fn counts(panes: &Panes, pane: PaneId) -> (usize, usize) {
    match pane {
        PaneId::Releases => (panes.releases.len(), panes.releases.rows().len()),
        PaneId::Channels => (panes.channels.len(), panes.channels.rows().len()),
        PaneId::Charms => (panes.charms.len(), panes.charms.rows().len()),
        PaneId::Credentials => (panes.credentials.len(), panes.credentials.rows().len()),
        PaneId::Activity => (panes.activity.len(), panes.activity.rows().len()),
    }
}

/// Returns how many rows of `pane` its filter matches.
pub fn matches(panes: &Panes, pane: PaneId) -> usize {
    match pane {
        PaneId::Releases => panes.releases.matches(),
        PaneId::Channels => panes.channels.matches(),
        PaneId::Charms => panes.charms.matches(),
        PaneId::Credentials => panes.credentials.matches(),
        PaneId::Activity => panes.activity.matches(),
    }
}

/// Rebuilds the rows of every pane from the snapshot and the journal.
pub fn rebuild(model: &mut Model) {
    let snapshot = model.snapshot.clone();
    let workspace = &model.setting.workspace;
    let rows = releases::rows(workspace, &snapshot, model.warm);
    let preferred = releases::preferred(&rows);
    model.panes.releases.replace(rows, preferred);
    // Rows arrive charm by charm: until a row was chosen, the first one is selected.
    let rows = channels::rows(workspace, &snapshot, model.warm);
    let first = first_key(&rows);
    model.panes.channels.replace(rows, first);
    let rows = charms::rows(workspace, &snapshot, &model.panes.unfolded, model.warm);
    let first = first_key(&rows);
    model.panes.charms.replace(rows, first);
    let loading = standing::is_loading(model, Source::Secrets);
    let rows = credentials::rows(workspace, &snapshot, model.now, loading);
    let first = first_key(&rows);
    model.panes.axis = credentials::axis(&rows, model.now);
    model.panes.credentials.replace(rows, first);
    measure(model);
    rebuild_activity(model);
    rebuild_rhythm(model);
}

fn first_key<R: Keyed>(rows: &[R]) -> Option<String> {
    rows.first().map(|row| row.key().to_owned())
}

/// Grows the column widths to what the rows need.
pub fn measure(model: &mut Model) {
    let releases = releases::view::needs(model);
    let channels = channels::view::needs(model);
    let credentials = credentials::view::needs(model);
    let needs = &mut model.panes.needs;
    needs.releases.grow(releases);
    needs.channels.grow(channels);
    needs.credentials.grow(credentials);
    measure_charms(model);
    measure_activity(model);
}

fn measure_charms(model: &mut Model) {
    let charms = charms::view::needs(model);
    model.panes.needs.charms.grow(charms);
}

fn measure_activity(model: &mut Model) {
    let activity = activity::view::needs(model);
    model.panes.needs.activity.grow(activity);
}

/// Measures the column widths again, ignoring earlier ones.
pub fn measure_again(model: &mut Model) {
    model.panes.needs = Needs::default();
    measure(model);
}

/// Computes the rhythm of releases again; published runs count for it.
pub fn rebuild_rhythm(model: &mut Model) {
    if model.warm {
        model.panes.rhythm = rhythm::of(model);
    }
}

/// Rebuilds the rows of the activity pane.
pub fn rebuild_activity(model: &mut Model) {
    let rows = activity::rows(&model.runs, &model.live, &model.queue);
    model.panes.activity.replace(rows, None);
    measure_activity(model);
    for pane in PaneId::ALL {
        let banner = standing::has_banner(model, pane);
        with_listing!(model.panes, pane, list => list.set_banner(banner));
    }
}

/// Shows the revisions of the selected charm or resource, or hides them again.
pub fn unfold(model: &mut Model) {
    let Some(key) = model.panes.charms.selected().and_then(charms::Row::stem) else {
        return;
    };
    let unfolded = &mut model.panes.unfolded;
    if !unfolded.remove(&key) {
        unfolded.insert(key.clone());
    }
    let rows = charms::rows(
        &model.setting.workspace,
        &model.snapshot,
        &model.panes.unfolded,
        model.warm,
    );
    model.panes.charms.replace(rows, None);
    model.panes.charms.select_key(&key);
    measure_charms(model);
}

/// Counts the release rows that this thread measured, so that a test can check that a key measures
/// none.
#[cfg(test)]
pub mod counted {
    use std::cell::Cell;

    thread_local!(static MEASURED: Cell<usize> = const { Cell::new(0) });

    /// Adds measured rows.
    pub fn add(rows: usize) {
        MEASURED.set(MEASURED.get() + rows);
    }

    /// Returns how many rows were measured so far.
    pub fn measured() -> usize {
        MEASURED.get()
    }
}
