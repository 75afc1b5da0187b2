//! Highlights what a filter matched in the visible rows.
//!
//! Matches in text that is not on screen are not highlighted.

use nucleo_matcher::pattern::{AtomKind, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::console::listing;

/// A compiled filter.
pub struct Found {
    pattern: Pattern,
    matcher: Matcher,
    text: Vec<char>,
    at: Vec<u32>,
}

impl Found {
    /// Returns `None` for an empty filter.
    pub fn of(filter: &str) -> Option<Self> {
        if filter.trim().is_empty() {
            return None;
        }
        Some(Self {
            pattern: listing::pattern(filter),
            matcher: Matcher::new(Config::DEFAULT),
            text: Vec::new(),
            at: Vec::new(),
        })
    }

    /// Applies `style` to the characters of the row in `rect` that the filter matches, word by
    /// word.
    pub fn mark(&mut self, buffer: &mut Buffer, rect: Rect, style: Style) {
        self.text.clear();
        for x in rect.x..rect.right() {
            let cell = buffer.cell((x, rect.y));
            self.text
                .push(cell.and_then(|cell| cell.symbol().chars().next()).unwrap_or(' '));
        }
        // The matcher does not find a substring at the very end of a text that is not ASCII.
        self.text.push(' ');
        let row = Utf32Str::Unicode(&self.text);
        self.at.clear();
        for word in &self.pattern.atoms {
            // A negated word has nothing to highlight.
            if word.negative {
                continue;
            }
            // A contiguous match is preferred. Anchors apply to the words that the filter searches,
            // not to columns, so only their text is searched here.
            let loose = (word.kind == AtomKind::Fuzzy).then_some(AtomKind::Fuzzy);
            let mut word = word.clone();
            for kind in std::iter::once(AtomKind::Substring).chain(loose) {
                word.kind = kind;
                let before = self.at.len();
                if word.indices(row, &mut self.matcher, &mut self.at).is_some() {
                    break;
                }
                self.at.truncate(before);
            }
        }
        for at in &self.at {
            let column = u16::try_from(*at).unwrap_or(u16::MAX);
            if let Some(cell) = buffer.cell_mut((rect.x.saturating_add(column), rect.y)) {
                cell.set_style(style);
            }
        }
    }
}

/// Applies `style` to every occurrence of `words` in the row in `rect`, ignoring case.
pub fn mark_words(buffer: &mut Buffer, rect: Rect, words: &str, style: Style) {
    let lower = |c: char| c.to_lowercase().next().unwrap_or(c);
    let words: Vec<char> = words.chars().map(lower).collect();
    if words.is_empty() {
        return;
    }
    let text: Vec<char> = (rect.x..rect.right())
        .map(|x| {
            let cell = buffer.cell((x, rect.y));
            lower(cell.and_then(|cell| cell.symbol().chars().next()).unwrap_or(' '))
        })
        .collect();
    let starts = text
        .windows(words.len())
        .enumerate()
        .filter(|(_, window)| *window == words.as_slice());
    for (start, _) in starts {
        for at in start..start + words.len() {
            let column = u16::try_from(at).unwrap_or(u16::MAX);
            if let Some(cell) = buffer.cell_mut((rect.x.saturating_add(column), rect.y)) {
                cell.set_style(style);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::style::Modifier;

    use super::*;

    fn marked(filter: &str, row: &str) -> String {
        let mut buffer = Buffer::with_lines([row]);
        let rect = buffer.area;
        if let Some(mut found) = Found::of(filter) {
            found.mark(&mut buffer, rect, Style::new().add_modifier(Modifier::UNDERLINED));
        }
        (0..rect.width)
            .map(|x| {
                let cell = buffer.cell((x, 0)).unwrap();
                if cell.modifier.contains(Modifier::UNDERLINED) {
                    '^'
                } else {
                    ' '
                }
            })
            .collect::<String>()
            .trim_end()
            .to_owned()
    }

    #[test]
    fn what_was_found_is_marked_where_it_stands() {
        assert_eq!(marked("36", "2023-12-05  4.36.0"), "              ^^");
        assert_eq!(marked("STU", "engine studio"), "       ^^^");
        assert_eq!(marked("eng r1", "engine  r12"), "^^^     ^^");
        assert_eq!(marked("本", "日本語 r1"), "  ^");
        // Contiguous if possible, else letter by letter.
        assert_eq!(marked("23-1", "2023-12-05"), "  ^^^^");
        assert_eq!(marked("eg", "engine"), "^ ^");
    }

    #[test]
    fn nothing_is_marked_that_was_not_asked_for() {
        assert_eq!(marked("", "engine"), "");
        assert_eq!(marked("  ", "engine"), "");
        assert_eq!(marked("!eng", "engine"), "");
        assert_eq!(marked("hidden r1", "engine r1"), "       ^^");
    }

    #[test]
    fn ends_are_marked_though_columns_follow() {
        assert_eq!(marked("r1$", "engine r1    published"), "       ^^");
    }

    #[test]
    fn words_are_marked_wherever_they_stand() {
        let mut buffer = Buffer::with_lines(["Done, undone"]);
        let rect = buffer.area;
        mark_words(
            &mut buffer,
            rect,
            "DONE",
            Style::new().add_modifier(Modifier::BOLD),
        );
        let bold = |x: u16| buffer.cell((x, 0)).unwrap().modifier.contains(Modifier::BOLD);
        let marked: Vec<u16> = (0..rect.width).filter(|x| bold(*x)).collect();
        assert_eq!(marked, [0, 1, 2, 3, 8, 9, 10, 11]);
    }
}
