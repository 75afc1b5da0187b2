//! Draws the charms pane.

use super::{NewestRevision, Row, What};
use crate::console::Model;
use crate::console::panes::{Measure, PaneNeed};
use crate::console::state::state;
use crate::console::view::look::{Glyph, Tone};
use crate::console::view::piece::{Cells, Piece};
use crate::console::words;

/// Width of a number with a space after it, in columns.
const NUMBER: usize = 7;
/// The same in a narrow pane.
const SHORT_NUMBER: usize = 5;
/// Largest width of an image in a narrow pane.
const SHORT_IMAGE: usize = 14;
/// Width of a day with a space after it.
const DAY: usize = 11;
/// Width of an image with a space after it.
const IMAGE: usize = 22;
/// Width of the number of a nested revision.
const REVISION: usize = 10;
/// Columns for the essential part of a row.
const BRIEF: usize = 32;
/// Longest row, in columns; a longer one is cut.
const LONGEST: usize = 96;

/// Column widths that all rows need, not only the visible ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    name: usize,
    image: usize,
    full: usize,
}

state!(Needs);

impl Needs {
    /// Returns the columns the pane needs.
    pub fn pane(&self) -> PaneNeed {
        PaneNeed::inside(BRIEF, self.full.clamp(BRIEF, LONGEST))
    }

    /// Grows to include `other`.
    pub fn grow(&mut self, other: Self) {
        self.name = self.name.max(other.name);
        self.image = self.image.max(other.image);
        self.full = self.full.max(other.full);
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
    let rows = model.charm_rows().rows();
    let names = rows.iter().filter_map(|row| match &row.what {
        What::Charm(_) => Some(words::width(row.charm.as_str())),
        What::Resource { name, .. } => Some(words::width(name.as_str()) + 2),
        _ => None,
    });
    let name = names.max().unwrap_or(0) + 1;
    let full = rows.iter().map(|row| match &row.what {
        What::Charm(newest) => {
            let refused = newest.as_ref().and_then(|one| one.refusal.as_ref());
            let refused = refused.map_or(0, |refusal| words::width(refusal.as_str()) + 2);
            name + NUMBER + DAY + refused.max(if row.bundle { 7 } else { 0 })
        }
        What::Resource { image, .. } => name + NUMBER + image.as_deref().map_or(0, words::width),
        What::Revision {
            served,
            status,
            refusal,
            ..
        } => {
            let served = served.iter().map(|one| words::width(&one.to_string()) + 1);
            let status = refusal.as_ref().unwrap_or(status);
            REVISION + DAY + served.sum::<usize>().max(words::width(status.as_str()) + 2)
        }
        What::Held { .. } => REVISION + DAY + IMAGE + 18,
        What::Problem(_) => 0,
    });
    let images = rows.iter().filter_map(|row| match &row.what {
        What::Resource { image, .. } => image.as_deref().map(words::width),
        _ => None,
    });
    Needs {
        full: full.max().unwrap_or(0),
        image: images.max().unwrap_or(0),
        name,
    }
}

/// Returns the cells of one row.
pub fn row(model: &Model, row: &Row, width: usize) -> Cells {
    let look = &model.setting.look;
    let mut cells = Cells::new(width);
    let name_width = model.state::<Needs>().name;
    let wide = width >= name_width + NUMBER + DAY;
    match &row.what {
        What::Charm(newest) => {
            let refusal = newest.as_ref().and_then(|one| one.refusal.as_ref());
            let sign = refusal.map_or("", |_| look.glyph(Glyph::Failed));
            let room = width.saturating_sub(if refusal.is_some() { NUMBER + 1 } else { 6 });
            let name = if words::width(row.charm.as_str()) <= room {
                row.charm.as_str()
            } else {
                model.short(&row.charm)
            };
            let column = if wide { name_width } else { room };
            cells.put(name, column, Tone::Strong);
            match newest {
                Some(NewestRevision { revision, at, .. }) => {
                    let number = format!("{revision:>5}");
                    if refusal.is_some() {
                        cells.put(&number, NUMBER - 1, Tone::Dim);
                        cells.put(sign, 2, Tone::Bad);
                    } else {
                        cells.put(&number, NUMBER, Tone::Plain);
                    }
                    if wide {
                        cells.push(Piece::new(words::day(*at), Tone::Dim));
                    }
                    if let Some(refusal) = refusal.filter(|_| wide) {
                        cells.push(Piece::new(format!("  {refusal}"), Tone::Bad));
                    }
                }
                None => cells.push(Piece::new("    ?", Tone::Dim)),
            }
            if row.bundle && wide {
                cells.push(Piece::new("  bundle", Tone::Dim));
            }
        }
        What::Resource { name, newest, image } => {
            let number = newest.map_or_else(
                || look.glyph(Glyph::Nothing).to_string(),
                |revision| revision.to_string(),
            );
            let image = image.as_deref().unwrap_or_default();
            if wide {
                cells.put(&format!("  {name}"), name_width, Tone::Plain);
                cells.put(&format!("{number:>5}"), NUMBER, Tone::Plain);
                cells.push(Piece::new(image, Tone::Dim));
            } else {
                // The name is shortened for the image, but keeps a few letters.
                let beside = SHORT_NUMBER + model.state::<Needs>().image.min(SHORT_IMAGE);
                let column = width.saturating_sub(beside).clamp(10, name_width.max(10));
                cells.put(&format!("  {name}"), column, Tone::Plain);
                cells.put(&number, SHORT_NUMBER, Tone::Plain);
                cells.push(Piece::new(image, Tone::Dim));
            }
        }
        What::Revision {
            revision,
            at,
            status,
            refusal,
            served,
        } => {
            let tone = if refusal.is_none() { Tone::Plain } else { Tone::Dim };
            cells.put(&format!("    {revision}"), REVISION, tone);
            cells.put(&words::day(*at), DAY, Tone::Dim);
            let served: Vec<String> = served.iter().map(ToString::to_string).collect();
            if let Some(refusal) = refusal {
                let sign = look.glyph(Glyph::Failed);
                cells.push(Piece::new(format!("{sign} {refusal}"), Tone::Bad));
            } else if served.is_empty() {
                cells.push(Piece::new(status.to_string(), Tone::Dim));
            } else {
                cells.push(Piece::new(served.join(" "), Tone::Good));
            }
        }
        What::Held {
            revision,
            at,
            image,
            release,
            ..
        } => {
            cells.put(&format!("    {revision}"), REVISION, Tone::Plain);
            cells.put(&words::day(*at), DAY, Tone::Dim);
            let image = image.as_deref().unwrap_or("…");
            if width >= REVISION + DAY + IMAGE + 18 {
                cells.put(image, IMAGE, Tone::Plain);
                if let Some(release) = release {
                    cells.push(Piece::new(format!("release {release}"), Tone::Good));
                }
            } else {
                cells.push(Piece::new(image, Tone::Dim));
            }
        }
        What::Problem(problem) => {
            cells.push(Piece::new(
                format!("  {} {}", look.glyph(Glyph::Failed), problem.summary),
                Tone::Bad,
            ));
        }
    }
    cells
}
