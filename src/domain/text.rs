//! Makes text from outside safe to show in a terminal, a log or a job annotation.
//!
//! Control and bidirectional characters are replaced and the length is limited. Text from a server,
//! a file or the user is wrapped in [`SanitizedText`] before it is printed, and is never unwrapped for
//! display.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};

/// Maximum length in characters. Longer text ends in `…`.
pub const CAP: usize = 2000;

/// Text from outside that is safe to show: no control characters (line feeds become spaces), no
/// bidirectional overrides, no zero-width joiners that could hide other text, at most [`CAP`]
/// characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct SanitizedText(String);

impl SanitizedText {
    /// Wraps `raw`, replacing control characters by `\u{fffd}`.
    pub fn new(raw: impl AsRef<str>) -> Self {
        Self::capped(raw, CAP)
    }

    /// Wraps `raw` as [`SanitizedText::new`] does, limited to `cap` characters.
    pub fn capped(raw: impl AsRef<str>, cap: usize) -> Self {
        let raw = raw.as_ref();
        let mut out = String::with_capacity(raw.len().min(cap * 4));
        for (count, c) in raw.chars().enumerate() {
            if count == cap {
                out.push('…');
                break;
            }
            out.push(harmless(c));
        }
        Self(out)
    }

    /// Returns the safe text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true if the text is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Wraps each line of `raw` separately.
pub fn lines(raw: &str) -> impl Iterator<Item = SanitizedText> + '_ {
    raw.lines().map(SanitizedText::new)
}

/// How long ago `at` was, in the largest whole unit: `just now`, `3 min`, `2 h`, `4 d`.
pub fn age(now: DateTime<Utc>, at: DateTime<Utc>) -> String {
    let minutes = (now - at).num_minutes();
    match minutes {
        ..1 => "just now".to_owned(),
        1..120 => format!("{minutes} min ago"),
        120..2880 => format!("{} h ago", minutes / 60),
        2880..86_400 => format!("{} d ago", minutes / 1440),
        86_400..1_051_200 => format!("{} months ago", minutes / 43_800),
        _ => format!("{} years ago", minutes / 525_600),
    }
}

fn harmless(c: char) -> char {
    match c {
        '\t' | '\n' | '\r' => ' ',
        c if c.is_control() => '\u{fffd}',
        // Bidirectional marks, embeddings, overrides and isolates; zero-width characters;
        // interlinear annotation; tags: each can make a line look like another.
        '\u{061c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => '\u{fffd}',
        c => c,
    }
}

impl fmt::Display for SanitizedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for SanitizedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl<T: AsRef<str>> From<T> for SanitizedText {
    fn from(raw: T) -> Self {
        Self::new(raw)
    }
}

impl<'de> Deserialize<'de> for SanitizedText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// The number with `one` or `many` after it.
pub fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Lists the first `most` of `items`, and how many more there are: `a, b and 3 more`.
pub fn first_of<T: fmt::Display>(items: &[T], most: usize) -> String {
    let shown: Vec<String> = items.iter().take(most).map(ToString::to_string).collect();
    let shown = shown.join(", ");
    match items.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_escapes_and_overrides_are_replaced() {
        let text = SanitizedText::new("a\u{1b}[31mred\u{7}\u{202e}evil\u{9b}2J\nnext");
        assert_eq!(
            text.as_str(),
            "a\u{fffd}[31mred\u{fffd}\u{fffd}evil\u{fffd}2J next"
        );
    }

    #[test]
    fn a_long_list_ends_with_the_number_of_the_others() {
        assert_eq!(first_of::<u8>(&[], 2), "");
        assert_eq!(first_of(&["a", "b"], 2), "a, b");
        assert_eq!(first_of(&["a", "b", "c", "d"], 2), "a, b and 2 more");
    }

    #[test]
    fn length_is_capped_with_an_ellipsis() {
        assert_eq!(SanitizedText::capped("abcdef", 3).as_str(), "abc…");
        assert_eq!(SanitizedText::capped("abc", 3).as_str(), "abc");
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn whatever_comes_in_nothing_that_steers_comes_out(raw in "\\PC*|.*|[\u{0}-\u{ff}\u{2000}-\u{2070}]*") {
            let text = SanitizedText::new(&raw);
            let steering = |c: char| c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            proptest::prop_assert!(!text.as_str().chars().any(steering));
            proptest::prop_assert_eq!(&SanitizedText::new(text.as_str()), &text);
        }
    }

    #[test]
    fn wide_and_combining_characters_stay() {
        assert_eq!(SanitizedText::new("日本 e\u{301}").as_str(), "日本 e\u{301}");
    }
}
