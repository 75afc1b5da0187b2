//! Plans one secret of an organisation in place of the copies in its repositories.
//!
//! The organisation's secrets are set first. Then the copies are deleted, because a repository's
//! own secret hides the organisation's.

use std::collections::BTreeSet;

use crate::domain::secret::{OrganisationSecrets, RepositorySecrets, SelectedRepository, Selection};
use crate::domain::{
    Fingerprint, OrganisationSecret, Problem, ProblemKind, SanitizedText, SecretTarget, Snapshot,
};
use crate::plan::{Op, RotateIntent, State, Step, StepId, Undo};

use super::targets::UNCHANGED;

/// The scope that secrets of an organisation need.
const SCOPE: &str = "admin:org";

/// A secret of an organisation and the targets that it replaces.
pub struct Shared<'s> {
    /// The secret of the organisation.
    pub secret: OrganisationSecret,
    /// The copies that it replaces, in the order of the targets.
    pub targets: Vec<(SecretTarget, &'s RepositorySecrets)>,
    /// Facts of the organisation.
    pub facts: &'s OrganisationSecrets,
}

/// Returns true if the organisations of `intent` should be read: if it asks for their secrets, or
/// if they could be offered.
pub fn wanted(snapshot: &Snapshot, intent: &RotateIntent) -> bool {
    intent.organisation || scoped(snapshot) == Some(true)
}

/// Returns whether the GitHub token has the scope; `None` if it has no list of scopes, as a
/// fine-grained token: then GitHub decides.
fn scoped(snapshot: &Snapshot) -> Option<bool> {
    let facts = snapshot.github.value.as_ref()?;
    (!facts.scopes.is_empty()).then(|| facts.scopes.iter().any(|scope| scope.as_str() == SCOPE))
}

/// Groups `targets` whose repositories all belong to one owner by name of the secret.
fn groups<'s>(
    targets: &[SecretTarget],
    facts: &[&'s RepositorySecrets],
) -> Vec<(OrganisationSecret, Vec<(SecretTarget, &'s RepositorySecrets)>)> {
    let mut groups: Vec<(OrganisationSecret, Vec<(SecretTarget, &RepositorySecrets)>)> = Vec::new();
    for (target, facts) in targets.iter().zip(facts) {
        let copy = (target.clone(), *facts);
        match groups.iter_mut().find(|(group, _)| group.secret == target.secret) {
            Some((_, copies)) => copies.push(copy),
            None => groups.push((
                OrganisationSecret {
                    organisation: target.repository.owner().to_owned(),
                    secret: target.secret.clone(),
                },
                vec![copy],
            )),
        }
    }
    groups.retain(|(group, copies)| {
        copies
            .iter()
            .all(|(target, _)| target.repository.owner() == group.organisation)
    });
    groups
}

fn numbers(copies: &[(SecretTarget, &RepositorySecrets)]) -> BTreeSet<u64> {
    copies.iter().map(|(_, facts)| facts.id).collect()
}

/// Fails if a secret would be removed from repositories that are not targets, or they would get a
/// value that was not made for them.
fn permitted(
    secret: &OrganisationSecret,
    copies: &[(SecretTarget, &RepositorySecrets)],
    facts: &OrganisationSecrets,
) -> Result<(), Problem> {
    let others = match facts.secrets.get(&secret.secret).map(|held| &held.selection) {
        None => return Ok(()),
        Some(Selection::Selected(held)) => match held.difference(&numbers(copies)).count() {
            0 => return Ok(()),
            1 => "by another repository, which is".to_owned(),
            many => format!("by {many} other repositories, which are"),
        },
        Some(Selection::Open) => "by repositories that are".to_owned(),
    };
    Err(Problem::new(
        ProblemKind::Refused,
        format!(
            "the secret of {secret} is read {others} not a target of this rotation; \
            {UNCHANGED}"
        ),
    )
    .hint("rotate without --organisation, or add every repository that reads it as a target"))
}

/// Returns the organisation's secrets that `intent` asks for; empty if it does not.
pub fn shared<'s>(
    snapshot: &'s Snapshot,
    intent: &RotateIntent,
    targets: &[SecretTarget],
    facts: &[&'s RepositorySecrets],
) -> Result<Vec<Shared<'s>>, Problem> {
    if !intent.organisation {
        return Ok(Vec::new());
    }
    if scoped(snapshot) == Some(false) {
        return Err(Problem::new(
            ProblemKind::Credentials,
            format!(
                "the GitHub token lacks the scope {SCOPE} to set secrets of an organisation; \
                {UNCHANGED}"
            ),
        )
        .hint(format!(
            "use a token with the scope {SCOPE}, or omit --organisation to set a copy in every \
            repository"
        )));
    }
    let mut all = Vec::new();
    for (secret, copies) in groups(targets, facts) {
        let what = format!("the secrets of the organisation {}", secret.organisation);
        let told = match snapshot.organisations.get(&secret.organisation) {
            Some(seen) => seen.need(&what)?,
            None => {
                return Err(Problem::new(
                    ProblemKind::Internal,
                    format!("{what} were not read"),
                ));
            }
        };
        permitted(&secret, &copies, told)?;
        all.push(Shared {
            secret,
            targets: copies,
            facts: told,
        });
    }
    if all.is_empty() {
        return Err(Problem::new(
            ProblemKind::Usage,
            "no organisation owns all repositories of a target",
        )
        .hint("omit --organisation to set a copy in every repository"));
    }
    Ok(all)
}

/// Fails if copies would hide the organisation's secret from jobs that read it now. For targets
/// that the operator named the copy is set, with a warning.
pub fn check_hidden(
    intent: &RotateIntent,
    targets: &[SecretTarget],
    facts: &[&RepositorySecrets],
    warnings: &mut Vec<SanitizedText>,
) -> Result<(), Problem> {
    if intent.organisation {
        return Ok(());
    }
    let hidden: Vec<&SecretTarget> = targets
        .iter()
        .zip(facts)
        .filter(|(target, facts)| {
            !facts.secrets.contains_key(&target.secret) && facts.shared.contains_key(&target.secret)
        })
        .map(|(target, _)| target)
        .collect();
    let Some(first) = hidden.first() else {
        return Ok(());
    };
    let organisation = first.repository.owner();
    let names: Vec<String> = hidden.iter().map(ToString::to_string).collect();
    if !intent.targets.is_empty() {
        warnings.push(
            format!(
                "the copy will hide the organisation secret of {organisation}: {}",
                names.join(", ")
            )
            .into(),
        );
        return Ok(());
    }
    let rotate = RotateIntent {
        organisation: true,
        ..intent.clone()
    };
    Err(Problem::new(
        ProblemKind::Refused,
        format!(
            "the organisation {organisation} provides this secret; copies in repositories would \
            hide it; {UNCHANGED}"
        ),
    )
    .cause(format!("provided by the organisation: {}", names.join(", ")))
    .hint(format!("rotate the organisation secret: {}", rotate.command()))
    .hint(format!("or create a copy: windlass rotate --target {first}")))
}

/// Returns the line that offers an organisation's secret, if it is allowed and saves copies.
pub fn offer(
    snapshot: &Snapshot,
    intent: &RotateIntent,
    targets: &[SecretTarget],
    facts: &[&RepositorySecrets],
) -> Option<SanitizedText> {
    if intent.organisation || scoped(snapshot) != Some(true) {
        return None;
    }
    let mut secrets = 0_usize;
    let mut copies = 0_usize;
    for (secret, group) in groups(targets, facts) {
        let told = snapshot
            .organisations
            .get(&secret.organisation)
            .filter(|seen| seen.problem.is_none())
            .and_then(|seen| seen.value.as_ref());
        let told = told?;
        // It is offered for all names or not at all.
        permitted(&secret, &group, told).ok()?;
        if group.len() > 1 {
            secrets += 1;
            copies += group.len();
        }
    }
    let subject = match secrets {
        0 => return None,
        1 => "one organisation secret".to_owned(),
        many => format!("{many} organisation secrets"),
    };
    Some(format!("{subject} would replace {copies} copies: add --organisation").into())
}

/// Returns the step that sets `shared`.
pub fn set_step(snapshot: &Snapshot, shared: &Shared<'_>, value: Option<&Fingerprint>) -> Step {
    let held = shared.facts.secrets.get(&shared.secret.secret);
    let holds = held.is_some_and(|held| {
        held.selection == Selection::Selected(numbers(&shared.targets))
            && shared.targets.iter().all(|(target, _)| {
                snapshot.written(target).is_some_and(|written| {
                    written.updated_at == held.facts.updated_at && Some(&written.fingerprint) == value
                })
            })
    });
    let before = held.map_or_else(
        || State::text("not set"),
        |held| {
            State::text(format!(
                "set {}",
                held.facts.updated_at.format("%Y-%m-%d %H:%M UTC")
            ))
        },
    );
    let repositories: Vec<SelectedRepository> = shared
        .targets
        .iter()
        .map(|(target, facts)| SelectedRepository {
            repository: target.repository.clone(),
            id: facts.id,
        })
        .collect();
    let readers = match repositories.as_slice() {
        [one] => format!("for {}", one.repository),
        many => format!("for {} repositories", many.len()),
    };
    let op = Op::SetOrganisationSecret {
        secret: shared.secret.clone(),
        repositories,
        before: held.map(|held| held.facts.updated_at),
    };
    Step {
        id: StepId(format!(
            "set-organisation-secret/{}:{}",
            shared.secret.organisation, shared.secret.secret
        )),
        kind: op.kind().to_owned(),
        target: shared.secret.to_string().into(),
        before,
        after: State::text(format!("the new value, {readers}")),
        bytes: None,
        skip_reason: holds.then(|| "it already holds this value".into()),
        undo: Undo::impossible("GitHub never shows a secret's former value"),
        optional: false,
        op,
    }
}

/// Returns the steps that delete the existing copies that `shared` replaces.
pub fn delete_steps<'a>(shared: &'a Shared<'_>) -> impl Iterator<Item = Step> + 'a {
    shared.targets.iter().filter_map(|(target, facts)| {
        let held = facts.secrets.get(&target.secret)?;
        let op = Op::DeleteSecret {
            target: target.clone(),
            before: held.updated_at,
        };
        Some(Step {
            id: StepId(format!("delete-secret/{target}")),
            kind: op.kind().to_owned(),
            target: target.to_string().into(),
            before: State::text(format!("set {}", held.updated_at.format("%Y-%m-%d %H:%M UTC"))),
            after: State::text("deleted; its jobs read the organisation secret"),
            bytes: None,
            skip_reason: None,
            undo: Undo::impossible(
                "GitHub never shows a secret's value; a rotation without \
                --organisation sets a copy again",
            ),
            optional: false,
            op,
        })
    })
}
