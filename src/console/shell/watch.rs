//! The console's clock: the wall clock, but it never goes back.
//!
//! A clock set back would freeze every age and delay the next refresh by the same time; instead the
//! time continues at the pace of the monotonic clock.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

/// Difference below which clocks are not considered to have jumped: they are adjusted slightly all
/// the time.
const SLACK: TimeDelta = TimeDelta::seconds(2);
/// Longest time between two readings while anything depends on the time: a timer does not advance
/// while the machine sleeps.
const LONGEST: Duration = Duration::from_secs(60);

/// The last time returned, and when that was.
#[derive(Debug)]
pub struct Watch {
    told: DateTime<Utc>,
    at: Instant,
}

impl Watch {
    /// Starts with the wall clock.
    pub const fn new(wall: DateTime<Utc>, at: Instant) -> Self {
        Self { told: wall, at }
    }

    /// Returns the current time, given the wall clock `wall`.
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

    /// Returns when `time` will be reached, counted from the last time returned.
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
        // One second off is not a jump, but the time does not go back either.
        assert_eq!(after(0, 9).await, wall(10));
        // The clock was set an hour ahead: that is the time now.
        assert_eq!(after(10, 3620).await, wall(3620));
        // Set back again: the time continues second by second.
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
