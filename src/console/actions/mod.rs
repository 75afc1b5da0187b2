//! The action table, and what derives from it: keymap, footer, help.
//!
//! Also defines lookup and scopes. There is no second list of keys.

mod available;
mod key;
mod keymap;
pub mod page;
mod scope;
mod standing;
mod table;
mod terminal;
mod twin;

pub use available::{Availability, online};
pub use key::{Chord, Key};
pub use keymap::{Conflict, Keymap, TURNS, needed};
pub use table::all;
pub use twin::twin;

use super::command::Param;
use super::dialogs::Modal;
use super::model::Screen;
use super::panes::PaneId;
use super::panes::charms::What;
use super::review::ReviewKind;
use super::{Model, Msg, find};
use crate::plan::Risk;

/// Identifies an action; in documents as text: `publish`, `leave-out`, …
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each has its title and help in the table")]
pub enum ActionId {
    Interrupt,
    Quit,
    Help,
    Tour,
    Palette,
    NewWorkspace,
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
    Sort,
    SortReverse,
    MarkRelease,
    MarkSession,
    DiffReleases,
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
    GoWorkflows,
    Image,
    ChannelImage,
    ReleaseImage,
    Unfilter,
    GoBack,
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
    RollBackKeep,
    HoldConfirm,
    WorkflowConfirm,
    RotateConfirm,
    RotateFormer,
    RotateOrphan,
    RotateWithout,
    RotateOrganisation,
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
    ReviewTop,
    ReviewBottom,
    ReviewCopy,
    ReviewBack,
    RunCancel,
    RunResume,
    RunRollBack,
    RunUp,
    RunDown,
    RunPageUp,
    RunPageDown,
    RunTop,
    RunBottom,
    RunCopy,
    RunCopyId,
    RunLog,
    RunFocus,
    RunTakeOut,
    RunAgain,
    RunBrowse,
    RunBack,
    PaletteRun,
    PaletteComplete,
    PaletteUp,
    PaletteDown,
    PalettePageUp,
    PalettePageDown,
    PaletteClose,
    HelpRun,
    HelpUp,
    HelpDown,
    HelpPageUp,
    HelpPageDown,
    HelpClose,
    FindAccept,
    FindDrop,
    TextFind,
    TextFindNext,
    TextFindPrevious,
    ImageFind,
    ImageFindNext,
    ImageFindPrevious,
    RunFind,
    RunFindNext,
    RunFindPrevious,
    WorkflowsFind,
    WorkflowsFindNext,
    WorkflowsFindPrevious,
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
    UploadTags,
    TagsTake,
    TagsAgain,
    TagsUp,
    TagsDown,
    TagsPageUp,
    TagsPageDown,
    TagsClose,
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
    WorkflowsLog,
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
    PromptTags,
    PromptClose,
    StopYes,
    StopNo,
    LeaveYes,
    LeaveNo,
}

impl ActionId {
    /// Returns its name in the user's configuration and on the key page: `promote-release`.
    pub fn name(self) -> String {
        let mut name = String::new();
        for c in format!("{self:?}").chars() {
            if c.is_ascii_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.push(c.to_ascii_lowercase());
        }
        name
    }
}

/// Where an action applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Everywhere, dialogs included.
    Always,
    /// On every screen without a dialog.
    Everywhere,
    /// On the panes screen.
    Panes,
    /// In one pane.
    Pane(PaneId),
    /// While a filter is being typed.
    Filter,
    /// While search words are being typed.
    Find,
    /// In the review of one kind of plan.
    ReviewOf(ReviewKind),
    /// In every plan review.
    Review,
    /// On the run screen.
    Run,
    /// In the palette.
    Palette,
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
    /// The tags of a repository.
    Tags,
    /// In the release dialog.
    Release,
    /// In the promotion dialog.
    Promote,
    /// In the dialog of workflows.
    Workflows,
    /// In the form of a workflow.
    Form,
    /// In a choice between a few options.
    Choose,
    /// In the details of an image.
    Image,
    /// In the question whether to stop a run.
    Stop,
    /// In the question whether to quit.
    Leave,
}

/// One line of the table: everything known about an action.
pub struct ActionSpec {
    /// Its id.
    pub id: ActionId,
    /// Its title, in a few words, for footer and help.
    pub title: &'static str,
    /// Its help, one sentence.
    pub help: &'static str,
    /// The scope it applies in.
    pub scope: Scope,
    /// Its default keys, the displayed one first. The [`Keymap`] has the current ones.
    pub keys: &'static [&'static str],
    /// Its order in the footer, lowest first; `None` if it is not shown there.
    pub footer: Option<u8>,
    /// Its impact.
    pub risk: Risk,
    /// Whether it is available now, and why not.
    pub availability: fn(&Model) -> Availability,
    /// The message it sends.
    pub message: Msg,
    /// The equivalent command.
    pub twin: Option<&'static str>,
    /// Arguments it accepts after its name in the palette, in place of the selection.
    pub takes: &'static [Param],
}

impl ActionSpec {
    /// Returns whether it is available from here: an action on a row of a pane needs that pane.
    pub fn standing(&self, model: &Model) -> Availability {
        match ((self.availability)(model), self.scope) {
            (Availability::Hidden, _) => Availability::Hidden,
            (_, Scope::Pane(pane)) if on_screen(model) != self.scope => Availability::Disabled(pane.first()),
            (standing, _) => standing,
        }
    }
}

/// Returns the active scopes, the narrowest first.
pub fn scopes(model: &Model) -> Vec<Scope> {
    narrowest(model).with_wider()
}

fn narrowest(model: &Model) -> Scope {
    if find::is_typing(model) {
        return Scope::Find;
    }
    match &model.modal {
        Some(Modal::Palette(_)) => Scope::Palette,
        Some(Modal::Help(_)) => Scope::Help,
        Some(Modal::Problem(_) | Modal::Details(_)) => Scope::Text,
        Some(Modal::Prompt(_)) => Scope::Prompt,
        Some(Modal::SignIn(_)) => Scope::SignIn,
        Some(Modal::Upload(_)) => Scope::Upload,
        Some(Modal::Tags(_)) => Scope::Tags,
        Some(Modal::Release(_)) => Scope::Release,
        Some(Modal::Promote(_)) => Scope::Promote,
        Some(Modal::Workflows(_)) => Scope::Workflows,
        Some(Modal::Form(_)) => Scope::Form,
        Some(Modal::Choose(_)) => Scope::Choose,
        Some(Modal::Image(_)) => Scope::Image,
        Some(Modal::Stop(_)) => Scope::Stop,
        Some(Modal::Leave) => Scope::Leave,
        None => on_screen(model),
    }
}

/// Returns the narrowest scope of the screen, ignoring dialogs.
fn on_screen(model: &Model) -> Scope {
    match &model.screen {
        Screen::Panes if model.filtering.is_some() => Scope::Filter,
        Screen::Panes => Scope::Pane(model.pane),
        Screen::Review(review) => Scope::ReviewOf(review.kind()),
        Screen::Run(_) => Scope::Run,
    }
}

/// Returns everything available on the screen, ignoring dialogs, and the ways from it to every
/// pane. Actions that do not apply there are left out.
pub fn reachable(model: &Model) -> Vec<&'static ActionSpec> {
    let scopes = on_screen(model).with_wider();
    let jumps = all().filter(|spec| leads_to_pane(spec) && !scopes.contains(&spec.scope));
    in_scopes(&scopes)
        .chain(jumps)
        .filter(|spec| (spec.availability)(model) != Availability::Hidden)
        .collect()
}

/// Returns actions on rows of unfocused panes, unless an action of the screen has the same title.
pub fn elsewhere(model: &Model) -> Vec<&'static ActionSpec> {
    let here = reachable(model);
    let other = |spec: &&ActionSpec| matches!(spec.scope, Scope::Pane(_)) && spec.scope != on_screen(model);
    all()
        .filter(other)
        .filter(|spec| here.iter().all(|own| own.title != spec.title))
        .filter(|spec| spec.standing(model) != Availability::Hidden)
        .collect()
}

/// Returns true for actions that focus a pane; the palette offers them on every screen.
const fn leads_to_pane(spec: &ActionSpec) -> bool {
    matches!(spec.message, Msg::Go(super::msg::NavCommand::Pane(_)))
}

/// Returns the actions of `scopes`, scope by scope.
pub fn in_scopes(scopes: &[Scope]) -> impl Iterator<Item = &'static ActionSpec> + '_ {
    scopes
        .iter()
        .flat_map(|scope| all().filter(move |spec| spec.scope == *scope))
}

/// Returns the action bound to `chord` now.
pub fn lookup(model: &Model, chord: Chord) -> Option<&'static ActionSpec> {
    model
        .setting
        .keymap
        .meaning(&scopes(model), chord)
        .find(|spec| (spec.availability)(model) != Availability::Hidden)
}

/// Returns what can follow `prefix` now; empty if it is not a prefix.
pub fn following(model: &Model, prefix: Key) -> Vec<(Key, &'static ActionSpec)> {
    model
        .setting
        .keymap
        .following(&scopes(model), prefix)
        .filter(|(_, spec)| (spec.availability)(model) != Availability::Hidden)
        .collect()
}

/// Returns the action with this id.
pub fn spec(id: ActionId) -> Option<&'static ActionSpec> {
    all().find(|spec| spec.id == id)
}

/// Returns the service's reason why `id` is not available, if it gave one.
pub fn detail(model: &Model, id: ActionId) -> Option<String> {
    let row = model
        .panes
        .charms
        .selected()
        .filter(|_| id == ActionId::ReleaseRevision)?;
    match &row.what {
        What::Revision {
            revision, refusal, ..
        } => refusal.as_ref().map(|refusal| format!("{revision} is {refusal}")),
        _ => None,
    }
}

/// Returns the actions of the footer, in order.
pub fn footer(model: &Model) -> Vec<&'static ActionSpec> {
    let mut specs: Vec<_> = in_scopes(&scopes(model))
        .filter(|spec| spec.footer.is_some() && (spec.availability)(model) != Availability::Hidden)
        .collect();
    specs.sort_by_key(|spec| spec.footer);
    specs
}
