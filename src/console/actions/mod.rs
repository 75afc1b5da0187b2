//! The one action table, and everything that derives from it: keymap, footer, help.
//!
//! Owns lookup and scopes. There is no second list of keys anywhere. Must not do anything: an
//! action is a message.

mod available;
mod key;
mod standing;
mod table;
mod terminal;

pub use available::Availability;
pub use key::Key;
pub use table::all;

use super::dialogs::Modal;
use super::model::Screen;
use super::panes::PaneId;
use super::review::Sort;
use super::{Model, Msg};
use crate::plan::Risk;

/// Names an action; as text in documents `publish`, `leave-out`, …
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each has its title and help in the table")]
pub enum ActionId {
    Interrupt,
    Quit,
    Help,
    Tour,
    Refresh,
    NextPane,
    PreviousPane,
    Releases,
    Channels,
    Charms,
    Credentials,
    Activity,
    Zoom,
    EvenPanes,
    Mouse,
    EditSettings,
    Filter,
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    Open,
    OpenRun,
    Publish,
    Copy,
    Browse,
    Resume,
    Rotate,
    SignIn,
    Revoke,
    Unfold,
    Upload,
    ReleaseRevision,
    CloseChannel,
    PromoteRelease,
    PromoteChannel,
    HoldRelease,
    RollBackChannel,
    RollBackRun,
    Workflows,
    Image,
    ChannelImage,
    ReleaseImage,
    Unfilter,
    FilterAccept,
    FilterUp,
    FilterDown,
    FilterDrop,
    ReviewConfirm,
    ReviewToggle,
    ReviewReplace,
    ReviewTrackOnly,
    ReviewDowngrade,
    ReviewKeep,
    ReviewWithout,
    PromoteConfirm,
    RollBackConfirm,
    RollBackOver,
    HoldConfirm,
    WorkflowConfirm,
    RotateConfirm,
    RotateFormer,
    RotateOrphan,
    SignInConfirm,
    SignInKeep,
    RevokeConfirm,
    SingleConfirm,
    SingleImage,
    ReviewSignIn,
    RunSignIn,
    ReviewAgain,
    ReviewFold,
    ReviewUnfold,
    ReviewFoldAll,
    ReviewUnfoldAll,
    ReviewUp,
    ReviewDown,
    ReviewPageUp,
    ReviewPageDown,
    ReviewCopy,
    ReviewBack,
    RunCancel,
    RunResume,
    RunRollBack,
    RunUp,
    RunDown,
    RunPageUp,
    RunPageDown,
    RunCopy,
    RunCopyId,
    RunLog,
    RunFocus,
    RunTakeOut,
    RunAgain,
    RunBrowse,
    RunBack,
    HelpRun,
    HelpUp,
    HelpDown,
    HelpClose,
    TextUp,
    TextDown,
    TextPageUp,
    TextPageDown,
    TextTop,
    TextBottom,
    TextCopy,
    TextBrowse,
    TextClose,
    TextSignIn,
    TextPage,
    TextMouse,
    ImagePage,
    WorkflowsPage,
    RunPage,
    SignInAccept,
    SignInNext,
    SignInPrevious,
    SignInClose,
    UploadAccept,
    UploadNext,
    UploadPrevious,
    UploadLook,
    UploadClose,
    ReleaseAccept,
    ReleaseTick,
    ReleaseMore,
    ReleaseLess,
    ReleaseUp,
    ReleaseDown,
    ReleaseClose,
    PromoteAccept,
    PromoteTick,
    PromoteUp,
    PromoteDown,
    PromoteClose,
    WorkflowsOpen,
    WorkflowsRepeat,
    WorkflowsStop,
    WorkflowsAgain,
    WorkflowsBrowse,
    WorkflowsUp,
    WorkflowsDown,
    WorkflowsPageUp,
    WorkflowsPageDown,
    WorkflowsClose,
    FormAccept,
    FormNext,
    FormPrevious,
    FormClose,
    ChooseAccept,
    ChooseUp,
    ChooseDown,
    ChooseClose,
    ImageMark,
    ImageDiff,
    ImageAgain,
    ImageCopy,
    ImageUp,
    ImageDown,
    ImagePageUp,
    ImagePageDown,
    ImageTop,
    ImageBottom,
    ImageClose,
    PromptAccept,
    PromptClose,
    StopYes,
    StopNo,
    LeaveYes,
    LeaveNo,
}

/// Where an action applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Wherever one is, dialogs included.
    Always,
    /// On every screen without a dialog.
    Everywhere,
    /// On the screen of panes.
    Panes,
    /// In one pane.
    Pane(PaneId),
    /// While a filter is typed.
    Filter,
    /// In the review of one sort of plan.
    ReviewOf(Sort),
    /// In every plan review.
    Review,
    /// On the screen of a run.
    Run,
    /// In help.
    Help,
    /// In details and problems.
    Text,
    /// In a field.
    Prompt,
    /// In the sign-in dialog.
    SignIn,
    /// In the upload dialog.
    Upload,
    /// In the release dialog.
    Release,
    /// In the promotion dialog.
    Promote,
    /// In the dialog of workflows.
    Workflows,
    /// In the form of a workflow.
    Form,
    /// In a choice between a few things.
    Choose,
    /// Where an image is looked at closely.
    Image,
    /// In the question whether to stop a run.
    Stop,
    /// In the question whether to leave.
    Leave,
}

/// One line of the table: everything that a person or a script can see of an action.
pub struct ActionSpec {
    /// Its name.
    pub id: ActionId,
    /// A few words, for footer and help.
    pub title: &'static str,
    /// One sentence.
    pub help: &'static str,
    /// Where it applies.
    pub scope: Scope,
    /// Its keys, the one shown first.
    pub keys: &'static [&'static str],
    /// Its place in the footer, lowest first; `None` where it is not shown there.
    pub footer: Option<u8>,
    /// How much harm it can do.
    pub risk: Risk,
    /// Whether it can be done now, and why not.
    pub availability: fn(&Model) -> Availability,
    /// What it sends.
    pub message: Msg,
    /// The command that does the same.
    pub twin: Option<&'static str>,
}

impl ActionSpec {
    /// True where `key` means it.
    pub fn bound_to(&self, key: Key) -> bool {
        self.keys.iter().any(|text| Key::parse(text) == Some(key))
    }
}

/// The scopes that are active, the narrowest first.
pub fn scopes(model: &Model) -> Vec<Scope> {
    let mut scopes = match &model.modal {
        Some(Modal::Help(_)) => vec![Scope::Help],
        Some(Modal::Problem(_) | Modal::Details(_)) => vec![Scope::Text],
        Some(Modal::Prompt(_)) => vec![Scope::Prompt],
        Some(Modal::SignIn(_)) => vec![Scope::SignIn],
        Some(Modal::Upload(_)) => vec![Scope::Upload],
        Some(Modal::Release(_)) => vec![Scope::Release],
        Some(Modal::Promote(_)) => vec![Scope::Promote],
        Some(Modal::Workflows(_)) => vec![Scope::Workflows],
        Some(Modal::Form(_)) => vec![Scope::Form],
        Some(Modal::Choose(_)) => vec![Scope::Choose],
        Some(Modal::Image(_)) => vec![Scope::Image],
        Some(Modal::Stop(_)) => vec![Scope::Stop],
        Some(Modal::Leave) => vec![Scope::Leave],
        None => match &model.screen {
            Screen::Panes if model.filtering.is_some() => vec![Scope::Filter],
            Screen::Panes => vec![Scope::Pane(model.pane), Scope::Panes, Scope::Everywhere],
            Screen::Review(review) => {
                vec![Scope::ReviewOf(review.kind()), Scope::Review, Scope::Everywhere]
            }
            Screen::Run(_) => vec![Scope::Run, Scope::Everywhere],
        },
    };
    scopes.push(Scope::Always);
    scopes
}

/// The actions of `scopes`, scope by scope.
pub fn in_scopes(scopes: &[Scope]) -> impl Iterator<Item = &'static ActionSpec> + '_ {
    scopes
        .iter()
        .flat_map(|scope| all().filter(move |spec| spec.scope == *scope))
}

/// The action that `key` means now.
pub fn lookup(model: &Model, key: Key) -> Option<&'static ActionSpec> {
    in_scopes(&scopes(model))
        .find(|spec| spec.bound_to(key) && (spec.availability)(model) != Availability::Hidden)
}

/// The action called `id`.
pub fn spec(id: ActionId) -> Option<&'static ActionSpec> {
    all().find(|spec| spec.id == id)
}

/// The actions of the footer, in order.
pub fn footer(model: &Model) -> Vec<&'static ActionSpec> {
    let mut specs: Vec<_> = in_scopes(&scopes(model))
        .filter(|spec| spec.footer.is_some() && (spec.availability)(model) != Availability::Hidden)
        .collect();
    specs.sort_by_key(|spec| spec.footer);
    specs
}
