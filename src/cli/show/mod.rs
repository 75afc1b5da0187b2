//! The commands that only show: status, releases, charms, channels, images, credentials, config.
//!
//! Shared here: warnings about sources that could not be read, the rows of a charm, what a row
//! serves.

mod channels;
mod charms;
mod credentials;
mod images;
mod releases;
mod settings;
mod sources;
mod status;

use serde_json::Value;

use super::documents::{self, Sources};
use super::output::Output;
use crate::domain::charm::ChannelRow;
use crate::domain::{CharmName, Problem, ProblemKind, SanitizedText, Snapshot};
use crate::run::Session;

pub use channels::channels;
pub use charms::charms;
pub use credentials::{credentials, span, whoami};
pub use images::{diff, resolve};
pub use releases::releases;
pub use settings::config;
pub use status::status;

fn warn(sources: &Sources, output: &Output) {
    warn_besides(sources, &[], output);
}

/// Warns of what could not be read, each problem once with all its sources, except those already
/// `shown`.
fn warn_besides(sources: &Sources, shown: &[&SanitizedText], output: &Output) {
    let mut problems: Vec<(SanitizedText, Vec<String>)> = Vec::new();
    for error in sources.errors() {
        let text = |key: &str| {
            error
                .pointer(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let summary = SanitizedText::new(text("/problem/summary"));
        if shown.contains(&&summary) {
            continue;
        }
        match problems.iter_mut().find(|(known, _)| known == &summary) {
            Some((_, sources)) => sources.push(text("/source")),
            None => problems.push((summary, vec![text("/source")])),
        }
    }
    for (summary, sources) in problems {
        output.say(&format!("warning: {}: {summary}", sources.join(", ")));
    }
}

/// Returns why there are no `what` to show although no source failed.
fn nothing_seen(session: &Session, what: &str) -> Problem {
    let workspace = &session.config.workspace;
    if workspace.charms.is_empty() && what != "releases" {
        return Problem::new(
            ProblemKind::NotFound,
            format!("workspace {} has no charms", workspace.name),
        )
        .hint("choose another one with --workspace NAME");
    }
    let nothing = Problem::new(
        ProblemKind::NotFound,
        format!("no cached {what} for this workspace"),
    );
    if session.observer.is_offline() {
        nothing.hint("run it once without --offline")
    } else {
        nothing
    }
}

/// Returns the rows to show of a charm: what the public is served, `latest` first, then newest
/// tracks.
fn rows<'a>(snapshot: &'a Snapshot, charm: &CharmName) -> Vec<&'a ChannelRow> {
    let served = snapshot.served.get(charm).and_then(|rows| rows.value.as_deref());
    let mut rows: Vec<&ChannelRow> = served.unwrap_or_else(|| snapshot.rows(charm)).iter().collect();
    rows.sort_by(|a, b| ChannelRow::listed(a, b));
    rows
}

fn charm_names(session: &Session) -> Vec<CharmName> {
    let workspace = &session.config.workspace;
    let bundle = workspace.bundle.iter().map(|bundle| bundle.name.clone());
    workspace
        .charms
        .iter()
        .map(|charm| charm.name.clone())
        .chain(bundle)
        .collect()
}

fn serving(session: &Session, snapshot: &Snapshot, charm: &CharmName, row: &ChannelRow) -> (String, String) {
    let mut resources = Vec::new();
    let mut named: Vec<String> = Vec::new();
    for attached in &row.resources {
        let Some(revision) = attached.revision else {
            continue;
        };
        let (image, releases) = documents::behind(
            &session.config.workspace,
            snapshot,
            charm,
            &attached.name,
            revision,
        );
        let digest = image
            .map(|image| format!(" {}", image.digest.short()))
            .unwrap_or_default();
        resources.push(format!("{} {revision}{digest}", attached.name));
        // Of several names for one image, prefer that of this track.
        let month = row.channel.track.as_str();
        let best = releases
            .iter()
            .find(|name| name.month() == month)
            .or(releases.first());
        named.extend(best.map(ToString::to_string));
    }
    named.dedup();
    (resources.join(", "), named.join(" "))
}
