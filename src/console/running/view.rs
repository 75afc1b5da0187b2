//! Draws the run screen.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::screen::heights;
use super::{Running, lines, log, log_lines, plan};
use crate::console::view::look::{Glyph, Tone};
use crate::console::view::piece::Piece;
use crate::console::view::{self, Drawn};
use crate::console::{Model, Msg, words};

/// Draws the run into `area`.
pub fn draw(model: &Model, running: &Running, area: Rect, frame: &mut Frame, drawn: &mut Drawn) {
    let title = plan(model, &running.run).map_or_else(|| running.run.to_string(), |plan| plan.title.clone());
    let title = model.short_title(&title);
    let inner = view::boxed(model, frame, area, &title, None, true);
    let (above, below) = heights(model, running, usize::from(inner.height));
    let all = lines(model, running, usize::from(inner.width));
    for (line, y) in all.iter().skip(running.offset).take(above).zip(inner.y..) {
        let rect = Rect::new(inner.x, y, inner.width, 1);
        view::line(model, frame, rect, line.pieces.clone(), false);
        if let Some(step) = line.step {
            drawn.hit(rect, Msg::Pick(step));
        }
    }
    let shown = Rect {
        height: (above as u16).saturating_add(2).min(area.height),
        ..area
    };
    if below == 0 {
        view::scroll_mark(model, frame, shown, running.offset, above, all.len());
    } else {
        let rest = Rect {
            y: inner.y + above as u16,
            height: inner.height.saturating_sub(above as u16),
            ..inner
        };
        draw_log(model, running, rest, below, frame, (above, all.len()));
    }
    drawn.wheel(area, None);
}

fn draw_log(
    model: &Model,
    running: &Running,
    area: Rect,
    height: usize,
    frame: &mut Frame,
    (above, all): (usize, usize),
) {
    let lines = log::lines(model, &running.run, usize::from(area.width));
    let first = lines.len().saturating_sub(height + running.log_back);
    let look = &model.setting.look;
    let (dash, cursor) = if look.unicode {
        ("\u{2500}", "\u{2500}")
    } else {
        ("-", "-")
    };
    let cursor = if running.in_log {
        look.glyph(Glyph::Cursor)
    } else {
        cursor
    };
    let tone = if running.in_log { Tone::Accent } else { Tone::Dim };
    let mut text = format!("{dash}{cursor} Log ");
    if lines.len() > height {
        let last = (first + height).min(lines.len());
        text.push_str(&format!("{dash} {}-{last} of {} ", first + 1, lines.len()));
    }
    let (searched, _) = log_lines(model, running, (usize::from(area.width), 0));
    if let Some(found) = running.find.note(searched.iter().map(String::as_str)) {
        text.push_str(&format!("{dash} {found} "));
    }
    if all > above && above > 0 {
        let last = (running.offset + above).min(all);
        text.push_str(&format!(
            "{dash} steps above: lines {}-{last} of {all} ",
            running.offset + 1
        ));
    }
    let room = usize::from(area.width).saturating_sub(words::width(&text));
    text.push_str(&dash.repeat(room));
    let rect = Rect { height: 1, ..area };
    view::line(model, frame, rect, vec![Piece::new(text, tone)], false);
    if lines.is_empty() {
        let rect = Rect {
            y: area.y + 1,
            height: 1,
            ..area
        };
        view::line(
            model,
            frame,
            rect,
            vec![Piece::new(" no events yet", Tone::Dim)],
            false,
        );
    }
    let shown = lines.into_iter().enumerate().skip(first).take(height);
    for ((at, line), y) in shown.zip(area.y + 1..area.bottom()) {
        let rect = Rect::new(area.x, y, area.width, 1);
        view::line(model, frame, rect, line, false);
        view::mark_words(model, frame, rect, &running.find, at);
    }
}
