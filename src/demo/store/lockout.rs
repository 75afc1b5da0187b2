//! Wrong passwords in a row: after a few, the sign-on is closed for a while.
//!
//! Owns the count, in memory: a world that starts again has forgotten it. Ubuntu One answers 403
//! `TOO_MANY_REQUESTS` in that state, to the right password as well. How many attempts it allows is
//! not published; the numbers here are the demo's own.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Wrong passwords in a row, within [`WITHIN`], that close the sign-on.
const ALLOWED: usize = 5;
/// How far apart the first and the last of them may be.
const WITHIN: Duration = Duration::from_secs(60);
/// How long the sign-on stays closed.
pub const LOCKED: Duration = Duration::from_secs(30);

/// The sign-on's memory of failures.
#[derive(Default)]
pub struct Lockout {
    failures: Mutex<VecDeque<Instant>>,
}

impl Lockout {
    /// Notes an attempt with the right or a wrong password.
    pub fn tried(&self, right: bool) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if right {
            failures.clear();
        } else {
            failures.push_back(Instant::now());
            let over = failures.len().saturating_sub(ALLOWED);
            failures.drain(..over);
        }
    }

    /// True while nobody is let in.
    pub fn is_locked(&self) -> bool {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(first), Some(last)) = (failures.front(), failures.back()) else {
            return false;
        };
        failures.len() == ALLOWED && last.duration_since(*first) <= WITHIN && last.elapsed() < LOCKED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn five_wrong_passwords_close_the_sign_on_for_half_a_minute() {
        let lockout = Lockout::default();
        for _ in 0..4 {
            lockout.tried(false);
        }
        assert!(!lockout.is_locked());
        lockout.tried(true);
        lockout.tried(false);
        assert!(!lockout.is_locked(), "only those in a row count");
        for _ in 0..4 {
            tokio::time::advance(Duration::from_secs(10)).await;
            lockout.tried(false);
        }
        assert!(lockout.is_locked());
        tokio::time::advance(Duration::from_secs(31)).await;
        assert!(!lockout.is_locked());
        lockout.tried(false);
        assert!(!lockout.is_locked(), "the old ones are too long ago");
    }
}
