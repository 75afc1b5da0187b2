//! `update`: the only function that changes the state.
//!
//! Routes messages to the features that handle them. Must not do IO, read a clock or draw random
//! numbers: effects are returned as data.

pub mod actions;
pub(in crate::console) mod charm;
pub(in crate::console) mod go;
mod journal;
mod observed;
pub(in crate::console) mod resume;
pub(in crate::console) mod search;
pub(in crate::console) mod terminal;

use super::actions::{self as table, ActionId, ActionSpec, Availability, Chord, Key, Scope};
use super::components::form;
use super::effect::Effect;
use super::hidden::Hidden;
use super::model::Screen;
use super::panes::{self, PaneId};
use super::{
    Model, Msg, find, image, layout, paths, queue, review, running, sign_in, split, tags, tour, wake,
    workflows,
};

pub use go::{begin, come_back, read_runs, refresh, refresh_after_change};
pub use resume::ask_for as ask_resume;
pub use terminal::told_elsewhere;

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
    layout::settle(model);
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
        Msg::Pane(pane) => go::to_pane(model, pane),
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
        Msg::Pick(at) => pick(model, at),
        Msg::Twice => terminal::twice(model),
        Msg::Drag(grip, x, y) => {
            split::drag(model, grip, x, y);
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
            charm::rewrite_details(model);
            Vec::new()
        }
        Msg::FolderListed(folder) => {
            paths::listed(model, folder);
            Vec::new()
        }
        Msg::Held(names) => {
            model.engines = names;
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
            let mut effects = go::refresh(model);
            panes::rebuild(model);
            effects.extend(go::read_runs(model));
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
                effects.extend(go::refresh(model));
            }
            effects.extend(go::refresh_changed(model));
            effects
        }
        // Before the first refresh the runs are read anyway.
        Msg::JournalChanged if !model.warm => Vec::new(),
        Msg::JournalChanged => go::read_runs(model),
        Msg::RunsRead(id, at, result) => journal::runs_read(model, id, at, result),
        Msg::Planned(id, at, snapshot, result) => {
            if let Some(effects) = queue::planned(model, id, at, &snapshot, &result) {
                return effects;
            }
            review::planned(model, id, at, snapshot, *result);
            Vec::new()
        }
        Msg::Started(id, result) => go::started(model, id, result),
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
            if let Screen::Review(review) = &mut model.screen {
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
        Some(at) if at <= model.now => go::refresh(model),
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
    if find::is_typing(model) {
        return find::typed(model, key);
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
    let searched = find::is_typing(model);
    if model.modal.is_some() && !searched {
        return model.change_dialog(|dialog, model| dialog.paste(model, text));
    }
    if searched || model.filtering.is_some() {
        for c in text.expose().trim().chars().filter(|c| !c.is_control()).take(200) {
            edit(model, Key::Char(c));
        }
    }
}

/// Performs an action if it is available, else shows why it is not.
fn act(model: &mut Model, id: ActionId) -> Vec<Effect> {
    match model.setting.keymap.spec(id) {
        // A click may arrive on a footer that a dialog has covered since.
        Some(spec) if table::scopes(model).contains(&spec.scope) => perform(model, spec),
        _ => Vec::new(),
    }
}

fn perform(model: &mut Model, spec: &ActionSpec) -> Vec<Effect> {
    match spec.standing(model) {
        Availability::Enabled => (spec.run)(model),
        Availability::Disabled(reason) => {
            let detail = table::detail(model, spec.id);
            model.refuse(detail.unwrap_or_else(|| reason.to_owned()));
            Vec::new()
        }
        Availability::Hidden => Vec::new(),
    }
}

fn pick(model: &mut Model, at: usize) -> Vec<Effect> {
    if model.modal.is_some() {
        model.change_dialog(|dialog, model| dialog.pick(model, at));
        return Vec::new();
    }
    match &model.screen {
        Screen::Review(_) => review::pick(model, at),
        Screen::Run(_) => running::pick(model, at),
        Screen::Panes => {}
    }
    Vec::new()
}

fn wheel(model: &mut Model, pane: Option<PaneId>, steps: isize) {
    if model.modal.is_some() {
        return model.change_dialog(|dialog, model| dialog.move_by(model, steps));
    }
    match (pane, &model.screen) {
        (Some(pane), Screen::Panes) => panes::move_by(model, pane, steps),
        (_, Screen::Review(_)) => review::scroll(model, steps),
        (_, Screen::Run(_)) => running::scroll(model, steps),
        (None, Screen::Panes) => {}
    }
}
