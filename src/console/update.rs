//! `update`: the only function that changes the state.
//!
//! Routes messages to the features that handle them. Must not do IO, read a clock or draw random
//! numbers: effects are returned as data.

mod charm;
mod go;
mod journal;
mod observed;
mod resume;
mod search;
mod terminal;

use super::actions::{self, ActionId, Availability, Chord, Key, Scope};
use super::dialogs::{self, Modal, Text};
use super::effect::Effect;
use super::hidden::Hidden;
use super::model::Screen;
use super::msg::{FormMsg, ImageMsg, PromoteMsg, ReleaseMsg, SignInMsg, UploadMsg, WorkflowsMsg};
use super::panes::{self, PaneId};
use super::{
    Model, Msg, find, image, layout, paths, promote, queue, release, review, running, sign_in, split, tags,
    tour, upload, wake, workflows,
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
        Msg::Paste(_) | Msg::Act(_) | Msg::Select(..) | Msg::Pick(_) | Msg::Wheel(..)
    ) {
        model.pending = None;
    }
    let mut effects = route(model, msg);
    // An answer may have opened a dialog in which the prefix has no meaning.
    if model
        .pending
        .is_some_and(|prefix| actions::following(model, prefix).is_empty())
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
        Msg::Go(go) => go::update(model, go),
        Msg::Review(msg) => review::update(model, msg),
        Msg::Run(msg) => running::update(model, msg),
        Msg::Find(msg) => {
            find::update(model, msg);
            Vec::new()
        }
        Msg::SignIn(SignInMsg::Accept) => sign_in::accept(model),
        Msg::SignIn(SignInMsg::Step(steps)) => {
            sign_in::step(model, steps);
            Vec::new()
        }
        Msg::SignIn(SignInMsg::Close) => {
            sign_in::close(model);
            Vec::new()
        }
        Msg::Upload(msg) => on_upload(model, msg),
        Msg::Tags(msg) => tags::update(model, msg),
        Msg::Release(msg) => on_release(model, msg),
        Msg::Promote(msg) => on_promote(model, msg),
        Msg::Image(msg) => on_image(model, msg),
        Msg::Workflows(msg) => on_workflows(model, msg),
        Msg::Form(msg) => on_form(model, msg),
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
            model.modal = Some(Modal::Problem(Text::of_problem("Internal error", &problem)));
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

fn on_upload(model: &mut Model, msg: UploadMsg) -> Vec<Effect> {
    match msg {
        UploadMsg::Accept => return upload::accept(model),
        UploadMsg::Look => return upload::look(model),
        UploadMsg::Complete(steps) => return upload::complete(model, steps),
        UploadMsg::Close => upload::close(model),
    }
    Vec::new()
}

fn on_release(model: &mut Model, msg: ReleaseMsg) -> Vec<Effect> {
    match msg {
        ReleaseMsg::Accept => return release::accept(model),
        ReleaseMsg::Step(steps) => release::step(model, steps),
        ReleaseMsg::Tick => release::tick(model),
        ReleaseMsg::Change(steps) => release::change(model, steps),
        ReleaseMsg::Close => release::close(model),
    }
    Vec::new()
}

fn on_promote(model: &mut Model, msg: PromoteMsg) -> Vec<Effect> {
    match msg {
        PromoteMsg::Accept => return promote::accept(model),
        PromoteMsg::Step(steps) => promote::step(model, steps),
        PromoteMsg::Tick => promote::tick(model),
        PromoteMsg::Close => promote::close(model),
    }
    Vec::new()
}

fn on_workflows(model: &mut Model, msg: WorkflowsMsg) -> Vec<Effect> {
    match msg {
        WorkflowsMsg::Open => return workflows::open_selected(model),
        WorkflowsMsg::Repeat => return workflows::repeat(model),
        WorkflowsMsg::Stop => return workflows::stop(model),
        WorkflowsMsg::Again => return workflows::again(model),
        WorkflowsMsg::Log => return workflows::log(model),
        WorkflowsMsg::Browse => return workflows::browse(model),
        WorkflowsMsg::Step(steps) => workflows::step(model, steps),
        WorkflowsMsg::Close => workflows::close(model),
    }
    Vec::new()
}

fn on_form(model: &mut Model, msg: FormMsg) -> Vec<Effect> {
    match msg {
        FormMsg::Accept => return workflows::accept_form(model),
        FormMsg::Step(steps) => workflows::step_form(model, steps),
        FormMsg::Close => workflows::close_form(model),
    }
    Vec::new()
}

fn on_image(model: &mut Model, msg: ImageMsg) -> Vec<Effect> {
    match msg {
        ImageMsg::Again => return image::again(model),
        ImageMsg::Mark => image::mark(model),
        ImageMsg::Diff => image::diff(model),
        ImageMsg::Close => image::close(model),
    }
    Vec::new()
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
    if let Some(spec) = actions::lookup(model, Chord::alone(key)) {
        return act(model, spec.id);
    }
    if !actions::following(model, key).is_empty() {
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
    let found = actions::lookup(model, both)
        .or_else(|| keymap.meaning(&[Scope::Always], Chord::alone(key)).next())
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
    match &mut model.modal {
        Some(Modal::Prompt(prompt)) => {
            if dialogs::edit(&mut prompt.input, key) {
                prompt.error = None;
            }
        }
        Some(Modal::Palette(palette)) => {
            if dialogs::edit(&mut palette.input, key) {
                palette.at = 0;
            }
        }
        Some(Modal::Help(help)) => {
            if dialogs::edit(&mut help.filter, key) {
                help.at = 0;
            }
        }
        Some(Modal::SignIn(_)) => sign_in::edit(model, key),
        Some(Modal::Upload(_)) => upload::typed(model, key),
        Some(Modal::Tags(dialog)) => {
            if dialogs::edit(&mut dialog.filter, key) {
                dialog.at = 0;
            }
        }
        Some(Modal::Form(_)) => workflows::typed(model, key),
        Some(_) => {}
        None => {
            if let Some(field) = &mut model.filtering
                && dialogs::edit(field, key)
            {
                let filter = field.value().to_owned();
                panes::set_filter(model, model.pane, &filter);
            }
        }
    }
}

/// Pastes into the focused field, but never into one that confirms.
fn on_paste(model: &mut Model, text: &Hidden) {
    if matches!(model.modal, Some(Modal::SignIn(_))) {
        return sign_in::paste(model, text);
    }
    let confirms = matches!(&model.modal, Some(Modal::Prompt(prompt)) if prompt.wanted.is_some());
    if confirms {
        if let Some(Modal::Prompt(prompt)) = &mut model.modal {
            prompt.error = Some("type the confirmation; it cannot be pasted".to_owned());
        }
        return;
    }
    let takes = match &model.modal {
        _ if find::is_typing(model) => true,
        Some(
            Modal::Prompt(_)
            | Modal::Palette(_)
            | Modal::Help(_)
            | Modal::Upload(_)
            | Modal::Tags(_)
            | Modal::Form(_),
        ) => true,
        Some(_) => false,
        None => model.filtering.is_some(),
    };
    if takes {
        for c in text.expose().trim().chars().filter(|c| !c.is_control()).take(200) {
            edit(model, Key::Char(c));
        }
    }
}

/// Performs an action if it is available, else shows why it is not.
fn act(model: &mut Model, id: ActionId) -> Vec<Effect> {
    match actions::spec(id) {
        // A click may arrive on a footer that a dialog has covered since.
        Some(spec) if actions::scopes(model).contains(&spec.scope) => perform(model, spec),
        _ => Vec::new(),
    }
}

fn perform(model: &mut Model, spec: &actions::ActionSpec) -> Vec<Effect> {
    match spec.standing(model) {
        Availability::Enabled => route(model, spec.message.clone()),
        Availability::Disabled(reason) => {
            let detail = actions::detail(model, spec.id);
            model.refuse(detail.unwrap_or_else(|| reason.to_owned()));
            Vec::new()
        }
        Availability::Hidden => Vec::new(),
    }
}

fn pick(model: &mut Model, at: usize) -> Vec<Effect> {
    match &mut model.modal {
        Some(Modal::Palette(palette)) => {
            palette.at = at;
            return Vec::new();
        }
        Some(Modal::Help(help)) => {
            help.at = at;
            return Vec::new();
        }
        Some(Modal::SignIn(dialog)) => {
            dialog.at = at.min(dialog.fields.len().saturating_sub(1));
            return Vec::new();
        }
        Some(Modal::Choose(choose)) => {
            choose.at = at;
            return Vec::new();
        }
        Some(Modal::Tags(dialog)) => {
            dialog.at = at;
            return Vec::new();
        }
        Some(Modal::Upload(_)) => {
            upload::pick(model, at);
            return Vec::new();
        }
        Some(Modal::Release(_)) => {
            release::pick(model, at);
            return Vec::new();
        }
        Some(Modal::Promote(_)) => {
            promote::pick(model, at);
            return Vec::new();
        }
        Some(Modal::Workflows(dialog)) => {
            dialog.at = at;
            return Vec::new();
        }
        Some(Modal::Form(form)) => {
            form.at = at.min(form.fields.len().saturating_sub(1));
            return Vec::new();
        }
        _ => {}
    }
    if model.modal.is_none() {
        match &model.screen {
            Screen::Review(_) => review::pick(model, at),
            Screen::Run(_) => running::pick(model, at),
            Screen::Panes => {}
        }
    }
    Vec::new()
}

fn wheel(model: &mut Model, pane: Option<PaneId>, steps: isize) {
    if model.modal.is_some() {
        dialogs::move_by(model, steps);
        return;
    }
    match (pane, &model.screen) {
        (Some(pane), Screen::Panes) => panes::move_by(model, pane, steps),
        (_, Screen::Review(_)) => review::scroll(model, steps),
        (_, Screen::Run(_)) => running::scroll(model, steps),
        (None, Screen::Panes) => {}
    }
}
