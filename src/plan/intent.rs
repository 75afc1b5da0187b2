//! Wishes: what somebody wants, before anybody looked whether it can be.
//!
//! Owns the intents and the command line that says the same. Must not look at a snapshot.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::domain::{CharmName, CharmRevision, ReleaseName, Target};

/// A wish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "intent", rename_all = "kebab-case")]
pub enum Intent {
    /// Publish an upstream release.
    Publish(PublishIntent),
}

impl Intent {
    /// The command line that says the same, without `--yes`.
    pub fn command(&self) -> String {
        match self {
            Self::Publish(intent) => intent.command(),
        }
    }
}

/// The wish to publish one release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishIntent {
    /// The release.
    pub release: ReleaseName,
    /// Only these charms; all that a manifest feeds where empty.
    #[serde(default)]
    pub charms: BTreeSet<CharmName>,
    /// Charm revisions chosen by hand.
    #[serde(default)]
    pub revisions: BTreeMap<CharmName, CharmRevision>,
    /// Keep the charm revision that `latest/edge` runs instead of the newest.
    #[serde(default)]
    pub keep_revision: bool,
    /// Images chosen by hand: key of the manifest -> tag or digest of the same repository.
    #[serde(default)]
    pub images: BTreeMap<String, Target>,
    /// Only the channels of the release's own track.
    #[serde(default)]
    pub track_only: bool,
    /// Let `latest/edge` go back in time.
    #[serde(default)]
    pub allow_downgrade: bool,
    /// Parts that the operator leaves out.
    #[serde(default)]
    pub without: BTreeSet<Part>,
}

/// Parts of a publish that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The marker branch.
    Branch,
    /// The bundle.
    Bundle,
}

impl Part {
    /// Its word on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Branch => "branch",
            Self::Bundle => "bundle",
        }
    }
}

impl PublishIntent {
    /// The plain wish to publish `release`.
    pub const fn of(release: ReleaseName) -> Self {
        Self {
            release,
            charms: BTreeSet::new(),
            revisions: BTreeMap::new(),
            keep_revision: false,
            images: BTreeMap::new(),
            track_only: false,
            allow_downgrade: false,
            without: BTreeSet::new(),
        }
    }

    /// The command line that says the same.
    pub fn command(&self) -> String {
        let mut words = vec![format!("windlass publish {}", self.release)];
        words.extend(self.charms.iter().map(|charm| format!("--charm {charm}")));
        words.extend(
            self.revisions
                .iter()
                .map(|(charm, revision)| format!("--revision {charm}={}", revision.0)),
        );
        if self.keep_revision {
            words.push("--keep-revision".to_owned());
        }
        words.extend(
            self.images
                .iter()
                .map(|(image, target)| format!("--image {image}={target}")),
        );
        if self.track_only {
            words.push("--track-only".to_owned());
        }
        if self.allow_downgrade {
            words.push("--allow-downgrade".to_owned());
        }
        if !self.without.is_empty() {
            let parts: Vec<_> = self.without.iter().map(|part| part.as_str()).collect();
            words.push(format!("--without {}", parts.join(",")));
        }
        words.join(" ")
    }
}
