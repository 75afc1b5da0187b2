//! Rows of the channel map as plans speak of them: what is there, what will be, and what a release
//! sets.
//!
//! Owns the question whether a row moved since the preview. Must not know which step sets it.

use serde::{Deserialize, Serialize};

use super::StepId;
use crate::domain::charm::{ChannelRow, Serving};
use crate::domain::{
    Base, Channel, CharmRevision, ConfigDigest, ManifestDigest, Outside, ReleaseName, ResourceName,
    ResourceRevision,
};

/// What is or will be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum State {
    /// Rows of the channel map.
    Rows(Vec<PlannedRow>),
    /// In words.
    Text(Outside),
    /// Nothing.
    Nothing(()),
}

impl State {
    /// In words.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Text(Outside::new(text))
    }
}

/// A row of the channel map, before or after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedRow {
    /// The channel.
    pub channel: Channel,
    /// The base.
    pub base: Option<Base>,
    /// The charm revision; none where the channel is closed.
    pub revision: Option<CharmRevision>,
    /// The charm's own version text.
    pub version: Option<Outside>,
    /// The resources.
    pub resources: Vec<PlannedResource>,
}

/// A resource of such a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedResource {
    /// The resource.
    pub name: ResourceName,
    /// Its revision; none until it is uploaded.
    pub revision: Option<ResourceRevision>,
    /// The image behind it.
    pub digest: Option<ManifestDigest>,
    /// The image's config.
    pub config_digest: Option<ConfigDigest>,
    /// The tag that the release names, where the image comes from one.
    pub tag: Option<Outside>,
    /// Releases that name this image.
    pub release: Vec<ReleaseName>,
}

/// One row of the channel map that a release sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// The channel.
    pub channel: Channel,
    /// The base of the row.
    pub base: Option<Base>,
    /// The charm revision that it will serve.
    pub revision: CharmRevision,
    /// The resources that it will serve.
    pub resources: Vec<Attach>,
    /// What it served when the plan was made.
    pub before: Option<Serving>,
}

impl Move {
    /// The row of `rows` that it sets.
    pub fn row<'r>(&self, rows: &'r [ChannelRow]) -> Option<&'r ChannelRow> {
        rows.iter()
            .find(|row| row.channel == self.channel && row.base == self.base)
    }

    /// In words, how its row differs from what it was when this was planned; `None` where it does
    /// not.
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
            "{}{base} was {} when this was previewed and is {} now",
            self.channel,
            word(self.before.as_ref()),
            word(now.as_ref())
        ))
    }
}

/// A resource to attach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attach {
    /// The resource.
    pub name: ResourceName,
    /// Where its revision number comes from.
    #[serde(flatten)]
    pub from: AttachFrom,
}

/// Where the number of a resource revision comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttachFrom {
    /// It exists already.
    Revision(ResourceRevision),
    /// This step of the plan makes it.
    Step(StepId),
}
