//! Counts requests for the primary rate limit: 60 requests per hour for anonymous clients, 5,000
//! with the token. The counts are in memory.

use std::sync::Mutex;

use chrono::Utc;
use serde_json::{Value, json};

const HOUR: i64 = 3600;

/// Used requests and the end of the window, for anonymous clients and for the token.
pub(super) struct Quota(Mutex<[(u32, i64); 2]>);

impl Quota {
    pub(super) fn new() -> Self {
        Self(Mutex::new([(0, Utc::now().timestamp() + HOUR); 2]))
    }

    fn limit(signed_in: bool) -> u32 {
        if signed_in { 5000 } else { 60 }
    }

    fn read(&self, signed_in: bool) -> (u32, i64) {
        let now = Utc::now().timestamp();
        self.0.lock().map_or((0, now), |mut windows| {
            let window = &mut windows[usize::from(signed_in)];
            if window.1 <= now {
                *window = (0, now + HOUR);
            }
            *window
        })
    }

    pub(super) fn has_left(&self, signed_in: bool) -> bool {
        self.read(signed_in).0 < Self::limit(signed_in)
    }

    pub(super) fn count(&self, signed_in: bool) {
        if let Ok(mut windows) = self.0.lock() {
            let used = &mut windows[usize::from(signed_in)].0;
            *used = (*used + 1).min(Self::limit(signed_in));
        }
    }

    pub(super) fn headers(&self, signed_in: bool) -> Vec<(&'static str, String)> {
        let (used, reset) = self.read(signed_in);
        let limit = Self::limit(signed_in);
        vec![
            ("x-ratelimit-limit", limit.to_string()),
            ("x-ratelimit-remaining", (limit - used).to_string()),
            ("x-ratelimit-used", used.to_string()),
            ("x-ratelimit-reset", reset.to_string()),
            ("x-ratelimit-resource", "core".into()),
        ]
    }

    /// Returns the body of `GET /rate_limit`.
    pub(super) fn document(&self, signed_in: bool) -> Value {
        let (used, reset) = self.read(signed_in);
        let limit = Self::limit(signed_in);
        let core = json!({"limit": limit, "used": used, "remaining": limit - used, "reset": reset});
        let idle = |limit: u32| json!({"limit": limit, "used": 0, "remaining": limit, "reset": reset});
        json!({
            "resources": {
                "core": core,
                "search": idle(if signed_in { 30 } else { 10 }),
                "graphql": idle(if signed_in { 5000 } else { 0 }),
            },
            "rate": core,
        })
    }
}
