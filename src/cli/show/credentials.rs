//! `whoami`: whose credential it is, what it may do and until when.

use serde_json::json;

use crate::cli::Ending;
use crate::cli::output::Output;
use crate::domain::Snapshot;
use crate::domain::credential::CredentialFacts;
use crate::run::Session;

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
