//! Actions of the release dialog.

use super::update;
use crate::console::actions::{
    ActionId, ActionSpec, FeatureActions, Scope, ScopeSpec, actions, always, online, scopes,
};
use crate::plan::Risk;

scopes! {
    /// In the release dialog.
    RELEASE "Dialog: release" in [FIELDS, LIST, DIALOG, ALWAYS];
}

actions! {
    [Scope::RELEASE];
    RELEASE_ACCEPT = "release-accept" in Scope::RELEASE, ["enter"], "plan",
        "Plan the release to the selected channels. Nothing changes before you confirm.",
        run update::accept, footer 1, if online, twin "windlass plan release CHARM --revision N --channel C", needed true;
    RELEASE_TICK = "release-tick" in Scope::RELEASE, ["space", "x"], "select",
        "Select or deselect the channel.",
        change update::tick, footer 2;
    RELEASE_MORE = "release-more" in Scope::RELEASE, ["right", "l"], "older revision",
        "Choose an older revision of the charm, or another revision of the selected resource.",
        change update::older, footer 3;
    RELEASE_LESS = "release-less" in Scope::RELEASE, ["left", "h"], "newer revision",
        "Choose a newer revision. For a resource, the last choice keeps the channel's own.",
        change update::newer;
}
