//! Computes when the screen changes next without input.
//!
//! The console has one timer: ages change by the minute, refreshes fall due, and during a run times
//! change every second. Nothing else wakes an idle console. Must not read a clock.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

use super::{Model, queue};

/// Returns when the clock must be read again; `None` if nothing on screen depends on it.
pub fn next(model: &Model) -> Option<DateTime<Utc>> {
    let shows_age = model.refresh.answered_at.is_some()
        || model.snapshot.releases.read_at.is_some()
        || model.snapshot.credential.read_at.is_some();
    let minute = shows_age
        .then(|| {
            (model.now + TimeDelta::minutes(1))
                .duration_trunc(TimeDelta::minutes(1))
                .ok()
        })
        .flatten();
    // During a run or a refresh, times change every second.
    let counting =
        queue::busy(model) || (model.refresh.in_flight.is_some() && model.refresh.started_at.is_some());
    let second = counting.then(|| {
        (model.now + TimeDelta::seconds(1))
            .duration_trunc(TimeDelta::seconds(1))
            .ok()
    });
    [minute, second.flatten(), refresh_due(model)]
        .into_iter()
        .flatten()
        .min()
        .map(|at| at.max(model.now + TimeDelta::milliseconds(50)))
}

/// Returns when the next automatic refresh is due; `None` while one is pending, if they are off,
/// and without focus.
pub fn refresh_due(model: &Model) -> Option<DateTime<Utc>> {
    let minutes = i64::try_from(model.setting.refresh_minutes).ok()?;
    if minutes == 0 || !model.in_focus || model.refresh.in_flight.is_some() {
        return None;
    }
    Some(model.refresh.answered_at? + TimeDelta::try_minutes(minutes)?)
}

/// Returns the age at which a value counts as stale: two intervals, so that regularly refreshed
/// data never does.
pub fn stale_after(model: &Model) -> TimeDelta {
    let minutes = model.setting.refresh_minutes.clamp(1, 24 * 60);
    TimeDelta::minutes(2 * i64::try_from(minutes).unwrap_or(5))
}
