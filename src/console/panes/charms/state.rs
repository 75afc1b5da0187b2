//! Rows of the charms pane: a charm, and under it its resources.
//!
//! Owns the summary of a charm. Every revision is in the details. Must not draw.

use chrono::{DateTime, Utc};

use crate::config::Workspace;
use crate::console::dialogs::Line;
use crate::console::listing::Keyed;
use crate::console::view::look::Tone;
use crate::console::words;
use crate::domain::{CharmName, CharmRevision, Problem, ResourceName, ResourceRevision, Snapshot};
use crate::plan::evidence;

/// What a row is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The charm and its newest revision.
    Charm(Option<(CharmRevision, DateTime<Utc>)>),
    /// A resource, its newest revision and what it holds.
    Resource {
        /// Its name.
        name: ResourceName,
        /// The newest revision.
        newest: Option<ResourceRevision>,
        /// The image in it: a tag or digits of its digest.
        image: Option<String>,
    },
    /// Why nothing is known.
    Problem(Problem),
}

/// A row.
#[derive(Clone, Debug)]
pub struct Row {
    key: String,
    /// The charm.
    pub charm: CharmName,
    /// True for the bundle.
    pub bundle: bool,
    /// What it is about.
    pub what: What,
}

impl Keyed for Row {
    fn key(&self) -> &str {
        &self.key
    }

    fn words(&self) -> String {
        match &self.what {
            What::Charm(newest) => format!(
                "{} {}",
                self.charm,
                newest.map(|(r, _)| r.to_string()).unwrap_or_default()
            ),
            What::Resource { name, image, .. } => {
                format!("{} {name} {}", self.charm, image.as_deref().unwrap_or_default())
            }
            What::Problem(problem) => format!("{} {}", self.charm, problem.summary),
        }
    }
}

/// All rows, charms in the workspace's order, the bundle last.
pub fn rows(workspace: &Workspace, snapshot: &Snapshot, warm: bool) -> Vec<Row> {
    let names = workspace
        .charms
        .iter()
        .map(|charm| (&charm.name, false))
        .chain(workspace.bundle.iter().map(|bundle| (&bundle.name, true)));
    let mut rows = Vec::new();
    for (name, bundle) in names {
        let row = |key: String, what: What| Row {
            key,
            charm: name.clone(),
            bundle,
            what,
        };
        let observed = snapshot.charms.get(name);
        let facts = observed.and_then(|o| o.value.as_ref());
        let newest = facts
            .and_then(|f| f.revisions.iter().max_by_key(|r| r.revision))
            .map(|r| (r.revision, r.created_at));
        rows.push(row(name.to_string(), What::Charm(newest)));
        if let Some(problem) = observed.and_then(|o| o.problem.clone()) {
            rows.push(row(format!("{name}/problem"), What::Problem(problem)));
        }
        for (resource, revisions) in facts.iter().flat_map(|f| &f.resources) {
            let newest = revisions.iter().map(|r| r.revision).max();
            let image = newest
                .filter(|_| warm)
                .and_then(|revision| image_words(workspace, snapshot, name, resource, revision));
            rows.push(row(
                format!("{name}/{resource}"),
                What::Resource {
                    name: resource.clone(),
                    newest,
                    image,
                },
            ));
        }
    }
    rows
}

/// The image of a resource revision in words: the tag that a release names, else its digest.
fn image_words(
    workspace: &Workspace,
    snapshot: &Snapshot,
    charm: &CharmName,
    resource: &ResourceName,
    revision: ResourceRevision,
) -> Option<String> {
    let behind = snapshot.image_behind(charm, resource, revision)?;
    let key = workspace
        .charm(charm)?
        .fed()
        .find(|(name, _)| *name == resource)
        .map(|(_, key)| key);
    key.and_then(|key| {
        let name = evidence::releases_of(workspace, snapshot, key, behind)
            .into_iter()
            .next()?;
        snapshot.release(&name)?.images.get(key).cloned()
    })
    .or_else(|| Some(behind.digest.short()))
}

/// Everything known of a charm.
pub fn details(workspace: &Workspace, snapshot: &Snapshot, row: &Row, now: DateTime<Utc>) -> Vec<Line> {
    let mut lines = Vec::new();
    let Some(observed) = snapshot.charms.get(&row.charm) else {
        return vec![Line::text("nobody has looked yet", Tone::Dim)];
    };
    if let Some(problem) = &observed.problem {
        lines.extend(Line::problem(problem));
        lines.push(Line::blank());
    }
    let Some(facts) = &observed.value else {
        return lines;
    };
    lines.push(Line::of("store id", facts.id.clone(), Tone::Dim));
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
        }
    }
    lines.push(Line::blank());
    lines.push(Line::heading(words::count(
        facts.revisions.len(),
        "revision",
        "revisions",
    )));
    for revision in &facts.revisions {
        let bases: Vec<_> = revision.bases.iter().map(ToString::to_string).collect();
        lines.push(Line::text(
            format!(
                "{:<6} {} {:<10} {:<12} {}",
                revision.revision,
                words::day(revision.created_at),
                revision.status,
                words::cut(revision.version.as_str(), 12),
                bases.join(", ")
            ),
            if revision.releasable() {
                Tone::Plain
            } else {
                Tone::Dim
            },
        ));
    }
    if let Some(at) = observed.read_at {
        lines.push(Line::blank());
        lines.push(Line::of("read", words::age(now, at), Tone::Dim));
    }
    lines
}
