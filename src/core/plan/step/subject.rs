//! Defines the subjects of a step that other modules need: what is locked during a run, and what a
//! credential must be sufficient for.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::{
    CharmName, GitHubRepository, ReleaseName, Repository, SanitizedText, SecretTarget, SessionId,
};

/// A subject that two runs must not change at the same time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A charm with its channels and resources.
    Charm(CharmName),
    /// A secret of a repository.
    Secret(SecretTarget),
    /// A session of the store.
    Session(SessionId),
    /// A repository of a registry.
    Repository(Repository),
    /// A branch of a repository.
    Branch(GitHubRepository, String),
    /// The hold of a release.
    Hold(ReleaseName),
    /// The workflows of a repository.
    Workflows(GitHubRepository),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Charm(charm) => f.pad(charm.as_str()),
            Self::Secret(target) => f.pad(&target.to_string()),
            Self::Session(session) => f.pad(&format!("session {session}")),
            Self::Repository(repository) => f.pad(&repository.to_string()),
            Self::Branch(repository, branch) => f.pad(&format!(
                "branch {} of {repository}",
                SanitizedText::capped(branch, 100)
            )),
            Self::Hold(release) => f.pad(&format!("hold of {release}")),
            Self::Workflows(repository) => f.pad(&format!("workflows of {repository}")),
        }
    }
}

/// What the job of a target needs from its credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// The target.
    pub target: SecretTarget,
    /// Permissions (store) or scopes (GitHub).
    pub permissions: Vec<String>,
    /// Packages that it publishes, with the store's id if known.
    pub packages: Vec<NeededPackage>,
    /// Channels that it releases to, as written in the workspace: `{yyyy-mm}/edge` needs a
    /// credential that is not limited to channels.
    pub channels: Vec<String>,
}

/// A package that a job publishes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeededPackage {
    /// Name of the package.
    pub name: CharmName,
    /// The store's id: some tokens name packages by id only.
    pub id: Option<String>,
}
