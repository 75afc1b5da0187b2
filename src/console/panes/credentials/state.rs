//! Rows of the credentials pane: each credential with its end, and the answers to what it is and
//! may do under it.
//!
//! Must never hold a secret: the facts have none. Must not draw.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::config::Workspace;
use crate::console::dialogs::Line;
use crate::console::listing::Keyed;
use crate::console::view::look::Tone;
use crate::console::words;
use crate::domain::credential::{CredentialFacts, ExpiryFrom};
use crate::domain::snapshot::Standing;
use crate::domain::{Observed, Outside, Snapshot};

/// A row.
#[derive(Clone, Debug)]
pub enum Row {
    /// A credential.
    Head {
        /// Its name.
        name: &'static str,
        /// What is known.
        observed: Observed<CredentialFacts>,
    },
    /// An answer under it.
    Fact {
        /// What stays the same.
        key: String,
        /// The question.
        label: &'static str,
        /// The answer.
        text: String,
        /// How it is shown.
        tone: Tone,
    },
}

impl Keyed for Row {
    fn key(&self) -> &str {
        match self {
            Self::Head { name, .. } => name,
            Self::Fact { key, .. } => key,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Head { name, .. } => (*name).to_owned(),
            Self::Fact { label, text, .. } => format!("{label} {text}"),
        }
    }
}

impl Row {
    /// The credential that it belongs to.
    pub fn credential(&self) -> &str {
        self.key().split('/').next().unwrap_or_default()
    }
}

/// All rows.
pub fn rows(workspace: &Workspace, snapshot: &Snapshot) -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, observed) in [
        ("Charmhub token", &snapshot.credential),
        ("GitHub token", &snapshot.github),
    ] {
        rows.push(Row::Head {
            name,
            observed: observed.clone(),
        });
        for (label, text, tone) in answers(observed) {
            rows.push(Row::Fact {
                key: format!("{name}/{label}"),
                label,
                text,
                tone,
            });
        }
        if name == "Charmhub token"
            && let Some(text) = kept_in(workspace)
        {
            rows.push(Row::Fact {
                key: format!("{name}/kept in"),
                label: "kept in",
                text,
                tone: Tone::Dim,
            });
        }
    }
    if let Some(quota) = &snapshot.quota {
        rows.push(Row::Fact {
            key: "Docker Hub/pulls".to_owned(),
            label: "pulls",
            text: format!(
                "{} of {} left at Docker Hub, every {} h",
                quota.remaining,
                quota.limit,
                quota.window / 3600
            ),
            tone: if quota.remaining * 10 < quota.limit {
                Tone::Warn
            } else {
                Tone::Plain
            },
        });
    }
    rows
}

fn kept_in(workspace: &Workspace) -> Option<String> {
    let targets: Vec<_> = workspace.tokens.iter().flat_map(|token| &token.targets).collect();
    let repositories: BTreeSet<_> = targets.iter().map(|target| &target.repository).collect();
    (!targets.is_empty()).then(|| {
        format!(
            "{} of {}",
            words::count(targets.len(), "secret", "secrets"),
            words::count(repositories.len(), "repository", "repositories")
        )
    })
}

fn joined(texts: &[Outside]) -> String {
    let texts: Vec<_> = texts.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

/// What it is, what it may do, on what.
fn answers(observed: &Observed<CredentialFacts>) -> Vec<(&'static str, String, Tone)> {
    let mut answers = Vec::new();
    if let Some(facts) = &observed.value {
        let account = facts
            .account
            .as_ref()
            .map(|account| format!(", account {account}"))
            .unwrap_or_default();
        answers.push(("from", format!("{}{account}", facts.source), Tone::Plain));
        if facts.scopes.is_empty() {
            answers.push(("may", "nothing that it says".to_owned(), Tone::Warn));
        } else {
            answers.push(("may", joined(&facts.scopes), Tone::Plain));
        }
        match &facts.packages {
            Some(packages) => {
                let names: Vec<_> = packages
                    .iter()
                    .map(|p| p.name.as_ref().or(p.id.as_ref()).unwrap_or(&p.kind).to_string())
                    .collect();
                answers.push(("on", names.join(", "), Tone::Plain));
            }
            None if facts.kind.as_str() == "charmhub" => {
                answers.push(("on", "every package of the account".to_owned(), Tone::Plain));
            }
            None => {}
        }
        if let Some(channels) = &facts.channels {
            answers.push(("channels", joined(channels), Tone::Plain));
        }
    }
    if let Some(problem) = &observed.problem {
        let tone = if observed.standing() == Standing::Absent {
            Tone::Dim
        } else {
            Tone::Warn
        };
        answers.push(("problem", problem.summary.to_string(), tone));
        if let Some(hint) = problem.hints.first() {
            answers.push(("remedy", hint.to_string(), Tone::Plain));
        }
    }
    answers
}

/// Everything known of a credential.
pub fn details(workspace: &Workspace, snapshot: &Snapshot, name: &str, now: DateTime<Utc>) -> Vec<Line> {
    let observed = match name {
        "Charmhub token" => &snapshot.credential,
        "GitHub token" => &snapshot.github,
        _ => return vec![Line::text("pulls are counted by the registry", Tone::Dim)],
    };
    let mut lines = Vec::new();
    if let Some(facts) = &observed.value {
        lines.push(Line::of("kind", facts.kind.to_string(), Tone::Plain));
        let end = match facts.expires_at {
            Some(end) => format!(
                "{} UTC ({}), {}",
                words::minute(end),
                words::remaining(now, end),
                said_by(facts.expires_from)
            ),
            None => said_by(facts.expires_from).to_owned(),
        };
        lines.push(Line::of("ends", end, tone(facts, now)));
    }
    for (label, text, tone) in answers(observed) {
        lines.push(Line::of(label, text, tone));
    }
    for cause in observed.problem.iter().flat_map(|p| &p.causes) {
        lines.push(Line::of("because", cause.to_string(), Tone::Dim));
    }
    if name == "Charmhub token" {
        for token in &workspace.tokens {
            lines.push(Line::blank());
            lines.push(Line::heading("Kept as a secret in"));
            for target in &token.targets {
                lines.push(Line::text(
                    format!("{}  {}", target.repository, target.secret),
                    Tone::Plain,
                ));
            }
        }
    }
    lines
}

const fn said_by(from: ExpiryFrom) -> &'static str {
    match from {
        ExpiryFrom::Caveat => "says the token",
        ExpiryFrom::Service => "says the service",
        ExpiryFrom::Ledger => "by our own record",
        ExpiryFrom::Unknown => "nobody says when",
    }
}

/// How the end of a credential is shown.
pub fn tone(facts: &CredentialFacts, now: DateTime<Utc>) -> Tone {
    match facts.days_left(now) {
        Some(..0) => Tone::Bad,
        Some(0..=14) => Tone::Warn,
        Some(_) => Tone::Good,
        None => Tone::Plain,
    }
}
