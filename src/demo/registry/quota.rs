//! Counts Docker Hub's pull quota: 100 manifest downloads in six hours, shown in headers.
//!
//! The count is in memory. HEAD is free; each GET of a manifest counts one.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::answer::Header;

const LIMIT: u32 = 100;
const WINDOW: Duration = Duration::from_secs(21_600);

/// Holds the count of one window.
pub(super) struct Quota(Mutex<(Instant, u32)>);

impl Quota {
    pub(super) fn new() -> Self {
        Self(Mutex::new((Instant::now(), 0)))
    }

    /// Counts one pull; returns false if none is left.
    pub(super) fn take(&self) -> bool {
        let Ok(mut window) = self.0.lock() else {
            return false;
        };
        if window.0.elapsed() > WINDOW {
            *window = (Instant::now(), 0);
        }
        let left = window.1 < LIMIT;
        if left {
            window.1 += 1;
        }
        left
    }

    /// Returns the headers of a manifest answer.
    pub(super) fn headers(&self) -> Vec<Header> {
        let used = self.0.lock().map_or(LIMIT, |window| window.1);
        let window = WINDOW.as_secs();
        vec![
            ("ratelimit-limit", format!("{LIMIT};w={window}")),
            ("ratelimit-remaining", format!("{};w={window}", LIMIT - used)),
            ("docker-ratelimit-source", "127.0.0.1".into()),
        ]
    }
}
