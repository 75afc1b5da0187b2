//! Defines the only retry policy: how often, after which wait, and for which statuses.

use std::time::Duration;

use backon::ExponentialBuilder;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::{Answer, Failure, LONGEST_WAIT};

/// Returns the policy: five attempts, from a fifth of a second, doubled, with jitter.
pub fn policy() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(4)
        .with_jitter()
}

/// Returns true for statuses that are worth a retry.
pub const fn transient(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

/// Parses `Retry-After`: seconds, or an HTTP date compared with now.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    (at.to_utc() - chrono::Utc::now()).to_std().ok()
}

pub(super) enum Trouble {
    Answered(Answer),
    Failed(Failure),
}

impl Trouble {
    pub(super) fn worth_another(&self) -> bool {
        match self {
            Self::Answered(answer) => retry_after(&answer.headers).is_none_or(|wait| wait <= LONGEST_WAIT),
            Self::Failed(failure) => !failure.hopeless,
        }
    }

    pub(super) fn adjust(&self, planned: Option<Duration>) -> Option<Duration> {
        let asked = match self {
            Self::Answered(answer) => retry_after(&answer.headers),
            Self::Failed(_) => None,
        };
        planned.map(|planned| asked.map_or(planned, |asked| asked.max(planned)))
    }
}

pub(super) fn settle(result: Result<Answer, Trouble>) -> Result<Answer, Failure> {
    match result {
        Ok(answer) | Err(Trouble::Answered(answer)) => Ok(answer),
        Err(Trouble::Failed(failure)) => Err(failure),
    }
}
