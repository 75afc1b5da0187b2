//! Draws the screen of a run.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::{Running, lines};
use crate::console::Model;
use crate::console::view::{self, Drawn};

/// Draws it into `area`.
pub fn draw(model: &Model, running: &Running, area: Rect, frame: &mut Frame, drawn: &mut Drawn) {
    let title = model
        .live
        .get(&running.run)
        .map(|live| live.plan.title.clone())
        .or_else(|| model.record(&running.run).map(|record| record.plan.title.clone()))
        .unwrap_or_else(|| running.run.to_string());
    let inner = view::boxed(model, frame, area, &title, None, true);
    let all = lines(model, running, usize::from(inner.width));
    let height = usize::from(inner.height);
    for (pieces, y) in all.iter().skip(running.offset).take(height).zip(inner.y..) {
        let rect = Rect::new(inner.x, y, inner.width, 1);
        view::line(model, frame, rect, pieces.clone(), false);
    }
    view::scroll_mark(model, frame, area, running.offset, height, all.len());
    drawn.wheel(area, None);
}
