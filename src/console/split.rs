//! Computes widths and heights of the grid's panes and their draggable borders.
//!
//! A border that was not dragged is placed by the content of the panes. A dragged one is stored as
//! a share, not as a cell, so that proportions survive a resize.

use ratatui::layout::Rect;

use super::layout::Layout;
use super::view::columns;
use super::{Model, layout};

/// Columns around the text of a row: two borders, the cursor, and a blank before the right border.
const AROUND: usize = 5;
/// Smallest width of a pane, in columns.
const NARROWEST: u16 = 24;
/// Smallest height of a pane, in lines.
const LOWEST: u16 = 5;

/// A border between panes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Border {
    /// Between the upper two panes.
    Column,
    /// Between the upper and the lower panes.
    Row,
    /// Between the last two of the lower panes.
    Lower,
    /// Between the first two of the lower panes.
    LowerColumn,
}

/// Columns that the content of a pane needs, borders included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PaneNeed {
    /// Columns for the essential part of each row.
    pub brief: usize,
    /// Columns for the whole of each row.
    pub full: usize,
}

impl PaneNeed {
    /// Returns the need of rows that take `brief` or `full` columns inside a pane.
    pub const fn inside(brief: usize, full: usize) -> Self {
        Self {
            brief: brief + AROUND,
            full: full + AROUND,
        }
    }
}

/// A grabbed border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grip {
    /// Which border.
    pub border: Border,
    /// Cells from the grabbed cell to the start of the following pane.
    pub before: u16,
}

/// Shares in thousandths; `None` for the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Split {
    column: Option<u16>,
    row: Option<u16>,
    lower: Option<u16>,
    lower_column: Option<u16>,
}

impl Split {
    /// Returns the columns of the two upper panes, out of `whole`.
    pub fn upper(&self, needs: [PaneNeed; 2], whole: u16) -> [u16; 2] {
        let [releases, channels] = needs;
        // Date and versions of a release need their full width; a cut version is useless.
        let releases = if releases.full + channels.full > usize::from(whole) {
            PaneNeed {
                full: releases.brief,
                ..releases
            }
        } else {
            releases
        };
        let [usual, _] = fitted([releases, channels], whole);
        let left = part(self.column, usual, whole, NARROWEST, 2 * NARROWEST);
        [left, whole - left]
    }

    /// Returns the lines of the upper panes, out of `whole`.
    pub fn above(&self, whole: u16) -> u16 {
        part(self.row, whole * 55 / 100, whole, LOWEST, LOWEST)
    }

    /// Returns the columns of the three lower panes, out of `whole`. A long title of a run takes no
    /// column that a charm or a credential needs.
    pub fn lower(&self, needs: [PaneNeed; 3], whole: u16) -> [u16; 3] {
        let [first, middle, last] = needs;
        let left_over = usize::from(whole).saturating_sub(first.full + middle.full);
        let last = PaneNeed {
            full: last.full.min(left_over.max(last.brief)),
            ..last
        };
        let needs = [first, middle, last];
        let [usual, ..] = fitted(needs, whole);
        let left = part(self.lower_column, usual, whole, NARROWEST, 2 * NARROWEST);
        let right = whole - left;
        let [usual, _] = fitted([middle, last], right);
        let middle = part(self.lower, usual, right, NARROWEST, NARROWEST);
        [left, middle, right - middle]
    }

    /// Returns true if no border was dragged.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// Returns widths of adjacent panes that add up to `whole`. If the essential part of each fits, the
/// remainder is given first to those that need more, then to all equally.
fn fitted<const N: usize>(needs: [PaneNeed; N], whole: u16) -> [u16; N] {
    let room = usize::from(whole);
    let briefs = needs.map(|need| need.brief);
    let mut widths = columns::share(&briefs, room, 0);
    let spare = room.saturating_sub(widths.iter().sum());
    let more = needs.map(|need| need.full.saturating_sub(need.brief));
    for (width, more) in widths.iter_mut().zip(columns::share(&more, spare, 0)) {
        *width += more;
    }
    let spare = room.saturating_sub(widths.iter().sum());
    for (at, width) in widths.iter_mut().enumerate() {
        *width += spare / N + usize::from(at < spare % N);
    }
    let mut fitted = [0; N];
    for (cells, width) in fitted.iter_mut().zip(widths) {
        *cells = width as u16;
    }
    fitted
}

/// Returns the cells of a share, leaving at least `first` before and `rest` after the border.
fn part(share: Option<u16>, usual: u16, whole: u16, first: u16, rest: u16) -> u16 {
    let Some(share) = share else {
        return usual;
    };
    let cells = (u32::from(whole) * u32::from(share) / 1000) as u16;
    let most = whole.saturating_sub(rest).max(first);
    cells.clamp(first, most).min(whole)
}

/// Returns the share that results in `cells`.
fn share(cells: u16, whole: u16) -> u16 {
    (u32::from(cells) * 1000)
        .div_ceil(u32::from(whole.max(1)))
        .min(1000) as u16
}

/// Moves the border of `grip` to the position of the mouse.
pub fn drag(model: &mut Model, grip: Grip, x: u16, y: u16) {
    let body = layout::layout(model).body;
    let x = x.saturating_add(grip.before);
    let y = y.saturating_add(grip.before).saturating_sub(body.y);
    // Clamped here too: a drag far outside must not be stored as a share that hides a pane.
    let kept = |cells: u16, whole: u16, first: u16, rest: u16| {
        let cells = part(Some(share(cells, whole)), 0, whole, first, rest);
        Some(share(cells, whole))
    };
    match grip.border {
        Border::Column => model.split.column = kept(x, body.width, NARROWEST, 2 * NARROWEST),
        Border::LowerColumn => model.split.lower_column = kept(x, body.width, NARROWEST, 2 * NARROWEST),
        Border::Row => model.split.row = kept(y, body.height, LOWEST, LOWEST),
        Border::Lower => {
            let [left, ..] = model.split.lower(layout::lower_needs(model), body.width);
            let right = body.width.saturating_sub(left);
            model.split.lower = kept(x.saturating_sub(left), right, NARROWEST, NARROWEST);
        }
    }
}

/// Returns where the borders can be grabbed: both lines of a border, one in each adjacent pane.
pub fn grips(places: &Layout) -> Vec<(Rect, Grip)> {
    let [(_, first), _, (_, below), (_, middle), (_, last)] = places.panes.as_slice() else {
        return Vec::new();
    };
    let column = |x: u16, beside: &Rect| Rect::new(x, beside.y, 1, beside.height);
    let row = |y: u16| Rect::new(places.body.x, y, places.body.width, 1);
    let mut grips = Vec::new();
    for (before, back) in [(1, 1), (0, 0)] {
        let mut grip = |rect: Rect, border: Border| grips.push((rect, Grip { border, before }));
        grip(row(below.y.saturating_sub(back)), Border::Row);
        grip(column(first.right().saturating_sub(back), first), Border::Column);
        grip(
            column(below.right().saturating_sub(back), below),
            Border::LowerColumn,
        );
        grip(column(last.x.saturating_sub(back), middle), Border::Lower);
    }
    grips
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn need(brief: usize, full: usize) -> PaneNeed {
        PaneNeed { brief, full }
    }

    #[test]
    fn width_goes_where_content_asks_for_it() {
        // Both have full width: the remainder is shared.
        assert_eq!(fitted([need(36, 80), need(50, 100)], 200), [90, 110]);
        // The essential part of the first, and the rest to the one that needs more.
        assert_eq!(fitted([need(36, 36), need(50, 100)], 120), [36, 84]);
        // Not enough room for the essential parts: the widest pane shrinks.
        assert_eq!(
            fitted([need(36, 60), need(50, 90), need(40, 70)], 100),
            [34, 33, 33]
        );
        for whole in [48, 100, 133, 250] {
            let widths = fitted([need(36, 60), need(50, 90), need(40, 70)], whole);
            assert_eq!(widths.iter().sum::<u16>(), whole);
        }
    }
}
