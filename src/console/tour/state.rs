//! The step of the demo's tour, and whether a tour can be offered.

use crate::console::Model;
use crate::console::state::state;

/// What the step shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Plan a publish.
    Plan,
    /// Ask for the confirmation word.
    Confirm,
    /// Type that word.
    Start,
    /// Go back from the run.
    Back,
    /// Show the channels.
    Channels,
    /// Open help.
    Help,
}

impl Step {
    /// The first step.
    pub const FIRST: Self = Self::Plan;
}

/// The step shown; `None` without a tour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tour(Option<Step>);

state!(Tour);

impl Model {
    /// Returns the step of the tour; `None` without one.
    pub fn tour(&self) -> Option<Step> {
        self.state::<Tour>().0
    }

    /// Shows a step of the tour, or ends it.
    pub fn set_tour(&mut self, step: Option<Step>) {
        self.state_mut::<Tour>().0 = step;
    }
}

/// Returns true if a tour can be offered: it ends in a publish, which is safe only in the demo
/// environment.
pub const fn offered(model: &Model) -> bool {
    model.setting.demo && !model.setting.read_only
}
