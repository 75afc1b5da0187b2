//! Uploads bytes to the store's storage: descriptors from memory, files streamed and verified.
//!
//! Sends the only multipart request that storage accepts. Nothing refers to the stored bytes yet,
//! so a lost answer only leaves an orphan and every request here may be repeated.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use sha2::{Digest as _, Sha256};
use tokio_util::io::ReaderStream;

use super::writer::Descriptor;
use super::{StoreWriter, at, json_of, signed, wire};
use crate::config::file::open_plain;
use crate::domain::{Digest, FileFacts, Problem, ProblemKind, SanitizedText};

/// Slowest upload that is allowed, in bytes per second.
const SLOWEST: u64 = 64 * 1024;
/// Bytes read from a file at a time.
const PIECE: usize = 256 * 1024;

impl StoreWriter {
    /// Uploads a descriptor; returns the upload's id.
    pub async fn store(&self, file: &str, descriptor: &Descriptor) -> Result<String, Problem> {
        self.store_bytes(file, &descriptor.0).await
    }

    /// Uploads bytes from memory; returns the upload's id.
    pub async fn store_bytes(&self, file: &str, bytes: &Bytes) -> Result<String, Problem> {
        self.send(file, bytes.len() as u64, || {
            Ok(reqwest::Body::from(bytes.clone()))
        })
        .await
    }

    /// Uploads a file as it was when it was read for the plan; returns the upload's id. `sent`
    /// counts the bytes on their way.
    ///
    /// # Errors
    /// [`ProblemKind::Refused`] if the file has changed: then its end was not sent to storage.
    pub async fn store_file(&self, file: &FileFacts, sent: &Arc<AtomicU64>) -> Result<String, Problem> {
        let changed = Arc::new(AtomicBool::new(false));
        let name = Path::new(&file.path)
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let result = self
            .send(&name, file.size, || {
                sent.store(0, Ordering::Relaxed);
                body_of(file, Arc::clone(sent), Arc::clone(&changed))
            })
            .await;
        if changed.load(Ordering::Relaxed) {
            return Err(Problem::new(
                ProblemKind::Refused,
                format!(
                    "{} has changed since the preview",
                    SanitizedText::capped(&file.path, 300)
                ),
            )
            .hint("nothing was uploaded; run the same command again to upload the current file"));
        }
        result
    }

    async fn send(
        &self,
        file: &str,
        size: u64,
        body: impl Fn() -> Result<reqwest::Body, Problem>,
    ) -> Result<String, Problem> {
        let url = at(&self.storage, &["unscanned-upload", ""]);
        let what = "sending the upload to storage";
        let client = self.publisher.http.sender(&url)?;
        let limit = Duration::from_secs(size / SLOWEST);
        // An error of this machine is reported as such, not as a failure of the network.
        drop(body()?);
        let answer = self
            .publisher
            .http
            .read_within(limit, || {
                let stream = body().unwrap_or_else(|_| reqwest::Body::from(""));
                let part =
                    reqwest::multipart::Part::stream_with_length(stream, size).file_name(file.to_owned());
                let mut headers = reqwest::header::HeaderMap::new();
                headers.insert(
                    reqwest::header::CONTENT_TYPE,
                    reqwest::header::HeaderValue::from_static("application/octet-stream"),
                );
                let form = reqwest::multipart::Form::new().part("binary", part.headers(headers));
                signed(
                    client
                        .post(url.clone())
                        .header("Accept", "application/json")
                        .multipart(form),
                    &self.publisher.token,
                )
            })
            .await
            .map_err(|failure| failure.problem(what, &url))?;
        let upload: wire::Upload = json_of(&answer, what, Some(self.publisher.token.source()))?;
        match upload.upload_id {
            Some(id) if upload.successful => Ok(id),
            _ => Err(
                Problem::new(ProblemKind::Service, format!("{what}: storage rejected it"))
                    .hint("run the same command again"),
            ),
        }
    }
}

/// Returns a file as a body that breaks off before its last piece if the file is not the one that
/// was read for the plan.
fn body_of(
    file: &FileFacts,
    sent: Arc<AtomicU64>,
    changed: Arc<AtomicBool>,
) -> Result<reqwest::Body, Problem> {
    let opened = open_plain(Path::new(&file.path)).map_err(|error| {
        Problem::new(
            ProblemKind::Machine,
            format!("cannot read {}", SanitizedText::capped(&file.path, 300)),
        )
        .because(&error)
    })?;
    let (size, digest) = (file.size, file.digest);
    let mut seen = 0;
    let mut hash = Sha256::new();
    let mut broken = false;
    let stream = ReaderStream::with_capacity(tokio::fs::File::from_std(opened), PIECE);
    // The end is checked too: a file cut short ends without its last piece.
    let ended = futures_util::stream::once(std::future::ready(Ok(Bytes::new())));
    let checked = stream.chain(ended).map(move |piece: std::io::Result<Bytes>| {
        let piece = piece?;
        let refuse = || {
            changed.store(true, Ordering::Relaxed);
            Err(std::io::Error::other("the file has changed"))
        };
        if broken || (piece.is_empty() && seen < size) {
            broken = true;
            return refuse();
        }
        seen += piece.len() as u64;
        hash.update(&piece);
        let wrong_end =
            seen == size && Digest::from_bytes(hash.clone().finalize().into()) != digest && !piece.is_empty();
        if seen > size || wrong_end {
            broken = true;
            return refuse();
        }
        sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
        Ok(piece)
    });
    Ok(reqwest::Body::wrap_stream(checked))
}
