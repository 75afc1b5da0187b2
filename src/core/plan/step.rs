//! Defines the steps of a plan and their operations.
//!
//! [`Op`] is the complete list of operations that can change a remote. They are executed by the
//! runner.

mod rows;
mod subject;
mod undo;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use chrono::{DateTime, Utc};

use super::Risk;
use super::intent::TokenStorage;
use crate::config::workspace::TokenKind;
use crate::domain::charm::Serving;
use crate::domain::credential::TokenScope;
use crate::domain::secret::SelectedRepository;
use crate::domain::{
    Author, Base, Channel, CharmName, CharmRevision, CommitId, Cut, Digest, FileBytes, GitHubRepository,
    ManifestDigest, OrganisationSecret, Origin, ReleaseName, Repository, ResourceName, SanitizedText,
    SecretTarget, SessionId, Track,
};

pub use rows::{
    AttachFrom, ChannelUpdate, PlannedResource, PlannedRow, ResourceAttachment, State, row_pairs,
};
pub use subject::{Need, NeededPackage, Subject};
pub use undo::Undo;

/// Id of a step in its plan, readable and stable: `upload/finos-legend-studio-k8s/studio-image`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub String);

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Id in the plan.
    pub id: StepId,
    /// Kind of step, for display and for JSON.
    pub kind: String,
    /// Subject of the step.
    pub target: SanitizedText,
    /// State before the step.
    pub before: State,
    /// State after the step.
    pub after: State,
    /// Bytes that it sends, if known.
    pub bytes: Option<u64>,
    /// Why nothing needs to be done; then the step is skipped.
    pub skip_reason: Option<SanitizedText>,
    /// How it can be undone, or why it cannot.
    pub undo: Undo,
    /// True if the run can succeed without it.
    #[serde(default)]
    pub optional: bool,
    /// The operation.
    pub op: Op,
}

impl Step {
    /// Creates a step that is to be done and is not optional, without descriptions.
    pub fn new(id: StepId, op: Op, target: impl AsRef<str>) -> Self {
        Self {
            id,
            kind: op.kind().to_owned(),
            target: SanitizedText::new(target),
            before: State::Nothing(()),
            after: State::Nothing(()),
            bytes: None,
            skip_reason: None,
            undo: Undo::default(),
            optional: false,
            op,
        }
    }

    /// Returns its impact: irreversible if the operation is, or if a part of it cannot be undone.
    pub const fn risk(&self) -> Risk {
        match self.undo.impossible_because() {
            Some(_) => Risk::Irreversible,
            None => self.op.risk(),
        }
    }
}

/// Operation of a step. A remote is changed only by one of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Op {
    /// Creates a track of a charm.
    CreateTrack {
        /// The charm.
        charm: CharmName,
        /// The track.
        track: Track,
    },
    /// Copies an image, pinned by digest, to the store's repository of a resource.
    CopyImage {
        /// The charm.
        charm: CharmName,
        /// The resource.
        resource: ResourceName,
        /// Source of the image.
        source: Origin,
        /// Digest at the destination.
        digest: ManifestDigest,
        /// Set if only some platforms are copied.
        #[serde(default)]
        cut: Option<Cut>,
    },
    /// Copies an image, pinned by digest, to another registry or repository.
    Copy {
        /// Source of the image.
        source: Origin,
        /// Digest at the destination.
        digest: ManifestDigest,
        /// Set if only some platforms are copied.
        cut: Option<Cut>,
        /// Destination.
        destination: Repository,
        /// Tag at the destination.
        tag: Option<String>,
        /// Digest that the tag named when the plan was made.
        before: Option<ManifestDigest>,
        /// True if the tag is moved even if it changed since.
        #[serde(default)]
        over: bool,
    },
    /// Makes a file on this machine a revision of a resource.
    UploadFile {
        /// The charm.
        charm: CharmName,
        /// The resource.
        resource: ResourceName,
        /// Absolute path.
        path: String,
        /// sha-256 of the content when the plan was made.
        digest: Digest,
        /// Length in bytes.
        size: u64,
        /// Architectures as the store names them, or `all`.
        architectures: Vec<String>,
    },
    /// Closes a channel of a charm.
    Close {
        /// The charm.
        charm: CharmName,
        /// The channel.
        channel: Channel,
        /// What it served when the plan was made, base by base.
        before: Vec<(Option<Base>, Serving)>,
    },
    /// Makes an image in the store's registry a revision of a resource.
    UploadResource {
        /// The charm.
        charm: CharmName,
        /// The resource.
        resource: ResourceName,
        /// The image.
        digest: ManifestDigest,
        /// Architectures as the store names them.
        architectures: Vec<String>,
    },
    /// Releases revisions of a charm, all rows in one request.
    Release {
        /// The charm.
        charm: CharmName,
        /// The rows to set.
        moves: Vec<ChannelUpdate>,
    },
    /// Waits until the public API serves what was released.
    Verify {
        /// The charm.
        charm: CharmName,
        /// The rows that must be served.
        moves: Vec<ChannelUpdate>,
    },
    /// Creates a commit that no branch names yet.
    Commit {
        /// The repository.
        repository: GitHubRepository,
        /// Branch that the commit is based on.
        base: String,
        /// Tip of that branch when the plan was made.
        parent: CommitId,
        /// Files that differ from the parent's, by path.
        files: BTreeMap<String, String>,
        /// The whole commit message.
        message: String,
        /// Author of the commit.
        author: Author,
        /// Time of the commit, fixed so that the same plan makes the same commit.
        at: DateTime<Utc>,
    },
    /// Uploads a packed bundle; its revision is not released yet.
    UploadBundle {
        /// The bundle.
        bundle: CharmName,
        /// Its files, by path inside the archive.
        files: BTreeMap<String, FileBytes>,
    },
    /// Releases an uploaded bundle.
    ReleaseBundle {
        /// The bundle.
        bundle: CharmName,
        /// Target channel.
        channel: Channel,
        /// The step that uploads it.
        from: StepId,
        /// What the channel served when the plan was made.
        before: Option<CharmRevision>,
    },
    /// Creates a branch at a commit of this plan.
    CreateBranch {
        /// The repository.
        repository: GitHubRepository,
        /// Name of the branch.
        branch: String,
        /// The step that creates the commit.
        from: StepId,
    },
    /// Holds a release, so that it is not published automatically.
    SetHold {
        /// The repository that has the tag.
        repository: GitHubRepository,
        /// The release.
        release: ReleaseName,
        /// The commit that the tag names.
        at: CommitId,
    },
    /// Lifts the hold of a release.
    LiftHold {
        /// The repository that has the tag.
        repository: GitHubRepository,
        /// The release.
        release: ReleaseName,
    },
    /// Starts a workflow manually.
    Dispatch {
        /// The repository.
        repository: GitHubRepository,
        /// File name of the workflow.
        workflow: String,
        /// The branch that it runs on.
        branch: String,
        /// Its inputs.
        inputs: BTreeMap<String, String>,
    },
    /// Reruns the failed jobs of a workflow run.
    RerunWorkflow {
        /// The repository.
        repository: GitHubRepository,
        /// GitHub's id of the run.
        run: u64,
        /// Number of the failed attempt.
        attempt: u64,
    },
    /// Cancels a workflow run.
    CancelWorkflow {
        /// The repository.
        repository: GitHubRepository,
        /// GitHub's id of the run.
        run: u64,
    },
    /// Signs in and creates a store token, which is kept only in the memory of this run.
    SignIn {
        /// Scope of the token.
        scope: TokenScope,
    },
    /// Stores the token of this run on this machine.
    KeepToken {
        /// Where it is stored.
        keep: TokenStorage,
    },
    /// Checks with the service that the value of this run is sufficient for every target.
    CheckToken {
        /// Kind of credential.
        credential: TokenKind,
        /// What each target needs.
        needs: Vec<Need>,
    },
    /// Seals the value of this run for every target and writes the sealed values to the journal.
    SealSecrets {
        /// The targets.
        targets: Vec<SecretTarget>,
        /// Secrets of organisations.
        #[serde(default)]
        organisations: Vec<OrganisationSecret>,
    },
    /// Sends a sealed value.
    SetSecret {
        /// The secret to set.
        target: SecretTarget,
        /// When it was last set, as of the plan; `None` if it did not exist.
        before: Option<DateTime<Utc>>,
    },
    /// Sends a sealed value to an organisation, for selected repositories.
    SetOrganisationSecret {
        /// The secret to set.
        secret: OrganisationSecret,
        /// The only repositories that may read it afterwards.
        repositories: Vec<SelectedRepository>,
        /// When it was last set, as of the plan; `None` if it did not exist.
        before: Option<DateTime<Utc>>,
    },
    /// Deletes a repository's copy, which would hide the organisation's value from its jobs.
    DeleteSecret {
        /// The copy.
        target: SecretTarget,
        /// When it was last set, as of the plan.
        before: DateTime<Utc>,
    },
    /// Revokes a session of the store: its token is refused afterwards.
    RevokeSession {
        /// The session.
        session: SessionId,
        /// Repositories whose jobs may be using it.
        repositories: Vec<GitHubRepository>,
    },
}

impl Op {
    /// Returns the charm that it changes, if any.
    pub const fn charm(&self) -> Option<&CharmName> {
        match self {
            Self::CreateTrack { charm, .. }
            | Self::CopyImage { charm, .. }
            | Self::UploadResource { charm, .. }
            | Self::UploadFile { charm, .. }
            | Self::Release { charm, .. }
            | Self::Close { charm, .. }
            | Self::Verify { charm, .. } => Some(charm),
            Self::UploadBundle { bundle, .. } | Self::ReleaseBundle { bundle, .. } => Some(bundle),
            Self::Commit { .. }
            | Self::CreateBranch { .. }
            | Self::SetHold { .. }
            | Self::LiftHold { .. }
            | Self::Dispatch { .. }
            | Self::RerunWorkflow { .. }
            | Self::CancelWorkflow { .. } => None,
            Self::Copy { .. }
            | Self::SignIn { .. }
            | Self::KeepToken { .. }
            | Self::CheckToken { .. }
            | Self::SealSecrets { .. }
            | Self::SetSecret { .. }
            | Self::SetOrganisationSecret { .. }
            | Self::DeleteSecret { .. }
            | Self::RevokeSession { .. } => None,
        }
    }

    /// Returns what no other run may change at the same time. A secret of an organisation counts as
    /// one of every repository that it is for.
    pub fn subjects(&self) -> Vec<Subject> {
        match self {
            Self::SetSecret { target, .. } | Self::DeleteSecret { target, .. } => {
                vec![Subject::Secret(target.clone())]
            }
            Self::SetOrganisationSecret {
                secret, repositories, ..
            } => repositories
                .iter()
                .map(|one| {
                    Subject::Secret(SecretTarget {
                        repository: one.repository.clone(),
                        secret: secret.secret.clone(),
                    })
                })
                .collect(),
            Self::RevokeSession { session, .. } => vec![Subject::Session(session.clone())],
            Self::CreateBranch {
                repository, branch, ..
            } => vec![Subject::Branch(repository.clone(), branch.clone())],
            Self::SetHold { release, .. } | Self::LiftHold { release, .. } => {
                vec![Subject::Hold(release.clone())]
            }
            Self::Dispatch { repository, .. }
            | Self::RerunWorkflow { repository, .. }
            | Self::CancelWorkflow { repository, .. } => vec![Subject::Workflows(repository.clone())],
            Self::Copy { destination, .. } => vec![Subject::Repository(destination.clone())],
            other => other.charm().cloned().map(Subject::Charm).into_iter().collect(),
        }
    }

    /// Returns true if its result is lost when the process ends, so that it is repeated when a run
    /// is resumed and a later step still needs the result.
    pub const fn lives_in_memory(&self) -> bool {
        matches!(self, Self::SignIn { .. } | Self::CheckToken { .. })
    }

    /// Returns true if it needs the token of a sign-in.
    pub const fn wants_token(&self) -> bool {
        matches!(self, Self::KeepToken { .. } | Self::SealSecrets { .. })
    }

    /// Returns true if other steps of the same kind continue after it fails.
    pub const fn stands_alone(&self) -> bool {
        matches!(
            self,
            Self::SetSecret { .. }
                | Self::SetOrganisationSecret { .. }
                | Self::DeleteSecret { .. }
                | Self::RevokeSession { .. }
        )
    }

    /// Returns true if a run can continue after it fails, because channels do not depend on it: a
    /// hold only stops automatic publishing.
    pub const fn stands_beside(&self) -> bool {
        matches!(self, Self::SetHold { .. } | Self::LiftHold { .. })
    }

    /// Returns true if users of a channel or tag get something else than before.
    pub const fn changes_what_users_get(&self) -> bool {
        match self {
            Self::Release { .. } | Self::ReleaseBundle { .. } | Self::Close { .. } => true,
            Self::Copy { tag, before, .. } => tag.is_some() && before.is_some(),
            _ => false,
        }
    }

    /// Returns the impact of the operation.
    pub const fn risk(&self) -> Risk {
        match self {
            Self::Verify { .. } | Self::CheckToken { .. } | Self::SealSecrets { .. } => Risk::Read,
            Self::CopyImage { .. }
            | Self::Copy { .. }
            | Self::Release { .. }
            | Self::Close { .. }
            | Self::Commit { .. }
            | Self::ReleaseBundle { .. }
            | Self::SetHold { .. }
            | Self::LiftHold { .. }
            | Self::CancelWorkflow { .. }
            | Self::SignIn { .. }
            | Self::KeepToken { .. } => Risk::Write,
            Self::CreateTrack { .. }
            | Self::UploadResource { .. }
            | Self::UploadFile { .. }
            | Self::UploadBundle { .. }
            | Self::CreateBranch { .. }
            | Self::Dispatch { .. }
            | Self::RerunWorkflow { .. }
            | Self::SetSecret { .. }
            | Self::SetOrganisationSecret { .. }
            | Self::DeleteSecret { .. }
            | Self::RevokeSession { .. } => Risk::Irreversible,
        }
    }

    /// Returns true if it can change a remote.
    pub fn writes(&self) -> bool {
        self.risk() != Risk::Read
    }

    /// Returns true if it releases to a channel or closes one.
    pub const fn changes_channels(&self) -> bool {
        matches!(
            self,
            Self::Release { .. } | Self::Close { .. } | Self::ReleaseBundle { .. }
        )
    }

    /// Returns the kind of step, for display and for JSON.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::CreateTrack { .. } => "create-track",
            Self::CopyImage { .. } => "copy-image",
            Self::Copy { .. } => "copy",
            Self::UploadResource { .. } => "upload-resource",
            Self::UploadFile { .. } => "upload-file",
            Self::Close { .. } => "close",
            Self::Release { .. } => "release",
            Self::Commit { .. } => "commit",
            Self::UploadBundle { .. } => "upload-bundle",
            Self::ReleaseBundle { .. } => "release-bundle",
            Self::CreateBranch { .. } => "create-branch",
            Self::SetHold { .. } => "set-hold",
            Self::LiftHold { .. } => "lift-hold",
            Self::Dispatch { .. } => "dispatch",
            Self::RerunWorkflow { .. } => "rerun-workflow",
            Self::CancelWorkflow { .. } => "cancel-workflow",
            Self::Verify { .. } => "verify",
            Self::SignIn { .. } => "sign-in",
            Self::KeepToken { .. } => "keep-token",
            Self::CheckToken { .. } => "check-token",
            Self::SealSecrets { .. } => "seal-secrets",
            Self::SetSecret { .. } => "set-secret",
            Self::SetOrganisationSecret { .. } => "set-organisation-secret",
            Self::DeleteSecret { .. } => "delete-secret",
            Self::RevokeSession { .. } => "revoke-session",
        }
    }
}
