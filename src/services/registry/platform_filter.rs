//! Reduces an index to some of its platforms.
//!
//! The smaller index has the same bytes for the same index and platforms on any day. Must not copy
//! anything.

use super::cache::{Entry, ManifestCache};
use super::manifest::Manifest;
use super::manifest_source::ManifestSource;
use super::{CopySource, Registries};
use crate::domain::image::Platform;
use crate::domain::{ManifestDigest, Problem, ProblemKind};

pub(super) async fn cut(
    registries: &Registries,
    source: &CopySource,
    index: ManifestDigest,
    platforms: &[Platform],
) -> Result<Option<ManifestDigest>, Problem> {
    let source = ManifestSource::of(registries, source)?;
    let chosen = choose(&registries.shared.cache, &source, index, platforms).await?;
    Ok(chosen.map(|manifest| manifest.digest))
}

/// Returns the manifest for the chosen platforms; `None` for the whole image. It is stored in the
/// manifest cache, so that it can be found by its digest alone.
pub(super) async fn choose(
    cache: &ManifestCache,
    source: &ManifestSource,
    index: ManifestDigest,
    platforms: &[Platform],
) -> Result<Option<Manifest>, Problem> {
    if platforms.is_empty() {
        return Ok(None);
    }
    let root = source.manifest(index).await?;
    let children = root.children();
    if children.is_empty() {
        return Ok(None);
    }
    let wanted = |platform: &Platform| platforms.iter().any(|one| one.covers(platform));
    let kept: Vec<ManifestDigest> = children
        .iter()
        .filter(|child| !child.attestation && child.platform.as_ref().is_some_and(wanted))
        .map(|child| child.digest)
        .collect();
    for one in platforms {
        if !children
            .iter()
            .any(|child| !child.attestation && child.platform.as_ref().is_some_and(|has| one.covers(has)))
        {
            return Err(Problem::new(
                ProblemKind::NotFound,
                format!("{} has no platform {one}", source.name(index)),
            )
            .hint("list its platforms with windlass resolve"));
        }
    }
    if kept.len() == children.iter().filter(|child| !child.attestation).count() {
        return Ok(None);
    }
    if let [only] = kept[..] {
        return source.manifest(only).await.map(Some);
    }
    let made = smaller(&root, &kept)?;
    let entry = Entry {
        media_type: made.media_type.clone(),
        bytes: made.bytes.clone(),
    };
    cache.put(made.digest.0, &entry);
    Ok(Some(made))
}

/// Returns the index without the other platforms and their attestations; everything else is
/// unchanged.
fn smaller(root: &Manifest, kept: &[ManifestDigest]) -> Result<Manifest, Problem> {
    let broken = |why: &str| Problem::new(ProblemKind::Internal, "cannot reduce the index").cause(why);
    let mut document: serde_json::Value =
        serde_json::from_slice(&root.bytes).map_err(|error| broken(&error.to_string()))?;
    let mut keeps = root.children().iter().map(|child| {
        kept.contains(&child.digest) || child.subject.is_some_and(|subject| kept.contains(&subject))
    });
    document
        .get_mut("manifests")
        .and_then(serde_json::Value::as_array_mut)
        .ok_or_else(|| broken("it has no manifests"))?
        .retain(|_| keeps.next().unwrap_or(false));
    let bytes = serde_json::to_vec(&document).map_err(|error| broken(&error.to_string()))?;
    Manifest::parse("the reduced index", Some(&root.media_type), bytes.into())
}
