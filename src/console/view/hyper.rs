//! Adds hyperlinks (OSC 8) to a drawn frame.
//!
//! Every cell carries its complete link and the end of it: a link spanning several cells leaks or
//! breaks as soon as only some of them are redrawn. Only pages that may be opened become links.

use std::num::NonZero;

use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::Rect;

use crate::console::{links, words};

/// A URL closer than this to the right border may continue on the next line.
const MARGIN: u16 = 3;

/// Links the first words in `known` and every complete URL in `buffer`.
pub fn pass(buffer: &mut Buffer, known: &[(Rect, String)]) {
    for (rect, page) in known {
        let rect = rect.intersection(buffer.area);
        if rect.is_empty() {
            continue;
        }
        let blank = |x: &u16| is_blank(buffer, *x, rect.y);
        let Some(from) = (rect.x..rect.right()).find(|x| !blank(x)) else {
            continue;
        };
        let mut end = from;
        while end < rect.right() && !blank(&end) {
            // The second column of a wide character is a blank cell.
            end += columns(buffer, end, rect.y);
        }
        link(buffer, rect.y, from, end.min(rect.right()), page);
    }
    for y in buffer.area.y..buffer.area.bottom() {
        for (from, end, address) in addresses(buffer, y) {
            link(buffer, y, from, end, &address);
        }
    }
}

fn is_blank(buffer: &Buffer, x: u16, y: u16) -> bool {
    buffer
        .cell((x, y))
        .is_none_or(|cell| cell.symbol().trim().is_empty())
}

/// Returns the columns of the character at `x`, `y`.
fn columns(buffer: &Buffer, x: u16, y: u16) -> u16 {
    let symbol = buffer.cell((x, y)).map_or(" ", |cell| cell.symbol());
    words::width(symbol).max(1) as u16
}

/// Returns columns and text of the complete URLs in a row.
fn addresses(buffer: &Buffer, y: u16) -> Vec<(u16, u16, String)> {
    let mut found = Vec::new();
    let area = buffer.area;
    let part_of = |x: u16| {
        let symbol = buffer.cell((x, y)).map_or(" ", |cell| cell.symbol());
        // One column per character, so that columns can be counted by bytes.
        let mut bytes = symbol.bytes();
        match (bytes.next(), bytes.next()) {
            (Some(byte), None) if byte.is_ascii_graphic() && !b"<>\"'`|()[]{}".contains(&byte) => {
                Some(char::from(byte))
            }
            _ => None,
        }
    };
    let mut x = area.x;
    while x < area.right() {
        let end = (x..area.right())
            .find(|at| part_of(*at).is_none())
            .unwrap_or(area.right());
        let word: String = (x..end).filter_map(part_of).collect();
        let at = word.find("https://").or_else(|| word.find("http://"));
        if let Some(at) = at {
            let address = word
                .get(at..)
                .unwrap_or_default()
                .trim_end_matches(['.', ',', ';', ':']);
            let from = x + at as u16;
            let until = from + address.len() as u16;
            if stands_whole(buffer, y, end) {
                found.push((from, until, address.to_owned()));
            }
        }
        x = end + 1;
    }
    found
}

/// Returns true if the text ending before `end` was neither cut nor wrapped at the border of its
/// box.
fn stands_whole(buffer: &Buffer, y: u16, end: u16) -> bool {
    (end..end + MARGIN).all(|x| {
        x < buffer.area.right()
            && buffer.cell((x, y)).is_some_and(|cell| {
                let first = cell.symbol().chars().next().unwrap_or(' ');
                // A letter after blanks is the next word, not a border.
                first == ' ' || (x > end && first.is_alphanumeric())
            })
    })
}

fn link(buffer: &mut Buffer, y: u16, from: u16, end: u16, page: &str) {
    if !page.bytes().all(|byte| byte.is_ascii_graphic()) || !links::allowed(page) {
        return;
    }
    let id = mark(page);
    let mut x = from;
    while x < end {
        let Some(cell) = buffer.cell_mut((x, y)) else {
            return;
        };
        let columns = words::width(cell.symbol()).max(1) as u16;
        // An existing link is kept.
        if let Some(width) = NonZero::new(columns)
            && !cell.symbol().contains('\u{1b}')
        {
            let symbol = format!(
                "\u{1b}]8;id={id:x};{page}\u{1b}\\{}\u{1b}]8;;\u{1b}\\",
                cell.symbol()
            );
            cell.set_symbol(&symbol);
            cell.set_diff_option(CellDiffOption::ForcedWidth(width));
        }
        x += columns;
    }
}

/// Returns the same number for the same page, so that a terminal highlights all its cells together
/// (FNV-1a).
fn mark(page: &str) -> u32 {
    page.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Buffer {
        Buffer::with_lines([text])
    }

    fn linked(buffer: &Buffer) -> Vec<(u16, &str)> {
        let cells = buffer.content().iter().zip(0..);
        cells
            .filter(|(cell, _)| cell.symbol().contains('\u{1b}'))
            .map(|(cell, x)| (x, cell.symbol()))
            .collect()
    }

    #[test]
    fn every_cell_of_a_whole_address_is_a_link_of_its_own() {
        let mut buffer = row("see https://charmhub.io/x. Then on    │");
        pass(&mut buffer, &[]);
        let cells = linked(&buffer);
        assert_eq!(cells.len(), "https://charmhub.io/x".len());
        assert_eq!(cells[0].0, 4);
        for (_, symbol) in &cells {
            assert!(symbol.contains(";https://charmhub.io/x\u{1b}\\"), "{symbol:?}");
            assert!(symbol.ends_with("\u{1b}]8;;\u{1b}\\"), "{symbol:?}");
        }
    }

    #[test]
    fn what_may_be_cut_or_leads_elsewhere_is_none() {
        for text in [
            "https://charmhub.io/finos-leg…       │",
            "│ https://charmhub.io/finos-legend │",
            "https://evil.example/charmhub.io      ",
            "http://charmhub.io/x                  ",
            "https://charmhub.io@evil.example/x    ",
        ] {
            let mut buffer = row(text);
            pass(&mut buffer, &[]);
            assert_eq!(linked(&buffer), [], "{text}");
        }
    }

    #[test]
    fn the_first_word_of_a_row_leads_to_its_page() {
        let mut buffer = row("▸ 日本  new");
        let page = "https://github.com/finos/legend".to_owned();
        pass(&mut buffer, &[(Rect::new(1, 0, 10, 1), page)]);
        let columns: Vec<u16> = linked(&buffer).iter().map(|(x, _)| *x).collect();
        assert_eq!(columns, [2, 4], "one link a character, however wide");
        let mut buffer = row("a b");
        pass(&mut buffer, &[(Rect::new(0, 0, 3, 1), "javascript:1".to_owned())]);
        pass(
            &mut buffer,
            &[(Rect::new(0, 9, 3, 1), "https://github.com/".to_owned())],
        );
        assert_eq!(linked(&buffer), []);
    }
}
