//! Remembers the panes and rows that jumps started from, newest last.

use super::Model;
use super::panes::{self, PaneId};
use super::state::state;

/// Largest number of positions kept.
pub const MOST: usize = 20;

/// A pane with its selected row.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    pane: PaneId,
    row: Option<String>,
}

/// The positions, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Jumps(Vec<Place>);

state!(Jumps);

impl Model {
    /// Returns where jumps started.
    pub fn jumps(&self) -> &Jumps {
        self.state()
    }

    /// Returns where jumps started for changes.
    pub fn jumps_mut(&mut self) -> &mut Jumps {
        self.state_mut()
    }
}

impl Jumps {
    /// Returns true if there is no position to return to.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the number of positions.
    pub const fn len(&self) -> usize {
        self.0.len()
    }
}

/// Moves the focus to `pane`; if that is another pane, remembers the position left.
pub fn jump(model: &mut Model, pane: PaneId) {
    if pane != model.pane {
        let row = panes::selected_key(model, model.pane);
        let from = Place {
            pane: model.pane,
            row,
        };
        let places = &mut model.jumps_mut().0;
        places.push(from);
        let over = places.len().saturating_sub(MOST);
        places.drain(..over);
    }
    model.pane = pane;
}

/// Returns to the pane and row left last. If that row is gone or filtered out, the selection of the
/// pane stays as it is.
pub fn back(model: &mut Model) {
    let Some(place) = model.jumps_mut().0.pop() else {
        return;
    };
    model.pane = place.pane;
    if let Some(row) = place.row {
        panes::select_key(model, place.pane, &row);
    }
}
