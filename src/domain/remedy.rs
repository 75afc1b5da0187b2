//! What an operator can change to get past a problem, as a type.
//!
//! A hint offers remedies: the command line prints the hint's own words, the console the key that does it.

use std::fmt;

use serde::{Serialize, Serializer};

use super::text::Outside;

/// A change of the request that gets past a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Remedy {
    /// Release to channels that others changed since: `--over`.
    OverLaterChanges,
    /// Publish the charms without branch and bundle: `--without branch,bundle`.
    WithoutMarker,
    /// Publish to the release's own track alone: `--track-only`.
    TrackOnly,
    /// Let a channel go back to an older release: `--allow-downgrade`.
    AllowDowngrade,
    /// Publish another tag or digest of an image: `--image NAME=TAG`.
    ReplaceImage,
    /// Leave a charm and its image out: `--charm`.
    LeaveImageOut,
    /// Release the charm revision that the channel serves now: `--keep-revision` or `--revision`.
    KeepRevision,
    /// Give the GitHub token another scope.
    WidenGitHubToken,
    /// Sign in to Charmhub again: `windlass login`.
    SignIn,
}

/// What to do about a problem, in words, with the remedies that those words offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    text: Outside,
    remedies: Vec<Remedy>,
}

impl Hint {
    /// A hint that offers `remedies`.
    pub fn new(text: impl AsRef<str>, remedies: &[Remedy]) -> Self {
        Self {
            text: Outside::new(text),
            remedies: remedies.to_vec(),
        }
    }

    /// The words.
    pub fn as_str(&self) -> &str {
        self.text.as_str()
    }

    /// True where the hint offers `remedy`.
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

/// In JSON and in the journal a hint is its words alone.
impl Serialize for Hint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for Hint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self {
            text: Outside::deserialize(deserializer)?,
            remedies: Vec::new(),
        })
    }
}
