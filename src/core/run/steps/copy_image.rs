//! Copies an image, pinned by digest, to the registry path of a resource or to any other
//! repository.

use std::sync::{Arc, Mutex};

use super::{StepContext, StepResult, StoreTools, note};
use crate::domain::{CharmName, Cut, ManifestDigest, Origin, Problem, ProblemKind, Repository, ResourceName};
use crate::run::progress::Phase;
use crate::run::runner::Rate;
use crate::services::Services;
use crate::services::registry::{CopyJob, CopyProgress, CopySource, Registries, TagBefore};

/// charmcraft pushes to this tag too. No client reads it, but some registries do not list a
/// repository without tags.
const TAG: &str = "latest";

/// Identifies the image to copy.
pub struct Wanted {
    /// Where it is read from.
    pub source: Origin,
    /// The digest of what is copied.
    pub digest: ManifestDigest,
    /// Set if only some platforms are copied.
    pub cut: Option<Cut>,
}

/// Identifies the destination.
pub struct Place {
    /// The repository.
    pub repository: Repository,
    /// The tag of the image there.
    pub tag: Option<String>,
    /// What that tag may point to before.
    pub before: TagBefore,
}

pub async fn to_the_store(
    tools: &StoreTools,
    work: StepContext<'_>,
    charm: CharmName,
    resource: ResourceName,
    wanted: Wanted,
) -> StepResult {
    let target = match tools.publisher.push_target(&charm, &resource).await {
        Ok(target) => target,
        Err(problem) => return StepResult::failed(work.made, problem),
    };
    let (repository, registries) = match tools.services.resource_registry(target) {
        Ok(found) => found,
        Err(problem) => return StepResult::failed(work.made, problem),
    };
    let place = Place {
        repository,
        tag: Some(TAG.to_owned()),
        before: TagBefore::Any,
    };
    send(&tools.services, &registries, work, wanted, place, false).await
}

pub async fn to_a_registry(
    services: &Services,
    work: StepContext<'_>,
    wanted: Wanted,
    place: Place,
) -> StepResult {
    if let Err(problem) = unmoved(&services.registries, &wanted, &place).await {
        return StepResult::failed(work.made, problem);
    }
    send(services, &services.registries, work, wanted, place, true).await
}

/// Checks that the tag points to what it did when this was planned, or to the image to copy.
pub async fn unmoved(registries: &Registries, wanted: &Wanted, place: &Place) -> Result<(), Problem> {
    let Some(tag) = &place.tag else {
        return Ok(());
    };
    let reference = place.repository.tagged(tag);
    let now = registries
        .head_to_write(&reference)
        .await?
        .map(|head| head.digest);
    place.before.check(&reference, now, wanted.digest).map(drop)
}

async fn send(
    services: &Services,
    registries: &Registries,
    work: StepContext<'_>,
    wanted: Wanted,
    place: Place,
    referrers: bool,
) -> StepResult {
    let job = match job(services, registries, &work, &wanted, place, referrers).await {
        Ok(job) => job,
        Err(_) if work.cancel.is_cancelled() => return StepResult::cancelled(work.made),
        Err(problem) => return StepResult::failed(work.made, problem),
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
            CopyProgress::Retrying {
                rolled_back,
                problem,
                pause,
                ..
            } => {
                p.tries_again(&problem, chrono::Utc::now() + pause);
                p.bytes_done = p.bytes_done.saturating_sub(rolled_back);
            }
            CopyProgress::BlobDone { .. } => {}
            CopyProgress::ManifestPut { .. } => p.phase = Phase::Processing,
        });
    };
    let copied = registries.copy(&job, &tell, work.cancel).await;
    let mut made = work.made;
    match copied {
        Ok(copied) if copied.digest != wanted.digest => StepResult::failed(
            made,
            Problem::new(
                ProblemKind::Invalid,
                "the received image differs from the preview",
            )
            .cause(format!("expected {}, got {}", wanted.digest, copied.digest)),
        ),
        Ok(copied) => {
            if let Origin::Local(source) = &wanted.source {
                services.local.release(source);
            }
            made.bytes_sent += copied.bytes_sent;
            made.bytes_skipped = copied.bytes_skipped;
            if copied.already {
                StepResult::skipped(made)
            } else {
                StepResult::done(made)
            }
        }
        Err(_) if work.cancel.is_cancelled() => StepResult::cancelled(made),
        // No manifest refers to what was sent so far, and sending it again does no harm.
        Err(problem) => StepResult::failed(made, problem),
    }
}

async fn job(
    services: &Services,
    registries: &Registries,
    work: &StepContext<'_>,
    wanted: &Wanted,
    place: Place,
    referrers: bool,
) -> Result<CopyJob, Problem> {
    let root = wanted.cut.as_ref().map_or(wanted.digest, |cut| cut.from.into());
    let source = match &wanted.source {
        Origin::Registry(repository) => CopySource::Registry(repository.clone()),
        Origin::Local(source) => {
            note(work, Phase::Looking, "reading the image");
            let local = &services.local;
            let place = Some(&place.repository);
            let packed = local
                .open(source, &[], Some(root), registries, place, &|_| {}, work.cancel)
                .await?;
            CopySource::Local(Arc::clone(&packed.image))
        }
    };
    Ok(CopyJob {
        source,
        digest: root,
        destination: place.repository,
        tag: place.tag,
        tag_before: place.before,
        cut: wanted
            .cut
            .as_ref()
            .map(|cut| cut.platforms.clone())
            .unwrap_or_default(),
        referrers,
    })
}
