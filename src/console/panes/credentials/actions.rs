//! Actions of the credentials pane.

use crate::console::actions::Param;
use crate::console::actions::{
    ActionId, ActionSpec, Availability, FeatureActions, Scope, ScopeSpec, actions, always, scopes,
};
use crate::console::effect::Effect;
use crate::console::panes::screen::to_pane;
use crate::console::panes::{self, PaneId, credentials};
use crate::console::{Model, review};
use crate::plan::{Intent, RevokeIntent, Risk, RotateIntent};

use Availability::{Disabled, Enabled};

scopes! {
    /// In the Credentials pane.
    CREDENTIALS "Pane Credentials" in [PANES, SELECTED, LIST, EVERYWHERE, ALWAYS];
}

actions! {
    [Scope::CREDENTIALS], pane super::pane::PANE;
    CREDENTIALS = "credentials" in Scope::PANES, ["4", "g t"], "credentials",
        "Go to the Credentials pane.",
        run |model| to_pane(model, PaneId::CREDENTIALS), twin "windlass credentials";
    ROTATE = "rotate" in Scope::PANES, ["R"], "rotate",
        "Plan to rotate the token in all of its secrets. Nothing changes before you confirm.",
        run rotate_token, footer 30, if rotate, twin "windlass plan rotate";
    REVOKE = "revoke" in Scope::CREDENTIALS, ["X"], "revoke",
        "Plan to revoke the selected session. Nothing changes before you confirm.",
        run revoke_sessions, footer 32, if revoke, twin "windlass revoke SESSION", fill fill, takes [Param::Session];
    MARK_SESSION = "mark-session" in Scope::CREDENTIALS, ["space"], "mark",
        "Mark or unmark the selected session, to revoke several at once.",
        change panes::toggle_mark, footer 63, if mark_session;
}

fn rotate(model: &Model) -> Availability {
    if model
        .workspace()
        .tokens
        .iter()
        .all(|token| token.targets.is_empty())
    {
        Disabled("this workspace has no secrets to rotate")
    } else {
        Enabled
    }
}

fn revoke(model: &Model) -> Availability {
    let list = model.credential_rows();
    let chosen: Vec<_> = credentials::chosen_sessions(list).collect();
    let several = !list.marked().is_empty();
    if chosen.iter().any(|row| row.facts.revoked_at.is_some()) {
        Disabled(if several {
            "a marked session is already revoked"
        } else {
            "this session is already revoked"
        })
    } else if chosen.iter().any(|row| row.in_use) {
        Disabled(if several {
            "windlass uses a marked session; unmark it first"
        } else {
            "windlass uses this session; sign in again first"
        })
    } else if chosen.is_empty() {
        Disabled("select a session first")
    } else {
        Enabled
    }
}

fn mark_session(model: &Model) -> Availability {
    match model.credential_rows().selected() {
        Some(credentials::Row::Session(_)) => Enabled,
        _ => Disabled("only sessions can be marked, to revoke several at once"),
    }
}

fn rotate_token(model: &mut Model) -> Vec<Effect> {
    review::open(model, Intent::Rotate(RotateIntent::default()))
}

fn revoke_sessions(model: &mut Model) -> Vec<Effect> {
    let sessions = credentials::chosen_sessions(model.credential_rows());
    let sessions = sessions.map(|row| row.facts.id.clone()).collect();
    review::open(model, Intent::Revoke(RevokeIntent { sessions }))
}

fn fill(model: &Model, word: &str) -> Option<String> {
    let sessions = credentials::chosen_sessions(model.credential_rows()).filter(|_| word == "SESSION");
    let ids: Vec<String> = sessions.map(|row| row.facts.id.to_string()).collect();
    (!ids.is_empty()).then(|| ids.join(" "))
}
