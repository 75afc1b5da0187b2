//! Describes charms as the store lists them: names, revisions, resources and rows of the channel
//! map.
//!
//! The numbers and names are separate types so that they cannot be swapped. The shapes of the
//! store's responses are in the Charmhub service.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};

use super::channel::{Base, Channel, Risk, Track};
use super::digest::{ConfigDigest, Digest, ManifestDigest};
use super::problem::{Problem, ProblemKind};
use super::text::SanitizedText;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Problem;

            fn from_str(text: &str) -> Result<Self, Problem> {
                let fine = text.starts_with(|c: char| c.is_ascii_alphanumeric())
                    && text.len() <= 80
                    && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
                if fine {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(Problem::new(
                        ProblemKind::Usage,
                        format!(concat!("'{}' is not a valid ", $what, " name"), SanitizedText::capped(text, 100)),
                    )
                    .hint(concat!("use letters, digits and dashes in a ", $what, " name")))
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

name! {
    /// The name of a charm or bundle on Charmhub.
    CharmName, "charm"
}
name! {
    /// The name of a resource that a charm declares.
    ResourceName, "resource"
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&format!("r{}", self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

number! {
    /// A revision of a charm, counted from 1.
    CharmRevision
}
number! {
    /// A revision of a resource, counted from 0 (charms of the older store start there).
    ResourceRevision
}

/// One uploaded revision of a charm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionFacts {
    /// Revision number.
    pub revision: CharmRevision,
    /// Version text that the charm sets; the revision number if it sets none.
    pub version: SanitizedText,
    /// Status in the store: `approved`, `released`, `rejected`, …
    pub status: SanitizedText,
    /// When it was uploaded.
    pub created_at: DateTime<Utc>,
    /// Bases that the revision is built for; may contain `all`.
    pub bases: Vec<Base>,
    /// sha3-384 of the upload in hexadecimal. The store compares it to detect a duplicate upload.
    #[serde(default)]
    pub sha3: Option<String>,
    /// Errors of the store's review, each `code: message`; empty if it reported none.
    #[serde(default)]
    pub errors: Vec<SanitizedText>,
}

impl RevisionFacts {
    /// Returns true if the store allows a release of this revision.
    pub fn releasable(&self) -> bool {
        matches!(self.status.as_str(), "approved" | "released")
    }

    /// Returns the status and the errors of the store's review; `None` if the revision can be
    /// released.
    pub fn refusal(&self) -> Option<SanitizedText> {
        if self.releasable() {
            return None;
        }
        let mut text = self.status.to_string();
        if !self.errors.is_empty() {
            let errors: Vec<&str> = self.errors.iter().map(SanitizedText::as_str).collect();
            text.push_str(&format!(": {}", errors.join("; ")));
        }
        Some(SanitizedText::new(text))
    }
}

/// The image that a resource revision refers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageBehind {
    /// Manifest or index digest in the resource's descriptor.
    pub digest: ManifestDigest,
    /// Config digests of the image's platforms; empty if the registry did not provide them.
    pub config_digests: Vec<ConfigDigest>,
}

impl ImageBehind {
    /// Returns the first config digest, if known.
    pub fn config_digest(&self) -> Option<ConfigDigest> {
        self.config_digests.first().copied()
    }
}

/// One uploaded revision of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceFacts {
    /// Revision number.
    pub revision: ResourceRevision,
    /// When it was uploaded.
    pub created_at: DateTime<Utc>,
    /// Size of the upload in bytes (for an image that of the descriptor, not of the image).
    pub size: u64,
    /// sha-256 of the upload.
    pub sha256: Digest,
    /// Architectures as the store names them; empty if unknown.
    pub architectures: Vec<String>,
}

/// A resource that a charm revision declares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredResource {
    /// The charm revision that declares it.
    pub charm_revision: CharmRevision,
    /// Name of the resource.
    pub name: ResourceName,
    /// `oci-image` or `file`.
    pub kind: SanitizedText,
    /// True if the charm runs without the resource.
    pub optional: bool,
}

/// A resource attached to a row of the channel map.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Attached {
    /// Name of the resource.
    pub name: ResourceName,
    /// The attached revision; `None` if no revision is attached.
    pub revision: Option<ResourceRevision>,
}

/// One row of the channel map: a channel of one base.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelRow {
    /// The channel.
    pub channel: Channel,
    /// The base; `None` for a bundle.
    pub base: Option<Base>,
    /// The released charm revision.
    pub revision: CharmRevision,
    /// The resources released with it.
    pub resources: Vec<Attached>,
    /// When the revision was released to the channel.
    pub released_at: Option<DateTime<Utc>>,
}

impl ChannelRow {
    /// Returns the revision of `resource` attached to this row.
    pub fn resource(&self, resource: &ResourceName) -> Option<ResourceRevision> {
        self.resources
            .iter()
            .find(|a| &a.name == resource)
            .and_then(|a| a.revision)
    }

    /// Compares rows of one charm for lists: `latest` first, then the newest track; within a track
    /// the most stable risk first; within a channel the newest base first.
    pub fn listed(a: &Self, b: &Self) -> std::cmp::Ordering {
        let latest = Track::latest();
        let place = |row: &Self| (row.channel.track != latest, Reverse(row.channel.track.clone()));
        place(a)
            .cmp(&place(b))
            .then_with(|| a.channel.risk.cmp(&b.channel.risk))
            .then_with(|| a.channel.branch.cmp(&b.channel.branch))
            .then_with(|| a.base.cmp(&b.base))
    }
}

/// What a row of the channel map serves to its clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serving {
    /// The charm revision.
    pub revision: CharmRevision,
    /// Resources that have a revision, sorted by name.
    pub resources: Vec<(ResourceName, ResourceRevision)>,
}

impl Serving {
    /// Returns what `row` serves to its clients.
    pub fn of(row: &ChannelRow) -> Self {
        let mut resources: Vec<_> = row
            .resources
            .iter()
            .filter_map(|a| Some((a.name.clone(), a.revision?)))
            .collect();
        resources.sort();
        Self {
            revision: row.revision,
            resources,
        }
    }
}

impl fmt::Display for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.revision)?;
        for (name, revision) in &self.resources {
            write!(f, " + {name} {revision}")?;
        }
        Ok(())
    }
}

/// Returns the channel that clients of `channel` get if it has no row: a branch falls back to its
/// channel, a channel to the next more stable risk of its track that has rows.
pub fn followed(rows: &[ChannelRow], channel: &Channel) -> Option<Channel> {
    let more_trusted = Risk::ALL
        .into_iter()
        .filter(|risk| *risk < channel.risk || (channel.branch.is_some() && *risk == channel.risk));
    more_trusted
        .rev()
        .map(|risk| Channel::new(channel.track.clone(), risk))
        .find(|other| rows.iter().any(|row| &row.channel == other))
}

/// Returns the revision of a bundle that `channel` serves. It is the same for every base that the
/// store lists.
pub fn bundle_serves(rows: &[ChannelRow], channel: &Channel) -> Option<CharmRevision> {
    rows.iter()
        .filter(|row| &row.channel == channel)
        .map(|row| row.revision)
        .max()
}

/// One charm or bundle as the store's publisher API reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CharmFacts {
    /// The 32-character id in the store.
    pub id: String,
    /// True for a bundle.
    pub bundle: bool,
    /// Tracks in the store's order.
    pub tracks: Vec<Track>,
    /// Regular expressions of the store that the name of a new track must match.
    pub guardrails: Vec<String>,
    /// The channel map that the publisher API reports.
    pub rows: Vec<ChannelRow>,
    /// Every revision uploaded, newest first.
    pub revisions: Vec<RevisionFacts>,
    /// The resources that each revision declares.
    pub declared: Vec<DeclaredResource>,
    /// Every revision of each resource, newest first.
    pub resources: BTreeMap<ResourceName, Vec<ResourceFacts>>,
}

impl CharmFacts {
    /// Returns the rows of `channel`.
    pub fn rows_of<'a>(&'a self, channel: &'a Channel) -> impl Iterator<Item = &'a ChannelRow> + 'a {
        self.rows.iter().filter(move |row| &row.channel == channel)
    }

    /// Returns the row of `channel` for `base`.
    pub fn row(&self, channel: &Channel, base: Option<&Base>) -> Option<&ChannelRow> {
        self.rows
            .iter()
            .find(|row| &row.channel == channel && row.base.as_ref() == base)
    }

    /// Returns the newest releasable revision that covers `base`.
    pub fn newest_for(&self, base: &Base) -> Option<&RevisionFacts> {
        self.revisions
            .iter()
            .filter(|r| r.releasable() && r.bases.iter().any(|b| b.covers(base)))
            .max_by_key(|r| r.revision)
    }

    /// Returns the revision with this number.
    pub fn revision(&self, revision: CharmRevision) -> Option<&RevisionFacts> {
        self.revisions.iter().find(|r| r.revision == revision)
    }

    /// Returns the revision of resource `name` with this number.
    pub fn resource(&self, name: &ResourceName, revision: ResourceRevision) -> Option<&ResourceFacts> {
        self.resources.get(name)?.iter().find(|r| r.revision == revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_where_they_enter() {
        assert!("finos-legend-engine-k8s".parse::<CharmName>().is_ok());
        for bad in ["", "a/b", "../x", "a b", "x?y", "-a"] {
            assert!(bad.parse::<CharmName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_rejected_revision_is_never_the_newest() {
        let base = Base {
            name: "ubuntu".into(),
            channel: "20.04".into(),
            architecture: "amd64".into(),
        };
        let revision = |n: u64, status: &str| RevisionFacts {
            revision: CharmRevision(n),
            version: SanitizedText::new("x"),
            status: SanitizedText::new(status),
            created_at: DateTime::UNIX_EPOCH,
            bases: vec![base.clone()],
            sha3: None,
            errors: Vec::new(),
        };
        let facts = CharmFacts {
            revisions: vec![
                revision(51, "rejected"),
                revision(50, "approved"),
                revision(49, "released"),
            ],
            ..CharmFacts::default()
        };
        assert_eq!(facts.newest_for(&base).unwrap().revision, CharmRevision(50));
    }

    #[test]
    fn what_cannot_be_released_says_why() {
        let mut revision = RevisionFacts {
            revision: CharmRevision(51),
            version: SanitizedText::new("51"),
            status: SanitizedText::new("approved"),
            created_at: DateTime::UNIX_EPOCH,
            bases: Vec::new(),
            sha3: None,
            errors: Vec::new(),
        };
        assert_eq!(revision.refusal(), None);
        revision.status = SanitizedText::new("rejected");
        assert_eq!(revision.refusal(), Some(SanitizedText::new("rejected")));
        revision.errors = vec![SanitizedText::new("review-error: no metadata.yaml")];
        let told = revision.refusal().unwrap();
        assert_eq!(told.as_str(), "rejected: review-error: no metadata.yaml");
    }
}
