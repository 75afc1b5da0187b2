//! Draws the releases pane.

use super::Row;
use crate::console::Model;
use crate::console::view::look::{Glyph, Tone};
use crate::console::view::piece::{Cells, Piece};
use crate::console::words;

/// From this width on a row shows date and tags too.
pub const WIDE: u16 = 70;
/// Columns of a tag.
const TAG: usize = 12;

/// What stands in the title beside the name.
pub fn note(model: &Model) -> Option<String> {
    let rows = model.panes.releases.rows();
    let new = rows.iter().filter(|r| r.label == super::Label::New).count();
    (new > 0).then(|| format!("{new} new"))
}

/// The headings over the rows.
pub fn heading(model: &Model, width: usize) -> Cells {
    let mut cells = Cells::new(width);
    cells.put("  release", 15, Tone::Dim);
    cells.put("standing", 15, Tone::Dim);
    cells.put("made", 12, Tone::Dim);
    for charm in model.workspace().fed_charms() {
        cells.put(model.short(&charm.name), TAG, Tone::Dim);
    }
    cells
}

/// One row.
pub fn row(model: &Model, row: &Row, width: usize) -> Cells {
    let mut cells = Cells::new(width);
    let look = &model.setting.look;
    let held = row.held.then(|| format!("{} held", look.glyph(Glyph::Held)));
    let oddity = row
        .oddity
        .map(|word| format!("{} {word}", look.glyph(Glyph::Warning)));
    let signs: Vec<String> = held.into_iter().chain(oddity).collect();
    let signs = signs.join(" ");
    let label = row.label.words();
    if width < usize::from(WIDE) - 2 {
        cells.put(row.name.as_str(), 13, Tone::Strong);
        cells.put(&label, words::width(&label) + 1, row.label.tone());
        cells.push(Piece::new(signs, Tone::Warn));
        return cells;
    }
    cells.put(row.name.as_str(), 13, Tone::Strong);
    cells.put(&label, 15, row.label.tone());
    cells.put(&row.made.map(words::day).unwrap_or_default(), 12, Tone::Dim);
    // What is odd about it says more than the last of its tags.
    let room = cells.left().saturating_sub(words::width(&signs));
    for tag in row.tags.iter().take(room / TAG) {
        cells.put(tag, TAG, Tone::Plain);
    }
    cells.push(Piece::new(signs, Tone::Warn));
    cells
}

/// What is said where there is no row.
pub fn empty(model: &Model) -> &'static str {
    if model.workspace().upstream.is_none() {
        "this workspace names no upstream"
    } else {
        "no releases known yet"
    }
}
