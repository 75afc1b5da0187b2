//! Draws the channels pane: a table of tracks and risks.

use super::state::{Cell, FLOW, Row};
use crate::console::Model;
use crate::console::view::look::{Glyph, Look, Tone};
use crate::console::view::piece::{Cells, Piece};
use crate::console::words;
use crate::domain::Track;

const TRACK: usize = 10;
/// Columns below which a cell says nothing.
const LEAST: usize = 7;
/// Wider than this neighbours would not look like neighbours.
const WIDEST: usize = 40;

fn charm_width(model: &Model, width: usize) -> usize {
    let most = if width >= 100 { 18 } else { 12 };
    let longest = model
        .workspace()
        .charms
        .iter()
        .map(|c| words::width(model.short(&c.name)));
    longest.max().unwrap_or(8).clamp(5, most) + 1
}

/// A risk that nothing is released to takes the room of its heading; the others share the rest.
fn cell_widths(model: &Model, width: usize) -> [usize; 4] {
    let left = width.saturating_sub(charm_width(model, width) + TRACK);
    let mut widths = [0; 4];
    for ((risk, closed), own) in FLOW.iter().zip(model.panes.closed).zip(&mut widths) {
        if closed {
            *own = risk.as_str().len() + 2;
        }
    }
    let taken: usize = widths.iter().sum();
    let open = widths.iter().filter(|own| **own == 0).count().max(1);
    let each = left.saturating_sub(taken) / open;
    if each < LEAST {
        // What nothing is released to gives its room to what there is to see.
        return model
            .panes
            .closed
            .map(|closed| if closed { 0 } else { left / open });
    }
    let each = each.min(WIDEST);
    widths.map(|own| if own == 0 { each } else { own })
}

/// The headings over the rows.
pub fn heading(model: &Model, width: usize) -> Cells {
    let mut cells = Cells::new(width);
    cells.put("", 2, Tone::Dim);
    cells.put("charm", charm_width(model, width.saturating_sub(2)), Tone::Dim);
    cells.put("track", TRACK, Tone::Dim);
    for (risk, columns) in FLOW.iter().zip(cell_widths(model, width.saturating_sub(2))) {
        cells.put(risk.as_str(), columns, Tone::Dim);
    }
    cells
}

/// One row.
pub fn row(model: &Model, row: &Row, width: usize) -> Cells {
    let mut cells = Cells::new(width);
    cells.put(&row.short, charm_width(model, width), Tone::Strong);
    let track = match &row.branch {
        Some(branch) => format!("{}/{branch}", row.track),
        None => row.track.to_string(),
    };
    let tone = if row.track == Track::latest() {
        Tone::Plain
    } else {
        Tone::Dim
    };
    cells.put(&track, TRACK, tone);
    for (cell, columns) in row.cells.iter().zip(cell_widths(model, width)) {
        let pieces = cell_pieces(&model.setting.look, cell, columns.saturating_sub(1));
        cells.put_pieces(pieces, columns);
    }
    cells
}

fn cell_pieces(look: &Look, cell: &Cell, columns: usize) -> Vec<Piece> {
    let Cell::Open {
        revision,
        image,
        known,
        behind,
        more,
    } = cell
    else {
        return vec![Piece::new(look.glyph(Glyph::Nothing), Tone::Dim)];
    };
    let mark = match (known, behind) {
        (_, true) => Some((format!(" {} behind", look.glyph(Glyph::Warning)), Tone::Warn)),
        (true, false) => Some((format!(" {}", look.glyph(Glyph::Done)), Tone::Good)),
        (false, false) => None,
    };
    let mut text = revision.clone();
    if *more > 0 {
        text.push_str(&format!(" +{more}"));
        if words::width(&text) > columns {
            text = format!("{revision}+");
        }
    }
    let mut pieces = vec![Piece::new(text.clone(), Tone::Plain)];
    let mut used = words::width(&text);
    let reserve = mark.as_ref().map_or(0, |(mark, _)| words::width(mark));
    if let Some(image) = image {
        let image = format!(" {} {image}", look.glyph(Glyph::Dot));
        let room = columns.saturating_sub(used + reserve);
        if room >= 5 {
            let image = words::cut(&image, room);
            used += words::width(&image);
            pieces.push(Piece::new(image, if *known { Tone::Plain } else { Tone::Dim }));
        }
    }
    if let Some((mark, tone)) = mark {
        pieces.push(Piece::new(words::cut(&mark, columns.saturating_sub(used)), tone));
    }
    pieces
}
