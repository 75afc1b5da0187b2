//! `channels`: shows what every channel serves.

use serde_json::{Value, json};

use super::sources::sources;
use super::{charm_names, nothing_seen, rows, serving, warn};
use crate::cli::output::Output;
use crate::cli::{Ending, documents, tables};
use crate::domain::charm::{ChannelRow, followed};
use crate::domain::{CharmName, Problem, Snapshot};
use crate::observe::View;
use crate::run::Session;

/// Runs `channels`.
pub async fn channels(session: &Session, output: &Output) -> Ending {
    let snapshot = session
        .observer
        .view(session.observer.cached(), View::Channels)
        .await;
    let names = charm_names(session);
    let sources = sources(session, View::Channels, &snapshot);
    if let Some(problem) = nothing_at_all(session, &snapshot, &names) {
        return Err(problem);
    }
    if output.json {
        let mut list: Vec<Value> = Vec::new();
        for charm in &names {
            let rows = rows(&snapshot, charm);
            list.extend(
                rows.iter()
                    .map(|row| documents::channel(&session.config.workspace, &snapshot, charm, row)),
            );
            list.extend(not_open(&snapshot, charm, &rows));
        }
        let mut content = vec![("channels", json!(list))];
        content.extend(sources.keys());
        output.document("channels", Some(&session.config.workspace.name), content);
        return Ok(0);
    }
    warn(&sources, output);
    let mut table = tables::Table::new(&[
        "charm",
        "channel",
        "base",
        "revision",
        "resources",
        "release",
        "since",
    ]);
    for charm in &names {
        for row in rows(&snapshot, charm) {
            let (resources, named) = serving(session, &snapshot, charm, row);
            table.row(vec![
                charm.to_string(),
                row.channel.to_string(),
                row.base.as_ref().map(ToString::to_string).unwrap_or_default(),
                row.revision.to_string(),
                resources,
                named,
                row.released_at
                    .map(|at| at.format("%Y-%m-%d").to_string())
                    .unwrap_or_default(),
            ]);
        }
    }
    output.answer(&table.text());
    Ok(0)
}

fn nothing_at_all(session: &Session, snapshot: &Snapshot, names: &[CharmName]) -> Option<Problem> {
    let any = names.iter().any(|charm| {
        snapshot
            .served
            .get(charm)
            .is_some_and(|rows| rows.value.is_some())
            || !snapshot.rows(charm).is_empty()
    });
    if any {
        return None;
    }
    let first = names
        .iter()
        .find_map(|charm| snapshot.served.get(charm).and_then(|rows| rows.problem.clone()));
    Some(first.unwrap_or_else(|| nothing_seen(session, "channels")))
}

/// Returns the channels of known tracks that serve nothing themselves: `tracking` if they follow a
/// more stable risk that does, else `closed`.
fn not_open(snapshot: &Snapshot, charm: &CharmName, open: &[&ChannelRow]) -> Vec<Value> {
    use crate::domain::{Channel, Risk, Track};
    let facts = snapshot.charms.get(charm).and_then(|facts| facts.value.as_ref());
    let mut tracks: Vec<Track> = facts.map(|facts| facts.tracks.clone()).unwrap_or_default();
    for row in open {
        if !tracks.contains(&row.channel.track) {
            tracks.push(row.channel.track.clone());
        }
    }
    let mut list = Vec::new();
    for track in tracks {
        for risk in Risk::ALL {
            let channel = Channel::new(track.clone(), risk);
            if open.iter().any(|row| row.channel == channel) {
                continue;
            }
            let followed = followed(snapshot.rows(charm), &channel).is_some();
            list.push(json!({
                "charm": charm, "channel": channel, "base": null, "revision": null, "resources": [],
                "status": if followed { "tracking" } else { "closed" },
            }));
        }
    }
    list
}
