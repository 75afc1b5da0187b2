//! Describes the results of an offline check: what was observed, and when.
//!
//! The result of a check is the same as online; only its text shows the age of the facts.

use chrono::{DateTime, Utc};

use super::{Check, CheckStatus};
use crate::domain::text::age;

/// Returns a check that needs a service and was not made.
pub fn not_asked(name: impl AsRef<str>) -> Check {
    Check::bad(
        name,
        CheckStatus::Warning,
        "not checked: offline",
        "run it again without --offline",
    )
}

/// Adds to every check in `checks` when its facts were observed.
pub fn date(checks: &mut [Check], seen_at: DateTime<Utc>, now: DateTime<Utc>) {
    let when = format!(
        "read at {} ({})",
        seen_at.format("%Y-%m-%d %H:%M UTC"),
        age(now, seen_at)
    );
    for check in checks {
        if check.text.as_str() != "not checked: offline" {
            check.text = format!("{}; {when}", check.text).into();
        }
    }
}
