//! The copy engine: what has to move, in which order, and the proof that it arrived.
//!
//! Owns the order (blobs, children, index, tag), the parallelism and the choice of platforms.
//! Must not know how one blob is sent (see `upload`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use futures_util::{StreamExt, stream};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::blob::BlobSource;
use super::cut::choose;
use super::manifest::{Content, Manifest};
use super::resolve::{PARALLEL, agrees, head_at, lied, tree, unique};
use super::shelf::Shelf;
use super::upload::{Outcome, Transfer, cancelled};
use super::wire::{Access, Ask, Site, persist};
use super::{Copied, CopyJob, CopyProgress, CopySource, Registries};
use crate::domain::image::Reference;
use crate::domain::{Kind, ManifestDigest, Problem};

pub(super) async fn copy(
    registries: &Registries,
    job: &CopyJob,
    progress: &(dyn Fn(CopyProgress) + Send + Sync),
    cancel: &CancellationToken,
) -> Result<Copied, Problem> {
    // Streams outlive borrows, so they report through a channel that is emptied here.
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

async fn run(
    registries: &Registries,
    job: &CopyJob,
    events: UnboundedSender<CopyProgress>,
    cancel: &CancellationToken,
) -> Result<Copied, Problem> {
    let what = match &job.source {
        CopySource::Registry(source) => format!("{} to {}", source.at(job.digest), job.destination),
        CopySource::Local(_) => format!("{} to {}", job.digest, job.destination),
    };
    let site = registries.site(&job.destination)?;
    let shelf = Shelf::of(registries, &job.source)?;
    let chosen = tokio::select! {
        chosen = choose(&registries.shared.cache, &shelf, job.digest, &job.cut) => chosen?,
        () = cancel.cancelled() => return Err(cancelled(&what)),
    };
    let digest = chosen.as_ref().map_or(job.digest, |root| root.digest);

    let Ways {
        to,
        mount,
        source,
        there,
    } = ways(registries, job, &site, &job.destination.at(digest)).await?;
    let shelf = match (&source, &job.source) {
        // Manifests of an image that stands are read where it stands: that spends no pull.
        (BlobSource::Registry(_), _) if there => registries.shelf(to.clone(), &job.destination),
        (BlobSource::Registry(access), CopySource::Registry(repository)) => {
            registries.shelf(access.clone(), repository)
        }
        _ => shelf,
    };
    let manifests = tokio::select! {
        manifests = gather(&shelf, digest, chosen) => manifests?,
        () = cancel.cancelled() => return Err(cancelled(&what)),
    };
    let mut blobs = unique(&manifests);
    let bytes: u64 = blobs.iter().map(|blob| blob.size).sum();
    let tell = |event| events.send(event).ok();
    tell(CopyProgress::Planned {
        blobs: blobs.len(),
        bytes,
    });
    if there {
        for blob in &blobs {
            tell(CopyProgress::Skipped {
                digest: blob.digest,
                bytes: blob.size,
            });
        }
        let tagged = match &job.tag {
            None => true,
            Some(tag) => head_at(registries, &to, &job.destination.tagged(tag))
                .await?
                .is_some_and(|head| head.digest == digest),
        };
        if !tagged && let (Some(tag), Some(root)) = (&job.tag, manifests.last()) {
            put(registries, &to, root, &job.destination.tagged(tag), false).await?;
            tell(CopyProgress::ManifestPut { digest });
        }
        return Ok(Copied {
            digest,
            bytes_sent: 0,
            bytes_skipped: bytes,
            already: tagged,
        });
    }

    // The longest first: the last one to arrive decides when all have.
    blobs.sort_by_key(|blob| std::cmp::Reverse(blob.size));
    let stop = cancel.child_token();
    let transfer = Transfer {
        registries,
        source,
        to: to.clone(),
        mount,
        events: events.clone(),
        stop: stop.clone(),
        chunked: AtomicBool::new(false),
    };
    let mut bytes_sent = 0;
    let mut failed = None;
    let transfer = &transfer;
    let mut moving = stream::iter(blobs)
        .map(|blob| async move { (blob.size, transfer.push(&blob).await) })
        .buffer_unordered(PARALLEL);
    // After the first failure the others end their uploads themselves.
    while let Some((size, outcome)) = moving.next().await {
        match outcome {
            Ok(Outcome::Sent) => bytes_sent += size,
            Ok(Outcome::Free) => {}
            Err(problem) => {
                stop.cancel();
                failed.get_or_insert(problem);
            }
        }
    }
    if let Some(problem) = failed {
        return Err(problem.within(format!("cannot copy {what}")));
    }
    if cancel.is_cancelled() {
        return Err(cancelled(&what));
    }
    settle(registries, &to, job, &manifests, &events).await?;
    Ok(Copied {
        digest,
        bytes_sent,
        bytes_skipped: bytes - bytes_sent,
        already: false,
    })
}

async fn gather(
    shelf: &Shelf,
    digest: ManifestDigest,
    chosen: Option<Manifest>,
) -> Result<Vec<Manifest>, Problem> {
    let root = match chosen {
        Some(root) => root,
        None => shelf.manifest(digest).await?,
    };
    tree(shelf, root, true).await
}

/// How the two ends of a copy are spoken to.
struct Ways {
    to: Access,
    /// Access for mounting and the repository to mount from, within one registry.
    mount: Option<(Access, String)>,
    source: BlobSource,
    /// True where the root stands at the destination already.
    there: bool,
}

async fn ways(
    registries: &Registries,
    job: &CopyJob,
    site: &Site,
    target: &Reference,
) -> Result<Ways, Problem> {
    let from = match &job.source {
        CopySource::Registry(source) => registries.site(source)?,
        CopySource::Local(image) => {
            let to = site.push();
            return Ok(Ways {
                there: head_at(registries, &to, target).await?.is_some(),
                to,
                mount: None,
                source: BlobSource::Local(Arc::clone(image)),
            });
        }
    };
    // Within one registry one token does for everything, where its service grants it.
    if from.origin() == site.origin() && from.path != site.path {
        let both = site.push_from(&from);
        match head_at(registries, &both, target).await {
            Ok(found) => {
                // The same login reads with the token that writes.
                let one = registries
                    .login(&from)
                    .await?
                    .same(&*registries.login(site).await?);
                return Ok(Ways {
                    to: both.clone(),
                    mount: Some((both.clone(), from.path.clone())),
                    source: BlobSource::Registry(if one { both } else { from.pull() }),
                    there: found.is_some(),
                });
            }
            Err(problem) if problem.kind == Kind::Credentials => {}
            Err(problem) => return Err(problem),
        }
    }
    let to = site.push();
    Ok(Ways {
        there: head_at(registries, &to, target).await?.is_some(),
        to,
        mount: None,
        source: BlobSource::Registry(from.pull()),
    })
}

/// Manifests, children before their parents; the root goes under its tag where it gets one.
async fn settle(
    registries: &Registries,
    to: &Access,
    job: &CopyJob,
    manifests: &[Manifest],
    events: &UnboundedSender<CopyProgress>,
) -> Result<(), Problem> {
    let (leaves, indexes): (Vec<Manifest>, Vec<Manifest>) = manifests
        .iter()
        .cloned()
        .partition(|manifest| matches!(manifest.content, Content::Image { .. }));
    let put_one = |manifest: Manifest| async move {
        // The root is known to be missing; a child may stand there since a copy that was cut off.
        let root = manifests
            .last()
            .is_some_and(|root| root.digest == manifest.digest);
        let reference = match &job.tag {
            // A manifest put under its tag stands under its digest too.
            Some(tag) if root => job.destination.tagged(tag),
            _ => job.destination.at(manifest.digest),
        };
        put(registries, to, &manifest, &reference, !root).await?;
        events
            .send(CopyProgress::ManifestPut {
                digest: manifest.digest,
            })
            .ok();
        Ok::<_, Problem>(())
    };
    let mut putting = stream::iter(leaves).map(put_one).buffer_unordered(PARALLEL);
    while let Some(done) = putting.next().await {
        done?;
    }
    for index in indexes {
        put_one(index).await?;
    }
    Ok(())
}

/// PUT of one manifest, and a look whether it stands; with `look_first` it is not sent where it
/// stands already. Doing it twice does nothing.
async fn put(
    registries: &Registries,
    to: &Access,
    manifest: &Manifest,
    reference: &Reference,
    look_first: bool,
) -> Result<(), Problem> {
    let what = reference.to_string();
    let url = to.site.url(&format!("manifests/{}", reference.target))?;
    let ask = Ask::new(Method::PUT, url)
        .header(CONTENT_TYPE, &manifest.media_type)
        .body(manifest.bytes.clone());
    let tries = AtomicU32::new(u32::from(look_first));
    persist(
        || async {
            // A lost answer is no lost manifest: look before it is sent again.
            if tries.fetch_add(1, Ordering::Relaxed) > 0
                && let Ok(Some(head)) = head_at(registries, to, reference).await
                && head.digest == manifest.digest
            {
                return Ok(());
            }
            let answer = registries.ask_once(to, &what, &ask).await?;
            if !answer.ok() {
                return Err(registries.refusal(to, &what, &answer).await);
            }
            agrees(&what, &answer, manifest.digest.0)?;
            Ok(())
        },
        |trouble| tracing::debug!(problem = %trouble.problem, "a manifest is tried again"),
    )
    .await?;
    match head_at(registries, to, reference).await? {
        Some(head) if head.digest == manifest.digest => Ok(()),
        Some(head) => Err(lied(&what, &manifest.digest, &head.digest)),
        None => Err(Problem::new(
            Kind::Service,
            format!("{what} was taken by its registry but is not there"),
        )
        .hint("run the same command again; if it stays so, tell the people who run the registry")),
    }
}
