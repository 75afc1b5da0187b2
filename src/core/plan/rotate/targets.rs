//! Determines which secrets a rotation sets, and whether the GitHub token may set them.
//!
//! All refusals are reported at once, before a new token is created.

use crate::config::Workspace;
use crate::config::workspace::{Token, TokenKind};
use crate::domain::secret::RepositorySecrets;
use crate::domain::{GitHubRepository, Problem, ProblemKind, SanitizedText, SecretTarget, Snapshot};
use crate::plan::RotateIntent;
use crate::plan::credentials::{kind_of, token_of};

use super::names;

/// Returns the workspace's token with only the targets of the intent, in the workspace's order.
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
                    ProblemKind::Config,
                    format!(
                        "workspace {} has no secrets to rotate",
                        SanitizedText::new(&workspace.name)
                    ),
                )
                .hint("add a [[token]] table with targets, or pass --target OWNER/NAME:SECRET")
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
        return Err(Problem::new(
            ProblemKind::Usage,
            "these targets hold different kinds of credentials",
        )
        .hint("rotate one credential at a time"));
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
            // The scopes that the documentation of the workflows asks for.
            TokenKind::Github => vec!["repo".to_owned(), "workflow".to_owned()],
            TokenKind::Other => Vec::new(),
        },
        targets: Vec::new(),
    });
    with_value(Token { targets, ..token }, intent)
}

/// Removes the targets that the intent leaves out. Fails if no target is left, or if a token that
/// is not a store token has no custom value, because windlass creates only store tokens.
fn with_value(mut token: Token, intent: &RotateIntent) -> Result<Token, Problem> {
    for target in &intent.without {
        if !token.targets.contains(target) {
            return Err(Problem::new(
                ProblemKind::Usage,
                format!("{target} is not a target of this rotation, so it cannot be left out"),
            )
            .hint("list the secrets it sets: windlass plan rotate"));
        }
    }
    if !intent.without.is_empty() {
        token.targets.retain(|target| !intent.without.contains(target));
        if token.targets.is_empty() {
            return Err(Problem::new(
                ProblemKind::Usage,
                "every secret is left out, so there is nothing to rotate",
            )
            .hint("remove one --without"));
        }
    }
    if token.targets.is_empty() {
        return Err(
            Problem::new(ProblemKind::Config, "the workspace's token has no targets")
                .hint("add targets to its [[token]] table, or pass --target OWNER/NAME:SECRET"),
        );
    }
    if token.kind != TokenKind::Charmhub && intent.brought.is_none() {
        return Err(Problem::new(
            ProblemKind::Usage,
            format!(
                "windlass creates only Charmhub tokens; {} needs its new value",
                names(&token.targets)
            ),
        )
        .hint("pass it with --token-file FILE, or pipe it to --token-file -"));
    }
    if intent.brought.is_some() && intent.ttl.is_some() {
        return Err(Problem::new(
            ProblemKind::Usage,
            "--ttl applies to a token that windlass creates, not to one from a file",
        )
        .hint("omit --ttl"));
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
        ProblemKind::Usage,
        format!(
            "repository {repository} is not in workspace {}",
            SanitizedText::new(&workspace.name)
        ),
    )
    .hint("check its spelling, or add it to the workspace file"))
}

/// What a refusal of the whole rotation leaves.
pub(super) const UNCHANGED: &str = "nothing was changed and no token was created";

/// What every target's repository answered; all refusals together.
pub fn probed<'s>(
    snapshot: &'s Snapshot,
    intent: &RotateIntent,
    targets: &[SecretTarget],
) -> Result<Vec<&'s RepositorySecrets>, Problem> {
    check_github(snapshot)?;
    let mut refused: Option<Problem> = None;
    let mut without = intent.without.clone();
    let mut all = Vec::new();
    for target in targets {
        match writable(snapshot, target) {
            Ok(facts) => all.push(facts),
            Err(problem) => {
                without.insert(target.clone());
                match &mut refused {
                    None => refused = Some(problem),
                    Some(first) => {
                        if !first.causes.contains(&problem.summary) && first.summary != problem.summary {
                            first.causes.push(problem.summary);
                        }
                    }
                }
            }
        }
    }
    let Some(problem) = refused else { return Ok(all) };
    let problem = Problem {
        summary: SanitizedText::new(format!("{}; {UNCHANGED}", problem.summary)),
        ..problem
    };
    // Where something is left to rotate.
    if all.is_empty() {
        return Err(problem);
    }
    let others = RotateIntent {
        without,
        ..intent.clone()
    };
    Err(problem.hint(format!("leave out the refused secrets: {}", others.command())))
}

/// Returns the targets of `intent` that are refused while others are not: without them it can be
/// planned.
pub fn refused(workspace: &Workspace, snapshot: &Snapshot, intent: &RotateIntent) -> Vec<SecretTarget> {
    let Ok(token) = token(workspace, intent) else {
        return Vec::new();
    };
    if check_github(snapshot).is_err() {
        return Vec::new();
    }
    let is_refused = |target: &&SecretTarget| writable(snapshot, target).is_err();
    let refused: Vec<SecretTarget> = token.targets.iter().filter(is_refused).cloned().collect();
    if refused.len() == token.targets.len() {
        return Vec::new();
    }
    refused
}

/// Fails if no GitHub token can be used.
fn check_github(snapshot: &Snapshot) -> Result<(), Problem> {
    let (None, Some(problem)) = (&snapshot.github.value, &snapshot.github.problem) else {
        return Ok(());
    };
    if problem.kind == ProblemKind::NotFound {
        return Err(Problem::new(
            ProblemKind::Credentials,
            "secrets cannot be set without a GitHub token",
        )
        .hint("set GH_TOKEN to a token with the scope repo (fine-grained: Secrets, read and write)"));
    }
    Err(problem.clone().within("the GitHub token cannot be used"))
}

/// Why no secret of a repository can be set.
pub enum Barrier<'f> {
    /// The repository has another name now.
    Renamed(&'f GitHubRepository),
    /// The GitHub token may not set its secrets.
    NotWritable,
}

impl<'f> Barrier<'f> {
    /// Returns the barrier of `repository`, if there is one.
    pub fn of(repository: &GitHubRepository, facts: &'f RepositorySecrets) -> Option<Self> {
        if &facts.repository != repository {
            Some(Self::Renamed(&facts.repository))
        } else if facts.may_write {
            None
        } else {
            Some(Self::NotWritable)
        }
    }

    /// Returns the remedy.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Renamed(_) => {
                "check that it is still yours, then write its new name into the workspace file"
            }
            Self::NotWritable => {
                "use a token with push access to it and the scope repo (fine-grained: Secrets, read and write)"
            }
        }
    }
}

/// Returns the facts of the repository of `target`. Fails if its secret cannot be set.
fn writable<'s>(snapshot: &'s Snapshot, target: &SecretTarget) -> Result<&'s RepositorySecrets, Problem> {
    let repository = &target.repository;
    let seen = snapshot
        .secrets
        .get(repository)
        .ok_or_else(|| Problem::new(ProblemKind::Internal, format!("{repository} was not read")))?;
    let facts = seen.need(repository.as_str())?;
    let Some(barrier) = Barrier::of(repository, facts) else {
        return Ok(facts);
    };
    let problem = match &barrier {
        Barrier::Renamed(now) => {
            Problem::new(ProblemKind::Config, format!("{repository} was renamed to {now}"))
        }
        Barrier::NotWritable => Problem::new(
            ProblemKind::Credentials,
            format!("the GitHub token may not write to {repository}"),
        ),
    };
    Err(problem.hint(barrier.remedy()))
}
