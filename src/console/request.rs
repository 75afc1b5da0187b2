//! Identifies requests to the background.

/// Identifies a request. Its answer carries the same number; older answers are dropped.
pub type RequestId = u64;
