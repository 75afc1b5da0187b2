//! Reads the number of requests left at GitHub from `GET /rate_limit`, which costs nothing.

use chrono::{DateTime, Utc};

use super::GitHub;
use crate::domain::Problem;

/// Holds the requests left for the account, or for the address if there is no account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestQuota {
    /// Requests per hour.
    pub limit: u64,
    /// Requests left in this hour.
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
    /// Reads the requests left. This request does not count.
    pub async fn quota(&self) -> Result<RequestQuota, Problem> {
        let limits: Limits = self
            .get("/rate_limit", "reading the request quota of GitHub")
            .await?;
        let core = limits.resources.core;
        Ok(RequestQuota {
            limit: core.limit,
            remaining: core.remaining,
            reset: DateTime::from_timestamp(core.reset, 0),
        })
    }
}
