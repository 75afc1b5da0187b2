//! Actions of the plan review.

use super::{fold, update};
use crate::console::actions::READ_ONLY;
use crate::console::actions::{
    ActionId, ActionSpec, Availability, FeatureActions, Scope, ScopeSpec, actions, always, scopes,
};
use crate::console::components::front;
use crate::console::review::{self, Review, ReviewKind};
use crate::console::{Model, image};
use crate::domain::{ContentFacts, Remedy};
use crate::plan::{Intent, LaterChanges, Risk};

use Availability::{Disabled, Enabled, Hidden};

scopes! {
    /// In every plan review.
    REVIEW "Every review" in [OPENED, LIST, EVERYWHERE, ALWAYS];
    /// In the review of this kind of plan.
    REVIEW_PUBLISH "Review: publish" in [REVIEW, OPENED, LIST, EVERYWHERE, ALWAYS];
    /// In the review of this kind of plan.
    REVIEW_ROTATE "Review: rotation" in [REVIEW, OPENED, LIST, EVERYWHERE, ALWAYS];
    /// In the review of this kind of plan.
    REVIEW_SIGN_IN "Review: sign-in" in [REVIEW, OPENED, LIST, EVERYWHERE, ALWAYS];
    /// In the review of this kind of plan.
    REVIEW_REVOKE "Review: revocation" in [REVIEW, OPENED, LIST, EVERYWHERE, ALWAYS];
    /// In the review of this kind of plan.
    REVIEW_SINGLE "Review: upload, copy, release or close" in [REVIEW, OPENED, LIST, EVERYWHERE, ALWAYS];
    /// In the review of this kind of plan.
    REVIEW_PROMOTE "Review: promotion" in [REVIEW, OPENED, LIST, EVERYWHERE, ALWAYS];
    /// In the review of this kind of plan.
    REVIEW_ROLLBACK "Review: rollback" in [REVIEW, OPENED, LIST, EVERYWHERE, ALWAYS];
    /// In the review of this kind of plan.
    REVIEW_HOLD "Review: hold" in [REVIEW, OPENED, LIST, EVERYWHERE, ALWAYS];
    /// In the review of this kind of plan.
    REVIEW_WORKFLOW "Review: workflow" in [REVIEW, OPENED, LIST, EVERYWHERE, ALWAYS];
}

actions! {
    [Scope::REVIEW, Scope::REVIEW_PUBLISH, Scope::REVIEW_ROTATE, Scope::REVIEW_SIGN_IN, Scope::REVIEW_REVOKE, Scope::REVIEW_SINGLE, Scope::REVIEW_PROMOTE, Scope::REVIEW_ROLLBACK, Scope::REVIEW_HOLD, Scope::REVIEW_WORKFLOW];
    REVIEW_CONFIRM = "review-confirm" in Scope::REVIEW_PUBLISH, ["enter"], "confirm …",
        "Ask for the release's name, then start the run.",
        run update::ask_word, footer 1, if confirm, risk Irreversible, twin "windlass publish RELEASE", fill fill_confirm;
    REVIEW_TOGGLE = "review-toggle" in Scope::REVIEW_PUBLISH, ["space", "x"], "leave out",
        "Exclude or include the selected image and its charm, then plan again.",
        run update::toggle_image, footer 2, if change, twin "windlass plan publish RELEASE --charm NAME", fill fill;
    REVIEW_REPLACE = "review-replace" in Scope::REVIEW_PUBLISH, ["i"], "other image",
        "Choose another tag or digest for the selected image, then plan again.",
        run update::ask_image, footer 3, if change, twin "windlass plan publish RELEASE --image NAME=TAG", fill fill;
    REVIEW_TRACK_ONLY = "review-track-only" in Scope::REVIEW_PUBLISH, ["t"], "track only",
        "Publish only to the release's own track, or to all channels again.",
        run update::track_only, footer 4, if change, twin "windlass plan publish RELEASE --track-only", fill fill;
    REVIEW_DOWNGRADE = "review-downgrade" in Scope::REVIEW_PUBLISH, ["a"], "allow downgrade",
        "Allow latest/edge to move to an older release, or forbid it again.",
        run update::allow_downgrade, footer 5, if change, twin "windlass plan publish RELEASE --allow-downgrade", fill fill;
    REVIEW_KEEP = "review-keep" in Scope::REVIEW_PUBLISH, ["v"], "keep revision",
        "Keep the charm revisions that latest/edge runs, or use the newest.",
        run update::keep_revision, footer 6, if change, twin "windlass plan publish RELEASE --keep-revision", fill fill;
    REVIEW_WITHOUT = "review-without" in Scope::REVIEW_PUBLISH, ["w"], "without branch",
        "Publish only the charms, without branch and bundle, or include both again.",
        run update::without_branch, footer 6, if without, twin "windlass plan publish RELEASE --without branch,bundle", fill fill;
    ROTATE_CONFIRM = "rotate-confirm" in Scope::REVIEW_ROTATE, ["enter"], "confirm …",
        "Ask for the secret's name, then sign in if a new token is needed.",
        run update::ask_word, footer 1, if confirm, risk Irreversible, twin "windlass rotate", fill fill_confirm;
    ROTATE_FORMER = "rotate-former" in Scope::REVIEW_ROTATE, ["v"], "revoke former",
        "Include or exclude the revocation of the former tokens recorded here, then plan again.",
        run update::revoke_former, footer 2, if change, twin "windlass plan rotate --revoke recorded";
    ROTATE_ORPHAN = "rotate-orphan" in Scope::REVIEW_ROTATE, ["space", "x"], "revoke lost",
        "Include or exclude the revocation of the selected lost token, then plan again.",
        run update::toggle_orphan, footer 3, if orphan, twin "windlass plan rotate --revoke SESSION";
    ROTATE_WITHOUT = "rotate-without" in Scope::REVIEW_ROTATE, ["w"], "skip refused",
        "Exclude the secrets that cannot be set, or include them again.",
        run update::leave_out_secrets, footer 2, if secrets_out, twin "windlass plan rotate --without REPO:SECRET";
    ROTATE_ORGANISATION = "rotate-organisation" in Scope::REVIEW_ROTATE, ["O"], "organisation",
        "Set one organisation secret instead of copies in repositories, or the copies again.",
        run update::organisation, footer 4, if change, twin "windlass plan rotate --organisation";
    SIGN_IN_CONFIRM = "sign-in-confirm" in Scope::REVIEW_SIGN_IN, ["enter"], "confirm …",
        "Ask for a yes, then for e-mail and password.",
        run update::ask_word, footer 1, if confirm, risk Write, twin "windlass login", fill fill_confirm;
    SIGN_IN_KEEP = "sign-in-keep" in Scope::REVIEW_SIGN_IN, ["v"], "store elsewhere",
        "Store the token in a passphrase-protected file, or in the keyring.",
        run update::keep_elsewhere, footer 2, if keep_elsewhere, twin "windlass login --passphrase-file FILE";
    REVOKE_CONFIRM = "revoke-confirm" in Scope::REVIEW_REVOKE, ["enter"], "confirm …",
        "Ask for a word, then revoke the session.",
        run update::ask_word, footer 1, if confirm, risk Irreversible, twin "windlass revoke SESSION", fill fill_confirm;
    SINGLE_CONFIRM = "single-confirm" in Scope::REVIEW_SINGLE, ["enter"], "confirm …",
        "Ask for a word, then start the run.",
        run update::ask_word, footer 1, if confirm, risk Irreversible, twin "windlass upload-resource CHARM RESOURCE", fill fill_confirm;
    PROMOTE_CONFIRM = "promote-confirm" in Scope::REVIEW_PROMOTE, ["enter"], "confirm …",
        "Ask for the release's name, then start the run.",
        run update::ask_word, footer 1, if confirm, risk Irreversible, twin "windlass promote RELEASE --to RISK", fill fill_confirm;
    ROLL_BACK_CONFIRM = "roll-back-confirm" in Scope::REVIEW_ROLLBACK, ["enter"], "confirm …",
        "Ask for a word, then start the run.",
        run update::ask_word, footer 1, if confirm, risk Write, twin "windlass rollback --run RUN", fill fill_confirm;
    ROLL_BACK_OVER = "roll-back-over" in Scope::REVIEW_ROLLBACK, ["a"], "over changes",
        "Include or exclude channels changed since by another writer, then plan again.",
        run update::over_changes, footer 2, if later_changes, twin "windlass plan rollback --run RUN --over";
    ROLL_BACK_KEEP = "roll-back-keep" in Scope::REVIEW_ROLLBACK, ["w"], "keep changes",
        "Keep channels changed since by another writer and restore the others, then plan again.",
        run update::keep_changed, footer 2, if later_changes, twin "windlass plan rollback --run RUN --keep-changed";
    HOLD_CONFIRM = "hold-confirm" in Scope::REVIEW_HOLD, ["enter"], "confirm …",
        "Ask for a word, then set or remove the hold.",
        run update::ask_word, footer 1, if confirm, risk Write, twin "windlass hold RELEASE", fill fill_confirm;
    WORKFLOW_CONFIRM = "workflow-confirm" in Scope::REVIEW_WORKFLOW, ["enter"], "confirm …",
        "Ask for a word, then start, rerun or cancel the workflow.",
        run update::ask_word, footer 1, if confirm, risk Irreversible, twin "windlass workflow run WORKFLOW", fill fill_confirm;
    SINGLE_IMAGE = "single-image" in Scope::REVIEW_SINGLE, ["i"], "image",
        "Inspect the image of this plan: its layers and which of them are sent.",
        run image::open_planned, footer 2, if planned_image, twin "windlass resolve IMAGE";
    REVIEW_SIGN_IN = "review-sign-in" in Scope::REVIEW, ["L"], "sign in",
        "Sign in to Charmhub, then return here and plan again.",
        run review::sign_in, footer 9, if review_sign_in, twin "windlass login";
    REVIEW_AGAIN = "review-again" in Scope::REVIEW, ["g", "ctrl-r"], "plan again",
        "Read the current state and plan again.",
        run update::plan_again, footer 7, if change;
    REVIEW_FOLD = "review-fold" in Scope::REVIEW, ["left", "h"], "fold",
        "Fold the selected section; on a folded one, go to its parent.",
        change fold::fold, footer 10;
    REVIEW_UNFOLD = "review-unfold" in Scope::REVIEW, ["right", "l"], "unfold",
        "Unfold the selected section.",
        change fold::unfold;
    REVIEW_FOLD_ALL = "review-fold-all" in Scope::REVIEW, ["-"], "fold all",
        "Fold every section, so that only headings show.",
        change fold::fold_all, footer 11;
    REVIEW_UNFOLD_ALL = "review-unfold-all" in Scope::REVIEW, ["+", "="], "unfold all",
        "Unfold every section.",
        change fold::unfold_all, footer 12;
    REVIEW_COPY = "review-copy" in Scope::REVIEW, ["y"], "copy command",
        "Copy the command that makes the same plan.",
        run front::copy, footer 8, if review_copy;
}

fn of_review(model: &Model, answer: impl Fn(&review::Review) -> Availability) -> Availability {
    model.on().map_or(Hidden, answer)
}

fn confirm(model: &Model) -> Availability {
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

fn change(model: &Model) -> Availability {
    of_review(model, may_change)
}

const fn may_change(review: &review::Review) -> Availability {
    if review.starting.is_some() {
        Disabled("the run is starting")
    } else {
        Enabled
    }
}

fn review_copy(model: &Model) -> Availability {
    of_review(model, |_| Enabled)
}

fn orphan(model: &Model) -> Availability {
    of_review(model, |review| {
        if review::choices(model, review) == 0 {
            Hidden
        } else {
            may_change(review)
        }
    })
}

fn secrets_out(model: &Model) -> Availability {
    of_review(model, |review| {
        if review::refused_secrets(model, review).is_empty() && review::left_out_secrets(review).is_empty() {
            Hidden
        } else {
            may_change(review)
        }
    })
}

fn keep_elsewhere(model: &Model) -> Availability {
    if model.setting.demo {
        return Disabled("the demo environment does not use your keyring");
    }
    change(model)
}

fn review_sign_in(model: &Model) -> Availability {
    of_review(model, |review| match &review.problem {
        Some(problem) if review.kind() != review::ReviewKind::SignIn && problem.wants_sign_in() => {
            may_change(review)
        }
        _ => Hidden,
    })
}

fn planned_image(model: &Model) -> Availability {
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

/// Available only if the plan reports a channel that was changed since, or if the option is already
/// on.
fn later_changes(model: &Model) -> Availability {
    of_review(model, |review| match &review.intent {
        Intent::Rollback(wish)
            if wish.later != LaterChanges::Refuse || offers(review, Remedy::OverLaterChanges) =>
        {
            may_change(review)
        }
        _ => Hidden,
    })
}

fn offers(review: &Review, remedy: Remedy) -> bool {
    review
        .problem
        .as_ref()
        .is_some_and(|problem| problem.offers(remedy))
}

fn without(model: &Model) -> Availability {
    if model.workspace().bundle.is_none() {
        Hidden
    } else {
        change(model)
    }
}

/// Returns the scope of the reviews of `kind`.
pub const fn scope(kind: ReviewKind) -> Scope {
    match kind {
        ReviewKind::Publish => Scope::REVIEW_PUBLISH,
        ReviewKind::Rotate => Scope::REVIEW_ROTATE,
        ReviewKind::SignIn => Scope::REVIEW_SIGN_IN,
        ReviewKind::Revoke => Scope::REVIEW_REVOKE,
        ReviewKind::Single => Scope::REVIEW_SINGLE,
        ReviewKind::Promote => Scope::REVIEW_PROMOTE,
        ReviewKind::Rollback => Scope::REVIEW_ROLLBACK,
        ReviewKind::Hold => Scope::REVIEW_HOLD,
        ReviewKind::Workflow => Scope::REVIEW_WORKFLOW,
    }
}

/// Returns the whole command that makes the plan under review.
fn fill_confirm(model: &Model, _: &str) -> Option<String> {
    Some(model.on::<Review>()?.intent.command())
}

fn fill(model: &Model, word: &str) -> Option<String> {
    let review = model.on::<Review>().filter(|_| word == "RELEASE")?;
    review.publish().map(|intent| intent.release.to_string())
}
