//! Draws the activity pane.

use super::Row;
use crate::console::Model;
use crate::console::live::State;
use crate::console::view::look::{Glyph, Tone};
use crate::console::view::piece::{Cells, Piece};
use crate::console::words;
use crate::journal::Outcome;

/// Glyph and tone of a state.
pub const fn mark(state: State) -> (Glyph, Tone) {
    match state {
        State::Queued => (Glyph::Waiting, Tone::Accent),
        State::Asks => (Glyph::Warning, Tone::Warn),
        State::Running => (Glyph::Running, Tone::Accent),
        State::Stopping => (Glyph::Running, Tone::Warn),
        State::Ended(Outcome::Done) => (Glyph::Done, Tone::Good),
        State::Ended(Outcome::Partly) => (Glyph::Done, Tone::Warn),
        State::Ended(Outcome::Failed) => (Glyph::Failed, Tone::Bad),
        State::Ended(Outcome::Cancelled) | State::RolledBack => (Glyph::Stopped, Tone::Dim),
        State::Ended(Outcome::Unknown) | State::Open => (Glyph::Warning, Tone::Warn),
    }
}

/// One row.
pub fn row(model: &Model, row: &Row, width: usize) -> Cells {
    let mut cells = Cells::new(width);
    let (glyph, tone) = mark(row.state);
    let mut state = row.state.word().to_owned();
    if let Some(percent) = row.percent {
        state = format!("{state} {percent}%");
    }
    let title = model.short_title(&row.title);
    let sign = model.setting.look.glyph(glyph);
    if width < 50 {
        // What it does says more than when it began.
        cells.put(sign, 2, tone);
        cells.put(&title, width.saturating_sub(2 + 12), Tone::Plain);
        cells.push(Piece::new(state, tone));
        return cells;
    }
    let when = row.started_at.map(words::minute).unwrap_or_default();
    cells.put(&format!("{sign} {state}"), 18, tone);
    cells.put(&when, 18, Tone::Dim);
    cells.push(Piece::new(title, Tone::Plain));
    cells
}
