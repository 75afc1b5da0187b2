//! What the pure part asks the shell to do.
//!
//! Owns the list of effects, as data. Two of them can change a remote, and both carry a
//! [`Confirmed`]. What was typed in secret travels in types that show nothing. Must not do
//! anything.

use std::sync::Arc;

use super::confirm::Confirmed;
use super::given::{Entered, Given};
use super::image::Wanted;
use crate::domain::credential::TokenScope;
use crate::domain::{CharmName, GitHubRepository, Repository, ResourceName, Snapshot};
use crate::journal::RunId;
use crate::plan::{Intent, Plan};

/// Names a request; its answer carries the same number, and older answers are dropped.
pub type RequestId = u64;

/// Something to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    // --- background: answered by a message
    /// Look at every service.
    Refresh {
        /// The request.
        id: RequestId,
        /// What is known so far.
        previous: Arc<Snapshot>,
    },
    /// Read the journal's runs.
    ReadRuns {
        /// The request.
        id: RequestId,
    },
    /// Look freshly at what a wish needs, and plan it.
    Plan {
        /// The request.
        id: RequestId,
        /// What is known so far.
        previous: Arc<Snapshot>,
        /// The wish.
        intent: Intent,
    },
    /// Have Ubuntu One say who somebody is. No token exists afterwards.
    Discharge {
        /// The request.
        id: RequestId,
        /// What the token is to be good for.
        scope: TokenScope,
        /// Who signs in.
        login: Entered,
    },
    /// Look at an image closely, and how much of it a resource lacks.
    Look {
        /// The request.
        id: RequestId,
        /// The image.
        image: Wanted,
        /// Where it would go.
        to: Option<(CharmName, ResourceName)>,
        /// What is known so far.
        previous: Arc<Snapshot>,
    },
    /// Read the image behind every revision of a charm's resources.
    LookBehind {
        /// The request.
        id: RequestId,
        /// The charm.
        charm: CharmName,
        /// What is known so far.
        previous: Arc<Snapshot>,
    },
    /// List the names of a folder.
    ListFolder(String),
    /// Ask the engines of this machine what they hold.
    AskEngines,
    /// Look at the workflows of a repository.
    LookAtWorkflows {
        /// The request.
        id: RequestId,
        /// The repository.
        repository: GitHubRepository,
        /// What is known so far.
        previous: Arc<Snapshot>,
    },
    /// Look at a run of a workflow: its jobs, and the end of the log of one that failed.
    LookAtRun {
        /// The request.
        id: RequestId,
        /// The repository.
        repository: GitHubRepository,
        /// GitHub's number of the run.
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
        /// GitHub's number of the job.
        job: u64,
    },
    /// Follow a workflow run that a run of windlass started, until it ends.
    FollowWorkflow {
        /// The run of windlass.
        run: RunId,
        /// The repository.
        repository: GitHubRepository,
        /// GitHub's number of the workflow run.
        number: u64,
    },
    // --- background, changing remotes
    /// Start a run of a confirmed plan.
    Start {
        /// The request.
        id: RequestId,
        /// The plan.
        plan: Box<Confirmed<Plan>>,
        /// What it is given besides.
        given: Given,
    },
    /// Take up a run that was left open.
    Resume {
        /// The request.
        id: RequestId,
        /// The run.
        run: Confirmed<RunId>,
        /// What it is given besides.
        given: Given,
    },
    /// Ask a run to stop.
    Cancel(RunId),
    // --- foreground: need the terminal
    /// Put a text into the clipboard by way of the terminal.
    Copy(String),
    /// Open a page.
    Open(String),
    /// Remember that the tour is over.
    EndTour,
    /// Take the mouse, or leave it to the terminal.
    Mouse(bool),
    /// Give the terminal to the pager until it ends.
    Page(String),
    /// Give the terminal to the editor, on the settings file.
    EditSettings,
    /// Tell the terminal that something ended, for whoever looks elsewhere.
    Notify(String),
    /// Leave.
    Quit,
}

impl Effect {
    /// True where it can change a remote.
    pub const fn writes(&self) -> bool {
        matches!(self, Self::Start { .. } | Self::Resume { .. })
    }
}
