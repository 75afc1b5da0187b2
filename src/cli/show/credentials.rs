//! `credentials` and `whoami`: whose they are, what they may do and until when.
//!
//! Owns how credentials, secrets and sessions are told. Must not judge.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::cli::args::Credentials as Wish;
use crate::cli::documents::Sources;
use crate::cli::output::Output;
use crate::cli::{Ending, tables};
use crate::domain::credential::CredentialFacts;
use crate::domain::snapshot::Standing;
use crate::domain::{Kind, Lineage, Outside, Problem, SecretTarget, Snapshot};
use crate::plan::axis::Axis;
use crate::plan::calendar;
use crate::plan::credentials::{self, Credential};
use crate::run::Session;
use crate::services::private_file;

/// `14d`, `36h`.
pub fn span(text: &str) -> Result<TimeDelta, String> {
    let bad = || format!("'{text}' is no span of time: write days or hours, for example 14d or 36h");
    let (number, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or_else(bad)?;
    let number: i64 = number
        .parse()
        .ok()
        .filter(|number| *number >= 0)
        .ok_or_else(bad)?;
    match unit {
        "d" => TimeDelta::try_days(number),
        "h" => TimeDelta::try_hours(number),
        _ => None,
    }
    .ok_or_else(bad)
}

/// `credentials`. With a span it ends with 4 where one ends within it.
pub async fn credentials(session: &Session, wish: &Wish, output: &Output) -> Ending {
    if output.json && wish.calendar.as_deref() == Some(Path::new("-")) {
        return Err(
            Problem::new(Kind::Usage, "--json and --calendar - both want standard output")
                .hint("write the calendar into a file: --calendar FILE"),
        );
    }
    let workspace = &session.config.workspace;
    let snapshot = session.observer.for_credentials(session.observer.cached()).await;
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
        output.say(&format!("written: {}", Outside::new(path.display().to_string())));
    }
    if output.json {
        let lineage = |target: &SecretTarget| credentials::lineage(workspace, &snapshot, target);
        let mut content = vec![
            (
                "credentials",
                all.iter().map(|one| document(one, now)).collect::<Value>(),
            ),
            (
                "targets",
                targets
                    .iter()
                    .map(|target| target_document(&snapshot, target, lineage(target)))
                    .collect::<Value>(),
            ),
            ("sessions", sessions_document(&snapshot)),
        ];
        content.extend(sources.keys());
        output.document("credentials", Some(&workspace.name), content);
    } else {
        super::warn(&sources, output);
        output.answer(&text(&all, now));
        output.answer(&matrix(session, &snapshot, &targets));
        output.answer(&sessions(&snapshot, now));
    }
    Ok(ending(wish, &snapshot, &all, now, output))
}

/// Whether one ends too soon, or is no longer accepted. What could not be asked is no all-clear.
fn ending(wish: &Wish, snapshot: &Snapshot, all: &[Credential], now: DateTime<Utc>, output: &Output) -> u8 {
    let Some(span) = wish.fail_within else {
        return 0;
    };
    let mut code = 0;
    for (name, seen) in [("Charmhub", &snapshot.credential), ("GitHub", &snapshot.github)] {
        let Some(problem) = &seen.problem else { continue };
        if problem.kind == Kind::Credentials {
            output.say(&format!("{name} token: {}", problem.summary));
            code = Kind::Credentials.exit_code();
        } else if seen.standing() == Standing::Unknown {
            output.say(&format!("{name} token: {}", problem.summary));
            if code == 0 {
                code = problem.kind.exit_code();
            }
        }
    }
    for one in all {
        let Some(end) = one.facts.expires_at.filter(|end| *end - now <= span) else {
            continue;
        };
        let verb = if end <= now { "ended" } else { "ends" };
        output.say(&format!(
            "{}: {verb} {}",
            one.facts.name,
            end.format("%Y-%m-%d %H:%M UTC")
        ));
        code = Kind::Credentials.exit_code();
    }
    code
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
        "remarks": facts.remarks, "alarm": one.alarm,
    })
}

fn target_document(snapshot: &Snapshot, target: &SecretTarget, lineage: Lineage) -> Value {
    // What our record says of a value counts only while that value is in place.
    let written = snapshot
        .written(target)
        .filter(|_| matches!(lineage, Lineage::Current | Lineage::Older));
    json!({
        "repository": target.repository, "secret": target.secret,
        "updated_at": updated_at(snapshot, target), "lineage": lineage,
        "expires_at": written.and_then(|record| record.expires_at),
        "session": written.and_then(|record| record.session.as_ref()),
        "run": written.map(|record| &record.run),
    })
}

fn updated_at(snapshot: &Snapshot, target: &SecretTarget) -> Option<DateTime<Utc>> {
    let facts = snapshot.secrets.get(&target.repository)?.value.as_ref()?;
    facts.in_force(&target.secret).map(|secret| secret.updated_at)
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

/// Cells of a bar.
const CELLS: usize = 24;

/// The bar of what has `left` to go, on the axis that all have in common.
fn bar(axis: Axis, left: TimeDelta) -> String {
    let filled = axis.cells(left, CELLS);
    format!("{}{}", "█".repeat(filled), "·".repeat(CELLS - filled))
}

fn text(all: &[Credential], now: DateTime<Utc>) -> String {
    let axis = Axis::of(all, now);
    let scale = axis.scale(CELLS);
    let mut table = tables::Table::new(&["credential", "account", "ends", &scale, "left", "said by", "from"]);
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
            facts
                .days_left(now)
                .map_or_else(blank, |days| format!("{days} d")),
            json!(facts.expires_from).as_str().unwrap_or_default().to_owned(),
            facts.source.to_string(),
        ]);
    }
    if table.is_empty() {
        return "No credential is known.\n".to_owned();
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

fn matrix(session: &Session, snapshot: &Snapshot, targets: &[SecretTarget]) -> String {
    if targets.is_empty() {
        return String::new();
    }
    let mut table = tables::Table::new(&["repository", "secret", "set", "value"]);
    for target in targets {
        let lineage = credentials::lineage(&session.config.workspace, snapshot, target);
        let value = match lineage {
            Lineage::Current => "current",
            Lineage::Older => "older than the newest that windlass wrote",
            Lineage::Foreign => "foreign: somebody else set it since windlass did",
            Lineage::Absent => "absent",
            Lineage::Unknown => "unknown: never set from here",
        };
        table.row(vec![
            target.repository.to_string(),
            target.secret.to_string(),
            updated_at(snapshot, target).map_or_else(
                || "-".to_owned(),
                |at| at.format("%Y-%m-%d %H:%M UTC").to_string(),
            ),
            value.to_owned(),
        ]);
    }
    format!("\n{}", table.text())
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
    let mut table = tables::Table::new(&["session", "made by", "since", "until"]);
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
            "warning: the token of session {orphan} was lost by a run that died: windlass revoke {orphan}\n"
        ));
    }
    text
}

/// `whoami`.
pub async fn whoami(session: &Session, output: &Output) -> Ending {
    let facts = session.observer.services().publisher().await?.whoami().await?;
    let now = chrono::Utc::now();
    if output.json {
        let content = json!({
            "account": facts.account, "permissions": facts.scopes, "packages": facts.packages,
            "channels": facts.channels, "expires_at": facts.expires_at, "expires_from": facts.expires_from,
            "days_left": facts.days_left(now), "source": facts.source,
        });
        output.document(
            "whoami",
            Some(&session.config.workspace.name),
            vec![("credential", content)],
        );
        return Ok(0);
    }
    let snapshot = Snapshot {
        taken_at: now,
        ..Snapshot::default()
    };
    let mut text = credential_line(&facts, &snapshot);
    text.push_str(&format!("from {}\n", facts.source));
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

/// A credential in one line.
pub fn credential_line(facts: &CredentialFacts, snapshot: &Snapshot) -> String {
    let who = facts
        .account
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let end = match (facts.expires_at, facts.days_left(snapshot.taken_at)) {
        (Some(at), Some(days)) => format!("ends {} ({days} d)", at.format("%Y-%m-%d %H:%M UTC")),
        _ => "end unknown".to_owned(),
    };
    format!("{} of {who}: {end}\n", facts.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_days_or_hours() {
        assert_eq!(span("14d"), Ok(TimeDelta::days(14)));
        assert_eq!(span("36h"), Ok(TimeDelta::hours(36)));
        for bad in [
            "",
            "d",
            "14",
            "-1d",
            "14w",
            "1.5d",
            "14 d",
            "ä",
            "99999999999999999d",
        ] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }
}
