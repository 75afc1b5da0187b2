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
        "One line up.",
        Msg::Go(Go::Rows(-1))),
    action!(RunDown, Scope::Run, ["down", "j"], "down",
        "One line down.",
        Msg::Go(Go::Rows(1))),
    action!(RunPageUp, Scope::Run, ["pgup", "ctrl-b", "home"], "page up",
        "One page up.",
        Msg::Go(Go::Pages(-1))),
    action!(RunPageDown, Scope::Run, ["pgdn", "ctrl-f", "end"], "page down",
        "One page down.",
        Msg::Go(Go::Pages(1))),
    action!(RunCopy, Scope::Run, ["y"], "copy run id",
        "Copies the id of the run.",
        Msg::Go(Go::Copy), footer 5),
    action!(RunBrowse, Scope::Run, ["o"], "browser",
        "Opens the page of the first charm that was released.",
        Msg::Go(Go::Browse), footer 6, if run_browse),
    action!(RunPage, Scope::Run, ["v"], "pager",
        "Shows the run as it stands in the pager of this machine.",
        Msg::Go(Go::Page)),
    action!(RunBack, Scope::Run, ["esc"], "back",
        "Back to the panes; the run goes on and stays in Activity.",
        Msg::Go(Go::Back), footer 97),
];
