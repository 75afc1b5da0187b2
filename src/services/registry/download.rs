//! Downloads one blob from a registry, and resumes where the connection broke off.
//!
//! Uses ranges and limits the number of retries. Verification is done in `verified_stream`.

use std::sync::Arc;

use backon::{BackoffBuilder as _, ExponentialBackoff};
use bytes::{Buf as _, Bytes};
use futures_util::stream::{self, BoxStream, StreamExt};
use reqwest::header::{AUTHORIZATION, RANGE};

use super::Registries;
use super::manifest::Blob;
use super::request::{AttemptError, ScopedEndpoint, origin_of};
use super::resolve::digest_mismatch;
use super::verified_stream::{Fault, StreamMonitor};
use crate::domain::SanitizedText;
use crate::services::http::body::{Paced, pieces};
use crate::services::http::{self, Answer, Failure};

/// Retries of one blob, however many bytes each of them delivered.
const ROUNDS: u32 = 32;

type Body = BoxStream<'static, Result<Bytes, Failure>>;

/// Holds a download under way.
struct Download {
    registries: Registries,
    access: ScopedEndpoint,
    blob: Blob,
    watch: Arc<StreamMonitor>,
    body: Body,
    /// Bytes that were passed on.
    seen: u64,
    /// Bytes that arrive a second time and are dropped.
    skip: u64,
    /// Position when it last broke off.
    since: u64,
    rounds: u32,
    pauses: ExponentialBackoff,
}

/// Opens the bytes of `blob` from the first one on.
pub(super) async fn open(
    registries: &Registries,
    access: &ScopedEndpoint,
    blob: &Blob,
    watch: Arc<StreamMonitor>,
) -> Result<BoxStream<'static, Result<Bytes, Fault>>, AttemptError> {
    let (body, _) = ask(registries, access, blob, 0).await?;
    let download = Download {
        registries: registries.clone(),
        access: access.clone(),
        blob: blob.clone(),
        watch,
        body,
        seen: 0,
        skip: 0,
        since: 0,
        rounds: 0,
        pauses: http::policy().build(),
    };
    let pieces = stream::try_unfold(download, |mut download| async move {
        let piece = download.next().await?;
        Ok(piece.map(|piece| (piece, download)))
    });
    Ok(pieces.boxed())
}

impl Download {
    async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        loop {
            let why = match self.body.next().await {
                Some(Ok(mut piece)) => {
                    let dropped =
                        usize::try_from(self.skip).map_or(piece.len(), |skip| skip.min(piece.len()));
                    piece.advance(dropped);
                    self.skip -= dropped as u64;
                    if piece.is_empty() {
                        self.watch.touch();
                        continue;
                    }
                    self.seen += piece.len() as u64;
                    return Ok(Some(piece));
                }
                // The receiver, which counts and hashes, detects an incomplete blob.
                _ if self.seen >= self.blob.size => return Ok(None),
                // A host that is too slow would be too slow again.
                Some(Err(failure)) if failure.hopeless => return Err(Fault::Broke(failure.text)),
                Some(Err(failure)) => failure.text,
                None => format!("it ended after {} of {} bytes", self.seen, self.blob.size),
            };
            self.again(why).await?;
        }
    }

    /// Requests the rest, after the pauses of the retry policy; they start from the beginning if
    /// the last try delivered something.
    async fn again(&mut self, why: String) -> Result<(), Fault> {
        self.rounds += 1;
        if self.seen > self.since {
            self.pauses = http::policy().build();
        }
        self.since = self.seen;
        let mut why = why;
        loop {
            let pause = self.pauses.next().filter(|_| self.rounds <= ROUNDS);
            let Some(mut pause) = pause else {
                return Err(Fault::Broke(why));
            };
            tracing::debug!(digest = %self.blob.digest, at = self.seen, why, "resuming a download");
            loop {
                self.watch.touch();
                let step = pause.min(std::time::Duration::from_secs(5));
                tokio::time::sleep(step).await;
                pause = pause.saturating_sub(step);
                if pause.is_zero() {
                    break;
                }
            }
            self.watch.touch();
            match ask(&self.registries, &self.access, &self.blob, self.seen).await {
                Ok((body, skip)) => {
                    (self.body, self.skip) = (body, skip);
                    return Ok(());
                }
                // A wait that the host asked for is kept by all requests to it.
                Err(trouble)
                    if trouble.again && trouble.wait.is_none_or(|wait| wait <= http::LONGEST_WAIT) =>
                {
                    why = trouble.problem.to_string();
                }
                Err(trouble) => return Err(Fault::Refused(Box::new(trouble.problem))),
            }
        }
    }
}

/// Requests the body from `offset` on; also returns how many bytes of it were already received.
async fn ask(
    registries: &Registries,
    access: &ScopedEndpoint,
    blob: &Blob,
    offset: u64,
) -> Result<(Body, u64), AttemptError> {
    let what = format!("blob {} of {}", blob.digest, access.site);
    let url = access.site.url(&format!("blobs/{}", blob.digest))?;
    let http = &registries.shared.http;
    let mut learnt = false;
    let response = loop {
        let authorization = registries.authorization(access).await?;
        let mut request = http.client(&url)?.get(url.clone());
        if let Some(value) = &authorization {
            request = request.header(AUTHORIZATION, value.clone());
        }
        if offset > 0 {
            request = request.header(RANGE, format!("bytes={offset}-"));
        }
        let response = http
            .open(request)
            .await
            .map_err(|failure| AttemptError::failed(&failure, &what, &url))?;
        let ours = origin_of(response.url()) == access.site.origin();
        if response.status().as_u16() == 401
            && ours
            && !learnt
            && registries
                .learn(access, response.headers(), authorization.as_ref())
                .await?
        {
            learnt = true;
            // A small answer is read to its end, so that its connection is reused.
            if response.content_length().is_some_and(|length| length < 64 * 1024) {
                drop(http.body_of(response).await);
            }
            continue;
        }
        break response;
    };
    registries.note_quota(&access.site, response.headers());
    let status = response.status().as_u16();
    let length = response.content_length();
    let skip = match status {
        200 => {
            if let Some(length) = length.filter(|length| *length != blob.size) {
                return Err(digest_mismatch(
                    &what,
                    &format!("{} bytes", blob.size),
                    &format!("{length} bytes"),
                )
                .into());
            }
            offset
        }
        206 if offset > 0 => {
            let range = response.headers().get("content-range");
            let range = range.and_then(|range| range.to_str().ok()).unwrap_or_default();
            if !follows(range, offset, blob.size) {
                let wanted = format!("bytes {offset}-{}/{}", blob.size - 1, blob.size);
                return Err(digest_mismatch(
                    &what,
                    &wanted,
                    &format!("'{}'", SanitizedText::capped(range, 100)),
                )
                .into());
            }
            0
        }
        _ => {
            let answer = Answer {
                status,
                headers: response.headers().clone(),
                url: response.url().clone(),
                body: Bytes::new(),
            };
            return Err(registries.refusal(access, &what, &answer).await);
        }
    };
    let host = http::host_of(&url);
    let paced = Paced::new(pieces(response), http.span());
    let body = stream::unfold(
        paced,
        |mut paced| async move { Some((paced.next().await?, paced)) },
    )
    .map(move |piece| {
        piece.map_err(|failure| Failure {
            text: format!("{host}: {}", failure.text),
            ..failure
        })
    });
    Ok((body.boxed(), skip))
}

/// Returns true if a `Content-Range` begins at `offset` of a whole of `size` bytes.
fn follows(range: &str, offset: u64, size: u64) -> bool {
    let Some((span, whole)) = range.strip_prefix("bytes ").and_then(|text| text.split_once('/')) else {
        return false;
    };
    let begins = span
        .split_once('-')
        .and_then(|(from, _)| from.trim().parse::<u64>().ok());
    begins == Some(offset) && (whole == "*" || whole.parse() == Ok(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_must_begin_where_it_broke_off() {
        assert!(follows("bytes 5-9/10", 5, 10));
        assert!(follows("bytes 5-9/*", 5, 10));
        for bad in ["", "bytes 4-9/10", "bytes 5-9/11", "5-9/10", "bytes */10"] {
            assert!(!follows(bad, 5, 10), "{bad}");
        }
    }
}
