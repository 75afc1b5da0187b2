//! Defines how a step can be undone. The text is for display; code decides by the variant.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::SanitizedText;

/// How a step can be undone. [`fmt::Display`] writes the sentence for plans and for `undo` in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", from = "Stored")]
pub enum Undo {
    /// It cannot be undone, for this reason.
    Impossible(SanitizedText),
    /// Nothing needs to be undone, for this reason.
    Needless(SanitizedText),
    /// It can be undone in this way.
    By(SanitizedText),
}

impl Undo {
    /// Creates [`Undo::Impossible`] with the reason `why`.
    pub fn impossible(why: impl AsRef<str>) -> Self {
        Self::Impossible(SanitizedText::new(why))
    }

    /// Creates [`Undo::Needless`] with the reason `why`.
    pub fn needless(why: impl AsRef<str>) -> Self {
        Self::Needless(SanitizedText::new(why))
    }

    /// Creates [`Undo::By`] with the description `how`.
    pub fn by(how: impl AsRef<str>) -> Self {
        Self::By(SanitizedText::new(how))
    }

    /// Returns the reason if it cannot be undone.
    pub const fn impossible_because(&self) -> Option<&SanitizedText> {
        match self {
            Self::Impossible(why) => Some(why),
            Self::Needless(_) | Self::By(_) => None,
        }
    }

    /// Returns how to undo it, if that is possible and needed.
    pub fn way(&self) -> Option<&str> {
        match self {
            Self::By(how) => Some(how.as_str()).filter(|how| !how.is_empty()),
            Self::Impossible(_) | Self::Needless(_) => None,
        }
    }
}

impl Default for Undo {
    fn default() -> Self {
        Self::By(SanitizedText::default())
    }
}

impl fmt::Display for Undo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Impossible(why) => write!(f, "cannot be undone: {why}"),
            Self::Needless(why) => write!(f, "nothing to undo: {why}"),
            Self::By(how) => fmt::Display::fmt(how, f),
        }
    }
}

/// The form in a journal: a variant, or the plain sentence that older versions stored.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Typed(Typed),
    Sentence(SanitizedText),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Typed {
    Impossible(SanitizedText),
    Needless(SanitizedText),
    By(SanitizedText),
}

impl From<Stored> for Undo {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Typed(Typed::Impossible(why)) => Self::Impossible(why),
            Stored::Typed(Typed::Needless(why)) => Self::Needless(why),
            Stored::Typed(Typed::By(how)) => Self::By(how),
            // The two prefixes of those rows never change.
            Stored::Sentence(text) => match text.as_str().split_once(": ") {
                Some(("cannot be undone", why)) => Self::impossible(why),
                Some(("nothing to undo", why)) => Self::needless(why),
                _ => Self::By(text),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_keeps_the_variant_and_reads_bare_sentences() {
        for (undo, sentence) in [
            (
                Undo::impossible("Charmhub keeps tracks"),
                "cannot be undone: Charmhub keeps tracks",
            ),
            (Undo::needless("it only reads"), "nothing to undo: it only reads"),
            (
                Undo::by("windlass unhold 2025-01-06"),
                "windlass unhold 2025-01-06",
            ),
        ] {
            assert_eq!(undo.to_string(), sentence);
            let stored = serde_json::to_string(&undo).unwrap();
            assert_eq!(serde_json::from_str::<Undo>(&stored).unwrap(), undo, "{stored}");
            let bare = serde_json::to_string(sentence).unwrap();
            assert_eq!(serde_json::from_str::<Undo>(&bare).unwrap(), undo);
        }
    }
}
