//! Finds the borders between panes that can be dragged, and drags them.

use ratatui::layout::Rect;

use super::Model;
use super::layout::{self, Layout};
use super::msg::{Border, Grip};
use super::split::{LOWEST, NARROWEST, Split, part, share};

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
        Border::Column => model.state_mut::<Split>().column = kept(x, body.width, NARROWEST, 2 * NARROWEST),
        Border::LowerColumn => {
            model.state_mut::<Split>().lower_column = kept(x, body.width, NARROWEST, 2 * NARROWEST);
        }
        Border::Row => model.state_mut::<Split>().row = kept(y, body.height, LOWEST, LOWEST),
        Border::Lower => {
            let [left, ..] = model
                .state::<Split>()
                .lower(layout::lower_needs(model), body.width);
            let right = body.width.saturating_sub(left);
            model.state_mut::<Split>().lower = kept(x.saturating_sub(left), right, NARROWEST, NARROWEST);
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
