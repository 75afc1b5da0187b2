//! Draws the last line: the available actions from the action table, or a message.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::Drawn;
use super::look::Tone;
use super::piece::{Cells, Piece, spans};
use crate::console::actions::{self, Availability};
use crate::console::{Model, Msg, words};

/// Actions from this footer rank on leave the current screen or dialog.
const LEADS_OUT: u8 = 97;

/// Draws the footer.
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
    let keymap = &model.setting.keymap;
    let keys: Vec<String> = specs.iter().map(|spec| keymap.first(spec.id)).collect();
    let widths: Vec<usize> = specs
        .iter()
        .zip(&keys)
        .map(|(spec, key)| words::width(key) + words::width(spec.title) + 3)
        .collect();
    // The main action is always shown; then the ways out, nearest first, which keep their space.
    let leads_out = |spec: &actions::ActionSpec| spec.footer.is_some_and(|rank| rank >= LEADS_OUT);
    let all = specs.iter().zip(&widths);
    let first = all.clone().find(|(spec, _)| !leads_out(spec));
    let mut taken = first.map_or(0, |(_, columns)| *columns);
    let (mut tail, room) = (0, usize::from(area.right().saturating_sub(x)) + 2);
    let mut kept = Vec::new();
    for (spec, columns) in all.filter(|(spec, _)| leads_out(spec)) {
        if taken + columns <= room {
            kept.push(spec.id);
            tail += columns;
            taken += columns;
        }
    }
    for ((spec, key), columns) in specs.iter().zip(keys).zip(widths) {
        let left = usize::from(area.right().saturating_sub(x));
        let out = leads_out(spec);
        let needed = if out { columns } else { columns + tail };
        if needed > left + 2 || (out && !kept.contains(&spec.id)) {
            continue;
        }
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
