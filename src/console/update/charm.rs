//! Handles actions on the charms and channels panes: details, closing a channel, and choices.

use crate::console::components::Text;
use crate::console::dialogs::{Choice, Choose};
use crate::console::effect::Effect;
use crate::console::panes::{channels, charms};
use crate::console::{Model, image, links, review};
use crate::domain::Channel;
use crate::plan::{CloseIntent, Intent};

/// Plans closing the channel of the selected row; asks which one if there are several.
pub(in crate::console) fn close_channel(model: &mut Model) -> Vec<Effect> {
    let Some(row) = model.panes.channels.selected() else {
        return Vec::new();
    };
    let mut found: Vec<(String, Choice)> = Vec::new();
    for (risk, cell) in channels::FLOW.into_iter().zip(&row.cells) {
        if let channels::Cell::Open { revision, image, .. } = cell {
            let channel = Channel {
                track: row.track.clone(),
                risk,
                branch: row.branch.clone(),
            };
            let image = image.as_deref().unwrap_or_default();
            let text = format!("{channel}  {revision} {image}");
            let charm = row.charm.clone();
            let wish = Intent::Close(CloseIntent { charm, channel });
            found.push((text, Choice::Plan(Box::new(wish))));
        }
    }
    if found.len() > 1 {
        let title = format!("Close a channel of {}", row.charm);
        model.open(Choose::new(title, "Choose one. The plan is shown next.", found));
        return Vec::new();
    }
    found
        .pop()
        .map_or_else(Vec::new, |(_, choice)| chosen(model, choice))
}

/// Applies the selected choice.
pub(in crate::console) fn choose(model: &mut Model) -> Vec<Effect> {
    let Some(dialog) = model.dialog::<Choose>() else {
        return Vec::new();
    };
    let Some((_, choice)) = dialog.entries.get(dialog.list.at).cloned() else {
        return Vec::new();
    };
    // Leaving the review asks again.
    if matches!(choice, Choice::Look(_)) {
        model.modal = None;
    }
    chosen(model, choice)
}

/// Applies a choice.
fn chosen(model: &mut Model, choice: Choice) -> Vec<Effect> {
    match choice {
        Choice::Plan(intent) => review::open(model, *intent),
        Choice::Look(look) => image::open(model, look),
    }
}

/// Rebuilds the details of a charm, if they are shown.
pub(super) fn rewrite_details(model: &mut Model) {
    let Some(text) = model.dialog::<Text>() else {
        return;
    };
    let offset = text.offset;
    let charm = text.charm.clone();
    let is_shown = |row: &&charms::Row| Some(&row.charm) == charm.as_ref();
    let listing = &model.panes.charms;
    let row = listing
        .selected()
        .filter(is_shown)
        .or_else(|| listing.rows().iter().find(is_shown));
    if let Some(row) = row {
        let mut text = details(model, row);
        text.offset = offset;
        model.open(text);
    }
}

fn details(model: &Model, row: &charms::Row) -> Text {
    let lines = charms::details(model.workspace(), &model.snapshot, row, model.now);
    let mut text = Text::new(row.charm.to_string(), lines);
    text.copy = Some(row.charm.to_string());
    text.link = Some(links::charm(row.charm.as_str()));
    text.charm = Some(row.charm.clone());
    text
}

/// Shows everything known about the selected charm, or the image of a resource revision.
pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    let Some(row) = model.panes.charms.selected() else {
        return Vec::new();
    };
    if matches!(row.what, charms::What::Held { .. }) && !image::selected(model).is_empty() {
        return image::open_selected(model);
    }
    let charm = row.charm.clone();
    let text = details(model, row);
    model.open(text);
    image::ask_behind(model, &charm)
}

/// Returns the digest of a resource revision, or the name of the charm for any other row.
pub(super) fn text(model: &Model, row: &charms::Row) -> String {
    let behind = row
        .resource()
        .and_then(|(resource, revision)| model.snapshot.image_behind(&row.charm, resource, revision?));
    behind.map_or_else(|| row.charm.to_string(), |behind| behind.digest.to_string())
}
