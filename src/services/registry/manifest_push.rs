//! Pushes manifests to their destination, once every blob they name is there.
//!
//! The order is images, then indexes, the root last and under its tag; each is verified after the
//! push. Must not change a byte of them.

use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::{StreamExt, stream};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use tokio::sync::mpsc::UnboundedSender;

use super::manifest::{Content, Manifest};
use super::request::{RequestSpec, ScopedEndpoint, retry};
use super::resolve::{PARALLEL, check_digest_header, digest_mismatch, head_at};
use super::{CopyJob, CopyProgress, Registries, TagBefore, foreign};
use crate::domain::image::Reference;
use crate::domain::{Problem, ProblemKind};

/// Pushes manifests, children before their parents; the root is pushed under its tag, if any.
pub(super) async fn push_manifests(
    registries: &Registries,
    to: &ScopedEndpoint,
    job: &CopyJob,
    manifests: &[Manifest],
    events: &UnboundedSender<CopyProgress>,
) -> Result<(), Problem> {
    let (leaves, indexes): (Vec<Manifest>, Vec<Manifest>) = manifests
        .iter()
        .cloned()
        .partition(|manifest| matches!(manifest.content, Content::Image { .. }));
    let put_one = |manifest: Manifest| async move {
        // The root is known to be missing; a child may exist from an interrupted copy.
        let root = manifests
            .last()
            .is_some_and(|root| root.digest == manifest.digest);
        let (reference, tag_before) = match &job.tag {
            // A manifest pushed by tag is available by its digest too.
            Some(tag) if root => (job.destination.tagged(tag), job.tag_before),
            _ => (job.destination.at(manifest.digest), TagBefore::Any),
        };
        put(registries, to, &manifest, &reference, !root, tag_before).await?;
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

/// Pushes one manifest and checks that it arrived; with `look_first` it is not sent if it already
/// exists. What a tag may point to before is checked before every try.
pub(super) async fn put(
    registries: &Registries,
    to: &ScopedEndpoint,
    manifest: &Manifest,
    reference: &Reference,
    look_first: bool,
    tag_before: TagBefore,
) -> Result<(), Problem> {
    let what = reference.to_string();
    let url = to.site.url(&format!("manifests/{}", reference.target))?;
    let ask = RequestSpec::new(Method::PUT, url)
        .header(CONTENT_TYPE, &manifest.media_type)
        .body(manifest.bytes.clone());
    let guarded = tag_before != TagBefore::Any;
    let tries = AtomicU32::new(u32::from(look_first || guarded));
    retry(
        || async {
            // A lost answer does not mean a lost manifest: check before it is sent again.
            if tries.fetch_add(1, Ordering::Relaxed) > 0 {
                match head_at(registries, to, reference).await {
                    Ok(head) => {
                        let now = head.map(|head| head.digest);
                        if tag_before.check(reference, now, manifest.digest)? {
                            return Ok(());
                        }
                    }
                    Err(problem) if guarded => return Err(problem.into()),
                    Err(_) => {}
                }
            }
            let answer = if guarded {
                registries.ask_checked(to, &what, &ask).await?
            } else {
                registries.ask_once(to, &what, &ask).await?
            };
            if !answer.ok() {
                let refusal = registries.refusal(to, &what, &answer).await;
                return Err(foreign::explained(manifest, &what, &answer, refusal));
            }
            check_digest_header(&what, &answer, manifest.digest.0)?;
            Ok(())
        },
        |trouble, _| tracing::debug!(problem = %trouble.problem, "retrying a manifest"),
    )
    .await?;
    match head_at(registries, to, reference).await? {
        Some(head) if head.digest == manifest.digest => Ok(()),
        Some(head) => Err(digest_mismatch(&what, &manifest.digest, &head.digest)),
        None => Err(Problem::new(
            ProblemKind::Service,
            format!("the registry accepted {what}, but does not have it"),
        )
        .hint("run the same command again; report it to the registry operator if it happens again")),
    }
}
