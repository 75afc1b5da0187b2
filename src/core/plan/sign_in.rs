//! Plans a sign-in: a token is created and stored on this machine.

use crate::config::Workspace;
use crate::domain::{Problem, ProblemKind, SanitizedText, Snapshot, count};

use super::{Intent, Op, Plan, SignInIntent, State, Step, StepId, TokenStorage, Undo};

/// Id of the step that stores the token.
pub const KEEP_STEP: &str = "keep-token";

/// Plans `intent`.
pub fn plan(workspace: &Workspace, snapshot: &Snapshot, intent: &SignInIntent) -> Result<Plan, Problem> {
    if intent.scope.permissions.is_empty() {
        return Err(
            Problem::new(ProblemKind::Usage, "a token without permissions is useless")
                .hint("name a permission with --permission, or omit the option"),
        );
    }
    if intent.scope.ttl < 10 {
        return Err(Problem::new(
            ProblemKind::Usage,
            "a token must be valid for at least 10 seconds",
        )
        .hint("give --ttl in seconds: 15780000 is half a year"));
    }
    let sign_in = mint_step(snapshot, intent.scope.clone(), None);
    let op = Op::KeepToken {
        keep: intent.keep.clone(),
    };
    let (target, after) = match &intent.keep {
        TokenStorage::Keyring => (
            SanitizedText::new("keyring"),
            State::text("the new token, readable by charmcraft too"),
        ),
        TokenStorage::EncryptedFile => (
            SanitizedText::new("encrypted file"),
            State::text("the new token, protected by the passphrase"),
        ),
        TokenStorage::Export { path, .. } => (
            SanitizedText::new(path),
            State::text("the new token unencrypted, readable only by you"),
        ),
    };
    let before = snapshot
        .credential
        .value
        .as_ref()
        .filter(|facts| {
            intent.keep == TokenStorage::Keyring
                && facts.origin == crate::domain::credential::CredentialOrigin::Keyring
        })
        .map_or(State::Nothing(()), |_| {
            State::text("another token, which stays valid until it expires")
        });
    let keep = Step {
        id: StepId(KEEP_STEP.to_owned()),
        kind: op.kind().to_owned(),
        target,
        before,
        after,
        bytes: None,
        skip_reason: None,
        undo: Undo::by("windlass logout, or delete the file"),
        optional: false,
        op,
    };
    let mut plan = Plan::new(
        &workspace.name,
        &snapshot.world,
        "Sign in to Charmhub".to_owned(),
        Intent::SignIn(intent.clone()),
        vec![sign_in, keep],
        "Charmhub".to_owned(),
    );
    if let TokenStorage::Export { path, .. } = &intent.keep {
        plan.warnings.push(
            format!(
                "{} will hold the token unencrypted: anyone who reads it can release your \
                charms. Delete the file after use",
                SanitizedText::new(path)
            )
            .into(),
        );
    }
    Ok(plan)
}

/// Returns the step that creates a token.
pub fn mint_step(
    snapshot: &Snapshot,
    scope: crate::domain::credential::TokenScope,
    skip_reason: Option<SanitizedText>,
) -> Step {
    let packages = match scope.packages.len() {
        0 => "every package".to_owned(),
        _ => scope
            .packages
            .iter()
            .map(|package| package.name.to_string())
            .collect::<Vec<_>>()
            .join(", "),
    };
    let mut text = format!("{} on {packages}", scope.permissions.join(", "));
    if !scope.channels.is_empty() {
        text.push_str(&format!(", channels {}", scope.channels.join(", ")));
    }
    let days = scope.ttl / 86_400;
    let end = i64::try_from(scope.ttl)
        .ok()
        .and_then(chrono::TimeDelta::try_seconds)
        .and_then(|ttl| snapshot.taken_at.checked_add_signed(ttl));
    match end {
        Some(end) if days < 2 && scope.ttl >= 7200 => text.push_str(&format!(
            ", for {} hours (until {})",
            scope.ttl / 3600,
            end.format("%Y-%m-%d %H:%M UTC")
        )),
        Some(end) if days > 0 => {
            text.push_str(&format!(
                ", for {} (until {})",
                count(usize::try_from(days).unwrap_or(0), "day", "days"),
                end.format("%Y-%m-%d")
            ));
        }
        _ => text.push_str(&format!(", for {} seconds", scope.ttl)),
    }
    let op = Op::SignIn { scope };
    Step {
        id: StepId(super::rotate::SIGN_IN_STEP.to_owned()),
        kind: op.kind().to_owned(),
        target: "Charmhub".into(),
        before: State::Nothing(()),
        after: State::text(text),
        bytes: None,
        skip_reason,
        undo: Undo::by("revoke its session"),
        optional: false,
        op,
    }
}
