//! `charms`: shows revisions and resources as their publisher sees them.

use serde_json::{Value, json};

use super::sources::sources;
use super::{charm_names, nothing_seen, warn};
use crate::cli::output::Output;
use crate::cli::{Ending, documents, tables};
use crate::config::Workspace;
use crate::domain::charm::{CharmFacts, ImageBehind, ResourceFacts};
use crate::domain::{CharmName, ResourceName, SanitizedText, Snapshot};
use crate::observe::View;
use crate::run::Session;

/// Number of revisions listed per charm.
const SHOWN: usize = 6;
/// Longest reason why a revision cannot be released, in characters.
const REFUSAL: usize = 80;

/// Runs `charms`.
pub async fn charms(session: &Session, output: &Output) -> Ending {
    let snapshot = session
        .observer
        .view(session.observer.cached(), View::Charms)
        .await;
    let names = charm_names(session);
    let sources = sources(session, View::Charms, &snapshot);
    let known: Vec<_> = names
        .iter()
        .filter_map(|charm| Some((charm, snapshot.charms.get(charm)?.value.as_ref()?)))
        .collect();
    if known.is_empty() {
        let first = names
            .iter()
            .find_map(|charm| snapshot.charms.get(charm).and_then(|facts| facts.problem.clone()));
        return Err(first.unwrap_or_else(|| nothing_seen(session, "charms")));
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
        for revision in facts.revisions.iter().take(SHOWN) {
            let bases: Vec<String> = revision.bases.iter().map(ToString::to_string).collect();
            table.row(vec![
                format!("  {}", revision.revision),
                revision.version.to_string(),
                match revision.refusal() {
                    Some(refusal) => format!("! {}", SanitizedText::capped(refusal.as_str(), REFUSAL)),
                    None => revision.status.to_string(),
                },
                revision.created_at.format("%Y-%m-%d").to_string(),
                bases.join(", "),
            ]);
        }
        output.answer(&table.text());
        if facts.revisions.len() > SHOWN {
            output.answer(&format!(
                "  the newest {SHOWN} of {} revisions; --json lists all\n",
                facts.revisions.len()
            ));
        }
        for (name, revisions) in &facts.resources {
            output.answer(&resource(workspace, &snapshot, charm, facts, name, revisions));
        }
    }
    Ok(0)
}

/// Returns a resource with the image of each of its revisions, newest first.
fn resource(
    workspace: &Workspace,
    snapshot: &Snapshot,
    charm: &CharmName,
    facts: &CharmFacts,
    name: &ResourceName,
    revisions: &[ResourceFacts],
) -> String {
    let kind = facts.declared.iter().find(|one| &one.name == name);
    let kind = kind.map_or_else(String::new, |one| format!(" ({})", one.kind));
    let mut text = format!(
        "  {name}{kind}: {} {}\n",
        revisions.len(),
        if revisions.len() == 1 {
            "revision"
        } else {
            "revisions"
        }
    );
    let mut table = tables::Table::new(&[
        "    revision",
        "uploaded",
        "architectures",
        "digest",
        "config",
        "releases",
    ]);
    for one in revisions {
        let (image, named) = documents::behind(workspace, snapshot, charm, name, one.revision);
        let short = |digest: Option<String>| digest.unwrap_or_else(|| "-".to_owned());
        let config = image.as_ref().and_then(ImageBehind::config_digest);
        let named: Vec<String> = named.iter().map(ToString::to_string).collect();
        table.row(vec![
            format!("    {}", one.revision),
            one.created_at.format("%Y-%m-%d").to_string(),
            one.architectures.join(","),
            short(image.map(|image| image.digest.short())),
            short(config.map(|config| config.short())),
            named.join(" "),
        ]);
    }
    text.push_str(&table.text());
    text
}
