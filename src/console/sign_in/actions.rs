//! Actions of the sign-in dialog.

use super::{SignIn, update};
use crate::console::Model;
use crate::console::actions::READ_ONLY;
use crate::console::actions::{
    ActionId, ActionSpec, Availability, FeatureActions, Scope, ScopeSpec, actions, scopes,
};
use crate::plan::Risk;

use Availability::{Disabled, Enabled};

scopes! {
    /// In the sign-in dialog.
    SIGN_IN "Dialog: sign-in", typed in [FIELDS, LIST, DIALOG, ALWAYS];
}

actions! {
    [Scope::SIGN_IN];
    SIGN_IN_ACCEPT = "sign-in-accept" in Scope::SIGN_IN, ["enter"], "next or sign in",
        "Go to the next empty field; once all are filled, sign in.",
        run update::accept, footer 1, if sign_in_accept, risk Write, twin "windlass login", needed true;
}

fn sign_in_accept(model: &Model) -> Availability {
    match model.dialog::<SignIn>() {
        Some(dialog) if dialog.in_flight.is_some() => Disabled("Ubuntu One has not responded yet"),
        Some(_) if model.setting.read_only => Disabled(READ_ONLY),
        _ => Enabled,
    }
}
