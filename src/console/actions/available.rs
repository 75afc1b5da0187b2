//! Decides whether an action is available now, and if not, why.
//!
//! Footer, help and a key press without effect show these reasons.

use crate::console::dialogs::Modal;
use crate::console::live::State;
use crate::console::model::Screen;
use crate::console::panes::{self, PaneId, channels, charms, credentials, releases as release_rows};
use crate::console::{
    Model, find, image as images, release as releases, review, running, tags, tour as tours,
    upload as uploads,
};
use crate::domain::ContentFacts;

/// Whether an action is available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// It does not apply here.
    Hidden,
    /// It is not available, for this reason.
    Disabled(&'static str),
    /// It is available.
    Enabled,
}

use Availability::{Disabled, Enabled, Hidden};

pub(super) use super::standing::{
    hold, later_changes, promote_channel, promote_release, roll_back_channel, roll_back_here, roll_back_run,
    without, workflow_log, workflow_open, workflow_repeat, workflow_stop, workflows, workflows_again,
};

pub(super) use super::terminal::{settings, split, workflow_page};

const READ_ONLY: &str = "read-only: start without --read-only to make changes";

const OFFLINE: &str = "offline: start without --offline to contact services";

/// Required by every action that contacts a service.
pub const fn online(model: &Model) -> Availability {
    if model.setting.offline {
        Disabled(OFFLINE)
    } else {
        Enabled
    }
}

pub(super) fn upload(model: &Model) -> Availability {
    match model.panes.charms.selected() {
        None => Disabled("nothing is selected"),
        Some(row) if row.bundle => Disabled("a bundle has no resources"),
        Some(row) if row.resource().is_none() => Disabled("select a resource below its charm"),
        Some(_) => online(model),
    }
}

pub(super) fn release(model: &Model) -> Availability {
    let Some(row) = model.panes.charms.selected() else {
        return Disabled("nothing is selected");
    };
    match &row.what {
        charms::What::Revision { refusal: Some(_), .. } => {
            Disabled("Charmhub does not allow this revision to be released")
        }
        charms::What::Problem(_) | charms::What::Charm(None) => Disabled("this charm was not read yet"),
        charms::What::Resource { newest: None, .. } => Disabled("this resource has no revision yet"),
        _ if releases::releasable(model, &row.charm).is_empty() => {
            Disabled("Charmhub allows no revision of this charm to be released")
        }
        _ => online(model),
    }
}

pub(super) fn unfold(model: &Model) -> Availability {
    match model.panes.charms.selected().map(charms::Row::stem) {
        Some(Some(_)) => Enabled,
        Some(None) => Disabled("this charm was not read yet"),
        None => Disabled("nothing is selected"),
    }
}

pub(super) fn close(model: &Model) -> Availability {
    match model.panes.channels.selected() {
        None => Disabled("nothing is selected"),
        Some(row) if row.cells.iter().all(|cell| *cell == channels::Cell::Closed) => {
            Disabled("every channel of this row is closed")
        }
        Some(_) => online(model),
    }
}

pub(super) fn image(model: &Model) -> Availability {
    let (shown, _) = panes::counts(&model.panes, model.pane);
    if shown == 0 {
        return Disabled("nothing is selected");
    }
    if images::selected(model).is_empty() {
        return Disabled("this row has no known image");
    }
    online(model)
}

pub(super) fn planned_image(model: &Model) -> Availability {
    of_review(model, |review| {
        let about_image = matches!(&model.snapshot.content.value, Some(ContentFacts::Image(_)));
        let moves = matches!(
            review.intent,
            crate::plan::Intent::Upload(_) | crate::plan::Intent::Copy(_)
        );
        if !moves || review.plan.is_none() || !about_image {
            Hidden
        } else {
            Enabled
        }
    })
}

pub(super) fn upload_accept(model: &Model) -> Availability {
    match typed(model) {
        None => Disabled("type a file or an image first"),
        Some(Err(_)) => Disabled("this cannot be uploaded; the reason is below the field"),
        Some(Ok(_)) => online(model),
    }
}

fn typed(model: &Model) -> Option<Result<crate::plan::Content, crate::domain::Problem>> {
    match &model.modal {
        Some(Modal::Upload(dialog)) => {
            let text = dialog.input.value();
            uploads::read(&model.setting, &dialog.resource, dialog.images, text)
        }
        _ => None,
    }
}

pub(super) fn prompt_tags(model: &Model) -> Availability {
    match &model.modal {
        Some(Modal::Prompt(prompt)) if tags::of_prompt(model, prompt).is_some() => online(model),
        _ => Hidden,
    }
}

pub(super) fn upload_tags(model: &Model) -> Availability {
    match &model.modal {
        Some(Modal::Upload(dialog)) if dialog.images == Some(false) => Hidden,
        Some(Modal::Upload(dialog)) if tags::of_upload(model, dialog).is_none() => {
            Disabled("type a repository name first")
        }
        _ => online(model),
    }
}

pub(super) fn upload_known(model: &Model) -> Availability {
    match &model.modal {
        Some(Modal::Upload(dialog)) if uploads::known(model, dialog).is_empty() => {
            Disabled("no suggestion matches")
        }
        _ => Enabled,
    }
}

pub(super) fn upload_look(model: &Model) -> Availability {
    match (&model.modal, typed(model)) {
        (Some(Modal::Upload(dialog)), _) if dialog.images == Some(false) => Hidden,
        (_, Some(Ok(crate::plan::Content::Digest { .. } | crate::plan::Content::From { .. }))) => {
            online(model)
        }
        _ => Disabled("type an image first"),
    }
}

fn seen(model: &Model) -> Option<(&images::Image, Option<&images::Seen>)> {
    match &model.modal {
        Some(Modal::Image(dialog)) => {
            let fetched = model.images.fetched.get(&dialog.look);
            Some((dialog, fetched.and_then(|fetched| fetched.seen.as_ref())))
        }
        _ => None,
    }
}

pub(super) fn mark(model: &Model) -> Availability {
    match seen(model) {
        Some((_, Some(_))) => Enabled,
        _ => Disabled("the image was not read yet"),
    }
}

pub(super) fn diff(model: &Model) -> Availability {
    match (seen(model), &model.images.marked) {
        (Some((dialog, _)), _) if dialog.diff => Enabled,
        (_, None) => Disabled("mark another image first"),
        (Some((_, Some(seen))), Some((_, marked))) if seen.detail.source == marked.source => {
            Disabled("this is the marked image")
        }
        (Some((_, Some(_))), Some(_)) => Enabled,
        _ => Disabled("the image was not read yet"),
    }
}

pub(super) fn look_again(model: &Model) -> Availability {
    match seen(model) {
        Some((dialog, _)) if dialog.look.wanted == images::Wanted::Planned => Hidden,
        Some((dialog, _)) => {
            let fetched = model.images.fetched.get(&dialog.look);
            if fetched.is_some_and(|fetched| fetched.in_flight.is_some()) {
                Disabled("the image is still being read")
            } else {
                online(model)
            }
        }
        None => Hidden,
    }
}

pub(super) fn image_copy(model: &Model) -> Availability {
    mark(model)
}

pub(super) const fn always(_: &Model) -> Availability {
    Enabled
}

pub(super) const fn refresh(model: &Model) -> Availability {
    if model.refresh.in_flight.is_some() {
        Disabled("a refresh is in progress")
    } else {
        Enabled
    }
}

pub(super) const fn tour(model: &Model) -> Availability {
    if tours::offered(model) { Enabled } else { Hidden }
}

pub(super) fn publish(model: &Model) -> Availability {
    if model.workspace().fed_charms().next().is_none() {
        return Disabled("no charm in this workspace uses an image of a release");
    }
    match model.panes.releases.selected() {
        Some(_) => Enabled,
        None if model.refresh.in_flight.is_some() => Disabled("releases are still being read"),
        None => Disabled("no release is selected"),
    }
}

pub(super) fn open(model: &Model) -> Availability {
    let (shown, _) = panes::counts(&model.panes, model.pane);
    if model.pane == PaneId::Activity {
        Hidden
    } else if panes::on_banner(&model.panes, model.pane) {
        Enabled
    } else if shown == 0 {
        Disabled("nothing is selected")
    } else {
        Enabled
    }
}

pub(super) fn open_run(model: &Model) -> Availability {
    if model.panes.activity.is_empty() && !model.panes.activity.on_banner() {
        Disabled("there are no runs yet")
    } else {
        Enabled
    }
}

pub(super) fn browse(model: &Model) -> Availability {
    let has_page = match model.pane {
        PaneId::Releases => model.panes.releases.selected().is_some() && model.workspace().upstream.is_some(),
        PaneId::Channels => model.panes.channels.selected().is_some(),
        PaneId::Charms => matches!(
            model.panes.charms.selected().map(|row| &row.what),
            Some(charms::What::Charm(_) | charms::What::Resource { .. })
        ),
        PaneId::Credentials => match model.panes.credentials.selected() {
            Some(row) if row.link().is_some() => return Enabled,
            _ => return Hidden,
        },
        PaneId::Activity => return Hidden,
    };
    if has_page {
        Enabled
    } else {
        Disabled("this row has no page")
    }
}

pub(super) fn rotate(model: &Model) -> Availability {
    if model
        .workspace()
        .tokens
        .iter()
        .all(|token| token.targets.is_empty())
    {
        Disabled("this workspace has no secrets to rotate")
    } else {
        Enabled
    }
}

pub(super) fn revoke(model: &Model) -> Availability {
    let list = &model.panes.credentials;
    let chosen: Vec<_> = credentials::chosen_sessions(list).collect();
    let several = !list.marked().is_empty();
    if chosen.iter().any(|row| row.facts.revoked_at.is_some()) {
        Disabled(if several {
            "a marked session is already revoked"
        } else {
            "this session is already revoked"
        })
    } else if chosen.iter().any(|row| row.in_use) {
        Disabled(if several {
            "windlass uses a marked session; unmark it first"
        } else {
            "windlass uses this session; sign in again first"
        })
    } else if chosen.is_empty() {
        Disabled("select a session first")
    } else {
        Enabled
    }
}

pub(super) fn mark_session(model: &Model) -> Availability {
    match model.panes.credentials.selected() {
        Some(credentials::Row::Session(_)) => Enabled,
        _ => Disabled("only sessions can be marked, to revoke several at once"),
    }
}

pub(super) fn orphan(model: &Model) -> Availability {
    of_review(model, |review| {
        if review::choices(model, review) == 0 {
            Hidden
        } else {
            may_change(review)
        }
    })
}

pub(super) fn secrets_out(model: &Model) -> Availability {
    of_review(model, |review| {
        if review::refused_secrets(model, review).is_empty() && review::left_out_secrets(review).is_empty() {
            Hidden
        } else {
            may_change(review)
        }
    })
}

pub(super) fn keep_elsewhere(model: &Model) -> Availability {
    if model.setting.demo {
        return Disabled("the demo environment does not use your keyring");
    }
    change(model)
}

pub(super) fn review_sign_in(model: &Model) -> Availability {
    of_review(model, |review| match &review.problem {
        Some(problem) if review.kind() != review::ReviewKind::SignIn && problem.wants_sign_in() => {
            may_change(review)
        }
        _ => Hidden,
    })
}

pub(super) fn run_sign_in(model: &Model) -> Availability {
    let Screen::Run(running) = &model.screen else {
        return Hidden;
    };
    let record = model.record(&running.run);
    match (running::state(model, &running.run), record) {
        (State::Open | State::Ended(_), Some(record)) if running::wants_sign_in(record) => Enabled,
        _ => Hidden,
    }
}

pub(super) fn run_browse(model: &Model) -> Availability {
    match &model.screen {
        Screen::Run(running) if running::page(model, running).is_none() => Disabled("this step has no page"),
        Screen::Run(_) => Enabled,
        _ => Hidden,
    }
}

fn of_run(model: &Model) -> Option<State> {
    match &model.screen {
        Screen::Run(running) => Some(running::state(model, &running.run)),
        _ => None,
    }
}

pub(super) fn run_started(model: &Model) -> Availability {
    match of_run(model) {
        None | Some(State::Queued | State::Asks) => Hidden,
        Some(_) => Enabled,
    }
}

pub(super) fn run_again(model: &Model) -> Availability {
    match of_run(model) {
        Some(State::Asks) => Enabled,
        _ => Hidden,
    }
}

pub(super) fn take_out(model: &Model) -> Availability {
    match of_run(model) {
        Some(State::Queued | State::Asks) => Enabled,
        _ => Hidden,
    }
}

pub(super) fn text_sign_in(model: &Model) -> Availability {
    match &model.modal {
        Some(Modal::Problem(text)) if text.sign_in => Enabled,
        _ => Hidden,
    }
}

pub(super) fn sign_in_accept(model: &Model) -> Availability {
    match &model.modal {
        Some(Modal::SignIn(dialog)) if dialog.in_flight.is_some() => {
            Disabled("Ubuntu One has not responded yet")
        }
        Some(Modal::SignIn(_)) if model.setting.read_only => Disabled(READ_ONLY),
        _ => Enabled,
    }
}

pub(super) fn sorted(model: &Model) -> Availability {
    match panes::sorting(&model.panes, model.pane) {
        Some(_) => Enabled,
        None => Disabled("the rows have their default order"),
    }
}

/// Available while the visible text is being searched.
pub(super) fn searched(model: &Model) -> Availability {
    match find::find(model) {
        Some(find) if !find.words.is_empty() => Enabled,
        _ => Hidden,
    }
}

pub(super) fn mark_release(model: &Model) -> Availability {
    match model.panes.releases.selected() {
        Some(_) => Enabled,
        None => Disabled("no release is selected"),
    }
}

pub(super) fn diff_releases(model: &Model) -> Availability {
    match release_rows::pair(model) {
        Some(_) => Enabled,
        None if model.panes.releases.marked().len() > 2 => Disabled("more than two releases are marked"),
        None => Disabled("mark another release first"),
    }
}

pub(super) fn filtered(model: &Model) -> Availability {
    if panes::filter(&model.panes, model.pane).is_empty() {
        Hidden
    } else {
        Enabled
    }
}

pub(super) fn jumped(model: &Model) -> Availability {
    if model.jumps.is_empty() || !panes::filter(&model.panes, model.pane).is_empty() {
        Hidden
    } else {
        Enabled
    }
}

pub(super) fn resume(model: &Model) -> Availability {
    match model.panes.activity.selected() {
        Some(row) => may_resume(model, row.state),
        None => Hidden,
    }
}

pub(super) fn resume_here(model: &Model) -> Availability {
    match &model.screen {
        Screen::Run(running) => may_resume(model, running::state(model, &running.run)),
        _ => Hidden,
    }
}

fn may_resume(model: &Model, state: State) -> Availability {
    match state {
        state if !state.waits() => Hidden,
        _ if model.setting.read_only => Disabled(READ_ONLY),
        _ => Enabled,
    }
}

pub(super) fn cancel(model: &Model) -> Availability {
    match &model.screen {
        Screen::Run(running) => match running::state(model, &running.run) {
            State::Running if model.live.contains_key(&running.run) => Enabled,
            State::Running => Disabled("another process is applying this run"),
            State::Stopping => Disabled("the run is being cancelled; the current step finishes first"),
            State::Queued
            | State::Asks
            | State::Ended(_)
            | State::Open
            | State::RolledBack
            | State::GivenUp
            | State::Replaced(_) => Hidden,
        },
        _ => Hidden,
    }
}

pub(super) fn of_review(model: &Model, answer: impl Fn(&review::Review) -> Availability) -> Availability {
    match &model.screen {
        Screen::Review(review) => answer(review),
        _ => Hidden,
    }
}

pub(super) fn confirm(model: &Model) -> Availability {
    of_review(model, |review| {
        if review.starting.is_some() {
            return Disabled("the run is starting");
        }
        if review.in_flight.is_some() {
            return Disabled("planning is not finished");
        }
        match &review.plan {
            None => Disabled("there is no plan to confirm"),
            Some(plan) if plan.nothing_to_do() && !plan.only_gives_up_a_run() => Disabled("nothing to do"),
            Some(_) if model.setting.read_only => Disabled(READ_ONLY),
            Some(plan) if review::blocking(model, plan).is_some() => {
                Disabled("another run must be finished first, as shown above")
            }
            Some(_) => Enabled,
        }
    })
}

pub(super) fn change(model: &Model) -> Availability {
    of_review(model, may_change)
}

pub(super) const fn may_change(review: &review::Review) -> Availability {
    if review.starting.is_some() {
        Disabled("the run is starting")
    } else {
        Enabled
    }
}

pub(super) fn review_copy(model: &Model) -> Availability {
    of_review(model, |_| Enabled)
}

pub(super) fn text_copy(model: &Model) -> Availability {
    match &model.modal {
        Some(Modal::Details(text) | Modal::Problem(text)) if text.copy.is_some() => Enabled,
        _ => Hidden,
    }
}

pub(super) fn text_browse(model: &Model) -> Availability {
    match &model.modal {
        Some(Modal::Details(text)) if text.link.is_some() => Enabled,
        _ => Hidden,
    }
}
