//! Draws the activity pane.

use super::Row;
use crate::console::Model;
use crate::console::live::State;
use crate::console::panes::{Measure, PaneNeed};
use crate::console::state::state;
use crate::console::view::look::{Glyph, Tone};
use crate::console::view::piece::{Cells, Piece};
use crate::console::{words, workflows};
use crate::journal::Outcome;

/// Returns glyph and tone of a state.
pub const fn mark(state: State) -> (Glyph, Tone) {
    match state {
        State::Queued => (Glyph::Waiting, Tone::Accent),
        State::Asks => (Glyph::Warning, Tone::Warn),
        State::Running => (Glyph::Running, Tone::Accent),
        State::Stopping => (Glyph::Running, Tone::Warn),
        State::Ended(Outcome::Done) => (Glyph::Done, Tone::Good),
        State::Ended(Outcome::Partly) => (Glyph::Done, Tone::Warn),
        State::Ended(Outcome::Failed) => (Glyph::Failed, Tone::Bad),
        State::Ended(Outcome::Cancelled) | State::RolledBack | State::GivenUp | State::Replaced(_) => {
            (Glyph::Stopped, Tone::Dim)
        }
        State::Ended(Outcome::Unknown) | State::Open => (Glyph::Warning, Tone::Warn),
    }
}

/// Width of the time after the state, in columns.
const WHEN: usize = 18;
/// Below this width a row shows only title and state.
const NARROW: usize = 50;
/// Columns for the essential part of a row.
const BRIEF: usize = 36;
/// Columns without any row.
const SHORTEST: usize = 30;
/// Longest row, in columns; a longer one is cut.
const LONGEST: usize = 96;
/// Number of rows measured, newest first.
const MEASURED: usize = 200;

/// Column widths that all rows need, not only the visible ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The state with its sign, and two blanks.
    state: usize,
    title: usize,
}

state!(Needs);

impl Needs {
    /// Returns the columns the pane needs.
    pub fn pane(&self) -> PaneNeed {
        let full = self.state + WHEN + self.title;
        let brief = full.clamp(SHORTEST, BRIEF);
        PaneNeed::inside(brief, full.clamp(brief, LONGEST))
    }

    /// Grows to include `other`.
    pub fn grow(&mut self, other: Self) {
        self.state = self.state.max(other.state);
        self.title = self.title.max(other.title);
    }
}

/// Measures the rows.
pub fn measure(model: &mut Model, measure: Measure) {
    let needs = needs(model);
    let known = model.state_mut::<Needs>();
    if measure == Measure::Again {
        *known = Needs::default();
    }
    known.grow(needs);
}

/// Returns the widths that the rows need.
pub fn needs(model: &Model) -> Needs {
    let mut needs = Needs::default();
    for row in model.run_rows().rows().iter().take(MEASURED) {
        let (state, glyph, _) = standing(model, row);
        let sign = words::width(model.setting.look.glyph(glyph));
        needs.grow(Needs {
            state: sign + 1 + words::width(&state) + 2,
            title: words::width(&model.short_title(&row.title)),
        });
    }
    needs
}

/// Returns label, glyph and tone of a row's state.
fn standing(model: &Model, row: &Row) -> (String, Glyph, Tone) {
    let record = model.record(&row.run).filter(|_| row.percent.is_none());
    let (state, glyph, tone) = record
        .and_then(|record| workflows::standing(model, record))
        .unwrap_or_else(|| {
            let (glyph, tone) = mark(row.state);
            (row.state.word().to_owned(), glyph, tone)
        });
    match row.percent {
        Some(percent) => (format!("{state} {percent}%"), glyph, tone),
        None => (state, glyph, tone),
    }
}

/// Returns the cells of one row.
pub fn row(model: &Model, row: &Row, width: usize) -> Cells {
    let mut cells = Cells::new(width);
    let (state, glyph, tone) = standing(model, row);
    let title = model.short_title(&row.title);
    let sign = model.setting.look.glyph(glyph);
    if width < NARROW {
        // The title is more useful than the start time.
        cells.put(sign, 2, tone);
        cells.put(&title, width.saturating_sub(2 + 12), Tone::Plain);
        cells.push(Piece::new(state, tone));
        return cells;
    }
    let when = row.started_at.map(words::minute).unwrap_or_default();
    cells.put(&format!("{sign} {state}"), model.state::<Needs>().state, tone);
    cells.put(&when, WHEN, Tone::Dim);
    cells.push(Piece::new(title, Tone::Plain));
    cells
}
