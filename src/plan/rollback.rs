//! Plans the way back: each row gets the pair that it had before.

use crate::config::Workspace;
use crate::domain::{Kind, Problem, Snapshot};
use crate::plan::{Plan, RollbackIntent};

/// Plans `intent`, or says why not.
pub fn plan(_workspace: &Workspace, _snapshot: &Snapshot, intent: &RollbackIntent) -> Result<Plan, Problem> {
    Err(Problem::new(
        Kind::Internal,
        format!("'{}' cannot be planned yet", intent.command()),
    ))
}
