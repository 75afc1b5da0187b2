//! Reads what an upload, a copy or a release is about, before it is planned.
//!
//! Also finds out how much of an image its destination has. Packing an image of this machine
//! writes to the cache only.

mod digest;
mod file;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use chrono::Utc;
use tokio_util::sync::CancellationToken;

use super::gather::{Gathering, ignore};
use super::{Observer, images, sources};
use crate::domain::detail::PlatformDetail;
use crate::domain::image::Platform;
use crate::domain::{
    Channel, CharmName, ContentFacts, Cut, Digest, ImageDetail, ImageFacts, ImageSource, IndexDigest,
    ManifestDigest, Observed, Origin, Problem, ProblemKind, Repository, ResourceName, Snapshot, SourceUpdate,
    Target,
};
use crate::plan::{Content, CopyIntent, UploadIntent, upload};
use crate::services::local_image::PrepareProgress;
use crate::services::registry::{Blob, CopySource, Registries, local_detail};
use digest::{Found, behind};

/// Called with the progress of packing an image.
pub type Hear<'a> = &'a (dyn Fn(PrepareProgress) + Send + Sync);

impl Observer {
    /// Reads fresh facts for planning an upload. An image of this machine is packed for it.
    pub(super) async fn for_upload(
        &self,
        previous: Snapshot,
        intent: &UploadIntent,
        hear: Hear<'_>,
    ) -> Snapshot {
        let mut snapshot = self.for_charm(previous, &intent.charm, None).await;
        if self.offline {
            return snapshot;
        }
        let found = match &intent.content {
            Content::File { path, .. } => file::read(path.clone()).await.map(ContentFacts::File),
            Content::Digest { .. } | Content::From { .. } => {
                // Checked before an image is read: the wait is useless if it may not be pushed.
                match upload::welcome(&snapshot, intent, &mut Vec::new()) {
                    Ok(_) => self
                        .image_for_upload(&snapshot, intent, hear)
                        .await
                        .map(|facts| ContentFacts::Image(Box::new(facts))),
                    Err(problem) => Err(problem),
                }
            }
        };
        snapshot.content = Observed::from_result(found, Utc::now());
        snapshot
    }

    /// Reads fresh facts for planning a copy; only registries and engines are asked.
    pub(super) async fn for_copy(&self, previous: Snapshot, intent: &CopyIntent, hear: Hear<'_>) -> Snapshot {
        let mut snapshot = previous;
        if self.offline {
            return snapshot;
        }
        snapshot.world = self.services.endpoints.world();
        snapshot.workspace.clone_from(&self.workspace.name);
        snapshot.taken_at = Utc::now();
        let found = self.image_for_copy(intent, hear).await;
        snapshot.content = Observed::from_result(
            found.map(|facts| ContentFacts::Image(Box::new(facts))),
            Utc::now(),
        );
        snapshot
    }

    /// Reads fresh facts of one charm, of the workspace or not, for a release, a close or an
    /// upload. With `channels` the images that the channels serve are named.
    pub async fn for_charm(
        &self,
        previous: Snapshot,
        charm: &CharmName,
        channels: Option<&[Channel]>,
    ) -> Snapshot {
        if self.offline {
            return previous;
        }
        let gathering = Gathering::new(previous, &ignore);
        let charms = BTreeSet::from([charm.clone()]);
        let (credential, facts, served) = tokio::join!(
            sources::credential(self),
            sources::one_charm(self, charm),
            sources::public_side(self, &charms),
        );
        gathering.change(|snapshot| self.date(snapshot));
        gathering.take(credential);
        gathering.take(SourceUpdate::Charm(charm.clone(), Box::new(facts)));
        for (charm, rows) in served.rows {
            gathering.take(SourceUpdate::Channels(charm, rows));
        }
        images::behind(self, &gathering, &served.ids, &charms, &charms).await;
        if let Some(channels) = channels {
            images::identify(self, &gathering, &charms, Some(channels)).await;
        }
        gathering.into_snapshot()
    }

    async fn image_for_upload(
        &self,
        snapshot: &Snapshot,
        intent: &UploadIntent,
        hear: Hear<'_>,
    ) -> Result<ImageFacts, Problem> {
        let publisher = self.services.publisher().await?;
        // The store gives a login to those who may push: requested before any data is sent.
        let target = publisher.push_target(&intent.charm, &intent.resource).await?;
        let (repository, registries) = self.services.resource_registry(target)?;
        match &intent.content {
            Content::From { source, platforms } => {
                let image = self.image(source, platforms, &registries, &repository, None, hear);
                Ok(image.await?.0)
            }
            Content::Digest { digest } => {
                let known = behind(snapshot, intent);
                let found = self.by_digest(digest, &known, &registries, &repository).await?;
                let source = match found {
                    Found::There(digest) => {
                        let detail = registries.detail(&repository.at(digest)).await?;
                        return Ok(ImageFacts {
                            detail,
                            origin: Origin::Registry(repository),
                            cut: None,
                            there: true,
                            lacking: Vec::new(),
                            bytes_missing: 0,
                            tagged: None,
                            left_out: Vec::new(),
                            attachments_missing: 0,
                        });
                    }
                    Found::Here(source) => ImageSource::Local(source),
                };
                let image = self.image(&source, &[], &registries, &repository, None, hear);
                Ok(image.await?.0)
            }
            Content::File { .. } => Err(Problem::new(ProblemKind::Internal, "not an image")),
        }
    }

    async fn image_for_copy(&self, intent: &CopyIntent, hear: Hear<'_>) -> Result<ImageFacts, Problem> {
        let destination = &intent.destination;
        let registries = &self.services.registries;
        let tag = match &destination.target {
            Target::Tag(tag) => Some(tag),
            Target::Digest(_) => destination.beside.as_ref(),
        };
        let tagged = match tag {
            Some(tag) => registries
                .head_to_write(&destination.repository.tagged(tag))
                .await?
                .map(|head| head.digest),
            None => None,
        };
        let (mut facts, source) = self
            .image(
                &intent.source,
                &intent.platforms,
                registries,
                &destination.repository,
                tagged,
                hear,
            )
            .await?;
        // Otherwise they are read when they are copied.
        if facts.there && (tag.is_none() || tagged == Some(facts.detail.digest)) {
            let platforms = facts.detail.platforms.iter().map(|one| one.image.digest);
            let subjects = std::iter::once(facts.detail.digest).chain(platforms).collect();
            facts.attachments_missing = registries
                .attachments_missing(&source, subjects, &destination.repository)
                .await?;
        }
        Ok(facts)
    }

    /// Reads an image, how much of it `destination` lacks, and where its manifests are read.
    async fn image(
        &self,
        source: &ImageSource,
        platforms: &[Platform],
        registries: &Registries,
        destination: &Repository,
        tagged: Option<ManifestDigest>,
        hear: Hear<'_>,
    ) -> Result<(ImageFacts, CopySource), Problem> {
        let mut left_out = Vec::new();
        let (whole, from, origin) = match source {
            ImageSource::Registry(reference) => {
                let detail = registries.detail(reference).await?;
                let repository = reference.repository.clone();
                (
                    detail,
                    CopySource::Registry(repository.clone()),
                    Origin::Registry(repository),
                )
            }
            ImageSource::Local(local) => {
                let never = CancellationToken::new();
                let packed = self
                    .services
                    .local
                    .open(
                        local,
                        platforms,
                        None,
                        registries,
                        Some(destination),
                        hear,
                        &never,
                    )
                    .await?;
                let local = packed.pinned_in(local);
                let source = ImageSource::Local(local.clone());
                let detail = local_detail(&source, &packed.image).await?;
                left_out.clone_from(&packed.left_out);
                let image = Arc::clone(&packed.image);
                (detail, CopySource::Local(image), Origin::Local(local))
            }
        };
        let root = whole.digest;
        let arrives = if platforms.is_empty() {
            None
        } else {
            registries.cut(&from, root, platforms).await?
        };
        let (detail, cut) = match arrives {
            None => (whole, None),
            Some(digest) => {
                let cut = Cut {
                    from: IndexDigest(root.0),
                    platforms: platforms.to_vec(),
                };
                (smaller(whole, digest, platforms), Some(cut))
            }
        };
        let there = registries
            .head_to_write(&destination.at(detail.digest))
            .await?
            .is_some();
        let mut lacking: Vec<Digest> = Vec::new();
        let mut bytes_missing = 0;
        if !there {
            let roots: Vec<ManifestDigest> = match &cut {
                None => vec![root],
                Some(_) => detail.platforms.iter().map(|one| one.image.digest).collect(),
            };
            for root in roots {
                let absent = root == detail.digest;
                let found = registries.lacking(&from, root, destination, absent).await?;
                for blob in found.missing {
                    if !lacking.contains(&blob.digest) {
                        lacking.push(blob.digest);
                        bytes_missing += blob.size;
                    }
                }
            }
        }
        let facts = ImageFacts {
            detail,
            origin,
            cut,
            there,
            lacking,
            bytes_missing,
            tagged,
            left_out,
            attachments_missing: 0,
        };
        Ok((facts, from))
    }

    /// Reads everything about an image, wherever it is stored. An image of this machine is
    /// described as it would arrive.
    pub async fn detail(&self, source: &ImageSource, hear: Hear<'_>) -> Result<ImageDetail, Problem> {
        match source {
            ImageSource::Registry(reference) => self.services.registries.detail(reference).await,
            ImageSource::Local(local) => {
                let never = CancellationToken::new();
                let registries = &self.services.registries;
                let packed = self
                    .services
                    .local
                    .open(local, &[], None, registries, None, hear, &never)
                    .await?;
                local_detail(source, &packed.image).await
            }
        }
    }

    /// Returns which layers of an image exist in the repository behind a resource, the destination
    /// of an upload.
    pub async fn layers_behind(
        &self,
        image: &ImageDetail,
        charm: &CharmName,
        resource: &ResourceName,
    ) -> Result<HashSet<Digest>, Problem> {
        let publisher = self.services.publisher().await?;
        let target = publisher.push_target(charm, resource).await?;
        let (repository, registries) = self.services.resource_registry(target)?;
        registries.present(&repository, layers(image)).await
    }

    /// Returns which layers of an image exist in `repository`.
    pub async fn layers_at(
        &self,
        image: &ImageDetail,
        repository: &Repository,
    ) -> Result<HashSet<Digest>, Problem> {
        self.services.registries.present(repository, layers(image)).await
    }
}

/// Returns `whole` reduced to these platforms, as `digest`.
fn smaller(whole: ImageDetail, digest: ManifestDigest, platforms: &[Platform]) -> ImageDetail {
    let kept: Vec<PlatformDetail> = whole
        .platforms
        .into_iter()
        .filter(|one| platforms.iter().any(|wanted| wanted.covers(&one.image.platform)))
        .collect();
    let mut seen = BTreeSet::new();
    let mut size = 0;
    for one in &kept {
        let layers: u64 = one.layers.iter().map(|layer| layer.size).sum();
        // The rest is the config.
        size += one.image.size.saturating_sub(layers);
        for layer in one.layers.iter().filter(|layer| !layer.foreign) {
            if seen.insert(layer.digest) {
                size += layer.size;
            }
        }
    }
    let single = kept.iter().any(|one| one.image.digest == digest);
    ImageDetail {
        digest,
        size,
        attestations: if single { Vec::new() } else { whole.attestations },
        platforms: kept,
        ..whole
    }
}

/// Returns the layers that registries hold, each once.
fn layers(image: &ImageDetail) -> Vec<Blob> {
    let mut blobs: Vec<Blob> = Vec::new();
    for layer in image.platforms.iter().flat_map(|one| &one.layers) {
        if !layer.foreign && blobs.iter().all(|known| known.digest != layer.digest) {
            blobs.push(Blob {
                digest: layer.digest,
                size: layer.size,
                media_type: layer.media_type.as_str().to_owned(),
                foreign: false,
                urls: Vec::new(),
            });
        }
    }
    blobs
}
