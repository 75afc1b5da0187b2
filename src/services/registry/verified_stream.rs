//! Verifies a stream and holds back its last bytes until everything matches.
//!
//! Computes the hash and count of one blob in flight. The receiver never gets a whole blob that is
//! not the expected one: on a wrong digest or length the stream ends in an error instead of the
//! last piece. Must not buffer more than that piece.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::{Buf as _, Bytes};
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use super::CopyProgress;
use super::manifest::Blob;
use crate::domain::{Digest, Problem};

/// Why a source stopped early.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The bytes do not match the digest.
    #[error("expected {expected}, got {got}")]
    DigestMismatch {
        /// The expected digest or size.
        expected: String,
        /// The received digest or size.
        got: String,
    },
    /// The source broke off.
    #[error("{0}")]
    Broke(String),
    /// The source refuses the rest.
    #[error("{0}")]
    Refused(Box<Problem>),
}

/// Holds the time of the last progress.
pub(super) struct TransferPace {
    moved: Mutex<Instant>,
}

/// Holds the state that both ends of a transfer share.
pub(super) struct StreamMonitor {
    /// Bytes reported as sent.
    pub(super) told: AtomicU64,
    /// True once the last piece was passed on.
    pub(super) complete: AtomicBool,
    pace: Arc<TransferPace>,
    fault: Mutex<Option<Fault>>,
}

impl StreamMonitor {
    pub(super) fn new() -> Self {
        Self {
            told: AtomicU64::new(0),
            complete: AtomicBool::new(false),
            pace: Arc::default(),
            fault: Mutex::new(None),
        }
    }

    /// Returns the time of the last progress.
    pub(super) fn moved(&self) -> Instant {
        self.pace
            .moved
            .lock()
            .map_or_else(|_| Instant::now(), |moved| *moved)
    }

    /// Returns the time of progress alone.
    pub(super) fn pace(&self) -> Arc<TransferPace> {
        Arc::clone(&self.pace)
    }

    /// Returns what was wrong with the source, if anything.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault.lock().ok().and_then(|fault| fault.clone())
    }

    fn note(&self, fault: &Fault) {
        if let Ok(mut slot) = self.fault.lock() {
            slot.get_or_insert_with(|| fault.clone());
        }
    }

    /// Records progress, or that it is about to be made.
    pub(super) fn touch(&self) {
        self.pace.touch();
    }
}

impl Default for TransferPace {
    fn default() -> Self {
        Self {
            moved: Mutex::new(Instant::now()),
        }
    }
}

impl TransferPace {
    /// Records progress, or that it is about to be made.
    pub(super) fn touch(&self) {
        if let Ok(mut moved) = self.moved.lock() {
            *moved = Instant::now();
        }
    }
}

/// Progress is reported in steps of at least this many bytes.
const STEP: u64 = 256 * 1024;

/// Copies a small piece out of its buffer: a piece from a socket keeps the whole read buffer
/// alive. Dozens of queued pieces would hold megabytes, so it is copied while it is in the
/// processor's cache.
fn compact(piece: Bytes) -> Bytes {
    const SMALL: usize = 64 * 1024;
    if piece.len() < SMALL {
        Bytes::copy_from_slice(&piece)
    } else {
        piece
    }
}

struct VerifiedBody {
    source: BoxStream<'static, Result<Bytes, Fault>>,
    hash: Sha256,
    seen: u64,
    /// Bytes at the beginning that the receiver has: they are hashed and not sent.
    skip: u64,
    /// Bytes that were sent and not reported yet.
    untold: u64,
    over: bool,
    digest: Digest,
    size: u64,
    watch: Arc<StreamMonitor>,
    events: UnboundedSender<CopyProgress>,
}

impl VerifiedBody {
    /// Returns the next piece that may be sent.
    async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        if self.over {
            return Ok(None);
        }
        loop {
            let mut piece = match self.source.next().await {
                Some(Ok(piece)) if piece.is_empty() => continue,
                Some(Ok(piece)) => piece,
                Some(Err(fault)) => return Err(fault),
                None if self.size == 0 && self.seen == 0 => Bytes::new(),
                None => {
                    return Err(Fault::Broke(format!(
                        "it ended after {} of {} bytes",
                        self.seen, self.size
                    )));
                }
            };
            self.seen += piece.len() as u64;
            if self.seen > self.size {
                return Err(self.too_long());
            }
            self.hash.update(&piece);
            let kept = usize::try_from(self.skip).map_or(piece.len(), |skip| skip.min(piece.len()));
            piece.advance(kept);
            self.skip -= kept as u64;
            if self.seen == self.size {
                self.finish().await?;
                self.over = true;
                self.watch.complete.store(true, Ordering::Relaxed);
                if piece.is_empty() {
                    return Ok(None);
                }
            } else if piece.is_empty() {
                self.watch.touch();
                continue;
            }
            return Ok(Some(compact(piece)));
        }
    }

    /// Counts what is sent and reports it in steps.
    fn step(&mut self, bytes: u64) {
        self.watch.touch();
        self.untold += bytes;
        if self.untold >= STEP || self.over {
            let (digest, bytes) = (self.digest, std::mem::take(&mut self.untold));
            self.watch.told.fetch_add(bytes, Ordering::Relaxed);
            // A dropped receiver does not stop the transfer.
            self.events.send(CopyProgress::Sent { digest, bytes }).ok();
        }
    }

    fn too_long(&self) -> Fault {
        Fault::DigestMismatch {
            expected: format!("{} bytes", self.size),
            got: "more".to_owned(),
        }
    }

    /// Checks before the last piece is sent: nothing may follow it and the hash must match.
    async fn finish(&mut self) -> Result<(), Fault> {
        while let Some(more) = self.source.next().await {
            match more {
                Ok(piece) if piece.is_empty() => {}
                Ok(_) => return Err(self.too_long()),
                Err(fault) => return Err(fault),
            }
        }
        let got = Digest::from_bytes(std::mem::take(&mut self.hash).finalize().into());
        if got == self.digest {
            Ok(())
        } else {
            Err(Fault::DigestMismatch {
                expected: self.digest.to_string(),
                got: got.to_string(),
            })
        }
    }
}

/// Returns `source` as a stream of exactly the bytes of `blob` from `skip` on, or an error before
/// the last of them. The hash covers all of it.
pub(super) fn verified(
    source: BoxStream<'static, Result<Bytes, Fault>>,
    blob: &Blob,
    skip: u64,
    watch: Arc<StreamMonitor>,
    events: UnboundedSender<CopyProgress>,
) -> impl Stream<Item = Result<Bytes, Fault>> + Send + 'static {
    let flow = VerifiedBody {
        source,
        hash: Sha256::new(),
        seen: 0,
        skip,
        untold: 0,
        over: false,
        digest: blob.digest,
        size: blob.size,
        watch,
        events,
    };
    stream::unfold(Some(flow), |flow| async move {
        let mut flow = flow?;
        match flow.next().await {
            Ok(Some(piece)) => {
                flow.step(piece.len() as u64);
                Some((Ok(piece), Some(flow)))
            }
            Ok(None) => None,
            Err(fault) => {
                flow.watch.note(&fault);
                Some((Err(fault), None))
            }
        }
    })
}
