//! Computes widths and heights of the grid's panes.
//!
//! A border that was not dragged is placed by the content of the panes. A dragged one is stored as
//! a share, not as a cell, so that proportions survive a resize.

use super::panes::id::PaneNeed;
use super::state::state;
use super::view::columns;

/// Smallest width of a pane, in columns.
pub(super) const NARROWEST: u16 = 24;
/// Smallest height of a pane, in lines.
pub(super) const LOWEST: u16 = 5;

/// Shares in thousandths; `None` for the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Split {
    pub(super) column: Option<u16>,
    pub(super) row: Option<u16>,
    pub(super) lower: Option<u16>,
    pub(super) lower_column: Option<u16>,
}

state!(Split);

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
pub(super) fn part(share: Option<u16>, usual: u16, whole: u16, first: u16, rest: u16) -> u16 {
    let Some(share) = share else {
        return usual;
    };
    let cells = (u32::from(whole) * u32::from(share) / 1000) as u16;
    let most = whole.saturating_sub(rest).max(first);
    cells.clamp(first, most).min(whole)
}

/// Returns the share that results in `cells`.
pub(super) fn share(cells: u16, whole: u16) -> u16 {
    (u32::from(cells) * 1000)
        .div_ceil(u32::from(whole.max(1)))
        .min(1000) as u16
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
