//! Plans a hold and its end.

use crate::config::Workspace;
use crate::domain::{Kind, Problem, Snapshot};
use crate::plan::{HoldIntent, Plan};

/// Plans `intent`, or says why not.
pub fn plan(_workspace: &Workspace, _snapshot: &Snapshot, intent: &HoldIntent) -> Result<Plan, Problem> {
    Err(Problem::new(
        Kind::Internal,
        format!("'{}' cannot be planned yet", intent.command()),
    ))
}
