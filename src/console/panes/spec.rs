//! Describes a pane: its place, its actions, its rows and the state of its data.

use super::id::{PaneId, PaneNeed, PanePlace};
use super::sources::Sources;
use crate::console::Model;
use crate::console::actions::{ActionId, Availability, Scope};
use crate::console::effect::Effect;
use crate::console::listing::{AnyList, Keyed, Listing};
use crate::console::state::state;
use crate::console::view::piece::Cells;
use crate::domain::Source;

/// Everything known about a pane.
pub struct PaneSpec {
    /// Its id, which is its title.
    pub id: PaneId,
    /// A short title for narrow screens.
    pub short_title: &'static str,
    /// Why its actions need it, shown in other panes.
    pub first: &'static str,
    /// Where it is on a large screen.
    pub place: PanePlace,
    /// The scope of the actions on its rows.
    pub scope: Scope,
    /// The action that leads to it.
    pub go: ActionId,
    /// The action that opens a row; also a double click.
    pub open: ActionId,
    /// Its list.
    pub list: fn(&Model) -> &dyn AnyList,
    /// Its list for changes.
    pub list_mut: fn(&mut Model) -> &mut dyn AnyList,
    /// Builds its rows from the snapshot and the journal.
    pub rebuild: fn(&mut Model),
    /// True if its rows depend on the runs of this console.
    pub shows_runs: bool,
    /// Returns the columns that its rows need.
    pub need: fn(&Model) -> PaneNeed,
    /// Measures its rows: wider ones than before, or all again.
    pub measure: fn(&mut Model, Measure),
    /// Returns true if it has a line of headings at this width, borders included.
    pub has_heading: fn(u16) -> bool,
    /// Returns the headings for this width inside the border.
    pub heading: fn(&Model, usize) -> Cells,
    /// Returns the cells of a row for a width.
    pub row: fn(&Model, usize, usize) -> Cells,
    /// Returns the page that the first word of a row links to.
    pub row_page: fn(&Model, usize) -> Option<String>,
    /// Shows what is selected.
    pub show: fn(&mut Model) -> Vec<Effect>,
    /// Returns what is copied of the selected row.
    pub copied: fn(&Model) -> Option<String>,
    /// Returns the page of the selected row.
    pub page: fn(&Model) -> Option<String>,
    /// Returns whether that page can be opened.
    pub can_browse: fn(&Model) -> Availability,
    /// Returns a note after its title.
    pub note: fn(&Model) -> Option<String>,
    /// Returns a line for its lower border, of at most so many columns.
    pub foot: fn(&Model, usize) -> Option<String>,
    /// The state of its data.
    pub status: StatusSpec,
}

/// Whether earlier measures of column widths count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Widths only grow.
    Grow,
    /// Earlier ones are forgotten.
    Again,
}

/// How the state of a pane's data is determined and said.
pub struct StatusSpec {
    /// Returns what its data is read from.
    pub sources: for<'m> fn(&'m Model) -> Sources<'m>,
    /// What a refresh reads for it; nothing if its data comes from the journal.
    pub read: &'static [Source],
    /// True if a problem is shown above its rows.
    pub has_banner: bool,
    /// Returns a text if the workspace configures nothing that it could show.
    pub nothing_named: fn(&Model) -> Option<&'static str>,
    /// Returns what it lists, for a filter without a match.
    pub things: fn(&Model) -> String,
    /// Returns what is being read.
    pub asking: fn(&Model) -> String,
    /// Returns that it has no rows, and what to do.
    pub none: fn(&Model) -> String,
}

impl PaneSpec {
    /// A pane without rows, to start from.
    pub const EMPTY: Self = Self {
        id: PaneId::new(""),
        short_title: "",
        first: "focus the pane first",
        place: PanePlace::Alone,
        scope: Scope::PANES,
        go: ActionId::new(""),
        open: ActionId::OPEN,
        list: |model| model.state::<Listing<NoRow>>(),
        list_mut: |model| model.state_mut::<Listing<NoRow>>(),
        rebuild: |_| {},
        shows_runs: false,
        need: |_| PaneNeed { brief: 0, full: 0 },
        measure: |_, _| {},
        has_heading: |_| false,
        heading: |_, width| Cells::new(width),
        row: |_, _, width| Cells::new(width),
        row_page: |_, _| None,
        show: |_| Vec::new(),
        copied: |_| None,
        page: |_| None,
        can_browse: |_| Availability::Hidden,
        note: |_| None,
        foot: |_, _| None,
        status: StatusSpec {
            sources: |_| Sources::default(),
            read: &[],
            has_banner: false,
            nothing_named: |_| None,
            things: |_| String::new(),
            asking: |_| String::new(),
            none: |_| "nothing to show".to_owned(),
        },
    };
}

/// The rows of a pane without rows.
#[derive(Clone, Debug)]
enum NoRow {}

impl Keyed for NoRow {
    fn key(&self) -> &str {
        match *self {}
    }

    fn words(&self) -> String {
        match *self {}
    }
}

state!(Listing<NoRow>);

impl std::fmt::Debug for PaneSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.id.fmt(f)
    }
}

impl Model {
    /// Returns what is known about `pane`.
    pub fn pane_spec(&self, pane: PaneId) -> Option<&'static PaneSpec> {
        self.panes.iter().copied().find(|spec| spec.id == pane)
    }

    /// Returns what is known about the focused pane.
    pub fn focused(&self) -> Option<&'static PaneSpec> {
        self.pane_spec(self.pane)
    }

    /// Returns the pane whose actions are in `scope`.
    pub fn pane_of(&self, scope: Scope) -> Option<&'static PaneSpec> {
        self.panes.iter().copied().find(|spec| spec.scope == scope)
    }

    /// Returns the number of `pane`, from 1.
    pub fn pane_number(&self, pane: PaneId) -> usize {
        self.panes.iter().position(|spec| spec.id == pane).unwrap_or(0) + 1
    }
}
