//! Steps of a plan and the operations they stand for.
//!
//! Owns the only list of operations that can change a remote. Must not know how they are done.

mod rows;
mod subject;
mod undo;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use chrono::{DateTime, Utc};

use super::Risk;
use super::intent::Keep;
use crate::config::workspace::TokenKind;
use crate::domain::charm::Serving;
use crate::domain::credential::TokenScope;
use crate::domain::secret::SelectedRepository;
use crate::domain::{
    Author, Base, Channel, CharmName, CharmRevision, CommitId, Cut, Digest, FileBytes, GitHubRepository,
    ManifestDigest, OrganisationSecret, Origin, Outside, ReleaseName, Repository, ResourceName, SecretTarget,
    SessionId, Track,
};

pub use rows::{Attach, AttachFrom, Move, PlannedResource, PlannedRow, State};
pub use subject::{Need, NeededPackage, Subject};
pub use undo::Undo;

/// Names a step inside its plan, readable and stable: `upload/finos-legend-studio-k8s/studio-image`.
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

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its name in the plan.
    pub id: StepId,
    /// What sort of step it is, for people and scripts.
    pub kind: String,
    /// What it acts on.
    pub target: Outside,
    /// What is there now.
    pub before: State,
    /// What will be there.
    pub after: State,
    /// Bytes it sends, where that can be told.
    pub bytes: Option<u64>,
    /// Why nothing needs to be done; then the step sends nothing.
    pub skip_reason: Option<Outside>,
    /// How it is undone, or why it cannot be.
    pub undo: Undo,
    /// True where a run without it still counts.
    #[serde(default)]
    pub optional: bool,
    /// What it does.
    pub op: Op,
}

impl Step {
    /// A step that is to be done and is not optional, without words yet.
    pub fn new(id: StepId, op: Op, target: impl AsRef<str>) -> Self {
        Self {
            id,
            kind: op.kind().to_owned(),
            target: Outside::new(target),
            before: State::Nothing(()),
            after: State::Nothing(()),
            bytes: None,
            skip_reason: None,
            undo: Undo::default(),
            optional: false,
            op,
        }
    }
}

/// What a step does. Nothing changes a remote except through one of these.
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
    /// Copies an image, pinned by digest, into the repository that the store keeps for a resource.
    CopyImage {
        /// The charm.
        charm: CharmName,
        /// The resource.
        resource: ResourceName,
        /// Where the image is.
        source: Origin,
        /// What arrives.
        digest: ManifestDigest,
        /// Set where only some platforms go.
        #[serde(default)]
        cut: Option<Cut>,
    },
    /// Copies an image, pinned by digest, to another registry or repository.
    Copy {
        /// Where the image is.
        source: Origin,
        /// What arrives.
        digest: ManifestDigest,
        /// Set where only some platforms go.
        cut: Option<Cut>,
        /// Where it goes.
        destination: Repository,
        /// The tag that names it there.
        tag: Option<String>,
        /// What that tag named when the plan was made.
        before: Option<ManifestDigest>,
        /// Set where the tag moves whatever it names by then.
        #[serde(default)]
        over: bool,
    },
    /// Makes a file of this machine a revision of a resource.
    UploadFile {
        /// The charm.
        charm: CharmName,
        /// The resource.
        resource: ResourceName,
        /// Its absolute path.
        path: String,
        /// sha-256 of its bytes when the plan was made.
        digest: Digest,
        /// Its length in bytes.
        size: u64,
        /// Architectures in the store's words, or `all`.
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
    /// Makes an image that lies in the store's registry a revision of a resource.
    UploadResource {
        /// The charm.
        charm: CharmName,
        /// The resource.
        resource: ResourceName,
        /// The image.
        digest: ManifestDigest,
        /// Architectures in the store's words.
        architectures: Vec<String>,
    },
    /// Releases revisions of a charm, all moves in one request.
    Release {
        /// The charm.
        charm: CharmName,
        /// What goes where.
        moves: Vec<Move>,
    },
    /// Waits until the public is served what was released.
    Verify {
        /// The charm.
        charm: CharmName,
        /// What must be served.
        moves: Vec<Move>,
    },
    /// Stores a commit that no branch shows yet.
    Commit {
        /// Where.
        repository: GitHubRepository,
        /// The branch that it starts from.
        base: String,
        /// The tip of that branch when the plan was made.
        parent: CommitId,
        /// Files that differ from the parent's, by path.
        files: BTreeMap<String, String>,
        /// The message, whole.
        message: String,
        /// Who signs.
        author: Author,
        /// When, so that the same plan makes the same commit.
        at: DateTime<Utc>,
    },
    /// Uploads a bundle, packed; its revision serves nobody yet.
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
        /// Where to.
        channel: Channel,
        /// The step that uploads it.
        from: StepId,
        /// What the channel served when the plan was made.
        before: Option<CharmRevision>,
    },
    /// Creates a branch at a commit of this plan.
    CreateBranch {
        /// Where.
        repository: GitHubRepository,
        /// Its name.
        branch: String,
        /// The step that stores the commit.
        from: StepId,
    },
    /// Holds a release: no robot publishes it.
    SetHold {
        /// Where the tag stands.
        repository: GitHubRepository,
        /// The release.
        release: ReleaseName,
        /// The commit that the tag names.
        at: CommitId,
    },
    /// Lifts the hold of a release.
    LiftHold {
        /// Where the tag stands.
        repository: GitHubRepository,
        /// The release.
        release: ReleaseName,
    },
    /// Starts a workflow by hand.
    Dispatch {
        /// Where.
        repository: GitHubRepository,
        /// Its file name.
        workflow: String,
        /// The branch that it runs on.
        branch: String,
        /// Its inputs.
        inputs: BTreeMap<String, String>,
    },
    /// Does the failed jobs of a workflow run again.
    RerunWorkflow {
        /// Where.
        repository: GitHubRepository,
        /// GitHub's number of the run.
        run: u64,
        /// Which attempt failed.
        attempt: u64,
    },
    /// Stops a workflow run.
    CancelWorkflow {
        /// Where.
        repository: GitHubRepository,
        /// GitHub's number of the run.
        run: u64,
    },
    /// Signs in and mints a store token, which lives in the memory of this run only.
    SignIn {
        /// What the token is to be good for.
        scope: TokenScope,
    },
    /// Keeps the token of this run on this machine.
    KeepToken {
        /// Where.
        keep: Keep,
    },
    /// Asks the service whether the value of this run does what every target needs.
    CheckToken {
        /// What sort of credential it is.
        credential: TokenKind,
        /// What each target needs.
        needs: Vec<Need>,
    },
    /// Seals the value of this run for every target and writes the seals into the journal.
    SealSecrets {
        /// The targets.
        targets: Vec<SecretTarget>,
        /// Secrets of organisations.
        #[serde(default)]
        organisations: Vec<OrganisationSecret>,
    },
    /// Sends a sealed value.
    SetSecret {
        /// Where to.
        target: SecretTarget,
        /// When it was last set as of the plan; `None` where it was absent.
        before: Option<DateTime<Utc>>,
    },
    /// Sends a sealed value to an organisation, for chosen repositories.
    SetOrganisationSecret {
        /// Where to.
        secret: OrganisationSecret,
        /// Who may read it from then on, and nobody else.
        repositories: Vec<SelectedRepository>,
        /// When it was last set as of the plan; `None` where it was absent.
        before: Option<DateTime<Utc>>,
    },
    /// Deletes a repository's copy, which would hide the organisation's value from its jobs.
    DeleteSecret {
        /// The copy.
        target: SecretTarget,
        /// When it was last set as of the plan.
        before: DateTime<Utc>,
    },
    /// Ends a session of the store: its token is refused from then on.
    RevokeSession {
        /// The session.
        session: SessionId,
        /// Repositories whose jobs may be using it.
        repositories: Vec<GitHubRepository>,
    },
}

impl Op {
    /// The charm it touches, where it touches one.
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

    /// What no other run may work on meanwhile. A secret of an organisation is one of every
    /// repository that it is for.
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

    /// True where what it brings is gone with the process, so that taking up a run means doing it
    /// again while a later step still wants it.
    pub const fn lives_in_memory(&self) -> bool {
        matches!(self, Self::SignIn { .. } | Self::CheckToken { .. })
    }

    /// True where it needs the value that a sign-in brought.
    pub const fn wants_token(&self) -> bool {
        matches!(self, Self::KeepToken { .. } | Self::SealSecrets { .. })
    }

    /// True where its neighbours of the same kind go on when it fails.
    pub const fn stands_alone(&self) -> bool {
        matches!(
            self,
            Self::SetSecret { .. }
                | Self::SetOrganisationSecret { .. }
                | Self::DeleteSecret { .. }
                | Self::RevokeSession { .. }
        )
    }

    /// True where channels go their way without it: a hold keeps robots away and nobody else.
    pub const fn stands_beside(&self) -> bool {
        matches!(self, Self::SetHold { .. } | Self::LiftHold { .. })
    }

    /// True where users of a channel or tag get something else than before.
    pub const fn changes_what_users_get(&self) -> bool {
        match self {
            Self::Release { .. } | Self::ReleaseBundle { .. } | Self::Close { .. } => true,
            Self::Copy { tag, before, .. } => tag.is_some() && before.is_some(),
            _ => false,
        }
    }

    /// How much harm it can do.
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

    /// True where it can change a remote.
    pub fn writes(&self) -> bool {
        self.risk() != Risk::Read
    }

    /// The sort of step, for people and scripts.
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
