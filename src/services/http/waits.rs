//! What hosts ask of everybody: waits, and what their clocks say about ours.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::header::{AGE, DATE, HeaderMap};
use tokio::time::Instant;

use super::{Http, LONGEST_WAIT, retry_after};

/// Wait of everybody for a host that asks for less without saying when.
const BREATHER: Duration = Duration::from_millis(500);

/// Slower answers tell nothing about a clock.
const QUICK: Duration = Duration::from_secs(2);

impl Http {
    /// Sleeps until `host` wants to be spoken to again. Whoever wakes looks again: the host may have
    /// asked for more meanwhile.
    pub async fn wait_for(&self, host: &str) {
        loop {
            let until = self.waits.lock().ok().and_then(|waits| waits.get(host).copied());
            match until {
                Some(until) if until > Instant::now() => tokio::time::sleep_until(until).await,
                _ => return,
            }
        }
    }

    /// True while `host` asks all clients to wait.
    pub(super) fn asks_to_wait(&self, host: &str) -> bool {
        let waits = self.waits.lock();
        waits.is_ok_and(|waits| waits.get(host).is_some_and(|until| *until > Instant::now()))
    }

    /// Seconds that our clock is ahead of each host's (behind where negative), by `host:port`, as
    /// the `Date` of their latest quick answers tells. Whole seconds are all it can tell.
    pub fn skews(&self) -> BTreeMap<String, i64> {
        self.skews.lock().map(|skews| skews.clone()).unwrap_or_default()
    }

    /// Notes what `host`'s `Date` says about our clock. An answer that took longer than
    /// [`QUICK`] says nothing, nor does one that a cache has kept.
    pub fn note_clock(&self, host: &str, took: Duration, headers: &HeaderMap) {
        if took < QUICK
            && !headers.contains_key(AGE)
            && let Some(theirs) = headers.get(DATE).and_then(|date| date.to_str().ok())
            && let Ok(theirs) = chrono::DateTime::parse_from_rfc2822(theirs)
            && let Ok(mut skews) = self.skews.lock()
        {
            let ahead = chrono::Utc::now().timestamp() - theirs.timestamp();
            skews.insert(host.to_owned(), ahead);
        }
    }

    /// Notes that `host` asks everybody to wait: as long as it says, or [`BREATHER`] where it says
    /// no more than that there are too many of us. A shorter wait never cuts a longer one.
    pub fn note_wait(&self, host: &str, status: u16, headers: &HeaderMap) {
        let wait = match (status, retry_after(headers)) {
            (429 | 503, Some(wait)) if wait <= LONGEST_WAIT => wait,
            (429, None) => BREATHER,
            _ => return,
        };
        let until = Instant::now() + wait;
        if let Ok(mut waits) = self.waits.lock() {
            let known = waits.entry(host.to_owned()).or_insert(until);
            *known = until.max(*known);
        }
    }
}
