//! Runs as everything but the journal needs them: their names, and what one changed in a channel.
//!
//! Owns the words in which history is spoken of. Must not know how runs are kept or planned.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::channel::{Base, Channel};
use super::charm::{CharmName, Serving};
use super::release::ReleaseName;
use super::text::Outside;

/// Names a run: when it began and a few random digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub String);

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(Outside::capped(&self.0, 60).as_str())
    }
}

impl std::fmt::Debug for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a run of this journal did to one row of a channel map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelChange {
    /// The run.
    pub run: RunId,
    /// When its step ended, or began where nobody saw the end.
    pub at: DateTime<Utc>,
    /// Who ran it.
    pub actor: Outside,
    /// The charm or bundle.
    pub charm: CharmName,
    /// The channel.
    pub channel: Channel,
    /// The base of the row; bundles have none.
    pub base: Option<Base>,
    /// What the row served before; `None` where it was closed or absent.
    pub before: Option<Serving>,
    /// What it served afterwards; `None` where it was closed.
    pub after: Option<Serving>,
    /// False where the answer was lost: it may not have happened.
    pub certain: bool,
    /// True where the run was a rollback.
    #[serde(default)]
    pub rollback: bool,
}

/// A run of the journal that somebody wants to roll back, beyond what it changed in channels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastRun {
    /// The run.
    pub id: RunId,
    /// The workspace that it was for.
    pub workspace: String,
    /// What it was, in words.
    pub title: Outside,
    /// True where its plan releases to channels or closes them.
    pub channels: bool,
    /// The release that it was to publish.
    pub published: Option<ReleaseName>,
    /// The release that it held.
    pub held: Option<ReleaseName>,
    /// What it brought that no rollback takes away again.
    pub stays: Vec<Outside>,
}
