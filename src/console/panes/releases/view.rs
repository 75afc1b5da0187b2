//! Draws the releases pane.

use super::Row;
use crate::console::Model;
use crate::console::panes::{Measure, PaneNeed};
use crate::console::state::state;
use crate::console::view::columns;
use crate::console::view::look::{Glyph, Look, Tone};
use crate::console::view::piece::{Cells, Piece};
use crate::console::words;

/// From this width on a row shows date and tags too.
pub const WIDE: u16 = 70;
const NAME: usize = 13;
/// Width of the longest label with a space after it, in columns.
const LABEL: usize = 13;
const MADE: usize = 12;
/// Largest width that a row without date and tags needs.
const BRIEF: usize = 38;
/// Width of a tag if there is space.
const TAG: usize = 12;
/// Longest tag; a longer one is cut.
const LONGEST: usize = 24;
/// Shortest useful part of a word, in columns.
const SOME: usize = 5;

/// Column widths that all rows need, not only the visible ones, so that columns stay in place while
/// scrolling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// True if there are rows.
    any: bool,
    standing: usize,
    tags: Vec<usize>,
}

state!(Needs);

impl Needs {
    /// Returns the columns the pane needs.
    pub fn pane(&self) -> PaneNeed {
        let brief = PaneNeed::inside((NAME + self.standing).min(BRIEF), 0).brief;
        if !self.any {
            return PaneNeed { brief, full: brief };
        }
        let tags: usize = self.tags.iter().map(|need| TAG.max(*need)).sum();
        let full = NAME + self.standing + MADE + tags;
        PaneNeed {
            full: PaneNeed::inside(0, full).full.max(usize::from(WIDE)),
            brief,
        }
    }

    /// Grows to include `other`.
    pub fn grow(&mut self, other: Self) {
        self.any |= other.any;
        self.standing = self.standing.max(other.standing);
        columns::grow(&mut self.tags, &other.tags);
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

/// Returns the widths that the rows need, each column with a space after it.
pub fn needs(model: &Model) -> Needs {
    let mut needs = Needs {
        any: !model.release_rows().rows().is_empty(),
        standing: LABEL,
        tags: tagged(model).map(|name| words::width(name) + 1).collect(),
    };
    #[cfg(test)]
    super::counted::add(model.release_rows().rows().len());
    for row in model.release_rows().rows() {
        let standing = standing(&model.setting.look, row, usize::MAX);
        let columns: usize = standing.iter().map(|piece| words::width(&piece.text)).sum();
        needs.standing = needs.standing.max(columns + 1);
        let missing = row.tags.len().saturating_sub(needs.tags.len());
        needs.tags.extend(std::iter::repeat_n(0, missing));
        for (need, tag) in needs.tags.iter_mut().zip(&row.tags) {
            *need = (*need).max(words::width(tag) + 1).min(LONGEST);
        }
    }
    needs
}

/// Returns the width of the state and of each tag shown: if not all fit, the last tags are left out
/// whole, because a cut version could be read as another one.
fn widths(model: &Model, width: usize) -> (usize, Vec<usize>) {
    let room = width.saturating_sub(NAME + MADE);
    let Needs { standing, tags, .. } = model.state::<Needs>();
    let all: usize = tags.iter().sum();
    let standing = (*standing).min(room.saturating_sub(all)).max(LABEL);
    let room = room.saturating_sub(standing);
    let mut taken = 0;
    let fitting = tags.iter().take_while(|need| {
        taken += **need;
        taken <= room
    });
    let shown = fitting.count().max(1).min(tags.len());
    let tags = tags.get(..shown).unwrap_or_default();
    (standing, columns::share(tags, room, TAG))
}

/// Returns the charm of each tag of a row.
fn tagged(model: &Model) -> impl Iterator<Item = &str> {
    let charms = model.workspace().fed_charms();
    charms.flat_map(move |charm| charm.fed().map(move |_| model.short(&charm.name)))
}

/// Returns the label with its warnings, placed where they cannot be read as part of a version: as
/// words if they fit, else as signs only.
fn standing(look: &Look, row: &Row, columns: usize) -> Vec<Piece> {
    let label = row.label.words();
    let room = columns.saturating_sub(words::width(&label) + 1);
    let held = row.held.then_some((look.glyph(Glyph::Held), "held"));
    let odd = row.oddity.map(|word| (look.glyph(Glyph::Warning), word));
    let signs: Vec<(&str, &str)> = held.into_iter().chain(odd).collect();
    let Some((_, last)) = signs.last() else {
        return vec![Piece::new(label, row.tone())];
    };
    let spoken: Vec<String> = signs
        .iter()
        .map(|(sign, word)| format!("{sign} {word}"))
        .collect();
    let spoken = spoken.join(" ");
    let least = words::width(&spoken) - words::width(last).saturating_sub(SOME);
    let told = if room >= least {
        words::cut(&spoken, room)
    } else {
        let bare: Vec<&str> = signs.iter().map(|(sign, _)| *sign).collect();
        words::cut(&bare.join(" "), room)
    };
    vec![
        Piece::new(label, row.tone()),
        Piece::new(format!(" {told}"), Tone::Warn),
    ]
}

/// Returns the note after the title.
pub fn note(model: &Model) -> Option<String> {
    let rows = model.release_rows().rows();
    let new = rows.iter().filter(|r| r.label == super::Label::New).count();
    (new > 0).then(|| format!("{new} new"))
}

/// Returns the headings above the rows.
pub fn heading(model: &Model, width: usize) -> Cells {
    let (standing, tags) = widths(model, width.saturating_sub(2));
    let mut cells = Cells::new(width);
    cells.put("  release", NAME + 2, Tone::Dim);
    cells.put("status", standing, Tone::Dim);
    cells.put("date", MADE, Tone::Dim);
    for (name, columns) in tagged(model).zip(tags) {
        cells.put(name, columns, Tone::Dim);
    }
    cells
}

/// Returns the cells of one row.
pub fn row(model: &Model, row: &Row, width: usize) -> Cells {
    let mut cells = Cells::new(width);
    let look = &model.setting.look;
    cells.put(row.name.as_str(), NAME, Tone::Strong);
    if width < usize::from(WIDE) - 2 {
        for piece in standing(look, row, cells.left()) {
            cells.push(piece);
        }
        return cells;
    }
    let (columns, tags) = widths(model, width);
    cells.put_pieces(standing(look, row, columns.saturating_sub(1)), columns);
    cells.put(&row.made.map(words::day).unwrap_or_default(), MADE, Tone::Dim);
    for (tag, columns) in row.tags.iter().zip(&tags) {
        cells.put(tag, *columns, Tone::Plain);
    }
    if tags.len() < row.tags.len() {
        cells.push(Piece::new("…", Tone::Dim));
    }
    cells
}
