//! Plans the promotion of a release: the pairs of its track's edge, base by base, at another risk.

use crate::config::Workspace;
use crate::domain::{Kind, Problem, Snapshot};
use crate::plan::{Plan, PromoteIntent};

/// Plans `intent`, or says why not.
pub fn plan(_workspace: &Workspace, _snapshot: &Snapshot, intent: &PromoteIntent) -> Result<Plan, Problem> {
    Err(Problem::new(
        Kind::Internal,
        format!("'{}' cannot be planned yet", intent.command()),
    ))
}
