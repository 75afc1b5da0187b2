//! The question whether to quit while runs are running or plans wait.

use ratatui::Frame;

use crate::console::actions::{ActionId, Scope};
use crate::console::components::{Dialog, question};
use crate::console::queue;
use crate::console::view::Drawn;
use crate::console::{Model, words};

/// The question.
#[derive(Clone, Debug)]
pub struct Leave;

impl Dialog for Leave {
    fn scope(&self) -> Scope {
        Scope::LEAVE
    }

    fn boxed(&self) -> Box<dyn Dialog> {
        Box::new(self.clone())
    }

    fn draw(&self, model: &Model, frame: &mut Frame, _: &mut Drawn) {
        draw(model, frame);
    }
}

fn draw(model: &Model, frame: &mut Frame) {
    let queued = model.queue().waiting().len();
    let dropped = format!(
        "{} and not started; leaving removes {}.",
        words::count(queued, "confirmed plan is queued", "confirmed plans are queued"),
        if queued == 1 { "it" } else { "them" }
    );
    let stops = "The run is cancelled, and windlass exits when it has ended.";
    let later = "Finish the missing steps later with windlass resume.";
    let (title, lines): (_, &[&str]) = match (queue::busy(model), queued > 0) {
        (false, _) => ("Plans are queued. Leave?", &[&dropped]),
        (true, true) => (
            "A run is in progress and plans are queued. Leave?",
            &[stops, later, &dropped],
        ),
        (true, false) => ("A run is in progress. Leave?", &[stops, later]),
    };
    question(
        model,
        frame,
        title,
        lines,
        [ActionId::LEAVE_YES, ActionId::LEAVE_NO],
    );
}
