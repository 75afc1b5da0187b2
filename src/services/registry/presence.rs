//! Finds out what a repository has of an image before anything is sent.
//!
//! The registry's own answer decides. Must not write anywhere.

use std::collections::HashSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::Method;

use super::manifest::Blob;
use super::manifest_source::ManifestSource;
use super::request::{AttemptError, RequestSpec, ScopedEndpoint, retry};
use super::resolve::{absent, check_digest_header, digest_mismatch, head_at, tree, unique};
use super::{BlobDiff, CopySource, Head, Registries};
use crate::domain::image::{Reference, Repository, Target};
use crate::domain::{Digest, ManifestDigest, Problem};

/// HEADs in flight while counting what is missing.
const LOOKS: usize = 8;

/// Returns access for reading a destination. With the right to write, a repository that does not
/// exist yet counts as empty; without it, it is not found.
pub(super) async fn into(
    registries: &Registries,
    destination: &Repository,
) -> Result<ScopedEndpoint, Problem> {
    let site = registries.endpoint(destination)?;
    Ok(if registries.login(&site).await?.anonymous() {
        site.pull()
    } else {
        site.push()
    })
}

pub(super) async fn missing(
    registries: &Registries,
    source: &Reference,
    destination: &Repository,
) -> Result<u64, Problem> {
    let digest = match source.target {
        Target::Digest(digest) => digest,
        Target::Tag(_) => {
            let from = registries.endpoint(&source.repository)?.pull();
            let head = head_at(registries, &from, source).await?;
            head.ok_or_else(|| absent(source))?.digest
        }
    };
    let to = into(registries, destination).await?;
    if head_at(registries, &to, &destination.at(digest)).await?.is_some() {
        return Ok(0);
    }
    let source = CopySource::Registry(source.repository.clone());
    let blobs = blobs_of(registries, &source, digest).await?;
    let there = held(registries, &to, &blobs).await?;
    Ok(split(blobs, &there).bytes)
}

pub(super) async fn lacking(
    registries: &Registries,
    source: &CopySource,
    digest: ManifestDigest,
    destination: &Repository,
    absent: bool,
) -> Result<BlobDiff, Problem> {
    let blobs = blobs_of(registries, source, digest).await?;
    let to = into(registries, destination).await?;
    // A repository that holds the manifest holds what it names.
    let there = if !absent && head_at(registries, &to, &destination.at(digest)).await?.is_some() {
        blobs.iter().map(|blob| blob.digest).collect()
    } else {
        held(registries, &to, &blobs).await?
    };
    Ok(split(blobs, &there))
}

pub(super) async fn present(
    registries: &Registries,
    destination: &Repository,
    blobs: Vec<Blob>,
) -> Result<HashSet<Digest>, Problem> {
    let to = into(registries, destination).await?;
    held(registries, &to, &blobs).await
}

/// Sends HEAD with the right to write requested: a repository that does not exist yet counts as
/// empty.
pub(super) async fn head_to_write(
    registries: &Registries,
    reference: &Reference,
) -> Result<Option<Head>, Problem> {
    let to = into(registries, &reference.repository).await?;
    head_at(registries, &to, reference).await
}

fn split(blobs: Vec<Blob>, there: &HashSet<Digest>) -> BlobDiff {
    let (present, missing): (Vec<Blob>, Vec<Blob>) =
        blobs.into_iter().partition(|blob| there.contains(&blob.digest));
    BlobDiff {
        bytes: missing.iter().map(|blob| blob.size).sum(),
        missing,
        present,
    }
}

async fn blobs_of(
    registries: &Registries,
    source: &CopySource,
    digest: ManifestDigest,
) -> Result<Vec<Blob>, Problem> {
    let source = ManifestSource::of(registries, source)?;
    let root = source.manifest(digest).await?;
    Ok(unique(&tree(&source, root, true).await?))
}

async fn held(
    registries: &Registries,
    to: &ScopedEndpoint,
    blobs: &[Blob],
) -> Result<HashSet<Digest>, Problem> {
    // Owned, so that the future can be sent to another thread.
    stream::iter(blobs.to_vec())
        .map(|blob| async move {
            let there = retry(|| holds(registries, to, &blob), |_, _| {}).await?;
            Ok::<_, Problem>(there.then_some(blob.digest))
        })
        .buffer_unordered(LOOKS)
        .try_filter_map(|found| std::future::ready(Ok(found)))
        .try_collect()
        .await
}

/// Sends HEAD for a blob. An answer that is neither yes nor no is a problem.
pub(super) async fn holds(
    registries: &Registries,
    access: &ScopedEndpoint,
    blob: &Blob,
) -> Result<bool, AttemptError> {
    let what = format!("blob {} of {}", blob.digest, access.site);
    let ask = RequestSpec::new(Method::HEAD, access.site.url(&format!("blobs/{}", blob.digest))?);
    let answer = registries.ask_once(access, &what, &ask).await?;
    match answer.status {
        200 => {
            check_digest_header(&what, &answer, blob.digest)?;
            match answer
                .header("content-length")
                .and_then(|text| text.parse::<u64>().ok())
            {
                Some(length) if length != blob.size => {
                    Err(
                        digest_mismatch(&what, &format!("{} bytes", blob.size), &format!("{length} bytes"))
                            .into(),
                    )
                }
                _ => Ok(true),
            }
        }
        404 => Ok(false),
        _ => Err(registries.refusal(access, &what, &answer).await),
    }
}
