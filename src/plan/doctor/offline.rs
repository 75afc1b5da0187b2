//! What a checkup says that asks nobody: what was seen, and when.
//!
//! Owns the words for age and for what was not asked. Pure. The standing of a fact is the same as
//! online: only its words tell that it is an older one.

use chrono::{DateTime, Utc};

use super::{Check, Standing};

/// A check that only a service could decide.
pub fn not_asked(name: impl AsRef<str>) -> Check {
    Check::bad(
        name,
        Standing::Warning,
        "not asked: offline",
        "run it again without --offline",
    )
}

/// Tells of every check in `checks` when its facts were seen.
pub fn date(checks: &mut [Check], seen_at: DateTime<Utc>, now: DateTime<Utc>) {
    let when = format!(
        "seen at {} ({})",
        seen_at.format("%Y-%m-%d %H:%M UTC"),
        age(seen_at, now)
    );
    for check in checks {
        if check.text.as_str() != "not asked: offline" {
            check.text = format!("{}; {when}", check.text).into();
        }
    }
}

pub fn age(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let minutes = now.signed_duration_since(at).num_minutes();
    match minutes {
        // Also where a clock was set back.
        ..=0 => "just now".to_owned(),
        1..=119 => format!("{minutes} min ago"),
        120..=2879 => format!("{} h ago", minutes / 60),
        _ => format!("{} d ago", minutes / 1440),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn ages_are_told_in_the_unit_that_fits() {
        let at = DateTime::from_timestamp(1_740_000_000, 0).unwrap();
        let told = |minutes: i64| age(at, at + TimeDelta::minutes(minutes));
        assert_eq!(told(-5), "just now");
        assert_eq!(told(0), "just now");
        assert_eq!(told(119), "119 min ago");
        assert_eq!(told(120), "2 h ago");
        assert_eq!(told(2880), "2 d ago");
    }
}
