//! One blob to one repository: skip, mount, one streamed PUT, or chunks where that is refused.
//!
//! Owns upload sessions from POST to their end, be it success, failure or cancel. Memory is
//! bounded by one chunk. Must not decide which blobs are wanted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::blob::BlobSource;
use super::look::holds;
use super::manifest::Blob;
use super::resolve::agrees;
use super::verify::{Fault, Watch, verified};
use super::wire::{Access, Ask, Trouble, location, origin_of, persist};
use super::{CopyProgress, Registries};
use crate::domain::{Kind, Problem};
use crate::services::http::{Answer, Failure};

/// Largest chunk, in bytes: GitHub's registry refuses larger ones.
const CHUNK: usize = 4 * 1024 * 1024;
/// How much longer than mere silence a registry may take to hash what it got.
const SETTLING: u32 = 6;

/// Time to end upload sessions after a cancel.
const PARTING: Duration = Duration::from_secs(2);

/// How a blob got to its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was there, or its registry took it over by itself.
    Free,
    /// Its bytes were sent.
    Sent,
}

/// Everything that the blobs of one copy share.
pub(super) struct Transfer<'a> {
    pub(super) registries: &'a Registries,
    pub(super) source: BlobSource,
    pub(super) to: Access,
    /// Access for mounting and the repository to mount from, within one registry.
    pub(super) mount: Option<(Access, String)>,
    pub(super) events: UnboundedSender<CopyProgress>,
    pub(super) stop: CancellationToken,
    /// True once the registry refused one PUT of a whole blob.
    pub(super) chunked: AtomicBool,
}

/// What asking for an upload brought.
enum Opened {
    Mounted,
    Session(Url),
}

pub(super) fn cancelled(what: &str) -> Problem {
    Problem::new(Kind::Refused, format!("{what}: cancelled"))
        .hint("run the same command again to go on: blobs that arrived are not sent twice")
}

fn refuses_whole(status: u16) -> bool {
    matches!(status, 404 | 405 | 411 | 413 | 416 | 501)
}

impl Transfer<'_> {
    fn tell(&self, progress: CopyProgress) {
        // Nobody listening any more is no reason to stop.
        self.events.send(progress).ok();
    }

    fn what(&self, blob: &Blob) -> String {
        format!("blob {} for {}", blob.digest, self.to.site)
    }

    /// Makes `blob` be at the destination.
    pub(super) async fn push(&self, blob: &Blob) -> Result<Outcome, Problem> {
        let tries = AtomicU32::new(0);
        let digest = blob.digest;
        let trying = persist(
            || async {
                let first = tries.fetch_add(1, Ordering::Relaxed) == 0;
                self.attempt(blob, first).await
            },
            |trouble| {
                tracing::debug!(%digest, problem = %trouble.problem, "a blob is tried again");
                let rolled_back = trouble.rolled_back;
                self.tell(CopyProgress::Retrying { digest, rolled_back });
            },
        );
        let outcome = tokio::select! {
            outcome = trying => outcome?,
            () = self.given_up() => return Err(cancelled(&self.what(blob))),
        };
        self.tell(CopyProgress::BlobDone { digest });
        Ok(outcome)
    }

    /// Resolves when a cancelled upload had its time to end itself: pauses are not sat out.
    async fn given_up(&self) {
        self.stop.cancelled().await;
        tokio::time::sleep(PARTING).await;
    }

    async fn attempt(&self, blob: &Blob, first: bool) -> Result<Outcome, Trouble> {
        let (digest, bytes) = (blob.digest, blob.size);
        if self.stop.is_cancelled() {
            return Err(cancelled(&self.what(blob)).into());
        }
        if holds(self.registries, &self.to, blob).await? {
            if first {
                self.tell(CopyProgress::Skipped { digest, bytes });
                return Ok(Outcome::Free);
            }
            // The answer was lost, not the blob.
            self.tell(CopyProgress::Sent { digest, bytes });
            return Ok(Outcome::Sent);
        }
        let mut session = match self.open(blob).await? {
            Opened::Mounted => {
                self.tell(CopyProgress::Mounted { digest, bytes });
                return Ok(Outcome::Free);
            }
            Opened::Session(session) => session,
        };
        let watch = Arc::new(Watch::new());
        let result = tokio::select! {
            result = self.send(blob, &mut session, &watch) => result,
            () = self.stop.cancelled() => Err(cancelled(&self.what(blob)).into()),
        };
        match result {
            Ok(()) => Ok(Outcome::Sent),
            Err(mut trouble) => {
                self.abandon(session).await;
                if let Some(fault) = watch.fault() {
                    trouble = self.source.trouble(blob, &fault);
                }
                trouble.rolled_back = watch.sent.load(Ordering::Relaxed);
                Err(trouble)
            }
        }
    }

    /// Asks for a mount where that can be, else for an upload.
    async fn open(&self, blob: &Blob) -> Result<Opened, Trouble> {
        let what = self.what(blob);
        let url = self.to.site.url("blobs/uploads/")?;
        if let Some((access, from)) = &self.mount {
            let mut mount = url.clone();
            mount
                .query_pairs_mut()
                .append_pair("mount", &blob.digest.to_string())
                .append_pair("from", from);
            let answer = self
                .registries
                .ask_once(access, &what, &Ask::new(Method::POST, mount))
                .await?;
            match answer.status {
                201 => return Ok(Opened::Mounted),
                202 => {
                    return Ok(Opened::Session(location(
                        &self.to.site,
                        &answer.url,
                        &answer.headers,
                    )?));
                }
                429 | 500..=599 => return Err(self.registries.refusal(access, &what, &answer).await),
                // Whoever does not mount may still take an upload.
                _ => {}
            }
        }
        let answer = self
            .registries
            .ask_once(&self.to, &what, &Ask::new(Method::POST, url))
            .await?;
        if !answer.ok() {
            return Err(self.registries.refusal(&self.to, &what, &answer).await);
        }
        Ok(Opened::Session(location(
            &self.to.site,
            &answer.url,
            &answer.headers,
        )?))
    }

    async fn send(&self, blob: &Blob, session: &mut Url, watch: &Arc<Watch>) -> Result<(), Trouble> {
        let source = self.source.open(self.registries, blob).await?;
        let stream = verified(source, blob, Arc::clone(watch), self.events.clone());
        let answer = if self.chunked.load(Ordering::Relaxed) {
            self.chunks(blob, session, stream).await?
        } else {
            let answer = self.whole(blob, session, stream, watch).await?;
            if refuses_whole(answer.status) && watch.fault().is_none() {
                self.chunked.store(true, Ordering::Relaxed);
                let refusal = self.registries.refusal(&self.to, &self.what(blob), &answer).await;
                return Err(Trouble::passing(refusal.problem));
            }
            answer
        };
        let what = self.what(blob);
        if !answer.ok() {
            let mut trouble = self.registries.refusal(&self.to, &what, &answer).await;
            // A token that ran out under way, or bytes that were hurt on their way.
            trouble.again |= matches!(answer.status, 400 | 401);
            return Err(trouble);
        }
        agrees(&what, &answer, blob.digest)?;
        Ok(())
    }

    /// One PUT with the whole blob as its body.
    async fn whole(
        &self,
        blob: &Blob,
        session: &Url,
        stream: impl Stream<Item = Result<Bytes, Fault>> + Send + 'static,
        watch: &Watch,
    ) -> Result<Answer, Trouble> {
        let what = self.what(blob);
        let url = closing(session, blob);
        let http = &self.registries.shared.http;
        let mut request = http
            .sender(&url)?
            .put(url.clone())
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, blob.size)
            .body(reqwest::Body::wrap_stream(stream));
        let authorization = if origin_of(&url) == self.to.site.origin() {
            self.registries.authorization(&self.to).await?
        } else {
            None
        };
        if let Some(value) = &authorization {
            request = request.header(AUTHORIZATION, value.clone());
        }
        let sending = async {
            let response = http.open(request).await?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let answered = response.url().clone();
            let body = response.bytes().await.unwrap_or_default();
            Ok::<_, Failure>(Answer {
                status,
                headers,
                body,
                url: answered,
            })
        };
        let answer = tokio::select! {
            answer = sending => answer,
            () = stalled(watch, http.timeouts().idle) => Err(Failure {
                not_sent: false,
                hopeless: false,
                text: "timed out".to_owned(),
            }),
        }
        .map_err(|failure| Trouble::failed(&failure, &what, &url))?;
        if answer.status == 401 {
            // The body is spent; the next attempt goes with what this answer taught.
            self.registries
                .learn(&self.to, &answer.headers, authorization.as_ref())
                .await?;
        }
        Ok(answer)
    }

    /// Chunks of at most [`CHUNK`] bytes, then a PUT without a body.
    async fn chunks(
        &self,
        blob: &Blob,
        session: &mut Url,
        stream: impl Stream<Item = Result<Bytes, Fault>> + Send,
    ) -> Result<Answer, Trouble> {
        let what = self.what(blob);
        let mut stream = std::pin::pin!(stream);
        let mut offset = 0_u64;
        let mut buffer = BytesMut::new();
        loop {
            let piece = stream.next().await.transpose().map_err(|fault| {
                Trouble::passing(Problem::new(Kind::Network, format!("{what} broke off")).because(&fault))
            })?;
            let last = piece.is_none();
            buffer.extend_from_slice(&piece.unwrap_or_default());
            while buffer.len() >= CHUNK || (last && !buffer.is_empty()) {
                let chunk = buffer.split_to(buffer.len().min(CHUNK)).freeze();
                let end = offset + chunk.len() as u64;
                let ask = Ask::new(Method::PATCH, session.clone())
                    .header(CONTENT_TYPE, "application/octet-stream")
                    .header(CONTENT_RANGE, &format!("{offset}-{}", end - 1))
                    .body(chunk);
                let answer = self.registries.ask_once(&self.to, &what, &ask).await?;
                if !answer.ok() {
                    return Err(self.registries.refusal(&self.to, &what, &answer).await);
                }
                if answer.headers.contains_key(reqwest::header::LOCATION) {
                    *session = location(&self.to.site, &answer.url, &answer.headers)?;
                }
                offset = end;
            }
            if last {
                break;
            }
        }
        let ask = Ask::new(Method::PUT, closing(session, blob));
        self.registries.ask_once(&self.to, &what, &ask).await
    }

    /// Tells the registry to forget a session, without insisting.
    async fn abandon(&self, session: Url) {
        let ask = Ask::new(Method::DELETE, session);
        if let Err(trouble) = self.registries.ask_once(&self.to, "an upload", &ask).await {
            tracing::debug!(problem = %trouble.problem, "an upload session stays behind");
        }
    }
}

/// The address that ends an upload: the session's own query stays as it is.
fn closing(session: &Url, blob: &Blob) -> Url {
    let mut url = session.clone();
    url.query_pairs_mut()
        .append_pair("digest", &blob.digest.to_string());
    url
}

/// Resolves once the sink took nothing for too long.
async fn stalled(watch: &Watch, idle: Duration) {
    loop {
        // Longer than a source may be silent, so that the guilty one is named.
        let patience = if watch.complete.load(Ordering::Relaxed) {
            idle * SETTLING
        } else {
            idle * 3 / 2
        };
        let until = watch.moved() + patience;
        if until <= tokio::time::Instant::now() {
            return;
        }
        tokio::time::sleep_until(until).await;
    }
}
