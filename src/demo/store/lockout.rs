//! Locks the sign-on for a while after several wrong passwords in a row.
//!
//! The count is in memory and starts at zero with the process. Ubuntu One answers 403
//! `TOO_MANY_REQUESTS` in that state, even to the right password. How many attempts it allows is
//! not published; the numbers here are specific to the demo environment.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Wrong passwords in a row, within [`WITHIN`], that lock the sign-on.
const ALLOWED: usize = 5;
/// Longest time between the first and the last of them.
const WITHIN: Duration = Duration::from_secs(60);
/// How long the sign-on stays locked.
pub const LOCKED: Duration = Duration::from_secs(30);

/// Holds the recent failures.
#[derive(Default)]
pub struct Lockout {
    failures: Mutex<VecDeque<Instant>>,
}

impl Lockout {
    /// Records an attempt with the right or a wrong password.
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

    /// Returns true while every login is refused.
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
