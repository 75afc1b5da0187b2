//! Plans a rotation: sets every secret of a credential to a new value, with checks before and
//! after.
//!
//! The order: every target is checked before a new token is created; the value is checked for what
//! every job needs before the first write; secrets are written one by one in the workspace's order;
//! the former token is revoked last.

pub mod needs;
pub mod organisation;
pub mod revocations;
pub mod targets;
#[cfg(test)]
mod tests;

pub use targets::{refused, token};

use crate::config::Workspace;
use crate::config::workspace::{Token, TokenKind};
use crate::domain::secret::{LineageRecord, RepositorySecrets, SealedRotation};
use crate::domain::{
    Fingerprint, KeyId, Lineage, Problem, ProblemKind, SanitizedText, SecretTarget, Snapshot,
};

use super::credentials::alarm;
use super::credentials::status::revoked_at;
use super::sign_in::mint_step;
use super::{Assumption, Intent, Need, Op, Plan, RotateIntent, State, Step, StepId, Undo};

/// Id of the step whose record holds the sealed values.
pub const SEAL_STEP: &str = "seal-secrets";
/// Id of the step whose record holds the expiry of the value.
pub const CHECK_STEP: &str = "check-token";
/// Id of the step that creates the token.
pub const SIGN_IN_STEP: &str = "sign-in";

/// Plans `intent`.
pub fn plan(workspace: &Workspace, snapshot: &Snapshot, intent: &RotateIntent) -> Result<Plan, Problem> {
    let token = token(workspace, intent)?;
    let targets = &token.targets;
    let mut warnings: Vec<SanitizedText> = Vec::new();
    let facts = targets::probed(snapshot, intent, targets)?;
    let needs: Vec<Need> = targets
        .iter()
        .map(|target| needs::need(workspace, snapshot, &token, target))
        .collect();
    if intent.brought.is_some() {
        check_brought(snapshot, &token, &needs, &mut warnings)?;
    }
    let shared = organisation::shared(snapshot, intent, targets, &facts)?;
    organisation::check_hidden(intent, targets, &facts, &mut warnings)?;
    // Targets that get a secret in the repository itself.
    let copies: Vec<(&SecretTarget, &RepositorySecrets)> = targets
        .iter()
        .zip(facts.iter().copied())
        .filter(|(target, _)| !shared.iter().any(|one| one.secret.secret == target.secret))
        .collect();
    let sealed = usable_seals(snapshot, intent, &copies, &shared, &mut warnings);
    let value: Option<&Fingerprint> = intent
        .brought
        .as_ref()
        .or(sealed.map(|sealed| &sealed.fingerprint));

    let mut steps: Vec<Step> = Vec::new();
    let mut sets: Vec<Step> = copies
        .iter()
        .map(|(target, facts)| set_step(workspace, snapshot, target, facts, value))
        .collect();
    sets.extend(
        shared
            .iter()
            .map(|shared| organisation::set_step(snapshot, shared, value)),
    );
    let all_hold = sets.iter().all(|step| step.skip_reason.is_some());
    let prepared = match (sealed, all_hold) {
        (Some(sealed), _) => Some(SanitizedText::new(format!(
            "run {} already encrypted its token; the plan uses the encrypted values and creates no token",
            sealed.run
        ))),
        (None, true) => Some("every target already holds this value".into()),
        (None, false) => None,
    };
    if intent.brought.is_none() {
        let ttl = intent.ttl.unwrap_or(token.ttl.as_secs());
        let scope = needs::scope(workspace, &needs, ttl);
        steps.push(mint_step(snapshot, scope, prepared.clone()));
    }
    steps.push(check_step(token.kind, needs, prepared.clone()));
    steps.push(seal_step(targets, &copies, &shared, prepared));
    steps.extend(sets);
    steps.extend(shared.iter().flat_map(organisation::delete_steps));
    let fresh = sealed.and_then(|sealed| sealed.session.clone()).or_else(|| {
        snapshot
            .brought
            .value
            .as_ref()
            .filter(|_| intent.brought.is_some())?
            .session
            .clone()
    });
    // A value without a session id may be recorded in the journal.
    let fresh = fresh.or_else(|| {
        let same = |record: &&LineageRecord| value == Some(&record.fingerprint);
        snapshot.lineage.iter().rfind(same)?.session.clone()
    });
    steps.extend(revocations::steps(
        snapshot,
        &intent.revoke,
        targets,
        fresh.as_ref(),
        &mut warnings,
    )?);

    warnings.extend(organisation::offer(snapshot, intent, targets, &facts));
    say_orphans(snapshot, intent, &mut warnings);
    let names = names(targets);
    let title = format!(
        "Rotate {names} in {}",
        match repositories(targets) {
            1 => "one repository".to_owned(),
            many => format!("{many} repositories"),
        }
    );
    let confirm = targets
        .last()
        .map_or_else(|| "rotate".to_owned(), |target| target.secret.to_string());
    let mut plan = Plan::new(
        &workspace.name,
        &snapshot.world,
        title,
        Intent::Rotate(intent.clone()),
        steps,
        confirm,
    );
    let key = |what: String, key: &KeyId| Assumption {
        what: format!("key of {what}").into(),
        value: key.0.as_str().into(),
        step: Some(StepId(SEAL_STEP.to_owned())),
    };
    plan.assumptions = copies
        .iter()
        .map(|(target, facts)| key(target.repository.to_string(), &facts.key_id))
        .collect();
    plan.assumptions.extend(shared.iter().map(|shared| {
        key(
            format!("the organisation {}", shared.secret.organisation),
            &shared.facts.key_id,
        )
    }));
    plan.assumptions.dedup();
    plan.warnings = warnings;
    plan.left_out = intent
        .without
        .iter()
        .map(|target| format!("{target} keeps its current value").into())
        .collect();
    Ok(plan)
}

fn check_brought(
    snapshot: &Snapshot,
    token: &Token,
    needs: &[Need],
    warnings: &mut Vec<SanitizedText>,
) -> Result<(), Problem> {
    if token.kind == TokenKind::Other {
        return Ok(());
    }
    let facts = snapshot
        .brought
        .need("the token from the file")
        .map_err(|mut problem| {
            if problem.kind == ProblemKind::Credentials {
                problem.hints.clear();
                problem = problem
                    .hint(
                        "Charmhub or GitHub refuses the token in the file, not the credential of \
                    windlass",
                    )
                    .hint("use another token, or omit --token-file to create one");
            }
            problem
        })?;
    let lacking = lacking(token.kind, facts, needs);
    if let Some(problem) = lacking {
        return Err(problem);
    }
    match alarm(facts.expires_at, snapshot.taken_at) {
        super::credentials::Alarm::None => {}
        super::credentials::Alarm::Over => {
            return Err(
                Problem::new(ProblemKind::Credentials, "the token from the file has expired")
                    .hint("use a newer token, or omit --token-file to create one"),
            );
        }
        _ => warnings.push(
            format!(
                "the token from the file expires soon: {}",
                facts
                    .expires_at
                    .map_or_else(String::new, |end| end.format("%Y-%m-%d %H:%M UTC").to_string())
            )
            .into(),
        ),
    }
    Ok(())
}

/// Returns a problem that names the permissions of the targets' jobs that `facts` do not have.
pub fn lacking(
    kind: TokenKind,
    facts: &crate::domain::credential::CredentialFacts,
    needs: &[Need],
) -> Option<Problem> {
    let mut problem: Option<Problem> = None;
    for need in needs {
        let lacks = needs::missing(kind, facts, need);
        if lacks.is_empty() {
            continue;
        }
        let text = format!("{} needs {}", need.target, lacks.join(", "));
        problem = Some(
            problem
                .unwrap_or_else(|| {
                    Problem::new(
                        ProblemKind::Credentials,
                        "the token lacks permissions that the jobs of its targets need",
                    )
                })
                .cause(text),
        );
    }
    problem.map(|problem| problem.hint("omit --token-file to create a token with exactly these permissions"))
}

/// Returns the sealed values of an unfinished run, if every target can still open them.
fn usable_seals<'s>(
    snapshot: &'s Snapshot,
    intent: &RotateIntent,
    copies: &[(&SecretTarget, &RepositorySecrets)],
    shared: &[organisation::Shared<'_>],
    warnings: &mut Vec<SanitizedText>,
) -> Option<&'s SealedRotation> {
    let sealed = snapshot.sealed.as_ref().filter(|_| intent.brought.is_none())?;
    let revoked = sealed
        .session
        .as_ref()
        .and_then(|session| revoked_at(snapshot, session));
    if revoked.is_some() || sealed.expires_at.is_some_and(|end| end <= snapshot.taken_at) {
        warnings.push(
            format!(
                "the token encrypted by run {} is no longer valid; a new one is created",
                sealed.run
            )
            .into(),
        );
        return None;
    }
    let of_copies = copies.iter().map(|(target, facts)| {
        let used = sealed.sealed.iter().find(|(known, _)| known == *target);
        (
            target.repository.to_string(),
            used.map(|(_, key)| key),
            &facts.key_id,
        )
    });
    let of_organisations = shared.iter().map(|shared| {
        let used = sealed
            .organisations
            .iter()
            .find(|(known, _)| known == &shared.secret);
        (
            format!("the organisation {}", shared.secret.organisation),
            used.map(|(_, key)| key),
            &shared.facts.key_id,
        )
    });
    for (whose, used, now) in of_copies.chain(of_organisations) {
        let used = used?;
        if used != now {
            warnings.push(
                format!(
                    "the key of {whose} has changed since run {} sealed its token; all targets \
                    need a new token",
                    sealed.run
                )
                .into(),
            );
            return None;
        }
    }
    Some(sealed)
}

fn check_step(kind: TokenKind, needs: Vec<Need>, skip_reason: Option<SanitizedText>) -> Step {
    let op = Op::CheckToken {
        credential: kind,
        needs,
    };
    Step {
        id: StepId(CHECK_STEP.to_owned()),
        kind: op.kind().to_owned(),
        target: "the new value".into(),
        before: State::Nothing(()),
        after: State::text("works for the job behind every target"),
        bytes: None,
        skip_reason,
        undo: Undo::needless("it changes nothing"),
        optional: false,
        op,
    }
}

fn seal_step(
    targets: &[SecretTarget],
    copies: &[(&SecretTarget, &RepositorySecrets)],
    shared: &[organisation::Shared<'_>],
    skip_reason: Option<SanitizedText>,
) -> Step {
    let op = Op::SealSecrets {
        targets: copies.iter().map(|(target, _)| (*target).clone()).collect(),
        organisations: shared.iter().map(|shared| shared.secret.clone()).collect(),
    };
    let whose = match (copies.is_empty(), shared.is_empty()) {
        (_, true) => "each repository's own key",
        (true, false) => "the organisation's key",
        (false, false) => "the organisation's key and each repository's own",
    };
    Step {
        id: StepId(SEAL_STEP.to_owned()),
        kind: op.kind().to_owned(),
        target: names(targets).into(),
        before: State::Nothing(()),
        after: State::text(format!(
            "encrypted with {whose}; the journal holds the encrypted values"
        )),
        bytes: None,
        skip_reason,
        undo: Undo::needless("it changes nothing at GitHub"),
        optional: false,
        op,
    }
}

fn set_step(
    workspace: &Workspace,
    snapshot: &Snapshot,
    target: &SecretTarget,
    facts: &RepositorySecrets,
    value: Option<&Fingerprint>,
) -> Step {
    let now = facts.secrets.get(&target.secret);
    let written = snapshot.written(target);
    let holds = match (now, written, value) {
        (Some(now), Some(written), Some(value)) => {
            written.updated_at == now.updated_at && &written.fingerprint == value
        }
        _ => false,
    };
    let before = now.map_or_else(
        || State::text("not set"),
        |now| {
            let whose = match super::credentials::lineage(workspace, snapshot, target, snapshot.taken_at) {
                Lineage::Current => "by windlass",
                Lineage::Older => "by windlass, an older value",
                Lineage::Revoked => "by windlass, token revoked",
                Lineage::Expired => "by windlass, token expired",
                Lineage::Foreign => "not by windlass, since its last rotation",
                Lineage::Unknown | Lineage::Absent => "not by windlass",
            };
            State::text(format!(
                "set {} {whose}",
                now.updated_at.format("%Y-%m-%d %H:%M UTC")
            ))
        },
    );
    let op = Op::SetSecret {
        target: target.clone(),
        before: now.map(|now| now.updated_at),
    };
    Step {
        id: StepId(format!("set-secret/{target}")),
        kind: op.kind().to_owned(),
        target: target.to_string().into(),
        before,
        after: State::text("the new value"),
        bytes: None,
        skip_reason: holds.then(|| "it already holds this value".into()),
        undo: Undo::impossible("GitHub never shows a secret's former value"),
        optional: false,
        op,
    }
}

fn say_orphans(snapshot: &Snapshot, intent: &RotateIntent, warnings: &mut Vec<SanitizedText>) {
    for orphan in &snapshot.orphans {
        if intent.revoke.contains(&super::Revoked::Session(orphan.clone())) {
            continue;
        }
        warnings.push(
            format!(
                "session {orphan} was created by an interrupted run and its token is lost; revoke \
                it with --revoke {orphan}"
            )
            .into(),
        );
    }
}

/// Returns the names of the secrets without duplicates.
fn names(targets: &[SecretTarget]) -> String {
    let mut names: Vec<&str> = targets.iter().map(|target| target.secret.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.join(" and ")
}

fn repositories(targets: &[SecretTarget]) -> usize {
    let mut all: Vec<&str> = targets.iter().map(|target| target.repository.as_str()).collect();
    all.sort_unstable();
    all.dedup();
    all.len()
}
