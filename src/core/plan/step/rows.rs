//! Describes rows of the channel map in plans: before, after, and what a release sets.
//!
//! Whether a row changed since the preview is determined here too.

use serde::{Deserialize, Serialize};

use super::StepId;
use crate::domain::charm::{ChannelRow, Serving};
use crate::domain::{
    Base, Channel, CharmRevision, ConfigDigest, ManifestDigest, ReleaseName, ResourceName, ResourceRevision,
    SanitizedText,
};

/// A state before or after a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum State {
    /// Rows of the channel map.
    Rows(Vec<PlannedRow>),
    /// A description.
    Text(SanitizedText),
    /// Does not exist.
    Nothing(()),
}

impl State {
    /// Creates a description.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Text(SanitizedText::new(text))
    }
}

/// Returns each row before and after, if both states are rows.
pub fn row_pairs<'s>(before: &'s State, after: &'s State) -> Vec<(&'s PlannedRow, &'s PlannedRow)> {
    match (before, after) {
        (State::Rows(before), State::Rows(after)) => before.iter().zip(after).collect(),
        _ => Vec::new(),
    }
}

/// A row of the channel map, before or after a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedRow {
    /// The channel.
    pub channel: Channel,
    /// The base.
    pub base: Option<Base>,
    /// The charm revision; `None` if the channel is closed.
    pub revision: Option<CharmRevision>,
    /// Version text that the charm sets.
    pub version: Option<SanitizedText>,
    /// The resources.
    pub resources: Vec<PlannedResource>,
}

impl PlannedRow {
    /// Returns true if `other` serves the same: the same charm revision with the same resource
    /// revisions.
    pub fn serves_as(&self, other: &Self) -> bool {
        let known = |row: &Self| row.resources.iter().all(|resource| resource.revision.is_some());
        let resources = |row: &Self| -> Vec<_> {
            let resources = row.resources.iter();
            resources.map(|one| (one.name.clone(), one.revision)).collect()
        };
        self.revision == other.revision && known(self) && known(other) && resources(self) == resources(other)
    }
}

/// A resource of a planned row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedResource {
    /// The resource.
    pub name: ResourceName,
    /// The revision; `None` until it is uploaded.
    pub revision: Option<ResourceRevision>,
    /// Digest of the image.
    pub digest: Option<ManifestDigest>,
    /// Config digest of the image.
    pub config_digest: Option<ConfigDigest>,
    /// Tag of the image in the release, if it comes from one.
    pub tag: Option<SanitizedText>,
    /// Releases that name this image.
    pub release: Vec<ReleaseName>,
}

/// A row of the channel map that a release sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelUpdate {
    /// The channel.
    pub channel: Channel,
    /// The base of the row.
    pub base: Option<Base>,
    /// The charm revision that it will serve.
    pub revision: CharmRevision,
    /// The resources that it will serve.
    pub resources: Vec<ResourceAttachment>,
    /// What it served when the plan was made.
    pub before: Option<Serving>,
}

impl ChannelUpdate {
    /// Returns the row in `rows` that it sets.
    pub fn row<'r>(&self, rows: &'r [ChannelRow]) -> Option<&'r ChannelRow> {
        rows.iter()
            .find(|row| row.channel == self.channel && row.base == self.base)
    }

    /// Describes how the row changed since the plan was made; `None` if it did not.
    pub fn moved(&self, rows: &[ChannelRow]) -> Option<String> {
        let now = self.row(rows).map(Serving::of);
        if now == self.before {
            return None;
        }
        let word =
            |serving: Option<&Serving>| serving.map_or_else(|| "closed".to_owned(), ToString::to_string);
        let base = self
            .base
            .as_ref()
            .map_or_else(String::new, |base| format!(" ({base})"));
        Some(format!(
            "{}{base} was {} at the preview and is {} now",
            self.channel,
            word(self.before.as_ref()),
            word(now.as_ref())
        ))
    }
}

/// A resource to attach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceAttachment {
    /// The resource.
    pub name: ResourceName,
    /// Source of its revision number.
    #[serde(flatten)]
    pub from: AttachFrom,
}

/// Source of the number of a resource revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttachFrom {
    /// An existing revision.
    Revision(ResourceRevision),
    /// The step of the plan that creates it.
    Step(StepId),
}
