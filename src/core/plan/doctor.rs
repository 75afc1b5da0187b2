//! Checks everything that a publish or a rotation depends on, and names a remedy for each problem.
//!
//! It decides what is ok, a warning or a failure. The facts are in the snapshot and the
//! [`Examination`].

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
use crate::domain::{GitHubRepository, Hint, Observed, Problem, SanitizedText, Snapshot};

/// Result of a check, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckStatus {
    /// No action needed.
    Ok,
    /// It works, but not for long or not as intended.
    Warning,
    /// Something that the workspace needs does not work.
    Failed,
}

impl CheckStatus {
    /// Returns the name used in JSON and on the screen.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

/// A check and its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Stable name: topic and subject.
    pub name: SanitizedText,
    /// Result.
    pub standing: CheckStatus,
    /// Description of the result.
    pub text: SanitizedText,
    /// Remedy, if one is needed.
    pub remedy: Option<SanitizedText>,
}

impl Check {
    fn ok(name: impl AsRef<str>, text: impl AsRef<str>) -> Self {
        Self {
            name: name.into(),
            standing: CheckStatus::Ok,
            text: text.into(),
            remedy: None,
        }
    }

    fn bad(
        name: impl AsRef<str>,
        standing: CheckStatus,
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

    fn problem(name: impl AsRef<str>, standing: CheckStatus, problem: &Problem) -> Self {
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

/// Response of a service to a test request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Name of the service.
    pub service: SanitizedText,
    /// Host of the service.
    pub host: SanitizedText,
    /// The HTTP status of the response (any status), or why there was none; `None` if no request
    /// was sent.
    pub answer: Option<Result<u16, Problem>>,
}

/// State of the keyring.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum KeyringStanding {
    /// Available and unlocked.
    Usable,
    /// Available but locked.
    Locked,
    /// Not available, with the reason.
    Absent(SanitizedText),
    /// Not used here.
    #[default]
    NotAsked,
}

/// GitHub's rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requests {
    /// Requests per hour.
    pub limit: u64,
    /// Requests left in this hour.
    pub remaining: u64,
    /// When the limit is reset.
    pub reset: Option<DateTime<Utc>>,
}

/// The workflows of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workflows {
    /// The workflow files of the default branch.
    pub files: Vec<WorkflowFile>,
    /// Path and state at GitHub of each workflow; a problem if they could not be read.
    pub states: Observed<Vec<(String, String)>>,
}

/// The folder of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateFolder {
    /// Path of the folder.
    pub path: SanitizedText,
    /// True if no other user can read it.
    pub private: bool,
    /// Why it is not writable, with the remedy.
    pub unwritable: Option<Problem>,
}

/// An unfinished run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRun {
    /// Id of the run.
    pub id: SanitizedText,
    /// Title of the run.
    pub title: SanitizedText,
    /// Outcome, as in the journal; `None` if its process died.
    pub outcome: Option<&'static str>,
    /// The commands that resume it or roll it back.
    pub ways_on: Vec<String>,
}

/// A problem of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalFault {
    /// The problem.
    pub problem: Problem,
    /// True if the journal is not used, or only read.
    pub unusable: bool,
}

/// Facts that only the doctor reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examination {
    /// True if no service was contacted: facts of services are from the last refresh.
    pub offline: bool,
    /// Every service that was tested.
    pub reached: Vec<Reach>,
    /// Seconds that the local clock is ahead of each host's (negative: behind).
    pub skews: BTreeMap<String, i64>,
    /// GitHub's rate limit.
    pub requests: Observed<Requests>,
    /// Workflows of the repositories with secrets.
    pub workflows: BTreeMap<GitHubRepository, Observed<Workflows>>,
    /// Registry logins.
    pub logins: Vec<LoginProof>,
    /// Why the logins that Docker stores could not be listed.
    pub logins_unread: Option<Problem>,
    /// The keyring.
    pub keyring: KeyringStanding,
    /// The folder of the journal.
    pub state: Option<StateFolder>,
    /// The problem of the journal.
    pub journal: Option<JournalFault>,
    /// Runs that can be resumed.
    pub open_runs: Vec<OpenRun>,
}

/// Returns every check in the order of topics: this machine, services, credentials, secrets.
pub fn checks(
    workspace: &Workspace,
    snapshot: &Snapshot,
    seen: &Examination,
    now: DateTime<Utc>,
) -> Vec<Check> {
    let mut all = Vec::new();
    // Offline, every topic shows when its facts were observed: the time of the value or, if reading
    // failed or no separate time is stored, the time of the snapshot.
    let mut topic = |seen_at: DateTime<Utc>, add: &mut dyn FnMut(&mut Vec<Check>)| {
        let mut found = Vec::new();
        add(&mut found);
        if seen.offline {
            date(&mut found, seen_at, now);
        }
        all.append(&mut found);
    };
    // The checks of this machine are current even offline.
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

/// Returns when the facts of a source were observed. A failed attempt has no time of its own, so
/// the snapshot's is used.
fn seen_at<T>(source: &Observed<T>, snapshot: &Snapshot) -> DateTime<Utc> {
    match (source.read_at, &source.problem) {
        (Some(at), None) => at,
        _ => snapshot.taken_at,
    }
}

/// Returns true if the source was never read and no service may be contacted.
fn never_seen<T>(source: &Observed<T>, seen: &Examination) -> bool {
    seen.offline && source.standing() == crate::domain::snapshot::SourceStatus::NotAsked
}

/// Describes that a credential is accepted.
const fn accepted(seen: &Examination) -> &'static str {
    if seen.offline { "was accepted" } else { "accepted" }
}

/// Returns the check of an expiry.
fn end(name: &str, facts: &CredentialFacts, now: DateTime<Utc>, remedy: &str) -> Check {
    let name = format!("{name}-expiry");
    let day = facts
        .expires_at
        .map_or_else(String::new, |end| end.format("%Y-%m-%d %H:%M UTC").to_string());
    let days = facts.days_left(now).unwrap_or_default();
    match alarm(facts.expires_at, now) {
        Alarm::None if facts.expires_at.is_none() => Check::ok(name, "expiry unknown"),
        Alarm::None => Check::ok(name, format!("expires {day}, {}", in_days(days))),
        Alarm::Over | Alarm::Revoked => {
            Check::bad(name, CheckStatus::Failed, format!("expired {day}"), remedy)
        }
        _ => Check::bad(
            name,
            CheckStatus::Warning,
            format!("expires {day}, {}", in_days(days)),
            remedy,
        ),
    }
}

/// A token of one service, as the doctor names it.
struct Token<'a> {
    name: &'static str,
    what: &'a str,
    remedy: &'a str,
}

impl Token<'_> {
    /// Adds the checks that every token has: whether it is accepted, and its expiry. `sort` names
    /// the kind of token, followed by a space. Returns the facts if the token was read.
    fn check<'s>(
        &self,
        seen: &'s Observed<CredentialFacts>,
        sort: impl Fn(&CredentialFacts) -> String,
        examined: &Examination,
        now: DateTime<Utc>,
        all: &mut Vec<Check>,
    ) -> Option<&'s CredentialFacts> {
        let facts = match seen.need(self.what) {
            Ok(facts) => facts,
            Err(problem) => {
                let mut check = Check::problem(self.name, CheckStatus::Failed, &problem);
                check.remedy.get_or_insert_with(|| self.remedy.into());
                all.push(check);
                return None;
            }
        };
        let who = facts
            .account
            .as_ref()
            .map_or("an unnamed account", SanitizedText::as_str);
        let sort = sort(facts);
        all.push(Check::ok(
            self.name,
            format!("{} as {who}, {sort}from {}", accepted(examined), facts.source),
        ));
        all.push(end(self.name, facts, now, self.remedy));
        Some(facts)
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
    let token = Token {
        name,
        what: "the Charmhub token",
        remedy: LOGIN,
    };
    let Some(facts) = token.check(&snapshot.credential, |_| String::new(), seen, now, all) else {
        return;
    };
    if let (Some(text), Some(command)) = (wrapped(facts), &facts.rewrite) {
        all.push(Check::bad(
            "charmhub-token-form",
            CheckStatus::Warning,
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
    // Permissions that every publish needs.
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
                0 => "covers everything a publish needs".to_owned(),
                1 => "covers 1 package".to_owned(),
                _ => format!("covers {packages} packages"),
            },
        )
    } else {
        Check::bad(
            "charmhub-permissions",
            CheckStatus::Failed,
            format!("does not cover {}", lacks.join(", ")),
            "windlass login",
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
    let remedy = "create a token at https://github.com/settings/tokens with the scopes repo and \
        workflow, and set GH_TOKEN to it";
    let seen = &snapshot.github;
    if never_seen(seen, examined) {
        all.push(not_asked(name));
        return;
    }
    if seen.standing() == crate::domain::snapshot::SourceStatus::Absent {
        let (standing, text) = if workspace.tokens.is_empty() {
            (CheckStatus::Ok, "not set, and not needed here")
        } else {
            (
                CheckStatus::Warning,
                "not set: secrets can be neither read nor rotated",
            )
        };
        all.push(Check {
            name: name.into(),
            standing,
            text: text.into(),
            remedy: (standing != CheckStatus::Ok).then(|| remedy.into()),
        });
        return;
    }
    let token = Token {
        name,
        what: "the GitHub token",
        remedy,
    };
    let sort = |facts: &CredentialFacts| -> String {
        let sort = facts.remarks.first().map_or("token", SanitizedText::as_str);
        format!("{sort} ")
    };
    let Some(facts) = token.check(seen, sort, examined, now, all) else {
        return;
    };
    let lacks: Vec<&str> = ["repo", "workflow"]
        .into_iter()
        .filter(|scope| !facts.scopes.iter().any(|own| own.as_str() == *scope))
        .collect();
    all.push(match (facts.is_classic(), lacks.as_slice()) {
        (false, _) => Check::ok(
            "github-scopes",
            "GitHub does not list the permissions of this kind of token",
        ),
        (true, []) => Check::ok("github-scopes", "includes repo and workflow"),
        (true, lacks) => Check::bad(
            "github-scopes",
            // Without the first scope private repositories cannot be written; the second is for
            // workflow files.
            if lacks.contains(&"repo") && !workspace.tokens.is_empty() {
                CheckStatus::Failed
            } else {
                CheckStatus::Warning
            },
            format!("lacks {}", lacks.join(", ")),
            remedy,
        ),
    });
    for remark in facts.remarks.iter().skip(1) {
        all.push(Check::bad(
            "github-sso",
            CheckStatus::Warning,
            remark.as_str(),
            "authorise the token for the organisation: https://github.com/settings/tokens, Configure SSO",
        ));
    }
}
