//! Handles navigation, dialogs and other changes of the screen only.

use super::{charm, search, terminal};
use crate::console::actions;
use crate::console::components::{Text, text};
use crate::console::confirm::Confirmed;
use crate::console::dialogs::{Help, Leave, Palette, Prompt, Purpose};
use crate::console::effect::{Effect, RequestId};
use crate::console::given::Given;
use crate::console::model::Screen;
use crate::console::panes::{self, PaneId, activity, channels, credentials, releases};
use crate::console::running::Running;
use crate::console::sign_in::{self, PendingAction};
use crate::console::{Model, layout, links, queue, review, running, workflows};
use crate::domain::Problem;
use crate::journal::RunId;
use crate::observe::View;
use crate::plan::{Changed, Intent, Plan, SignInIntent, TokenStorage};

/// Focuses `pane` from any screen.
pub fn to_pane(model: &mut Model, pane: PaneId) -> Vec<Effect> {
    search::to_pane(model, pane);
    Vec::new()
}

/// Opens help for what is active now.
pub(super) fn open_help(model: &mut Model) {
    let scopes = actions::scopes(model);
    model.open(Help::new(scopes));
}

/// Opens the palette.
pub(super) fn open_palette(model: &mut Model) {
    model.open(Palette::default());
}

/// Tells how to create a workspace file.
pub(super) fn new_workspace(model: &mut Model) {
    model.say(
        "windlass config new asks a few questions and writes a workspace file; run it in \
        a shell",
    );
}

/// Leaves the console; asks first while a run is in progress.
pub(super) fn quit(model: &mut Model) -> Vec<Effect> {
    if model.busy() || !model.queue.is_empty() {
        model.open(Leave);
        Vec::new()
    } else {
        vec![Effect::Quit]
    }
}

/// Like [`quit`]; does not ask twice.
pub(super) fn quit_now(model: &mut Model) -> Vec<Effect> {
    if model.dialog::<Leave>().is_some() {
        vec![Effect::Quit]
    } else {
        quit(model)
    }
}

/// Requests a refresh of every source. If one is pending it is enough; one that reads only a part
/// is followed by a whole one.
pub fn refresh(model: &mut Model) -> Vec<Effect> {
    if model.refresh.in_flight.is_some() {
        model.refresh.again |= model.refresh.part;
        return Vec::new();
    }
    model.changed = Changed::default();
    request(model, None)
}

/// Requests what runs of another windlass changed, once no refresh is pending.
pub(super) fn refresh_changed(model: &mut Model) -> Vec<Effect> {
    if model.refresh.in_flight.is_some() || model.changed.is_empty() {
        return Vec::new();
    }
    let changed = std::mem::take(&mut model.changed);
    request(model, Some(changed))
}

fn request(model: &mut Model, changed: Option<Changed>) -> Vec<Effect> {
    let id = model.next_id();
    model.refresh.in_flight = Some(id);
    model.refresh.started_at = None;
    model.refresh.part = changed.is_some();
    // The other sources are not being read.
    let all = View::Console.sources().iter().copied();
    let others = all.filter(|source| changed.as_ref().is_some_and(|one| !one.sources.contains(source)));
    model.refresh.complete = others.collect();
    vec![Effect::Refresh {
        id,
        previous: model.snapshot.clone(),
        changed,
    }]
}

/// Refreshes after a change; if a refresh is pending, once more after it.
pub fn refresh_after_change(model: &mut Model) -> Vec<Effect> {
    model.refresh.again = model.refresh.in_flight.is_some();
    refresh(model)
}

/// Requests the journal's runs; only the newest request counts.
pub fn read_runs(model: &mut Model) -> Vec<Effect> {
    let id = model.next_id();
    model.journal.in_flight = Some(id);
    vec![Effect::ReadRuns { id }]
}

/// Handles a run that started, from the review or by a resume.
pub(super) fn started(model: &mut Model, id: RequestId, result: Result<RunId, Problem>) -> Vec<Effect> {
    let waited = queue::started(model, id, &result);
    let mut effects = match &result {
        // If the operator quit meanwhile, the run is cancelled.
        Ok(run) if model.leaving => running::cancel(model, run),
        Err(_) if model.leaving && !model.busy() => return vec![Effect::Quit],
        _ => Vec::new(),
    };
    if waited {
        effects.extend(read_runs(model));
    } else {
        effects.extend(show_started(model, id, result));
    }
    effects
}

fn show_started(model: &mut Model, id: RequestId, result: Result<RunId, Problem>) -> Vec<Effect> {
    if matches!(&model.screen, Screen::Review(review) if review.starting == Some(id)) {
        return review::started(model, id, result);
    }
    match result {
        Ok(run) => {
            if matches!(model.screen, Screen::Panes) {
                model.screen = Screen::Run(Running::of(run));
            }
            read_runs(model)
        }
        Err(problem) => {
            model.open_problem("The run was not resumed", &problem);
            Vec::new()
        }
    }
}

/// Moves by rows.
pub fn rows(model: &mut Model, steps: isize) {
    if model.modal.is_some() {
        return model.change_dialog(|dialog, model| dialog.move_by(model, steps));
    }
    let pane = model.pane;
    match &model.screen {
        Screen::Panes => panes::move_by(model, pane, steps),
        Screen::Review(_) => review::move_by(model, steps),
        Screen::Run(_) => running::move_by(model, steps),
    }
}

/// Moves by pages.
pub fn pages(model: &mut Model, steps: isize) {
    let places = layout::layout(model);
    let height = match &model.screen {
        Screen::Panes if model.modal.is_none() => places
            .panes
            .iter()
            .find(|(pane, _)| *pane == model.pane)
            .map_or(1, |(pane, rect)| layout::list_height(*pane, *rect)),
        _ => usize::from(places.body.height.saturating_sub(3)),
    };
    let steps = steps * (height.max(2) as isize - 1);
    lines(model, steps);
}

/// Scrolls a text by lines, or moves the selection in a list.
pub fn lines(model: &mut Model, steps: isize) {
    match &model.screen {
        Screen::Review(_) if model.modal.is_none() => review::scroll(model, steps),
        Screen::Run(_) if model.modal.is_none() => running::scroll(model, steps),
        _ => rows(model, steps),
    }
}

/// Opens what is selected.
pub fn open(model: &mut Model) -> Vec<Effect> {
    if panes::on_banner(&model.panes, model.pane) {
        let problem = panes::standing::sources(model, model.pane).problem;
        let text =
            problem.map(|(what, problem)| Text::of_problem(format!("Cannot continue with {what}"), problem));
        if let Some(text) = text {
            model.open(text);
        }
        return Vec::new();
    }
    let (workspace, snapshot, now) = (&model.setting.workspace, &model.snapshot, model.now);
    let keymap = &model.setting.keymap;
    let text = match model.pane {
        PaneId::Releases => model.panes.releases.selected().map(|row| {
            let (look, rhythm) = (&model.setting.look, &model.panes.rhythm);
            let waited = panes::rhythm::waited(rhythm, row, now);
            let mut lines = releases::details((workspace, keymap), snapshot, &model.runs, row, waited, now);
            lines.extend(panes::rhythm::lines(look, rhythm));
            let mut text = Text::new(format!("Release {}", row.name), lines);
            text.copy = Some(row.name.to_string());
            text.link = releases::link(workspace, &row.name);
            text
        }),
        PaneId::Channels => model.panes.channels.selected().map(|row| {
            let mut lines = channels::details(workspace, snapshot, row, now);
            let (look, (room, _)) = (&model.setting.look, text::size(model));
            lines.extend(channels::timeline::lines(
                look,
                snapshot,
                &model.runs,
                row,
                room,
                now,
            ));
            let mut text = Text::new(format!("{} {}", row.charm, row.track), lines);
            text.copy = Some(row.charm.to_string());
            text.link = Some(links::charm(row.charm.as_str()));
            text
        }),
        PaneId::Charms => return charm::open(model),
        PaneId::Credentials => model.panes.credentials.selected().map(|row| {
            let (title, lines) = credentials::details((workspace, keymap), snapshot, row, now);
            let mut text = Text::new(title, lines);
            text.copy = Some(row.text());
            text.link = row.link();
            text
        }),
        PaneId::Activity => {
            let run = model.panes.activity.selected().map(|row| row.run.clone());
            let Some(run) = run else {
                return Vec::new();
            };
            model.screen = Screen::Run(Running::of(run.clone()));
            return workflows::follow(model, &run);
        }
    };
    if let Some(text) = text {
        model.open(text);
    }
    Vec::new()
}

/// Returns to where a review was opened, or to the screen that a sign-in interrupted, whose plan is
/// made again; otherwise to the panes.
pub fn come_back(model: &mut Model) -> Vec<Effect> {
    let from = match &mut model.screen {
        Screen::Review(review) => review.from.take(),
        Screen::Panes | Screen::Run(_) => None,
    };
    if let Some(from) = from {
        model.screen = from.screen;
        model.modal = from.modal;
        return Vec::new();
    }
    model.screen = model.interrupted.take().map_or(Screen::Panes, |screen| *screen);
    review::plan_again(model)
}

/// Opens the review of a login over the current screen, which is shown again afterwards.
pub fn sign_in(model: &mut Model) -> Vec<Effect> {
    model.modal = None;
    match std::mem::replace(&mut model.screen, Screen::Panes) {
        Screen::Panes => model.interrupted = None,
        // If a login itself needs a sign-in, there is no screen to keep.
        Screen::Review(review) if review.kind() == review::ReviewKind::SignIn => {}
        screen => model.interrupted = Some(Box::new(screen)),
    }
    let keep = if model.setting.demo {
        TokenStorage::EncryptedFile
    } else {
        TokenStorage::Keyring
    };
    let scope = review::usual_scope();
    review::open_over(model, Intent::SignIn(SignInIntent { scope, keep }))
}

/// Returns the text to copy.
pub fn copied(model: &Model) -> Option<String> {
    match (&model.modal, &model.screen) {
        (Some(dialog), _) => dialog.text()?.copy.clone(),
        (None, Screen::Review(review)) => Some(review.intent.command()),
        (None, Screen::Run(running)) => running::copied(model, running),
        (None, Screen::Panes) => selected_text(model),
    }
}

/// Copies the selected value.
pub fn copy(model: &mut Model) -> Vec<Effect> {
    let Some(text) = copied(model) else {
        model.refuse("nothing to copy here");
        return Vec::new();
    };
    terminal::copy(model, text)
}

fn selected_text(model: &Model) -> Option<String> {
    match model.pane {
        PaneId::Releases => model.panes.releases.selected().map(|row| row.name.to_string()),
        PaneId::Channels => model
            .panes
            .channels
            .selected()
            .map(|row| format!("{} {}", row.charm, row.track)),
        PaneId::Charms => model.panes.charms.selected().map(|row| charm::text(model, row)),
        PaneId::Credentials => model.panes.credentials.selected().map(credentials::Row::text),
        PaneId::Activity => model
            .panes
            .activity
            .selected()
            .map(|row: &activity::Row| row.run.0.clone()),
    }
}

/// Returns the page of what is selected.
pub fn page(model: &Model) -> Option<String> {
    match (&model.modal, &model.screen) {
        (Some(dialog), _) => dialog.page(model),
        (None, Screen::Review(_)) => None,
        (None, Screen::Run(running)) => running::page(model, running),
        (None, Screen::Panes) => match model.pane {
            PaneId::Releases => model
                .panes
                .releases
                .selected()
                .and_then(|row| releases::link(model.workspace(), &row.name)),
            PaneId::Channels => model
                .panes
                .channels
                .selected()
                .map(|row| links::charm(row.charm.as_str())),
            PaneId::Charms => model
                .panes
                .charms
                .selected()
                .map(|row| links::charm(row.charm.as_str())),
            PaneId::Credentials => model
                .panes
                .credentials
                .selected()
                .and_then(credentials::Row::link),
            PaneId::Activity => None,
        },
    }
}

/// Opens the page of what is selected.
pub fn browse(model: &mut Model) -> Vec<Effect> {
    let Some(link) = page(model).filter(|link| links::allowed(link)) else {
        model.refuse("this row has no page");
        return Vec::new();
    };
    model.say(format!("opening {link}"));
    vec![Effect::Open(link)]
}

/// Cancels the runs, drops what waits, and leaves when the runs have ended.
pub fn leave(model: &mut Model) -> Vec<Effect> {
    model.modal = None;
    model.queue.clear();
    panes::rebuild_activity(model);
    if !model.busy() {
        return vec![Effect::Quit];
    }
    model.leaving = true;
    model.say("cancelling the run; windlass exits when it has ended");
    let runs: Vec<RunId> = model.live.keys().cloned().collect();
    runs.iter().flat_map(|run| running::cancel(model, run)).collect()
}

/// Accepts the content of the input field.
pub fn accept_prompt(model: &mut Model) -> Vec<Effect> {
    let Some(mut prompt) = model.take_dialog::<Prompt>() else {
        return Vec::new();
    };
    let typed = prompt.input.value().to_owned();
    let wanted = prompt.wanted.clone().unwrap_or_default();
    let again = |model: &mut Model, mut prompt: Prompt, error: String| {
        prompt.error = Some(error);
        model.open(prompt);
        Vec::new()
    };
    // Checked again here: a read-only console never writes.
    if model.setting.read_only && prompt.wanted.is_some() {
        return again(
            model,
            prompt,
            "read-only: start without --read-only to make changes".to_owned(),
        );
    }
    let effects = match prompt.purpose.clone() {
        Purpose::Replace(image) => {
            return match review::replace_image(model, &image, &typed) {
                Ok(effects) => effects,
                Err(error) => again(model, prompt, error),
            };
        }
        Purpose::Start(plan) => {
            Confirmed::by_typing(*plan, &typed, &wanted).map(|plan| signed_on(model, plan))
        }
        Purpose::Resume(run) => {
            Confirmed::by_typing(run, &typed, &wanted).map(|run| signed_on_again(model, run))
        }
    };
    effects.unwrap_or_else(|| {
        prompt.input.reset();
        again(model, prompt, format!("that is not {wanted}; nothing started"))
    })
}

/// Asks for a sign-in if `plan` needs one, and starts it.
fn signed_on(model: &mut Model, plan: Confirmed<Plan>) -> Vec<Effect> {
    match plan.get().sign_in().cloned() {
        Some(scope) => {
            let shown = plan.get().clone();
            sign_in::open(model, PendingAction::Start(Box::new(plan)), &shown, scope);
            Vec::new()
        }
        None => start(model, plan, Given::default()),
    }
}

/// Like [`signed_on`], for a run that is resumed.
fn signed_on_again(model: &mut Model, run: Confirmed<RunId>) -> Vec<Effect> {
    let wanted = model
        .record(run.get())
        .and_then(|record| Some((record.plan.clone(), record.sign_in()?.clone())));
    match wanted {
        Some((plan, scope)) => {
            sign_in::open(model, PendingAction::Resume(run), &plan, scope);
            Vec::new()
        }
        None => begin(model, PendingAction::Resume(run), Given::default()),
    }
}

/// Continues the action that a sign-in was for.
pub fn begin(model: &mut Model, deed: PendingAction, given: Given) -> Vec<Effect> {
    match deed {
        // Checked again here: a read-only console never writes.
        _ if model.setting.read_only => {
            model.refuse("read-only: start without --read-only to make changes");
            Vec::new()
        }
        PendingAction::Start(plan) => start(model, *plan, given),
        PendingAction::Resume(run) => {
            let plan = model.record(run.get()).map(|record| record.plan.clone());
            if let Some(plan) = &plan
                && queue::must_wait(model, plan, given != Given::default())
            {
                queue::put(model, PendingAction::Resume(run), plan.clone());
                return Vec::new();
            }
            let id = model.next_id();
            if let Some(plan) = plan {
                model.queue.start(id, plan);
            }
            vec![Effect::Resume { id, run, given }]
        }
    }
}

/// Starts `plan` if it is still the one under review.
fn start(model: &mut Model, plan: Confirmed<Plan>, given: Given) -> Vec<Effect> {
    let id = model.next_id();
    let waits = queue::must_wait(model, plan.get(), plan.get().sign_in().is_some());
    let Screen::Review(review) = &mut model.screen else {
        return Vec::new();
    };
    let current = review.in_flight.is_none()
        && review.starting.is_none()
        && review.plan.as_ref().is_some_and(|shown| shown == plan.get());
    if !current {
        model.refuse("the plan has changed; review it again");
        return Vec::new();
    }
    let confirmed = plan.get().clone();
    if waits {
        queue::put(model, PendingAction::Start(Box::new(plan)), confirmed);
        return Vec::new();
    }
    review.starting = Some(id);
    model.queue.start(id, confirmed);
    vec![Effect::Start {
        id,
        plan: Box::new(plan),
        given,
    }]
}
