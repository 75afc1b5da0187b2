//! Everything known of a credential, a secret or a session, in lines.
//!
//! Must never show a secret: the facts have none.

use chrono::{DateTime, Utc};

use super::view::{alarm_words, tone};
use super::{Row, SecretRow, SessionRow};
use crate::config::Workspace;
use crate::console::dialogs::Line;
use crate::console::view::look::Tone;
use crate::console::words;
use crate::domain::credential::{CredentialFacts, ExpiryFrom};
use crate::domain::{Lineage, Outside, Snapshot};
use crate::plan::credentials::{Credential, alarm};

/// Title and lines.
pub fn details(
    workspace: &Workspace,
    snapshot: &Snapshot,
    row: &Row,
    now: DateTime<Utc>,
) -> (String, Vec<Line>) {
    match row {
        Row::Credential { credential, .. } => (
            credential.facts.name.to_string(),
            of_credential(snapshot, credential, now),
        ),
        Row::Trouble { problem, .. } => ("What is wrong".to_owned(), Line::problem(problem)),
        Row::Group {
            key, title, words, ..
        } => {
            let mut lines = vec![Line::text(words.clone(), Tone::Plain), Line::blank()];
            lines.extend(meaning(key));
            ((*title).to_owned(), lines)
        }
        Row::Secret(row) => (row.target.to_string(), of_secret(workspace, snapshot, row, now)),
        Row::Session(row) => (
            format!("Session {}", row.facts.id),
            of_session(snapshot, row, now),
        ),
    }
}

fn meaning(key: &str) -> Vec<Line> {
    if key != "secrets" {
        return vec![Line::text(
            "A session is one token that the store minted. Select one and revoke it to end it: its token is refused from then on.",
            Tone::Plain,
        )];
    }
    [
        (
            Lineage::Current,
            "the value that the last rotation from here wrote",
        ),
        (
            Lineage::Older,
            "a value from here, but a newer one was written elsewhere",
        ),
        (Lineage::Foreign, "somebody else wrote it after us"),
        (Lineage::Absent, "there is no such secret"),
        (
            Lineage::Unknown,
            "never written from here, or not to be looked at",
        ),
    ]
    .into_iter()
    .map(|(lineage, text)| Line::of(lineage.as_str(), text, Tone::Plain))
    .collect()
}

fn joined(texts: &[Outside]) -> String {
    let texts: Vec<_> = texts.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

/// Who says when it ends.
pub const fn said_by(from: ExpiryFrom) -> &'static str {
    match from {
        ExpiryFrom::Caveat => "says the token",
        ExpiryFrom::Service => "says the service",
        ExpiryFrom::Ledger => "by our own record",
        ExpiryFrom::Unknown => "nobody says when",
    }
}

fn end_line(facts: &CredentialFacts, now: DateTime<Utc>) -> Line {
    let Some(end) = facts.expires_at else {
        return Line::of("ends", said_by(ExpiryFrom::Unknown), Tone::Dim);
    };
    let warning = alarm_words(alarm(Some(end), now)).map_or_else(String::new, |word| format!(" - {word}"));
    let text = format!(
        "{} UTC ({}), {}{warning}",
        words::minute(end),
        words::remaining(now, end),
        said_by(facts.expires_from)
    );
    Line::of("ends", text, tone(facts, now))
}

fn of_credential(snapshot: &Snapshot, credential: &Credential, now: DateTime<Utc>) -> Vec<Line> {
    let facts = &credential.facts;
    let mut lines = Vec::new();
    let mut put = |label: &str, text: String| {
        if !text.is_empty() {
            lines.push(Line::of(label, text, Tone::Plain));
        }
    };
    put("kind", facts.kind.to_string());
    put("from", facts.source.to_string());
    put(
        "account",
        facts
            .account
            .as_ref()
            .map_or_else(String::new, ToString::to_string),
    );
    put("may", joined(&facts.scopes));
    match &facts.packages {
        Some(packages) => {
            let names: Vec<_> = packages
                .iter()
                .map(|p| p.name.as_ref().or(p.id.as_ref()).unwrap_or(&p.kind).to_string())
                .collect();
            put("on", names.join(", "));
        }
        None if facts.kind.as_str() == "charmhub" && !facts.scopes.is_empty() => {
            put("on", "every package of the account".to_owned());
        }
        None => {}
    }
    put(
        "channels",
        facts
            .channels
            .as_ref()
            .map_or_else(String::new, |all| joined(all)),
    );
    put(
        "session",
        facts
            .session
            .as_ref()
            .map_or_else(String::new, ToString::to_string),
    );
    put("besides", joined(&facts.remarks));
    if facts.kind.as_str() != "registry" {
        lines.push(end_line(facts, now));
    }
    for problem in &credential.problems {
        lines.push(Line::of("problem", problem.to_string(), Tone::Warn));
    }
    if let (Some(quota), "registry") = (&snapshot.quota, facts.kind.as_str()) {
        lines.push(Line::of(
            "pulls",
            format!("{} of {} left at Docker Hub", quota.remaining, quota.limit),
            Tone::Dim,
        ));
    }
    if credential.alarm > crate::plan::credentials::Alarm::None {
        let what = match facts.kind.as_str() {
            "charmhub" => "rotate makes a new one for all of its secrets, sign in is for windlass itself",
            _ => "make a new one where it came from",
        };
        lines.push(Line::of("what to do", what, Tone::Accent));
    }
    lines
}

fn of_secret(workspace: &Workspace, snapshot: &Snapshot, row: &SecretRow, now: DateTime<Utc>) -> Vec<Line> {
    let mut lines = vec![
        Line::of("repository", row.target.repository.to_string(), Tone::Plain),
        Line::of("secret", row.target.secret.to_string(), Tone::Plain),
    ];
    let set = row.updated_at.map_or_else(
        || "never, as far as can be seen".to_owned(),
        |at| format!("{} UTC, {}", words::minute(at), words::age(now, at)),
    );
    lines.push(Line::of("last set", set, Tone::Plain));
    lines.push(Line::of(
        "value",
        row.lineage.as_str(),
        super::view::lineage_tone(row.lineage),
    ));
    if let Some(written) = snapshot.written(&row.target) {
        lines.push(Line::of(
            "from here",
            format!("{} UTC by run {}", words::minute(written.at), written.run),
            Tone::Plain,
        ));
        if let Some(session) = &written.session {
            lines.push(Line::of("session", session.to_string(), Tone::Plain));
        }
        if let Some(end) = written.expires_at {
            let text = format!("{} UTC, {}", words::minute(end), words::remaining(now, end));
            lines.push(Line::of("it ends", text, Tone::Plain));
        }
    }
    if let Some(token) = crate::plan::credentials::token_of(workspace, &row.target) {
        let others = token.targets.len().saturating_sub(1);
        lines.push(Line::of(
            "same value",
            format!(
                "wanted in {} besides",
                words::count(others, "other secret", "other secrets")
            ),
            Tone::Dim,
        ));
    }
    for problem in row.problem.iter().flat_map(Line::problem) {
        lines.push(problem);
    }
    if row.lineage != Lineage::Current {
        lines.push(Line::of(
            "what to do",
            "R writes one new value into all of them",
            Tone::Accent,
        ));
    }
    lines
}

fn of_session(snapshot: &Snapshot, row: &SessionRow, now: DateTime<Utc>) -> Vec<Line> {
    let facts = &row.facts;
    let mut lines = vec![
        Line::of(
            "made by",
            facts
                .description
                .as_ref()
                .map_or_else(|| "it does not say".to_owned(), ToString::to_string),
            Tone::Plain,
        ),
        Line::of("state", row.word(), super::view::session_tone(row)),
    ];
    for (label, at) in [("since", facts.since), ("revoked", facts.revoked_at)] {
        if let Some(at) = at {
            let text = format!("{} UTC, {}", words::minute(at), words::age(now, at));
            lines.push(Line::of(label, text, Tone::Plain));
        }
    }
    if let Some(until) = facts.until {
        let text = format!("{} UTC, {}", words::minute(until), words::remaining(now, until));
        lines.push(Line::of("until", text, Tone::Plain));
    }
    let placed: Vec<String> = snapshot
        .lineage
        .iter()
        .filter(|record| record.session.as_ref() == Some(&facts.id))
        .filter(|record| {
            snapshot
                .written(&record.target)
                .is_some_and(|last| last.session.as_ref() == Some(&facts.id))
        })
        .map(|record| record.target.to_string())
        .collect();
    if !placed.is_empty() {
        lines.push(Line::of("its token in", placed.join(", "), Tone::Plain));
    }
    if row.orphan {
        lines.push(Line::text(
            "A run of windlass minted it and died before it could use it: nobody holds its token.",
            Tone::Warn,
        ));
    }
    if facts.revoked_at.is_none() && !row.over && !row.in_use {
        lines.push(Line::of(
            "what to do",
            format!("windlass revoke {}", facts.id),
            Tone::Accent,
        ));
    }
    lines
}
