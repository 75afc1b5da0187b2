//! Builds the rows of the charms pane: charms, with their resources nested under them, and the
//! revisions of whatever is unfolded.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::config::Workspace;
use crate::console::Model;
use crate::console::listing::{Keyed, Listing};
use crate::console::sorting::{SortColumn, SortValue};
use crate::console::state::state;
use crate::console::words;
use crate::domain::charm::{CharmFacts, ResourceFacts, RevisionFacts};
use crate::domain::{
    Channel, CharmName, CharmRevision, ManifestDigest, Problem, ReleaseName, ResourceName, ResourceRevision,
    SanitizedText, Snapshot, Track,
};
use crate::plan::evidence;

/// What a row shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The charm and its newest revision.
    Charm(Option<NewestRevision>),
    /// A resource, its newest revision and what it holds.
    Resource {
        /// Its name.
        name: ResourceName,
        /// The newest revision.
        newest: Option<ResourceRevision>,
        /// Its image: a tag or digits of its digest.
        image: Option<String>,
    },
    /// One revision of the charm.
    Revision {
        /// Its number.
        revision: CharmRevision,
        /// When it was uploaded.
        at: DateTime<Utc>,
        /// Its status in the store.
        status: SanitizedText,
        /// Why the store does not allow releasing it; `None` if it does.
        refusal: Option<SanitizedText>,
        /// Channels that serve it, `latest` first, then the newest track.
        served: Vec<Channel>,
    },
    /// One revision of a resource.
    Held {
        /// The resource.
        resource: ResourceName,
        /// Its number.
        revision: ResourceRevision,
        /// When it was uploaded.
        at: DateTime<Utc>,
        /// Its image: a tag or digits of its digest.
        image: Option<String>,
        /// The newest release that names the image.
        release: Option<ReleaseName>,
    },
    /// Why nothing is known.
    Problem(Problem),
}

/// The newest revision of a charm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewestRevision {
    /// Its number.
    pub revision: CharmRevision,
    /// When it was uploaded.
    pub at: DateTime<Utc>,
    /// Why the store does not let it be released; `None` where it does.
    pub refusal: Option<SanitizedText>,
}

/// A row.
#[derive(Clone, Debug)]
pub struct Row {
    key: String,
    /// The charm.
    pub charm: CharmName,
    /// True for the bundle.
    pub bundle: bool,
    /// What it shows.
    pub what: What,
    /// The resource revisions that its details list, with their images as far as they are known.
    held: Vec<(ResourceRevision, Option<ManifestDigest>)>,
}

state!(Listing<Row>);

/// Keys of charms and resources whose revisions are shown.
#[derive(Clone, Debug, Default)]
pub struct Unfolded(pub BTreeSet<String>);

state!(Unfolded);

impl Model {
    /// Returns the rows of the charms pane.
    pub fn charm_rows(&self) -> &Listing<Row> {
        self.state()
    }

    /// Returns the rows of the charms pane for changes.
    pub fn charm_rows_mut(&mut self) -> &mut Listing<Row> {
        self.state_mut()
    }
}

impl Keyed for Row {
    fn key(&self) -> &str {
        &self.key
    }

    fn words(&self) -> String {
        match &self.what {
            What::Charm(newest) => format!(
                "{} {} {}",
                self.charm,
                newest
                    .as_ref()
                    .map(|one| one.revision.to_string())
                    .unwrap_or_default(),
                newest
                    .as_ref()
                    .and_then(|one| one.refusal.as_ref())
                    .map_or("", SanitizedText::as_str)
            ),
            What::Resource { name, image, .. } => {
                format!("{} {name} {}", self.charm, image.as_deref().unwrap_or_default())
            }
            What::Revision {
                revision,
                status,
                refusal,
                served,
                ..
            } => {
                let served: Vec<_> = served.iter().map(ToString::to_string).collect();
                let status = refusal.as_ref().unwrap_or(status);
                format!("{} {revision} {status} {}", self.charm, served.join(" "))
            }
            What::Held {
                resource,
                revision,
                image,
                release,
                ..
            } => format!(
                "{} {resource} {revision} {} {}",
                self.charm,
                image.as_deref().unwrap_or_default(),
                release.as_ref().map_or("", ReleaseName::as_str)
            ),
            What::Problem(problem) => format!("{} {}", self.charm, problem.summary),
        }
    }

    fn details(&self) -> String {
        let at = match &self.what {
            What::Charm(newest) => newest.as_ref().map(|one| one.at),
            What::Revision { at, .. } | What::Held { at, .. } => Some(*at),
            What::Resource { .. } | What::Problem(_) => None,
        };
        let mut details = at.map(words::day).unwrap_or_default();
        for (revision, digest) in &self.held {
            details.push_str(&format!(" {revision}"));
            details.extend(digest.iter().map(|digest| format!(" {digest}")));
        }
        details
    }

    fn sort_columns() -> &'static [SortColumn] {
        const {
            &[
                SortColumn::words("name"),
                SortColumn::newest("revision"),
                SortColumn::newest("uploaded"),
            ]
        }
    }

    fn sort_value(&self, column: usize) -> Option<SortValue> {
        let (name, number, at) = match &self.what {
            What::Charm(newest) => (
                Some(self.charm.to_string()),
                newest.as_ref().map(|one| one.revision.0),
                newest.as_ref().map(|one| one.at),
            ),
            What::Resource { name, newest, .. } => {
                (Some(name.to_string()), newest.map(|revision| revision.0), None)
            }
            What::Revision { revision, at, .. } => (None, Some(revision.0), Some(*at)),
            What::Held { revision, at, .. } => (None, Some(revision.0), Some(*at)),
            What::Problem(_) => (None, None, None),
        };
        match column {
            0 => name.map(SortValue::Text),
            1 => number.map(SortValue::Number),
            _ => at.map(SortValue::Time),
        }
    }

    fn level(&self) -> u8 {
        match self.what {
            What::Charm(_) => 0,
            What::Resource { .. } | What::Revision { .. } | What::Problem(_) => 1,
            What::Held { .. } => 2,
        }
    }

    fn group(&self) -> u8 {
        match self.what {
            What::Problem(_) => 0,
            What::Charm(_) | What::Revision { .. } | What::Held { .. } => 1,
            What::Resource { .. } => 2,
        }
    }
}

impl Row {
    /// The charm revision that this row is about: its own, of a charm the newest.
    pub fn revision(&self) -> Option<CharmRevision> {
        match &self.what {
            What::Charm(newest) => newest.as_ref().map(|one| one.revision),
            What::Revision { revision, .. } => Some(*revision),
            What::Resource { .. } | What::Held { .. } | What::Problem(_) => None,
        }
    }

    /// The key of the charm or resource that this row is, or is a revision of.
    pub fn stem(&self) -> Option<String> {
        match &self.what {
            What::Charm(_) | What::Resource { .. } => Some(self.key.clone()),
            What::Revision { .. } => Some(self.charm.to_string()),
            What::Held { resource, .. } => Some(format!("{}/{resource}", self.charm)),
            What::Problem(_) => None,
        }
    }

    /// Returns the resource that this row is about, and its revision.
    pub fn resource(&self) -> Option<(&ResourceName, Option<ResourceRevision>)> {
        match &self.what {
            What::Resource { name, newest, .. } => Some((name, *newest)),
            What::Held {
                resource, revision, ..
            } => Some((resource, Some(*revision))),
            What::Charm(_) | What::Revision { .. } | What::Problem(_) => None,
        }
    }
}

/// Returns all rows, charms in the workspace's order, the bundle last. Revisions are nested under
/// what is `unfolded`.
pub fn rows(workspace: &Workspace, snapshot: &Snapshot, unfolded: &BTreeSet<String>, warm: bool) -> Vec<Row> {
    let names = workspace
        .charms
        .iter()
        .map(|charm| (&charm.name, false))
        .chain(workspace.bundle.iter().map(|bundle| (&bundle.name, true)));
    let mut rows = Vec::new();
    for (name, bundle) in names {
        let mut put = |key: String, what: What, held: Vec<_>| {
            rows.push(Row {
                key,
                charm: name.clone(),
                bundle,
                what,
                held,
            });
        };
        let observed = snapshot.charms.get(name);
        let facts = observed.and_then(|o| o.value.as_ref());
        let newest = facts
            .and_then(|f| f.revisions.iter().max_by_key(|r| r.revision))
            .map(|one| NewestRevision {
                revision: one.revision,
                at: one.created_at,
                refusal: one.refusal(),
            });
        let held = |resource: &ResourceName, revisions: &[ResourceFacts]| -> Vec<_> {
            let held = revisions.iter().map(|one| one.revision);
            held.map(|one| (one, digest(snapshot, name, resource, one)))
                .collect()
        };
        let all = facts.into_iter().flat_map(|facts| &facts.resources);
        let all = all.flat_map(|(resource, revisions)| held(resource, revisions));
        put(name.to_string(), What::Charm(newest), all.collect());
        if let Some(problem) = observed.and_then(|o| o.problem.clone()) {
            put(format!("{name}/problem"), What::Problem(problem), Vec::new());
        }
        let Some(facts) = facts else { continue };
        if unfolded.contains(name.as_str()) {
            for one in &facts.revisions {
                // A resource has a name, so this key is unique.
                put(
                    format!("{name}//{}", one.revision.0),
                    revision(facts, one),
                    Vec::new(),
                );
            }
        }
        for (resource, revisions) in &facts.resources {
            let newest = revisions.iter().map(|r| r.revision).max();
            let image = newest
                .filter(|_| warm)
                .and_then(|revision| image_words(workspace, snapshot, name, resource, revision));
            let key = format!("{name}/{resource}");
            let open = unfolded.contains(&key);
            put(
                key,
                What::Resource {
                    name: resource.clone(),
                    newest,
                    image,
                },
                held(resource, revisions),
            );
            for one in revisions.iter().filter(|_| open) {
                put(
                    format!("{name}/{resource}/{}", one.revision.0),
                    What::Held {
                        resource: resource.clone(),
                        revision: one.revision,
                        at: one.created_at,
                        image: image_words(workspace, snapshot, name, resource, one.revision),
                        release: releases_behind(workspace, snapshot, name, resource, one.revision)
                            .into_iter()
                            .next(),
                    },
                    held(resource, std::slice::from_ref(one)),
                );
            }
        }
    }
    rows
}

/// Returns the digest of the image behind a resource revision, if it is known.
fn digest(
    snapshot: &Snapshot,
    charm: &CharmName,
    resource: &ResourceName,
    revision: ResourceRevision,
) -> Option<ManifestDigest> {
    let behind = snapshot.image_behind(charm, resource, revision)?;
    Some(behind.digest)
}

fn revision(facts: &CharmFacts, one: &RevisionFacts) -> What {
    let mut served: Vec<Channel> = facts
        .rows
        .iter()
        .filter(|row| row.revision == one.revision)
        .map(|row| row.channel.clone())
        .collect();
    let latest = Track::latest();
    served.sort_by(|a, b| {
        let key = |one: &Channel| (one.track != latest, Reverse(one.track.clone()), Reverse(one.risk));
        (key(a), &a.branch).cmp(&(key(b), &b.branch))
    });
    served.dedup();
    What::Revision {
        revision: one.revision,
        at: one.created_at,
        status: one.status.clone(),
        refusal: one.refusal(),
        served,
    }
}

/// Returns whether `resource` contains images, according to its charm or the workspace.
pub fn holds_images(
    workspace: &Workspace,
    snapshot: &Snapshot,
    charm: &CharmName,
    resource: &ResourceName,
) -> Option<bool> {
    let facts = snapshot.charms.get(charm).and_then(|seen| seen.value.as_ref());
    let declared = facts
        .into_iter()
        .flat_map(|facts| &facts.declared)
        .filter(|one| &one.name == resource)
        .max_by_key(|one| one.charm_revision);
    let fed = workspace
        .charm(charm)
        .is_some_and(|charm| charm.fed().any(|(name, _)| name == resource));
    declared
        .map(|one| one.kind.as_str() == "oci-image")
        .or_else(|| fed.then_some(true))
}

/// Returns the releases that name the image of a resource revision.
pub fn releases_behind(
    workspace: &Workspace,
    snapshot: &Snapshot,
    charm: &CharmName,
    resource: &ResourceName,
    revision: ResourceRevision,
) -> Vec<ReleaseName> {
    let Some(behind) = snapshot.image_behind(charm, resource, revision) else {
        return Vec::new();
    };
    let charm = workspace.charm(charm);
    let key = charm.and_then(|charm| charm.fed().find(|(name, _)| *name == resource));
    key.map_or_else(Vec::new, |(_, key)| {
        evidence::releases_of(workspace, snapshot, key, behind)
    })
}

/// Returns the image of a resource revision: the tag that a release names, else its digest.
pub(super) fn image_words(
    workspace: &Workspace,
    snapshot: &Snapshot,
    charm: &CharmName,
    resource: &ResourceName,
    revision: ResourceRevision,
) -> Option<String> {
    let behind = snapshot.image_behind(charm, resource, revision)?;
    let key = workspace
        .charm(charm)?
        .fed()
        .find(|(name, _)| *name == resource)
        .map(|(_, key)| key);
    key.and_then(|key| {
        let name = evidence::releases_of(workspace, snapshot, key, behind)
            .into_iter()
            .next()?;
        snapshot.release(&name)?.images.get(key).cloned()
    })
    .or_else(|| Some(behind.digest.short()))
}
