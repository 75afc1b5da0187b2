//! Opens the promotion dialog and handles its keys.

use std::collections::BTreeSet;

use super::{Promote, RISKS, Row, latest_edge, rows, served};
use crate::console::dialogs::Modal;
use crate::console::effect::Effect;
use crate::console::listing::window;
use crate::console::panes::PaneId;
use crate::console::{Model, review};
use crate::domain::{Channel, CharmName, ReleaseName, Risk, Track};
use crate::plan::evidence::{self, Published};
use crate::plan::{Intent, PromoteIntent, PromoteTrackIntent};

/// Returns what the selected row promotes: a release and its track, or a whole track; else why
/// nothing.
pub fn source(model: &Model) -> Result<(Option<ReleaseName>, Track), &'static str> {
    let (release, track) = match model.pane {
        PaneId::Releases => {
            let row = model.panes.releases.selected().ok_or("no release is selected")?;
            let track = row.name.track();
            (
                Some(row.name.clone()),
                track.map_err(|_| "the release name gives no track")?,
            )
        }
        PaneId::Channels => of_channels(model)?,
        _ => return Err("select a release or one of its channels"),
    };
    let risks: &[Risk] = match &release {
        Some(_) => &[Risk::Edge],
        None => &[Risk::Edge, Risk::Beta, Risk::Candidate],
    };
    let known = |name| !model.snapshot.rows(name).is_empty();
    let charms = || model.workspace().charms.iter().map(|charm| &charm.name);
    let open = |name: &CharmName| {
        risks.iter().any(|risk| {
            let channel = Channel::new(track.clone(), *risk);
            served(model, name, &channel).next().is_some()
        })
    };
    let unpublished = release.as_ref().and_then(|name| unpublished(model, name));
    if let Some(reason) = unpublished.filter(|_| charms().any(known)) {
        Err(reason)
    } else if charms().any(open) {
        Ok((release, track))
    } else if !charms().any(known) {
        Err("the channels were not read yet")
    } else if release.is_some() {
        Err("the edge of its track is closed; publish the release first")
    } else {
        Err("this track has no open channel below stable")
    }
}

/// Returns why a release that is not published cannot be promoted.
fn unpublished(model: &Model, name: &ReleaseName) -> Option<&'static str> {
    let release = model.snapshot.release(name)?;
    match evidence::standing(model.workspace(), &model.snapshot, release).published? {
        Published::No => Some("it is not published; publish it first"),
        Published::RolledBack => Some("it was rolled back; publish it first"),
        Published::Yes | Published::Partly => None,
    }
}

/// Returns the release that the edge of the selected row runs: of several with the same images the
/// one with a marker branch, else the newest of its month. The whole track if no release of its
/// month runs there.
fn of_channels(model: &Model) -> Result<(Option<ReleaseName>, Track), &'static str> {
    let row = model.panes.channels.selected().ok_or("nothing is selected")?;
    if row.branch.is_some() {
        return Err("branches cannot be promoted; select their track");
    }
    let (workspace, snapshot) = (model.workspace(), &model.snapshot);
    let edge = Channel::new(row.track.clone(), Risk::Edge);
    let markers = snapshot.markers.value.as_ref();
    let charm = workspace.charm(&row.charm).ok_or("this charm was not read yet")?;
    let mut named: Vec<ReleaseName> = served(model, &row.charm, &edge)
        .flat_map(|one| {
            charm.fed().flat_map(|(resource, _)| {
                evidence::releases_in_row(workspace, snapshot, charm, resource, one)
            })
        })
        .filter(|name| name.month() == row.track.as_str())
        .collect();
    named.sort_by_key(|name| (markers.is_some_and(|all| all.contains(name)), name.clone()));
    Ok((named.pop(), row.track.clone()))
}

/// Opens the dialog for the selected row.
pub fn open(model: &mut Model) {
    match source(model) {
        Ok((release, track)) => {
            let [first, ..] = RISKS;
            model.modal = Some(Modal::Promote(Box::new(Promote {
                release,
                track,
                to: first,
                with: BTreeSet::new(),
                at: 0,
                offset: 0,
            })));
        }
        Err(reason) => model.refuse(reason),
    }
}

fn go_to(model: &mut Model, at: impl FnOnce(usize) -> usize) {
    let Some(Modal::Promote(dialog)) = &model.modal else {
        return;
    };
    let all = rows(model, dialog);
    let at = at(dialog.at).min(all.len().saturating_sub(1));
    let risk = match all.get(at) {
        Some(Row::Risk(risk)) => Some(*risk),
        _ => None,
    };
    if let Some(Modal::Promote(dialog)) = &mut model.modal {
        dialog.at = at;
        // Enter uses only the risk under the cursor.
        dialog.to = risk.unwrap_or(dialog.to);
    }
}

/// Moves by rows.
pub fn step(model: &mut Model, steps: isize) {
    go_to(model, |at| at.saturating_add_signed(steps));
}

/// Moves to row `at`; if a charm is already selected there, includes it or leaves it out.
pub fn pick(model: &mut Model, at: usize) {
    let again = matches!(&model.modal, Some(Modal::Promote(dialog)) if dialog.at == at);
    if again {
        return tick(model);
    }
    go_to(model, |_| at);
}

/// Includes the selected charm, or leaves it out.
pub fn tick(model: &mut Model) {
    let Some(Modal::Promote(dialog)) = &model.modal else {
        return;
    };
    let Some(Row::Charm(charm)) = rows(model, dialog).into_iter().nth(dialog.at) else {
        return;
    };
    if let Some(Modal::Promote(dialog)) = &mut model.modal
        && !dialog.with.remove(&charm)
    {
        dialog.with.insert(charm);
    }
}

/// Opens the review of the promotion.
pub fn accept(model: &mut Model) -> Vec<Effect> {
    let Some(Modal::Promote(dialog)) = &model.modal else {
        return Vec::new();
    };
    let Promote {
        release,
        track,
        to,
        with,
        ..
    } = dialog.as_ref().clone();
    let intent = match release {
        None => Intent::PromoteTrack(PromoteTrackIntent { track, to }),
        Some(release) => {
            let with = with.into_iter().map(|charm| (charm, latest_edge())).collect();
            Intent::Promote(PromoteIntent { release, to, with })
        }
    };
    review::open(model, intent)
}

/// Clamps selection and scroll position.
pub fn settle(model: &mut Model) {
    let Some(Modal::Promote(dialog)) = &model.modal else {
        return;
    };
    let count = rows(model, dialog).len();
    let height = super::view::height(model, count);
    if let Some(Modal::Promote(dialog)) = &mut model.modal {
        dialog.at = dialog.at.min(count.saturating_sub(1));
        dialog.offset = window(dialog.offset, dialog.at, height, count);
    }
}

/// Closes the dialog.
pub fn close(model: &mut Model) {
    if matches!(model.modal, Some(Modal::Promote(_))) {
        model.modal = None;
    }
}
