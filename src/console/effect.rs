//! Lists what the pure part of the console asks the shell to do, as data.
//!
//! Two effects can change a remote; both carry a [`Confirmed`]. Secret input is carried in types
//! whose `Debug` output hides it.

use std::sync::Arc;

use super::confirm::Confirmed;
use super::given::{Entered, Given};
use super::image::data::Wanted;
pub use super::request::RequestId;
use crate::domain::credential::TokenScope;
use crate::domain::{CharmName, GitHubRepository, Repository, ResourceName, Snapshot};
use crate::journal::RunId;
use crate::plan::{Changed, Intent, Plan};

/// An effect for the shell to perform.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    // --- background: answered by a message
    /// Read every service, or only what has changed.
    Refresh {
        /// The request.
        id: RequestId,
        /// The snapshot so far.
        previous: Arc<Snapshot>,
        /// What to read again; `None` for everything.
        changed: Option<Changed>,
    },
    /// Read the journal's runs.
    ReadRuns {
        /// The request.
        id: RequestId,
    },
    /// Read again what an intent needs, and plan it.
    Plan {
        /// The request.
        id: RequestId,
        /// The snapshot so far.
        previous: Arc<Snapshot>,
        /// The intent.
        intent: Intent,
    },
    /// Discharge a sign-in at Ubuntu One. Creates no token.
    Discharge {
        /// The request.
        id: RequestId,
        /// The scope of the token.
        scope: TokenScope,
        /// The account that signs in.
        login: Entered,
    },
    /// Read an image in detail, and which of its blobs a resource lacks.
    Look {
        /// The request.
        id: RequestId,
        /// The image.
        image: Wanted,
        /// The resource it would be uploaded to.
        to: Option<(CharmName, ResourceName)>,
        /// The snapshot so far.
        previous: Arc<Snapshot>,
    },
    /// Read the image behind every revision of a charm's resources.
    LookBehind {
        /// The request.
        id: RequestId,
        /// The charm.
        charm: CharmName,
        /// The snapshot so far.
        previous: Arc<Snapshot>,
    },
    /// List the names of a folder.
    ListFolder(String),
    /// List the images of the container engines of this machine.
    AskEngines,
    /// Read the workflows of a repository.
    LookAtWorkflows {
        /// The request.
        id: RequestId,
        /// The repository.
        repository: GitHubRepository,
        /// The snapshot so far.
        previous: Arc<Snapshot>,
    },
    /// Read a workflow run: its jobs, and the end of the log of a failed one.
    LookAtRun {
        /// The request.
        id: RequestId,
        /// The repository.
        repository: GitHubRepository,
        /// GitHub's id of the run.
        run: u64,
    },
    /// List the tags of a repository in its registry.
    ListTags {
        /// The request.
        id: RequestId,
        /// The repository.
        repository: Repository,
    },
    /// Read the log of a job.
    ReadJobLog {
        /// The request.
        id: RequestId,
        /// The repository.
        repository: GitHubRepository,
        /// GitHub's id of the job.
        job: u64,
    },
    /// Follow a workflow run that a run of windlass started, until it ends.
    FollowWorkflow {
        /// The windlass run.
        run: RunId,
        /// The repository.
        repository: GitHubRepository,
        /// GitHub's id of the workflow run.
        number: u64,
    },
    // --- background, changing remotes
    /// Start a run of a confirmed plan.
    Start {
        /// The request.
        id: RequestId,
        /// The plan.
        plan: Box<Confirmed<Plan>>,
        /// The sign-in or passphrase it needs.
        given: Given,
    },
    /// Resume a run that was left open.
    Resume {
        /// The request.
        id: RequestId,
        /// The run.
        run: Confirmed<RunId>,
        /// The sign-in or passphrase it needs.
        given: Given,
    },
    /// Ask a run to stop.
    Cancel(RunId),
    // --- foreground: need the terminal
    /// Copy a text to the clipboard through the terminal.
    Copy(String),
    /// Open a page in the browser.
    Open(String),
    /// Store that the tour has ended.
    EndTour,
    /// Capture the mouse, or release it to the terminal.
    Mouse(bool),
    /// Show a text in the pager.
    Page(String),
    /// Open the settings file in the editor.
    EditSettings,
    /// Send a terminal notification that something ended.
    Notify(String),
    /// Quit.
    Quit,
}

impl Effect {
    /// Returns true if the effect can change a remote.
    pub const fn writes(&self) -> bool {
        matches!(self, Self::Start { .. } | Self::Resume { .. })
    }
}
