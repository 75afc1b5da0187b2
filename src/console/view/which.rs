//! Draws what can follow a prefix key, at the lower right above the footer and the tour's line;
//! without borders on separate lines.
//!
//! Keys that do not fit are counted in the box.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::look::Tone;
use super::piece::Piece;
use super::{Drawn, boxed, clear, line};
use crate::console::actions::{self, Availability};
use crate::console::layout::layout;
use crate::console::{Model, Msg, words};

/// Largest width of the box, in columns.
const COLUMNS: u16 = 64;
/// Columns that a key and its title need if keys are shown side by side.
const BESIDE: u16 = 18;

/// Draws the box while a prefix key waits for the next one.
pub fn draw(model: &Model, frame: &mut Frame, drawn: &mut Drawn) {
    let Some(prefix) = model.pending else {
        return;
    };
    let entries = actions::following(model, prefix);
    let keys = entries.iter().map(|(key, _)| words::width(&key.to_string()));
    let keys = keys.max().unwrap_or(1);
    let lines: Vec<(Msg, Vec<Piece>)> = entries
        .iter()
        .map(|(key, spec)| {
            let key = words::pad(&key.to_string(), keys);
            let pieces = match (spec.availability)(model) {
                Availability::Disabled(reason) => vec![Piece::new(
                    format!(" {key}  {}: not available: {reason}", spec.title),
                    Tone::Dim,
                )],
                _ => vec![
                    Piece::new(format!(" {key}  "), Tone::Accent),
                    Piece::new(spec.title, Tone::Plain),
                ],
            };
            (Msg::Act(spec.id), pieces)
        })
        .collect();
    let title = format!("{prefix} …  esc: cancel");
    let grid = grid(model, &lines, words::width(&title));
    clear(frame, grid.area);
    let inner = boxed(model, frame, grid.area, &title, None, true);
    let columns = inner.width / grid.beside;
    let hidden = lines.len().saturating_sub(usize::from(grid.beside * grid.rows));
    let places = (0..grid.beside).flat_map(|beside| (0..grid.rows).map(move |below| (beside, below)));
    for ((beside, below), (msg, pieces)) in places.zip(lines) {
        let rect = Rect::new(inner.x + beside * columns, inner.y + below, columns, 1);
        line(model, frame, rect, pieces, false);
        drawn.hit(rect, msg);
    }
    if hidden > 0 && inner.height > grid.rows {
        let rect = Rect::new(inner.x, inner.y + grid.rows, inner.width, 1);
        let text = format!(" … {hidden} more");
        line(model, frame, rect, vec![Piece::new(text, Tone::Dim)], false);
    }
}

/// The box, and the number of its columns and rows of keys.
struct Grid {
    area: Rect,
    beside: u16,
    rows: u16,
}

/// Returns the box above the tour's line and the footer. Without borders it takes whole lines, so
/// that a screen reader does not join two texts.
fn grid(model: &Model, lines: &[(Msg, Vec<Piece>)], title: usize) -> Grid {
    let places = layout(model);
    let bottom = places.hint.unwrap_or(places.footer).y;
    let count = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let below = bottom
        .saturating_sub(places.header.bottom() + 2)
        .clamp(1, count.max(1));
    let beside = count
        .div_ceil(below)
        .clamp(1, (model.columns.min(COLUMNS) / BESIDE).max(1));
    let all = beside * below >= count;
    // Distributed evenly, so that the last column is not nearly empty.
    let rows = if all {
        count.div_ceil(beside)
    } else {
        below.saturating_sub(1)
    };
    let height = if all { rows } else { below } + 2;
    let widest = lines
        .iter()
        .map(|(_, pieces)| columns_of(pieces))
        .max()
        .unwrap_or(0);
    let widest = u16::try_from(widest + 1).unwrap_or(COLUMNS);
    let least = u16::try_from(title + 3).unwrap_or(COLUMNS);
    let width = if model.setting.look.borders {
        let all = (widest.saturating_mul(beside) + 2).max(least + 2);
        all.min(COLUMNS).min(model.columns)
    } else {
        model.columns
    };
    Grid {
        area: Rect::new(
            model.columns - width,
            bottom.saturating_sub(height),
            width,
            height,
        ),
        beside,
        rows,
    }
}

fn columns_of(pieces: &[Piece]) -> usize {
    pieces.iter().map(|piece| words::width(&piece.text)).sum()
}
