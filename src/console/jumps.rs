//! Where one jumped from: panes and their rows, the last on top.
//!
//! Owns how many are remembered. Must not know how a jump is made.

use super::Model;
use super::panes::{self, PaneId};

/// How many places are remembered.
pub const MOST: usize = 20;

/// A place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    pane: PaneId,
    row: Option<String>,
}

/// The places, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Jumps(Vec<Place>);

impl Jumps {
    /// True where there is none to go back to.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }
}

/// Goes to `pane`; where that is another one, the way back is remembered.
pub fn jump(model: &mut Model, pane: PaneId) {
    if pane != model.pane {
        let row = panes::selected_key(&model.panes, model.pane);
        let from = Place {
            pane: model.pane,
            row,
        };
        let places = &mut model.jumps.0;
        places.push(from);
        let over = places.len().saturating_sub(MOST);
        places.drain(..over);
    }
    model.pane = pane;
}

/// Back to the pane and row that was left last. A row that is gone or filtered out leaves the
/// selection of the pane as it is.
pub fn back(model: &mut Model) {
    let Some(place) = model.jumps.0.pop() else {
        return;
    };
    model.pane = place.pane;
    if let Some(row) = place.row {
        panes::select_key(model, place.pane, &row);
    }
}
