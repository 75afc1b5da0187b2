//! Sends the bytes of one blob: in one PUT, or in chunks if that is refused or broke off.
//!
//! Builds the bodies, monitors their progress and interprets the answers. Memory is bounded by one
//! chunk. `blob_transfer` opens and ends sessions.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION};
use url::Url;

use super::CopyProgress;
use super::blob_transfer::{BrokenUpload, State, Transfer};
use super::manifest::Blob;
use super::request::{AttemptError, RequestSpec, location, origin_of};
use super::resolve::check_digest_header;
use super::verified_stream::{Fault, StreamMonitor, verified};
use crate::domain::{Problem, ProblemKind};
use crate::services::http::json::{secrets_in, without_secrets};
use crate::services::http::{Answer, Failure};

/// Default length of a chunk, in bytes: GitHub's registry refuses larger ones.
const CHUNK: u64 = 4 * 1024 * 1024;
/// Longest chunk that a registry may ask for.
const LONGEST_CHUNK: u64 = 8 * 1024 * 1024;
/// Pieces of a chunk, so that its progress can be monitored.
const PIECE: usize = 64 * 1024;
/// Number of idle timeouts that a registry may take to hash what it received.
const SETTLING: u32 = 6;

fn refuses_whole(status: u16) -> bool {
    matches!(status, 404 | 405 | 411 | 413 | 416 | 501)
}

/// No answer came: the session may hold what was sent.
fn resumable(trouble: AttemptError) -> BrokenUpload {
    BrokenUpload {
        trouble,
        resumable: true,
    }
}

impl From<Problem> for BrokenUpload {
    fn from(problem: Problem) -> Self {
        Self {
            trouble: problem.into(),
            resumable: false,
        }
    }
}

impl Transfer<'_> {
    /// Sends `blob` from `offset` on. The source is read from its first byte, because the hash
    /// covers all of it.
    pub(super) async fn send(&self, blob: &Blob, state: &mut State, offset: u64) -> Result<(), BrokenUpload> {
        let watch = Arc::new(StreamMonitor::new());
        let sent = self.stream(blob, state, offset, &watch).await;
        sent.map_err(|mut broken| {
            if let Some(fault) = watch.fault() {
                // A source that broke off may continue; one with wrong content never will.
                broken.resumable = matches!(fault, Fault::Broke(_)) && self.source.may_come_back();
                broken.trouble = self.source.trouble(blob, &fault);
            }
            broken.trouble.rolled_back = watch.told.load(Ordering::Relaxed);
            broken
        })
    }

    async fn stream(
        &self,
        blob: &Blob,
        state: &mut State,
        offset: u64,
        watch: &Arc<StreamMonitor>,
    ) -> Result<(), BrokenUpload> {
        let opened = self.source.open(self.registries, blob, watch).await;
        let source = opened.map_err(|trouble| BrokenUpload {
            resumable: trouble.again,
            trouble,
        })?;
        let stream = verified(source, blob, offset, Arc::clone(watch), self.events.clone());
        if offset > 0 {
            let (digest, bytes) = (blob.digest, offset);
            watch.told.fetch_add(bytes, Ordering::Relaxed);
            self.tell(CopyProgress::Sent { digest, bytes });
        }
        let what = self.what(blob);
        let answer = if offset > 0 || self.in_chunks() {
            self.chunks(blob, state, stream, offset, watch).await?
        } else {
            let answer = self.whole(blob, state, stream, watch).await?;
            if refuses_whole(answer.status) && watch.fault().is_none() {
                self.chunked.store(true, Ordering::Relaxed);
                let refusal = self.registries.refusal(&self.to, &what, &answer).await;
                return Err(BrokenUpload {
                    trouble: AttemptError::passing(refusal.problem),
                    resumable: false,
                });
            }
            answer
        };
        if !answer.ok() {
            return Err(self.refused(&what, &answer).await);
        }
        check_digest_header(&what, &answer, blob.digest)?;
        Ok(())
    }

    /// Interprets a refusal of bytes.
    async fn refused(&self, what: &str, answer: &Answer) -> BrokenUpload {
        let mut trouble = self.registries.refusal(&self.to, what, answer).await;
        // A token that expired on the way, or bytes or a session that were damaged.
        trouble.again |= matches!(answer.status, 400 | 401 | 404 | 416);
        BrokenUpload {
            trouble,
            resumable: matches!(answer.status, 401 | 408 | 429 | 500..=599),
        }
    }

    /// Sends one PUT with the whole blob as its body.
    async fn whole(
        &self,
        blob: &Blob,
        state: &State,
        stream: impl Stream<Item = Result<Bytes, Fault>> + Send + 'static,
        watch: &StreamMonitor,
    ) -> Result<Answer, BrokenUpload> {
        let url = closing(session(state)?, blob);
        let body = reqwest::Body::wrap_stream(stream);
        let request = |client: &reqwest::Client| {
            client
                .put(url.clone())
                .header(CONTENT_TYPE, "application/octet-stream")
                .header(CONTENT_LENGTH, blob.size)
                .body(body)
        };
        self.transmit(blob, &url, request, watch).await.map_err(resumable)
    }

    /// Sends one body; there is no time limit as long as it makes progress.
    async fn transmit(
        &self,
        blob: &Blob,
        url: &Url,
        request: impl FnOnce(&reqwest::Client) -> reqwest::RequestBuilder,
        watch: &StreamMonitor,
    ) -> Result<Answer, AttemptError> {
        let what = self.what(blob);
        let http = &self.registries.shared.http;
        let authorization = if origin_of(url) == self.to.site.origin() {
            self.registries.authorization(&self.to).await?
        } else {
            None
        };
        let mut request = request(http.sender(url)?);
        if let Some(value) = &authorization {
            request = request.header(AUTHORIZATION, value.clone());
        }
        watch.touch();
        let sending = async {
            let response = http.open(request).await?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let answered = response.url().clone();
            // Only status and headers of this answer are used.
            let body = http.body_of(response).await.unwrap_or_default();
            let secrets: Vec<String> = authorization.iter().flat_map(secrets_in).collect();
            let body = without_secrets(body, secrets.iter().map(String::as_str));
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
                began: false,
                text: "timed out".to_owned(),
            }),
        }
        .map_err(|failure| AttemptError::failed(&failure, &what, url))?;
        if answer.status == 401 {
            // The body is consumed; the next attempt uses what this answer requires.
            self.registries
                .learn(&self.to, &answer.headers, authorization.as_ref())
                .await?;
        }
        Ok(answer)
    }

    /// Sends chunks from `offset` on, then a PUT without a body.
    async fn chunks(
        &self,
        blob: &Blob,
        state: &mut State,
        stream: impl Stream<Item = Result<Bytes, Fault>> + Send,
        mut offset: u64,
        watch: &StreamMonitor,
    ) -> Result<Answer, BrokenUpload> {
        let what = self.what(blob);
        let turn = self.registries.shared.hosts.chunked.acquire().await;
        let _turn = turn.map_err(|error| {
            Problem::new(ProblemKind::Internal, format!("{what}: request limiter closed")).because(&error)
        })?;
        let minimum = state.session.as_ref().map_or(0, |session| session.minimum);
        let length = CHUNK.max(minimum.min(LONGEST_CHUNK)) as usize;
        let mut stream = std::pin::pin!(stream);
        let mut buffer = BytesMut::new();
        while let Some(piece) = stream.next().await {
            let mut piece = piece.map_err(|fault| {
                let problem =
                    Problem::new(ProblemKind::Network, format!("{what} was interrupted")).because(&fault);
                resumable(AttemptError::passing(problem))
            })?;
            while !piece.is_empty() {
                if buffer.is_empty() {
                    let left = usize::try_from(blob.size - offset).map_or(length, |left| left.min(length));
                    buffer = BytesMut::with_capacity(left);
                }
                buffer.extend_from_slice(&piece.split_to(piece.len().min(length - buffer.len())));
                if buffer.len() == length {
                    let chunk = buffer.split().freeze();
                    offset = self.chunk(blob, state, chunk, offset, watch).await?;
                }
            }
        }
        if !buffer.is_empty() {
            self.chunk(blob, state, buffer.freeze(), offset, watch).await?;
        }
        let ask = RequestSpec::new(Method::PUT, closing(session(state)?, blob));
        let closed = self.registries.ask_once(&self.to, &what, &ask).await;
        closed.map_err(resumable)
    }

    /// Sends one chunk; the next begins where it ended.
    async fn chunk(
        &self,
        blob: &Blob,
        state: &mut State,
        chunk: Bytes,
        offset: u64,
        watch: &StreamMonitor,
    ) -> Result<u64, BrokenUpload> {
        let what = self.what(blob);
        let url = session(state)?.clone();
        let length = chunk.len() as u64;
        let end = offset + length;
        let request = |client: &reqwest::Client| {
            client
                .patch(url.clone())
                .header(CONTENT_TYPE, "application/octet-stream")
                .header(CONTENT_LENGTH, length)
                .header(CONTENT_RANGE, format!("{offset}-{}", end - 1))
                .body(rate_limited(chunk, watch))
        };
        let sent = self.transmit(blob, &url, request, watch).await;
        let answer = sent.map_err(resumable)?;
        if !answer.ok() {
            return Err(self.refused(&what, &answer).await);
        }
        if answer.headers.contains_key(LOCATION) {
            state.moved_to(location(&self.to.site, &answer.url, &answer.headers)?);
        }
        state.reaches(end);
        Ok(end)
    }
}

fn session(state: &State) -> Result<&Url, Problem> {
    let session = state.session.as_ref().map(|session| &session.url);
    session.ok_or_else(|| Problem::new(ProblemKind::Internal, "upload continues without a session"))
}

/// Returns a chunk as a body that reports each piece that was sent.
fn rate_limited(chunk: Bytes, watch: &StreamMonitor) -> reqwest::Body {
    let pace = watch.pace();
    reqwest::Body::wrap_stream(stream::unfold(chunk, move |mut chunk| {
        pace.touch();
        let piece = chunk.split_to(chunk.len().min(PIECE));
        let more = !piece.is_empty();
        std::future::ready(more.then_some((Ok::<_, std::io::Error>(piece), chunk)))
    }))
}

/// Returns the address that completes an upload: the session's own query is kept.
fn closing(session: &Url, blob: &Blob) -> Url {
    let mut url = session.clone();
    url.query_pairs_mut()
        .append_pair("digest", &blob.digest.to_string());
    url
}

/// Resolves once the receiver accepted no bytes for too long.
async fn stalled(watch: &StreamMonitor, idle: Duration) {
    loop {
        // Longer than the limit for a silent source, so that the side that stalls is reported.
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
