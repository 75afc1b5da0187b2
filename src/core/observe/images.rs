//! Finds the image behind each resource revision, and the release that an image belongs to.
//!
//! The order of requests spends the fewest pulls: HEAD for tags, manifests by digest only once,
//! tags newest first and only until every running image is named.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{TimeDelta, Utc};
use futures_util::StreamExt;

use super::Observer;
use super::gather::Gathering;
use crate::config::workspace::Charm;
use crate::domain::charm::{ChannelRow, ImageBehind};
use crate::domain::snapshot::{MissingBytes, PullQuota};
use crate::domain::tags::TagList;
use crate::domain::{
    Channel, CharmName, ImageDetail, Observed, Problem, ProblemKind, Reference, Release, Repository,
    ResolvedImage, ResourceName, ResourceRevision, Snapshot, SourceUpdate, Target,
};
use crate::plan::PublishIntent;
use crate::plan::evidence::{releases_of, same_image};
use crate::services::endpoints::CANONICAL;
use crate::services::registry::Quota;

/// Requests under way at one time.
const AT_ONCE: usize = 8;
/// Number of pulls that are always left to the user.
const KEEP_PULLS: u64 = 50;
/// How long an upstream tag is trusted if nothing is published from it.
pub const BELIEVE_TAGS: TimeDelta = TimeDelta::hours(6);

/// Converts the quota that a registry reported.
pub(super) fn pull_quota(quota: &Quota) -> PullQuota {
    PullQuota {
        limit: quota.limit,
        remaining: quota.remaining,
        window: quota.window,
    }
}

/// Reads the images behind resource revisions: those that a channel runs, and all of the charms
/// `in_depth`.
pub async fn behind(
    observer: &Observer,
    gathering: &Gathering<'_>,
    ids: &BTreeMap<CharmName, String>,
    charms: &BTreeSet<CharmName>,
    in_depth: &BTreeSet<CharmName>,
) {
    let snapshot = &gathering.snapshot();
    let mut wanted: BTreeSet<(CharmName, ResourceName, ResourceRevision)> = BTreeSet::new();
    for name in charms {
        let images = image_resources(observer, snapshot, name);
        let served = snapshot
            .served
            .get(name)
            .and_then(|rows| rows.value.as_deref())
            .unwrap_or_default();
        for row in snapshot.rows(name).iter().chain(served) {
            for attached in row.resources.iter().filter(|a| images.contains(&a.name)) {
                if let Some(revision) = attached.revision {
                    wanted.insert((name.clone(), attached.name.clone(), revision));
                }
            }
        }
        if in_depth.contains(name)
            && let Some(facts) = snapshot.charms.get(name).and_then(|facts| facts.value.as_ref())
        {
            for resource in &images {
                for revision in facts.resources.get(resource).into_iter().flatten() {
                    wanted.insert((name.clone(), resource.clone(), revision.revision));
                }
            }
        }
    }
    wanted.retain(|(charm, resource, revision)| {
        let known = snapshot.image_behind(charm, resource, *revision);
        known.is_none_or(|behind| behind.config_digests.is_empty())
    });
    let known = snapshot.charms.iter();
    for facts in known.filter_map(|(_, facts)| facts.value.as_ref()) {
        let id = &facts.id;
        observer
            .cache
            .expect(facts.resources.iter().flat_map(|(resource, revisions)| {
                revisions
                    .iter()
                    .map(move |one| (format!("{id}/{resource}/{}", one.revision.0), one.sha256))
            }));
    }
    let id_of = |charm: &CharmName| {
        let facts = snapshot.charms.get(charm).and_then(|facts| facts.value.as_ref());
        ids.get(charm)
            .cloned()
            .or_else(|| facts.map(|facts| facts.id.clone()))
    };
    let questions: Vec<_> = wanted
        .into_iter()
        .filter_map(|(c, r, n)| id_of(&c).map(|id| (id, c, r, n)))
        .collect();
    let found: Vec<_> = futures_util::stream::iter(questions)
        .map(|(id, charm, resource, revision)| async move {
            let key = Snapshot::behind_key(&charm, &resource, revision);
            let result = one_behind(observer, &id, &charm, &resource, revision).await;
            (key, format!("{id}/{resource}/{}", revision.0), result)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut keep = Vec::new();
    let mut images = Vec::new();
    for (key, cache_key, result) in found {
        let observed = match result {
            Ok((reference, image, unread)) => {
                keep.push((cache_key, reference));
                let now = Utc::now();
                Observed {
                    failed_at: unread.as_ref().map(|_| now),
                    problem: unread,
                    ..Observed::read(image, now)
                }
            }
            Err(problem) => Observed::from_result(Err(problem), Utc::now()),
        };
        images.push((key, observed));
    }
    observer.cache.keep_images_behind(keep);
    gathering.take(SourceUpdate::ResourceImages(images));
}

/// Returns the resources of a charm that are images: those it declares as such, else those that
/// the workspace names.
fn image_resources(observer: &Observer, snapshot: &Snapshot, charm: &CharmName) -> BTreeSet<ResourceName> {
    let facts = snapshot.charms.get(charm).and_then(|facts| facts.value.as_ref());
    let declared = facts.map_or(&[][..], |facts| &facts.declared);
    if declared.is_empty() {
        let named = observer.workspace.charm(charm);
        return named
            .into_iter()
            .flat_map(|charm| &charm.resources)
            .map(|resource| resource.name.clone())
            .collect();
    }
    declared
        .iter()
        .filter(|one| one.kind.as_str() == "oci-image")
        .map(|one| one.name.clone())
        .collect()
}

impl Observer {
    /// Returns true if a channel of `charms` runs an image that the known releases and tags do not
    /// name.
    pub fn runs_unnamed(&self, snapshot: &Snapshot, charms: &BTreeSet<CharmName>) -> bool {
        running(self, snapshot, charms, None).iter().any(|(key, images)| {
            images
                .iter()
                .any(|image| releases_of(&self.workspace, snapshot, key, image).is_empty())
        })
    }

    /// Reads the tags that the registry lists for `repository`.
    ///
    /// # Errors
    /// [`ProblemKind::Refused`] offline, and the refusals of the registry.
    pub async fn tags(&self, repository: &Repository) -> Result<TagList, Problem> {
        if self.offline {
            return Err(Problem::new(ProblemKind::Refused, "offline: tags are not read")
                .hint("start without --offline"));
        }
        self.services.registries.tags(repository).await
    }

    /// Reads everything about the image behind a resource revision.
    pub async fn detail_behind(
        &self,
        snapshot: &Snapshot,
        charm: &CharmName,
        resource: &ResourceName,
        revision: ResourceRevision,
    ) -> Result<ImageDetail, Problem> {
        let facts = snapshot.charms.get(charm).and_then(|facts| facts.value.as_ref());
        let id = facts.map(|facts| facts.id.as_str()).ok_or_else(|| {
            Problem::new(ProblemKind::NotFound, format!("{charm} has not been read yet"))
                .hint("refresh it first")
        })?;
        let reference = descriptor(self, id, charm, resource, revision).await?;
        if reference.repository.registry != CANONICAL {
            return Err(Problem::new(
                ProblemKind::Invalid,
                format!(
                    "revision {} of {resource} refers to an image in {}",
                    revision.0, reference.repository.registry
                ),
            )
            .hint("only images in Canonical's registry are read"));
        }
        self.services.registries.detail(&reference).await
    }
}

/// Reads the image that a resource revision names; requested only once.
async fn descriptor(
    observer: &Observer,
    id: &str,
    charm: &CharmName,
    resource: &ResourceName,
    revision: ResourceRevision,
) -> Result<Reference, Problem> {
    let key = format!("{id}/{resource}/{}", revision.0);
    if let Some(reference) = observer.cache.image_behind(&key) {
        return Ok(reference);
    }
    let public = &observer.services.public;
    let expected = observer.cache.expected(&key);
    public.image_of(id, charm, resource, revision, expected).await
}

/// Reads the image behind a resource revision. A config that could not be read is the third part of
/// the answer: the digest alone is known then.
async fn one_behind(
    observer: &Observer,
    id: &str,
    charm: &CharmName,
    resource: &ResourceName,
    revision: ResourceRevision,
) -> Result<(Reference, ImageBehind, Option<Problem>), Problem> {
    let reference = descriptor(observer, id, charm, resource, revision).await?;
    let Target::Digest(digest) = reference.target else {
        return Err(Problem::new(
            ProblemKind::Internal,
            "stored a descriptor without a digest",
        ));
    };
    // Only Canonical's registry is asked: a descriptor may name any host.
    let (config_digests, unread) = if reference.repository.registry == CANONICAL {
        match observer.services.registries.resolve(&reference).await {
            Ok(image) => (image.config_digests().collect(), None),
            Err(problem) => (Vec::new(), Some(problem)),
        }
    } else {
        (Vec::new(), None)
    };
    Ok((
        reference,
        ImageBehind {
            digest,
            config_digests,
        },
        unread,
    ))
}

/// Reads the images that publishing `intent` would upload; returns true if all could be read. If a
/// branch is to be created, images of charms that are left out are read too, because what those
/// run is compared with them. Those images may be missing.
pub async fn of_release(observer: &Observer, snapshot: &mut Snapshot, intent: &PublishIntent) -> bool {
    let mut compared = intent.clone();
    if super::marks(intent) {
        compared.charms.clear();
    }
    let published: BTreeSet<String> = wanted_images(observer, snapshot, intent)
        .into_iter()
        .map(|(_, _, reference)| reference.to_string())
        .collect();
    let found: Vec<_> = futures_util::stream::iter(wanted_images(observer, snapshot, &compared))
        .map(|(_, _, reference)| async move {
            let result = observer.services.registries.resolve(&reference).await;
            (reference.to_string(), Observed::from_result(result, Utc::now()))
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let all_read = found
        .iter()
        .all(|(name, seen)| seen.value.is_some() || !published.contains(name));
    // Planning must not rely on an older answer, so a failed read replaces it.
    snapshot.images.extend(found);
    all_read
}

fn wanted_images(
    observer: &Observer,
    snapshot: &Snapshot,
    intent: &PublishIntent,
) -> Vec<(CharmName, ResourceName, Reference)> {
    let release = snapshot.release(&intent.release);
    let mut wanted = Vec::new();
    for charm in observer.workspace.fed_charms() {
        if !(intent.charms.is_empty() || intent.charms.contains(&charm.name)) {
            continue;
        }
        for (resource, key) in charm.fed() {
            let tag = release
                .and_then(|release| release.images.get(key))
                .cloned()
                .map(Target::Tag);
            let target = intent.images.get(key).cloned().or(tag);
            if let (Some(target), Ok(repository)) = (target, observer.workspace.image_repository(key)) {
                wanted.push((
                    charm.name.clone(),
                    resource.clone(),
                    Reference {
                        repository,
                        target,
                        beside: None,
                    },
                ));
            }
        }
    }
    wanted
}

/// Resolves upstream tags until every image that a channel runs is named: those of published
/// releases first, then newest first, because each tag that was never read costs a pull. With
/// `only` the other channels are left unnamed.
pub async fn identify(
    observer: &Observer,
    gathering: &Gathering<'_>,
    charms: &BTreeSet<CharmName>,
    only: Option<&[Channel]>,
) {
    let mut snapshot = gathering.snapshot();
    for (key, mut unnamed) in running(observer, &snapshot, charms, only) {
        let Ok(repository) = observer.workspace.image_repository(&key) else {
            continue;
        };
        let mut tags: Vec<String> = Vec::new();
        let releases = || snapshot.releases.value.iter().flatten();
        let marked = |release: &&Release| {
            snapshot
                .markers
                .value
                .as_ref()
                .is_some_and(|markers| markers.contains(&release.name))
        };
        for release in releases().filter(marked).chain(releases()) {
            if let Some(tag) = release.images.get(&key)
                && !tags.contains(tag)
            {
                tags.push(tag.clone());
            }
        }
        let mut tags = tags.into_iter();
        while !unnamed.is_empty() {
            // At most as many at once as there are images to name.
            let batch: Vec<Reference> = tags
                .by_ref()
                .take(unnamed.len().min(AT_ONCE))
                .map(|tag| repository.tagged(&tag))
                .collect();
            if batch.is_empty() {
                break;
            }
            let spared = observer.services.registries.quota(&repository.registry);
            if spared.is_some_and(|quota| quota.remaining < KEEP_PULLS) {
                tracing::info!("{repository}: few pulls left, older tags are not read");
                break;
            }
            let believed = |reference: &Reference| {
                snapshot.image(reference).is_some_and(|seen| {
                    seen.value.is_some() && seen.read_at.is_some_and(|at| Utc::now() - at < BELIEVE_TAGS)
                })
            };
            let asked: Vec<_> = batch
                .iter()
                .filter(|reference| !believed(reference))
                .cloned()
                .collect();
            let found: Vec<_> = futures_util::stream::iter(asked)
                .map(|reference| async move {
                    let result = observer.services.registries.resolve(&reference).await;
                    (reference.to_string(), Observed::from_result(result, Utc::now()))
                })
                .buffer_unordered(AT_ONCE)
                .collect()
                .await;
            let silent =
                |problem: &Problem| matches!(problem.kind, ProblemKind::Network | ProblemKind::RateLimited);
            let down = found
                .iter()
                .any(|(_, seen)| seen.problem.as_ref().is_some_and(silent));
            let found = SourceUpdate::UpstreamImages(found);
            gathering.take(found.clone());
            snapshot.apply(found);
            if down {
                // Every further tag would take just as long.
                return;
            }
            for reference in &batch {
                if let Some(image) = snapshot.image(reference).and_then(|seen| seen.value.as_ref()) {
                    unnamed.retain(|behind| !same_image(image, behind));
                }
            }
        }
    }
}

/// Returns the images that channels of `charms` run, by the manifest key that feeds them.
fn running(
    observer: &Observer,
    snapshot: &Snapshot,
    charms: &BTreeSet<CharmName>,
    only: Option<&[Channel]>,
) -> Vec<(String, Vec<ImageBehind>)> {
    observer
        .workspace
        .fed_charms()
        .filter(|charm| charms.contains(&charm.name))
        .flat_map(|charm| charm.fed().map(move |(resource, key)| (charm, resource, key)))
        .map(|(charm, resource, key)| (key.to_owned(), running_images(snapshot, charm, resource, only)))
        .collect()
}

fn running_images(
    snapshot: &Snapshot,
    charm: &Charm,
    resource: &ResourceName,
    only: Option<&[Channel]>,
) -> Vec<ImageBehind> {
    let mut images: Vec<ImageBehind> = Vec::new();
    let wanted = |row: &&ChannelRow| only.is_none_or(|channels| channels.contains(&row.channel));
    for row in snapshot.rows(&charm.name).iter().filter(wanted) {
        let behind = row
            .resource(resource)
            .and_then(|r| snapshot.image_behind(&charm.name, resource, r));
        if let Some(behind) = behind
            && !images.contains(behind)
        {
            images.push(behind.clone());
        }
    }
    images
}

/// Finds out how many bytes of each image the store's registry lacks. If that is unknown the whole
/// image counts, so a failure only makes the number coarser.
pub async fn missing(observer: &Observer, snapshot: &mut Snapshot, intent: &PublishIntent) {
    let mut wanted = Vec::new();
    for (charm, resource, reference) in wanted_images(observer, snapshot, intent) {
        let image: Option<&ResolvedImage> = snapshot.image(&reference).and_then(|seen| seen.value.as_ref());
        let id = snapshot
            .charms
            .get(&charm)
            .and_then(|f| f.value.as_ref())
            .map(|f| f.id.clone());
        if let (Some(image), Some(id)) = (image, id)
            && let Some(path) = registry_path(&id)
        {
            let destination = crate::domain::Repository {
                registry: CANONICAL.to_owned(),
                path: format!("charm/{path}/{resource}"),
            };
            let pinned = reference.repository.at(image.digest);
            wanted.push((charm, resource, image.digest, pinned, destination));
        }
    }
    snapshot.missing = futures_util::stream::iter(wanted)
        .map(|(charm, resource, digest, pinned, destination)| async move {
            let bytes = observer
                .services
                .registries
                .missing(&pinned, &destination)
                .await
                .ok()?;
            Some(MissingBytes {
                charm,
                resource,
                digest,
                bytes,
            })
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await;
}

/// Returns the path of a charm in Canonical's registry: its base-62 id written in base 36 (checked
/// against the published paths of five charms). Used for estimates only; a push uses the path that
/// the store returns.
fn registry_path(id: &str) -> Option<String> {
    const DIGITS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut number: Vec<u8> = Vec::new(); // base 36, least digit first
    for byte in id.bytes() {
        let mut carry = match byte {
            b'0'..=b'9' => u32::from(byte - b'0'),
            b'A'..=b'Z' => u32::from(byte - b'A') + 10,
            b'a'..=b'z' => u32::from(byte - b'a') + 36,
            _ => return None,
        };
        for digit in &mut number {
            carry += u32::from(*digit) * 62;
            *digit = (carry % 36) as u8;
            carry /= 36;
        }
        while carry > 0 {
            number.push((carry % 36) as u8);
            carry /= 36;
        }
    }
    number
        .iter()
        .rev()
        .map(|digit| DIGITS.get(usize::from(*digit)).map(|byte| *byte as char))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_become_the_published_paths() {
        assert_eq!(
            registry_path("y2vuZHGLElMmdfcL4q1zJayL9utaheIa").unwrap(),
            "kotcfrohea62xreenq1q75n1lyspke0qkurhk"
        );
        assert_eq!(
            registry_path("ydBmjPqafc9RoYcAttbzpqZXvMliaXn3").unwrap(),
            "kw2gvqv06k6nl0lzxzkzma91l1nx1p4d9dlid"
        );
    }
}
