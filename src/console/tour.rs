//! The tour of the demo environment: one hint at a time about what to press next.
//!
//! Defines the steps, their texts and when each is done. It never blocks: after any other action
//! the same hint is still shown. Keys come from the action table.

use super::Model;
use super::actions::ActionId;
use super::dialogs::Help;
use super::effect::Effect;
use super::panes::PaneId;
use super::panes::screen::PanesScreen;
use super::review::{Review, ReviewKind};
use super::running::Running;

pub mod state;

pub use state::{Step, offered};

const ALL: [Step; 6] = [
    Step::Plan,
    Step::Confirm,
    Step::Start,
    Step::Back,
    Step::Channels,
    Step::Help,
];

impl Step {
    /// Returns the step to show in the state of `model`: itself while it is not done, `None` at the
    /// end of the tour.
    fn after(self, model: &Model) -> Option<Self> {
        let panes = model.on::<PanesScreen>().is_some();
        let asked = confirmation(model).is_some();
        let reviewed = model
            .on::<Review>()
            .is_some_and(|review| review.kind() == ReviewKind::Publish);
        let ran = model.on::<Running>().is_some();
        Some(match self {
            Self::Plan if reviewed => Self::Confirm,
            Self::Confirm | Self::Start if panes => Self::Plan,
            Self::Confirm | Self::Start if ran => Self::Back,
            Self::Confirm if asked => Self::Start,
            Self::Start if !asked && !starting(model) => Self::Confirm,
            Self::Back if panes => Self::Channels,
            Self::Channels if model.pane == PaneId::CHANNELS => Self::Help,
            Self::Help if model.dialog::<Help>().is_some() => return None,
            same => same,
        })
    }
}

/// Returns the word that the open dialog asks for.
fn confirmation(model: &Model) -> Option<&str> {
    model.modal.as_deref()?.confirmation()
}

/// Returns true between the confirmation and the start of its run.
fn starting(model: &Model) -> bool {
    model
        .on::<Review>()
        .is_some_and(|review| review.starting.is_some())
}

/// Advances when a step is done.
pub fn follow(model: &mut Model) -> Vec<Effect> {
    let Some(step) = model.tour() else {
        return Vec::new();
    };
    let next = step.after(model);
    if next != Some(step) {
        model.set_tour(next);
    }
    if next.is_none() {
        return vec![Effect::EndTour];
    }
    Vec::new()
}

/// Ends the tour for good, or starts it again.
pub fn toggle(model: &mut Model) -> Vec<Effect> {
    if model.tour().is_some() {
        model.set_tour(None);
        let again = model.setting.keymap.hint(ActionId::TOUR, "start it again");
        model.say(format!("tour ended; {again}"));
        return vec![Effect::EndTour];
    }
    model.set_tour(Some(Step::FIRST));
    Vec::new()
}

/// The hint: its number, what to do, and how to be rid of it. Nothing over a dialog that it does not
/// speak of: what it names would act on that.
pub fn hint(model: &Model) -> Option<(String, String, String)> {
    let step = model.tour()?;
    let asked = confirmation(model).is_some();
    if model.modal.is_some() && !(asked && step == Step::Start) {
        return None;
    }
    let keymap = &model.setting.keymap;
    let at = ALL.iter().position(|one| *one == step)? + 1;
    let release = model.release_rows().selected().map(|row| row.name.to_string());
    let release = release.as_deref().unwrap_or("a release");
    let elsewhere = model.on::<PanesScreen>().is_none();
    let text = match step {
        Step::Plan | Step::Channels | Step::Help if elsewhere => {
            keymap.hint(ActionId::BACK, "return to the panes")
        }
        Step::Plan => {
            let does = format!("plan publishing {release}; nothing changes yet");
            keymap.hint(ActionId::PUBLISH, &does)
        }
        Step::Confirm => {
            let confirm = keymap.hint(ActionId::REVIEW_CONFIRM, "confirm it");
            format!("nothing has changed; {confirm}")
        }
        Step::Start => {
            let wanted = confirmation(model).unwrap_or(release);
            format!(
                "type {wanted} and press {}: only the demo environment changes",
                keymap.first(ActionId::PROMPT_ACCEPT)
            )
        }
        Step::Back => keymap.hint(ActionId::BACK, "return; the run continues in Activity"),
        Step::Channels => keymap.hint(ActionId::CHANNELS, "see what every channel serves now"),
        Step::Help => keymap.hint(ActionId::HELP, "find every other action"),
    };
    let number = format!("{at}/{}", ALL.len());
    // In a text field a letter is input, not an action.
    let end = if asked {
        String::new()
    } else {
        keymap.brief(ActionId::TOUR, "end tour")
    };
    Some((number, text, end))
}
