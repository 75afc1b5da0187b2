//! Uploads one blob to one repository: skip, mount, resume an earlier upload, or send.
//!
//! Manages upload sessions from POST to their end: success, failure, cancellation or the next
//! process. The registry's own answer decides what exists. `blob_upload` transfers the bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Method;
use reqwest::header::RANGE;
use tokio::sync::Mutex;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::blob::BlobSource;
use super::host_limits::{HostState, UploadLock, acquire_permits};
use super::manifest::Blob;
use super::presence::holds;
use super::request::{AttemptError, RequestSpec, ScopedEndpoint, location, retry};
use super::upload_sessions::{ResumableSession, StoredSession};
use super::{CopyProgress, Registries};
use crate::domain::{Problem, ProblemKind};
use crate::services::http::Answer;

/// Time to end upload sessions after a cancellation.
const PARTING: Duration = Duration::from_secs(2);
/// Rounds of the retry policy for one blob, each of which must have made progress.
const ROUNDS: u32 = 16;
/// Bytes that a round must have sent to be worth another.
const BROUGHT: u64 = 1024 * 1024;
/// Header with the least length of a chunk that a registry accepts.
const CHUNK_MINIMUM: &str = "oci-chunk-min-length";

/// How a blob got to its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlobOutcome {
    /// It existed, or the registry mounted it.
    Free,
    /// Number of bytes that were sent; an earlier process had sent the rest.
    Sent(u64),
}

/// Holds everything that the blobs of one copy share.
pub(super) struct Transfer<'a> {
    pub(super) registries: &'a Registries,
    pub(super) source: BlobSource,
    pub(super) to: ScopedEndpoint,
    /// Access for mounting and the repository to mount from, within one registry.
    pub(super) mount: Option<(ScopedEndpoint, String)>,
    pub(super) events: UnboundedSender<CopyProgress>,
    /// Ends all uploads, because of a cancellation or because another blob failed.
    pub(super) stop: CancellationToken,
    /// Cancellation by the operator.
    pub(super) cancel: CancellationToken,
    /// True once the registry refused one PUT of a whole blob.
    pub(super) chunked: AtomicBool,
    /// The destination's host.
    pub(super) host: Arc<HostState>,
    /// The hosts at which a transfer needs a permit.
    pub(super) hosts: Vec<Arc<HostState>>,
}

/// Holds an upload session of a registry.
pub(super) struct Session {
    pub(super) url: Url,
    /// Least length of a chunk, in bytes.
    pub(super) minimum: u64,
}

/// Holds the state of the session after a failed try.
pub(super) struct BrokenUpload {
    pub(super) trouble: AttemptError,
    /// True if the session can be resumed.
    pub(super) resumable: bool,
}

/// Holds what is known about one blob between its tries.
#[derive(Default)]
pub(super) struct State {
    /// True once it is certain that bytes must be sent.
    looked: bool,
    /// True once the record of an earlier process was read.
    recalled: bool,
    pub(super) session: Option<Session>,
    pub(super) kept: Option<StoredSession>,
    flight: Option<UploadLock>,
    /// Bytes that the registry last reported to have.
    reached: u64,
    /// Bytes that were sent in a session of an earlier process.
    inherited: u64,
    /// Bytes that the last try reported as sent, which are void.
    void: u64,
}

impl State {
    /// Records the new address of the session.
    pub(super) fn moved_to(&mut self, url: Url) {
        if let Some(kept) = &mut self.kept {
            kept.keep(&url);
        }
        if let Some(session) = &mut self.session {
            session.url = url;
        }
    }

    /// Records the number of bytes that the registry has.
    pub(super) fn reaches(&mut self, end: u64) {
        self.reached = self.reached.max(end);
    }
}

/// The result of a mount request.
enum MountResult {
    Mounted,
    /// Refused, and an upload was opened instead.
    Session(Session),
    Refused,
}

pub(super) fn cancelled(what: &str) -> Problem {
    Problem::new(ProblemKind::Refused, format!("{what}: cancelled"))
        .hint("run the same command again to continue: blobs that arrived are not sent again")
}

impl Transfer<'_> {
    pub(super) fn tell(&self, progress: CopyProgress) {
        // A dropped receiver does not stop the upload.
        self.events.send(progress).ok();
    }

    pub(super) fn what(&self, blob: &Blob) -> String {
        format!("blob {} for {}", blob.digest, self.to.site)
    }

    /// Uploads `blob` unless the destination has it.
    pub(super) async fn push(&self, blob: &Blob) -> Result<BlobOutcome, Problem> {
        let state = Mutex::new(State::default());
        let digest = blob.digest;
        let mut rounds = 0;
        let result = loop {
            let before = state.lock().await.reached;
            let trying = retry(
                || async { self.attempt(blob, &mut *state.lock().await).await },
                |trouble, pause| {
                    tracing::debug!(%digest, problem = %trouble.problem, "retrying a blob");
                    self.tell(CopyProgress::Retrying {
                        digest,
                        rolled_back: trouble.rolled_back,
                        problem: trouble.problem.clone(),
                        pause,
                    });
                },
            );
            let result = tokio::select! {
                result = trying => result,
                () = self.given_up() => Err(cancelled(&self.what(blob))),
            };
            let reached = state.lock().await.reached;
            rounds += 1;
            match result {
                Err(problem)
                    if problem.kind == ProblemKind::Network
                        && reached >= before + BROUGHT
                        && rounds < ROUNDS
                        && !self.stop.is_cancelled() =>
                {
                    let rolled_back = state.lock().await.void;
                    self.tell(CopyProgress::Retrying {
                        digest,
                        rolled_back,
                        problem,
                        pause: Duration::ZERO,
                    });
                }
                other => break other,
            }
        };
        let mut state = state.into_inner();
        match result {
            Ok(outcome) => {
                if let Some(kept) = state.kept.take() {
                    kept.forget();
                }
                self.host.holds(digest, &self.to.site.path);
                self.tell(CopyProgress::BlobDone { digest });
                Ok(outcome)
            }
            Err(problem) => {
                // The next process resumes a recorded session; any other session is ended.
                if state.session.is_none() || state.kept.is_none() || self.cancel.is_cancelled() {
                    let parting = tokio::time::timeout(PARTING, self.end(&mut state));
                    if parting.await.is_err() {
                        tracing::debug!("cannot remove an upload session");
                    }
                }
                Err(problem)
            }
        }
    }

    /// Resolves when a cancelled upload had its time to end itself: pauses are cut short.
    async fn given_up(&self) {
        self.stop.cancelled().await;
        tokio::time::sleep(PARTING).await;
    }

    async fn attempt(&self, blob: &Blob, state: &mut State) -> Result<BlobOutcome, AttemptError> {
        if self.stop.is_cancelled() {
            return Err(cancelled(&self.what(blob)).into());
        }
        if !state.looked {
            let free = tokio::select! {
                free = self.without_sending(blob, state) => free?,
                () = self.stop.cancelled() => return Err(cancelled(&self.what(blob)).into()),
            };
            if free {
                return Ok(BlobOutcome::Free);
            }
            state.looked = true;
        } else if holds(self.registries, &self.to, blob).await? {
            // The answer was lost, not the blob.
            let (digest, bytes) = (blob.digest, blob.size);
            self.tell(CopyProgress::Sent { digest, bytes });
            return Ok(BlobOutcome::Sent(bytes - state.inherited));
        }
        let _turns = tokio::select! {
            turns = acquire_permits(&self.hosts) => turns?,
            () = self.stop.cancelled() => return Err(cancelled(&self.what(blob)).into()),
        };
        let offset = self.session(blob, state).await?;
        let sent = tokio::select! {
            sent = self.send(blob, state, offset) => sent,
            () = self.stop.cancelled() => Err(BrokenUpload {
                trouble: cancelled(&self.what(blob)).into(),
                resumable: state.kept.is_some() && !self.cancel.is_cancelled(),
            }),
        };
        match sent {
            Ok(()) => {
                state.session = None;
                Ok(BlobOutcome::Sent(blob.size - state.inherited))
            }
            Err(broken) => {
                state.void = broken.trouble.rolled_back;
                if !broken.resumable {
                    self.end(state).await;
                }
                Err(broken.trouble)
            }
        }
    }

    /// Returns true if the blob is at the destination without a byte of it sent.
    async fn without_sending(&self, blob: &Blob, state: &mut State) -> Result<bool, AttemptError> {
        let (digest, bytes) = (blob.digest, blob.size);
        // The mount also checks for the blob: if it succeeds no other request is needed.
        if let Some((access, from)) = &self.mount
            && self.mounts(blob, access, from, state).await?
        {
            return Ok(true);
        }
        if holds(self.registries, &self.to, blob).await? {
            self.end(state).await;
            self.tell(CopyProgress::Skipped { digest, bytes });
            return Ok(true);
        }
        // A blob that this process is already sending to the same registry is sent once.
        let mut waited = false;
        if state.flight.is_none() {
            let flight;
            (flight, waited) = self.host.lock_upload(digest).await;
            state.flight = Some(flight);
        }
        let own = &self.to.site.path;
        while let Some(place) = self.host.place(digest, own) {
            if self.mount.as_ref().is_some_and(|(_, from)| *from == place) {
                break;
            }
            let mut site = self.to.site.clone();
            site.path.clone_from(&place);
            let access = self.to.site.push_from(&site);
            if self.mounts(blob, &access, &place, state).await? {
                return Ok(true);
            }
            self.host.refuses(&place, own);
        }
        if waited && holds(self.registries, &self.to, blob).await? {
            self.end(state).await;
            self.tell(CopyProgress::Skipped { digest, bytes });
            return Ok(true);
        }
        Ok(false)
    }

    /// Tries one mount. The upload that a registry opens instead is kept.
    async fn mounts(
        &self,
        blob: &Blob,
        access: &ScopedEndpoint,
        from: &str,
        state: &mut State,
    ) -> Result<bool, AttemptError> {
        match self.mount(blob, access, from).await? {
            MountResult::Mounted => {
                self.end(state).await;
                self.host.holds(blob.digest, from);
                let (digest, bytes) = (blob.digest, blob.size);
                self.tell(CopyProgress::Mounted { digest, bytes });
                Ok(true)
            }
            MountResult::Session(session) => {
                self.end(state).await;
                state.session = Some(session);
                Ok(false)
            }
            MountResult::Refused => Ok(false),
        }
    }

    async fn mount(
        &self,
        blob: &Blob,
        access: &ScopedEndpoint,
        from: &str,
    ) -> Result<MountResult, AttemptError> {
        let what = self.what(blob);
        let mut url = self.to.site.url("blobs/uploads/")?;
        url.query_pairs_mut()
            .append_pair("mount", &blob.digest.to_string())
            .append_pair("from", from);
        let asked = self
            .registries
            .ask_once(access, &what, &RequestSpec::new(Method::POST, url))
            .await;
        let answer = match asked {
            Ok(answer) => answer,
            // A login that gets no token for both repositories may still write to one.
            Err(trouble) if trouble.problem.kind == ProblemKind::Credentials => {
                return Ok(MountResult::Refused);
            }
            Err(trouble) => return Err(trouble),
        };
        match answer.status {
            201 => Ok(MountResult::Mounted),
            202 => Ok(MountResult::Session(self.opened(&answer)?)),
            429 | 500..=599 => Err(self.registries.refusal(access, &what, &answer).await),
            // A registry that does not mount may still accept an upload.
            _ => Ok(MountResult::Refused),
        }
    }

    fn opened(&self, answer: &Answer) -> Result<Session, Problem> {
        Ok(Session {
            url: location(&self.to.site, &answer.url, &answer.headers)?,
            minimum: answer
                .header(CHUNK_MINIMUM)
                .and_then(|text| text.trim().parse().ok())
                .unwrap_or(0),
        })
    }

    /// Opens or resumes a session and returns the byte from which it is to be sent.
    async fn session(&self, blob: &Blob, state: &mut State) -> Result<u64, AttemptError> {
        let fresh = !std::mem::replace(&mut state.recalled, true);
        let mut asked = !fresh;
        if fresh && let Some(mut kept) = self.registries.shared.sessions.of(&self.to.site, blob) {
            match kept.left() {
                ResumableSession::Open(url) if self.to.site.check_redirect(&url).is_ok() => {
                    self.end(state).await;
                    state.session = Some(Session { url, minimum: 0 });
                    asked = true;
                }
                ResumableSession::Stale(url) if self.to.site.check_redirect(&url).is_ok() => {
                    self.abandon(url).await;
                }
                _ => {}
            }
            state.kept = Some(kept);
        }
        if asked && state.session.is_some() {
            let offset = self.status(blob, state).await?;
            if let Some(offset) = offset {
                if fresh {
                    state.inherited = offset;
                }
                state.reached = state.reached.max(offset);
                return Ok(offset);
            }
            state.inherited = 0;
            self.end(state).await;
            if state.kept.is_none() {
                state.kept = self.registries.shared.sessions.of(&self.to.site, blob);
            }
        }
        if state.session.is_none() {
            let what = self.what(blob);
            let url = self.to.site.url("blobs/uploads/")?;
            let ask = RequestSpec::new(Method::POST, url);
            let answer = self.registries.ask_once(&self.to, &what, &ask).await?;
            if !answer.ok() {
                return Err(self.registries.refusal(&self.to, &what, &answer).await);
            }
            state.session = Some(self.opened(&answer)?);
        }
        if let (Some(session), Some(kept)) = (&state.session, &mut state.kept) {
            kept.keep(&session.url);
        }
        Ok(0)
    }

    /// Returns how many bytes the session has; `None` if it cannot be resumed. Some registries
    /// report `0-0` both for nothing and for one byte: it is read as nothing, and the digest
    /// decides.
    async fn status(&self, blob: &Blob, state: &mut State) -> Result<Option<u64>, AttemptError> {
        let Some(session) = &state.session else {
            return Ok(None);
        };
        let what = self.what(blob);
        let ask = RequestSpec::new(Method::GET, session.url.clone());
        let answer = match self.registries.ask_once(&self.to, &what, &ask).await {
            Ok(answer) => answer,
            Err(trouble) if trouble.again => return Err(trouble),
            Err(_) => return Ok(None),
        };
        if matches!(answer.status, 408 | 429 | 500..=599) {
            return Err(self.registries.refusal(&self.to, &what, &answer).await);
        }
        let end = answer
            .header(RANGE.as_str())
            .and_then(|text| text.trim().trim_start_matches("bytes=").split_once('-'))
            .filter(|(from, _)| *from == "0")
            .and_then(|(_, end)| end.parse::<u64>().ok());
        let offset = match end {
            _ if !answer.ok() => None,
            Some(0) => Some(0),
            Some(end) if end < blob.size => Some(end + 1),
            _ => None,
        };
        if offset.is_some() && answer.headers.contains_key(reqwest::header::LOCATION) {
            state.moved_to(location(&self.to.site, &answer.url, &answer.headers)?);
        }
        tracing::debug!(digest = %blob.digest, offset, "resuming an upload");
        Ok(offset)
    }

    /// Ends the session of `state` and removes its record.
    async fn end(&self, state: &mut State) {
        if let Some(kept) = state.kept.take() {
            kept.forget();
        }
        if let Some(session) = state.session.take() {
            self.abandon(session.url).await;
        }
    }

    /// Asks the registry to drop a session; failures are ignored.
    async fn abandon(&self, session: Url) {
        let ask = RequestSpec::new(Method::DELETE, session);
        if let Err(trouble) = self.registries.ask_once(&self.to, "an upload", &ask).await {
            tracing::debug!(problem = %trouble.problem, "cannot remove an upload session");
        }
    }

    /// Returns true if chunks are sent from the first byte on.
    pub(super) fn in_chunks(&self) -> bool {
        self.chunked.load(Ordering::Relaxed)
    }
}
