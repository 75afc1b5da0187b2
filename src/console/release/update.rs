//! Handles the keys of the release dialog.

use super::rows::{declared, facts};
use super::{Release, Row, lacking, releasable, rows};
use crate::console::actions::ActionId;
use crate::console::dialogs::Modal;
use crate::console::effect::Effect;
use crate::console::listing::window;
use crate::console::panes::charms::What;
use crate::console::{Model, review};
use crate::domain::{CharmName, CharmRevision, ResourceName, ResourceRevision, Risk, Track};
use crate::plan::{Intent, ReleaseIntent};

/// Opens the dialog for the selected revision; for a charm, the newest that may be released; for a
/// resource revision, the charm revision in `latest/edge` with that resource chosen.
pub fn open(model: &mut Model) {
    let Some(row) = model.panes.charms.selected() else {
        return;
    };
    let charm = row.charm.clone();
    let all = releasable(model, &charm);
    let resource = row.resource().map(|(name, revision)| (name.clone(), revision));
    let revision = match &row.what {
        What::Revision { revision, .. } => Some(*revision).filter(|one| all.contains(one)),
        What::Resource { .. } | What::Held { .. } => served_at_edge(model, &charm)
            .filter(|one| all.contains(one))
            .or_else(|| all.first().copied()),
        _ => all.first().copied(),
    };
    let chosen = resource.and_then(|(name, revision)| Some((name, revision?)));
    let Some(revision) = revision else {
        return;
    };
    let mut dialog = Release {
        charm,
        revision,
        ticked: std::collections::BTreeSet::new(),
        chosen: chosen.into_iter().collect(),
        at: 0,
        offset: 0,
        error: None,
    };
    let first = rows(model, &dialog)
        .iter()
        .position(|row| matches!(row, Row::Channel(_)));
    dialog.at = first.unwrap_or(0);
    model.modal = Some(Modal::Release(Box::new(dialog)));
}

/// Returns the newest charm revision that `latest/edge` of `charm` has.
fn served_at_edge(model: &Model, charm: &CharmName) -> Option<CharmRevision> {
    let latest = Track::latest();
    let rows = facts(model, charm)?.rows.iter();
    rows.filter(|row| row.channel.track == latest && row.channel.risk == Risk::Edge)
        .filter(|row| row.channel.branch.is_none())
        .map(|row| row.revision)
        .max()
}

const fn dialog(model: &mut Model) -> Option<&mut Release> {
    match &mut model.modal {
        Some(Modal::Release(dialog)) => Some(dialog),
        _ => None,
    }
}

fn selected(model: &Model) -> Option<(&Release, Row)> {
    match &model.modal {
        Some(Modal::Release(dialog)) => {
            let row = rows(model, dialog).into_iter().nth(dialog.at)?;
            Some((dialog, row))
        }
        _ => None,
    }
}

/// Moves by rows.
pub fn step(model: &mut Model, steps: isize) {
    if let Some(dialog) = dialog(model) {
        dialog.at = dialog.at.saturating_add_signed(steps);
    }
}

/// Moves to row `at`; if it is already selected, ticks its channel.
pub fn pick(model: &mut Model, at: usize) {
    let Some(dialog) = dialog(model) else { return };
    if dialog.at == at {
        return tick(model);
    }
    dialog.at = at;
}

/// Ticks or unticks the selected channel.
pub fn tick(model: &mut Model) {
    let Some((_, row)) = selected(model) else { return };
    match row {
        Row::Channel(channel) => {
            if let Some(dialog) = dialog(model) {
                dialog.error = None;
                if !dialog.ticked.remove(&channel) {
                    dialog.ticked.insert(channel);
                }
            }
        }
        Row::Revision | Row::Resource { .. } => change(model, 1),
    }
}

/// Selects another revision of the charm or of the selected resource.
pub fn change(model: &mut Model, steps: isize) {
    let Some((shown, row)) = selected(model) else {
        return;
    };
    match row {
        Row::Revision => {
            let all = releasable(model, &shown.charm);
            let next = neighbour(&all, Some(shown.revision), steps);
            if let (Some(next), Some(dialog)) = (next, dialog(model)) {
                dialog.revision = next;
                // Resource rows come before the channels; the selection stays on the revision.
                dialog.error = None;
            }
        }
        Row::Resource { name, .. } => {
            let known = revisions(model, shown, &name);
            let options: Vec<Option<ResourceRevision>> =
                std::iter::once(None).chain(known.into_iter().map(Some)).collect();
            let next = neighbour(&options, Some(shown.chosen.get(&name).copied()), steps);
            if let (Some(next), Some(dialog)) = (next, dialog(model)) {
                dialog.error = None;
                match next {
                    Some(revision) => dialog.chosen.insert(name, revision),
                    None => dialog.chosen.remove(&name),
                };
            }
        }
        Row::Channel(_) => {
            model.refuse("a channel has no revision; select it, or choose a revision above");
        }
    }
}

fn revisions(model: &Model, dialog: &Release, resource: &ResourceName) -> Vec<ResourceRevision> {
    let known = facts(model, &dialog.charm).and_then(|facts| facts.resources.get(resource));
    let mut revisions: Vec<ResourceRevision> = known.into_iter().flatten().map(|one| one.revision).collect();
    revisions.sort_by(|a, b| b.cmp(a));
    revisions
}

/// Returns the item `steps` from `now`, clamped to the ends.
fn neighbour<T: Copy + PartialEq>(all: &[T], now: Option<T>, steps: isize) -> Option<T> {
    let at = all.iter().position(|one| Some(*one) == now)?;
    let at = at.saturating_add_signed(steps).min(all.len().saturating_sub(1));
    all.get(at).copied()
}

/// Opens the review of the release, or reports what is missing.
pub fn accept(model: &mut Model) -> Vec<Effect> {
    let Some(Modal::Release(shown)) = &model.modal else {
        return Vec::new();
    };
    let keymap = &model.setting.keymap;
    let all = rows(model, shown);
    let missing = all.iter().enumerate().find_map(|(at, row)| match row {
        Row::Resource { name, optional } if !optional && !shown.chosen.contains_key(name) => {
            let channel = lacking(model, shown, name).into_iter().next()?;
            Some((
                at,
                format!(
                    "{channel} has no {name} yet; {}",
                    keymap.hint(ActionId::ReleaseMore, "choose one")
                ),
            ))
        }
        _ => None,
    });
    let wish = wish(model, shown, &all);
    let ticks = keymap.hint(ActionId::ReleaseTick, "select one");
    let unticked = format!("no channel is selected; {ticks}");
    let Some(dialog) = dialog(model) else {
        return Vec::new();
    };
    if dialog.ticked.is_empty() {
        dialog.error = Some(unticked);
        return Vec::new();
    }
    if let Some((at, error)) = missing {
        dialog.at = at;
        dialog.error = Some(error);
        return Vec::new();
    }
    review::open(model, Intent::Release(wish))
}

fn wish(model: &Model, dialog: &Release, all: &[Row]) -> ReleaseIntent {
    let declared: Vec<&ResourceName> = facts(model, &dialog.charm)
        .map(|facts| declared(facts, dialog.revision))
        .into_iter()
        .flatten()
        .map(|one| &one.name)
        .collect();
    ReleaseIntent {
        charm: dialog.charm.clone(),
        revision: dialog.revision,
        channels: all
            .iter()
            .filter_map(|row| match row {
                Row::Channel(channel) if dialog.ticked.contains(channel) => Some(channel.clone()),
                _ => None,
            })
            .collect(),
        resources: dialog
            .chosen
            .iter()
            .filter(|(name, _)| declared.contains(name))
            .map(|(name, revision)| (name.clone(), *revision))
            .collect(),
    }
}

/// Clamps selection and scroll position.
pub fn settle(model: &mut Model) {
    let Some(Modal::Release(dialog)) = &model.modal else {
        return;
    };
    let count = rows(model, dialog).len();
    let height = super::view::height(model, count);
    if let Some(Modal::Release(dialog)) = &mut model.modal {
        dialog.at = dialog.at.min(count.saturating_sub(1));
        dialog.offset = window(dialog.offset, dialog.at, height, count);
    }
}

/// Closes the dialog.
pub fn close(model: &mut Model) {
    if dialog(model).is_some() {
        model.modal = None;
    }
}
