//! Defines intents: what the operator asks for, before it is checked against a snapshot.
//!
//! Every intent can be written as a command line.

mod standing;
mod transfer;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::domain::credential::TokenScope;
use crate::domain::{CharmName, CharmRevision, Fingerprint, ReleaseName, SecretTarget, SessionId, Target};

pub use standing::{
    HoldIntent, LaterChanges, Moment, PromoteIntent, PromoteTrackIntent, RollbackIntent, RolledBack,
    WorkflowAction, WorkflowIntent,
};
pub use transfer::{CloseIntent, Content, CopyIntent, ReleaseIntent, UploadIntent};

/// An intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "intent", rename_all = "kebab-case")]
pub enum Intent {
    /// Publish an upstream release.
    Publish(PublishIntent),
    /// Set secrets to a new credential.
    Rotate(RotateIntent),
    /// Create a store token and store it.
    SignIn(SignInIntent),
    /// Revoke sessions of the store.
    Revoke(RevokeIntent),
    /// Upload a file or an image as a revision of a resource.
    Upload(UploadIntent),
    /// Copy an image to a registry.
    Copy(CopyIntent),
    /// Release a charm revision.
    Release(ReleaseIntent),
    /// Close a channel.
    Close(CloseIntent),
    /// Promote a release to another risk.
    Promote(PromoteIntent),
    /// Promote every open risk of a track by one step.
    PromoteTrack(PromoteTrackIntent),
    /// Restore what channels served before.
    Rollback(RollbackIntent),
    /// Hold a release, or lift its hold.
    Hold(HoldIntent),
    /// Start, rerun or cancel a workflow.
    Workflow(WorkflowIntent),
}

impl Intent {
    /// Returns the equivalent command line, without `--yes`.
    pub fn command(&self) -> String {
        match self {
            Self::Publish(intent) => intent.command(),
            Self::Rotate(intent) => intent.command(),
            Self::SignIn(intent) => intent.command(),
            Self::Revoke(intent) => intent.command(),
            Self::Upload(intent) => intent.command(),
            Self::Copy(intent) => intent.command(),
            Self::Release(intent) => intent.command(),
            Self::Close(intent) => intent.command(),
            Self::Promote(intent) => intent.command(),
            Self::PromoteTrack(intent) => intent.command(),
            Self::Rollback(intent) => intent.command(),
            Self::Hold(intent) => intent.command(),
            Self::Workflow(intent) => intent.command(),
        }
    }

    /// Returns true if a run of this intent resumes an unfinished run of `earlier`. Rotations are
    /// compared without their revocations.
    pub fn takes_up(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (Self::Rotate(now), Self::Rotate(then)) => {
                now.targets == then.targets
                    && now.ttl == then.ttl
                    && now.brought == then.brought
                    && now.organisation == then.organisation
                    && now.without == then.without
            }
            // Every sign-in creates a new token.
            (Self::SignIn(_), _) => false,
            // Every start of a workflow is a new run.
            (Self::Workflow(_), _) => false,
            (now, then) => now == then,
        }
    }
}

/// Intent to set secrets of repositories to one credential.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotateIntent {
    /// The secrets to set; if empty, all that the workspace names for its store token.
    #[serde(default)]
    pub targets: BTreeSet<SecretTarget>,
    /// Lifetime of the new token in seconds; `None` for that of the workspace.
    #[serde(default)]
    pub ttl: Option<u64>,
    /// Fingerprint of a custom value that is used instead of a new token.
    #[serde(default)]
    pub brought: Option<Fingerprint>,
    /// Secrets that are left out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub without: BTreeSet<SecretTarget>,
    /// Sets one secret of the organisation in place of the copies in its repositories.
    #[serde(default)]
    pub organisation: bool,
    /// Sessions to revoke after every target has the new value.
    #[serde(default)]
    pub revoke: BTreeSet<Revoked>,
}

impl RotateIntent {
    /// Returns the equivalent command line.
    pub fn command(&self) -> String {
        let mut words = vec!["windlass rotate".to_owned()];
        if self.brought.is_some() {
            words.push("--token-file FILE".to_owned());
        }
        if let Some(ttl) = self.ttl {
            words.push(format!("--ttl {ttl}"));
        }
        if self.organisation {
            words.push("--organisation".to_owned());
        }
        words.extend(self.targets.iter().map(|target| format!("--target {target}")));
        words.extend(self.without.iter().map(|target| format!("--without {target}")));
        words.extend(self.revoke.iter().map(|wish| match wish {
            Revoked::Recorded => "--revoke recorded".to_owned(),
            Revoked::Session(session) => format!("--revoke {session}"),
        }));
        words.join(" ")
    }
}

/// Sessions that a rotation revokes at its end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Revoked {
    /// Every former session that windlass recorded for the targets.
    Recorded,
    /// A selected session.
    Session(SessionId),
}

/// Intent to sign in and store the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInIntent {
    /// Scope of the token.
    pub scope: TokenScope,
    /// Where the token is stored.
    pub keep: TokenStorage,
}

/// Where a token is stored on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenStorage {
    /// The system's keyring, where charmcraft finds it too.
    Keyring,
    /// The encrypted file, protected by a passphrase.
    EncryptedFile,
    /// A file in charmcraft's export format.
    Export {
        /// Path of the file.
        path: String,
        /// Overwrites an existing file.
        force: bool,
    },
}

impl SignInIntent {
    /// Returns the equivalent command line.
    pub fn command(&self) -> String {
        let mut words = vec!["windlass login".to_owned()];
        match &self.keep {
            TokenStorage::Keyring => {}
            TokenStorage::EncryptedFile => words.push("--passphrase-file FILE".to_owned()),
            TokenStorage::Export { path, force } => {
                words.push(format!("--export {path}"));
                if *force {
                    words.push("--force".to_owned());
                }
            }
        }
        words.extend(self.scope.packages.iter().map(|package| {
            let kind = match package.kind {
                crate::domain::credential::PackageKind::Charm => "charm",
                crate::domain::credential::PackageKind::Bundle => "bundle",
            };
            format!("--{kind} {}", package.name)
        }));
        words.extend(
            self.scope
                .channels
                .iter()
                .map(|channel| format!("--channel {channel}")),
        );
        words.extend(
            self.scope
                .permissions
                .iter()
                .map(|permission| format!("--permission {permission}")),
        );
        words.push(format!("--ttl {}", self.scope.ttl));
        words.join(" ")
    }
}

/// Intent to revoke sessions of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeIntent {
    /// The sessions.
    pub sessions: BTreeSet<SessionId>,
}

impl RevokeIntent {
    /// Returns the equivalent command line.
    pub fn command(&self) -> String {
        let sessions: Vec<_> = self.sessions.iter().map(ToString::to_string).collect();
        format!("windlass revoke {}", sessions.join(" "))
    }
}

/// Intent to publish one release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishIntent {
    /// The release.
    pub release: ReleaseName,
    /// The charms to publish; if empty, all with an image in the manifest.
    #[serde(default)]
    pub charms: BTreeSet<CharmName>,
    /// Selected charm revisions.
    #[serde(default)]
    pub revisions: BTreeMap<CharmName, CharmRevision>,
    /// Releases the charm revision that `latest/edge` serves instead of the newest.
    #[serde(default)]
    pub keep_revision: bool,
    /// Selected images: key in the manifest -> tag or digest in the same repository.
    #[serde(default)]
    pub images: BTreeMap<String, Target>,
    /// Publishes only to channels of the release's own track.
    #[serde(default)]
    pub track_only: bool,
    /// Lets `latest/edge` return to an older release.
    #[serde(default)]
    pub allow_downgrade: bool,
    /// Parts that the operator leaves out.
    #[serde(default)]
    pub without: BTreeSet<SkipPart>,
}

/// Parts of a publish that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SkipPart {
    /// The marker branch.
    Branch,
    /// The bundle.
    Bundle,
}

impl SkipPart {
    /// Returns the name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Branch => "branch",
            Self::Bundle => "bundle",
        }
    }
}

impl PublishIntent {
    /// Creates the intent to publish `release` with default options.
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

    /// Returns the equivalent command line.
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
