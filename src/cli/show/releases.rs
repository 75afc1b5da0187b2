//! `releases`: shows upstream releases and whether they are published.

use serde_json::{Value, json};

use super::sources::sources;
use super::{nothing_seen, warn};
use crate::cli::output::Output;
use crate::cli::{Ending, documents, tables};
use crate::config::Workspace;
use crate::domain::{ReleaseName, SanitizedText, Snapshot};
use crate::observe::View;
use crate::plan::evidence;
use crate::plan::label::Labels;
use crate::plan::rhythm::Rhythm;
use crate::run::Session;

/// Runs `releases`.
pub async fn releases(session: &Session, output: &Output) -> Ending {
    let workspace = &session.config.workspace;
    workspace.upstream()?;
    let snapshot = session
        .observer
        .view(session.observer.cached(), View::Releases)
        .await;
    let Some(list) = &snapshot.releases.value else {
        return Err(snapshot
            .releases
            .problem
            .clone()
            .unwrap_or_else(|| nothing_seen(session, "releases")));
    };
    let all = list.iter().chain(&snapshot.withdrawn);
    let sources = sources(session, View::Releases, &snapshot);
    if output.json {
        let mut releases: Vec<Value> = all.map(|r| documents::release(workspace, &snapshot, r)).collect();
        releases.extend(
            evidence::phantoms(&snapshot)
                .iter()
                .map(|name| phantom(workspace, &snapshot, name)),
        );
        let mut content = vec![("releases", json!(releases))];
        content.extend(sources.keys());
        output.document("releases", Some(&workspace.name), content);
        return Ok(0);
    }
    warn(&sources, output);
    let labels = Labels::among(workspace, &snapshot);
    let mut table = tables::Table::new(&["release", "created", "state", "images", "notes"]);
    for release in all {
        let images: Vec<String> = session
            .config
            .workspace
            .fed_charms()
            .flat_map(crate::config::workspace::Charm::fed)
            .filter_map(|(_, key)| release.images.get(key))
            .map(|tag| SanitizedText::capped(tag, 30).to_string())
            .collect();
        let (standing, warnings) = evidence::judged(workspace, &snapshot, &labels.twins, release);
        let published = standing.published;
        let notes: Vec<String> = warnings.iter().map(|warning| warning.text.to_string()).collect();
        table.row(vec![
            release.name.to_string(),
            release
                .made_at()
                .map(|at| at.format("%Y-%m-%d").to_string())
                .unwrap_or_default(),
            with_hold(
                session,
                &snapshot,
                &release.name,
                &labels.of(release, published).words(),
            ),
            images.join(" "),
            notes.join("; "),
        ]);
    }
    for name in evidence::phantoms(&snapshot) {
        table.row(vec![
            name.to_string(),
            String::new(),
            with_hold(session, &snapshot, &name, "phantom"),
            String::new(),
            "marker branch without a release".to_owned(),
        ]);
    }
    output.answer(&table.text());
    // Without a readable journal, the channels still show what is published.
    let published = session.journal.publishes().unwrap_or_default();
    let rhythm = Rhythm::of(
        &session.config.workspace,
        &snapshot,
        published.into_iter(),
        chrono::Utc::now(),
    );
    if let Some(sentence) = rhythm.sentence() {
        output.answer(&format!("\n{sentence}\n"));
    }
    Ok(0)
}

fn with_hold(session: &Session, snapshot: &Snapshot, release: &ReleaseName, state: &str) -> String {
    match documents::held(&session.config.workspace, snapshot, release) {
        Some(true) => format!("{state}, held"),
        _ => state.to_owned(),
    }
}

fn phantom(workspace: &Workspace, snapshot: &Snapshot, name: &ReleaseName) -> Value {
    json!({
        "name": name, "timestamp": null, "images": {}, "published": "yes",
        "evidence": ["marker branch exists"], "same_as": [],
        "warnings": [{"kind": "phantom", "text": "marker branch without an upstream release"}],
        "held": documents::held(workspace, snapshot, name),
    })
}
