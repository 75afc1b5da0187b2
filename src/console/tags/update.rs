//! Handles keys and answers of the list of tags.

use chrono::{DateTime, Utc};
use ratatui::Frame;
use tui_input::Input;

use super::{TagLists, Tags, rows};
use crate::console::Model;
use crate::console::actions::{ActionId, Key, Scope};
use crate::console::components::{Dialog, List, form};
use crate::console::dialogs::search_view;
use crate::console::effect::{Effect, RequestId};
use crate::console::view::Drawn;
use crate::domain::tags::TagList;
use crate::domain::{Observed, Problem};

/// Opens the list for the focused field.
pub fn open(model: &mut Model) -> Vec<Effect> {
    let dialog = model.modal.as_deref();
    let repository = dialog.and_then(|dialog| dialog.repository(model));
    let (Some(repository), Some(under)) = (repository, model.modal.take()) else {
        return Vec::new();
    };
    let known = model
        .state::<TagLists>()
        .0
        .get(&repository)
        .is_some_and(|seen| seen.value.is_some());
    model.open(Tags {
        repository,
        filter: Input::default(),
        list: List::default(),
        in_flight: None,
        under,
    });
    if known { Vec::new() } else { again(model) }
}

/// Reads the tags from the registry again.
pub(super) fn again(model: &mut Model) -> Vec<Effect> {
    let id = model.next_id();
    let Some(dialog) = model.dialog_mut::<Tags>() else {
        return Vec::new();
    };
    if dialog.in_flight.is_some() {
        return Vec::new();
    }
    dialog.in_flight = Some(id);
    vec![Effect::ListTags {
        id,
        repository: dialog.repository.clone(),
    }]
}

/// Stores the answer of the registry.
pub fn listed(model: &mut Model, id: RequestId, at: DateTime<Utc>, answer: Result<TagList, Problem>) {
    let Some(dialog) = model.dialog_mut::<Tags>() else {
        return;
    };
    if dialog.in_flight != Some(id) {
        return;
    }
    dialog.in_flight = None;
    let repository = dialog.repository.clone();
    model.now = model.now.max(at);
    let seen = model.state_mut::<TagLists>().0.entry(repository).or_default();
    seen.refresh(Observed::from_result(answer, at));
}

/// Puts the selected tag into the field below the list.
pub(super) fn take(model: &mut Model) {
    let Some(dialog) = model.dialog::<Tags>() else {
        return;
    };
    let Some(tag) = rows(model, dialog)
        .get(dialog.list.at)
        .map(|tag| (*tag).to_owned())
    else {
        return model.refuse("no tag is selected");
    };
    if let Some(Tags {
        repository,
        mut under,
        ..
    }) = model.take_dialog::<Tags>()
    {
        under.put_tag(&repository, &tag);
        model.modal = Some(under);
    }
}

impl Dialog for Tags {
    fn scope(&self) -> Scope {
        Scope::TAGS
    }

    fn boxed(&self) -> Box<dyn Dialog> {
        Box::new(self.clone())
    }

    fn draw(&self, model: &Model, frame: &mut Frame, drawn: &mut Drawn) {
        super::view::draw(model, self, frame, drawn);
    }

    fn fit(&mut self, model: &Model) {
        let count = rows(model, self).len();
        self.list.fit(usize::from(search_view::height(model)), count);
    }

    fn move_by(&mut self, _: &Model, steps: isize) {
        self.list.step(steps);
    }

    fn pick(&mut self, _: &Model, line: usize) {
        self.list.at = line;
    }

    fn typed(&mut self, _: &Model, key: Key) {
        if form::edit(&mut self.filter, key) {
            self.list.at = 0;
        }
    }

    fn double_click(&self) -> Option<ActionId> {
        Some(ActionId::TAGS_TAKE)
    }

    fn close(self: Box<Self>, model: &mut Model) {
        model.modal = Some(self.under);
    }
}
