//! Formats the details of a credential, a secret or a session.
//!
//! Never shows a secret: the facts contain none.

use chrono::{DateTime, Utc};

use super::view::{alarm_words, tone};
use super::{Row, SecretRow, SessionRow};
use crate::config::Workspace;
use crate::console::actions::{ActionId, Keymap};
use crate::console::components::Line;
use crate::console::view::look::Tone;
use crate::console::words;
use crate::domain::{Lineage, SanitizedText, Snapshot};
use crate::plan::credentials::status::holders;
use crate::plan::credentials::{Alarm, Credential, CredentialRole, SecretLocation};

/// Returns title and lines.
pub fn details(
    (workspace, keymap): (&Workspace, &Keymap),
    snapshot: &Snapshot,
    row: &Row,
    now: DateTime<Utc>,
) -> (String, Vec<Line>) {
    match row {
        Row::Credential { credential, .. } => (
            credential.facts.name.to_string(),
            of_credential(keymap, snapshot, credential, now),
        ),
        Row::Trouble { problem, .. } => ("Problem".to_owned(), Line::problem(problem)),
        Row::Group {
            key, title, words, ..
        } => {
            let mut lines = vec![Line::text(words.clone(), Tone::Plain), Line::blank()];
            lines.extend(meaning(key));
            ((*title).to_owned(), lines)
        }
        Row::Secret(row) => (
            row.target.to_string(),
            of_secret((workspace, keymap), snapshot, row, now),
        ),
        Row::Session(row) => (
            format!("Session {}", row.facts.id),
            of_session(workspace, snapshot, row, now),
        ),
    }
}

fn meaning(key: &str) -> Vec<Line> {
    if key != "secrets" {
        return vec![Line::text(
            "A session is one token that Charmhub issued. Revoke a session to make Charmhub refuse \
            its token.",
            Tone::Plain,
        )];
    }
    [
        (Lineage::Current, "the value that the last windlass rotation set"),
        (
            Lineage::Older,
            "a windlass value; a newer one was set in other secrets",
        ),
        (Lineage::Revoked, "set by windlass; its token is revoked"),
        (Lineage::Expired, "set by windlass; its token has expired"),
        (Lineage::Foreign, "set by something else after windlass set it"),
        (Lineage::Absent, "the secret is not set"),
        (Lineage::Unknown, "not set by windlass, or could not be read"),
    ]
    .into_iter()
    .map(|(lineage, text)| Line::of(lineage.as_str(), text, Tone::Plain))
    .collect()
}

fn joined(texts: &[SanitizedText]) -> String {
    let texts: Vec<_> = texts.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

fn end_line(credential: &Credential, now: DateTime<Utc>) -> Line {
    let facts = &credential.facts;
    if let Some(at) = credential.revoked_at {
        return Line::of("revoked", format!("{} UTC", words::minute(at)), Tone::Bad);
    }
    let Some(end) = facts.expires_at else {
        return Line::of("expires", "unknown", Tone::Dim);
    };
    let warning = alarm_words(credential.alarm(now)).map_or_else(String::new, |word| format!(" - {word}"));
    let text = format!(
        "{} UTC ({}), {}{warning}",
        words::minute(end),
        words::remaining(now, end),
        facts.expires_from.describe(facts.kind.as_str())
    );
    Line::of("expires", text, tone(credential, now))
}

fn of_credential(
    keymap: &Keymap,
    snapshot: &Snapshot,
    credential: &Credential,
    now: DateTime<Utc>,
) -> Vec<Line> {
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
    put("permits", joined(&facts.scopes));
    match &facts.packages {
        Some(packages) => {
            let names: Vec<_> = packages
                .iter()
                .map(|p| p.name.as_ref().or(p.id.as_ref()).unwrap_or(&p.kind).to_string())
                .collect();
            put("packages", names.join(", "));
        }
        None if facts.kind.as_str() == "charmhub" && !facts.scopes.is_empty() => {
            put("packages", "every package of the account".to_owned());
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
    put("notes", joined(&facts.remarks));
    if facts.kind.as_str() != "registry" {
        lines.push(end_line(credential, now));
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
    if let CredentialRole::InSecrets(targets) | CredentialRole::MaybeInSecrets(targets) = &credential.role {
        let label = match credential.role {
            CredentialRole::InSecrets(_) => "held by",
            _ => "may be in",
        };
        let names: Vec<String> = targets.iter().map(ToString::to_string).collect();
        lines.push(Line::of(label, names.join(", "), Tone::Plain));
    }
    if credential.alarm(now) > Alarm::None {
        let in_secrets = matches!(
            credential.role,
            CredentialRole::InSecrets(_) | CredentialRole::MaybeInSecrets(_)
        );
        let what = match facts.kind.as_str() {
            "charmhub" if in_secrets => {
                keymap.hint(ActionId::ROTATE, "set a new token in all of its secrets")
            }
            "charmhub" => keymap.hint(ActionId::SIGN_IN, "sign in again"),
            _ => "create a new one where this one came from".to_owned(),
        };
        lines.push(Line::of("what to do", what, Tone::Accent));
    }
    lines
}

fn of_secret(
    (workspace, keymap): (&Workspace, &Keymap),
    snapshot: &Snapshot,
    row: &SecretRow,
    now: DateTime<Utc>,
) -> Vec<Line> {
    let mut lines = vec![
        Line::of("repository", row.target.repository.to_string(), Tone::Plain),
        Line::of("secret", row.target.secret.to_string(), Tone::Plain),
    ];
    let status = &row.status;
    let set = match status.updated_at {
        Some(at) => format!("{} UTC, {}", words::minute(at), words::age(now, at)),
        None if status.lineage == Lineage::Absent => "not set".to_owned(),
        None => "could not be read".to_owned(),
    };
    lines.push(Line::of("last set", set, Tone::Plain));
    lines.push(Line::of(
        "value",
        status.lineage.as_str(),
        super::view::lineage_tone(status.lineage),
    ));
    if let Some(SecretLocation::Organisation(owner)) = &status.location {
        let text = format!("in the organisation secret of {owner}");
        lines.push(Line::of("stored", text, Tone::Plain));
    }
    if let Some(at) = status.revoked_at {
        lines.push(Line::of(
            "revoked",
            format!("{} UTC", words::minute(at)),
            Tone::Bad,
        ));
    }
    if let (false, Some(end)) = (status.may_hold.is_empty(), status.expires_at) {
        let text = format!(
            "a token that expires {} UTC, {}",
            words::minute(end),
            words::remaining(now, end)
        );
        lines.push(Line::of("may hold", text, Tone::Warn));
    }
    if let Some(written) = snapshot.written(&row.target) {
        lines.push(Line::of(
            "set here",
            format!("{} UTC by run {}", words::minute(written.at), written.run),
            Tone::Plain,
        ));
        if let Some(session) = &written.session {
            lines.push(Line::of("session", session.to_string(), Tone::Plain));
        }
        if let Some(end) = written.expires_at {
            let text = format!("{} UTC, {}", words::minute(end), words::remaining(now, end));
            lines.push(Line::of("expires", text, Tone::Plain));
        }
    }
    if let Some(token) = crate::plan::credentials::token_of(workspace, &row.target) {
        let others = token.targets.len().saturating_sub(1);
        lines.push(Line::of(
            "rotated with",
            words::count(others, "other secret", "other secrets"),
            Tone::Dim,
        ));
    }
    for problem in status.problem.iter().flat_map(Line::problem) {
        lines.push(problem);
    }
    if status.lineage != Lineage::Current {
        lines.push(Line::of(
            "what to do",
            keymap.hint(ActionId::ROTATE, "set one new value in all of them"),
            Tone::Accent,
        ));
    }
    lines
}

fn of_session(workspace: &Workspace, snapshot: &Snapshot, row: &SessionRow, now: DateTime<Utc>) -> Vec<Line> {
    let facts = &row.facts;
    let mut lines = vec![
        Line::of(
            "created by",
            facts
                .description
                .as_ref()
                .map_or_else(|| "no description".to_owned(), ToString::to_string),
            Tone::Plain,
        ),
        Line::of("state", row.state().word(), super::view::session_tone(row)),
    ];
    for (label, at) in [("since", facts.since), ("revoked", facts.revoked_at)] {
        if let Some(at) = at {
            let text = format!("{} UTC, {}", words::minute(at), words::age(now, at));
            lines.push(Line::of(label, text, Tone::Plain));
        }
    }
    if let Some(until) = facts.until {
        let text = format!("{} UTC, {}", words::minute(until), words::remaining(now, until));
        lines.push(Line::of("expires", text, Tone::Plain));
    }
    let holders = holders(workspace, snapshot, &facts.id, now);
    for (label, targets) in [
        ("token held by", holders.certain),
        ("may be in", holders.possible),
    ] {
        let names: Vec<String> = targets.iter().map(ToString::to_string).collect();
        if !names.is_empty() {
            lines.push(Line::of(label, names.join(", "), Tone::Plain));
        }
    }
    if row.orphan {
        lines.push(Line::text(
            "A windlass run created its token but was interrupted before storing it. The token is \
            lost.",
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
