//! The copy engine: what has to move, in which order, and the proof that it arrived.
//!
//! Owns the order (blobs, children, index, tag), the parallelism and the choice of platforms.
//! Must not know how one blob is sent (see `upload`).

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::blob::BlobSource;
use super::manifest::{Content, Manifest};
use super::resolve::{PARALLEL, agrees, head_at, lied, manifest_at, tree, unique};
use super::upload::{Outcome, Transfer, cancelled, present};
use super::wire::{Access, Ask, persist};
use super::{Copied, CopyJob, CopyProgress, Registries};
use crate::domain::image::{Platform, Reference, Repository, Target};
use crate::domain::{Kind, ManifestDigest, Outside, Problem};

/// HEADs in flight while counting what is missing.
const LOOKS: usize = 8;

pub(super) async fn missing(
    registries: &Registries,
    source: &Reference,
    destination: &Repository,
) -> Result<u64, Problem> {
    let from = registries.site(&source.repository)?.pull();
    let site = registries.site(destination)?;
    // To somebody who may write, an empty repository is empty; to others it does not exist.
    let to = if registries.login(&site).await?.anonymous() {
        site.pull()
    } else {
        site.push()
    };
    let digest = match source.target {
        Target::Digest(digest) => digest,
        Target::Tag(_) => {
            let head = head_at(registries, &from, source).await?;
            head.ok_or_else(|| absent(source))?.digest
        }
    };
    if head_at(registries, &to, &destination.at(digest)).await?.is_some() {
        return Ok(0);
    }
    let root = manifest_at(registries, &from, &source.repository, digest).await?;
    let manifests = tree(registries, &from, &source.repository, root, true).await?;
    let to = &to;
    stream::iter(unique(&manifests))
        .map(|blob| async move {
            let there = persist(|| present(registries, to, &blob), |_| {}).await?;
            Ok::<_, Problem>(if there { 0 } else { blob.size })
        })
        .buffer_unordered(LOOKS)
        .try_fold(0, |sum, more| async move { Ok(sum + more) })
        .await
}

fn absent(reference: &Reference) -> Problem {
    Problem::new(Kind::NotFound, format!("{reference} is not there"))
        .hint("check the name and the tag or digest")
}

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
    let what = format!("{} to {}", job.source.at(job.digest), job.destination);
    let from = registries.site(&job.source)?;
    let site = registries.site(&job.destination)?;
    let within_one = from.origin() == site.origin();
    let source = from.pull();
    let chosen = tokio::select! {
        chosen = choose(registries, &source, job) => chosen?,
        () = cancel.cancelled() => return Err(cancelled(&what)),
    };
    let digest = chosen.as_ref().map_or(job.digest, |root| root.digest);

    // Within one registry one token does for everything, where its service grants it.
    let mut to = site.push();
    let mut mount = None;
    let target = job.destination.at(digest);
    let mut there = None;
    if within_one && from.path != site.path {
        let both = site.push_from(&from);
        match head_at(registries, &both, &target).await {
            Ok(found) => {
                there = Some(found.is_some());
                to = both.clone();
                mount = Some((both, from.path.clone()));
            }
            Err(problem) if problem.kind == Kind::Credentials => {}
            Err(problem) => return Err(problem),
        }
    }
    let there = match there {
        Some(there) => there,
        None => head_at(registries, &to, &target).await?.is_some(),
    };
    let source = match &mount {
        // The same login reads with the token that writes.
        Some((both, _))
            if registries
                .login(&from)
                .await?
                .same(&*registries.login(&site).await?) =>
        {
            both.clone()
        }
        _ => source,
    };

    let (reader, repository) = if there {
        (&to, &job.destination)
    } else {
        (&source, &job.source)
    };
    let manifests = tokio::select! {
        manifests = gather(registries, reader, repository, digest, chosen) => manifests?,
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
        source: BlobSource::Registry(source),
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
    registries: &Registries,
    reader: &Access,
    repository: &Repository,
    digest: ManifestDigest,
    chosen: Option<Manifest>,
) -> Result<Vec<Manifest>, Problem> {
    let root = match chosen {
        Some(root) => root,
        None => manifest_at(registries, reader, repository, digest).await?,
    };
    tree(registries, reader, repository, root, true).await
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

/// The manifest that stands for the chosen platforms; `None` where the whole image is meant.
async fn choose(
    registries: &Registries,
    source: &Access,
    job: &CopyJob,
) -> Result<Option<Manifest>, Problem> {
    if job.platforms.is_empty() {
        return Ok(None);
    }
    let root = manifest_at(registries, source, &job.source, job.digest).await?;
    let wanted = |platform: &Platform| job.platforms.iter().any(|one| covers(one, platform));
    let children = root.children();
    if children.is_empty() {
        return Ok(None);
    }
    let kept: Vec<ManifestDigest> = children
        .iter()
        .filter(|child| !child.attestation && child.platform.as_ref().is_some_and(wanted))
        .map(|child| child.digest)
        .collect();
    for one in &job.platforms {
        if !children
            .iter()
            .any(|child| child.platform.as_ref().is_some_and(|has| covers(one, has)))
        {
            return Err(Problem::new(
                Kind::NotFound,
                format!("{} has no platform {one}", job.source.at(job.digest)),
            )
            .hint("windlass resolve names the platforms it has"));
        }
    }
    if kept.len() == children.iter().filter(|child| !child.attestation).count() {
        return Ok(None);
    }
    if let [only] = kept[..] {
        return manifest_at(registries, source, &job.source, only).await.map(Some);
    }
    smaller(&root, &kept).map(Some)
}

/// True where a wanted platform means this one; without a variant any is meant.
fn covers(wanted: &Platform, has: &Platform) -> bool {
    wanted.os == has.os
        && wanted.architecture == has.architecture
        && (wanted.variant.is_none() || wanted.variant == has.variant)
}

/// The index without the other platforms and their attestations; all else stays as it is.
fn smaller(root: &Manifest, kept: &[ManifestDigest]) -> Result<Manifest, Problem> {
    let broken = |why: &str| Problem::new(Kind::Internal, "an index cannot be made smaller").cause(why);
    let mut document: serde_json::Value =
        serde_json::from_slice(&root.bytes).map_err(|error| broken(&error.to_string()))?;
    let mut keeps = root.children().iter().map(|child| {
        kept.contains(&child.digest) || child.subject.is_some_and(|subject| kept.contains(&subject))
    });
    document
        .get_mut("manifests")
        .and_then(serde_json::Value::as_array_mut)
        .ok_or_else(|| broken("it names no manifests"))?
        .retain(|_| keeps.next().unwrap_or(false));
    let bytes = serde_json::to_vec(&document).map_err(|error| broken(&error.to_string()))?;
    Manifest::parse(
        Outside::new("the smaller index").as_str(),
        Some(&root.media_type),
        bytes.into(),
    )
}
