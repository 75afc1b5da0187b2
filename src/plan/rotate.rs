//! Plans a rotation: one credential into every secret that holds it, proved before and after.
//!
//! Owns the order (every target probed before a new token exists, the value checked against what
//! every job needs before the first write, the writes one by one in the workspace's order, the
//! former token ended last) and the refusals. Pure: everything it needs is in the snapshot.

pub mod needs;
pub mod organisation;
pub mod revocations;
#[cfg(test)]
mod tests;

use crate::config::Workspace;
use crate::config::workspace::{Token, TokenKind};
use crate::domain::secret::{LineageRecord, RepositorySecrets, SealedRotation};
use crate::domain::{Fingerprint, KeyId, Kind, Outside, Problem, SecretTarget, Snapshot};

use super::credentials::{alarm, kind_of, token_of};
use super::sign_in::mint_step;
use super::{Assumption, Intent, Need, Op, Plan, RotateIntent, State, Step, StepId};

/// The step whose record holds the seals.
pub const SEAL_STEP: &str = "seal-secrets";
/// The step whose record tells when the value ends.
pub const CHECK_STEP: &str = "check-token";
/// The step that mints.
pub const SIGN_IN_STEP: &str = "sign-in";

/// Plans `intent`, or says why not.
pub fn plan(workspace: &Workspace, snapshot: &Snapshot, intent: &RotateIntent) -> Result<Plan, Problem> {
    let token = token(workspace, intent)?;
    let targets = &token.targets;
    let mut warnings: Vec<Outside> = Vec::new();
    let facts = probed(snapshot, targets)?;
    let needs: Vec<Need> = targets
        .iter()
        .map(|target| needs::need(workspace, snapshot, &token, target))
        .collect();
    if intent.brought.is_some() {
        check_brought(snapshot, &token, &needs, &mut warnings)?;
    }
    let shared = organisation::shared(snapshot, intent, targets, &facts)?;
    // What gets a copy of its own.
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
        (Some(sealed), _) => Some(Outside::new(format!(
            "run {} sealed it already: its seals are sent, nothing is minted",
            sealed.run
        ))),
        (None, true) => Some("every target holds this value".into()),
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
    // A value that does not tell its session may be one that our own record knows.
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
    Ok(plan)
}

/// The workspace's token narrowed to the targets of the wish, in the workspace's order.
pub fn token(workspace: &Workspace, intent: &RotateIntent) -> Result<Token, Problem> {
    if intent.targets.is_empty() {
        return workspace
            .tokens
            .iter()
            .find(|token| token.kind == TokenKind::Charmhub)
            .or(workspace.tokens.first())
            .cloned()
            .ok_or_else(|| {
                Problem::new(
                    Kind::Config,
                    format!(
                        "workspace {} names no secret to rotate",
                        Outside::new(&workspace.name)
                    ),
                )
                .hint("add a [[token]] table with its targets, or name them with --target OWNER/NAME:SECRET")
            })
            .and_then(|token| with_value(token, intent));
    }
    let mut kinds: Vec<TokenKind> = intent
        .targets
        .iter()
        .map(|target| kind_of(workspace, target))
        .collect();
    kinds.dedup();
    if kinds.len() > 1 {
        return Err(
            Problem::new(Kind::Usage, "these targets hold different sorts of credentials")
                .hint("rotate one credential at a time"),
        );
    }
    for target in &intent.targets {
        known(workspace, target)?;
    }
    let mut targets: Vec<SecretTarget> = workspace
        .tokens
        .iter()
        .flat_map(|token| &token.targets)
        .filter(|target| intent.targets.contains(target))
        .cloned()
        .collect();
    for target in &intent.targets {
        if !targets.contains(target) {
            targets.push(target.clone());
        }
    }
    let named = targets.iter().find_map(|target| token_of(workspace, target));
    let kind = kinds.first().copied().unwrap_or(TokenKind::Charmhub);
    let usual = workspace.tokens.iter().find(|token| token.kind == kind);
    let token = named.or(usual).cloned().unwrap_or(Token {
        kind,
        ttl: std::time::Duration::from_secs(15_780_000),
        permissions: match kind {
            TokenKind::Charmhub => vec!["package-manage".to_owned(), "package-view-revisions".to_owned()],
            // What the workflows' own documents ask for.
            TokenKind::Github => vec!["repo".to_owned(), "workflow".to_owned()],
            TokenKind::Other => Vec::new(),
        },
        targets: Vec::new(),
    });
    with_value(Token { targets, ..token }, intent)
}

/// Only store tokens are made here; any other value must be brought.
fn with_value(token: Token, intent: &RotateIntent) -> Result<Token, Problem> {
    if token.targets.is_empty() {
        return Err(Problem::new(Kind::Config, "the workspace's token has no targets")
            .hint("name them in its [[token]] table, or with --target OWNER/NAME:SECRET"));
    }
    if token.kind != TokenKind::Charmhub && intent.brought.is_none() {
        return Err(Problem::new(
            Kind::Usage,
            format!(
                "only Charmhub tokens are made here: {} needs its new value",
                names(&token.targets)
            ),
        )
        .hint("give it with --token-file FILE, or --token-file - to pipe it in"));
    }
    if intent.brought.is_some() && intent.ttl.is_some() {
        return Err(Problem::new(
            Kind::Usage,
            "--ttl is for a token that is made, not for one that is brought",
        )
        .hint("leave --ttl out"));
    }
    Ok(token)
}

fn known(workspace: &Workspace, target: &SecretTarget) -> Result<(), Problem> {
    let repository = target.repository.as_str();
    let fine = workspace
        .charms
        .iter()
        .any(|charm| charm.repository == repository)
        || workspace
            .bundle
            .as_ref()
            .is_some_and(|bundle| bundle.repository == repository)
        || workspace
            .families
            .iter()
            .any(|family| family.repository == repository)
        || workspace
            .tokens
            .iter()
            .flat_map(|token| &token.targets)
            .any(|known| known.repository == target.repository);
    if fine {
        return Ok(());
    }
    Err(Problem::new(
        Kind::Usage,
        format!(
            "workspace {} knows no repository {repository}",
            Outside::new(&workspace.name)
        ),
    )
    .hint("check its spelling, or name it in the workspace file"))
}

/// What every target's repository told; all refusals together.
fn probed<'s>(
    snapshot: &'s Snapshot,
    targets: &[SecretTarget],
) -> Result<Vec<&'s RepositorySecrets>, Problem> {
    if let (None, Some(problem)) = (&snapshot.github.value, &snapshot.github.problem) {
        if problem.kind == Kind::NotFound {
            return Err(
                Problem::new(Kind::Credentials, "secrets cannot be set without a GitHub token").hint(
                    "set GH_TOKEN to a token with the scope repo (fine-grained: Secrets, read and write)",
                ),
            );
        }
        return Err(problem.clone().within("the GitHub token cannot be used"));
    }
    let mut refused: Option<Problem> = None;
    let mut refuse = |problem: Problem| match &mut refused {
        None => refused = Some(problem),
        Some(first) => {
            if !first.causes.contains(&problem.summary) && first.summary != problem.summary {
                first.causes.push(problem.summary);
            }
        }
    };
    let mut all = Vec::new();
    for target in targets {
        let repository = &target.repository;
        let Some(seen) = snapshot.secrets.get(repository) else {
            refuse(Problem::new(
                Kind::Internal,
                format!("{repository} was never looked at"),
            ));
            continue;
        };
        match seen.need(repository.as_str()) {
            Err(problem) => refuse(problem),
            Ok(facts) if &facts.repository != repository => refuse(
                Problem::new(
                    Kind::Config,
                    format!("{repository} is called {} now", facts.repository),
                )
                .hint("make sure that it is still yours, then write its new name into the workspace file"),
            ),
            Ok(facts) if !facts.may_write => refuse(
                Problem::new(
                    Kind::Credentials,
                    format!("the GitHub token may not write to {repository}"),
                )
                .hint("use a token of somebody who may push there, with the scope repo (fine-grained: Secrets, read and write)"),
            ),
            Ok(facts) => all.push(facts),
        }
    }
    match refused {
        Some(problem) => Err(problem.hint("nothing was changed and no token was made")),
        None => Ok(all),
    }
}

fn check_brought(
    snapshot: &Snapshot,
    token: &Token,
    needs: &[Need],
    warnings: &mut Vec<Outside>,
) -> Result<(), Problem> {
    if token.kind == TokenKind::Other {
        return Ok(());
    }
    let facts = snapshot.brought.need("the value that was brought").map_err(|mut problem| {
        if problem.kind == Kind::Credentials {
            problem.hints.clear();
            problem = problem
                .hint("it is the value in the token file that is refused, not the credential of this windlass")
                .hint("bring another one, or leave --token-file out to have one made");
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
                Problem::new(Kind::Credentials, "the value that was brought has expired")
                    .hint("bring a newer one, or leave --token-file out to have one made"),
            );
        }
        _ => warnings.push(
            format!(
                "the value that was brought ends soon: {}",
                facts
                    .expires_at
                    .map_or_else(String::new, |end| end.format("%Y-%m-%d %H:%M UTC").to_string())
            )
            .into(),
        ),
    }
    Ok(())
}

/// A problem that names what `facts` lacks of what the jobs behind the targets need.
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
                        Kind::Credentials,
                        "the token does not do what the jobs of its targets need",
                    )
                })
                .cause(text),
        );
    }
    problem.map(|problem| {
        problem.hint("make one that covers every package of the workspace: leave --token-file out, and windlass asks for exactly what is needed")
    })
}

/// The seals of an unfinished run, if they can still be opened everywhere.
fn usable_seals<'s>(
    snapshot: &'s Snapshot,
    intent: &RotateIntent,
    copies: &[(&SecretTarget, &RepositorySecrets)],
    shared: &[organisation::Shared<'_>],
    warnings: &mut Vec<Outside>,
) -> Option<&'s SealedRotation> {
    let sealed = snapshot.sealed.as_ref().filter(|_| intent.brought.is_none())?;
    let revoked = snapshot
        .sessions
        .value
        .iter()
        .flatten()
        .any(|one| Some(&one.id) == sealed.session.as_ref() && one.revoked_at.is_some());
    if revoked || sealed.expires_at.is_some_and(|end| end <= snapshot.taken_at) {
        warnings.push(
            format!(
                "the token that run {} sealed is no longer valid: a new one is made",
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
                    "the key of {whose} has changed since run {} sealed its token: a new token is needed for all targets",
                    sealed.run
                )
                .into(),
            );
            return None;
        }
    }
    Some(sealed)
}

fn check_step(kind: TokenKind, needs: Vec<Need>, skip_reason: Option<Outside>) -> Step {
    let op = Op::CheckToken {
        credential: kind,
        needs,
    };
    Step {
        id: StepId(CHECK_STEP.to_owned()),
        kind: op.kind().to_owned(),
        target: "the new value".into(),
        before: State::Nothing(()),
        after: State::text("does what the job behind every target needs"),
        bytes: None,
        skip_reason,
        undo: "changes nothing".into(),
        optional: false,
        op,
    }
}

fn seal_step(
    targets: &[SecretTarget],
    copies: &[(&SecretTarget, &RepositorySecrets)],
    shared: &[organisation::Shared<'_>],
    skip_reason: Option<Outside>,
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
        after: State::text(format!("sealed with {whose}; the seals are in the journal")),
        bytes: None,
        skip_reason,
        undo: "changes nothing at GitHub".into(),
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
        || State::text("not there"),
        |now| {
            let whose = match super::credentials::lineage(workspace, snapshot, target) {
                crate::domain::Lineage::Current => "by windlass".to_owned(),
                crate::domain::Lineage::Older => "by windlass, an older value".to_owned(),
                crate::domain::Lineage::Foreign => "by somebody else since our last rotation".to_owned(),
                _ => "by hand".to_owned(),
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
        skip_reason: holds.then(|| "it holds this value already".into()),
        undo: "cannot be undone: GitHub never shows a secret's former value".into(),
        optional: false,
        op,
    }
}

fn say_orphans(snapshot: &Snapshot, intent: &RotateIntent, warnings: &mut Vec<Outside>) {
    for orphan in &snapshot.orphans {
        if intent.revoke.contains(&super::Revoked::Session(orphan.clone())) {
            continue;
        }
        warnings.push(
            format!(
                "session {orphan} was minted by a run that died before it could use it: end it with --revoke {orphan}"
            )
            .into(),
        );
    }
}

/// The names of the secrets, each once.
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
