//! Completes the parameters of palette commands from what the panes show.

use super::{Param, Typed};
use crate::console::listing::Keyed as _;
use crate::console::panes::{channels, charms, credentials};
use crate::console::{Model, paths, upload, words};
use crate::domain::charm::CharmFacts;
use crate::domain::{Channel, CharmName, ResourceName, Risk, SanitizedText};

/// A completion and its description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The word to insert.
    pub word: String,
    /// Its description.
    pub about: String,
}

fn one(word: impl ToString, about: impl Into<String>) -> Known {
    Known {
        word: word.to_string(),
        about: about.into(),
    }
}

/// Returns the completions of the parameter under the cursor.
pub fn known(model: &Model, typed: &Typed) -> Vec<Known> {
    let Some(param) = typed.param() else {
        return Vec::new();
    };
    match param {
        Param::Release => releases(model),
        Param::Charm => charm_names(model),
        Param::Resource => resources(model, typed),
        Param::Revision => revisions(model, typed),
        Param::OpenChannel => open_channels(model, typed),
        Param::Channel => all_channels(model, typed),
        Param::Risk => [Risk::Candidate, Risk::Beta, Risk::Stable]
            .into_iter()
            .map(|risk| one(risk, ""))
            .collect(),
        Param::Run => runs(model),
        Param::Session => sessions(model),
        Param::Content => content(model, typed),
        Param::Image => images(model),
    }
}

fn releases(model: &Model) -> Vec<Known> {
    let rows = model.release_rows().rows().iter();
    rows.map(|row| one(&row.name, row.label.words())).collect()
}

fn charm_names(model: &Model) -> Vec<Known> {
    let workspace = model.workspace();
    let charms = workspace.charms.iter().map(|charm| one(&charm.name, ""));
    let bundle = workspace.bundle.iter().map(|bundle| one(&bundle.name, "bundle"));
    charms.chain(bundle).collect()
}

/// Returns the charm named earlier in the line, with its facts.
fn charm<'m>(model: &'m Model, typed: &Typed) -> Option<(CharmName, &'m CharmFacts)> {
    let name: CharmName = typed.done.first()?.parse().ok()?;
    let facts = model.snapshot.charms.get(&name)?.value.as_ref()?;
    Some((name, facts))
}

fn resources(model: &Model, typed: &Typed) -> Vec<Known> {
    let Some(charm) = typed.done.first() else {
        return Vec::new();
    };
    let rows = model.charm_rows().rows().iter();
    rows.filter(|row| row.charm.as_str() == charm)
        .filter_map(|row| match &row.what {
            charms::What::Resource { name, newest, .. } => {
                let about =
                    newest.map_or_else(|| "no revision".to_owned(), |newest| format!("newest {newest}"));
                Some(one(name, about))
            }
            _ => None,
        })
        .collect()
}

fn revisions(model: &Model, typed: &Typed) -> Vec<Known> {
    let Some((_, facts)) = charm(model, typed) else {
        return Vec::new();
    };
    let revisions = facts.revisions.iter().filter(|revision| revision.releasable());
    revisions
        .map(|revision| {
            let about = format!("{}  {}", words::day(revision.created_at), revision.version);
            one(revision.revision.0, about)
        })
        .collect()
}

fn open_channels(model: &Model, typed: &Typed) -> Vec<Known> {
    let Some(charm) = typed.done.first() else {
        return Vec::new();
    };
    let rows = model.channel_rows().rows().iter();
    rows.filter(|row| row.charm.as_str() == charm)
        .flat_map(|row| {
            let cells = channels::FLOW.into_iter().zip(&row.cells);
            cells.filter_map(|(risk, cell)| {
                let channels::Cell::Open { revision, image, .. } = cell else {
                    return None;
                };
                let channel = Channel {
                    track: row.track.clone(),
                    risk,
                    branch: row.branch.clone(),
                };
                let about = format!("{revision} {}", image.as_deref().unwrap_or_default());
                Some(one(channel, about.trim_end()))
            })
        })
        .collect()
}

fn all_channels(model: &Model, typed: &Typed) -> Vec<Known> {
    let Some((name, facts)) = charm(model, typed) else {
        return Vec::new();
    };
    let rows = model.channel_rows().rows().iter();
    let mut tracks: Vec<_> = rows
        .filter(|row| row.charm == name)
        .map(|row| row.track.clone())
        .collect();
    tracks.extend(facts.tracks.iter().cloned());
    let mut known: Vec<Known> = Vec::new();
    for track in tracks {
        for risk in channels::FLOW {
            let channel = one(Channel::new(track.clone(), risk), "");
            if !known.contains(&channel) {
                known.push(channel);
            }
        }
    }
    known
}

fn runs(model: &Model) -> Vec<Known> {
    let rows = model.run_rows().rows().iter();
    rows.map(|row| {
        let title = model.short_title(&row.title);
        one(row.key(), format!("{}  {title}", row.state.word()))
    })
    .collect()
}

fn sessions(model: &Model) -> Vec<Known> {
    let rows = model.credential_rows().rows().iter();
    rows.filter_map(|row| match row {
        credentials::Row::Session(session) => {
            let who = session
                .facts
                .description
                .as_ref()
                .map_or("", SanitizedText::as_str);
            Some(one(
                &session.facts.id,
                format!("{}  {who}", session.state().word()),
            ))
        }
        _ => None,
    })
    .collect()
}

/// Returns the charm and resource named earlier in the line.
fn resource(typed: &Typed) -> Option<(CharmName, ResourceName)> {
    Some((
        typed.done.first()?.parse().ok()?,
        typed.done.get(1)?.parse().ok()?,
    ))
}

/// Returns whether the resource named earlier in the line contains images, if known.
pub fn holds_images(model: &Model, typed: &Typed) -> Option<bool> {
    let (charm, resource) = resource(typed)?;
    charms::holds_images(model.workspace(), &model.snapshot, &charm, &resource)
}

/// Returns the paths that complete the typed one, and the images known for the resource unless it
/// contains files.
fn content(model: &Model, typed: &Typed) -> Vec<Known> {
    let holds_images = holds_images(model, typed);
    let paths = paths::known(model, &typed.current, holds_images);
    let paths: Vec<Known> = paths.into_iter().map(|path| one(path, "")).collect();
    match resource(typed) {
        Some((charm, resource)) if paths.is_empty() && holds_images != Some(false) => {
            let images = upload::images(model, &charm, &resource).into_iter();
            images.map(|image| one(image.text, image.about)).collect()
        }
        _ => paths,
    }
}

/// Returns the images that releases name for charms, newest first.
fn images(model: &Model) -> Vec<Known> {
    let workspace = model.workspace();
    let mut known: Vec<Known> = Vec::new();
    for release in model.snapshot.releases.value.iter().flatten() {
        for (_, key) in workspace
            .fed_charms()
            .flat_map(crate::config::workspace::Charm::fed)
        {
            let (Some(tag), Ok(repository)) = (release.images.get(key), workspace.image_repository(key))
            else {
                continue;
            };
            let word = repository.tagged(tag).to_string();
            if known.iter().all(|one| one.word != word) {
                known.push(one(word, format!("release {}", release.name)));
            }
        }
    }
    known
}
