//! The tour of the demo environment: one hint at a time about what to press next.
//!
//! Defines the steps, their texts and when each is done. It never blocks: after any other action
//! the same hint is still shown. Keys come from the action table.

use super::actions::ActionId;
use super::dialogs::Help;
use super::effect::Effect;
use super::model::Screen;
use super::panes::PaneId;
use super::review::ReviewKind;
use super::{Model, layout};

/// Smallest size for the tour, in columns and rows; below it the panes need every line.
const LEAST: (u16, u16) = (80, 24);

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

const ALL: [Step; 6] = [
    Step::Plan,
    Step::Confirm,
    Step::Start,
    Step::Back,
    Step::Channels,
    Step::Help,
];

impl Step {
    /// The first step.
    pub const FIRST: Self = Self::Plan;

    /// Returns the step to show in the state of `model`: itself while it is not done, `None` at the
    /// end of the tour.
    fn after(self, model: &Model) -> Option<Self> {
        let panes = matches!(model.screen, Screen::Panes);
        let asked = confirmation(model).is_some();
        let reviewed =
            matches!(&model.screen, Screen::Review(review) if review.kind() == ReviewKind::Publish);
        let ran = matches!(model.screen, Screen::Run(_));
        Some(match self {
            Self::Plan if reviewed => Self::Confirm,
            Self::Confirm | Self::Start if panes => Self::Plan,
            Self::Confirm | Self::Start if ran => Self::Back,
            Self::Confirm if asked => Self::Start,
            Self::Start if !asked && !starting(model) => Self::Confirm,
            Self::Back if panes => Self::Channels,
            Self::Channels if model.pane == PaneId::Channels => Self::Help,
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
    matches!(&model.screen, Screen::Review(review) if review.starting.is_some())
}

/// Returns true if a tour can be offered: it ends in a publish, which is safe only in the demo
/// environment.
pub const fn offered(model: &Model) -> bool {
    model.setting.demo && !model.setting.read_only
}

/// Advances when a step is done.
pub fn follow(model: &mut Model) -> Vec<Effect> {
    let Some(step) = model.tour else {
        return Vec::new();
    };
    model.tour = step.after(model);
    if model.tour.is_none() {
        return vec![Effect::EndTour];
    }
    Vec::new()
}

/// Ends the tour for good, or starts it again.
pub fn toggle(model: &mut Model) -> Vec<Effect> {
    if model.tour.take().is_some() {
        let again = model.setting.keymap.hint(ActionId::TOUR, "start it again");
        model.say(format!("tour ended; {again}"));
        return vec![Effect::EndTour];
    }
    model.tour = Some(Step::FIRST);
    Vec::new()
}

/// Returns true if the hint takes a line of the screen.
pub fn shown(model: &Model) -> bool {
    model.tour.is_some()
        && offered(model)
        && model.columns >= LEAST.0
        && model.lines >= LEAST.1
        && !layout::too_small(model)
}

/// The hint: its number, what to do, and how to be rid of it. Nothing over a dialog that it does not
/// speak of: what it names would act on that.
pub fn hint(model: &Model) -> Option<(String, String, String)> {
    let step = model.tour?;
    let asked = confirmation(model).is_some();
    if model.modal.is_some() && !(asked && step == Step::Start) {
        return None;
    }
    let keymap = &model.setting.keymap;
    let at = ALL.iter().position(|one| *one == step)? + 1;
    let release = model.panes.releases.selected().map(|row| row.name.to_string());
    let release = release.as_deref().unwrap_or("a release");
    let elsewhere = !matches!(model.screen, Screen::Panes);
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
