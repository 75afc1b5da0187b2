//! The time that is told: the wall clock's, which never goes back.
//!
//! Owns the way over jumps. A clock that is set back would stop every age and put the next refresh
//! off for as long; the time then goes on at the pace of the clock that nobody sets.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

/// So far clocks may differ without a word: they are corrected a little all the time.
const SLACK: TimeDelta = TimeDelta::seconds(2);
/// The time is looked at this often at least where anything depends on it: a machine that slept
/// wakes to a timer that did not.
const LONGEST: Duration = Duration::from_secs(60);

/// The time told last, and when that was.
#[derive(Debug)]
pub struct Watch {
    told: DateTime<Utc>,
    at: Instant,
}

impl Watch {
    /// Begins with the wall clock.
    pub const fn new(wall: DateTime<Utc>, at: Instant) -> Self {
        Self { told: wall, at }
    }

    /// The time to tell, where the wall clock says `wall`.
    pub fn tell(&mut self, wall: DateTime<Utc>, at: Instant) -> DateTime<Utc> {
        let passed = at.saturating_duration_since(self.at);
        let expected = self.told + TimeDelta::from_std(passed).unwrap_or_default();
        self.told = if wall + SLACK < expected {
            expected
        } else {
            wall.max(self.told)
        };
        self.at = at;
        self.told
    }

    /// When `time` is to be told, counted from the time told last.
    pub fn when(&self, time: DateTime<Utc>) -> Instant {
        let wait = (time - self.told).to_std().unwrap_or_default();
        self.at + wait.clamp(Duration::from_millis(1), LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_750_000_000 + seconds, 0).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn it_follows_the_wall_clock_forward_and_never_back() {
        let mut watch = Watch::new(wall(0), Instant::now());
        let mut after = async |seconds: u64, says: i64| {
            tokio::time::advance(Duration::from_secs(seconds)).await;
            watch.tell(wall(says), Instant::now())
        };
        assert_eq!(after(10, 10).await, wall(10));
        // A second off is not a jump, but it does not go back either.
        assert_eq!(after(0, 9).await, wall(10));
        // An hour ahead: that is the time now.
        assert_eq!(after(10, 3620).await, wall(3620));
        // Set back again: it goes on from there, second by second.
        assert_eq!(after(10, 30).await, wall(3630));
        assert_eq!(after(60, 90).await, wall(3690));
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_looked_at_once_a_minute_at_least() {
        let begun = Instant::now();
        let watch = Watch::new(wall(0), begun);
        assert_eq!(watch.when(wall(20)), begun + Duration::from_secs(20));
        assert_eq!(watch.when(wall(9000)), begun + LONGEST);
        assert_eq!(watch.when(wall(-5)), begun + Duration::from_millis(1));
    }
}
