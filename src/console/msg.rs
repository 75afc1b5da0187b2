//! Defines every message of the console.
//!
//! Messages can be compared and replayed, so they carry no closures. Secrets are carried in types
//! whose `Debug` output hides them.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::actions::{ActionId, Key};
use super::effect::RequestId;
use super::given::Discharge;
use super::hidden::Hidden;
use super::image::data::Seen;
use super::panes::id::PaneId;
use crate::domain::charm::ImageBehind;
use crate::domain::tags::TagList;
use crate::domain::workflow::{JobLog, RepositoryWorkflows, WorkflowRun};
use crate::domain::{CharmName, Observed, Problem, SanitizedText, Snapshot, SourceUpdate};
use crate::journal::{RunId, RunRecord};
use crate::plan::Plan;
use crate::run::progress::RunProgress;

/// A message to the console.
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    // --- from the terminal
    /// A key.
    Key(Key),
    /// A bracketed paste.
    Paste(Hidden),
    /// New size, columns and rows.
    Resize(u16, u16),
    /// The terminal window gained or lost the focus.
    Focus(bool),
    // --- from the action table and the hit map
    /// An action was requested.
    Act(ActionId),
    /// A pane was clicked, or its tab.
    Pane(PaneId),
    /// The banner above the rows of a pane was clicked.
    Banner(PaneId),
    /// A row of a pane was clicked.
    Select(PaneId, usize),
    /// A line of a screen or dialog was clicked.
    Pick(usize),
    /// The last click was repeated (double click).
    Twice,
    /// A border between panes was dragged to this column and row.
    Drag(Grip, u16, u16),
    /// The wheel turned over a pane, or over the screen if `None`.
    Wheel(Option<PaneId>, isize),
    // --- from the clock
    /// The time is now this.
    Clock(DateTime<Utc>),
    /// The first frame was drawn at this time; expensive values may be computed now.
    FirstFrame(DateTime<Utc>),
    // --- answers
    /// A refresh was started.
    RefreshStarted(RequestId, DateTime<Utc>),
    /// A source of a refresh answered.
    SourceRead(RequestId, DateTime<Utc>, Box<SourceUpdate>),
    /// A refresh ended.
    Observed(RequestId, DateTime<Utc>, Arc<Snapshot>),
    /// A journal file changed, through this process or another windlass.
    JournalChanged,
    /// The journal was read.
    RunsRead(RequestId, DateTime<Utc>, Result<Vec<RunRecord>, Problem>),
    /// An intent was planned from this snapshot, or planning failed.
    Planned(
        RequestId,
        DateTime<Utc>,
        Arc<Snapshot>,
        Box<Result<Plan, Problem>>,
    ),
    /// Ubuntu One answered a sign-in.
    Discharged(RequestId, Box<Result<Discharge, Problem>>),
    /// An image was read, or could not be.
    Looked(RequestId, Box<Result<Seen, Problem>>),
    /// The images behind the revisions of a charm's resources were read.
    Behind(RequestId, CharmName, BTreeMap<String, Observed<ImageBehind>>),
    /// The workflows of a repository were read.
    WorkflowsSeen(RequestId, Box<Observed<RepositoryWorkflows>>),
    /// A workflow run was read.
    WorkflowRunSeen(RequestId, Box<Result<WorkflowRun, Problem>>),
    /// The names of a folder were listed.
    FolderListed(Folder),
    /// The tags of a repository were listed.
    TagsListed(RequestId, DateTime<Utc>, Box<Result<TagList, Problem>>),
    /// The log of a job was read.
    JobLogRead(RequestId, Box<Result<JobLog, Problem>>),
    /// GitHub answered about a workflow run that a windlass run started.
    WorkflowFollowed(RunId, DateTime<Utc>, Box<Result<WorkflowRun, Problem>>),
    /// The container engines of this machine listed their images.
    Held(Vec<SanitizedText>),
    /// A run started, or failed to.
    Started(RequestId, Result<RunId, Problem>),
    /// A run progressed.
    Progress(Box<RunProgress>),
    /// A run ended.
    Ended(RunId, DateTime<Utc>, Box<Result<RunRecord, Problem>>),
    /// A background task of windlass itself failed.
    Broken(Problem),
    /// The shell did something minor and reports it.
    Said(String),
    /// The shell could not do something minor.
    Refused(String),
    /// The settings were edited; an error if they are not valid.
    Edited(Result<(), Problem>),
}

/// A border between panes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Border {
    /// Between the upper two panes.
    Column,
    /// Between the upper and the lower panes.
    Row,
    /// Between the last two of the lower panes.
    Lower,
    /// Between the first two of the lower panes.
    LowerColumn,
}

/// A grabbed border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grip {
    /// Which border.
    pub border: Border,
    /// Cells from the grabbed cell to the start of the following pane.
    pub before: u16,
}

/// A directory whose names complete the typed path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Its absolute path.
    pub path: String,
    /// Its names, sorted; those of directories end with a slash. Empty until they are listed.
    pub names: Vec<String>,
}
