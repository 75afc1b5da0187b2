//! Parses times and spans of time. Every option that takes one uses these functions.

use chrono::{DateTime, TimeDelta, Utc};

/// Accepted forms of a past time, for hints.
pub const PAST_FORMS: &str = "2025-02-03T12:00:00Z, '2 days ago', 3d or yesterday";

/// Why a text is not a past time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotPast {
    /// It is a time in the future.
    Future,
    /// It begins as a date does, but has no time or no zone.
    Incomplete,
    /// It is no time.
    NoTime,
}

/// Parses a past time: an RFC 3339 time, a span before `now` (`3d`, `2 days ago`), or `yesterday`,
/// which is 24 hours ago.
pub fn past(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, NotPast> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        let at = at.to_utc();
        return if at > now { Err(NotPast::Future) } else { Ok(at) };
    }
    if let Some(span) = ago(text) {
        return now.checked_sub_signed(span).ok_or(NotPast::NoTime);
    }
    // No id of a run has a dash there.
    let digits = text.bytes().take(4).all(|byte| byte.is_ascii_digit());
    if digits && text.as_bytes().get(4) == Some(&b'-') {
        return Err(NotPast::Incomplete);
    }
    Err(NotPast::NoTime)
}

/// Parses a span before now.
fn ago(text: &str) -> Option<TimeDelta> {
    let text = text.trim().to_ascii_lowercase();
    if text == "yesterday" {
        return TimeDelta::try_days(1);
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        [short] | [short, "ago"] => span(short),
        [number, unit, "ago"] => {
            let unit = unit.strip_suffix('s').unwrap_or(unit);
            let unit = match unit {
                "second" | "minute" | "hour" | "day" | "week" => unit.get(..1)?,
                "sec" => "s",
                "min" => "m",
                _ => return None,
            };
            span(&format!("{number}{unit}"))
        }
        _ => None,
    }
}

/// Parses a span of time: a number of seconds, minutes, hours, days or weeks, such as `45m` or
/// `14d`.
pub fn span(text: &str) -> Option<TimeDelta> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = number.parse().ok()?;
    match unit {
        "s" => TimeDelta::try_seconds(number),
        "m" => TimeDelta::try_minutes(number),
        "h" => TimeDelta::try_hours(number),
        "d" => TimeDelta::try_days(number),
        "w" => TimeDelta::try_weeks(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_764_500_000, 0).unwrap()
    }

    #[test]
    fn a_span_is_a_number_with_a_unit() {
        assert_eq!(span("90s"), Some(TimeDelta::seconds(90)));
        assert_eq!(span("45m"), Some(TimeDelta::minutes(45)));
        assert_eq!(span("36h"), Some(TimeDelta::hours(36)));
        assert_eq!(span("14d"), Some(TimeDelta::days(14)));
        assert_eq!(span("2w"), Some(TimeDelta::weeks(2)));
        for bad in [
            "",
            "d",
            "14",
            "-1d",
            "+1d",
            "1.5d",
            "14 d",
            "ä",
            "99999999999999999d",
        ] {
            assert_eq!(span(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_past_time_is_absolute_or_relative() {
        for (text, before) in [
            ("yesterday", TimeDelta::days(1)),
            ("Yesterday", TimeDelta::days(1)),
            ("3d", TimeDelta::days(3)),
            ("3d ago", TimeDelta::days(3)),
            ("1 day ago", TimeDelta::days(1)),
            ("2 days ago", TimeDelta::days(2)),
            ("90 minutes ago", TimeDelta::minutes(90)),
            ("5 min ago", TimeDelta::minutes(5)),
            ("2 weeks ago", TimeDelta::weeks(2)),
        ] {
            assert_eq!(past(text, now()), Ok(now() - before), "{text}");
        }
        assert_eq!(past("2025-11-30T10:53:20Z", now()), Ok(now()));
        assert_eq!(past("2030-12-01T00:00:00Z", now()), Err(NotPast::Future));
        for text in ["2025-11-30", "2025-11-30T12:00:00"] {
            assert_eq!(past(text, now()), Err(NotPast::Incomplete), "{text}");
        }
        for text in [
            "",
            "yesterday 12:00",
            "tomorrow",
            "2 days",
            "two days ago",
            "999999999w",
            "20251120T101500Z-1f2e",
        ] {
            assert_eq!(past(text, now()), Err(NotPast::NoTime), "{text}");
        }
    }
}
