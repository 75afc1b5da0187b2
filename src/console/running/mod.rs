//! The screen of one run: every step with its phase, bytes and rate, and in the end the result.
//!
//! Owns which run is looked at. What is known of it lies in the model's `live` and `runs`.

mod ending;
mod lines;
mod update;
pub mod view;

pub use lines::lines;
pub use update::{cancel, ended, progress, shown, update};

use super::Model;
use super::live::{self, State};
use super::model::Screen;
use crate::journal::RunId;

/// The state of the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// The run.
    pub run: RunId,
    /// First line shown.
    pub offset: usize,
}

impl Running {
    /// The screen of `run`.
    pub const fn of(run: RunId) -> Self {
        Self { run, offset: 0 }
    }
}

/// How `run` stands.
pub fn state(model: &Model, run: &RunId) -> State {
    live::state(model.live.get(run), model.record(run))
}

/// Keeps the window inside.
pub fn settle(model: &mut Model, width: usize, height: usize) {
    let Screen::Run(running) = &model.screen else {
        return;
    };
    let count = lines(model, running, width).len();
    let Screen::Run(running) = &mut model.screen else {
        return;
    };
    running.offset = running.offset.min(count.saturating_sub(height));
}
