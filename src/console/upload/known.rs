//! Completes the upload dialog: digests of revisions, images that releases name, images of
//! container engines of this machine.

use super::Upload;
use crate::console::panes::charms;
use crate::console::state::state;
use crate::console::{Model, paths};
use crate::domain::{CharmName, ResourceName, ResourceRevision, SanitizedText};
use crate::plan::{UploadIntent, known_images};
use crate::services::engine::DigestQuery;

/// Names of the images that container engines of this machine have.
#[derive(Clone, Debug, Default)]
pub struct EngineImages(pub Vec<SanitizedText>);

state!(EngineImages);

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
    let mut found: Vec<(u8, Known)> = images(model, &dialog.charm, &dialog.resource)
        .into_iter()
        .filter_map(|known| Some((rank(&known)?, known)))
        .collect();
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, known)| known).collect()
}

/// Returns the paths that match the input, if it is a path.
fn on_disk(model: &Model, dialog: &Upload) -> Vec<Known> {
    let paths = paths::known(model, dialog.wanted(), dialog.images);
    let known = paths.into_iter().map(|text| Known {
        about: if text.ends_with('/') { "directory" } else { "file" }.to_owned(),
        text,
    });
    known.collect()
}

/// Returns the images that are known for the resource: of releases, of this machine, of revisions.
pub fn images(model: &Model, charm: &CharmName, resource: &ResourceName) -> Vec<Known> {
    let (workspace, snapshot) = (model.workspace(), &model.snapshot);
    let named = known_images::named_by_releases(workspace, snapshot, charm, resource);
    let mut found: Vec<Known> = named
        .into_iter()
        .map(|(text, releases)| {
            let names: Vec<&str> = releases
                .iter()
                .map(windlass_domain::domain::ReleaseName::as_str)
                .collect();
            Known {
                text,
                about: format!("release {}", names.join(", ")),
            }
        })
        .collect();
    found.extend(model.state::<EngineImages>().0.iter().map(|name| Known {
        text: name.to_string(),
        about: "on this machine".to_owned(),
    }));
    let of_revisions = known_images::of_revisions(snapshot, charm, resource);
    found.extend(of_revisions.into_iter().map(|(digest, revision)| {
        let releases = charms::releases_behind(workspace, snapshot, charm, resource, revision);
        let release = releases.first();
        Known {
            text: digest.to_string(),
            about: format!(
                "in {revision}{}",
                release.map_or_else(String::new, |name| format!(", release {name}"))
            ),
        }
    }));
    found
}

/// Returns the newest revision that contains the image with this digest.
pub(super) fn behind(model: &Model, intent: &UploadIntent, digest: &str) -> Option<ResourceRevision> {
    let wanted = DigestQuery::parse(digest).ok()?;
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
