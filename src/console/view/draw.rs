//! Helpers that screens, panes and dialogs draw with: boxes, lines, marks.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::symbols::border;
use ratatui::text::Line;
use ratatui::widgets::{Block, BorderType, Clear, Widget as _};

use super::look::Tone;
use super::piece::{self, Cells, Piece};
use super::{finish, found};
use crate::console::find::Find;
use crate::console::{Model, words};

/// Draws a box with a title on the left and a note on the right; returns its inner area.
pub fn boxed(
    model: &Model,
    frame: &mut Frame,
    area: Rect,
    title: &str,
    note: Option<Vec<Piece>>,
    focus: bool,
) -> Rect {
    let look = &model.setting.look;
    let tone = if focus { Tone::Accent } else { Tone::Dim };
    let room = usize::from(area.width.saturating_sub(4));
    let title = words::cut(title, room);
    // If the note does not fit, its last part, the age, is kept longest.
    let mut note = note.unwrap_or_default();
    let columns = |note: &[Piece]| note.iter().map(|p| words::width(&p.text)).sum::<usize>();
    while !note.is_empty() && words::width(&title) + columns(&note) + 4 > room {
        note.remove(0);
    }
    let mut block = Block::bordered()
        .border_style(look.style(tone))
        .title(Line::styled(
            format!(" {title} "),
            look.style(if focus { Tone::Accent } else { Tone::Strong }),
        ));
    block = if !look.borders {
        block.border_set(border::EMPTY)
    } else if look.unicode {
        block.border_type(BorderType::Plain)
    } else {
        block.border_set(ASCII)
    };
    if !note.is_empty() {
        let mut pieces = vec![Piece::new(" ", Tone::Plain)];
        pieces.extend(note);
        pieces.push(Piece::new(" ", Tone::Plain));
        block = block.title_top(piece::spans(look, pieces).right_aligned());
    }
    let inner = block.inner(area);
    block.render(area, frame.buffer_mut());
    if focus {
        finish::reader_at(model, frame, inner);
    }
    inner
}

const ASCII: border::Set = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

/// Draws one line of pieces, cut to `rect`.
pub fn line(model: &Model, frame: &mut Frame, rect: Rect, pieces: Vec<Piece>, selected: bool) {
    let look = &model.setting.look;
    let mut cells = Cells::new(usize::from(rect.width));
    for piece in pieces {
        cells.push(piece);
    }
    frame.render_widget(cells.line(look), rect);
    if selected {
        finish::select(model, frame, rect, true);
    }
}

/// Highlights what `find` searches for in the line `at` of a text, drawn in `rect`; the selected
/// match like a selected row.
pub fn mark_words(model: &Model, frame: &mut Frame, rect: Rect, find: &Find, at: usize) {
    let look = &model.setting.look;
    let style = if find.at == Some(at) {
        look.found().patch(look.selected(true))
    } else {
        look.found()
    };
    found::mark_words(frame.buffer_mut(), rect, &find.words, style);
}

/// Draws each of `texts` on its own line, from the line `top` of `inner` to its end.
pub fn texts<T: std::fmt::Display>(
    model: &Model,
    frame: &mut Frame,
    inner: Rect,
    top: u16,
    texts: impl Iterator<Item = (T, Tone)>,
) {
    for ((text, tone), y) in texts.zip(top..inner.bottom()) {
        let rect = Rect::new(inner.x, y, inner.width, 1);
        line(
            model,
            frame,
            rect,
            vec![Piece::new(format!(" {text}"), tone)],
            false,
        );
    }
}

/// Shows in the lower border of a box how much is above and below; returns the columns used.
pub fn scroll_mark(
    model: &Model,
    frame: &mut Frame,
    area: Rect,
    offset: usize,
    height: usize,
    all: usize,
) -> usize {
    if all <= height || area.width < 20 || area.height < 3 {
        return 0;
    }
    let text = format!(" {}-{} of {all} ", offset + 1, (offset + height).min(all));
    let columns = words::width(&text) as u16;
    let rect = Rect::new(
        area.right().saturating_sub(columns + 2),
        area.bottom() - 1,
        columns,
        1,
    );
    let style = unbordered(model.setting.look.style(Tone::Dim));
    frame.render_widget(Line::styled(text, style), rect);
    usize::from(columns)
}

/// Draws a text at the left of the lower border of a box.
pub fn foot(model: &Model, frame: &mut Frame, area: Rect, text: &str) {
    let text = format!(" {text} ");
    let columns = words::width(&text) as u16;
    if area.height < 2 || columns + 2 > area.width {
        return;
    }
    let rect = Rect::new(area.x + 1, area.bottom() - 1, columns, 1);
    let style = unbordered(model.setting.look.style(Tone::Dim));
    frame.render_widget(Line::styled(text, style), rect);
}

/// Returns `style` without the modifiers of the border below it.
fn unbordered(style: Style) -> Style {
    if style.add_modifier.contains(Modifier::BOLD) {
        style
    } else {
        style.remove_modifier(Modifier::BOLD)
    }
}

/// Clears `area` for a dialog.
pub fn clear(frame: &mut Frame, area: Rect) {
    frame.render_widget(Clear, area);
}
