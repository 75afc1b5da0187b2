//! `charms`: revisions and resources as their publisher sees them.

use serde_json::{Value, json};

use super::{charm_names, nothing_seen, warn};
use crate::cli::documents::Sources;
use crate::cli::output::Output;
use crate::cli::{Ending, documents, tables};
use crate::run::Session;

/// `charms`.
pub async fn charms(session: &Session, output: &Output) -> Ending {
    let snapshot = session.observer.in_depth(session.observer.cached()).await;
    let names = charm_names(session);
    let sources = names.iter().fold(Sources::new(), |sources, charm| {
        match snapshot.charms.get(charm) {
            Some(facts) => sources.add(charm.as_str(), facts),
            None => sources,
        }
    });
    let known: Vec<_> = names
        .iter()
        .filter_map(|charm| Some((charm, snapshot.charms.get(charm)?.value.as_ref()?)))
        .collect();
    if known.is_empty() {
        let first = names
            .iter()
            .find_map(|charm| snapshot.charms.get(charm).and_then(|facts| facts.problem.clone()));
        return Err(first.unwrap_or_else(|| nothing_seen("charms")));
    }
    let workspace = &session.config.workspace;
    if output.json {
        let list: Vec<Value> = known
            .iter()
            .map(|(charm, facts)| {
                let resources: Vec<Value> = facts
                    .resources
                    .iter()
                    .map(|(name, revisions)| {
                        let kind = facts.declared.iter().find(|d| &d.name == name).map(|d| &d.kind);
                        let revisions: Vec<Value> = revisions
                            .iter()
                            .map(|r| {
                                let (image, release) =
                                    documents::behind(workspace, &snapshot, charm, name, r.revision);
                                json!({
                                    "revision": r.revision, "created_at": r.created_at, "size": r.size,
                                    "architectures": r.architectures,
                                    "digest": image.as_ref().map(|i| i.digest),
                                    "config_digest": image.as_ref().and_then(crate::domain::charm::ImageBehind::config_digest),
                                    "release": release,
                                })
                            })
                            .collect();
                        json!({ "name": name, "type": kind, "revisions": revisions })
                    })
                    .collect();
                json!({ "name": charm, "revisions": facts.revisions, "resources": resources })
            })
            .collect();
        let mut content = vec![("charms", json!(list))];
        content.extend(sources.keys());
        output.document("charms", Some(&workspace.name), content);
        return Ok(0);
    }
    warn(&sources, output);
    for (charm, facts) in known {
        output.answer(&format!("{charm}\n"));
        let mut table = tables::Table::new(&["  revision", "version", "status", "uploaded", "bases"]);
        for revision in facts.revisions.iter().take(6) {
            let bases: Vec<String> = revision.bases.iter().map(ToString::to_string).collect();
            table.row(vec![
                format!("  {}", revision.revision),
                revision.version.to_string(),
                revision.status.to_string(),
                revision.created_at.format("%Y-%m-%d").to_string(),
                bases.join(", "),
            ]);
        }
        output.answer(&table.text());
        for (name, revisions) in &facts.resources {
            let Some(newest) = revisions.first() else { continue };
            let (image, named) = documents::behind(workspace, &snapshot, charm, name, newest.revision);
            let digest = image
                .map(|image| format!(" {}", image.digest.short()))
                .unwrap_or_default();
            let release = named
                .first()
                .map(|name| format!(" of {name}"))
                .unwrap_or_default();
            output.answer(&format!(
                "  {name}: {} revisions, newest {}{digest}{release}\n",
                revisions.len(),
                newest.revision
            ));
        }
    }
    Ok(0)
}
