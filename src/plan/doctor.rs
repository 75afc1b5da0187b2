//! Judges everything that a publish or a rotation leans on, each with its remedy.
//!
//! Owns what counts as fine, as a warning and as a failure. Pure: what was looked at is in the
//! snapshot and the [`Examination`], the time is the caller's.

mod services;
#[cfg(test)]
mod tests;
mod vaults;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::credentials::{Alarm, alarm};
use crate::config::Workspace;
use crate::config::workspace::TokenKind;
use crate::domain::credential::CredentialFacts;
use crate::domain::{GitHubRepository, Observed, Outside, Problem, SecretName, Snapshot};

/// How a check ended. Ordered: later is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Nothing to do.
    Ok,
    /// It works, but not for long or not as meant.
    Warning,
    /// Something that the workspace needs does not work.
    Failed,
}

impl Standing {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Stable: topic, and what of it.
    pub name: Outside,
    /// How it ended.
    pub standing: Standing,
    /// What was found.
    pub text: Outside,
    /// What to do about it.
    pub remedy: Option<Outside>,
}

impl Check {
    fn ok(name: impl AsRef<str>, text: impl AsRef<str>) -> Self {
        Self {
            name: name.into(),
            standing: Standing::Ok,
            text: text.into(),
            remedy: None,
        }
    }

    fn bad(
        name: impl AsRef<str>,
        standing: Standing,
        text: impl AsRef<str>,
        remedy: impl AsRef<str>,
    ) -> Self {
        Self {
            name: name.into(),
            standing,
            text: text.into(),
            remedy: Some(remedy.into()),
        }
    }

    fn problem(name: impl AsRef<str>, standing: Standing, problem: &Problem) -> Self {
        Self {
            name: name.into(),
            standing,
            text: problem.to_string().into(),
            remedy: Some(
                problem
                    .hints
                    .first()
                    .cloned()
                    .unwrap_or_else(|| "run it again with --verbose to see what was asked".into()),
            ),
        }
    }
}

/// What a service answered when it was knocked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// What it is for.
    pub service: Outside,
    /// Its host.
    pub host: Outside,
    /// The status of its answer, whatever it was, or why there was none.
    pub answer: Result<u16, Problem>,
}

/// What can be done with the keyring.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum KeyringStanding {
    /// It is there and open.
    Usable,
    /// It is there and closed.
    Locked,
    /// There is none; why.
    Absent(Outside),
    /// It plays no part here.
    #[default]
    NotAsked,
}

/// Requests left at GitHub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requests {
    /// Requests an hour.
    pub limit: u64,
    /// Requests left in it.
    pub remaining: u64,
    /// When the next hour begins.
    pub reset: Option<DateTime<Utc>>,
}

/// The workflows of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workflows {
    /// Secrets that each file reads, by path.
    pub reads: BTreeMap<String, BTreeSet<SecretName>>,
    /// Path and GitHub's word for its state; a problem where it could not be read.
    pub states: Observed<Vec<(String, String)>>,
}

/// The folder that the journal lies in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateFolder {
    /// Where it is.
    pub path: Outside,
    /// True where nobody else may look into it.
    pub private: bool,
    /// Why nothing can be written there.
    pub unwritable: Option<Outside>,
}

/// What only a doctor looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examination {
    /// Every service that was knocked at.
    pub reached: Vec<Reach>,
    /// Seconds that our clock is ahead of each host's (behind where negative).
    pub skews: BTreeMap<String, i64>,
    /// Requests left at GitHub.
    pub requests: Observed<Requests>,
    /// Workflows of the repositories with secrets.
    pub workflows: BTreeMap<GitHubRepository, Observed<Workflows>>,
    /// The keyring.
    pub keyring: KeyringStanding,
    /// The journal's folder.
    pub state: Option<StateFolder>,
    /// Runs that wait to be settled.
    pub open_runs: Vec<Outside>,
}

/// Every check, in the order of their topics: this machine, services, credentials, secrets.
pub fn checks(
    workspace: &Workspace,
    snapshot: &Snapshot,
    seen: &Examination,
    now: DateTime<Utc>,
) -> Vec<Check> {
    let mut all = Vec::new();
    services::machine(seen, snapshot, &mut all);
    services::reached(seen, snapshot, &mut all);
    store_token(workspace, snapshot, now, &mut all);
    github_token(workspace, snapshot, now, &mut all);
    vaults::secrets(workspace, snapshot, seen, &mut all);
    vaults::sessions(snapshot, &mut all);
    all
}

/// The check of an end.
fn end(name: &str, facts: &CredentialFacts, now: DateTime<Utc>, remedy: &str) -> Check {
    let name = format!("{name}-expiry");
    let day = facts
        .expires_at
        .map_or_else(String::new, |end| end.format("%Y-%m-%d %H:%M UTC").to_string());
    let days = facts.days_left(now).unwrap_or_default();
    match alarm(facts.expires_at, now) {
        Alarm::None if facts.expires_at.is_none() => Check::ok(name, "its end is not told"),
        Alarm::None => Check::ok(name, format!("ends {day}, in {days} days")),
        Alarm::Over => Check::bad(name, Standing::Failed, format!("ended {day}"), remedy),
        _ => Check::bad(
            name,
            Standing::Warning,
            format!("ends {day}, in {days} days"),
            remedy,
        ),
    }
}

const LOGIN: &str = "windlass login, then windlass rotate for the secrets";

fn store_token(workspace: &Workspace, snapshot: &Snapshot, now: DateTime<Utc>, all: &mut Vec<Check>) {
    let name = "charmhub-token";
    let facts = match snapshot.credential.need("the Charmhub token") {
        Ok(facts) => facts,
        Err(problem) => {
            let mut check = Check::problem(name, Standing::Failed, &problem);
            check.remedy.get_or_insert_with(|| LOGIN.into());
            all.push(check);
            return;
        }
    };
    let who = facts
        .account
        .as_ref()
        .map_or("an account without a name", Outside::as_str);
    all.push(Check::ok(
        name,
        format!("accepted as {who}, from {}", facts.source),
    ));
    all.push(end(name, facts, now, LOGIN));
    let mut lacks: Vec<String> = Vec::new();
    let wanted = workspace
        .tokens
        .iter()
        .filter(|token| token.kind == TokenKind::Charmhub)
        .flat_map(|token| token.permissions.iter().map(String::as_str));
    // What a publish needs in any case.
    for permission in ["package-manage", "package-view-revisions"]
        .into_iter()
        .chain(wanted)
    {
        if !facts.permits(permission) && !lacks.iter().any(|known| known == permission) {
            lacks.push(permission.to_owned());
        }
    }
    let charms = workspace.charms.iter().map(|charm| &charm.name);
    let mut packages = 0;
    for package in charms.chain(workspace.bundle.iter().map(|bundle| &bundle.name)) {
        packages += 1;
        let id = snapshot
            .charms
            .get(package)
            .and_then(|facts| facts.value.as_ref());
        if !facts.reaches(package.as_str(), id.map(|facts| facts.id.as_str())) {
            lacks.push(package.to_string());
        }
    }
    all.push(if lacks.is_empty() {
        Check::ok(
            "charmhub-permissions",
            format!("covers what {packages} packages need"),
        )
    } else {
        Check::bad(
            "charmhub-permissions",
            Standing::Failed,
            format!("does not cover {}", lacks.join(", ")),
            "windlass login asks for exactly what the workspace needs",
        )
    });
}

fn github_token(workspace: &Workspace, snapshot: &Snapshot, now: DateTime<Utc>, all: &mut Vec<Check>) {
    let name = "github-token";
    let remedy = "make a token at https://github.com/settings/tokens with the scopes repo and workflow, and set GH_TOKEN to it";
    let seen = &snapshot.github;
    if seen.standing() == crate::domain::snapshot::Standing::Absent {
        let (standing, text) = if workspace.tokens.is_empty() {
            (Standing::Ok, "none is set, and none is needed here")
        } else {
            (
                Standing::Warning,
                "none is set: secrets can be neither seen nor rotated",
            )
        };
        all.push(Check {
            name: name.into(),
            standing,
            text: text.into(),
            remedy: (standing != Standing::Ok).then(|| remedy.into()),
        });
        return;
    }
    let facts = match seen.need("the GitHub token") {
        Ok(facts) => facts,
        Err(problem) => {
            let mut check = Check::problem(name, Standing::Failed, &problem);
            check.remedy.get_or_insert_with(|| remedy.into());
            all.push(check);
            return;
        }
    };
    let who = facts
        .account
        .as_ref()
        .map_or("an account without a name", Outside::as_str);
    let sort = facts.remarks.first().map_or("token", Outside::as_str);
    all.push(Check::ok(
        name,
        format!("accepted as {who}, {sort} from {}", facts.source),
    ));
    all.push(end(name, facts, now, remedy));
    let lacks: Vec<&str> = ["repo", "workflow"]
        .into_iter()
        .filter(|scope| !facts.scopes.iter().any(|own| own.as_str() == *scope))
        .collect();
    let classic = facts
        .remarks
        .iter()
        .any(|remark| remark.as_str() == "classic token");
    all.push(match (classic, lacks.as_slice()) {
        (false, _) => Check::ok(
            "github-scopes",
            "GitHub does not list what this sort of token may do: every use shows it",
        ),
        (true, []) => Check::ok("github-scopes", "repo and workflow are among them"),
        (true, lacks) => Check::bad(
            "github-scopes",
            // Without the first nothing private can be written; the second is for workflow files.
            if lacks.contains(&"repo") && !workspace.tokens.is_empty() {
                Standing::Failed
            } else {
                Standing::Warning
            },
            format!("lacks {}", lacks.join(", ")),
            remedy,
        ),
    });
    for remark in facts.remarks.iter().skip(1) {
        all.push(Check::bad(
            "github-sso",
            Standing::Warning,
            remark.as_str(),
            "authorise the token for the organisation: https://github.com/settings/tokens, Configure SSO",
        ));
    }
}
