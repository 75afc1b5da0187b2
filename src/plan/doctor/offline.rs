//! What a checkup says that asks nobody: what was seen, and when.
//!
//! Owns the words for age and for what was not asked. Pure. The standing of a fact is the same as
//! online: only its words tell that it is an older one.

use chrono::{DateTime, Utc};

use super::{Check, Standing};
use crate::domain::text::age;

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
        age(now, seen_at)
    );
    for check in checks {
        if check.text.as_str() != "not asked: offline" {
            check.text = format!("{}; {when}", check.text).into();
        }
    }
}
