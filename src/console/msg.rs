//! Defines every message of the console, nested by feature.
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
use super::image::Seen;
use super::panes::PaneId;
use super::paths::Folder;
use super::split::Grip;
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
    // --- sent by actions
    /// Navigate, or change only the screen.
    Go(NavCommand),
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
    /// Of the details of an image.
    Image(ImageMsg),
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

/// Navigation and other changes of the screen only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NavCommand {
    /// To a pane.
    Pane(PaneId),
    /// To the next pane.
    NextPane,
    /// To the one before.
    PreviousPane,
    /// Show one pane on the whole screen, or all again.
    Zoom,
    /// By rows.
    Rows(isize),
    /// By pages.
    Pages(isize),
    /// To the first row.
    Top,
    /// To the last row.
    Bottom,
    /// To the banner above the rows of a pane.
    Banner(PaneId),
    /// Open what is selected.
    Open,
    /// Leave a screen or dialog.
    Back,
    /// Start filtering.
    Filter,
    /// Clear the filter.
    ClearFilter,
    /// Sort the rows by the next column.
    Sort,
    /// Reverse the sort order.
    SortReverse,
    /// Mark or unmark the selected row.
    Mark,
    /// Compare the marked release with the selected one.
    Diff,
    /// Help.
    Help,
    /// The command palette.
    Palette,
    /// Put the selected palette title into its field.
    Complete,
    /// Back to where the last jump started.
    Return,
    /// Refresh.
    Refresh,
    /// Copy what is selected.
    Copy,
    /// Open what is selected in the browser.
    Browse,
    /// Review the publishing of the selected release.
    Publish,
    /// Review a rotation of the workspace's token.
    Rotate,
    /// Review a login.
    SignIn,
    /// Review revoking the selected session.
    Revoke,
    /// Show the revisions of the selected charm or resource, or hide them.
    Unfold,
    /// Choose what to upload to the selected resource.
    Upload,
    /// Choose the channels to release the selected revision to.
    Release,
    /// Review closing the selected channel.
    Close,
    /// Choose the risk that a release is promoted to.
    Promote,
    /// Review rolling back the selected channel or run.
    RollBack,
    /// Review holding the selected release, or ending its hold.
    Hold,
    /// Show the workflows of the bundle's repository.
    Workflows,
    /// Show the selected image.
    Image,
    /// Resume the selected run.
    Resume,
    /// Start the tour, or end it.
    Tour,
    /// Release the mouse to the terminal, or capture it again.
    Mouse,
    /// Reset the panes to their default sizes.
    EvenPanes,
    /// Show the text in the pager.
    Page,
    /// Edit the settings.
    EditSettings,
    /// Show how to write your own workspace.
    NewWorkspace,
    /// Accept the content of the field.
    Accept,
    /// Leave the console.
    Quit,
    /// Leave the console even while runs are running.
    QuitNow,
}

/// Messages of the plan review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewMsg {
    /// Leave out what is selected, or include it.
    Toggle,
    /// Enter another tag or digest for the selected image.
    Replace,
    /// Release to the release's own track only, or to all channels again.
    TrackOnly,
    /// Allow `latest` to go back to an older release, or not.
    AllowDowngrade,
    /// Keep the released charm revisions, or use the newest.
    KeepRevision,
    /// Also revoke former sessions, or keep them.
    RevokeFormer,
    /// Leave out the secrets that are refused, or include those left out.
    LeaveOutSecrets,
    /// Set the organisation's secret, or copies in the repositories.
    Organisation,
    /// Store the token elsewhere.
    KeepElsewhere,
    /// Leave out what is written to the bundle and its repository, or include it.
    WithoutBranch,
    /// Also roll back what was changed since by others, or leave it.
    Over,
    /// Keep what was changed since by others and roll back the rest, or refuse again.
    KeepChanged,
    /// Read again and plan again.
    Again,
    /// Fold the section at the cursor, or move to the enclosing one.
    Fold,
    /// Open the section at the cursor.
    Unfold,
    /// Fold everything.
    FoldAll,
    /// Open everything.
    UnfoldAll,
    /// Ask for the confirmation word.
    Confirm,
}

/// Messages of the run screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunMsg {
    /// Ask whether to stop the run.
    AskCancel,
    /// Stop it.
    Cancel,
    /// Show its log, or hide it.
    Log,
    /// Move the key focus to the log, or back to the steps.
    Focus,
    /// Copy its id.
    CopyId,
    /// Remove a waiting plan from the queue.
    TakeOut,
    /// Plan again what could not run.
    Again,
}

/// Messages of the search in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindMsg {
    /// Start typing words.
    Begin,
    /// Keep the words.
    Accept,
    /// End the search.
    Drop,
    /// Select another match, by steps.
    Step(isize),
}

/// Messages of the sign-in dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInMsg {
    /// To the next field; from the last one, sign in at Ubuntu One.
    Accept,
    /// By fields.
    Step(isize),
    /// Close it.
    Close,
}

/// Messages of the list of tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagsMsg {
    /// Open the list for the focused field.
    Open,
    /// By rows.
    Step(isize),
    /// Put the selected tag into the field.
    Take,
    /// Read the tags from the registry again.
    Again,
    /// Back to the field.
    Close,
}

/// Messages of the upload dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadMsg {
    /// Plan the upload of what is typed.
    Accept,
    /// Insert one of the matching completions, by steps.
    Complete(isize),
    /// Show the image that is typed.
    Look,
    /// Close it.
    Close,
}

/// Messages of the release dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseMsg {
    /// By rows.
    Step(isize),
    /// Include the channel, or leave it out.
    Tick,
    /// Choose another revision, by steps.
    Change(isize),
    /// Plan the release.
    Accept,
    /// Close it.
    Close,
}

/// Messages of the promotion dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromoteMsg {
    /// By rows.
    Step(isize),
    /// Include the selected charm, or leave it out.
    Tick,
    /// Plan the promotion.
    Accept,
    /// Close it.
    Close,
}

/// Messages of the workflows dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkflowsMsg {
    /// By rows or lines.
    Step(isize),
    /// Open the form of a workflow, or a run with its jobs.
    Open,
    /// Plan to rerun the failed jobs of the run.
    Repeat,
    /// Plan to cancel the run.
    Stop,
    /// Read it again.
    Again,
    /// Show the log of a job of the run, or that of its next job.
    Log,
    /// Open the page of the run.
    Browse,
    /// Back to the list, or close it.
    Close,
}

/// Messages of the workflow form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormMsg {
    /// By fields.
    Step(isize),
    /// Plan the start.
    Accept,
    /// Close it.
    Close,
}

/// Messages of the image details.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageMsg {
    /// Keep the image for comparison.
    Mark,
    /// Show what differs from the kept image, or the image itself again.
    Diff,
    /// Read it again.
    Again,
    /// Close it.
    Close,
}
