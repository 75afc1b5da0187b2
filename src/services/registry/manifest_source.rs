//! Reads the manifests and configs of one image, in a registry or on this machine.
//!
//! Both are always verified against their digest.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::Method;

use super::cache::{Entry, ManifestCache, digest_of};
use super::local_image::{BlobLocation, LocalImage, gone};
use super::manifest::{self, Blob, Manifest};
use super::request::{RequestSpec, ScopedEndpoint};
use super::resolve::{cached, digest_mismatch, manifest_at};
use super::{CopySource, Registries};
use crate::config::file;
use crate::domain::image::Repository;
use crate::domain::{ManifestDigest, Problem, ProblemKind, SanitizedText};

/// A place that holds one image.
#[derive(Clone)]
pub(super) enum ManifestSource {
    /// A repository, and how it is accessed.
    Registry(Registries, ScopedEndpoint, Repository),
    /// This machine; smaller indexes derived from the image are in the cache.
    Local(Arc<LocalImage>, Option<ManifestCache>),
}

impl ManifestSource {
    /// Returns the source that a copy reads from.
    pub(super) fn of(registries: &Registries, source: &CopySource) -> Result<Self, Problem> {
        match source {
            CopySource::Registry(repository) => {
                Ok(registries.manifest_source(registries.endpoint(repository)?.pull(), repository))
            }
            CopySource::Local(image) => Ok(Self::Local(
                Arc::clone(image),
                Some(registries.shared.cache.clone()),
            )),
        }
    }

    /// Names one of its manifests in messages.
    pub(super) fn name(&self, digest: ManifestDigest) -> String {
        match self {
            Self::Registry(_, _, repository) => repository.at(digest).to_string(),
            Self::Local(..) => format!("local manifest {digest}"),
        }
    }

    /// Reads one manifest.
    pub(super) async fn manifest(&self, digest: ManifestDigest) -> Result<Manifest, Problem> {
        match self {
            Self::Registry(registries, access, repository) => {
                manifest_at(registries, access, repository, digest).await
            }
            Self::Local(image, cache) => image
                .manifest(digest)
                .cloned()
                .or_else(|| cached(cache.as_ref()?, &self.name(digest), digest))
                .ok_or_else(|| {
                    Problem::new(
                        ProblemKind::NotFound,
                        format!("manifest {} not found", self.name(digest)),
                    )
                    .hint("run the same command again to read the image again")
                }),
        }
    }

    /// Reads a config: small, and cached if it came from a registry.
    pub(super) async fn config(&self, blob: &Blob) -> Result<Bytes, Problem> {
        let what = match self {
            Self::Registry(_, _, repository) => format!("the config {} of {repository}", blob.digest),
            Self::Local(..) => format!("the local config {}", blob.digest),
        };
        if blob.size > manifest::CAP as u64 {
            return Err(
                Problem::new(ProblemKind::Invalid, format!("{what} is not usable"))
                    .cause(format!("it is larger than {} bytes", manifest::CAP)),
            );
        }
        match self {
            Self::Registry(registries, access, _) => match registries.shared.cache.get(blob.digest) {
                Some(entry) => Ok(entry.bytes),
                None => fetch(registries, access, &what, blob).await,
            },
            Self::Local(image, _) => {
                let bytes = match image.place(blob.digest) {
                    Some(BlobLocation::Bytes(bytes)) => bytes.clone(),
                    Some(BlobLocation::File { path, offset }) => {
                        let (path, offset, size) = (path.clone(), *offset, blob.size);
                        let reading = tokio::task::spawn_blocking(move || read(&path, offset, size));
                        reading.await.map_err(|error| {
                            Problem::new(ProblemKind::Internal, format!("could not read {what}"))
                                .because(&error)
                        })??
                    }
                    Some(BlobLocation::Elsewhere) | None => return Err(gone(blob.digest)),
                };
                agree(&what, blob, &bytes)?;
                Ok(bytes)
            }
        }
    }
}

impl Registries {
    /// Returns a repository that is read with `access`.
    pub(super) fn manifest_source(&self, access: ScopedEndpoint, repository: &Repository) -> ManifestSource {
        ManifestSource::Registry(self.clone(), access, repository.clone())
    }
}

fn read(path: &Path, offset: u64, size: u64) -> Result<Bytes, Problem> {
    let mut bytes = Vec::new();
    file::open_plain(path)
        .and_then(|mut file| {
            file.seek(SeekFrom::Start(offset))?;
            file.take(size).read_to_end(&mut bytes)
        })
        .map_err(|error| unreadable(path, &error))?;
    Ok(bytes.into())
}

/// Returns the problem for a file of a local image that cannot be read.
pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    let shown = SanitizedText::new(path.display().to_string());
    Problem::new(ProblemKind::Machine, format!("cannot read {shown}"))
        .because(error)
        .hint("check that it exists and is readable, then run the same command again")
}

async fn fetch(
    registries: &Registries,
    access: &ScopedEndpoint,
    what: &str,
    blob: &Blob,
) -> Result<Bytes, Problem> {
    let ask = RequestSpec::new(Method::GET, access.site.url(&format!("blobs/{}", blob.digest))?);
    let answer = registries
        .ask(access, what, &ask)
        .await
        .map_err(|trouble| trouble.problem)?;
    if answer.status != 200 {
        return Err(registries.refusal(access, what, &answer).await.problem);
    }
    agree(what, blob, &answer.body)?;
    let entry = Entry {
        media_type: blob.media_type.clone(),
        bytes: answer.body.clone(),
    };
    registries.shared.cache.put(blob.digest, &entry);
    Ok(answer.body)
}

fn agree(what: &str, blob: &Blob, bytes: &Bytes) -> Result<(), Problem> {
    let got = digest_of(bytes);
    if got != blob.digest {
        return Err(digest_mismatch(what, &blob.digest, &got));
    }
    if bytes.len() as u64 != blob.size {
        return Err(digest_mismatch(
            what,
            &format!("{} bytes", blob.size),
            &format!("{} bytes", bytes.len()),
        ));
    }
    Ok(())
}
