//! Keeps the waits that hosts ask all clients for, and compares their clocks with ours.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::header::{AGE, DATE, HeaderMap};
use tokio::time::Instant;

use super::{Http, LONGEST_WAIT, retry_after};

/// Wait for a host that limits requests without naming a time.
const BREATHER: Duration = Duration::from_millis(500);

/// Slower answers are not used to compare clocks.
const QUICK: Duration = Duration::from_secs(2);

impl Http {
    /// Sleeps until `host` accepts requests again. Checks again after the sleep: the host may have
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

    /// Returns true while `host` asks all clients to wait.
    pub(super) fn asks_to_wait(&self, host: &str) -> bool {
        let waits = self.waits.lock();
        waits.is_ok_and(|waits| waits.get(host).is_some_and(|until| *until > Instant::now()))
    }

    /// Returns the seconds by which the local clock is ahead of each host's (negative: behind), by
    /// `host:port`, from the `Date` of their latest quick answers. Accurate to whole seconds.
    pub fn skews(&self) -> BTreeMap<String, i64> {
        self.skews.lock().map(|skews| skews.clone()).unwrap_or_default()
    }

    /// Records the difference between `host`'s `Date` and the local clock. Ignores answers that
    /// took longer than [`QUICK`], and cached ones.
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

    /// Records that `host` asks all clients to wait: as long as it names, or [`BREATHER`] if it
    /// only reports too many requests. A shorter wait never shortens a longer one.
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
