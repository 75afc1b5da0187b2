//! What a run says while it runs.
//!
//! Owns the picture of progress that console and command line draw from. A percentage reaches 100
//! only once the service has answered. Must not decide anything.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::{Outside, Problem};
use crate::journal::{Outcome, RunId, StepOutcome};
use crate::plan::StepId;

/// What a step is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Not begun.
    Waiting,
    /// Looking whether it is so already, and whether what was assumed still holds.
    Looking,
    /// Bytes or a request are under way.
    Sending,
    /// The service has everything and works on it.
    Processing,
    /// Ended.
    Ended,
}

/// Progress of one step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepProgress {
    /// What it is busy with.
    pub phase: Phase,
    /// Bytes sent or found present.
    pub bytes_done: u64,
    /// Bytes in all, where known.
    pub bytes_total: Option<u64>,
    /// Bytes a second, over the last moments.
    pub rate: Option<f64>,
    /// How often something was tried again.
    pub retries: u32,
    /// A word on what happens now.
    pub note: Option<Outside>,
    /// How it ended.
    pub outcome: Option<StepOutcome>,
    /// Why it failed.
    pub problem: Option<Problem>,
}

impl Default for StepProgress {
    fn default() -> Self {
        Self {
            phase: Phase::Waiting,
            bytes_done: 0,
            bytes_total: None,
            rate: None,
            retries: 0,
            note: None,
            outcome: None,
            problem: None,
        }
    }
}

impl StepProgress {
    /// Whole per cent, never 100 before the end.
    pub fn percent(&self) -> Option<u8> {
        if self.outcome.is_some() {
            return Some(100);
        }
        let total = self.bytes_total.filter(|total| *total > 0)?;
        Some(((self.bytes_done.min(total) as f64 / total as f64) * 100.0).min(99.0) as u8)
    }
}

/// Progress of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunProgress {
    /// The run.
    pub run: RunId,
    /// Its steps.
    pub steps: BTreeMap<StepId, StepProgress>,
    /// True once somebody asked it to stop.
    pub cancel_requested: bool,
    /// How it ended.
    pub outcome: Option<Outcome>,
}
