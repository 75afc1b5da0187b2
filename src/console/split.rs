//! Shares of the screen that the panes have, and the borders between them that can be dragged.
//!
//! Owns the arithmetic of dragging. Shares are kept, not cells: a window that grows keeps its looks.
//! Must not draw.

use ratatui::layout::Rect;

use super::layout::Layout;
use super::{Model, layout};

/// Columns that a pane keeps.
const NARROWEST: u16 = 24;
/// Lines that a pane keeps.
const LOWEST: u16 = 5;

/// A border between panes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Border {
    /// Between the left column and what is right of it.
    Column,
    /// Between the upper and the lower panes.
    Row,
    /// Between the last two of the lower panes.
    Lower,
}

/// A border taken hold of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grip {
    /// Which.
    pub border: Border,
    /// Cells from where it was taken to where the pane after it begins.
    pub before: u16,
}

/// Shares in thousandths; `None` for the usual one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Split {
    column: Option<u16>,
    row: Option<u16>,
    lower: Option<u16>,
}

impl Split {
    /// Columns of the left panes, of `whole`.
    pub fn left(&self, whole: u16) -> u16 {
        // On a very wide screen releases have the room to show date and tags too.
        let usual = (whole * 32 / 100).clamp(36, 50).max((whole / 4).min(90));
        part(self.column, usual, whole, NARROWEST, 2 * NARROWEST)
    }

    /// Lines of the upper panes, of `whole`.
    pub fn above(&self, whole: u16) -> u16 {
        part(self.row, whole * 55 / 100, whole, LOWEST, LOWEST)
    }

    /// Columns of the pane of credentials, of the `whole` that it shares with activity.
    pub fn credentials(&self, whole: u16) -> u16 {
        part(self.lower, whole * 11 / 20, whole, NARROWEST, NARROWEST)
    }

    /// True where nothing was dragged.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// The cells of a share, so that at least `first` are before and `rest` behind the border.
fn part(share: Option<u16>, usual: u16, whole: u16, first: u16, rest: u16) -> u16 {
    let Some(share) = share else {
        return usual;
    };
    let cells = (u32::from(whole) * u32::from(share) / 1000) as u16;
    let most = whole.saturating_sub(rest).max(first);
    cells.clamp(first, most).min(whole)
}

/// The share that gives `cells` again.
fn share(cells: u16, whole: u16) -> u16 {
    (u32::from(cells) * 1000)
        .div_ceil(u32::from(whole.max(1)))
        .min(1000) as u16
}

/// Moves the border of `grip` to where the mouse is.
pub fn drag(model: &mut Model, grip: Grip, x: u16, y: u16) {
    let body = layout::layout(model).body;
    let left = model.split.left(body.width);
    let x = x.saturating_add(grip.before);
    let y = y.saturating_add(grip.before).saturating_sub(body.y);
    // Clamped here too: a drag far outside must not be remembered as a share that shows nothing.
    match grip.border {
        Border::Column => {
            let cells = part(
                Some(share(x, body.width)),
                0,
                body.width,
                NARROWEST,
                2 * NARROWEST,
            );
            model.split.column = Some(share(cells, body.width));
        }
        Border::Row => {
            let cells = part(Some(share(y, body.height)), 0, body.height, LOWEST, LOWEST);
            model.split.row = Some(share(cells, body.height));
        }
        Border::Lower => {
            let right = body.width.saturating_sub(left);
            let cells = part(
                Some(share(x.saturating_sub(left), right)),
                0,
                right,
                NARROWEST,
                NARROWEST,
            );
            model.split.lower = Some(share(cells, right));
        }
    }
}

/// Where the borders can be taken hold of: both lines of a border, the one of the pane before it
/// and the one of the pane behind.
pub fn grips(places: &Layout) -> Vec<(Rect, Grip)> {
    let [(_, first), _, (_, below), (_, middle), (_, last)] = places.panes.as_slice() else {
        return Vec::new();
    };
    let column = |x: u16, y: u16, lines: u16| Rect::new(x, y, 1, lines);
    let row = |y: u16| Rect::new(places.body.x, y, places.body.width, 1);
    let mut grips = Vec::new();
    for (before, back) in [(1, 1), (0, 0)] {
        let mut grip = |rect: Rect, border: Border| grips.push((rect, Grip { border, before }));
        grip(row(below.y.saturating_sub(back)), Border::Row);
        grip(
            column(
                first.right().saturating_sub(back),
                places.body.y,
                places.body.height,
            ),
            Border::Column,
        );
        grip(
            column(last.x.saturating_sub(back), middle.y, middle.height),
            Border::Lower,
        );
    }
    grips
}
