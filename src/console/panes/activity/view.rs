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
        State::Running => (Glyph::Running, Tone::Accent),
        State::Stopping => (Glyph::Running, Tone::Warn),
        State::Ended(Outcome::Done) => (Glyph::Done, Tone::Good),
        State::Ended(Outcome::Partly) => (Glyph::Done, Tone::Warn),
        State::Ended(Outcome::Failed) => (Glyph::Failed, Tone::Bad),
        State::Ended(Outcome::Cancelled) => (Glyph::Stopped, Tone::Dim),
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
    let when = row.started_at.map_or_else(String::new, |at| {
        if width >= 70 {
            words::minute(at)
        } else {
            at.format("%d %b").to_string()
        }
    });
    let date = if width >= 70 { 18 } else { 7 };
    cells.put(
        &format!("{} {state}", model.setting.look.glyph(glyph)),
        if width >= 70 { 20 } else { 12 },
        tone,
    );
    cells.put(&when, date, Tone::Dim);
    cells.push(Piece::new(row.title.clone(), Tone::Plain));
    cells
}
