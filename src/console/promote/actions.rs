//! Actions of the promotion dialog.

use super::update;
use crate::console::actions::{
    ActionId, ActionSpec, FeatureActions, Scope, ScopeSpec, actions, always, online, scopes,
};
use crate::plan::Risk;

scopes! {
    /// In the promotion dialog.
    PROMOTE "Dialog: promotion" in [FIELDS, LIST, DIALOG, ALWAYS];
}

actions! {
    [Scope::PROMOTE];
    PROMOTE_ACCEPT = "promote-accept" in Scope::PROMOTE, ["enter"], "plan",
        "Plan the promotion to the selected risk. Nothing changes before you confirm.",
        run update::accept, footer 1, if online, twin "windlass plan promote RELEASE --to RISK", needed true;
    PROMOTE_TICK = "promote-tick" in Scope::PROMOTE, ["space", "x"], "include",
        "Include or exclude the selected charm from latest/edge.",
        change update::tick, footer 2, twin "windlass plan promote RELEASE --to RISK --with CHARM=CHANNEL";
}
