//! Release knowledge: which release an image belongs to, and whether a release is published.
//!
//! Owns the one meaning of `published`: *yes* = the marker branch exists; *partly* = no marker,
//! but on its track a charm runs an image that this release names and that no release with a
//! marker on that track names; *no* = neither. Must not look anywhere but into the snapshot.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::config::Workspace;
use crate::config::workspace::Charm;
use crate::domain::bundle::hold_tag;
use crate::domain::charm::{ChannelRow, ImageBehind};
use crate::domain::release::{Warning, WarningKind};
use crate::domain::{Outside, Release, ReleaseName, ResolvedImage, ResourceName, Risk, Snapshot};

/// Whether a release is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Published {
    /// The marker branch exists.
    Yes,
    /// No marker, but its track runs an image of its own.
    Partly,
    /// Neither.
    No,
}

/// What is known about one release being published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The answer; `None` where marker branches could not be read.
    pub published: Option<Published>,
    /// What it rests on.
    pub evidence: Vec<Outside>,
    /// Where evidence disagrees.
    pub warnings: Vec<Warning>,
}

/// True where `upstream` and the image behind a resource are the same image: the same manifest, or
/// a config in common (re-packed layers change the manifest, not the config).
pub fn same_image(upstream: &ResolvedImage, behind: &ImageBehind) -> bool {
    upstream.digest == behind.digest
        || upstream.platforms.iter().any(|p| p.digest == behind.digest)
        || upstream
            .config_digests()
            .any(|config| behind.config_digests.contains(&config))
}

/// Releases that name the image behind a resource, newest first. `image` is the manifest's key.
pub fn releases_of(
    workspace: &Workspace,
    snapshot: &Snapshot,
    image: &str,
    behind: &ImageBehind,
) -> Vec<ReleaseName> {
    let Ok(repository) = workspace.image_repository(image) else {
        return Vec::new();
    };
    // From the image to its tags, then to the releases: there may be many of these, and this is
    // asked for every row of every channel.
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

/// Releases that name the image of `resource` in `row`.
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

/// Whether `release` is published, and what that rests on.
pub fn standing(workspace: &Workspace, snapshot: &Snapshot, release: &Release) -> Standing {
    let mut evidence = Vec::new();
    let mut warnings = Vec::new();
    let markers = snapshot.markers.value.as_ref();
    let marked = markers.is_some_and(|markers| markers.contains(&release.name));
    if marked {
        evidence.push(Outside::new(format!(
            "branch {} exists",
            marker_name(workspace, &release.name)
        )));
    }
    let holds = snapshot.holds.value.as_ref();
    if holds.is_some_and(|holds| holds.contains(&release.name)) {
        evidence.push(Outside::new(format!(
            "tag {} holds it: no robot publishes it",
            hold_tag(&release.name)
        )));
    }
    let mut runs_any = false;
    let mut runs_own = false;
    let mut edge_runs = false;
    let mut row_seen = false;
    if let Ok(track) = release.name.track() {
        for charm in workspace.fed_charms() {
            for row in snapshot
                .rows(&charm.name)
                .iter()
                .filter(|row| row.channel.track == track)
            {
                row_seen = true;
                for (resource, image) in charm.fed() {
                    let named = releases_in_row(workspace, snapshot, charm, resource, row);
                    if !named.contains(&release.name) {
                        continue;
                    }
                    runs_any = true;
                    edge_runs |= row.channel.risk == Risk::Edge;
                    let shared = release.images.get(image).is_some_and(|tag| {
                        named_by_a_marked_one(snapshot, &track, image, tag, &release.name)
                    });
                    runs_own |= !shared;
                    evidence.push(Outside::new(format!(
                        "{} {} runs its {resource}{}",
                        charm.name,
                        row.channel,
                        if shared {
                            " (which a published release names too)"
                        } else {
                            ""
                        }
                    )));
                }
            }
        }
    }
    evidence.dedup();
    let known = marked && images_known(workspace, snapshot, release);
    let others = if known && runs_any {
        running_another(workspace, snapshot, release)
    } else {
        Vec::new()
    };
    if !others.is_empty() {
        warnings.push(Warning {
            kind: WarningKind::Evidence,
            text: Outside::new(format!(
                "branch {} exists, but on track {} another image runs in {}",
                marker_name(workspace, &release.name),
                release.name.month(),
                others.join(", ")
            )),
        });
    }
    if known && runs_any && !edge_runs && others.is_empty() {
        warnings.push(Warning {
            kind: WarningKind::Evidence,
            text: Outside::new(format!(
                "branch {} exists, but {}/edge runs no image of {}: it was rolled back or closed there",
                marker_name(workspace, &release.name),
                release.name.month(),
                release.name
            )),
        });
    }
    if known && !runs_any && (row_seen || maps_read(workspace, snapshot)) {
        warnings.push(Warning {
            kind: WarningKind::Evidence,
            text: Outside::new(format!(
                "branch {} exists, but no channel of track {} runs an image of {}",
                marker_name(workspace, &release.name),
                release.name.month(),
                release.name
            )),
        });
    }
    let published = match (markers, marked) {
        (None, _) => None,
        (Some(_), true) => Some(Published::Yes),
        (Some(_), false) if runs_own => Some(Published::Partly),
        (Some(_), false) => Some(Published::No),
    };
    Standing {
        published,
        evidence,
        warnings,
    }
}

fn marker_name(workspace: &Workspace, release: &ReleaseName) -> String {
    workspace.bundle.as_ref().map_or_else(
        || format!("release-{release}"),
        |b| b.branch.replace("{release}", release.as_str()),
    )
}

/// Charms whose row on the release's track runs an image that the release does not name.
fn running_another(workspace: &Workspace, snapshot: &Snapshot, release: &Release) -> Vec<String> {
    let Ok(track) = release.name.track() else {
        return Vec::new();
    };
    let another = |charm: &&Charm| {
        let rows = snapshot.rows(&charm.name);
        let mut on_track = rows.iter().filter(|row| row.channel.track == track);
        on_track.any(|row| {
            charm.fed().any(|(resource, _)| {
                let seen = row
                    .resource(resource)
                    .is_some_and(|revision| snapshot.image_behind(&charm.name, resource, revision).is_some());
                seen && !releases_in_row(workspace, snapshot, charm, resource, row).contains(&release.name)
            })
        })
    };
    let charms = workspace.fed_charms().filter(another);
    charms.map(|charm| charm.name.to_string()).collect()
}

/// True where the channel map of every charm that a release feeds was read.
fn maps_read(workspace: &Workspace, snapshot: &Snapshot) -> bool {
    workspace.fed_charms().all(|charm| {
        let published = snapshot
            .charms
            .get(&charm.name)
            .is_some_and(|facts| facts.value.is_some());
        published
            || snapshot
                .served
                .get(&charm.name)
                .is_some_and(|rows| rows.value.is_some())
    })
}

fn named_by_a_marked_one(
    snapshot: &Snapshot,
    track: &crate::domain::Track,
    image: &str,
    tag: &str,
    except: &ReleaseName,
) -> bool {
    let Some(markers) = snapshot.markers.value.as_ref() else {
        return false;
    };
    snapshot.releases.value.iter().flatten().any(|other| {
        &other.name != except
            && markers.contains(&other.name)
            && other.name.month() == track.as_str()
            && other.images.get(image).is_some_and(|its| its == tag)
    })
}

fn images_known(workspace: &Workspace, snapshot: &Snapshot, release: &Release) -> bool {
    workspace.fed_charms().flat_map(Charm::fed).all(|(_, image)| {
        release.images.get(image).is_some_and(|tag| {
            workspace
                .image_repository(image)
                .ok()
                .and_then(|repository| snapshot.image(&repository.tagged(tag)))
                .is_some_and(|observed| observed.value.is_some())
        })
    })
}

/// Every warning of a release: its name, its twins, its absence, its evidence.
pub fn warnings(workspace: &Workspace, snapshot: &Snapshot, release: &Release) -> Vec<Warning> {
    let evidence = standing(workspace, snapshot, release).warnings;
    warned(snapshot, release, &twins(snapshot, release), evidence)
}

/// The standing of a release and every warning of it, where many releases are judged in a row.
pub fn judged(
    workspace: &Workspace,
    snapshot: &Snapshot,
    twins: &Twins<'_>,
    release: &Release,
) -> (Standing, Vec<Warning>) {
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
            text: Outside::new(problem.to_string()),
        });
    }
    if !twins.is_empty() {
        let names: Vec<_> = twins.iter().map(ToString::to_string).collect();
        warnings.push(Warning {
            kind: WarningKind::SameContent,
            text: Outside::new(format!("the same images as {}", names.join(", "))),
        });
    }
    if snapshot.is_withdrawn(&release.name) {
        warnings.push(Warning {
            kind: WarningKind::Withdrawn,
            text: Outside::new("known before, gone upstream now"),
        });
    }
    warnings.extend(evidence);
    warnings
}

/// Releases by their images, so that the twins of all of them are found in one pass.
pub struct Twins<'a>(BTreeMap<&'a BTreeMap<String, String>, Vec<&'a ReleaseName>>);

impl<'a> Twins<'a> {
    /// Of all releases of `snapshot`.
    pub fn among(snapshot: &'a Snapshot) -> Self {
        let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for release in snapshot.releases.value.iter().flatten() {
            groups.entry(&release.images).or_default().push(&release.name);
        }
        Self(groups)
    }

    /// As [`twins`].
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

/// Other releases with exactly the same images.
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

/// Marker branches that no release, present or withdrawn, belongs to.
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
