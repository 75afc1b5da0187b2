//! Draws what can follow a prefix key, at the lower right over the footer and the tour's line, which
//! stay whole; without borders on lines of its own.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::look::Tone;
use super::piece::Piece;
use super::{Drawn, boxed, clear, line};
use crate::console::actions::{self, Availability};
use crate::console::layout::layout;
use crate::console::{Model, Msg, words};

/// Widest box.
const COLUMNS: u16 = 64;

/// Draws it where a prefix key waits for the next one.
pub fn draw(model: &Model, frame: &mut Frame, drawn: &mut Drawn) {
    let Some(prefix) = model.pending else {
        return;
    };
    let entries = actions::following(model, prefix);
    let keys = entries.iter().map(|(key, _)| words::width(&key.to_string()));
    let keys = keys.max().unwrap_or(1);
    let lines: Vec<Vec<Piece>> = entries
        .iter()
        .map(|(key, spec)| {
            let key = words::pad(&key.to_string(), keys);
            match (spec.availability)(model) {
                Availability::Disabled(reason) => vec![Piece::new(
                    format!(" {key}  {}: not now: {reason}", spec.title),
                    Tone::Dim,
                )],
                _ => vec![
                    Piece::new(format!(" {key}  "), Tone::Accent),
                    Piece::new(spec.title, Tone::Plain),
                ],
            }
        })
        .collect();
    let columns = |pieces: &Vec<Piece>| {
        pieces
            .iter()
            .map(|piece| words::width(&piece.text))
            .sum::<usize>()
    };
    let title = format!("{prefix} …  esc drops it");
    let widest = lines
        .iter()
        .map(columns)
        .max()
        .unwrap_or(0)
        .max(words::width(&title) + 2);
    // Without borders nobody could tell where the box ends and the line under it goes on.
    let width = if model.setting.look.borders {
        u16::try_from(widest + 3)
            .unwrap_or(COLUMNS)
            .min(COLUMNS)
            .min(model.columns)
    } else {
        model.columns
    };
    let places = layout(model);
    let bottom = places.hint.unwrap_or(places.footer).y;
    let height = u16::try_from(lines.len() + 2)
        .unwrap_or(u16::MAX)
        .min(bottom.saturating_sub(places.header.bottom()));
    let area = Rect::new(
        model.columns - width,
        bottom.saturating_sub(height),
        width,
        height,
    );
    clear(frame, area);
    let inner = boxed(model, frame, area, &title, None, true);
    for (((_, spec), pieces), y) in entries.iter().zip(lines).zip(inner.y..inner.bottom()) {
        let rect = Rect::new(inner.x, y, inner.width, 1);
        line(model, frame, rect, pieces, false);
        drawn.hit(rect, Msg::Act(spec.id));
    }
}
