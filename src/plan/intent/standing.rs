//! Wishes about releases that are published already: promote, roll back, hold; and about the
//! workflows of a repository.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::channel::Risk;
use crate::domain::{Channel, CharmName, GitHubRepository, Outside, ReleaseName, RunId, Track};

/// The wish to bring a release to another risk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromoteIntent {
    /// The release.
    pub release: ReleaseName,
    /// The risk it goes to: candidate, beta or stable.
    pub to: Risk,
    /// Charms that the release's track does not have, taken from this channel instead.
    #[serde(default)]
    pub with: BTreeMap<CharmName, Channel>,
}

impl PromoteIntent {
    /// The command line that says the same.
    pub fn command(&self) -> String {
        let mut text = format!("windlass promote {} --to {}", self.release, self.to);
        for (charm, channel) in &self.with {
            text.push_str(&format!(" --with {charm}={channel}"));
        }
        text
    }
}

/// The request to move every open risk of a track one step, up to a risk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromoteTrackIntent {
    /// The track.
    pub track: Track,
    /// The most stable risk that is released to: candidate, beta or stable.
    pub to: Risk,
}

impl PromoteTrackIntent {
    /// The command line that says the same.
    pub fn command(&self) -> String {
        format!("windlass promote --track {} --to {}", self.track, self.to)
    }
}

/// The wish to give channels back what they had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackIntent {
    /// What is rolled back.
    pub of: RolledBack,
    /// Also where somebody changed the channel since.
    #[serde(default)]
    pub over: bool,
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
        /// Only these; every channel that the journal changed where empty.
        channels: Vec<Channel>,
        /// To what they had then; before their last change where `None`.
        to: Option<Moment>,
    },
}

/// A moment in the history of channels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// A time.
    At(DateTime<Utc>),
    /// When this run had ended.
    After(RunId),
}

impl RollbackIntent {
    /// The command line that says the same.
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
        if self.over {
            text.push_str(" --over");
        }
        text
    }
}

/// The wish that no robot publishes a release, or that it may again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldIntent {
    /// The release.
    pub release: ReleaseName,
    /// True to hold it, false to lift the hold.
    pub hold: bool,
}

impl HoldIntent {
    /// The command line that says the same.
    pub fn command(&self) -> String {
        let word = if self.hold { "hold" } else { "unhold" };
        format!("windlass {word} {}", self.release)
    }
}

/// A wish about the workflows of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowIntent {
    /// The repository.
    pub repository: GitHubRepository,
    /// What is to be done.
    pub action: WorkflowAction,
}

/// What can be done with workflows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkflowAction {
    /// Start one by hand.
    Dispatch {
        /// Its file name, `create_release.yaml`.
        workflow: String,
        /// What is typed into its form.
        inputs: BTreeMap<String, String>,
    },
    /// Do the failed jobs of a run again.
    Rerun {
        /// GitHub's number of the run.
        run: u64,
    },
    /// Stop a run.
    Cancel {
        /// GitHub's number of the run.
        run: u64,
    },
}

impl WorkflowIntent {
    /// The command line that says the same.
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

/// As a shell takes it back as one word.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "=-_./:,@+".contains(c);
    let text = Outside::capped(text, 500).to_string();
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
