//! `update`: the only function that changes the state.
//!
//! Routes messages to the features that handle them. Must not do IO, read a clock or draw random
//! numbers: effects are returned as data.

pub mod actions;
pub(in crate::console) mod go;
mod journal;
mod observed;
pub(in crate::console) mod resume;
pub(in crate::console) mod search;
pub(in crate::console) mod terminal;

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::actions::{self as table, Chord, Key, Scope, act};
use super::components::{form, search as front_search};
use super::effect::Effect;
use super::hidden::Hidden;
use super::model::Setting;
use super::panes::screen::PanesScreen;
use super::panes::{self, PaneId};
use super::review::Review;
use super::upload::EngineImages;
use super::{
    Model, Msg, borders, image, layout, paths, queue, refresh, registry, review, running, sign_in, start,
    tags, tour, wake, workflows,
};
use crate::domain::Snapshot;

/// Applies `msg` and returns the effects to perform.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    model.still = false;
    // Only a key may follow a prefix: any other input drops it.
    if matches!(
        msg,
        Msg::Paste(_)
            | Msg::Act(_)
            | Msg::Pane(_)
            | Msg::Banner(_)
            | Msg::Select(..)
            | Msg::Pick(_)
            | Msg::Wheel(..)
    ) {
        model.pending = None;
    }
    let mut effects = route(model, msg);
    // An answer may have opened a dialog in which the prefix has no meaning.
    if model
        .pending
        .is_some_and(|prefix| table::following(model, prefix).is_empty())
    {
        model.pending = None;
    }
    let followed = tour::follow(model);
    if !followed.is_empty() {
        model.still = false;
    }
    effects.extend(followed);
    fit(model);
    effects
}

fn route(model: &mut Model, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Key(key) => on_key(model, key),
        Msg::Paste(text) => {
            on_paste(model, &text);
            Vec::new()
        }
        Msg::Resize(columns, lines) => {
            if columns != model.columns {
                panes::measure_again(model);
            }
            model.columns = columns;
            model.lines = lines;
            Vec::new()
        }
        Msg::Focus(focus) => {
            model.in_focus = focus;
            let effects = due(model);
            model.still = effects.is_empty();
            effects
        }
        Msg::Act(id) => act(model, id),
        Msg::Pane(pane) => panes::screen::to_pane(model, pane),
        Msg::Banner(pane) => {
            model.pane = pane;
            panes::select_banner(model, pane);
            Vec::new()
        }
        Msg::Select(pane, at) => {
            model.pane = pane;
            panes::select(model, pane, at);
            Vec::new()
        }
        Msg::Pick(at) => {
            pick(model, at);
            Vec::new()
        }
        Msg::Twice => twice(model),
        Msg::Drag(grip, x, y) => {
            borders::drag(model, grip, x, y);
            Vec::new()
        }
        Msg::Wheel(pane, steps) => {
            wheel(model, pane, steps);
            Vec::new()
        }
        Msg::WorkflowsSeen(id, found) => {
            workflows::seen(model, id, *found);
            Vec::new()
        }
        Msg::WorkflowRunSeen(id, found) => {
            workflows::seen_run(model, id, *found);
            Vec::new()
        }
        Msg::TagsListed(id, at, answer) => {
            tags::listed(model, id, at, *answer);
            Vec::new()
        }
        Msg::JobLogRead(id, log) => {
            workflows::read_log(model, id, *log);
            Vec::new()
        }
        Msg::WorkflowFollowed(run, at, answer) => workflows::followed(model, &run, at, *answer),
        Msg::Looked(id, result) => {
            image::looked(model, id, *result);
            Vec::new()
        }
        Msg::Behind(id, charm, found) => {
            image::behind(model, id, &charm, found);
            panes::charms::pane::rewrite_details(model);
            Vec::new()
        }
        Msg::FolderListed(folder) => {
            paths::listed(model, folder);
            Vec::new()
        }
        Msg::Held(names) => {
            model.state_mut::<EngineImages>().0 = names;
            Vec::new()
        }
        Msg::Discharged(id, result) => sign_in::discharged(model, id, *result),
        Msg::Clock(now) => {
            let told = model.now;
            model.now = told.max(now);
            running::tick(model);
            let effects = due(model);
            model.still = effects.is_empty() && model.now == told;
            effects
        }
        Msg::FirstFrame(now) => {
            model.now = model.now.max(now);
            model.warm = true;
            let mut effects = refresh::refresh(model);
            panes::rebuild(model);
            effects.extend(refresh::read_runs(model));
            effects
        }
        Msg::RefreshStarted(id, at) => {
            observed::started(model, id, at);
            Vec::new()
        }
        Msg::SourceRead(id, at, update) => {
            observed::source_read(model, id, at, *update);
            Vec::new()
        }
        Msg::Observed(id, at, snapshot) => {
            observed::observed(model, id, at, snapshot);
            let mut effects = image::ask_unfolded(model);
            if model.refresh.in_flight.is_none() && std::mem::take(&mut model.refresh.again) {
                effects.extend(refresh::refresh(model));
            }
            effects.extend(refresh::refresh_changed(model));
            effects
        }
        // Before the first refresh the runs are read anyway.
        Msg::JournalChanged if !model.warm => Vec::new(),
        Msg::JournalChanged => refresh::read_runs(model),
        Msg::RunsRead(id, at, result) => journal::runs_read(model, id, at, result),
        Msg::Planned(id, at, snapshot, result) => {
            if let Some(effects) = queue::planned(model, id, at, &snapshot, &result) {
                return effects;
            }
            review::planned(model, id, at, snapshot, *result);
            Vec::new()
        }
        Msg::Started(id, result) => start::started(model, id, result),
        Msg::Progress(progress) => {
            running::progress(model, *progress);
            Vec::new()
        }
        Msg::Ended(run, at, result) => running::ended(model, &run, at, *result),
        Msg::Broken(problem) => {
            model.refresh.in_flight = None;
            model.journal.in_flight = None;
            image::broken(model);
            queue::broken(model, &problem);
            workflows::broken(model);
            if let Some(review) = model.on_mut::<Review>() {
                review.in_flight = None;
                review.starting = None;
            }
            model.open_problem("Internal error", &problem);
            Vec::new()
        }
        Msg::Said(text) => {
            model.say(text);
            Vec::new()
        }
        Msg::Refused(text) => {
            model.refuse(text);
            Vec::new()
        }
        Msg::Edited(result) => {
            terminal::edited(model, result);
            Vec::new()
        }
    }
}

/// Returns a refresh if one is due.
fn due(model: &mut Model) -> Vec<Effect> {
    match wake::refresh_due(model) {
        Some(at) if at <= model.now => refresh::refresh(model),
        _ => Vec::new(),
    }
}

fn on_key(model: &mut Model, key: Key) -> Vec<Effect> {
    model.notice = None;
    if let Some(prefix) = model.pending.take() {
        return after(model, prefix, key);
    }
    if let Some(spec) = table::lookup(model, Chord::alone(key)) {
        return act(model, spec.id);
    }
    if !table::following(model, key).is_empty() {
        model.pending = Some(key);
        return Vec::new();
    }
    edit(model, key);
    paths::ask(model)
}

/// Handles the second of two keys. A key without a meaning after the first is dropped together with
/// it, unless it has a meaning everywhere.
fn after(model: &mut Model, prefix: Key, key: Key) -> Vec<Effect> {
    let both = Chord {
        prefix: Some(prefix),
        key,
    };
    let keymap = &model.setting.keymap;
    let found = table::lookup(model, both)
        .or_else(|| keymap.meaning(&[Scope::ALWAYS], Chord::alone(key)).next())
        .map(|spec| spec.id);
    if let Some(id) = found {
        return act(model, id);
    }
    if key != Key::Esc {
        model.refuse(format!("{both} is not a key here"));
    }
    Vec::new()
}

fn edit(model: &mut Model, key: Key) {
    if front_search::is_typing(model) {
        return front_search::typed(model, key);
    }
    if model.modal.is_some() {
        return model.change_dialog(|dialog, model| dialog.typed(model, key));
    }
    if let Some(field) = &mut model.filtering
        && form::edit(field, key)
    {
        let filter = field.value().to_owned();
        panes::set_filter(model, model.pane, &filter);
    }
}

/// Pastes into the focused field; a dialog decides itself, because some fields only take keys.
fn on_paste(model: &mut Model, text: &Hidden) {
    let searched = front_search::is_typing(model);
    if model.modal.is_some() && !searched {
        return model.change_dialog(|dialog, model| dialog.paste(model, text));
    }
    if searched || model.filtering.is_some() {
        for c in text.expose().trim().chars().filter(|c| !c.is_control()).take(200) {
            edit(model, Key::Char(c));
        }
    }
}

fn pick(model: &mut Model, at: usize) {
    if model.modal.is_some() {
        return model.change_dialog(|dialog, model| dialog.pick(model, at));
    }
    (model.screen.spec().pick)(model, at);
}

fn wheel(model: &mut Model, pane: Option<PaneId>, steps: isize) {
    if model.modal.is_some() {
        return model.change_dialog(|dialog, model| dialog.move_by(model, steps));
    }
    (model.screen.spec().wheel)(model, pane, steps);
}

/// Handles a double click.
fn twice(model: &mut Model) -> Vec<Effect> {
    let action = match &model.modal {
        Some(dialog) => dialog.double_click(),
        None => (model.screen.spec().double_click)(model),
    };
    action.map_or_else(Vec::new, |action| act(model, action))
}

/// Fits every list, the screen and the dialog to what is shown now.
pub fn fit(model: &mut Model) {
    panes::screen::fit(model);
    let (columns, lines) = layout::inside(model);
    (model.screen.spec().fit)(model, columns, lines);
    if let Some(mut dialog) = model.modal.take() {
        dialog.fit(model);
        model.modal = Some(dialog);
    }
}

impl Model {
    /// Returns the initial state, showing `snapshot`.
    pub fn new(setting: Setting, snapshot: Arc<Snapshot>, now: DateTime<Utc>, size: (u16, u16)) -> Self {
        let mut model = Self::bare(
            setting,
            &registry::PANES,
            Box::new(PanesScreen),
            snapshot,
            now,
            size,
        );
        panes::rebuild(&mut model);
        fit(&mut model);
        model
    }
}
