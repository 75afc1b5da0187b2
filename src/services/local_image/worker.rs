//! Connects the blocking thread that reads an image with the task that waits for it.
//!
//! Progress and questions pass out of the thread, and cancellation into it.

use std::collections::HashSet;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::PrepareProgress;
use crate::domain::{Digest, Problem, ProblemKind};
use crate::services::registry::Blob;

/// Bytes between two progress messages.
const STEP: u64 = 4 * 1024 * 1024;

type Answer = Result<HashSet<Digest>, Problem>;

/// A message of the thread.
pub(super) enum Message {
    Progress(PrepareProgress),
    /// Asks which of these blobs the destination has.
    BlobLookup(Vec<Blob>, oneshot::Sender<Answer>),
}

/// Holds the thread's side of the connection.
#[derive(Clone)]
pub(super) struct WorkerHandle {
    pub(super) messages: mpsc::UnboundedSender<Message>,
    pub(super) cancel: CancellationToken,
}

pub(super) fn cancelled(what: &str) -> Problem {
    Problem::new(ProblemKind::Refused, format!("{what}: cancelled"))
}

impl WorkerHandle {
    pub(super) fn tell(&self, progress: PrepareProgress) {
        // The receiver is gone if the thread is about to be stopped.
        drop(self.messages.send(Message::Progress(progress)));
    }

    /// Asks which of `blobs` the destination has.
    pub(super) fn present_at_destination(&self, blobs: Vec<Blob>) -> Answer {
        if blobs.is_empty() {
            return Ok(HashSet::new());
        }
        let (back, answer) = oneshot::channel();
        let gone = || Problem::new(ProblemKind::Refused, "cancelled");
        self.messages
            .send(Message::BlobLookup(blobs, back))
            .map_err(|_| gone())?;
        answer.blocking_recv().unwrap_or_else(|_| Err(gone()))
    }
}

/// Holds the state of a reader that another value owns.
#[derive(Default)]
pub(super) struct ReadCount {
    bytes: AtomicU64,
    ended: AtomicBool,
}

impl ReadCount {
    /// Returns the bytes read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Returns true once its end was reached.
    pub(super) fn ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }
}

/// A reader that counts, reports progress and can be stopped.
pub(super) struct MonitoredReader<R> {
    pub(super) inner: R,
    worker: WorkerHandle,
    total: Option<u64>,
    told: u64,
    seen: Arc<ReadCount>,
}

impl<R> MonitoredReader<R> {
    pub(super) fn new(inner: R, worker: WorkerHandle, total: Option<u64>) -> Self {
        Self {
            inner,
            worker,
            total,
            told: 0,
            seen: Arc::default(),
        }
    }

    pub(super) fn seen(&self) -> Arc<ReadCount> {
        Arc::clone(&self.seen)
    }
}

impl<R: Read> Read for MonitoredReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.worker.cancel.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        let count = self.inner.read(buffer)?;
        let bytes = self.seen.bytes.fetch_add(count as u64, Ordering::Relaxed) + count as u64;
        let ended = count == 0 && !buffer.is_empty();
        if ended {
            self.seen.ended.store(true, Ordering::Relaxed);
        }
        if bytes - self.told >= STEP || (ended && self.told < bytes) {
            self.told = bytes;
            self.worker.tell(PrepareProgress::Exporting {
                bytes,
                total: self.total,
            });
        }
        Ok(count)
    }
}

/// A reader that treats an early end as an error.
pub(super) struct ExactReader<R> {
    inner: R,
    left: u64,
}

impl<R> ExactReader<R> {
    pub(super) fn new(inner: R, length: u64) -> Self {
        Self { inner, left: length }
    }
}

impl<R: Read> Read for ExactReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        if room == 0 {
            return Ok(0);
        }
        let count = self.inner.read(&mut buffer[..room])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= count as u64;
        Ok(count)
    }
}
