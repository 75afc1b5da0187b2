//! Formats the details of a charm: its tracks, every resource revision with its image, and every
//! charm revision.

use chrono::{DateTime, Utc};

use super::state::{image_words, releases_behind};
use super::{Row, What, holds_images};
use crate::config::Workspace;
use crate::console::components::Line;
use crate::console::view::look::Tone;
use crate::console::words;
use crate::domain::charm::{CharmFacts, ResourceFacts, RevisionFacts};
use crate::domain::{ResourceName, Snapshot};

/// Returns the lines of everything known about a charm.
pub fn details(workspace: &Workspace, snapshot: &Snapshot, row: &Row, now: DateTime<Utc>) -> Vec<Line> {
    let mut lines = Vec::new();
    let Some(observed) = snapshot.charms.get(&row.charm) else {
        return vec![Line::text("not loaded yet", Tone::Dim)];
    };
    if let Some(problem) = &observed.problem {
        lines.extend(Line::problem(problem));
        lines.push(Line::blank());
    }
    let Some(facts) = &observed.value else {
        return lines;
    };
    lines.extend(selected_revision(facts, row));
    lines.push(Line::of("charm ID", facts.id.clone(), Tone::Dim));
    let tracks: Vec<_> = facts.tracks.iter().map(ToString::to_string).collect();
    lines.push(Line::of("tracks", tracks.join(" "), Tone::Plain));
    if let Some(charm) = workspace.charm(&row.charm) {
        lines.push(Line::of("source", charm.repository.clone(), Tone::Plain));
    }
    for (resource, revisions) in &facts.resources {
        lines.push(Line::blank());
        lines.push(Line::heading(format!(
            "{resource}: {}",
            words::count(revisions.len(), "revision", "revisions")
        )));
        for revision in revisions {
            let image =
                image_words(workspace, snapshot, &row.charm, resource, revision.revision).unwrap_or_default();
            lines.push(Line::text(
                format!(
                    "{:<6} {}  {:<14} {}",
                    revision.revision,
                    words::day(revision.created_at),
                    image,
                    revision.architectures.join(",")
                ),
                Tone::Plain,
            ));
            lines.extend(content(workspace, snapshot, row, resource, revision));
        }
    }
    lines.push(Line::blank());
    lines.push(Line::heading(words::count(
        facts.revisions.len(),
        "revision",
        "revisions",
    )));
    for revision in &facts.revisions {
        lines.extend(revision_lines(revision));
    }
    if let Some(at) = observed.read_at {
        lines.push(Line::blank());
        lines.push(Line::of("read", words::age(now, at), Tone::Dim));
    }
    lines
}

/// The revision that `row` is about, before everything else; of the charm itself only a newest
/// revision that cannot be released.
fn selected_revision(facts: &CharmFacts, row: &Row) -> Vec<Line> {
    let known = row.revision().and_then(|revision| facts.revision(revision));
    let shown = known.filter(|known| !matches!(row.what, What::Charm(_)) || known.refusal().is_some());
    let mut lines = shown.map(revision_lines).unwrap_or_default();
    if !lines.is_empty() {
        lines.push(Line::blank());
    }
    lines
}

/// A charm revision, and why it cannot be released where it cannot.
fn revision_lines(revision: &RevisionFacts) -> Vec<Line> {
    let bases: Vec<_> = revision.bases.iter().map(ToString::to_string).collect();
    let refusal = revision.refusal();
    let tone = if refusal.is_none() { Tone::Plain } else { Tone::Dim };
    let text = format!(
        "{:<6} {} {:<10} {:<12} {}",
        revision.revision,
        words::day(revision.created_at),
        revision.status,
        words::cut(revision.version.as_str(), 12),
        bases.join(", ")
    );
    let refused = refusal.map(|refusal| Line::of("  cannot be released", refusal.to_string(), Tone::Bad));
    std::iter::once(Line::text(text, tone)).chain(refused).collect()
}

/// What is in a resource revision: the image with its digests and releases, or the file.
fn content(
    workspace: &Workspace,
    snapshot: &Snapshot,
    row: &Row,
    resource: &ResourceName,
    revision: &ResourceFacts,
) -> Vec<Line> {
    if holds_images(workspace, snapshot, &row.charm, resource) == Some(false) {
        let text = format!("{} ({})", revision.sha256, words::bytes(revision.size));
        return vec![Line::of("  sha256", text, Tone::Dim)];
    }
    let key = Snapshot::behind_key(&row.charm, resource, revision.revision);
    let seen = snapshot.behind.get(&key);
    let Some(behind) = seen.and_then(|seen| seen.value.as_ref()) else {
        let why = seen.and_then(|seen| seen.problem.as_ref());
        return vec![match why {
            Some(problem) => Line::of("  digest", format!("unknown: {}", problem.summary), Tone::Warn),
            None => Line::of("  digest", "not read yet", Tone::Dim),
        }];
    };
    let mut lines = vec![Line::of("  digest", behind.digest.to_string(), Tone::Plain)];
    match behind.config_digests.as_slice() {
        [] => lines.push(match seen.and_then(|seen| seen.problem.as_ref()) {
            Some(problem) => Line::of("  config", format!("unknown: {}", problem.summary), Tone::Warn),
            None => Line::of("  config", "not available", Tone::Dim),
        }),
        all => lines.extend(
            all.iter()
                .map(|config| Line::of("  config", config.to_string(), Tone::Dim)),
        ),
    }
    let releases = releases_behind(workspace, snapshot, &row.charm, resource, revision.revision);
    if !releases.is_empty() {
        let names: Vec<_> = releases.iter().map(ToString::to_string).collect();
        lines.push(Line::of("  release", names.join(", "), Tone::Good));
    }
    lines
}
