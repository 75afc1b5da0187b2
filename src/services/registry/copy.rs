//! Copies an image: decides what has to be sent, in which order, and verifies that it arrived.
//!
//! The order is blobs, children, index, tag. Also limits parallelism and applies the choice of
//! platforms. `blob_transfer` sends a single blob.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use futures_util::{StreamExt, stream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::blob::BlobSource;
use super::blob_transfer::{BlobOutcome, Transfer, cancelled};
use super::consistency::check_layerless;
use super::manifest::{Blob, Manifest};
use super::manifest_push::{push_manifests, put};
use super::manifest_source::ManifestSource;
use super::platform_filter::choose;
use super::request::{RepositoryEndpoint, ScopedEndpoint};
use super::resolve::{head_at, tree, unique};
use super::{Copied, CopyJob, CopyProgress, CopySource, Registries, attached};
use crate::domain::image::{Reference, Target};
use crate::domain::{ManifestDigest, Problem, ProblemKind};

/// Blobs of one copy that are checked or sent at once; limits per host decide how many of them are
/// sent.
const BLOBS: usize = 12;

pub(super) async fn copy(
    registries: &Registries,
    job: &CopyJob,
    progress: &(dyn Fn(CopyProgress) + Send + Sync),
    cancel: &CancellationToken,
) -> Result<Copied, Problem> {
    // Streams outlive borrows, so they report through a channel that is drained here.
    let (events, mut heard) = unbounded_channel();
    let mut work = std::pin::pin!(run(registries, job, events, cancel));
    loop {
        tokio::select! {
            biased;
            Some(event) = heard.recv() => progress(event),
            result = &mut work => {
                while let Ok(event) = heard.try_recv() {
                    progress(event);
                }
                return result;
            }
        }
    }
}

pub(super) async fn run(
    registries: &Registries,
    job: &CopyJob,
    events: UnboundedSender<CopyProgress>,
    cancel: &CancellationToken,
) -> Result<Copied, Problem> {
    let what = match &job.source {
        CopySource::Registry(source) => format!("{} to {}", source.at(job.digest), job.destination),
        CopySource::Local(_) => format!("{} to {}", job.digest, job.destination),
    };
    let site = registries.endpoint(&job.destination)?;
    let source = ManifestSource::of(registries, &job.source)?;
    let chosen = tokio::select! {
        chosen = choose(&registries.shared.cache, &source, job.digest, &job.cut) => chosen?,
        () = cancel.cancelled() => return Err(cancelled(&what)),
    };
    let digest = chosen.as_ref().map_or(job.digest, |root| root.digest);
    let target = job.destination.at(digest);
    let ways = tokio::select! {
        ways = ways(registries, job, &site, &target) => ways?,
        () = cancel.cancelled() => return Err(cancelled(&what)),
    };
    let source = match (&ways.source, &job.source) {
        // Manifests of an image that exists at the destination are read there: that spends no
        // pull.
        (BlobSource::Registry(_), _) if ways.there => {
            registries.manifest_source(ways.to.clone(), &job.destination)
        }
        (BlobSource::Registry(access), CopySource::Registry(repository)) => {
            registries.manifest_source(access.clone(), repository)
        }
        _ => source,
    };
    let manifests = tokio::select! {
        manifests = gather(&source, digest, chosen) => manifests?,
        () = cancel.cancelled() => return Err(cancelled(&what)),
    };
    if !ways.there {
        check_layerless(&source, &manifests).await?;
    }
    let blobs = unique(&manifests);
    let bytes: u64 = blobs.iter().map(|blob| blob.size).sum();
    events
        .send(CopyProgress::Planned {
            blobs: blobs.len(),
            bytes,
        })
        .ok();
    let copied = if ways.there {
        let already = stands(registries, job, &ways, &manifests, &blobs, &events).await?;
        Copied {
            digest,
            bytes_sent: 0,
            bytes_skipped: bytes,
            already,
        }
    } else {
        let bytes_sent = move_blobs(registries, &ways, blobs, &site, &events, cancel)
            .await
            .map_err(|problem| problem.within(format!("cannot copy {what}")))?;
        if cancel.is_cancelled() {
            return Err(cancelled(&what));
        }
        push_manifests(registries, &ways.to, job, &manifests, &events).await?;
        Copied {
            digest,
            bytes_sent,
            bytes_skipped: bytes - bytes_sent,
            already: false,
        }
    };
    if !job.referrers {
        return Ok(copied);
    }
    let more = attached::follow(registries, job, &manifests, cancel);
    let more = more.await.map_err(|problem| {
        problem.within(format!(
            "{what}: the image was copied, but not everything that refers to it"
        ))
    })?;
    Ok(Copied {
        bytes_sent: copied.bytes_sent + more.bytes_sent,
        bytes_skipped: copied.bytes_skipped + more.bytes_skipped,
        already: copied.already && more.already,
        ..copied
    })
}

/// Handles an image that exists at its destination: only its tag may be missing. Returns true if
/// the image is not there.
async fn stands(
    registries: &Registries,
    job: &CopyJob,
    ways: &TransferRoutes,
    manifests: &[Manifest],
    blobs: &[Blob],
    events: &UnboundedSender<CopyProgress>,
) -> Result<bool, Problem> {
    for blob in blobs {
        let (digest, bytes) = (blob.digest, blob.size);
        registries
            .shared
            .hosts
            .of(&ways.to.site.origin())
            .holds(digest, &ways.to.site.path);
        events.send(CopyProgress::Skipped { digest, bytes }).ok();
    }
    if let (false, Some(tag), Some(root)) = (ways.tagged, &job.tag, manifests.last()) {
        let reference = job.destination.tagged(tag);
        put(registries, &ways.to, root, &reference, false, job.tag_before).await?;
        let digest = root.digest;
        events.send(CopyProgress::ManifestPut { digest }).ok();
        return Ok(false);
    }
    Ok(true)
}

/// Sends every blob that the destination lacks; returns how many bytes were sent.
async fn move_blobs(
    registries: &Registries,
    ways: &TransferRoutes,
    mut blobs: Vec<Blob>,
    site: &RepositoryEndpoint,
    events: &UnboundedSender<CopyProgress>,
    cancel: &CancellationToken,
) -> Result<u64, Problem> {
    // The largest first: the copy ends when the last blob has arrived.
    blobs.sort_by_key(|blob| std::cmp::Reverse(blob.size));
    let stop = cancel.child_token();
    let hosts = &registries.shared.hosts;
    let host = hosts.of(&site.origin());
    let from = match &ways.source {
        BlobSource::Registry(access) => Some(hosts.of(&access.site.origin())),
        BlobSource::Local(_) => None,
    };
    let transfer = &Transfer {
        registries,
        source: ways.source.clone(),
        to: ways.to.clone(),
        mount: ways.mount.clone(),
        events: events.clone(),
        stop: stop.clone(),
        cancel: cancel.clone(),
        chunked: AtomicBool::new(false),
        hosts: std::iter::once(Arc::clone(&host)).chain(from).collect(),
        host,
    };
    let mut moving = stream::iter(blobs)
        .map(|blob| async move { transfer.push(&blob).await })
        .buffer_unordered(BLOBS);
    let mut bytes_sent = 0;
    let mut failed = None;
    // After the first failure the others end their uploads themselves.
    while let Some(outcome) = moving.next().await {
        match outcome {
            Ok(BlobOutcome::Sent(bytes)) => bytes_sent += bytes,
            Ok(BlobOutcome::Free) => {}
            Err(problem) => {
                stop.cancel();
                failed.get_or_insert(problem);
            }
        }
    }
    failed.map_or(Ok(bytes_sent), Err)
}

async fn gather(
    source: &ManifestSource,
    digest: ManifestDigest,
    chosen: Option<Manifest>,
) -> Result<Vec<Manifest>, Problem> {
    let root = match chosen {
        Some(root) => root,
        None => source.manifest(digest).await?,
    };
    tree(source, root, true).await
}

/// Holds how source and destination of a copy are accessed.
struct TransferRoutes {
    to: ScopedEndpoint,
    /// Access for mounting and the repository to mount from, within one registry.
    mount: Option<(ScopedEndpoint, String)>,
    source: BlobSource,
    /// True if the root already exists at the destination.
    there: bool,
    /// True if its tag is right too, or none is wanted.
    tagged: bool,
}

async fn ways(
    registries: &Registries,
    job: &CopyJob,
    site: &RepositoryEndpoint,
    target: &Reference,
) -> Result<TransferRoutes, Problem> {
    let from = match &job.source {
        CopySource::Registry(source) => registries.endpoint(source)?,
        CopySource::Local(image) => {
            let to = site.push();
            let (there, tagged) = standing(registries, job, &to, target).await?;
            let source = BlobSource::Local(Arc::clone(image));
            return Ok(TransferRoutes {
                to,
                mount: None,
                source,
                there,
                tagged,
            });
        }
    };
    // Within one registry one token suffices for everything, if its service grants it.
    if from.origin() == site.origin() && from.path != site.path {
        let both = site.push_from(&from);
        match standing(registries, job, &both, target).await {
            Ok((there, tagged)) => {
                // The same login reads with the token that writes.
                let one = registries
                    .login(&from)
                    .await?
                    .same(&*registries.login(site).await?);
                return Ok(TransferRoutes {
                    to: both.clone(),
                    mount: Some((both.clone(), from.path.clone())),
                    source: BlobSource::Registry(if one { both } else { from.pull() }),
                    there,
                    tagged,
                });
            }
            Err(problem) if problem.kind == ProblemKind::Credentials => {}
            Err(problem) => return Err(problem),
        }
    }
    let to = site.push();
    let (there, tagged) = standing(registries, job, &to, target).await?;
    Ok(TransferRoutes {
        to,
        mount: None,
        source: BlobSource::Registry(from.pull()),
        there,
        tagged,
    })
}

/// Returns whether the root exists at the destination, and whether its tag is right; both are
/// requested at once.
async fn standing(
    registries: &Registries,
    job: &CopyJob,
    to: &ScopedEndpoint,
    target: &Reference,
) -> Result<(bool, bool), Problem> {
    let tag = async {
        match &job.tag {
            Some(tag) => head_at(registries, to, &job.destination.tagged(tag))
                .await
                .map(Some),
            None => Ok(None),
        }
    };
    let (root, tag) = futures_util::try_join!(head_at(registries, to, target), tag)?;
    let tagged = match tag {
        None => true,
        Some(found) => found.is_some_and(|head| Target::Digest(head.digest) == target.target),
    };
    Ok((root.is_some(), tagged))
}
