//! Draws the last line: the actions that apply, from the one table, or a word to the operator.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::Drawn;
use super::look::Tone;
use super::piece::{Cells, Piece, spans};
use crate::console::actions::{self, Availability};
use crate::console::{Model, Msg, words};

/// Draws it.
pub fn draw(model: &Model, area: Rect, frame: &mut Frame, drawn: &mut Drawn) {
    let look = &model.setting.look;
    if let Some(notice) = &model.notice {
        let mut cells = Cells::new(usize::from(area.width));
        let tone = if notice.bad { Tone::Warn } else { Tone::Accent };
        cells.push(Piece::new(format!(" {}", notice.text), tone));
        frame.render_widget(cells.line(look), area);
        return;
    }
    let mut x = area.x + 1;
    if let Some(field) = &model.filtering {
        let room = usize::from(area.width).saturating_sub(24);
        let text = words::cut(&format!("/{}", field.value()), room);
        let columns = words::width(&text) as u16;
        let rect = Rect::new(x, area.y, columns, 1);
        frame.render_widget(spans(look, vec![Piece::new(text, Tone::Strong)]), rect);
        let cursor = x + 1 + (field.visual_cursor() as u16).min(room as u16);
        frame.set_cursor_position((cursor, area.y));
        x += columns + 2;
    }
    let specs = actions::footer(model);
    let widths: Vec<usize> = specs.iter().map(|spec| words::width(&label(spec)) + 2).collect();
    // What leads out is always shown: the last two keep their room.
    let tail: usize = widths.iter().rev().take(2).sum();
    let count = specs.len();
    for (at, (spec, columns)) in specs.iter().zip(widths).enumerate() {
        let left = usize::from(area.right().saturating_sub(x));
        let needed = if at + 2 >= count { columns } else { columns + tail };
        if needed > left + 2 {
            continue;
        }
        let key = spec.keys.first().copied().unwrap_or_default();
        let enabled = (spec.availability)(model) == Availability::Enabled;
        let rect = Rect::new(x, area.y, (columns.min(left)) as u16, 1);
        let tone = if enabled { Tone::Plain } else { Tone::Dim };
        let key_tone = if enabled { Tone::Accent } else { Tone::Dim };
        let pieces = vec![
            Piece::new(key, key_tone),
            Piece::new(format!(" {}", spec.title), tone),
        ];
        super::line(model, frame, rect, pieces, false);
        drawn.hit(rect, Msg::Act(spec.id));
        x += columns as u16;
    }
}

fn label(spec: &actions::ActionSpec) -> String {
    format!(
        "{} {}",
        spec.keys.first().copied().unwrap_or_default(),
        spec.title
    )
}
