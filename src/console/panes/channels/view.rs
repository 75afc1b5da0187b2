//! Draws the channels pane: a table of tracks and risks.

use super::state::{Cell, FLOW, Row};
use crate::console::Model;
use crate::console::panes::{Measure, PaneNeed};
use crate::console::state::state;
use crate::console::view::columns;
use crate::console::view::look::{Glyph, Look, Tone};
use crate::console::view::piece::{Cells, Piece};
use crate::console::words;
use crate::domain::{Risk, Track};

/// Width of a track if there is space, and width of `latest` with a space after it.
const TRACK: (usize, usize) = (10, 7);
/// Below this width every column is used.
const NARROW: usize = 60;
/// Least width of a version and its mark, in columns.
const LEAST: usize = 10;
/// Width of most cells: a revision, its bases, a version and a mark.
const USUAL: usize = 18;
/// From this width on a charm's name gets all the space it can use.
const WIDEST_ROW: usize = 100;
/// Largest width of a column; beyond it neighbours are too far apart.
const WIDEST: usize = 40;

/// Column widths that all rows need, not only the visible ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    charm: usize,
    track: usize,
    /// By risk, in order of promotion; 0 if nothing is released to it.
    risks: [usize; 4],
}

state!(Needs);

impl Needs {
    /// Returns the columns the pane needs.
    pub fn pane(&self) -> PaneNeed {
        let cells = |open: &dyn Fn(usize) -> usize| -> usize {
            let cells = FLOW.iter().zip(self.risks);
            let columns = cells.map(|(risk, need)| match need {
                0 => heading_width(*risk),
                _ => heading_width(*risk).max(open(need)),
            });
            columns.sum()
        };
        let brief = self.charm.min(13) + TRACK.1 + cells(&|need| need.min(LEAST));
        let full = self.charm + self.track.max(TRACK.0) + cells(&|need| need.max(USUAL));
        PaneNeed::inside(brief, full)
    }

    /// Grows to include `other`.
    pub fn grow(&mut self, other: Self) {
        self.charm = self.charm.max(other.charm);
        self.track = self.track.max(other.track);
        for (need, other) in self.risks.iter_mut().zip(other.risks) {
            *need = (*need).max(other);
        }
    }
}

const fn heading_width(risk: Risk) -> usize {
    risk.as_str().len() + 2
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

/// Returns the widths that the rows need, each column with a space after it.
pub fn needs(model: &Model) -> Needs {
    let look = &model.setting.look;
    let mut needs = Needs {
        charm: charm_width(model, WIDEST_ROW),
        ..Needs::default()
    };
    for row in model.channel_rows().rows() {
        needs.track = needs.track.max(words::width(&track(row)) + 1);
        for (need, cell) in needs.risks.iter_mut().zip(&row.cells) {
            if *cell != Cell::Closed {
                let columns = columns_of(&cell_pieces(look, cell, usize::MAX));
                *need = (*need).max(columns + 1);
            }
        }
    }
    needs
}

fn charm_width(model: &Model, width: usize) -> usize {
    let most = match width {
        ..NARROW => 8,
        NARROW..WIDEST_ROW => 12,
        _ => 18,
    };
    let longest = model
        .workspace()
        .charms
        .iter()
        .map(|c| words::width(model.short(&c.name)));
    longest.max().unwrap_or(8).clamp(5, most) + 1
}

fn track_width(model: &Model, width: usize) -> usize {
    let (usual, least) = TRACK;
    if width < NARROW {
        model.state::<Needs>().track.clamp(least, usual)
    } else {
        usual
    }
}

/// Returns the width of each risk: a risk without releases gets the width of its heading; the
/// others what their cells need, and a share of the rest.
fn cell_widths(model: &Model, width: usize) -> [usize; 4] {
    let left = width.saturating_sub(charm_width(model, width) + track_width(model, width));
    let needs = model.state::<Needs>().risks;
    let mut widths = FLOW.map(heading_width);
    let closed: usize = widths
        .iter()
        .zip(&needs)
        .filter(|(_, need)| **need == 0)
        .map(|(own, _)| own)
        .sum();
    let wanted: Vec<usize> = needs
        .iter()
        .zip(&widths)
        .filter(|(need, _)| **need > 0)
        .map(|(need, heading)| *need.max(heading))
        .collect();
    let least: usize = wanted.iter().map(|need| LEAST.min(*need)).sum();
    // Risks without releases give their space to the others.
    let hidden = closed + least > left;
    let room = if hidden { left } else { left - closed };
    let mut shares = columns::share(&wanted, room, WIDEST).into_iter();
    for (own, need) in widths.iter_mut().zip(&needs) {
        if *need > 0 {
            *own = shares.next().unwrap_or_default();
        } else if hidden {
            *own = 0;
        }
    }
    widths
}

/// Returns the headings above the rows.
pub fn heading(model: &Model, width: usize) -> Cells {
    let mut cells = Cells::new(width);
    cells.put("", 2, Tone::Dim);
    cells.put("charm", charm_width(model, width.saturating_sub(2)), Tone::Dim);
    cells.put("track", track_width(model, width.saturating_sub(2)), Tone::Dim);
    for (risk, columns) in FLOW.iter().zip(cell_widths(model, width.saturating_sub(2))) {
        cells.put(risk.as_str(), columns, Tone::Dim);
    }
    cells
}

/// Returns the cells of one row.
pub fn row(model: &Model, row: &Row, width: usize) -> Cells {
    let mut cells = Cells::new(width);
    cells.put(&row.short, charm_width(model, width), Tone::Strong);
    let tone = if row.track == Track::latest() {
        Tone::Plain
    } else {
        Tone::Dim
    };
    cells.put(&track(row), track_width(model, width), tone);
    for (cell, columns) in row.cells.iter().zip(cell_widths(model, width)) {
        let pieces = cell_pieces(&model.setting.look, cell, columns.saturating_sub(1));
        cells.put_pieces(pieces, columns);
    }
    cells
}

fn track(row: &Row) -> String {
    match &row.branch {
        Some(branch) => format!("{}/{branch}", row.track),
        None => row.track.to_string(),
    }
}

fn columns_of(pieces: &[Piece]) -> usize {
    pieces.iter().map(|piece| words::width(&piece.text)).sum()
}

/// Returns a cell in at most `columns`, shortened step by step to version and mark; text is cut
/// only if no form fits.
fn cell_pieces(look: &Look, cell: &Cell, columns: usize) -> Vec<Piece> {
    let Cell::Open {
        revision,
        image,
        known,
        behind,
        more,
        mixed,
        number: _,
    } = cell
    else {
        return vec![Piece::new(look.glyph(Glyph::Nothing), Tone::Dim)];
    };
    let (short, tone) = match (known, behind) {
        _ if *mixed => (format!(" {}", look.glyph(Glyph::Warning)), Tone::Warn),
        (_, true) => (format!(" {}", look.glyph(Glyph::Warning)), Tone::Warn),
        (true, false) => (format!(" {}", look.glyph(Glyph::Done)), Tone::Good),
        (false, false) => (String::new(), Tone::Plain),
    };
    let long = if *mixed {
        format!("{short} mixed")
    } else if *behind {
        format!("{short} behind")
    } else {
        short.clone()
    };
    let (full, brief) = if *more > 0 {
        (format!("{revision} +{more}"), format!("{revision}+"))
    } else {
        (revision.clone(), revision.clone())
    };
    let version = image.as_deref().unwrap_or_default();
    let image_tone = if *known { Tone::Plain } else { Tone::Dim };
    let pieces = |revision: &str, between: &str, version: &str, mark: &str| {
        let image = if version.is_empty() {
            String::new()
        } else {
            format!("{between}{version}")
        };
        vec![
            Piece::new(revision, Tone::Plain),
            Piece::new(image, image_tone),
            Piece::new(mark, tone),
        ]
    };
    let dot = format!(" {} ", look.glyph(Glyph::Dot));
    let mut forms = vec![
        pieces(&full, &dot, version, &long),
        pieces(&brief, &dot, version, &long),
        pieces(&brief, &dot, version, &short),
        pieces(&brief, " ", version, &short),
    ];
    if *known && image.is_some() {
        forms.push(pieces("", "", version, &short));
    }
    let fits = |form: &Vec<Piece>| columns_of(form) <= columns;
    if let Some(form) = forms.into_iter().find(fits) {
        return form;
    }
    let room = columns.saturating_sub(words::width(&brief) + words::width(&short));
    let version = if room > words::width(&dot) + 1 {
        words::cut(version, room - words::width(&dot))
    } else {
        String::new()
    };
    pieces(&brief, &dot, &version, &short)
}
