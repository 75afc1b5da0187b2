//! Defines the remedies for a problem: what the operator can change in the request.
//!
//! A hint offers remedies. The command line prints the hint's text, the console the key that does
//! it.

use std::fmt;

use serde::{Serialize, Serializer};

use super::text::SanitizedText;

/// A change to the request that resolves a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Remedy {
    /// Release to channels that were changed since: `--over`.
    OverLaterChanges,
    /// Keep channels that were changed since: `--keep-changed`.
    KeepLaterChanges,
    /// Publish the charms without branch and bundle: `--without branch,bundle`.
    WithoutMarker,
    /// Publish to the release's own track only: `--track-only`.
    TrackOnly,
    /// Let a channel return to an older release: `--allow-downgrade`.
    AllowDowngrade,
    /// Publish another tag or digest of an image: `--image NAME=TAG`.
    ReplaceImage,
    /// Leave out a charm and its image: `--charm`.
    LeaveImageOut,
    /// Release the charm revision that the channel serves now: `--keep-revision` or `--revision`.
    KeepRevision,
    /// Add a scope to the GitHub token.
    WidenGitHubToken,
    /// Sign in to Charmhub again: `windlass login`.
    SignIn,
}

/// A hint how to resolve a problem, with the remedies that it offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    text: SanitizedText,
    remedies: Vec<Remedy>,
}

impl Hint {
    /// Creates a hint that offers `remedies`.
    pub fn new(text: impl AsRef<str>, remedies: &[Remedy]) -> Self {
        Self {
            text: SanitizedText::new(text),
            remedies: remedies.to_vec(),
        }
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        self.text.as_str()
    }

    /// Returns true if the hint offers remedies, and `known` is true of each.
    pub fn is_covered(&self, known: impl Fn(Remedy) -> bool) -> bool {
        !self.remedies.is_empty() && self.remedies.iter().all(|remedy| known(*remedy))
    }

    /// Returns true if the hint offers `remedy`.
    pub fn offers(&self, remedy: Remedy) -> bool {
        self.remedies.contains(&remedy)
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.text, f)
    }
}

impl AsRef<str> for Hint {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

/// In JSON and in the journal a hint is only its text.
impl Serialize for Hint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for Hint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self {
            text: SanitizedText::deserialize(deserializer)?,
            remedies: Vec::new(),
        })
    }
}
