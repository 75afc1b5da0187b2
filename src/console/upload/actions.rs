//! Actions of the upload dialog.

use super::{Upload, update};
use crate::console::actions::{
    ActionId, ActionSpec, Availability, FeatureActions, Scope, ScopeSpec, actions, online, scopes,
};
use crate::console::components::Dialog as _;
use crate::console::{Model, tags, upload as uploads};
use crate::plan::Risk;

use Availability::{Disabled, Enabled, Hidden};

scopes! {
    /// In the upload dialog.
    UPLOAD "Dialog: upload", typed in [DIALOG, ALWAYS];
}

actions! {
    [Scope::UPLOAD];
    UPLOAD_ACCEPT = "upload-accept" in Scope::UPLOAD, ["enter"], "plan",
        "Read the file or image, then plan its upload.",
        run update::accept, footer 1, if upload_accept, twin "windlass plan upload-resource CHARM RESOURCE", needed true;
    UPLOAD_TAGS = "upload-tags" in Scope::UPLOAD, ["ctrl-t"], "tags",
        "List the tags of the repository you typed, or of the resource's usual repository.",
        run tags::open, footer 3, if upload_tags;
    UPLOAD_NEXT = "upload-next" in Scope::UPLOAD, ["tab", "down"], "suggest",
        "Complete the path, or insert the next known digest, tag or local image.",
        run update::next, footer 2, if upload_known;
    UPLOAD_PREVIOUS = "upload-previous" in Scope::UPLOAD, ["shift-tab", "up"], "prior suggestion",
        "Insert the previous suggestion.",
        run update::previous, if upload_known;
    UPLOAD_LOOK = "upload-look" in Scope::UPLOAD, ["ctrl-o"], "inspect",
        "Inspect the image you typed and see how much an upload would send.",
        run update::look, footer 3, if upload_look, twin "windlass resolve IMAGE";
}

fn upload_accept(model: &Model) -> Availability {
    match typed(model) {
        None => Disabled("type a file or an image first"),
        Some(Err(_)) => Disabled("this cannot be uploaded; the reason is below the field"),
        Some(Ok(_)) => online(model),
    }
}

fn typed(model: &Model) -> Option<Result<crate::plan::Content, crate::domain::Problem>> {
    let dialog = model.dialog::<Upload>()?;
    let text = dialog.input.value();
    uploads::read(&model.setting, &dialog.resource, dialog.images, text)
}

fn upload_tags(model: &Model) -> Availability {
    match model.dialog::<Upload>() {
        Some(dialog) if dialog.images == Some(false) => Hidden,
        Some(dialog) if dialog.repository(model).is_none() => Disabled("type a repository name first"),
        _ => online(model),
    }
}

fn upload_known(model: &Model) -> Availability {
    match model.dialog::<Upload>() {
        Some(dialog) if uploads::known(model, dialog).is_empty() => Disabled("no suggestion matches"),
        _ => Enabled,
    }
}

fn upload_look(model: &Model) -> Availability {
    match (model.dialog::<Upload>(), typed(model)) {
        (Some(dialog), _) if dialog.images == Some(false) => Hidden,
        (_, Some(Ok(crate::plan::Content::Digest { .. } | crate::plan::Content::From { .. }))) => {
            online(model)
        }
        _ => Disabled("type an image first"),
    }
}
