//! Everything that can happen to the console.
//!
//! Owns the messages, nested by feature. They can be compared and replayed. Must not carry
//! closures, nor anything secret in a type that shows it.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::actions::{ActionId, Key};
use super::effect::RequestId;
use super::given::Discharge;
use super::hidden::Hidden;
use super::image::Seen;
use super::panes::PaneId;
use super::paths::Folder;
use super::split::Grip;
use crate::domain::charm::ImageBehind;
use crate::domain::tags::TagList;
use crate::domain::workflow::{JobLog, RepositoryWorkflows, WorkflowRun};
use crate::domain::{CharmName, Observed, Outside, Problem, Snapshot, SourceUpdate};
use crate::journal::{RunId, RunRecord};
use crate::plan::Plan;
use crate::run::progress::RunProgress;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    // --- from the terminal
    /// A key.
    Key(Key),
    /// A bracketed paste.
    Paste(Hidden),
    /// New size, columns and rows.
    Resize(u16, u16),
    /// The terminal window got or lost the focus.
    Focus(bool),
    // --- from the action table and the hit map
    /// An action was asked for.
    Act(ActionId),
    /// A row of a pane was clicked.
    Select(PaneId, usize),
    /// A line of a screen or dialog was clicked.
    Pick(usize),
    /// What was clicked last was clicked again at once.
    Twice,
    /// A border between panes was dragged to this column and row.
    Drag(Grip, u16, u16),
    /// The wheel turned over a pane, or over the screen where it is `None`.
    Wheel(Option<PaneId>, isize),
    // --- what actions mean
    /// Go somewhere.
    Go(Go),
    /// Of the plan review.
    Review(ReviewMsg),
    /// Of the screen of a run.
    Run(RunMsg),
    /// Of the search in a text.
    Find(FindMsg),
    /// Of the sign-in dialog.
    SignIn(SignInMsg),
    /// Of the upload dialog.
    Upload(UploadMsg),
    /// Of the list of tags.
    Tags(TagsMsg),
    /// Of the release dialog.
    Release(ReleaseMsg),
    /// Of the promotion dialog.
    Promote(PromoteMsg),
    /// Of the dialog of workflows.
    Workflows(WorkflowsMsg),
    /// Of the form of a workflow.
    Form(FormMsg),
    /// Of an image looked at closely.
    Image(ImageMsg),
    // --- from the clock
    /// It is this time now.
    Clock(DateTime<Utc>),
    /// The first frame is on screen: what costs time may be worked out now.
    FirstFrame(DateTime<Utc>),
    // --- answers
    /// A refresh was started.
    RefreshStarted(RequestId, DateTime<Utc>),
    /// A source of a refresh answered.
    SourceRead(RequestId, DateTime<Utc>, Box<SourceUpdate>),
    /// A refresh ended.
    Observed(RequestId, DateTime<Utc>, Arc<Snapshot>),
    /// A file of the journal changed: here, or by another windlass.
    JournalChanged,
    /// The journal was read.
    RunsRead(RequestId, DateTime<Utc>, Result<Vec<RunRecord>, Problem>),
    /// A wish was planned, or not, from this snapshot.
    Planned(
        RequestId,
        DateTime<Utc>,
        Arc<Snapshot>,
        Box<Result<Plan, Problem>>,
    ),
    /// Ubuntu One answered a sign-in.
    Discharged(RequestId, Box<Result<Discharge, Problem>>),
    /// An image was looked at, or not.
    Looked(RequestId, Box<Result<Seen, Problem>>),
    /// The images behind the revisions of a charm's resources were read.
    Behind(RequestId, CharmName, BTreeMap<String, Observed<ImageBehind>>),
    /// The workflows of a repository were looked at.
    WorkflowsSeen(RequestId, Box<Observed<RepositoryWorkflows>>),
    /// A run of a workflow was looked at.
    WorkflowRunSeen(RequestId, Box<Result<WorkflowRun, Problem>>),
    /// The names of a folder were listed.
    FolderListed(Folder),
    /// The tags of a repository were listed.
    TagsListed(RequestId, DateTime<Utc>, Box<Result<TagList, Problem>>),
    /// The log of a job was read.
    JobLogRead(RequestId, Box<Result<JobLog, Problem>>),
    /// GitHub answered about a workflow run that a run of windlass started.
    WorkflowFollowed(RunId, DateTime<Utc>, Box<Result<WorkflowRun, Problem>>),
    /// Engines of this machine said what they hold.
    Held(Vec<Outside>),
    /// A run began, or not.
    Started(RequestId, Result<RunId, Problem>),
    /// A run got on.
    Progress(Box<RunProgress>),
    /// A run ended.
    Ended(RunId, DateTime<Utc>, Box<Result<RunRecord, Problem>>),
    /// Something of windlass itself failed in the background.
    Broken(Problem),
    /// The shell did something small and says so.
    Said(String),
    /// The shell could not do something small.
    Refused(String),
    /// The settings were edited; whether they are sound.
    Edited(Result<(), Problem>),
}

/// Moves and other things that touch only the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Go {
    /// To a pane.
    Pane(PaneId),
    /// To the next pane.
    NextPane,
    /// To the one before.
    PreviousPane,
    /// One pane on the whole screen, or back.
    Zoom,
    /// By rows.
    Rows(isize),
    /// By pages.
    Pages(isize),
    /// To the first row.
    Top,
    /// To the last row.
    Bottom,
    /// To the line over the rows of a pane.
    Banner(PaneId),
    /// Into what is selected.
    Open,
    /// Out of a screen or dialog.
    Back,
    /// Begin to filter.
    Filter,
    /// Drop the filter.
    ClearFilter,
    /// Sort the rows by the next column.
    Sort,
    /// Turn the order of the rows round.
    SortReverse,
    /// Mark the selected row, or take its mark away.
    Mark,
    /// Compare the marked release with the selected one.
    Diff,
    /// Help.
    Help,
    /// The palette.
    Palette,
    /// The title of what is selected in the palette, into its field.
    Complete,
    /// Back to where one jumped from.
    Return,
    /// Look again.
    Refresh,
    /// Copy what is selected.
    Copy,
    /// Open what is selected in the browser.
    Browse,
    /// Review the publishing of the selected release.
    Publish,
    /// Review a rotation of the workspace's token.
    Rotate,
    /// Review a sign-in.
    SignIn,
    /// Review the end of the selected session.
    Revoke,
    /// Show the revisions of the selected charm or resource, or hide them.
    Unfold,
    /// Name what is to be uploaded to the selected resource.
    Upload,
    /// Choose where the selected revision is released.
    Release,
    /// Review the closing of the selected channel.
    Close,
    /// Choose the risk that a release is promoted to.
    Promote,
    /// Review the rollback of the selected channel or run.
    RollBack,
    /// Review the holding of the selected release, or the end of its hold.
    Hold,
    /// Look at the workflows of the bundle's repository.
    Workflows,
    /// Look at the selected image.
    Image,
    /// Take up the selected run.
    Resume,
    /// Begin the tour, or drop it.
    Tour,
    /// Leave the mouse to the terminal, or take it back.
    Mouse,
    /// Give the panes their usual shares.
    EvenPanes,
    /// Read the text in the pager.
    Page,
    /// Edit the settings.
    EditSettings,
    /// Say how a workspace of one's own is written.
    NewWorkspace,
    /// Take what stands in the field.
    Accept,
    /// Leave the console.
    Quit,
    /// Leave the console whatever is going on.
    QuitNow,
}

/// What can happen in the plan review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewMsg {
    /// Leave what is selected out, or take it in.
    Toggle,
    /// Name another tag or digest for the selected image.
    Replace,
    /// Only the release's own track, or all channels again.
    TrackOnly,
    /// Let `latest` go back in time, or not.
    AllowDowngrade,
    /// Keep the charm revisions that run, or take the newest.
    KeepRevision,
    /// Also end the former sessions, or leave them.
    RevokeFormer,
    /// Leave out the secrets that are refused, or put back those that were left out.
    LeaveOutSecrets,
    /// Keep the token elsewhere.
    KeepElsewhere,
    /// Leave out what is written to the bundle and its repository, or take it in.
    WithoutBranch,
    /// Also roll back what somebody changed since, or leave it.
    Over,
    /// Look and plan again.
    Again,
    /// Fold the section with the cursor, or go to the one around it.
    Fold,
    /// Open the section with the cursor.
    Unfold,
    /// Fold everything.
    FoldAll,
    /// Open everything.
    UnfoldAll,
    /// Ask for the word that confirms.
    Confirm,
}

/// What can happen on the screen of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunMsg {
    /// Ask whether to stop it.
    AskCancel,
    /// Stop it.
    Cancel,
    /// Show its log, or hide it.
    Log,
    /// Have keys move the log, or the steps again.
    Focus,
    /// Copy its id.
    CopyId,
    /// Take a plan that waits out of the queue.
    TakeOut,
    /// Plan anew what waited in vain.
    Again,
}

/// What can happen in the search in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindMsg {
    /// Begin to type words.
    Begin,
    /// Keep the words.
    Accept,
    /// Drop the search.
    Drop,
    /// Select another match, by steps.
    Step(isize),
}

/// What can happen in the sign-in dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInMsg {
    /// To the next field, or to Ubuntu One.
    Accept,
    /// By fields.
    Step(isize),
    /// Leave it.
    Close,
}

/// What can happen in the list of tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagsMsg {
    /// Open the list for the field that is up.
    Open,
    /// By rows.
    Step(isize),
    /// Put the selected tag into the field.
    Take,
    /// Ask the registry again.
    Again,
    /// Back to the field.
    Close,
}

/// What can happen in the upload dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadMsg {
    /// Plan the upload of what is typed.
    Accept,
    /// Take one of the known texts that go with it, by steps.
    Complete(isize),
    /// Look at the image that is typed.
    Look,
    /// Leave it.
    Close,
}

/// What can happen in the release dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseMsg {
    /// By rows.
    Step(isize),
    /// Take the channel in, or leave it out.
    Tick,
    /// Another revision, by steps.
    Change(isize),
    /// Plan the release.
    Accept,
    /// Leave it.
    Close,
}

/// What can happen in the promotion dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromoteMsg {
    /// By rows.
    Step(isize),
    /// Take the selected charm along, or leave it out.
    Tick,
    /// Plan the promotion.
    Accept,
    /// Leave it.
    Close,
}

/// What can happen in the dialog of workflows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkflowsMsg {
    /// By rows or lines.
    Step(isize),
    /// The form of a workflow, or a run with its jobs.
    Open,
    /// Plan to do the failed jobs of the run again.
    Repeat,
    /// Plan to stop the run.
    Stop,
    /// Look again.
    Again,
    /// Show the log of a job of the run, or that of its next job.
    Log,
    /// Open the page of the run.
    Browse,
    /// Back to the list, or leave it.
    Close,
}

/// What can happen in the form of a workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormMsg {
    /// By fields.
    Step(isize),
    /// Plan the start.
    Accept,
    /// Leave it.
    Close,
}

/// What can happen where an image is looked at closely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageMsg {
    /// Keep it for comparison.
    Mark,
    /// Show what differs from the one that was kept, or the image itself again.
    Diff,
    /// Look at it again.
    Again,
    /// Leave it.
    Close,
}
