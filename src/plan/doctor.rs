//! Judges everything that a publish or a rotation leans on, each with its remedy.
//!
//! Owns what counts as fine, as a warning and as a failure. Pure: what was looked at is in the
//! snapshot and the [`Examination`], the time is the caller's.

mod logins;
mod offline;
pub(super) mod releases;
mod services;
#[cfg(test)]
mod tests;
mod vaults;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::credentials::{Alarm, alarm, wrapped};
pub use logins::LoginProof;
use offline::{date, not_asked};

use crate::config::Workspace;
use crate::config::workspace::TokenKind;
use crate::domain::credential::{CredentialFacts, in_days};
use crate::domain::workflow::WorkflowFile;
use crate::domain::{GitHubRepository, Hint, Observed, Outside, Problem, Snapshot};

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
                    .map_or("run it again with --verbose to see every request", Hint::as_str)
                    .into(),
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
    /// The status of its answer, whatever it was, or why there was none; `None` where nobody was
    /// asked.
    pub answer: Option<Result<u16, Problem>>,
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
    /// The files of the default branch.
    pub files: Vec<WorkflowFile>,
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

/// A run that can be resumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRun {
    /// Its id.
    pub id: Outside,
    /// What it was, in words.
    pub title: Outside,
    /// How it ended, in the journal's word; `None` where it died midway.
    pub outcome: Option<&'static str>,
    /// The commands that finish it or take it back.
    pub ways_on: Vec<String>,
}

/// What is wrong with the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalFault {
    /// What it is.
    pub problem: Problem,
    /// True where the journal is not used, or only read.
    pub unusable: bool,
}

/// What only a doctor looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examination {
    /// True where no service was asked: everything else is what was seen before.
    pub offline: bool,
    /// Every service that was knocked at.
    pub reached: Vec<Reach>,
    /// Seconds that our clock is ahead of each host's (behind where negative).
    pub skews: BTreeMap<String, i64>,
    /// Requests left at GitHub.
    pub requests: Observed<Requests>,
    /// Workflows of the repositories with secrets.
    pub workflows: BTreeMap<GitHubRepository, Observed<Workflows>>,
    /// Logins of registries.
    pub logins: Vec<LoginProof>,
    /// Why those that Docker keeps could not be listed.
    pub logins_unread: Option<Problem>,
    /// The keyring.
    pub keyring: KeyringStanding,
    /// The journal's folder.
    pub state: Option<StateFolder>,
    /// What is wrong with the journal.
    pub journal: Option<JournalFault>,
    /// Runs that can be resumed.
    pub open_runs: Vec<OpenRun>,
}

/// Every check, in the order of their topics: this machine, services, credentials, secrets.
pub fn checks(
    workspace: &Workspace,
    snapshot: &Snapshot,
    seen: &Examination,
    now: DateTime<Utc>,
) -> Vec<Check> {
    let mut all = Vec::new();
    // Offline every topic tells when its facts were seen: its value's time, and where a look
    // failed (or nobody keeps a time of its own) that of the last look at all.
    let mut topic = |seen_at: DateTime<Utc>, add: &mut dyn FnMut(&mut Vec<Check>)| {
        let mut found = Vec::new();
        add(&mut found);
        if seen.offline {
            date(&mut found, seen_at, now);
        }
        all.append(&mut found);
    };
    // This machine is looked at now, offline too.
    topic(now, &mut |all| services::machine(seen, snapshot, all));
    topic(now, &mut |all| services::reached(seen, snapshot, all));
    topic(seen_at(&snapshot.credential, snapshot), &mut |all| {
        store_token(workspace, snapshot, seen, now, all);
    });
    topic(seen_at(&snapshot.github, snapshot), &mut |all| {
        github_token(workspace, snapshot, seen, now, all);
    });
    topic(now, &mut |all| logins::logins(seen, all));
    for (repository, targets) in vaults::repositories(workspace, snapshot) {
        let at = snapshot
            .secrets
            .get(&repository)
            .map_or(snapshot.taken_at, |secrets| seen_at(secrets, snapshot));
        topic(at, &mut |all| {
            vaults::secrets(workspace, snapshot, seen, (&repository, &targets), now, all);
            vaults::workflows(&repository, seen, now, all);
        });
    }
    topic(seen_at(&snapshot.sessions, snapshot), &mut |all| {
        vaults::sessions(workspace, snapshot, now, all);
    });
    releases::releases(workspace, snapshot, now, &mut all);
    all
}

/// When the facts of a source are from. A failure bears no time of its own.
fn seen_at<T>(source: &Observed<T>, snapshot: &Snapshot) -> DateTime<Utc> {
    match (source.read_at, &source.problem) {
        (Some(at), None) => at,
        _ => snapshot.taken_at,
    }
}

/// Offline and never seen: only the service could tell.
fn never_seen<T>(source: &Observed<T>, seen: &Examination) -> bool {
    seen.offline && source.standing() == crate::domain::snapshot::Standing::NotAsked
}

/// How an acceptance is told.
const fn accepted(seen: &Examination) -> &'static str {
    if seen.offline { "was accepted" } else { "accepted" }
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
        Alarm::None => Check::ok(name, format!("ends {day}, {}", in_days(days))),
        Alarm::Over | Alarm::Revoked => Check::bad(name, Standing::Failed, format!("expired {day}"), remedy),
        _ => Check::bad(
            name,
            Standing::Warning,
            format!("ends {day}, {}", in_days(days)),
            remedy,
        ),
    }
}

const LOGIN: &str = "windlass login, then windlass rotate for the secrets";

fn store_token(
    workspace: &Workspace,
    snapshot: &Snapshot,
    seen: &Examination,
    now: DateTime<Utc>,
    all: &mut Vec<Check>,
) {
    let name = "charmhub-token";
    if never_seen(&snapshot.credential, seen) {
        all.push(not_asked(name));
        return;
    }
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
        format!("{} as {who}, from {}", accepted(seen), facts.source),
    ));
    all.push(end(name, facts, now, LOGIN));
    if let (Some(text), Some(command)) = (wrapped(facts), &facts.rewrite) {
        all.push(Check::bad(
            "charmhub-token-form",
            Standing::Warning,
            text,
            command.as_str(),
        ));
    }
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
            match packages {
                0 => "covers what a publish needs".to_owned(),
                1 => "covers what 1 package needs".to_owned(),
                _ => format!("covers what {packages} packages need"),
            },
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

fn github_token(
    workspace: &Workspace,
    snapshot: &Snapshot,
    examined: &Examination,
    now: DateTime<Utc>,
    all: &mut Vec<Check>,
) {
    let name = "github-token";
    let remedy = "make a token at https://github.com/settings/tokens with the scopes repo and workflow, and set GH_TOKEN to it";
    let seen = &snapshot.github;
    if never_seen(seen, examined) {
        all.push(not_asked(name));
        return;
    }
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
        format!("{} as {who}, {sort} from {}", accepted(examined), facts.source),
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
