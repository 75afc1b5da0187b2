//! Computes the time axis on which the expiries of credentials are shown.
//!
//! The range, the marked days and the length of a bar are the same for console and command line.
//! How a bar is drawn is decided there.

use chrono::{DateTime, TimeDelta, Utc};

use super::credentials::Credential;

/// Possible ranges of the axis in days: usual lifetimes of tokens and a little more.
const REACHES: [i64; 9] = [30, 90, 185, 270, 370, 550, 740, 1100, 1825];
/// Days that are marked if they are on the axis and there is room.
const MARKS: [i64; 6] = [30, 90, 180, 365, 730, 1095];

/// The axis, starting now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    days: i64,
}

impl Default for Axis {
    fn default() -> Self {
        Self { days: 30 }
    }
}

impl Axis {
    /// Returns the shortest axis that includes the last known expiry.
    pub fn of(credentials: &[Credential], now: DateTime<Utc>) -> Self {
        let ends = credentials.iter().filter_map(|one| one.facts.expires_at);
        Self::reaching(ends, now)
    }

    /// Returns the shortest axis that includes all of `ends`.
    pub fn reaching(ends: impl Iterator<Item = DateTime<Utc>>, now: DateTime<Utc>) -> Self {
        let left = ends.map(|end| end - now).max().unwrap_or_default();
        let whole = left > TimeDelta::days(left.num_days());
        let needed = left.num_days() + i64::from(whole);
        let reach = REACHES.into_iter().find(|days| *days >= needed);
        // Longer ranges are whole years.
        let days = reach.unwrap_or_else(|| (needed + 364) / 365 * 365);
        Self { days }
    }

    /// Returns the length of the axis in days.
    pub const fn days(self) -> i64 {
        self.days
    }

    /// Returns how many of `columns` cells are filled for `left`. At least one is filled before the
    /// expiry.
    pub fn cells(self, left: TimeDelta, columns: usize) -> usize {
        if left <= TimeDelta::zero() {
            return 0;
        }
        let share = left.num_seconds() as f64 / TimeDelta::days(self.days).num_seconds() as f64;
        let cells = (share * columns as f64).floor() as usize;
        cells.clamp(1.min(columns), columns)
    }

    /// Returns the scale above the bars: `today`, the marks that fit, and the end of the axis.
    pub fn scale(self, columns: usize) -> String {
        let end = format!("{} d", self.days);
        let start = if "today".len() + end.len() < columns {
            "today"
        } else {
            "0"
        };
        let mut line = start.to_owned();
        let last = columns.saturating_sub(end.len()).max(start.len() + 1);
        for mark in MARKS.into_iter().filter(|mark| *mark < self.days) {
            let label = format!("{mark} d");
            let at = (mark as f64 / self.days as f64 * columns as f64).round() as usize;
            // A mark that would touch another mark or the end is left out.
            if at > line.len() && at + label.len() < last {
                line = format!("{line:<at$}{label}");
            }
        }
        format!("{line:<last$}{end}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(days: &[i64]) -> Axis {
        let ends = days
            .iter()
            .map(|days| DateTime::UNIX_EPOCH + TimeDelta::days(*days));
        Axis::reaching(ends, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn it_reaches_as_far_as_the_farthest_end_and_little_farther() {
        for (ends, reach) in [
            (&[][..], 30),
            (&[-5], 30),
            (&[30, 2], 30),
            (&[31], 90),
            (&[12, 82, 180], 185),
            (&[300], 370),
            (&[1826], 2190),
        ] {
            assert_eq!(axis(ends).days(), reach, "{ends:?}");
        }
        let hour = DateTime::UNIX_EPOCH + TimeDelta::days(30) + TimeDelta::hours(1);
        assert_eq!(
            Axis::reaching(std::iter::once(hour), DateTime::UNIX_EPOCH).days(),
            90
        );
    }

    #[test]
    fn bars_stand_on_one_axis_and_never_hide_what_is_left() {
        let axis = axis(&[180]);
        assert_eq!(axis.cells(TimeDelta::days(400), 18), 18);
        assert_eq!(axis.cells(TimeDelta::days(185), 18), 18);
        assert_eq!(axis.cells(TimeDelta::days(180), 18), 17);
        assert_eq!(axis.cells(TimeDelta::days(89), 18), 8);
        assert_eq!(axis.cells(TimeDelta::minutes(1), 18), 1);
        assert_eq!(axis.cells(TimeDelta::minutes(1), 0), 0);
        assert_eq!(axis.cells(TimeDelta::zero(), 18), 0);
        assert_eq!(axis.cells(TimeDelta::days(-3), 18), 0);
    }

    #[test]
    fn the_scale_marks_what_has_room_and_always_its_end() {
        assert_eq!(axis(&[180]).scale(36), "today 30 d        90 d         185 d");
        assert_eq!(axis(&[180]).scale(18), "today        185 d");
        assert_eq!(axis(&[180]).scale(10), "0    185 d");
        assert_eq!(axis(&[]).scale(24), "today               30 d");
        for columns in 0..60 {
            for reach in REACHES {
                let line = axis(&[reach]).scale(columns);
                assert!(line.ends_with(&format!(" {reach} d")), "{line}");
                assert!(line.len() == columns.max(line.len()), "{line}");
            }
        }
    }
}
