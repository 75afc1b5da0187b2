//! Requests left at GitHub.
//!
//! Owns the answer of `GET /rate_limit`, which costs nothing. Must not judge whether it is enough.

use chrono::{DateTime, Utc};

use super::GitHub;
use crate::domain::Problem;

/// Requests left for whoever asks: an account, or an address without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestQuota {
    /// Requests an hour.
    pub limit: u64,
    /// Requests left in it.
    pub remaining: u64,
    /// When the next hour begins.
    pub reset: Option<DateTime<Utc>>,
}

#[derive(serde::Deserialize)]
struct Limits {
    resources: Resources,
}

#[derive(serde::Deserialize)]
struct Resources {
    core: Core,
}

#[derive(serde::Deserialize)]
struct Core {
    limit: u64,
    remaining: u64,
    reset: i64,
}

impl GitHub {
    /// Requests left. Asking does not count as one.
    pub async fn quota(&self) -> Result<RequestQuota, Problem> {
        let limits: Limits = self
            .get("/rate_limit", "asking how many requests are left at GitHub")
            .await?;
        let core = limits.resources.core;
        Ok(RequestQuota {
            limit: core.limit,
            remaining: core.remaining,
            reset: DateTime::from_timestamp(core.reset, 0),
        })
    }
}
