//! Changes the intent of the review and handles the plans that arrive.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{Item, Origin, Review, items, orphans};
use crate::console::Model;
use crate::console::actions::ActionId;
use crate::console::components::Line;
use crate::console::dialogs::{Prompt, Purpose};
use crate::console::effect::{Effect, RequestId};
use crate::console::running::Running;
use crate::console::view::look::Tone;
use crate::console::words;
use crate::domain::credential::TokenScope;
use crate::domain::{CharmName, Problem, Reference, Repository, Snapshot, Target};
use crate::journal::RunId;
use crate::plan::intent::SkipPart;
use crate::plan::{Intent, LaterChanges, Plan, PublishIntent, Revoked, Risk, TokenStorage};

/// Opens the review of `intent`; leaving it returns to the current screen and dialog.
pub fn open(model: &mut Model, intent: Intent) -> Vec<Effect> {
    model.interrupted = None;
    let modal = model.modal.take();
    let from = if let Some(review) = model.on_mut::<Review>() {
        review.from.take()
    } else {
        let screen = model.screen.clone();
        Some(Box::new(Origin { screen, modal }))
    };
    // After an action on a release the cursor stays on it, although it is no longer new.
    model.release_rows_mut().stay();
    show(model, intent, from)
}

/// Opens the review of `intent`; keeps the screen that it interrupts.
pub fn open_over(model: &mut Model, intent: Intent) -> Vec<Effect> {
    show(model, intent, None)
}

fn show(model: &mut Model, intent: Intent, from: Option<Box<Origin>>) -> Vec<Effect> {
    model.show(Review {
        intent,
        plan: None,
        problem: None,
        planned_at: None,
        in_flight: None,
        starting: None,
        seen: Vec::new(),
        at: None,
        folds: super::Folds::default(),
        offset: 0,
        // Read from the top.
        follow: false,
        from,
    });
    plan_again(model)
}

/// Returns the scope of a plain login: that of charmcraft, and of `windlass login` without options.
pub fn usual_scope() -> TokenScope {
    TokenScope {
        permissions: TokenScope::USUAL.map(str::to_owned).to_vec(),
        packages: Vec::new(),
        channels: Vec::new(),
        ttl: TokenScope::USUAL_TTL,
    }
}

/// Requests the plan of the current intent.
pub fn plan_again(model: &mut Model) -> Vec<Effect> {
    if model.on::<Review>().is_none() {
        return Vec::new();
    }
    let id = model.next_id();
    let previous = model.snapshot.clone();
    let Some(review) = model.on_mut::<Review>() else {
        return Vec::new();
    };
    review.in_flight = Some(id);
    vec![Effect::Plan {
        id,
        previous,
        intent: review.intent.clone(),
    }]
}

/// Changes the intent of the review with `change`, and plans again.
fn replan(model: &mut Model, change: impl FnOnce(&mut Intent)) -> Vec<Effect> {
    if let Some(review) = model.on_mut::<Review>() {
        change(&mut review.intent);
    }
    plan_again(model)
}

/// Changes the publish under review with `change`, and plans again.
fn republish(model: &mut Model, change: impl FnOnce(&mut PublishIntent)) -> Vec<Effect> {
    replan(model, |intent| {
        if let Intent::Publish(intent) = intent {
            change(intent);
        }
    })
}

/// Releases to the release's own track only, or to all channels again.
pub(super) fn track_only(model: &mut Model) -> Vec<Effect> {
    republish(model, |intent| intent.track_only = !intent.track_only)
}

/// Allows `latest` to go back to an older release, or not.
pub(super) fn allow_downgrade(model: &mut Model) -> Vec<Effect> {
    republish(model, |intent| intent.allow_downgrade = !intent.allow_downgrade)
}

/// Keeps the released charm revisions, or uses the newest.
pub(super) fn keep_revision(model: &mut Model) -> Vec<Effect> {
    republish(model, |intent| intent.keep_revision = !intent.keep_revision)
}

/// Leaves out what is written to the bundle and its repository, or includes it.
pub(super) fn without_branch(model: &mut Model) -> Vec<Effect> {
    republish(model, |intent| {
        intent.without = if intent.without.is_empty() {
            [SkipPart::Branch, SkipPart::Bundle].into()
        } else {
            BTreeSet::new()
        };
    })
}

/// Also rolls back what was changed since by others, or leaves it.
pub(super) fn over_changes(model: &mut Model) -> Vec<Effect> {
    replan(model, |intent| flip_later(intent, LaterChanges::Overwrite))
}

/// Keeps what was changed since by others and rolls back the rest, or refuses again.
pub(super) fn keep_changed(model: &mut Model) -> Vec<Effect> {
    replan(model, |intent| flip_later(intent, LaterChanges::Keep))
}

/// Also revokes former sessions, or keeps them.
pub(super) fn revoke_former(model: &mut Model) -> Vec<Effect> {
    replan(model, |intent| end_or_leave(intent, Revoked::Recorded))
}

/// Stores the token elsewhere.
pub(super) fn keep_elsewhere(model: &mut Model) -> Vec<Effect> {
    replan(model, |intent| {
        if let Intent::SignIn(intent) = intent {
            intent.keep = match intent.keep {
                TokenStorage::Keyring => TokenStorage::EncryptedFile,
                _ => TokenStorage::Keyring,
            };
        }
    })
}

/// Sets one secret of the organisation instead of the copies, or the copies again.
pub(super) fn organisation(model: &mut Model) -> Vec<Effect> {
    replan(model, |intent| {
        if let Intent::Rotate(intent) = intent {
            intent.organisation = !intent.organisation;
        }
    })
}

/// Answers later changes with `answer`, or refuses them again if that was the answer.
fn flip_later(intent: &mut Intent, answer: LaterChanges) {
    if let Intent::Rollback(wish) = intent {
        wish.later = if wish.later == answer {
            LaterChanges::Refuse
        } else {
            answer
        };
    }
}

fn end_or_leave(intent: &mut Intent, session: Revoked) {
    if let Intent::Rotate(wish) = intent
        && !wish.revoke.remove(&session)
    {
        wish.revoke.insert(session);
    }
}

/// Leaves out the secrets that are refused; if none is, includes those left out before.
pub(super) fn leave_out_secrets(model: &mut Model) -> Vec<Effect> {
    let Some(review) = model.on::<Review>() else {
        return Vec::new();
    };
    let refused = super::refused_secrets(model, review);
    replan(model, |intent| match intent {
        Intent::Rotate(intent) if refused.is_empty() => intent.without.clear(),
        Intent::Rotate(intent) => intent.without.extend(refused),
        _ => {}
    })
}

/// Includes the revocation of the selected lost token, or leaves it out.
pub(super) fn toggle_orphan(model: &mut Model) -> Vec<Effect> {
    if !super::in_sight(model) {
        return Vec::new();
    }
    let Some(review) = model.on::<Review>() else {
        return Vec::new();
    };
    let at = super::selected(model).and_then(|entry| entry.orphan);
    let orphan = at.and_then(|at| orphans(model, review).into_iter().nth(at));
    let Some(orphan) = orphan else {
        model.refuse("select a lost token first");
        return Vec::new();
    };
    if let Some(review) = model.on_mut::<Review>() {
        end_or_leave(&mut review.intent, Revoked::Session(orphan.session));
    }
    plan_again(model)
}

/// Returns the image at the cursor; shows a message if there is none.
fn chosen(model: &mut Model, all: &[Item]) -> Option<Item> {
    let at = super::selected(model).and_then(|entry| entry.item);
    let item = at.and_then(|at| all.get(at)).cloned();
    if item.is_none() {
        model.refuse("this row belongs to no image; select a charm first");
    }
    item
}

/// Leaves out the selected image and its charm, or includes them.
pub(super) fn toggle_image(model: &mut Model) -> Vec<Effect> {
    if !super::in_sight(model) {
        return Vec::new();
    }
    let Some(review) = model.on::<Review>() else {
        return Vec::new();
    };
    let Some(intent) = review.publish() else {
        return Vec::new();
    };
    let all = items(model.workspace(), &model.snapshot, intent);
    let Some(item) = chosen(model, &all) else {
        return Vec::new();
    };
    let charm = item.charm.clone();
    let mut taken: Vec<CharmName> = all
        .iter()
        .filter(|item| item.taken)
        .map(|item| item.charm.clone())
        .collect();
    if item.taken {
        taken.retain(|name| name != &charm);
    } else {
        taken.push(charm.clone());
    }
    if taken.is_empty() {
        let leave = model.setting.keymap.hint(ActionId::BACK, "leave the review");
        model.refuse(format!("publishing needs at least one image; {leave}"));
        return Vec::new();
    }
    let every = all.iter().all(|item| taken.contains(&item.charm));
    // The planner would refuse an image chosen for a charm that is left out.
    let homeless: Vec<String> = all
        .iter()
        .filter(|item| !taken.contains(&item.charm))
        .map(|item| item.image.clone())
        .collect();
    let wish = model.on_mut::<Review>().and_then(Review::publish_mut);
    let Some(wish) = wish else {
        return Vec::new();
    };
    wish.images.retain(|image, _| !homeless.contains(image));
    wish.revisions.retain(|name, _| taken.contains(name));
    wish.charms = if every {
        std::collections::BTreeSet::new()
    } else {
        taken.into_iter().collect()
    };
    plan_again(model)
}

/// Asks for another tag or digest for the selected image.
pub(super) fn ask_image(model: &mut Model) -> Vec<Effect> {
    if !super::in_sight(model) {
        return Vec::new();
    }
    let Some(review) = model.on::<Review>() else {
        return Vec::new();
    };
    let Some(intent) = review.publish() else {
        return Vec::new();
    };
    let all = items(model.workspace(), &model.snapshot, intent);
    let Some(item) = chosen(model, &all) else {
        return Vec::new();
    };
    if !item.taken {
        let includes = model.setting.keymap.hint(ActionId::REVIEW_TOGGLE, "include it");
        model.refuse(format!("this image is left out; {includes}"));
        return Vec::new();
    }
    model.open(Prompt {
        title: "Other image".to_owned(),
        lines: vec![
            Line::text(
                format!(
                    "{} of {} is the image of {}.",
                    item.target, item.image, item.charm
                ),
                Tone::Plain,
            ),
            Line::text(
                "Type another tag, a digest (sha256: and 64 hex digits) or a full reference. Leave \
                it empty to use the release's own image.",
                Tone::Dim,
            ),
        ],
        wanted: None,
        input: tui_input::Input::default(),
        error: None,
        purpose: Purpose::Replace(item.image.clone()),
    });
    Vec::new()
}

/// Uses the typed tag or digest for `image`; shows what is wrong with it otherwise.
pub fn replace_image(model: &mut Model, image: &str, typed: &str) -> Result<Vec<Effect>, String> {
    let wish = model.on_mut::<Review>().and_then(Review::publish_mut);
    let Some(wish) = wish else {
        return Ok(Vec::new());
    };
    if typed.trim().is_empty() {
        wish.images.remove(image);
    } else {
        let target = image_target(image, typed.trim())?;
        wish.images.insert(image.to_owned(), target);
    }
    Ok(plan_again(model))
}

/// Parses a tag, a digest, or a full reference to `image`.
fn image_target(image: &str, typed: &str) -> Result<Target, String> {
    if !typed.contains('/') {
        return typed.parse().map_err(|problem: Problem| problem.to_string());
    }
    let reference = Reference::parse(typed).map_err(|problem| problem.to_string())?;
    let repository = Repository::parse(image).map_err(|problem| problem.to_string())?;
    if reference.repository == repository {
        Ok(reference.target)
    } else {
        Err(format!(
            "{} is another repository; this image needs a tag or digest of {repository}",
            reference.repository
        ))
    }
}

/// Asks for the confirmation word.
pub(super) fn ask_word(model: &mut Model) -> Vec<Effect> {
    let Some(review) = model.on::<Review>() else {
        return Vec::new();
    };
    let Some(plan) = review.plan.clone() else {
        return Vec::new();
    };
    let writing = plan
        .steps
        .iter()
        .filter(|step| step.skip_reason.is_none() && step.op.writes())
        .count();
    let mut lines = vec![
        Line::text(model.short_title(&plan.title), Tone::Strong),
        Line::text(
            format!(
                "{}{}, {}.",
                words::count(writing, "change", "changes"),
                match &plan.intent {
                    Intent::Publish(_) | Intent::Upload(_) | Intent::Copy(_) =>
                        format!(", {} to send", words::bytes(plan.bytes())),
                    _ => String::new(),
                },
                match plan.warnings.len() {
                    0 => "no warnings".to_owned(),
                    count => words::count(count, "warning", "warnings"),
                }
            ),
            Tone::Plain,
        ),
    ];
    let stays = match &plan.intent {
        Intent::Publish(_) => "Charmhub keeps uploaded revisions and created tracks.",
        Intent::Rotate(_) => "The former value of a secret cannot be restored.",
        Intent::Revoke(_) => "A revoked token stays revoked.",
        Intent::Upload(_) => "Charmhub keeps the revision. Uploading it releases nothing.",
        Intent::Promote(_) => "The bundle's revision and its branch stay.",
        Intent::Workflow(_) => "windlass cannot undo what a workflow does.",
        Intent::SignIn(_)
        | Intent::Copy(_)
        | Intent::Release(_)
        | Intent::Close(_)
        | Intent::PromoteTrack(_)
        | Intent::Rollback(_)
        | Intent::Hold(_) => "",
    };
    if plan.risk == Risk::Irreversible {
        lines.push(Line::text(stays, Tone::Warn));
    }
    lines.extend(repeated_warnings(&plan));
    if plan.sign_in().is_some() {
        lines.push(Line::text("You sign in with Ubuntu One next.", Tone::Plain));
    }
    lines.push(Line::text(
        format!("Type {} to start. It cannot be pasted.", plan.confirm),
        Tone::Accent,
    ));
    model.open(Prompt {
        title: "Confirm".to_owned(),
        lines,
        wanted: Some(plan.confirm.clone()),
        input: tui_input::Input::default(),
        error: None,
        purpose: Purpose::Start(Box::new(plan)),
    });
    Vec::new()
}

/// Number of warnings repeated in the confirmation; more would hide the question.
const REPEATED: usize = 3;

/// Returns the first warnings of `plan`, so that they are seen before it is confirmed.
fn repeated_warnings(plan: &Plan) -> Vec<Line> {
    let mut lines: Vec<Line> = plan
        .warnings
        .iter()
        .take(REPEATED)
        .map(|warning| Line::text(format!("Warning: {warning}"), Tone::Warn))
        .collect();
    let hidden = plan.warnings.len().saturating_sub(REPEATED);
    if hidden > 0 {
        lines.push(Line::text(
            format!(
                "{} more in the review.",
                words::count(hidden, "warning", "warnings")
            ),
            Tone::Warn,
        ));
    }
    lines
}

/// Stores a plan, or the reason why there is none. The snapshot read for it is kept either way.
pub fn planned(
    model: &mut Model,
    id: RequestId,
    at: DateTime<Utc>,
    snapshot: Arc<Snapshot>,
    result: Result<Plan, Problem>,
) {
    let Some(review) = model.on_mut::<Review>() else {
        return;
    };
    if review.in_flight != Some(id) {
        return;
    }
    review.in_flight = None;
    review.planned_at = Some(at);
    match result {
        Ok(plan) => {
            review.seen = super::seen::seen(&snapshot, &plan);
            review.plan = Some(plan);
            review.problem = None;
        }
        Err(problem) => {
            review.plan = None;
            review.problem = Some(problem);
        }
    }
    model.now = model.now.max(at);
    model.snapshot = crate::console::image::with_known(model, of_the_workspace(model, snapshot));
    crate::console::panes::rebuild(model);
}

/// Returns `snapshot` without charms that were named by hand and that the store does not know.
fn of_the_workspace(model: &Model, snapshot: Arc<Snapshot>) -> Arc<Snapshot> {
    let workspace = &model.setting.workspace;
    let bundle = workspace.bundle.iter().map(|bundle| &bundle.name);
    let named = workspace.charms.iter().map(|charm| &charm.name).chain(bundle);
    let named: BTreeSet<CharmName> = named.cloned().collect();
    let known = snapshot.charms.keys().chain(snapshot.served.keys());
    if known.into_iter().all(|charm| named.contains(charm)) {
        return snapshot;
    }
    let mut snapshot = Arc::unwrap_or_clone(snapshot);
    snapshot.retain_charms(&named);
    Arc::new(snapshot)
}

/// Shows the run that started, or why it did not.
pub fn started(model: &mut Model, id: RequestId, result: Result<RunId, Problem>) -> Vec<Effect> {
    let Some(review) = model
        .on_mut::<Review>()
        .filter(|review| review.starting == Some(id))
    else {
        return Vec::new();
    };
    review.starting = None;
    let signs_in = review.kind() == super::ReviewKind::SignIn;
    match result {
        Ok(run) => {
            // Only a login returns to what it interrupted.
            if !signs_in {
                model.interrupted = None;
            }
            model.show(Running::of(run));
            crate::console::panes::rebuild_activity(model);
            crate::console::refresh::read_runs(model)
        }
        Err(problem) => {
            model.open_problem("The run did not start", &problem);
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_replaced_by_tag_digest_or_its_own_reference() {
        let image = "finos/legend-engine-server";
        let digest = format!("sha256:{}", "a".repeat(64));
        let of = |typed: &str| image_target(image, typed).map(|target| target.to_string());
        assert_eq!(of("4.35.0").unwrap(), "4.35.0");
        assert_eq!(of(&digest).unwrap(), digest);
        for whole in [
            format!("{image}:4.35.0"),
            format!("docker.io/{image}:4.35.0"),
            format!("docker://{image}:4.35.0"),
        ] {
            assert_eq!(of(&whole).unwrap(), "4.35.0", "{whole}");
        }
        assert_eq!(of(&format!("{image}@{digest}")).unwrap(), digest);
        let refused = of("ghcr.io/finos/legend-engine-server:4.35.0").unwrap_err();
        assert!(refused.contains("another repository"), "{refused}");
        assert!(of("not a tag").is_err());
    }
}
