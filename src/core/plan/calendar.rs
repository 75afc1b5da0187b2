//! Writes the expiries of all credentials as a calendar file (RFC 5545) to share or subscribe to.
//!
//! The iCalendar form uses CRLF, lines of at most 75 octets and escaped text.

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};

use super::credentials::{Credential, CredentialRole, secrets_in_words};
use crate::domain::SanitizedText;

/// Maximum length of a line in octets, without the line break.
const LINE: usize = 75;
/// Days before an expiry at which the calendar reminds.
const ALARMS: [i64; 3] = [30, 14, 3];

/// Returns a calendar with one event for every known expiry, in the order of the credentials.
pub fn calendar(credentials: &[Credential], now: DateTime<Utc>) -> String {
    let mut text = String::new();
    for fixed in [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//windlass//credentials//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        "X-WR-CALNAME:Credentials",
    ] {
        line(&mut text, fixed);
    }
    for credential in credentials {
        // A revoked credential cannot be used any more, so its expiry does not matter.
        if let (Some(end), None) = (credential.facts.expires_at, credential.revoked_at) {
            event(&mut text, credential, end, now);
        }
    }
    line(&mut text, "END:VCALENDAR");
    text
}

fn event(text: &mut String, credential: &Credential, end: DateTime<Utc>, now: DateTime<Utc>) {
    let facts = &credential.facts;
    let maybe = match &credential.role {
        CredentialRole::MaybeInSecrets(targets) => {
            format!(" (may be in {})", secrets_in_words(targets.len()))
        }
        _ => String::new(),
    };
    let summary = format!("{} expires{maybe}", facts.name);
    let account = facts
        .account
        .as_ref()
        .map_or_else(String::new, |account| format!(" of {account}"));
    let description = format!(
        "{}{account} expires {}. {}\nFound in: {}",
        facts.name,
        end.format("%Y-%m-%d %H:%M UTC"),
        renewal(facts.kind.as_str(), &credential.role),
        facts.source,
    );
    line(text, "BEGIN:VEVENT");
    line(text, &format!("UID:{}", uid(credential)));
    line(text, &format!("DTSTAMP:{}", moment(now)));
    line(text, &format!("DTSTART:{}", moment(end)));
    line(text, &format!("SUMMARY:{}", escaped(&summary)));
    line(text, &format!("DESCRIPTION:{}", escaped(&description)));
    line(text, "TRANSP:TRANSPARENT");
    for days in ALARMS {
        // An alarm in the past would ring at once in every program that imports the file.
        if end - TimeDelta::days(days) <= now {
            continue;
        }
        line(text, "BEGIN:VALARM");
        line(text, "ACTION:DISPLAY");
        line(text, &format!("TRIGGER:-P{days}D"));
        let speech = format!("{} expires in {days} days", facts.name);
        line(text, &format!("DESCRIPTION:{}", escaped(&speech)));
        line(text, "END:VALARM");
    }
    line(text, "END:VEVENT");
}

fn renewal(kind: &str, role: &CredentialRole) -> &'static str {
    match (role, kind) {
        (CredentialRole::InSecrets(_) | CredentialRole::MaybeInSecrets(_), "charmhub") => {
            "Rotate it: windlass rotate"
        }
        (CredentialRole::InSecrets(_) | CredentialRole::MaybeInSecrets(_), _) => {
            "Rotate it with a new token: windlass rotate --token-file FILE"
        }
        (CredentialRole::Login, _) => "Log in again: windlass login --registry HOST",
        (CredentialRole::Own, "charmhub") => "Sign in again: windlass login",
        (CredentialRole::Own, "github") => "Create a new one at https://github.com/settings/tokens",
        (CredentialRole::Own, _) => "Renew it where it was created",
    }
}

/// Returns an id that is the same for the same credential at the same place, so that the event
/// moves when the credential is renewed.
fn uid(credential: &Credential) -> String {
    let facts = &credential.facts;
    // The run or the number of secrets in a source changes with every rotation.
    let source = match credential.role {
        CredentialRole::InSecrets(_) => "secrets of repositories",
        CredentialRole::MaybeInSecrets(_) => "Charmhub sessions",
        CredentialRole::Own | CredentialRole::Login => facts.source.as_str(),
    };
    let account = facts.account.as_ref().map_or("", SanitizedText::as_str);
    // Sessions of one machine have the same description.
    let name = match (&credential.role, &facts.session) {
        (CredentialRole::MaybeInSecrets(_), Some(session)) => session.as_str(),
        _ => facts.name.as_str(),
    };
    let mut hash = Sha256::new();
    for part in [facts.kind.as_str(), name, source, account] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let digest: String = hex::encode(hash.finalize()).chars().take(32).collect();
    format!("{digest}@windlass")
}

fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y%m%dT%H%M%SZ").to_string()
}

/// Escapes backslash, semicolon, comma and line feed (RFC 5545, 3.3.11).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Adds a folded line: continuations start with a space, and no character is split.
fn line(text: &mut String, content: &str) {
    let mut length = 0;
    for c in content.chars() {
        if length + c.len_utf8() > LINE {
            text.push_str("\r\n ");
            length = 1;
        }
        text.push(c);
        length += c.len_utf8();
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::credential::{CredentialFacts, CredentialOrigin, ExpiryFrom};

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_740_000_000, 0).unwrap()
    }

    fn ending(name: &str, days: Option<i64>) -> Credential {
        Credential {
            facts: CredentialFacts {
                name: name.into(),
                kind: "charmhub".into(),
                source: "secrets of repositories (run R1)".into(),
                account: None,
                expires_at: days.map(|days| now() + TimeDelta::days(days)),
                expires_from: ExpiryFrom::Ledger,
                scopes: Vec::new(),
                packages: None,
                channels: None,
                session: None,
                origin: CredentialOrigin::Other,
                token_kind: None,
                remarks: Vec::new(),
                rewrite: None,
            },
            role: CredentialRole::InSecrets(Vec::new()),
            revoked_at: None,
            problems: Vec::new(),
        }
    }

    /// Joins continuation lines, as a calendar program does.
    fn unfolded(text: &str) -> Vec<String> {
        let joined = text.replace("\r\n ", "");
        joined.split("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn every_known_end_is_an_event_with_its_alarms() {
        let text = calendar(&[ending("CHARMHUB_TOKEN", Some(20)), ending("GHCR", None)], now());
        let lines = unfolded(&text);
        assert_eq!(lines[0], "BEGIN:VCALENDAR");
        assert_eq!(lines[lines.len() - 2..], ["END:VCALENDAR", ""]);
        assert_eq!(lines.iter().filter(|line| *line == "BEGIN:VEVENT").count(), 1);
        assert!(
            lines.contains(&"DTSTART:20250311T212000Z".to_owned()),
            "{lines:?}"
        );
        assert!(lines.contains(&"SUMMARY:CHARMHUB_TOKEN expires".to_owned()));
        let triggers: Vec<_> = lines.iter().filter(|line| line.starts_with("TRIGGER")).collect();
        assert_eq!(triggers, ["TRIGGER:-P14D", "TRIGGER:-P3D"]);
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with("DESCRIPTION") && line.contains("windlass rotate"))
        );
    }

    #[test]
    fn text_is_escaped_and_lines_are_folded_between_characters() {
        let name = format!("a,b;c\\d {}", "日本".repeat(40));
        let text = calendar(&[ending(&name, Some(100))], now());
        assert!(text.contains("SUMMARY:a\\,b\\;c\\\\d "), "{text}");
        for line in text.split("\r\n") {
            assert!(line.len() <= 75, "{line}");
            assert!(!line.contains(['\r', '\n']));
        }
        assert!(
            unfolded(&text)
                .iter()
                .any(|line| line.ends_with(&format!("{} expires", "日本".repeat(40))))
        );
    }

    #[test]
    fn a_renewed_credential_keeps_its_uid_and_another_has_its_own() {
        let mut renewed = ending("CHARMHUB_TOKEN", Some(180));
        renewed.facts.source = "secrets of repositories (run R2)".into();
        assert_eq!(uid(&ending("CHARMHUB_TOKEN", Some(1))), uid(&renewed));
        assert_ne!(uid(&ending("GH_TOKEN", Some(1))), uid(&renewed));
    }
}
