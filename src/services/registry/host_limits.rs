//! Keeps what one process knows about each registry host, and limits concurrent requests to it.
//!
//! Holds the limits on transfers and requests for each origin, which repositories were seen to
//! hold which blob, and which blobs are being sent there.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use crate::domain::{Digest, Problem, ProblemKind};

/// Blobs on their way from or to one host at once, across all copies.
const TRANSFERS: usize = 6;
/// Other requests to one host at once.
const REQUESTS: usize = 16;
/// Blobs sent in chunks at once, to any host: each holds a chunk in memory.
const CHUNKED: usize = 2;
/// Number of blobs whose repositories are remembered.
const REMEMBERED: usize = 16 * 1024;

/// Holds all hosts, by origin.
pub(super) struct HostLimits {
    known: Mutex<HashMap<String, Arc<HostState>>>,
    /// Permits to send in chunks.
    pub(super) chunked: Semaphore,
}

/// Holds the state of one host.
pub(super) struct HostState {
    origin: String,
    transfers: Arc<Semaphore>,
    /// Permits for all other requests.
    pub(super) requests: Semaphore,
    places: Mutex<HashMap<Digest, Vec<String>>>,
    flights: Mutex<HashMap<Digest, Arc<AsyncMutex<()>>>>,
    refused: Mutex<HashSet<(String, String)>>,
    /// True once the host showed that it does not list referrers.
    pub(super) lists_no_referrers: AtomicBool,
}

/// The exclusive right to send one blob; others wait for it.
pub(super) type UploadLock = OwnedMutexGuard<()>;

impl Default for HostLimits {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            chunked: Semaphore::new(CHUNKED),
        }
    }
}

impl HostLimits {
    pub(super) fn of(&self, origin: &str) -> Arc<HostState> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = known.get(origin) {
            return Arc::clone(host);
        }
        let host = Arc::new(HostState {
            origin: origin.to_owned(),
            transfers: Arc::new(Semaphore::new(TRANSFERS)),
            requests: Semaphore::new(REQUESTS),
            places: Mutex::default(),
            flights: Mutex::default(),
            refused: Mutex::default(),
            lists_no_referrers: AtomicBool::new(false),
        });
        known.insert(origin.to_owned(), Arc::clone(&host));
        host
    }
}

/// Acquires a permit for one blob at each of these hosts. They are acquired in the same order
/// everywhere, so that two copies in opposite directions never wait for each other.
pub(super) async fn acquire_permits(hosts: &[Arc<HostState>]) -> Result<Vec<OwnedSemaphorePermit>, Problem> {
    let mut ordered: Vec<&Arc<HostState>> = hosts.iter().collect();
    ordered.sort_by(|one, other| one.origin.cmp(&other.origin));
    ordered.dedup_by(|one, other| one.origin == other.origin);
    let mut turns = Vec::new();
    for host in ordered {
        let turn = Arc::clone(&host.transfers).acquire_owned().await;
        turns.push(turn.map_err(|error| {
            Problem::new(ProblemKind::Internal, "request limiter closed").because(&error)
        })?);
    }
    Ok(turns)
}

impl HostState {
    /// Records that `repository` has a blob.
    pub(super) fn holds(&self, digest: Digest, repository: &str) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= REMEMBERED {
            places.clear();
        }
        let held = places.entry(digest).or_default();
        if held.iter().all(|known| known != repository) {
            held.push(repository.to_owned());
        }
    }

    /// Returns a repository other than `repository` that was seen to have a blob and from which a
    /// mount was not refused before.
    pub(super) fn place(&self, digest: Digest, repository: &str) -> Option<String> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places
            .get(&digest)?
            .iter()
            .find(|place| {
                *place != repository && !refused.contains(&((*place).clone(), repository.to_owned()))
            })
            .cloned()
    }

    /// Records that nothing can be mounted from one repository into another.
    pub(super) fn refuses(&self, from: &str, to: &str) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.insert((from.to_owned(), to.to_owned()));
    }

    /// Acquires the right to send `digest` to this host: at once (and `false`), or after another
    /// task has sent it (and `true`).
    pub(super) async fn lock_upload(&self, digest: Digest) -> (UploadLock, bool) {
        let lock = {
            let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
            flights.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(flights.entry(digest).or_default())
        };
        match Arc::clone(&lock).try_lock_owned() {
            Ok(flight) => (flight, false),
            Err(_) => (lock.lock_owned().await, true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_host_has_so_many_turns_and_no_more() {
        let hosts = HostLimits::default();
        let (one, other) = (hosts.of("https://a"), hosts.of("https://b"));
        let mut held = Vec::new();
        for _ in 0..TRANSFERS {
            held.push(
                acquire_permits(&[Arc::clone(&other), Arc::clone(&one)])
                    .await
                    .unwrap(),
            );
        }
        let both = [Arc::clone(&one), Arc::clone(&one)];
        let mut waiting = tokio_test_poll(acquire_permits(&both));
        assert!(waiting.is_none(), "the seventh waits");
        held.pop();
        waiting = tokio_test_poll(acquire_permits(&both));
        assert_eq!(waiting.unwrap().unwrap().len(), 1, "one host, one turn");
    }

    fn tokio_test_poll<T>(future: impl Future<Output = T>) -> Option<T> {
        futures_util::FutureExt::now_or_never(future)
    }
}
