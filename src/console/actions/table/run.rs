//! Actions of the screen of a run.

use super::action;
use crate::console::Msg;
use crate::console::actions::available as can;
use crate::console::actions::{ActionId, ActionSpec, Scope};
use crate::console::msg::{Go, RunMsg};
use crate::plan::Risk;

#[rustfmt::skip]
pub(super) static PART: &[ActionSpec] = &[
    action!(RunCancel, Scope::Run, ["c"], "stop …",
        "Asks whether to stop the run.",
        Msg::Run(RunMsg::AskCancel), footer 1, if cancel, risk Write, twin "ctrl-c while windlass publish runs"),
    action!(RunAgain, Scope::Run, ["enter"], "plan anew",
        "Plans anew what was not started by itself, to be looked at and confirmed again.",
        Msg::Run(RunMsg::Again), footer 1, if run_again),
    action!(RunTakeOut, Scope::Run, ["x"], "take out",
        "Takes the plan out of the queue; nothing was started.",
        Msg::Run(RunMsg::TakeOut), footer 2, if take_out),
    action!(RunResume, Scope::Run, ["r"], "resume",
        "Takes the run up again, after a look at what is so already.",
        Msg::Go(Go::Resume), footer 2, if resume_here, risk Irreversible, twin "windlass resume RUN"),
    action!(RunRollBack, Scope::Run, ["b"], "roll back",
        "Plans to give every channel that this run changed back what it had before.",
        Msg::Go(Go::RollBack), footer 3, if roll_back_here, twin "windlass plan rollback --run RUN"),
    action!(RunSignIn, Scope::Run, ["L"], "sign in",
        "Signs in to Charmhub, then comes back to this run.",
        Msg::Go(Go::SignIn), footer 3, if run_sign_in, twin "windlass login"),
    action!(RunUp, Scope::Run, ["up", "k"], "up",
        "The step above, or one line up.",
        Msg::Go(Go::Rows(-1))),
    action!(RunDown, Scope::Run, ["down", "j"], "down",
        "The step below, or one line down.",
        Msg::Go(Go::Rows(1))),
    action!(RunPageUp, Scope::Run, ["pgup", "ctrl-b", "home"], "page up",
        "One page up.",
        Msg::Go(Go::Pages(-1))),
    action!(RunPageDown, Scope::Run, ["pgdn", "ctrl-f", "end"], "page down",
        "One page down.",
        Msg::Go(Go::Pages(1))),
    action!(RunLog, Scope::Run, ["l"], "log",
        "Shows what happened when at the foot of the screen, or hides it.",
        Msg::Run(RunMsg::Log), footer 4, if run_started),
    action!(RunFocus, Scope::Run, ["tab"], "steps or log",
        "Has the keys move the log, or the steps again.",
        Msg::Run(RunMsg::Focus), footer 7, if run_started),
    action!(RunCopy, Scope::Run, ["y"], "copy",
        "Copies the problem, digest or name of the selected step; in the log, the whole log.",
        Msg::Go(Go::Copy), footer 5),
    action!(RunCopyId, Scope::Run, ["Y"], "copy run id",
        "Copies the id of the run.",
        Msg::Run(RunMsg::CopyId), footer 8, if run_started),
    action!(RunBrowse, Scope::Run, ["o"], "browser",
        "Opens the page of the selected step: of its charm, commit, branch, secrets or workflow.",
        Msg::Go(Go::Browse), footer 6, if run_browse),
    action!(RunPage, Scope::Run, ["v"], "pager",
        "Shows the run as it stands in the pager of this machine.",
        Msg::Go(Go::Page)),
    action!(RunBack, Scope::Run, ["esc"], "back",
        "Back to the panes; the run goes on and stays in Activity.",
        Msg::Go(Go::Back), footer 97),
];
