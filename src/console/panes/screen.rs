//! The screen of the panes.

use ratatui::Frame;

use super::{PaneId, standing};
use crate::console::actions::{ActionId, Availability, Scope};
use crate::console::effect::Effect;
use crate::console::layout::{self, layout};
use crate::console::screen::{Screen, ScreenSpec};
use crate::console::view::{Drawn, pane};
use crate::console::{Model, borders, panes};

/// The screen; its state is in the panes.
#[derive(Clone, Debug)]
pub struct PanesScreen;

static SPEC: ScreenSpec = ScreenSpec {
    scope: |model| match model.focused() {
        _ if model.filtering.is_some() => Scope::FILTER,
        Some(pane) => pane.scope,
        None => Scope::PANES,
    },
    draw,
    fit: |model, _, _| fit(model),
    move_by: |model, steps| panes::move_by(model, model.pane, steps),
    scroll: |model, steps| panes::move_by(model, model.pane, steps),
    page_height,
    wheel: |model, pane, steps| {
        if let Some(pane) = pane {
            panes::move_by(model, pane, steps);
        }
    },
    pick: |_, _| {},
    double_click: |model| model.focused().map(|pane| pane.open),
    copied: |model| (model.focused()?.copied)(model),
    page: |model| (model.focused()?.page)(model),
    can_browse: |model| match model.focused() {
        Some(pane) => (pane.can_browse)(model),
        None => Availability::Hidden,
    },
    pager: |_| None,
    search: None,
};

impl Screen for PanesScreen {
    fn spec(&self) -> &'static ScreenSpec {
        &SPEC
    }

    fn boxed(&self) -> Box<dyn Screen> {
        Box::new(self.clone())
    }
}

fn draw(model: &Model, frame: &mut Frame, drawn: &mut Drawn) {
    let places = layout(model);
    if let Some(tabs) = places.tabs {
        pane::tabs(model, tabs, frame, drawn);
    }
    for (id, rect) in &places.panes {
        if let Some(spec) = model.pane_spec(*id) {
            pane::draw(model, spec, *rect, frame, drawn);
        }
    }
    drawn.grips = borders::grips(&places);
}

/// Scrolls every list so that its selection is visible.
pub fn fit(model: &mut Model) {
    let places = layout(model);
    for spec in model.panes {
        let place = places.panes.iter().find(|(id, _)| *id == spec.id);
        let height = place.map_or(1, |(_, rect)| layout::list_height(spec, *rect));
        panes::settle(model, spec.id, height);
    }
}

fn page_height(model: &Model) -> usize {
    let places = layout(model);
    let place = places.panes.iter().find(|(pane, _)| *pane == model.pane);
    match (place, model.focused()) {
        (Some((_, rect)), Some(spec)) => layout::list_height(spec, *rect),
        _ => 1,
    }
}

/// Shows what is selected in the focused pane, or the problem that its banner names.
pub fn show_selected(model: &mut Model) -> Vec<Effect> {
    let Some(pane) = model.focused() else {
        return Vec::new();
    };
    if !(pane.list)(model).on_banner() {
        return (pane.show)(model);
    }
    let problem = standing::sources(model, pane).problem;
    if let Some((what, problem)) = problem.map(|(what, problem)| (what, problem.clone())) {
        model.open_problem(format!("Cannot continue with {what}"), &problem);
    }
    Vec::new()
}

/// Focuses `pane` from any screen. A review is left as with its own key: nothing was changed.
pub fn to_pane(model: &mut Model, pane: PaneId) -> Vec<Effect> {
    if model.on::<PanesScreen>().is_none() {
        model.interrupted = None;
        model.show(PanesScreen);
    }
    crate::console::jumps::jump(model, pane);
    Vec::new()
}

/// Focuses the pane `steps` further on, wrapping around.
pub fn step(model: &mut Model, steps: isize) {
    let count = model.panes.len().max(1) as isize;
    let at = model.pane_number(model.pane) as isize - 1 + steps;
    if let Some(spec) = model.panes.get(at.rem_euclid(count) as usize) {
        model.pane = spec.id;
    }
}

/// Returns the action that opens what is selected in the focused pane.
pub fn opens(model: &Model) -> ActionId {
    model.focused().map_or(ActionId::OPEN, |pane| pane.open)
}
