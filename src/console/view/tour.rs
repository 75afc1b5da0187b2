//! Draws the tour's hint on the line above the footer.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::look::Tone;
use super::piece::Piece;
use crate::console::{Model, tour};

/// Draws the hint.
pub fn draw(model: &Model, area: Rect, frame: &mut Frame) {
    let Some((number, text, drop)) = tour::hint(model) else {
        return;
    };
    let pieces = vec![
        Piece::new(format!(" {number}  "), Tone::Dim),
        Piece::new(text, Tone::Accent),
        Piece::new(format!("  {drop}"), Tone::Dim),
    ];
    super::line(model, frame, area, pieces, false);
}
