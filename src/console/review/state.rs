//! The state of the plan review, and what can be changed in its plan.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::outline::Folds;
use crate::config::Workspace;
use crate::console::components::Dialog;
use crate::console::effect::RequestId;
use crate::console::screen::Screen;
use crate::console::{Model, words};
use crate::domain::{CharmName, Problem, SanitizedText, SecretTarget, SessionId, Snapshot};
use crate::plan::{Intent, Plan, PublishIntent, Revoked, rotate};

/// The state of the review.
#[derive(Clone, Debug)]
pub struct Review {
    /// The intent.
    pub intent: Intent,
    /// The plan for it; for the intent before the last change while a new one is being made.
    pub plan: Option<Plan>,
    /// Why there is no plan.
    pub problem: Option<Problem>,
    /// When it was planned.
    pub planned_at: Option<DateTime<Utc>>,
    /// The pending plan request.
    pub in_flight: Option<RequestId>,
    /// The pending start.
    pub starting: Option<RequestId>,
    /// When each assumption of the plan was read.
    pub seen: Vec<Option<DateTime<Utc>>>,
    /// The key of the heading with the cursor; `None` until one is chosen.
    pub at: Option<String>,
    /// What is folded.
    pub folds: Folds,
    /// The first line shown.
    pub offset: usize,
    /// True while the window follows the cursor.
    pub follow: bool,
    /// Where it was opened, to return to.
    pub from: Option<Box<Origin>>,
}

/// A screen with its dialog.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The screen.
    pub screen: Box<dyn Screen>,
    /// The dialog.
    pub modal: Option<Box<dyn Dialog>>,
}

/// Kinds of reviews; they differ in what can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReviewKind {
    /// Of a publish.
    Publish,
    /// Of a rotation.
    Rotate,
    /// Of a sign-in.
    SignIn,
    /// Of revoking sessions.
    Revoke,
    /// Of an upload, a copy, a release or closing a channel.
    Single,
    /// Of a promotion.
    Promote,
    /// Of a rollback.
    Rollback,
    /// Of a hold, or of ending one.
    Hold,
    /// Of an action on a workflow.
    Workflow,
}

impl ReviewKind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Publish,
        Self::Rotate,
        Self::SignIn,
        Self::Revoke,
        Self::Single,
        Self::Promote,
        Self::Rollback,
        Self::Hold,
        Self::Workflow,
    ];

    /// Returns true if the review shows how to undo the plan; such plans may concern any charm and
    /// channel.
    pub(super) const fn tells_undo(self) -> bool {
        matches!(
            self,
            Self::Single | Self::Promote | Self::Rollback | Self::Hold | Self::Workflow
        )
    }
}

impl Review {
    /// Returns its kind.
    pub const fn kind(&self) -> ReviewKind {
        match self.intent {
            Intent::Publish(_) => ReviewKind::Publish,
            Intent::Rotate(_) => ReviewKind::Rotate,
            Intent::SignIn(_) => ReviewKind::SignIn,
            Intent::Revoke(_) => ReviewKind::Revoke,
            Intent::Upload(_) | Intent::Copy(_) | Intent::Release(_) | Intent::Close(_) => ReviewKind::Single,
            Intent::Promote(_) | Intent::PromoteTrack(_) => ReviewKind::Promote,
            Intent::Rollback(_) => ReviewKind::Rollback,
            Intent::Hold(_) => ReviewKind::Hold,
            Intent::Workflow(_) => ReviewKind::Workflow,
        }
    }

    /// Returns the intent, if it is a publish.
    pub const fn publish(&self) -> Option<&PublishIntent> {
        match &self.intent {
            Intent::Publish(intent) => Some(intent),
            _ => None,
        }
    }

    /// Returns the intent for changes, if it is a publish.
    pub const fn publish_mut(&mut self) -> Option<&mut PublishIntent> {
        match &mut self.intent {
            Intent::Publish(intent) => Some(intent),
            _ => None,
        }
    }
}

/// A session whose token is lost, which a rotation can revoke too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// The session.
    pub session: SessionId,
    /// Its creator and expiry.
    pub words: String,
    /// True if the intent revokes it.
    pub taken: bool,
}

/// Returns the lost tokens that `review` offers to revoke.
pub fn orphans(model: &Model, review: &Review) -> Vec<Orphan> {
    let Intent::Rotate(intent) = &review.intent else {
        return Vec::new();
    };
    let snapshot = &model.snapshot;
    snapshot
        .orphans
        .iter()
        .map(|session| {
            let mut listed = snapshot.sessions.value.iter().flatten();
            let facts = listed.find(|one| &one.id == session);
            let who = facts.and_then(|facts| facts.description.as_ref());
            let until = facts.and_then(|facts| facts.until);
            Orphan {
                session: session.clone(),
                words: format!(
                    "{}{}",
                    who.map_or("", SanitizedText::as_str),
                    until.map_or_else(String::new, |until| format!(", until {}", words::day(until)))
                ),
                taken: intent.revoke.contains(&Revoked::Session(session.clone())),
            }
        })
        .collect()
}

/// Returns the secrets for which the rotation of `review` is refused, while others could be set.
pub fn refused_secrets(model: &Model, review: &Review) -> Vec<SecretTarget> {
    match &review.intent {
        Intent::Rotate(intent) if review.plan.is_none() => {
            rotate::refused(model.workspace(), &model.snapshot, intent)
        }
        _ => Vec::new(),
    }
}

/// Returns the secrets that the rotation of `review` leaves out.
pub fn left_out_secrets(review: &Review) -> BTreeSet<SecretTarget> {
    match &review.intent {
        Intent::Rotate(intent) => intent.without.clone(),
        _ => BTreeSet::new(),
    }
}

/// Returns how many choices `review` offers.
pub fn choices(model: &Model, review: &Review) -> usize {
    match review.publish() {
        Some(intent) => items(model.workspace(), &model.snapshot, intent).len(),
        None => orphans(model, review).len(),
    }
}

/// An image that can be left out or replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The charm that uses it.
    pub charm: CharmName,
    /// Its key in the manifest.
    pub image: String,
    /// True if it is part of the intent.
    pub taken: bool,
    /// The tag or digest chosen.
    pub target: String,
    /// True if it was chosen by hand.
    pub by_hand: bool,
}

/// Returns the images of a release that charms use.
pub fn items(workspace: &Workspace, snapshot: &Snapshot, intent: &PublishIntent) -> Vec<Item> {
    let release = snapshot.release(&intent.release);
    workspace
        .fed_charms()
        .flat_map(|charm| charm.fed().map(move |(_, key)| (charm, key)))
        .map(|(charm, key)| {
            let by_hand = intent.images.get(key);
            let named = release.and_then(|release| release.images.get(key));
            Item {
                charm: charm.name.clone(),
                image: key.to_owned(),
                taken: intent.charms.is_empty() || intent.charms.contains(&charm.name),
                target: by_hand
                    .map(ToString::to_string)
                    .or_else(|| named.map(|tag| SanitizedText::new(tag).to_string()))
                    .unwrap_or_else(|| "not named by the release".to_owned()),
                by_hand: by_hand.is_some(),
            }
        })
        .collect()
}
