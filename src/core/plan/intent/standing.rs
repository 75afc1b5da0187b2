//! Defines intents about published releases (promote, roll back, hold) and about the workflows of a
//! repository.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::channel::Risk;
use crate::domain::{Channel, CharmName, GitHubRepository, ReleaseName, RunId, SanitizedText, Track};

/// Intent to promote a release to another risk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromoteIntent {
    /// The release.
    pub release: ReleaseName,
    /// Target risk: candidate, beta or stable.
    pub to: Risk,
    /// Charms that are not on the release's track, with the channel to promote from instead.
    #[serde(default)]
    pub with: BTreeMap<CharmName, Channel>,
}

impl PromoteIntent {
    /// Returns the equivalent command line.
    pub fn command(&self) -> String {
        let mut text = format!("windlass promote {} --to {}", self.release, self.to);
        for (charm, channel) in &self.with {
            text.push_str(&format!(" --with {charm}={channel}"));
        }
        text
    }
}

/// Intent to promote every open risk of a track by one step, up to a risk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromoteTrackIntent {
    /// The track.
    pub track: Track,
    /// The most stable target risk: candidate, beta or stable.
    pub to: Risk,
}

impl PromoteTrackIntent {
    /// Returns the equivalent command line.
    pub fn command(&self) -> String {
        format!("windlass promote --track {} --to {}", self.track, self.to)
    }
}

/// Intent to restore what channels served before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredRollback")]
pub struct RollbackIntent {
    /// What is rolled back.
    pub of: RolledBack,
    /// What happens to channels that were changed since.
    pub later: LaterChanges,
}

/// What a rollback does with channels that were changed since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LaterChanges {
    /// Refuse to roll back anything.
    #[default]
    Refuse,
    /// Roll them back too: `--over`.
    Overwrite,
    /// Keep them as they are and roll back the others: `--keep-changed`.
    Keep,
}

/// A rollback as stored in a journal. Older versions wrote `over`.
#[derive(Deserialize)]
struct StoredRollback {
    of: RolledBack,
    #[serde(default)]
    over: bool,
    #[serde(default)]
    later: LaterChanges,
}

impl From<StoredRollback> for RollbackIntent {
    fn from(stored: StoredRollback) -> Self {
        let later = if stored.over {
            LaterChanges::Overwrite
        } else {
            stored.later
        };
        Self { of: stored.of, later }
    }
}

/// What is rolled back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RolledBack {
    /// Everything that a run released or closed.
    Run(RunId),
    /// Channels of a charm.
    Charm {
        /// The charm.
        charm: CharmName,
        /// The channels; if empty, every channel that the journal changed.
        channels: Vec<Channel>,
        /// The time to restore; `None` for before the last change.
        to: Option<Moment>,
    },
}

/// A moment in the history of channels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// A point in time.
    At(DateTime<Utc>),
    /// The end of this run.
    After(RunId),
}

impl RollbackIntent {
    /// Returns a rollback that is refused if a channel was changed since.
    pub const fn new(of: RolledBack) -> Self {
        Self {
            of,
            later: LaterChanges::Refuse,
        }
    }

    /// Returns the same rollback with another answer to later changes.
    pub fn with(&self, later: LaterChanges) -> Self {
        Self {
            of: self.of.clone(),
            later,
        }
    }

    /// Returns the equivalent command line.
    pub fn command(&self) -> String {
        let mut text = match &self.of {
            RolledBack::Run(run) => format!("windlass rollback --run {run}"),
            RolledBack::Charm { charm, channels, to } => {
                let mut text = format!("windlass rollback {charm}");
                for channel in channels {
                    text.push_str(&format!(" {channel}"));
                }
                match to {
                    Some(Moment::At(at)) => {
                        let at = at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
                        text.push_str(&format!(" --to {at}"));
                    }
                    Some(Moment::After(run)) => text.push_str(&format!(" --to {run}")),
                    None => {}
                }
                text
            }
        };
        text.push_str(match self.later {
            LaterChanges::Refuse => "",
            LaterChanges::Overwrite => " --over",
            LaterChanges::Keep => " --keep-changed",
        });
        text
    }
}

/// Intent to hold a release, so that it is not published automatically, or to lift the hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldIntent {
    /// The release.
    pub release: ReleaseName,
    /// True to hold it, false to lift the hold.
    pub hold: bool,
}

impl HoldIntent {
    /// Returns the equivalent command line.
    pub fn command(&self) -> String {
        let word = if self.hold { "hold" } else { "unhold" };
        format!("windlass {word} {}", self.release)
    }
}

/// Intent to change the workflows of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowIntent {
    /// The repository.
    pub repository: GitHubRepository,
    /// The action.
    pub action: WorkflowAction,
}

/// Actions on workflows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkflowAction {
    /// Starts a workflow manually.
    Dispatch {
        /// File name, such as `create_release.yaml`.
        workflow: String,
        /// Inputs of the workflow.
        inputs: BTreeMap<String, String>,
    },
    /// Reruns the failed jobs of a run.
    Rerun {
        /// GitHub's id of the run.
        run: u64,
    },
    /// Cancels a run.
    Cancel {
        /// GitHub's id of the run.
        run: u64,
    },
}

impl WorkflowIntent {
    /// Returns the equivalent command line.
    pub fn command(&self) -> String {
        match &self.action {
            WorkflowAction::Dispatch { workflow, inputs } => {
                let mut text = format!("windlass workflow run {workflow}");
                for (name, value) in inputs {
                    text.push_str(&format!(" {}", quoted(&format!("{name}={value}"))));
                }
                text
            }
            WorkflowAction::Rerun { run } => format!("windlass workflow rerun {run}"),
            WorkflowAction::Cancel { run } => format!("windlass workflow cancel {run}"),
        }
    }
}

/// Quotes `text` so that a shell reads it as one word.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "=-_./:,@+".contains(c);
    let text = SanitizedText::capped(text, 500).to_string();
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
