//! Wishes: what somebody wants, before anybody looked whether it can be.
//!
//! Owns the intents and the command line that says the same. Must not look at a snapshot.

mod standing;
mod transfer;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::domain::credential::TokenScope;
use crate::domain::{CharmName, CharmRevision, Fingerprint, ReleaseName, SecretTarget, SessionId, Target};

pub use standing::{
    HoldIntent, Moment, PromoteIntent, PromoteTrackIntent, RollbackIntent, RolledBack, WorkflowAction,
    WorkflowIntent,
};
pub use transfer::{CloseIntent, Content, CopyIntent, ReleaseIntent, UploadIntent};

/// A wish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "intent", rename_all = "kebab-case")]
pub enum Intent {
    /// Publish an upstream release.
    Publish(PublishIntent),
    /// Put one credential into every place that needs it.
    Rotate(RotateIntent),
    /// Get a store token and keep it.
    SignIn(SignInIntent),
    /// End sessions of the store.
    Revoke(RevokeIntent),
    /// Make a file or an image a revision of a resource.
    Upload(UploadIntent),
    /// Copy an image to a registry.
    Copy(CopyIntent),
    /// Release a charm revision.
    Release(ReleaseIntent),
    /// Close a channel.
    Close(CloseIntent),
    /// Bring a release to another risk.
    Promote(PromoteIntent),
    /// Move every open risk of a track one step.
    PromoteTrack(PromoteTrackIntent),
    /// Give channels back what they had.
    Rollback(RollbackIntent),
    /// Hold a release, or lift its hold.
    Hold(HoldIntent),
    /// Start, repeat or stop a workflow.
    Workflow(WorkflowIntent),
}

impl Intent {
    /// The command line that says the same, without `--yes`.
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

    /// True where an unfinished run of `earlier` is finished by a run of this wish. A rotation is
    /// the same whatever it revokes afterwards.
    pub fn takes_up(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (Self::Rotate(now), Self::Rotate(then)) => {
                now.targets == then.targets
                    && now.ttl == then.ttl
                    && now.brought == then.brought
                    && now.organisation == then.organisation
                    && now.without == then.without
            }
            // Signing in again is a new token in any case.
            (Self::SignIn(_), _) => false,
            // So is a workflow dispatched again: nobody wants yesterday's.
            (Self::Workflow(_), _) => false,
            (now, then) => now == then,
        }
    }
}

/// The wish to put one credential into secrets of repositories.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotateIntent {
    /// Only these; all that the workspace names for its store token where empty.
    #[serde(default)]
    pub targets: BTreeSet<SecretTarget>,
    /// How long the new token lives, in seconds; the workspace's word where `None`.
    #[serde(default)]
    pub ttl: Option<u64>,
    /// A value that the operator brings instead of a new token: its fingerprint.
    #[serde(default)]
    pub brought: Option<Fingerprint>,
    /// Secrets that keep the value they hold.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub without: BTreeSet<SecretTarget>,
    /// One secret of the organisation in place of its repositories' copies.
    #[serde(default)]
    pub organisation: bool,
    /// Sessions to end once every target holds the new value.
    #[serde(default)]
    pub revoke: BTreeSet<Revoked>,
}

impl RotateIntent {
    /// The command line that says the same.
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

/// What a rotation revokes when it is through.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Revoked {
    /// Every former session that our lineage recorded for the targets.
    Recorded,
    /// A session chosen from the list.
    Session(SessionId),
}

/// The wish to sign in and keep the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInIntent {
    /// What the token is to be good for.
    pub scope: TokenScope,
    /// Where it is kept.
    pub keep: Keep,
}

/// Where a token is kept on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// The system's keyring, where charmcraft finds it too.
    Keyring,
    /// The encrypted file, opened by a passphrase.
    EncryptedFile,
    /// A file in charmcraft's export format, by its path.
    Export {
        /// The path.
        path: String,
        /// Overwrite what is there.
        force: bool,
    },
}

impl SignInIntent {
    /// The command line that says the same.
    pub fn command(&self) -> String {
        let mut words = vec!["windlass login".to_owned()];
        match &self.keep {
            Keep::Keyring => {}
            Keep::EncryptedFile => words.push("--passphrase-file FILE".to_owned()),
            Keep::Export { path, force } => {
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

/// The wish to end sessions of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeIntent {
    /// The sessions.
    pub sessions: BTreeSet<SessionId>,
}

impl RevokeIntent {
    /// The command line that says the same.
    pub fn command(&self) -> String {
        let sessions: Vec<_> = self.sessions.iter().map(ToString::to_string).collect();
        format!("windlass revoke {}", sessions.join(" "))
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
