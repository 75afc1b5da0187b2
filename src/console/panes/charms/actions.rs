//! Actions of the charms pane.

use crate::console::actions::Param;
use crate::console::actions::{
    ActionId, ActionSpec, Availability, FeatureActions, Scope, ScopeSpec, actions, always, online, scopes,
};
use crate::console::effect::Effect;
use crate::console::panes::screen::to_pane;
use crate::console::panes::{PaneId, charms};
use crate::console::{Model, image, release, upload};
use crate::plan::Risk;

use Availability::{Disabled, Enabled};

scopes! {
    /// In the Charms pane.
    CHARMS "Pane Charms" in [PANES, SELECTED, LIST, EVERYWHERE, ALWAYS];
}

actions! {
    [Scope::CHARMS], pane super::pane::PANE;
    CHARMS = "charms" in Scope::PANES, ["3", "g h"], "charms",
        "Go to the Charms pane.",
        run |model| to_pane(model, PaneId::CHARMS), twin "windlass charms";
    UPLOAD = "upload" in Scope::CHARMS, ["u"], "upload",
        "Choose a file or an image for the selected resource, then plan the upload.",
        run upload::open, footer 11, if upload, twin "windlass upload-resource CHARM RESOURCE", fill fill, takes [Param::Charm, Param::Resource, Param::Content];
    RELEASE_REVISION = "release-revision" in Scope::CHARMS, ["e"], "release",
        "Choose channels and resources for the selected revision, then plan the release to them.",
        change release::open, footer 12, if release, twin "windlass release CHARM --revision N --channel C", fill fill, detail refusal, takes [Param::Charm, Param::Revision, Param::Channel];
    UNFOLD = "unfold" in Scope::CHARMS, ["space"], "revisions",
        "Show or hide every revision of the selected charm or resource.",
        run unfold_row, footer 14, if unfold, twin "windlass charms";
    IMAGE = "image" in Scope::CHARMS, ["i"], "image",
        "Inspect the image of the selected revision: digests, releases, layers.",
        run image::open_selected, footer 13, if image::actions::selected_image, twin "windlass resolve IMAGE";
}

fn upload(model: &Model) -> Availability {
    match model.charm_rows().selected() {
        None => Disabled("nothing is selected"),
        Some(row) if row.bundle => Disabled("a bundle has no resources"),
        Some(row) if row.resource().is_none() => Disabled("select a resource below its charm"),
        Some(_) => online(model),
    }
}

fn release(model: &Model) -> Availability {
    let Some(row) = model.charm_rows().selected() else {
        return Disabled("nothing is selected");
    };
    match &row.what {
        charms::What::Revision { refusal: Some(_), .. } => {
            Disabled("Charmhub does not allow this revision to be released")
        }
        charms::What::Problem(_) | charms::What::Charm(None) => Disabled("this charm was not read yet"),
        charms::What::Resource { newest: None, .. } => Disabled("this resource has no revision yet"),
        _ if release::releasable(model, &row.charm).is_empty() => {
            Disabled("Charmhub allows no revision of this charm to be released")
        }
        _ => online(model),
    }
}

fn unfold(model: &Model) -> Availability {
    match model.charm_rows().selected().map(charms::Row::stem) {
        Some(Some(_)) => Enabled,
        Some(None) => Disabled("this charm was not read yet"),
        None => Disabled("nothing is selected"),
    }
}

fn unfold_row(model: &mut Model) -> Vec<Effect> {
    charms::pane::unfold(model);
    let charm = model.charm_rows().selected().map(|row| row.charm.clone());
    charm.map_or_else(Vec::new, |charm| image::ask_behind(model, &charm))
}

fn fill(model: &Model, word: &str) -> Option<String> {
    let row = model.charm_rows().selected()?;
    match word {
        "CHARM" => Some(row.charm.to_string()),
        "RESOURCE" => row.resource().map(|(name, _)| name.to_string()),
        _ => None,
    }
}

/// Returns the store's reason why the selected revision cannot be released.
fn refusal(model: &Model) -> Option<String> {
    match &model.charm_rows().selected()?.what {
        charms::What::Revision {
            revision, refusal, ..
        } => refusal.as_ref().map(|refusal| format!("{revision} is {refusal}")),
        _ => None,
    }
}
