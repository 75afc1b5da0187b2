//! `credentials` and `whoami`: shows accounts, permissions and expiry of credentials.
//!
//! Formats credentials, secrets and sessions; their state is evaluated elsewhere.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::cli::args::Credentials as Args;
use crate::cli::documents::Sources;
use crate::cli::output::Output;
use crate::cli::{Ending, tables, times};
use crate::domain::credential::{CredentialFacts, days_in_short, in_days};
use crate::domain::snapshot::SourceStatus;
use crate::domain::{Lineage, Problem, ProblemKind, SanitizedText, SecretTarget, Snapshot};
use crate::plan::axis::Axis;
use crate::plan::calendar;
use crate::plan::credentials::{self, Alarm, Credential, CredentialRole, SecretLocation, SecretStatus};
use crate::run::Session;
use crate::services::private_file;

/// Parses a span of time: `14d`, `36h`.
pub fn span(text: &str) -> Result<TimeDelta, String> {
    times::span(text)
        .ok_or_else(|| format!("'{text}' is not a duration: use days or hours, for example 14d or 36h"))
}

/// Runs `credentials`. With a span the exit code is 4 if a credential expires within it.
pub async fn credentials(session: &Session, wish: &Args, output: &Output) -> Ending {
    if output.json && wish.calendar.as_deref() == Some(Path::new("-")) {
        return Err(Problem::new(
            ProblemKind::Usage,
            "--json and --calendar - cannot both write to standard output",
        )
        .hint("write the calendar to a file: --calendar FILE"));
    }
    let workspace = &session.config.workspace;
    let snapshot = session.observer.list_credentials(session.observer.cached()).await;
    let now = Utc::now();
    let all = credentials::credentials(workspace, &snapshot, now);
    let targets = credentials::targets(workspace, &snapshot);
    let sources = sources(&snapshot);
    if let Some(path) = &wish.calendar {
        let text = calendar::calendar(&all, now);
        if path == Path::new("-") {
            output.answer(&text);
            return Ok(ending(wish, &snapshot, &all, now, output));
        }
        private_file::probe(path)?;
        private_file::write(path, text.as_bytes())?;
        output.say(&format!(
            "written: {}",
            SanitizedText::new(path.display().to_string())
        ));
    }
    if output.json {
        let mut content = vec![
            (
                "credentials",
                all.iter().map(|one| document(one, now)).collect::<Value>(),
            ),
            (
                "targets",
                targets
                    .iter()
                    .map(|target| {
                        target_document(target, &credentials::status(workspace, &snapshot, target, now))
                    })
                    .collect::<Value>(),
            ),
            ("sessions", sessions_document(&snapshot)),
        ];
        content.extend(sources.keys());
        output.document("credentials", Some(&workspace.name), content);
    } else {
        // Problems shown in a row on standard output are not repeated on stderr.
        let shown: Vec<&SanitizedText> = all.iter().flat_map(|one| &one.problems).collect();
        super::warn_besides(&sources, &shown, output);
        output.answer(&text(&all, now));
        output.answer(&matrix(session, &snapshot, &targets, now));
        output.answer(&sessions(&snapshot, now));
    }
    Ok(ending(wish, &snapshot, &all, now, output))
}

/// Returns the exit code: with a span, whether a credential expires too soon or is no longer
/// accepted.
fn ending(wish: &Args, snapshot: &Snapshot, all: &[Credential], now: DateTime<Utc>, output: &Output) -> u8 {
    let Some(span) = wish.fail_within else {
        return 0;
    };
    let (code, reasons) = verdict(span, snapshot, all, now);
    for reason in reasons {
        output.say(&reason);
    }
    code
}

/// Returns as an exit code, with reasons, whether a credential expires within `span` or is no
/// longer accepted. A credential that could not be checked does not count as valid.
fn verdict(
    span: TimeDelta,
    snapshot: &Snapshot,
    all: &[Credential],
    now: DateTime<Utc>,
) -> (u8, Vec<String>) {
    let mut code = 0;
    let mut said = Vec::new();
    for (name, seen) in [("Charmhub", &snapshot.credential), ("GitHub", &snapshot.github)] {
        let Some(problem) = &seen.problem else { continue };
        if problem.kind == ProblemKind::Credentials {
            said.push(format!("{name} token: {}", problem.summary));
            code = ProblemKind::Credentials.exit_code();
        } else if seen.standing() == SourceStatus::Unknown {
            said.push(format!("{name} token: {}", problem.summary));
            if code == 0 {
                code = problem.kind.exit_code();
            }
        }
    }
    // Without a working GitHub token no secret can be read; that was already reported.
    let secrets = snapshot
        .secrets
        .iter()
        .filter(|_| snapshot.github.problem.is_none());
    for (repository, seen) in secrets {
        let Some(problem) = &seen.problem else { continue };
        if !matches!(
            seen.standing(),
            SourceStatus::Unknown | SourceStatus::Forbidden | SourceStatus::NoCredential
        ) {
            continue;
        }
        said.push(format!("secrets of {repository}: {}", problem.summary));
        if code == 0 {
            code = problem.kind.exit_code();
        }
    }
    for one in credentials::by_urgency(all) {
        let time = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M UTC").to_string();
        let name = &one.facts.name;
        let text = match (one.revoked_at, one.facts.expires_at, &one.role) {
            (Some(at), ..) => format!("{name}: revoked {}", time(at)),
            (None, Some(end), _) if end <= now => format!("{name}: expired {}", time(end)),
            (None, Some(end), CredentialRole::MaybeInSecrets(targets)) if end - now <= span => format!(
                "{} may hold a token that expires in {} ({name}, {})",
                credentials::secrets_in_words(targets.len()),
                left(one, now),
                time(end)
            ),
            (None, Some(end), _) if end - now <= span => format!("{name}: expires {}", time(end)),
            // The others expire later.
            _ => break,
        };
        said.push(text);
        code = ProblemKind::Credentials.exit_code();
    }
    (code, said)
}

fn sources(snapshot: &Snapshot) -> Sources {
    let mut sources = Sources::new()
        .add("charmhub", &snapshot.credential)
        .add("github", &snapshot.github)
        .add("sessions", &snapshot.sessions);
    for (repository, seen) in &snapshot.secrets {
        sources = sources.add(repository.as_str(), seen);
    }
    sources
}

fn document(one: &Credential, now: DateTime<Utc>) -> Value {
    let facts = &one.facts;
    json!({
        "name": facts.name, "kind": facts.kind, "account": facts.account, "source": facts.source,
        "expires_at": facts.expires_at, "expires_from": facts.expires_from,
        "days_left": facts.days_left(now), "scopes": facts.scopes, "problems": one.problems,
        "packages": facts.packages, "channels": facts.channels, "session": facts.session,
        "remarks": facts.remarks, "alarm": one.alarm(now), "revoked_at": one.revoked_at,
        "secrets": match &one.role {
            CredentialRole::InSecrets(targets) | CredentialRole::MaybeInSecrets(targets) => names(targets),
            CredentialRole::Own | CredentialRole::Login => Vec::new(),
        },
        "possible": matches!(one.role, CredentialRole::MaybeInSecrets(_)),
    })
}

fn names(targets: &[SecretTarget]) -> Vec<String> {
    targets.iter().map(ToString::to_string).collect()
}

fn target_document(target: &SecretTarget, status: &SecretStatus) -> Value {
    json!({
        "repository": target.repository, "secret": target.secret,
        "updated_at": status.updated_at, "lineage": status.lineage,
        "expires_at": status.expires_at, "expires_from": status.expires_from,
        "session": status.session, "revoked_at": status.revoked_at, "run": status.run,
        "may_hold": status.may_hold,
        "location": status.location.as_ref().map(|location| match location {
            SecretLocation::Repository => "repository",
            SecretLocation::Organisation(_) => "organisation",
        }),
        "organisation": match &status.location {
            Some(SecretLocation::Organisation(owner)) => Some(owner),
            Some(SecretLocation::Repository) | None => None,
        },
        "problem": status.problem,
    })
}

fn sessions_document(snapshot: &Snapshot) -> Value {
    snapshot
        .sessions
        .value
        .iter()
        .flatten()
        .map(|session| {
            json!({
                "id": session.id, "description": session.description, "since": session.since,
                "until": session.until, "revoked_at": session.revoked_at,
                "orphan": snapshot.orphans.contains(&session.id),
            })
        })
        .collect()
}

/// Width of a bar, in cells.
const CELLS: usize = 24;

/// Returns the bar of the time `left`, on the shared axis.
fn bar(axis: Axis, left: TimeDelta) -> String {
    let filled = axis.cells(left, CELLS);
    format!("{}{}", "█".repeat(filled), "·".repeat(CELLS - filled))
}

fn text(all: &[Credential], now: DateTime<Utc>) -> String {
    let axis = Axis::of(all, now);
    let scale = axis.scale(CELLS);
    let mut table = tables::Table::new(&[
        "credential",
        "account",
        "expires",
        &scale,
        "left",
        "expiry from",
        "source",
    ]);
    for one in all {
        let facts = &one.facts;
        let blank = || "-".to_owned();
        table.row(vec![
            facts.name.to_string(),
            facts.account.as_ref().map_or_else(blank, ToString::to_string),
            facts.expires_at.map_or_else(
                || "unknown".to_owned(),
                |end| end.format("%Y-%m-%d %H:%M UTC").to_string(),
            ),
            facts
                .expires_at
                .map_or_else(String::new, |end| bar(axis, end - now)),
            left(one, now),
            facts.expires_from.describe(facts.kind.as_str()).to_owned(),
            facts.source.to_string(),
        ]);
    }
    if table.is_empty() {
        return "No credentials found.\n".to_owned();
    }
    let mut text = table.text();
    for one in all {
        for problem in &one.problems {
            text.push_str(&format!("warning: {}: {problem}\n", one.facts.name));
        }
        for remark in &one.facts.remarks {
            text.push_str(&format!("note: {}: {remark}\n", one.facts.name));
        }
    }
    text
}

/// Describes how long a credential is valid.
fn left(one: &Credential, now: DateTime<Utc>) -> String {
    match (one.alarm(now), one.facts.days_left(now)) {
        (Alarm::Revoked, _) => "revoked".to_owned(),
        (Alarm::Over, _) => "expired".to_owned(),
        (_, Some(days)) => days_in_short(days),
        (_, None) => "-".to_owned(),
    }
}

fn matrix(session: &Session, snapshot: &Snapshot, targets: &[SecretTarget], now: DateTime<Utc>) -> String {
    if targets.is_empty() {
        return String::new();
    }
    let mut table = tables::Table::new(&["repository", "secret", "updated", "value"]);
    for target in targets {
        let status = credentials::status(&session.config.workspace, snapshot, target, now);
        let set = match (status.updated_at, &status.problem) {
            (Some(at), _) => at.format("%Y-%m-%d %H:%M UTC").to_string(),
            (None, Some(_)) => "?".to_owned(),
            (None, None) => "-".to_owned(),
        };
        table.row(vec![
            target.repository.to_string(),
            target.secret.to_string(),
            set,
            value_words(&status, now),
        ]);
    }
    format!("\n{}", table.text())
}

/// Describes what is known about the value of a secret.
fn value_words(status: &SecretStatus, now: DateTime<Utc>) -> String {
    let day = |at: DateTime<Utc>| at.format("%Y-%m-%d").to_string();
    let mut text = match status.lineage {
        Lineage::Current => "current".to_owned(),
        Lineage::Older => "older: not the latest value set by windlass".to_owned(),
        Lineage::Foreign => "foreign: changed by another client since windlass set it".to_owned(),
        Lineage::Absent => "absent".to_owned(),
        Lineage::Unknown if status.updated_at.is_none() => match &status.problem {
            Some(problem) => format!("unreadable: {}", problem.summary),
            None => "unknown: not read yet".to_owned(),
        },
        Lineage::Unknown => "unknown: not set by windlass".to_owned(),
        Lineage::Revoked => match status.revoked_at {
            Some(at) => format!("revoked on {}", day(at)),
            None => "revoked".to_owned(),
        },
        Lineage::Expired => match status.expires_at {
            Some(at) => format!("expired on {}", day(at)),
            None => "expired".to_owned(),
        },
    };
    if let Some(SecretLocation::Organisation(owner)) = &status.location {
        text.push_str(&format!("; in the secret of the organisation {owner}"));
    }
    if let (false, Some(end)) = (status.may_hold.is_empty(), status.expires_at) {
        let days = (end - now).num_days();
        text.push_str(&format!("; may hold a token that expires {}", in_days(days)));
    }
    if status.updated_at.is_some() && status.problem.is_some() {
        text.push_str("; last refresh failed");
    }
    text
}

fn sessions(snapshot: &Snapshot, now: DateTime<Utc>) -> String {
    let live: Vec<_> = snapshot
        .sessions
        .value
        .iter()
        .flatten()
        .filter(|session| session.revoked_at.is_none() && session.until.is_none_or(|end| end > now))
        .collect();
    if live.is_empty() {
        return String::new();
    }
    let mut table = tables::Table::new(&["session", "created by", "created", "expires"]);
    let day =
        |at: Option<DateTime<Utc>>| at.map_or_else(|| "-".to_owned(), |at| at.format("%Y-%m-%d").to_string());
    for session in live {
        table.row(vec![
            session.id.to_string(),
            session
                .description
                .as_ref()
                .map_or_else(|| "-".to_owned(), ToString::to_string),
            day(session.since),
            day(session.until),
        ]);
    }
    let mut text = format!("\n{}", table.text());
    for orphan in &snapshot.orphans {
        text.push_str(&format!(
            "warning: the token of session {orphan} was lost when its run was interrupted: windlass \
            revoke {orphan}\n"
        ));
    }
    text
}

/// Runs `whoami`.
pub async fn whoami(session: &Session, output: &Output) -> Ending {
    let now = chrono::Utc::now();
    let (facts, read_at) = if session.observer.is_offline() {
        let seen = session.observer.cached().credential;
        match (seen.value, seen.read_at) {
            (Some(facts), Some(at)) => (facts, at),
            _ => {
                return Err(Problem::new(
                    ProblemKind::Network,
                    "offline: the account of the credential is not in the cache",
                )
                .hint("run it once without --offline"));
            }
        }
    } else {
        (
            session.observer.services().publisher().await?.whoami().await?,
            now,
        )
    };
    if output.json {
        let content = json!({
            "account": facts.account, "permissions": facts.scopes, "packages": facts.packages,
            "channels": facts.channels, "expires_at": facts.expires_at, "expires_from": facts.expires_from,
            "days_left": facts.days_left(now), "source": facts.source, "read_at": read_at,
            "problems": credentials::wrapped(&facts).into_iter().collect::<Vec<_>>(),
        });
        output.document(
            "whoami",
            Some(&session.config.workspace.name),
            vec![
                ("credential", content),
                ("observed_at", json!({ "credential": read_at })),
                ("errors", json!([])),
            ],
        );
        return Ok(0);
    }
    let snapshot = Snapshot {
        taken_at: now,
        ..Snapshot::default()
    };
    let mut text = credential_line(&facts, &snapshot);
    text.push_str(&format!("from {}\n", facts.source));
    if let Some(problem) = credentials::wrapped(&facts) {
        text.push_str(&format!("warning: {problem}\n"));
    }
    if session.observer.is_offline() {
        text.push_str(&format!("read {}\n", read_at.format("%Y-%m-%d %H:%M UTC")));
    }
    let list = |items: Vec<String>| {
        items
            .iter()
            .map(|item| format!("  - {item}\n"))
            .collect::<String>()
    };
    text.push_str("permissions:\n");
    text.push_str(&list(facts.scopes.iter().map(ToString::to_string).collect()));
    if let Some(packages) = &facts.packages {
        text.push_str("packages:\n");
        let name = |p: &crate::domain::credential::PackageScope| {
            let name = p
                .name
                .as_ref()
                .or(p.id.as_ref())
                .map(ToString::to_string)
                .unwrap_or_default();
            format!("{name} ({})", p.kind)
        };
        text.push_str(&list(packages.iter().map(name).collect()));
    }
    output.answer(&text);
    Ok(0)
}

/// Describes a credential in one line.
pub fn credential_line(facts: &CredentialFacts, snapshot: &Snapshot) -> String {
    let who = facts
        .account
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let end = match (facts.expires_at, facts.days_left(snapshot.taken_at)) {
        (Some(at), Some(..0)) => format!("expired {}", at.format("%Y-%m-%d %H:%M UTC")),
        (Some(at), Some(days)) => format!(
            "expires {} ({})",
            at.format("%Y-%m-%d %H:%M UTC"),
            days_in_short(days)
        ),
        _ => "expiry unknown".to_owned(),
    };
    format!("{} of {who}: {end}\n", facts.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::credentials::situations::{day, now, situations, target, workspace};

    #[test]
    fn text_and_json_give_the_answer_of_every_situation() {
        for situation in situations() {
            let name = situation.name;
            let status = credentials::status(&workspace(), &situation.snapshot, &target(), now());
            let document = target_document(&target(), &status);
            assert_eq!(document["lineage"], situation.lineage.as_str(), "{name}");
            assert_eq!(
                document["expires_at"],
                json!(situation.expires_in.map(day)),
                "{name}"
            );
            assert_eq!(document["expires_from"], json!(situation.expires_from), "{name}");
            let text = value_words(&status, now());
            let unread = status.lineage == Lineage::Unknown && status.problem.is_some();
            let word = if unread {
                "unreadable"
            } else {
                situation.lineage.as_str()
            };
            assert!(text.starts_with(word), "{name}: {text}");
            assert_eq!(
                text.contains("may hold a token that expires in 12 d"),
                !status.may_hold.is_empty(),
                "{name}: {text}"
            );
        }
    }

    #[test]
    fn a_cron_line_fails_in_every_situation_that_needs_somebody() {
        for situation in situations() {
            let all = credentials::credentials(&workspace(), &situation.snapshot, now());
            let (code, said) = verdict(TimeDelta::days(14), &situation.snapshot, &all, now());
            let expected = if situation.fails_within_14_days { 4 } else { 0 };
            assert_eq!(code, expected, "{}: {said:?}", situation.name);
            assert_eq!(said.is_empty(), code == 0, "{}: {said:?}", situation.name);
        }
    }
}
