//! Formats text on screen: ages, sizes, rates, texts cut to a width.
//!
//! Must not read a clock: `now` is passed in.

use chrono::{DateTime, Utc};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr;

pub use crate::domain::count;
pub use crate::domain::text::age;

/// Columns that `text` takes: the sum of what is drawn as one character each, as the terminal
/// counts them.
pub fn width(text: &str) -> usize {
    // Fast path for nearly all text: grapheme segmentation is a hundred times slower.
    if text.chars().all(alone) {
        return text.chars().count();
    }
    text.graphemes(true).map(UnicodeWidthStr::width).sum()
}

/// Returns true for characters of one column that never join with a neighbour: Latin letters, and
/// the dots, arrows and lines this console draws.
const fn alone(character: char) -> bool {
    matches!(character,
        ' '..='~' | '\u{a1}'..='\u{ac}' | '\u{ae}'..='\u{2ff}' | '\u{2013}'..='\u{2027}' | '\u{2190}'..='\u{2193}' | '\u{2500}'..='\u{257f}')
}

/// Returns the end of the longest prefix of `text` that takes at most `columns`, accents included.
fn fitting(text: &str, columns: usize) -> usize {
    let mut used = 0;
    for (at, character) in text.grapheme_indices(true) {
        used += UnicodeWidthStr::width(character);
        if used > columns {
            return at;
        }
    }
    text.len()
}

/// Returns `text` cut to at most `columns`, ending in `…` if anything was cut.
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    if columns == 0 {
        return String::new();
    }
    let (head, _) = text.split_at(fitting(text, columns - 1));
    format!("{head}…")
}

/// Returns `text` in exactly `columns`: cut, or padded with spaces.
pub fn pad(text: &str, columns: usize) -> String {
    let mut out = cut(text, columns);
    let used = width(&out);
    out.extend(std::iter::repeat_n(' ', columns.saturating_sub(used)));
    out
}

/// Returns `text` wrapped at spaces into lines of at most `columns`; a longer word is broken
/// anywhere.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    let (mut line, mut used) = (String::new(), 0);
    for mut word in text.split(' ') {
        let mut wide = width(word);
        if !line.is_empty() && used + 1 + wide <= columns {
            line.push(' ');
            line.push_str(word);
            used += 1 + wide;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        let shortened = shorten_digest(word, columns);
        if let Some(shortened) = &shortened {
            (word, wide) = (shortened, width(shortened));
        }
        while wide > columns {
            let end = fitting(word, columns);
            if end == 0 {
                break;
            }
            let (head, tail) = word.split_at(end);
            lines.push(head.to_owned());
            (word, wide) = (tail, width(tail));
        }
        (line, used) = (word.to_owned(), wide);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// How long until `end`: `12 d 4 h`, `3 h`, `expired 2 d ago`.
pub fn remaining(now: DateTime<Utc>, end: DateTime<Utc>) -> String {
    let minutes = (end - now).num_minutes();
    if end <= now {
        return format!("expired {}", age(now, end));
    }
    match minutes {
        ..60 => format!("{minutes} min"),
        60..1440 => format!("{} h", minutes / 60),
        1440..43_200 => format!("{} d {} h", minutes / 1440, minutes % 1440 / 60),
        _ => format!("{} d", minutes / 1440),
    }
}

/// Returns a duration: `14 s`, `1 min 12 s`, `2 h 3 min`.
pub fn lasted(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ ..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Least number of digits kept at each end of a digest.
const DIGITS: usize = 6;

/// Returns `word` with its digest shortened in the middle to fit `columns`; `None` if it fits as it
/// is, has no digest, or does not fit even then. A digest is never broken over two lines.
pub fn shorten_digest(word: &str, columns: usize) -> Option<String> {
    const PREFIX: &str = "sha256:";
    if width(word) <= columns {
        return None;
    }
    let begin = word.find(PREFIX)? + PREFIX.len();
    let (head, rest) = word.split_at(begin);
    let end = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
    let (digits, tail) = rest.split_at(end);
    let left = columns.checked_sub(width(head) + width(tail) + 1)?;
    if digits.len() != 64 || left < 2 * DIGITS {
        return None;
    }
    let (first, last) = digits.split_at(left.div_ceil(2));
    let last = last.get(last.len() - left / 2..)?;
    Some(format!("{head}{first}\u{2026}{last}{tail}"))
}

/// Returns a day, `2025-01-27`.
pub fn day(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d").to_string()
}

/// Returns a minute, `2025-01-27 12:04`.
pub fn minute(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M").to_string()
}

/// Returns bytes in decimal units with three digits: `335 MB`.
pub fn bytes(count: u64) -> String {
    let mut value = count as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 999.5 || unit == "GB" {
            return if unit == "B" || value >= 99.5 {
                format!("{value:.0} {unit}")
            } else {
                format!("{value:.1} {unit}")
            };
        }
        value /= 1000.0;
    }
    format!("{count} B")
}

/// A bar of `columns` cells, `share` (0 to 1) of it filled, in the given glyphs.
pub fn bar(share: f64, columns: usize, full: char, empty: char) -> String {
    let filled = (share.clamp(0.0, 1.0) * columns as f64).floor() as usize;
    let mut out = String::new();
    out.extend(std::iter::repeat_n(full, filled));
    out.extend(std::iter::repeat_n(empty, columns - filled.min(columns)));
    out
}

/// Returns numbers as a line of bars, the highest at full height.
pub fn columns(numbers: &[u64], unicode: bool) -> String {
    let steps: &[char] = if unicode {
        &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
    } else {
        &['_', '.', '-', '=', '+', '*', '%', '#']
    };
    let highest = numbers.iter().copied().max().unwrap_or(0).max(1) as f64;
    let last = (steps.len() - 1) as f64;
    numbers
        .iter()
        .filter_map(|number| steps.get((*number as f64 / highest * last).round() as usize))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_shortened_in_its_middle_and_never_broken() {
        let digits: String = (0..64)
            .map(|at| char::from(b"0123456789abcdef"[at % 16]))
            .collect();
        let whole = format!("sha256:{digits}");
        assert_eq!(shorten_digest(&whole, 71), None);
        assert_eq!(shorten_digest("no digest at all", 4), None);
        let text = format!("finos/studio@{whole}, behind r22");
        for columns in 40..100 {
            let lines = wrap(&text, columns);
            assert!(lines.iter().all(|line| width(line) <= columns), "{lines:?}");
            let holds = |line: &&String| line.contains("sha256:");
            let line = lines.iter().find(holds).unwrap();
            assert!(
                line.contains(&digits) || line.contains("sha256:012345") && line.contains("abcdef,"),
                "{columns}: {lines:?}"
            );
        }
    }

    #[test]
    fn what_stands_alone_is_one_column_wide_beside_anything() {
        for one in (0..0x3000_u32)
            .filter_map(char::from_u32)
            .filter(|one| alone(*one))
        {
            let beside = format!("x{one}{one}y");
            let graphemes: Vec<&str> = beside.graphemes(true).collect();
            assert_eq!(graphemes.len(), 4, "{one:?}");
            assert_eq!(UnicodeWidthStr::width(beside.as_str()), 4, "{one:?}");
        }
    }

    #[test]
    fn texts_are_cut_by_columns_not_characters() {
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(pad("日本語", 4), "日… ");
        assert_eq!(pad("ab", 4), "ab  ");
        assert_eq!(cut("abc", 0), "");
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
    }

    #[test]
    fn what_is_drawn_as_one_is_not_cut_in_two() {
        // An accent stays with its letter, a heart with its variation selector (two columns).
        assert_eq!(cut("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}…");
        assert_eq!(width("\u{2764}\u{fe0f}x"), 3);
        assert_eq!(cut("\u{2764}\u{fe0f}\u{2764}\u{fe0f}", 3), "\u{2764}\u{fe0f}…");
        assert_eq!(cut("\u{1f44d}\u{1f3fd}abc", 3), "\u{1f44d}\u{1f3fd}…");
        assert_eq!(
            wrap("e\u{301}e\u{301}e\u{301}", 2),
            ["e\u{301}e\u{301}", "e\u{301}"]
        );
        for text in [
            "日本語の名前",
            "שלום עולם",
            "n\u{303}o\u{308}",
            "\u{2764}\u{fe0f}ok",
            "a日b",
        ] {
            for columns in 0..12 {
                assert!(width(&cut(text, columns)) <= columns, "{text} {columns}");
                assert_eq!(width(&pad(text, columns)), columns, "{text} {columns}");
            }
        }
    }

    #[test]
    fn ages_and_sizes_read_well() {
        let at = |minutes: i64| DateTime::from_timestamp(minutes * 60, 0).unwrap();
        assert_eq!(age(at(0), at(0)), "just now");
        assert_eq!(age(at(59), at(0)), "59 min ago");
        assert_eq!(age(at(3000), at(0)), "2 d ago");
        assert_eq!(age(at(1440 * 100), at(0)), "3 months ago");
        assert_eq!(age(at(1440 * 1000), at(0)), "2 years ago");
        assert_eq!(remaining(at(0), at(60 * 24 * 12 + 240)), "12 d 4 h");
        assert_eq!(lasted(59), "59 s");
        assert_eq!(lasted(72), "1 min 12 s");
        assert_eq!(lasted(7380), "2 h 3 min");
        assert_eq!(columns(&[0, 4, 8], true), "▁▅█");
        assert_eq!(columns(&[0, 0], false), "__");
        assert_eq!(bytes(335_000_000), "335 MB");
        assert_eq!(bytes(1_500), "1.5 kB");
        assert_eq!(bytes(7), "7 B");
        assert_eq!(bytes(999_700), "1.0 MB");
    }
}
