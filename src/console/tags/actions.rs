//! Actions of the list of tags.

use super::update;
use crate::console::actions::{
    ActionId, ActionSpec, FeatureActions, Scope, ScopeSpec, actions, always, online, scopes,
};
use crate::plan::Risk;

scopes! {
    /// The tags of a repository.
    TAGS "Tags of a repository", typed in [LIST, DIALOG, ALWAYS];
}

actions! {
    [Scope::TAGS];
    TAGS_TAKE = "tags-take" in Scope::TAGS, ["enter"], "choose",
        "Put the selected tag into the field.",
        change update::take, footer 1;
    TAGS_AGAIN = "tags-again" in Scope::TAGS, ["ctrl-r"], "reload",
        "Read the tags from the registry again.",
        run update::again, footer 2, if online;
}
