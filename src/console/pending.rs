//! What was confirmed and waits for a sign-in or for its turn.

use super::confirm::Confirmed;
use crate::journal::RunId;
use crate::plan::Plan;

/// What the sign-in is for.
#[derive(Clone, Debug, PartialEq)]
pub enum PendingAction {
    /// Running this plan.
    Start(Box<Confirmed<Plan>>),
    /// Resuming a run.
    Resume(Confirmed<RunId>),
}
