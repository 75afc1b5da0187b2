//! Leaves a review, and interrupts it for a sign-in.

use super::update::{open_over, plan_again, usual_scope};
use super::{Review, ReviewKind};
use crate::console::Model;
use crate::console::effect::Effect;
use crate::console::panes::screen::PanesScreen;
use crate::plan::{Intent, SignInIntent, TokenStorage};

/// Returns to where a review was opened, or to the screen that a sign-in interrupted, whose plan is
/// made again; otherwise to the panes.
pub fn come_back(model: &mut Model) -> Vec<Effect> {
    let from = model.on_mut::<Review>().and_then(|review| review.from.take());
    if let Some(from) = from {
        model.screen = from.screen;
        model.modal = from.modal;
        return Vec::new();
    }
    model.screen = match model.interrupted.take() {
        Some(screen) => screen,
        None => Box::new(PanesScreen),
    };
    plan_again(model)
}

/// Opens the review of a login over the current screen, which is shown again afterwards.
pub fn sign_in(model: &mut Model) -> Vec<Effect> {
    model.modal = None;
    if model.on::<PanesScreen>().is_some() {
        model.interrupted = None;
    } else if model
        .on::<Review>()
        .is_none_or(|review| review.kind() != ReviewKind::SignIn)
    {
        // If a login itself needs a sign-in, there is no screen to keep.
        model.interrupted = Some(model.screen.clone());
    }
    let keep = if model.setting.demo {
        TokenStorage::EncryptedFile
    } else {
        TokenStorage::Keyring
    };
    let scope = usual_scope();
    open_over(model, Intent::SignIn(SignInIntent { scope, keep }))
}
