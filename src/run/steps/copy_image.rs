//! Copies an image, pinned by digest, to where the store keeps the images of a resource.

use std::sync::Mutex;

use super::{Ended, StoreTools, Work, note};
use crate::domain::{CharmName, ManifestDigest, Problem, Reference, Repository, ResourceName};
use crate::run::progress::Phase;
use crate::run::runner::Rate;
use crate::services::registry::{CopyJob, CopyProgress, CopySource};

/// charmcraft pushes to this tag too; nothing reads it, but some registries list no repository
/// without tags.
const TAG: &str = "latest";

pub async fn perform(
    tools: &StoreTools,
    work: Work<'_>,
    charm: CharmName,
    resource: ResourceName,
    source: Repository,
    digest: ManifestDigest,
) -> Ended {
    let (destination, registries) = match destination(tools, &charm, &resource).await {
        Ok(found) => found,
        Err(problem) => return Ended::failed(work.made, problem),
    };
    note(&work, Phase::Sending, "sending blobs");
    let rate = Mutex::new(Rate::default());
    let tell = |event: CopyProgress| {
        let mut rate = rate.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        work.telling.step(&work.step.id, |p| match event {
            CopyProgress::Planned { bytes, .. } => p.bytes_total = Some(bytes),
            CopyProgress::Skipped { bytes, .. } | CopyProgress::Mounted { bytes, .. } => {
                p.bytes_done += bytes;
            }
            CopyProgress::Sent { bytes, .. } => {
                p.bytes_done += bytes;
                p.rate = rate.count(bytes);
            }
            CopyProgress::Retrying { rolled_back, .. } => {
                p.retries += 1;
                p.bytes_done = p.bytes_done.saturating_sub(rolled_back);
            }
            CopyProgress::BlobDone { .. } => {}
            CopyProgress::ManifestPut { .. } => p.phase = Phase::Processing,
        });
    };
    let job = CopyJob {
        source: CopySource::Registry(source),
        digest,
        destination,
        tag: Some(TAG.to_owned()),
        cut: Vec::new(),
        referrers: false,
    };
    let copied = registries.copy(&job, &tell, work.cancel).await;
    let mut made = work.made;
    match copied {
        Ok(copied) => {
            made.bytes_sent += copied.bytes_sent;
            made.bytes_skipped = copied.bytes_skipped;
            if copied.already {
                Ended::skipped(made)
            } else {
                Ended::done(made)
            }
        }
        Err(_) if work.cancel.is_cancelled() => Ended::cancelled(made),
        // Nothing refers to what was sent so far, and doing it again is harmless.
        Err(problem) => Ended::failed(made, problem),
    }
}

async fn destination(
    tools: &StoreTools,
    charm: &CharmName,
    resource: &ResourceName,
) -> Result<(Repository, crate::services::registry::Registries), Problem> {
    let target = tools.writer.push_target(charm, resource).await?;
    let repository = Reference::parse(&target.image_name)?.repository;
    let endpoints = &tools.services.endpoints;
    let at = endpoints
        .canonical_overridden
        .then(|| endpoints.canonical.clone());
    let registries = tools
        .services
        .registries
        .with_credential(&repository, at, target.user, target.password);
    Ok((repository, registries))
}
