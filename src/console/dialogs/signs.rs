//! The legend: every sign and abbreviation of the screen with its meaning, shown in help.

use crate::console::view::look::{Glyph, Look};

/// A sign and its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sign {
    text: SignText,
    /// Its meaning.
    pub meaning: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SignText {
    Glyph(Glyph),
    Word(&'static str),
    Bars,
    Lane,
}

const fn glyph(glyph: Glyph, meaning: &'static str) -> Sign {
    Sign {
        text: SignText::Glyph(glyph),
        meaning,
    }
}

const fn word(word: &'static str, meaning: &'static str) -> Sign {
    Sign {
        text: SignText::Word(word),
        meaning,
    }
}

/// Every sign.
pub const SIGNS: [Sign; 28] = [
    glyph(Glyph::Known, "the service answered the last refresh"),
    glyph(Glyph::Stale, "older data: the last refresh failed in part"),
    glyph(Glyph::Unknown, "not read yet, or not available"),
    glyph(Glyph::Done, "done, or up to date"),
    glyph(Glyph::Failed, "failed"),
    glyph(Glyph::Stopped, "cancelled"),
    glyph(Glyph::Running, "running"),
    glyph(Glyph::Waiting, "not started; between two values, a separator"),
    glyph(Glyph::Warning, "a warning; open the row for its text"),
    glyph(Glyph::Held, "held: publish --new skips this release"),
    glyph(Glyph::Nothing, "nothing there, or skipped"),
    glyph(Glyph::Cursor, "the selected row"),
    glyph(Glyph::Arrow, "before and after a change"),
    glyph(Glyph::Ascending, "sorted by this column, smallest first"),
    glyph(Glyph::Descending, "sorted by this column, largest first"),
    glyph(Glyph::Marked, "a marked row"),
    word("new", "selected by the workspace's rule and not published"),
    word(
        "passed over",
        "not published, and the workspace's rule does not select it",
    ),
    word(
        "partly",
        "published in part; open the release to see what is missing",
    ),
    word("= NAME", "has the same images as release NAME"),
    word("phantom", "a marker branch without an upstream release"),
    word("withdrawn", "removed upstream"),
    word("date?", "the release's date and its name disagree"),
    word("unreadable", "the release's manifest cannot be read"),
    word(
        "evidence?",
        "marker branch and channels disagree; open the release",
    ),
    word("+1", "one more change that does not fit; open the row"),
    Sign {
        text: SignText::Bars,
        meaning: "cadence: releases per month, newest on the right",
    },
    Sign {
        text: SignText::Lane,
        meaning: "channel history: open, and closed",
    },
];

impl Sign {
    /// Returns the sign as this terminal shows it.
    pub fn text(&self, look: &Look) -> String {
        match self.text {
            SignText::Glyph(glyph) => look.glyph(glyph).to_owned(),
            SignText::Word(word) => word.to_owned(),
            SignText::Bars => look.levels().1.iter().collect(),
            SignText::Lane => {
                let (served, nothing) = look.lane();
                format!("{served}{served} {nothing}{nothing}")
            }
        }
    }

    /// Returns true if the sign or its meaning contains every word of `wanted`.
    pub fn matches(&self, look: &Look, wanted: &str) -> bool {
        let text = format!("sign legend {} {}", self.text(look), self.meaning).to_lowercase();
        wanted
            .split_whitespace()
            .all(|word| text.contains(&word.to_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::panes::releases::sign_words;
    use crate::plan::label::Label;

    #[test]
    fn every_word_of_the_releases_pane_has_a_meaning() {
        let labels = [
            Label::New,
            Label::Partly,
            Label::Passed,
            Label::Withdrawn,
            Label::Phantom,
        ];
        let words = labels.iter().map(Label::words);
        for shown in words.chain(sign_words().map(str::to_owned)) {
            let known = |sign: &Sign| sign.text(&Look::FULL) == shown;
            assert!(SIGNS.iter().any(known), "{shown}");
        }
    }

    #[test]
    fn signs_are_what_the_terminal_shows_and_are_found_by_word() {
        let held = SIGNS
            .iter()
            .find(|sign| sign.matches(&Look::PLAIN, "held publish"))
            .unwrap();
        assert_eq!(
            (held.text(&Look::FULL), held.text(&Look::PLAIN)),
            ("‖".into(), "||".into())
        );
        assert!(SIGNS.iter().all(|sign| sign.matches(&Look::FULL, "")));
        assert!(SIGNS.iter().all(|sign| sign.text(&Look::PLAIN).is_ascii()));
    }
}
