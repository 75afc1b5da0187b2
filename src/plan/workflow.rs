//! Plans the start, the repetition and the end of a workflow.

use crate::config::Workspace;
use crate::domain::{Kind, Problem, Snapshot};
use crate::plan::{Plan, WorkflowIntent};

/// Plans `intent`, or says why not.
pub fn plan(_workspace: &Workspace, _snapshot: &Snapshot, intent: &WorkflowIntent) -> Result<Plan, Problem> {
    Err(Problem::new(
        Kind::Internal,
        format!("'{}' cannot be planned yet", intent.command()),
    ))
}
