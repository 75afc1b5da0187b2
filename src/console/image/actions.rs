//! Actions of the image details.

use super::update;
use crate::console::Model;
use crate::console::actions::{
    ActionId, ActionSpec, Availability, FeatureActions, Scope, ScopeSpec, actions, online, scopes,
};
use crate::console::{image as images, panes};
use crate::plan::Risk;

use Availability::{Disabled, Enabled, Hidden};

scopes! {
    /// In the details of an image.
    IMAGE "Image details" in [TEXT, SEARCHED, SELECTED, LIST, DIALOG, ALWAYS];
}

actions! {
    [Scope::IMAGE];
    IMAGE_MARK = "image-mark" in Scope::IMAGE, ["m"], "mark",
        "Mark this image to compare another one with it.",
        change update::mark, footer 2, if mark;
    IMAGE_DIFF = "image-diff" in Scope::IMAGE, ["d"], "diff",
        "Compare with the marked image: layers, environment, labels; press it again to return.",
        change update::diff, footer 3, if diff, twin "windlass diff IMAGE IMAGE";
    IMAGE_AGAIN = "image-again" in Scope::IMAGE, ["g", "ctrl-r"], "reload",
        "Read the image from the registry again.",
        run update::again, footer 5, if look_again, twin "windlass resolve IMAGE";
}

fn seen(model: &Model) -> Option<(&images::Image, Option<&images::Seen>)> {
    let dialog = model.dialog::<images::Image>()?;
    let fetched = model.images().fetched.get(&dialog.look);
    Some((dialog, fetched.and_then(|fetched| fetched.seen.as_ref())))
}

fn mark(model: &Model) -> Availability {
    match seen(model) {
        Some((_, Some(_))) => Enabled,
        _ => Disabled("the image was not read yet"),
    }
}

fn diff(model: &Model) -> Availability {
    match (seen(model), &model.images().marked) {
        (Some((dialog, _)), _) if dialog.diff => Enabled,
        (_, None) => Disabled("mark another image first"),
        (Some((_, Some(seen))), Some((_, marked))) if seen.detail.source == marked.source => {
            Disabled("this is the marked image")
        }
        (Some((_, Some(_))), Some(_)) => Enabled,
        _ => Disabled("the image was not read yet"),
    }
}

fn look_again(model: &Model) -> Availability {
    match seen(model) {
        Some((dialog, _)) if dialog.look.wanted == images::Wanted::Planned => Hidden,
        Some((dialog, _)) => {
            let fetched = model.images().fetched.get(&dialog.look);
            if fetched.is_some_and(|fetched| fetched.in_flight.is_some()) {
                Disabled("the image is still being read")
            } else {
                online(model)
            }
        }
        None => Hidden,
    }
}

/// Available where the selected row has an image.
pub fn selected_image(model: &Model) -> Availability {
    let (shown, _) = panes::counts(model, model.pane);
    if shown == 0 {
        return Disabled("nothing is selected");
    }
    if images::selected(model).is_empty() {
        return Disabled("this row has no known image");
    }
    online(model)
}
