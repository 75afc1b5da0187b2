//! The question whether to stop a run.

use ratatui::Frame;

use crate::console::Model;
use crate::console::actions::{ActionId, Scope};
use crate::console::components::{Dialog, question};
use crate::console::view::Drawn;
use crate::journal::RunId;

/// The question.
#[derive(Clone, Debug)]
pub struct Stop {
    /// The run.
    pub run: RunId,
}

impl Dialog for Stop {
    fn scope(&self) -> Scope {
        Scope::STOP
    }

    fn boxed(&self) -> Box<dyn Dialog> {
        Box::new(self.clone())
    }

    fn draw(&self, model: &Model, frame: &mut Frame, _: &mut Drawn) {
        question(
            model,
            frame,
            "Cancel the run?",
            &[
                "The current step finishes first. The run then ends as cancelled, finished",
                "anyway, or unknown; resuming it checks the current state first.",
            ],
            [ActionId::STOP_YES, ActionId::STOP_NO],
        );
    }
}
