//! A stream that does not let its last bytes go before everything agrees.
//!
//! Owns the running hash and count of one blob in flight. The sink never gets a whole blob that
//! is not the one meant: on a wrong digest or length the stream ends in an error instead of the
//! last piece. Must not buffer more than that piece.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use super::CopyProgress;
use super::manifest::Blob;
use crate::domain::Digest;

/// Why a source stopped short.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The bytes are not those of the digest.
    #[error("expected {expected}, got {got}")]
    Lied {
        /// What was meant.
        expected: String,
        /// What came.
        got: String,
    },
    /// The source broke off.
    #[error("{0}")]
    Broke(String),
}

/// What both ends of a transfer look at.
pub(super) struct Watch {
    /// Bytes handed to the sink.
    pub(super) sent: AtomicU64,
    /// True once the last piece was handed over.
    pub(super) complete: AtomicBool,
    moved: Mutex<Instant>,
    fault: Mutex<Option<Fault>>,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self {
            sent: AtomicU64::new(0),
            complete: AtomicBool::new(false),
            moved: Mutex::new(Instant::now()),
            fault: Mutex::new(None),
        }
    }

    /// When the sink last took something.
    pub(super) fn moved(&self) -> Instant {
        self.moved.lock().map_or_else(|_| Instant::now(), |moved| *moved)
    }

    /// What was wrong with the source, if anything.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault.lock().ok().and_then(|fault| fault.clone())
    }

    fn note(&self, fault: &Fault) {
        if let Ok(mut slot) = self.fault.lock() {
            slot.get_or_insert_with(|| fault.clone());
        }
    }

    fn step(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
        if let Ok(mut moved) = self.moved.lock() {
            *moved = Instant::now();
        }
    }
}

struct Flow {
    source: BoxStream<'static, Result<Bytes, String>>,
    hash: Sha256,
    seen: u64,
    over: bool,
    digest: Digest,
    size: u64,
    watch: std::sync::Arc<Watch>,
    events: UnboundedSender<CopyProgress>,
}

impl Flow {
    /// The next piece that may go out.
    async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        if self.over {
            return Ok(None);
        }
        loop {
            let piece = match self.source.next().await {
                Some(Ok(piece)) if piece.is_empty() => continue,
                Some(Ok(piece)) => piece,
                Some(Err(why)) => return Err(Fault::Broke(why)),
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
            if self.seen == self.size {
                self.finish().await?;
                self.over = true;
                self.watch.complete.store(true, Ordering::Relaxed);
                if piece.is_empty() {
                    return Ok(None);
                }
            }
            return Ok(Some(piece));
        }
    }

    fn too_long(&self) -> Fault {
        Fault::Lied {
            expected: format!("{} bytes", self.size),
            got: "more".to_owned(),
        }
    }

    /// Before the last piece goes: nothing may follow it and the hash must agree.
    async fn finish(&mut self) -> Result<(), Fault> {
        while let Some(more) = self.source.next().await {
            match more {
                Ok(piece) if piece.is_empty() => {}
                Ok(_) => return Err(self.too_long()),
                Err(why) => return Err(Fault::Broke(why)),
            }
        }
        let got = Digest::from_bytes(std::mem::take(&mut self.hash).finalize().into());
        if got == self.digest {
            Ok(())
        } else {
            Err(Fault::Lied {
                expected: self.digest.to_string(),
                got: got.to_string(),
            })
        }
    }
}

/// `source` as a stream of exactly the bytes of `blob`, or an error before the last of them.
pub(super) fn verified(
    source: BoxStream<'static, Result<Bytes, String>>,
    blob: &Blob,
    watch: std::sync::Arc<Watch>,
    events: UnboundedSender<CopyProgress>,
) -> impl Stream<Item = Result<Bytes, Fault>> + Send + 'static {
    let flow = Flow {
        source,
        hash: Sha256::new(),
        seen: 0,
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
                let bytes = piece.len() as u64;
                flow.watch.step(bytes);
                let digest = flow.digest;
                // Nobody listening any more is no reason to stop.
                flow.events.send(CopyProgress::Sent { digest, bytes }).ok();
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
