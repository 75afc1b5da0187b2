//! Describes past runs for every module except the journal, which stores them: their ids, and what
//! a run changed in a channel.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::channel::{Base, Channel};
use super::charm::{CharmName, Serving};
use super::release::ReleaseName;
use super::text::SanitizedText;

/// Id of a run: its start time and a few random digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub String);

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(SanitizedText::capped(&self.0, 60).as_str())
    }
}

impl std::fmt::Debug for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A change that a run of this journal made to one row of a channel map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelChange {
    /// The run that made the change.
    pub run: RunId,
    /// When the step ended, or when it started if its end was not observed.
    pub at: DateTime<Utc>,
    /// The actor of the run.
    pub actor: SanitizedText,
    /// The charm or bundle.
    pub charm: CharmName,
    /// The channel.
    pub channel: Channel,
    /// The base of the row; `None` for a bundle.
    pub base: Option<Base>,
    /// What the row served before; `None` if it was closed or did not exist.
    pub before: Option<Serving>,
    /// What the row served afterwards; `None` if it was closed.
    pub after: Option<Serving>,
    /// False if the response was lost: the change may not have been made.
    pub certain: bool,
    /// True if the run was a rollback.
    #[serde(default)]
    pub rollback: bool,
}

/// A past run that is to be rolled back, apart from its changes of channels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastRun {
    /// Id of the run.
    pub id: RunId,
    /// Workspace of the run.
    pub workspace: String,
    /// Title of the run.
    pub title: SanitizedText,
    /// True if its plan releases to channels or closes them.
    pub channels: bool,
    /// True if it can be resumed.
    pub unfinished: bool,
    /// The release that the run was to publish.
    pub published: Option<ReleaseName>,
    /// The release that it held.
    pub held: Option<ReleaseName>,
    /// Effects of the run that a rollback does not remove.
    pub stays: Vec<SanitizedText>,
}
