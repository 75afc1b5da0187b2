//! Opens the source of a blob as a stream.
//!
//! There is one variant per type of source; the sender does not depend on it. Verification is done
//! in `verified_stream`.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, Stream, StreamExt};

use super::local_image::{BlobLocation, LocalImage, gone};
use super::manifest::Blob;
use super::manifest_source::unreadable;
use super::request::{AttemptError, ScopedEndpoint};
use super::resolve::digest_mismatch;
use super::verified_stream::{Fault, StreamMonitor};
use super::{Registries, download};
use crate::config::file::open_plain;
use crate::domain::{Problem, ProblemKind};

/// Bytes of a file in memory at once, for each blob.
const PIECE: usize = 256 * 1024;

/// A source of blobs.
#[derive(Clone)]
pub(super) enum BlobSource {
    /// A repository in a registry.
    Registry(ScopedEndpoint),
    /// This machine.
    Local(Arc<LocalImage>),
}

impl BlobSource {
    /// Opens the bytes of `blob` from the first one on. `watch` is notified while a silent source
    /// is busy.
    pub(super) async fn open(
        &self,
        registries: &Registries,
        blob: &Blob,
        watch: &Arc<StreamMonitor>,
    ) -> Result<BoxStream<'static, Result<Bytes, Fault>>, AttemptError> {
        match self {
            Self::Registry(access) => download::open(registries, access, blob, Arc::clone(watch)).await,
            Self::Local(image) => match image.place(blob.digest) {
                Some(BlobLocation::Bytes(bytes)) => {
                    let bytes = bytes.clone();
                    Ok(stream::once(async move { Ok(bytes) }).boxed())
                }
                Some(BlobLocation::File { path, offset }) => {
                    let file = open_at(path, *offset).map_err(|error| unreadable(path, &error))?;
                    Ok(from_file(file, blob.size).boxed())
                }
                Some(BlobLocation::Elsewhere) | None => Err(gone(blob.digest).into()),
            },
        }
    }

    /// Returns true if a broken connection to the source may work on the next try.
    pub(super) const fn may_come_back(&self) -> bool {
        matches!(self, Self::Registry(_))
    }

    /// Interprets a source that stopped early.
    pub(super) fn trouble(&self, blob: &Blob, fault: &Fault) -> AttemptError {
        let what = match self {
            Self::Registry(access) => format!("blob {} of {}", blob.digest, access.site),
            Self::Local(_) => format!("local blob {}", blob.digest),
        };
        match (self, fault) {
            (_, Fault::Refused(problem)) => (**problem).clone().into(),
            (Self::Registry(_), Fault::DigestMismatch { expected, got }) => {
                digest_mismatch(&what, expected, got).into()
            }
            (Self::Registry(_), Fault::Broke(why)) => AttemptError::passing(
                Problem::new(ProblemKind::Network, format!("{what} was interrupted"))
                    .cause(why)
                    .hint("run the same command again: data that arrived is not sent again"),
            ),
            (Self::Local(_), fault) => {
                Problem::new(ProblemKind::Invalid, format!("{what} does not match its digest"))
                    .because(fault)
                    .hint(
                        "the file changed or is truncated: create it again, then run the same command again",
                    )
                    .into()
            }
        }
    }
}

fn open_at(path: &Path, offset: u64) -> io::Result<File> {
    let mut file = open_plain(path)?;
    file.seek(SeekFrom::Start(offset))?;
    Ok(file)
}

/// Reads `left` bytes of a file, in pieces of at most [`PIECE`], each on a blocking thread.
fn from_file(file: File, left: u64) -> impl Stream<Item = Result<Bytes, Fault>> + Send + 'static {
    stream::try_unfold((file, left), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let wanted = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; wanted];
            let count = file.read(&mut piece)?;
            piece.truncate(count);
            Ok::<_, io::Error>((file, piece))
        });
        let (file, piece) = read
            .await
            .map_err(io::Error::other)
            .flatten()
            .map_err(|error| Fault::Broke(error.to_string()))?;
        // The receiver, which counts, detects a file that ends early.
        let left = if piece.is_empty() {
            0
        } else {
            left - piece.len() as u64
        };
        Ok(Some((Bytes::from(piece), (file, left))))
    })
}
