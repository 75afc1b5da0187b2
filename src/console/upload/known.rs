//! Completes the upload dialog: digests of revisions, images that releases name, images of
//! container engines of this machine.

use super::Upload;
use crate::console::panes::charms;
use crate::console::{Model, paths};
use crate::domain::ResourceRevision;
use crate::plan::UploadIntent;
use crate::services::engine::Wanted;

/// A completion and its description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The text to insert.
    pub text: String,
    /// Its description.
    pub about: String,
}

/// Returns the texts that match the input, prefix matches first. For a digest its hex digits are
/// enough.
pub fn known(model: &Model, dialog: &Upload) -> Vec<Known> {
    let paths = on_disk(model, dialog);
    if dialog.images == Some(false) || !paths.is_empty() {
        return paths;
    }
    let wanted = dialog.wanted().to_lowercase();
    let rank = |known: &Known| {
        let text = known.text.to_lowercase();
        let digits = text.strip_prefix("sha256:").unwrap_or(&text);
        if text.starts_with(&wanted) || digits.starts_with(&wanted) {
            Some(0)
        } else if text.contains(&wanted) || known.about.contains(&wanted) {
            Some(1)
        } else {
            None
        }
    };
    let mut found: Vec<(u8, Known)> = all(model, dialog)
        .into_iter()
        .filter_map(|known| Some((rank(&known)?, known)))
        .collect();
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, known)| known).collect()
}

/// Returns the paths that match the input, if it is a path.
fn on_disk(model: &Model, dialog: &Upload) -> Vec<Known> {
    let paths = paths::known(model, dialog.wanted(), dialog.images == Some(false));
    let known = paths.into_iter().map(|text| Known {
        about: if text.ends_with('/') { "folder" } else { "file" }.to_owned(),
        text,
    });
    known.collect()
}

fn all(model: &Model, dialog: &Upload) -> Vec<Known> {
    let mut texts = of_releases(model, dialog);
    texts.extend(model.engines.iter().map(|name| Known {
        text: name.to_string(),
        about: "on this machine".to_owned(),
    }));
    texts.extend(behind_revisions(model, dialog));
    texts
}

fn of_releases(model: &Model, dialog: &Upload) -> Vec<Known> {
    let workspace = model.workspace();
    let Some(charm) = workspace.charm(&dialog.charm) else {
        return Vec::new();
    };
    let mut texts: Vec<Known> = Vec::new();
    for (_, key) in charm.fed().filter(|(name, _)| **name == dialog.resource) {
        let Ok(repository) = workspace.image_repository(key) else {
            continue;
        };
        for release in model.snapshot.releases.value.iter().flatten() {
            let Some(tag) = release.images.get(key) else {
                continue;
            };
            let text = repository.tagged(tag).to_string();
            match texts.iter_mut().find(|known| known.text == text) {
                Some(known) => known.about.push_str(&format!(", {}", release.name)),
                None => texts.push(Known {
                    text,
                    about: format!("release {}", release.name),
                }),
            }
        }
    }
    texts
}

fn behind_revisions(model: &Model, dialog: &Upload) -> Vec<Known> {
    let snapshot = &model.snapshot;
    let Upload { charm, resource, .. } = dialog;
    let facts = snapshot.charms.get(charm).and_then(|seen| seen.value.as_ref());
    let mut texts: Vec<Known> = Vec::new();
    for one in facts
        .and_then(|facts| facts.resources.get(resource))
        .into_iter()
        .flatten()
    {
        let Some(behind) = snapshot.image_behind(charm, resource, one.revision) else {
            continue;
        };
        let text = behind.digest.to_string();
        if texts.iter().any(|known| known.text == text) {
            continue;
        }
        let releases = charms::releases_behind(model.workspace(), snapshot, charm, resource, one.revision);
        let release = releases.first();
        texts.push(Known {
            text,
            about: format!(
                "behind {}{}",
                one.revision,
                release.map_or_else(String::new, |name| format!(", release {name}"))
            ),
        });
    }
    texts
}

/// Returns the newest revision that contains the image with this digest.
pub(super) fn behind(model: &Model, intent: &UploadIntent, digest: &str) -> Option<ResourceRevision> {
    let wanted = Wanted::parse(digest).ok()?;
    let facts = model.snapshot.charms.get(&intent.charm)?.value.as_ref()?;
    facts
        .resources
        .get(&intent.resource)?
        .iter()
        .map(|one| one.revision)
        .filter(|revision| {
            let behind = model
                .snapshot
                .image_behind(&intent.charm, &intent.resource, *revision);
            behind.is_some_and(|behind| wanted.matches(behind.digest.0))
        })
        .max()
}
