//! Finishes a frame: highlights the selected row, places the cursor for screen readers, and
//! replaces what this terminal cannot show.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;

use super::look::{Glyph, Look};
use crate::console::{Model, words};

/// Columns in which a row may have its own mark.
const MARKED: u16 = 4;

/// Highlights the row at `rect` as selected: by style, and by a sign if it has none.
pub fn select(model: &Model, frame: &mut Frame, rect: Rect, focus: bool) {
    let look = &model.setting.look;
    let sign = look.glyph(Glyph::Cursor);
    let buffer = frame.buffer_mut();
    let symbol = |x: u16| buffer.cell((x, rect.y)).map(ratatui::buffer::Cell::symbol);
    let near = rect.x..rect.x.saturating_add(MARKED).min(rect.right());
    let marked = near.clone().any(|x| symbol(x) == Some(sign));
    let free = symbol(rect.x) == Some(" ") && !near.is_empty();
    if !marked && free {
        buffer.set_string(rect.x, rect.y, sign, look.style(super::look::Tone::Accent));
    }
    buffer.set_style(rect, look.selected(focus));
    if focus {
        reader_at(model, frame, rect);
    }
}

/// Places the terminal's cursor at the start of `rect`, for screen readers. An input field moves it
/// afterwards to where the next character goes.
pub fn reader_at(model: &Model, frame: &mut Frame, rect: Rect) {
    if !model.setting.look.borders && !rect.is_empty() {
        frame.set_cursor_position(rect.as_position());
    }
}

/// Replaces what this terminal cannot show, and paints cells that have no background.
pub fn finish(look: &Look, buffer: &mut Buffer) {
    if !look.unicode || look.ascii_only {
        for y in buffer.area.top()..buffer.area.bottom() {
            spell(look, buffer, y);
        }
    }
    if let Some(backdrop) = look.palette.backdrop() {
        for cell in &mut buffer.content {
            if cell.bg == Color::Reset {
                cell.bg = backdrop;
            }
        }
    }
}

/// Spells the line at `y` in ASCII: an ellipsis becomes three dots if they fit, signs become their
/// ASCII form, and with [`Look::ascii_only`] any other column becomes a question mark.
fn spell(look: &Look, buffer: &mut Buffer, y: u16) {
    let (left, right) = (buffer.area.left(), buffer.area.right());
    let symbol = |buffer: &Buffer, x: u16| {
        (x < right)
            .then(|| buffer.cell((x, y)).map(|cell| cell.symbol().to_owned()))
            .flatten()
    };
    let mut x = left;
    while x < right {
        let Some(own) = symbol(buffer, x) else { return };
        let columns = words::width(&own).max(1) as u16;
        if !own.is_ascii() {
            // A separate ellipsis has space, and one blank is kept after it.
            let blank = |at: u16| symbol(buffer, at).is_none_or(|text| text == " ");
            let alone = x > left && blank(x - 1);
            let dots = (1..3)
                .take_while(|step| x + step < right && blank(x + step) && blank(x + step + 1))
                .count()
                + 1;
            // A single dot would look like the end of a sentence.
            let cut = x + 1 >= right || !blank(x + 1);
            let text = match own.as_str() {
                "…" if alone && !cut => Some(".".repeat(dots)),
                "…" => Some("~".to_owned()),
                "·" | "–" | "•" => Some("-".to_owned()),
                "→" => Some(">".to_owned()),
                _ if look.ascii_only => Some("?".repeat(usize::from(columns))),
                _ => None,
            };
            for (c, at) in text.iter().flat_map(|text| text.chars()).zip(x..right) {
                if let Some(cell) = buffer.cell_mut((at, y)) {
                    cell.set_char(c);
                }
            }
        }
        x += columns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        let mut buffer = Buffer::with_lines([text]);
        finish(&Look::PLAIN, &mut buffer);
        let symbols = buffer.content.iter().map(ratatui::buffer::Cell::symbol);
        symbols.collect()
    }

    #[test]
    fn what_was_cut_never_ends_like_a_sentence() {
        assert_eq!(plain("nothing chan…"), "nothing chan~");
        assert_eq!(plain("nothing …"), "nothing ~");
        assert_eq!(plain("nothing …|"), "nothing ~|");
    }

    #[test]
    fn an_ellipsis_that_stands_alone_has_its_dots() {
        assert_eq!(plain("asking …    "), "asking ...  ");
        assert_eq!(plain("g …  esc: cancel"), "g .. esc: cancel");
    }
}
