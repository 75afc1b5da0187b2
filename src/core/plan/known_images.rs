//! Lists the images that are known for a resource: those that releases name, and those of its
//! revisions.

use crate::config::Workspace;
use crate::domain::{CharmName, ManifestDigest, ReleaseName, ResourceName, ResourceRevision, Snapshot};

/// Returns the references that releases name for the resource, newest first, each with its releases.
pub fn named_by_releases(
    workspace: &Workspace,
    snapshot: &Snapshot,
    charm: &CharmName,
    resource: &ResourceName,
) -> Vec<(String, Vec<ReleaseName>)> {
    let Some(charm) = workspace.charm(charm) else {
        return Vec::new();
    };
    let mut found: Vec<(String, Vec<ReleaseName>)> = Vec::new();
    for (_, key) in charm.fed().filter(|(name, _)| *name == resource) {
        let Ok(repository) = workspace.image_repository(key) else {
            continue;
        };
        for release in snapshot.releases.value.iter().flatten() {
            let Some(tag) = release.images.get(key) else {
                continue;
            };
            let text = repository.tagged(tag).to_string();
            match found.iter_mut().find(|(known, _)| *known == text) {
                Some((_, releases)) => releases.push(release.name.clone()),
                None => found.push((text, vec![release.name.clone()])),
            }
        }
    }
    found
}

/// Returns the digest of the image of each revision of the resource, each once, in the order of the
/// revisions.
pub fn of_revisions(
    snapshot: &Snapshot,
    charm: &CharmName,
    resource: &ResourceName,
) -> Vec<(ManifestDigest, ResourceRevision)> {
    let facts = snapshot.charms.get(charm).and_then(|seen| seen.value.as_ref());
    let revisions = facts.and_then(|facts| facts.resources.get(resource));
    let mut found: Vec<(ManifestDigest, ResourceRevision)> = Vec::new();
    for one in revisions.into_iter().flatten() {
        let Some(behind) = snapshot.image_behind(charm, resource, one.revision) else {
            continue;
        };
        if found.iter().all(|(digest, _)| *digest != behind.digest) {
            found.push((behind.digest, one.revision));
        }
    }
    found
}
