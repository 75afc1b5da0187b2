//! Determines which release an image belongs to, and whether a release is published.
//!
//! [`standing`] is the only answer to "is it published?": *yes* = the marker branch exists and
//! every charm with an image of the release runs it on its track; *partly* = only some of that;
//! *rolled back* = the marker exists, but no charm runs the release; *no* = neither. What the
//! channels run, base by base, takes precedence over the marker.

mod running;
#[cfg(any(test, feature = "testing"))]
#[allow(clippy::missing_panics_doc, clippy::unwrap_used, missing_docs)]
pub mod situations;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::config::Workspace;
use crate::config::workspace::Charm;
use crate::domain::bundle::hold_tag;
use crate::domain::charm::{ChannelRow, ImageBehind};
use crate::domain::image::PlatformImage;
use crate::domain::release::{Warning, WarningKind};
use crate::domain::{
    Channel, CharmName, ManifestDigest, Release, ReleaseName, ResolvedImage, ResourceName, SanitizedText,
    Snapshot,
};
use running::Running;
pub use running::also_named;

/// Whether a release is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Published {
    /// The marker branch exists and no observation contradicts it.
    Yes,
    /// Partly: a marker whose channels do not all run the release, or channels without a marker.
    Partly,
    /// The marker branch exists, but no charm runs the release.
    RolledBack,
    /// Neither a marker nor a channel.
    No,
}

/// Publication state of one release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicationStatus {
    /// The answer; `None` if the marker branches could not be read.
    pub published: Option<Published>,
    /// Evidence for the answer.
    pub evidence: Vec<SanitizedText>,
    /// Charms and bases that do not run the release although it has a marker, with what they run.
    pub missing: Vec<SanitizedText>,
    /// Warnings about contradictory evidence.
    pub warnings: Vec<Warning>,
}

/// Returns true if `upstream` and the image of a resource are the same image: the same manifest, or
/// a common config (packing layers again changes the manifest, not the config).
pub fn same_image(upstream: &ResolvedImage, behind: &ImageBehind) -> bool {
    is_same(upstream.digest, upstream.platforms.iter(), behind)
}

fn is_same<'a>(
    digest: ManifestDigest,
    mut platforms: impl Iterator<Item = &'a PlatformImage>,
    behind: &ImageBehind,
) -> bool {
    behind.digest == digest
        || platforms
            .any(|one| one.digest == behind.digest || behind.config_digests.contains(&one.config_digest))
}

/// Returns true if a resource revision with the image `behind` makes an upload of the image
/// `digest` with these `platforms` unnecessary. Images with several platforms are compared by index
/// only.
pub fn is_held<'a>(
    digest: ManifestDigest,
    platforms: impl ExactSizeIterator<Item = &'a PlatformImage>,
    behind: &ImageBehind,
) -> bool {
    behind.digest == digest || (platforms.len() == 1 && is_same(digest, platforms, behind))
}

/// Returns the releases that name the image of a resource, newest first. `image` is the key in the
/// manifest.
pub fn releases_of(
    workspace: &Workspace,
    snapshot: &Snapshot,
    image: &str,
    behind: &ImageBehind,
) -> Vec<ReleaseName> {
    let Ok(repository) = workspace.image_repository(image) else {
        return Vec::new();
    };
    // Looks up the tags of the image, then their releases: there may be many releases, and this is
    // called for every row of every channel.
    let prefix = format!("{repository}:");
    let tags: BTreeSet<&str> = snapshot
        .images
        .range(prefix.clone()..)
        .map_while(|(name, seen)| Some((name.strip_prefix(&prefix)?, seen)))
        .filter(|(_, seen)| seen.value.as_ref().is_some_and(|found| same_image(found, behind)))
        .map(|(tag, _)| tag)
        .collect();
    if tags.is_empty() {
        return Vec::new();
    }
    snapshot
        .releases
        .value
        .iter()
        .flatten()
        .chain(&snapshot.withdrawn)
        .filter(|release| {
            release
                .images
                .get(image)
                .is_some_and(|tag| tags.contains(tag.as_str()))
        })
        .map(|release| release.name.clone())
        .collect()
}

/// Returns true if the bases of `channel` run different images or files. Charm revisions are not
/// compared, because they always differ.
pub fn has_mixed_bases(snapshot: &Snapshot, charm: &CharmName, channel: &Channel) -> bool {
    let attached = |row: &ChannelRow| -> BTreeMap<ResourceName, String> {
        let known = |name: &ResourceName, revision| {
            let behind = snapshot.image_behind(charm, name, revision);
            behind.map_or_else(
                || format!("revision {revision}"),
                |behind| match behind.config_digest() {
                    Some(config) => config.to_string(),
                    None => behind.digest.to_string(),
                },
            )
        };
        let attached = row.resources.iter();
        attached
            .filter_map(|one| Some((one.name.clone(), known(&one.name, one.revision?))))
            .collect()
    };
    let mut rows = snapshot.rows(charm).iter().filter(|row| &row.channel == channel);
    let Some(first) = rows.next().map(attached) else {
        return false;
    };
    rows.any(|row| attached(row) != first)
}

/// Returns the releases that name the image of `resource` in `row`.
pub fn releases_in_row(
    workspace: &Workspace,
    snapshot: &Snapshot,
    charm: &Charm,
    resource: &ResourceName,
    row: &ChannelRow,
) -> Vec<ReleaseName> {
    let Some(image) = charm
        .fed()
        .find(|(name, _)| *name == resource)
        .map(|(_, image)| image)
    else {
        return Vec::new();
    };
    row.resource(resource)
        .and_then(|revision| snapshot.image_behind(&charm.name, resource, revision))
        .map(|behind| releases_of(workspace, snapshot, image, behind))
        .unwrap_or_default()
}

/// Returns whether `release` is published, and the evidence for it.
pub fn standing(workspace: &Workspace, snapshot: &Snapshot, release: &Release) -> PublicationStatus {
    let markers = snapshot.markers.value.as_ref();
    let marked = markers.is_some_and(|markers| markers.contains(&release.name));
    let running = Running::of(workspace, snapshot, release);
    let mut evidence = Vec::new();
    if marked {
        evidence.push(SanitizedText::new(format!(
            "branch {} exists",
            marker_name(workspace, &release.name)
        )));
    }
    let holds = snapshot.holds.value.as_ref();
    if holds.is_some_and(|holds| holds.contains(&release.name)) {
        evidence.push(SanitizedText::new(format!(
            "tag {} holds it: 'publish --new' skips it",
            hold_tag(&release.name)
        )));
    }
    let published = markers.map(|_| match marked {
        true if running.missing.is_empty() => Published::Yes,
        true if running.is_none() => Published::RolledBack,
        true => Published::Partly,
        false if running.own => Published::Partly,
        false => Published::No,
    });
    let warnings = disagreement(workspace, release, published, &running)
        .filter(|_| marked)
        .map(|text| Warning {
            kind: WarningKind::Evidence,
            text: SanitizedText::new(format!(
                "branch {} exists, but {text}",
                marker_name(workspace, &release.name)
            )),
        });
    let warnings = warnings.into_iter().collect();
    let said = |lines: Vec<String>| lines.into_iter().map(SanitizedText::new);
    let missing: Vec<SanitizedText> = said(running.missing).collect();
    evidence.extend(said(running.runs));
    if marked {
        evidence.extend(said(running.replaced));
        evidence.extend(said(running.unknown));
        evidence.extend(missing.iter().cloned());
    }
    evidence.dedup();
    PublicationStatus {
        published,
        evidence,
        missing: if marked { missing } else { Vec::new() },
        warnings,
    }
}

/// Describes how the channels contradict the marker, if they do.
fn disagreement(
    workspace: &Workspace,
    release: &Release,
    published: Option<Published>,
    running: &Running,
) -> Option<String> {
    match published? {
        Published::RolledBack => Some(format!(
            "no channel of track {} runs an image {}: rolled back or closed ({})",
            release.name.month(),
            if running.runs.is_empty() {
                format!("of {}", release.name)
            } else {
                format!("that only {} names", release.name)
            },
            running.missing.join("; ")
        )),
        Published::Partly => Some(running.missing.join("; ")),
        Published::Yes if running.runs.is_empty() || running.where_published => None,
        Published::Yes => {
            // It runs on its track, but not on the channels of the workspace: it got there by a
            // promotion.
            let track = release.name.track().ok()?;
            let channels = workspace.channels_for(&release.name).unwrap_or_default();
            let channel = channels.into_iter().find(|channel| channel.track == track)?;
            Some(format!(
                "{channel} runs no image of {}: rolled back or closed",
                release.name
            ))
        }
        Published::No => None,
    }
}

fn marker_name(workspace: &Workspace, release: &ReleaseName) -> String {
    workspace.bundle.as_ref().map_or_else(
        || format!("release-{release}"),
        |b| b.branch.replace("{release}", release.as_str()),
    )
}

/// Returns every warning of a release: about its name, duplicates, absence upstream and evidence.
pub fn warnings(workspace: &Workspace, snapshot: &Snapshot, release: &Release) -> Vec<Warning> {
    let evidence = standing(workspace, snapshot, release).warnings;
    warned(snapshot, release, &twins(snapshot, release), evidence)
}

/// Returns the publication state of a release and its warnings, for use with many releases.
pub fn judged(
    workspace: &Workspace,
    snapshot: &Snapshot,
    twins: &Twins<'_>,
    release: &Release,
) -> (PublicationStatus, Vec<Warning>) {
    let standing = standing(workspace, snapshot, release);
    let warnings = warned(snapshot, release, &twins.of(release), standing.warnings.clone());
    (standing, warnings)
}

fn warned(
    snapshot: &Snapshot,
    release: &Release,
    twins: &[ReleaseName],
    evidence: Vec<Warning>,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    warnings.extend(release.misdated());
    if let Some(problem) = &release.unreadable {
        warnings.push(Warning {
            kind: WarningKind::Unreadable,
            text: SanitizedText::new(problem.to_string()),
        });
    }
    if !twins.is_empty() {
        let names: Vec<_> = twins.iter().map(ToString::to_string).collect();
        warnings.push(Warning {
            kind: WarningKind::SameContent,
            text: SanitizedText::new(format!("same images as {}", names.join(", "))),
        });
    }
    if snapshot.is_withdrawn(&release.name) {
        warnings.push(Warning {
            kind: WarningKind::Withdrawn,
            text: SanitizedText::new("no longer upstream"),
        });
    }
    warnings.extend(evidence);
    warnings
}

/// Releases by their images, so that the duplicates of all releases are found in one pass.
pub struct Twins<'a>(BTreeMap<&'a BTreeMap<String, String>, Vec<&'a ReleaseName>>);

impl<'a> Twins<'a> {
    /// Groups all releases of `snapshot`.
    pub fn among(snapshot: &'a Snapshot) -> Self {
        let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for release in snapshot.releases.value.iter().flatten() {
            groups.entry(&release.images).or_default().push(&release.name);
        }
        Self(groups)
    }

    /// Returns the duplicates of `release`, as [`twins`] does.
    pub fn of(&self, release: &Release) -> Vec<ReleaseName> {
        if release.images.is_empty() {
            return Vec::new();
        }
        let names = self.0.get(&release.images).into_iter().flatten();
        names
            .filter(|name| **name != &release.name)
            .map(|name| (*name).clone())
            .collect()
    }
}

/// Returns the other releases with exactly the same images.
pub fn twins(snapshot: &Snapshot, release: &Release) -> Vec<ReleaseName> {
    if release.images.is_empty() {
        return Vec::new();
    }
    snapshot
        .releases
        .value
        .iter()
        .flatten()
        .filter(|other| other.name != release.name && other.images == release.images)
        .map(|other| other.name.clone())
        .collect()
}

/// Returns marker branches without a release, present or withdrawn.
pub fn phantoms(snapshot: &Snapshot) -> Vec<ReleaseName> {
    if snapshot.releases.value.is_none() {
        return Vec::new();
    }
    snapshot
        .markers
        .value
        .iter()
        .flatten()
        .filter(|name| snapshot.release(name).is_none())
        .cloned()
        .collect()
}
