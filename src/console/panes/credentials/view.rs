//! Draws the credentials pane: a bar to the end of each, and the facts under it.

use super::Row;
use super::state::tone;
use crate::console::Model;
use crate::console::view::look::{Glyph, Tone};
use crate::console::view::piece::{Cells, Piece};
use crate::console::words;
use crate::domain::snapshot::Standing;

/// Days that a full bar stands for: the longest life of a token here.
const FULL_BAR_DAYS: f64 = 183.0;

/// The words of a standing, for people.
pub const fn standing_words(standing: Standing) -> &'static str {
    match standing {
        Standing::Known => "known",
        Standing::Stale => "stale",
        Standing::Absent => "none",
        Standing::Forbidden => "not accepted",
        Standing::Unknown => "unknown",
        Standing::NotAsked => "not asked yet",
    }
}

/// One row.
pub fn row(model: &Model, row: &Row, width: usize) -> Cells {
    let look = &model.setting.look;
    let mut cells = Cells::new(width);
    match row {
        Row::Head { name, observed } => {
            cells.put(name, 16, Tone::Strong);
            match &observed.value {
                Some(facts) => {
                    let tone = tone(facts, model.now);
                    let words = facts.expires_at.map_or_else(
                        || "end unknown".to_owned(),
                        |end| words::remaining(model.now, end),
                    );
                    let stale = if observed.problem.is_some() { 6 } else { 0 };
                    let columns = width
                        .saturating_sub(16 + words::width(&words) + 4 + stale)
                        .min(24);
                    if let (Some(days), true) = (facts.days_left(model.now), columns >= 6) {
                        let (full, empty) = look.bar();
                        let bar = words::bar(days as f64 / FULL_BAR_DAYS, columns, full, empty);
                        cells.push(Piece::new(format!("{bar} "), tone));
                    }
                    cells.push(Piece::new(words, tone));
                    if tone == Tone::Warn || tone == Tone::Bad {
                        cells.push(Piece::new(format!(" {}", look.glyph(Glyph::Warning)), tone));
                    }
                    if observed.problem.is_some() {
                        cells.push(Piece::new(" stale", Tone::Warn));
                    }
                }
                None => cells.push(Piece::new(standing_words(observed.standing()), Tone::Warn)),
            }
        }
        Row::Fact {
            label, text, tone, ..
        } => {
            cells.put(&format!("  {label}"), 11, Tone::Dim);
            cells.push(Piece::new(text.clone(), *tone));
        }
    }
    cells
}
