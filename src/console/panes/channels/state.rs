//! Builds the rows of the channels pane: one per charm, track and branch, with a cell per risk.
//!
//! Also formats a cell: revision, image, whether a newer release is published.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::config::Workspace;
use crate::config::workspace::Charm;
use crate::console::Model;
use crate::console::components::Line;
use crate::console::listing::{Keyed, Listing};
use crate::console::model::short_name;
use crate::console::sorting::{SortColumn, SortValue};
use crate::console::state::state;
use crate::console::view::look::Tone;
use crate::console::words;
use crate::domain::charm::{ChannelRow, followed};
use crate::domain::{
    Base, Channel, CharmName, CharmRevision, ManifestDigest, Release, ReleaseName, ResourceName,
    ResourceRevision, Risk, SanitizedText, Snapshot, Track,
};
use crate::plan::evidence::{self, Published};

/// What a channel serves, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Closed: nothing of its own.
    Closed,
    /// A revision.
    Open {
        /// `r50`.
        revision: String,
        /// The revision as a number.
        number: u64,
        /// The image: the tag that a release names, else digits of its digest.
        image: Option<String>,
        /// True if a release names the image.
        known: bool,
        /// True if a newer release is published.
        behind: bool,
        /// Number of further bases with other revisions.
        more: usize,
        /// True if the bases run different images; `image` then names all of them.
        mixed: bool,
    },
}

/// A row of the channels pane.
#[derive(Clone, Debug)]
pub struct Row {
    key: String,
    /// The charm.
    pub charm: CharmName,
    /// Its short name.
    pub short: String,
    /// The track.
    pub track: Track,
    /// The branch.
    pub branch: Option<String>,
    /// Cells by risk, edge first.
    pub cells: [Cell; 4],
    /// What its channels serve on every base.
    served: Vec<ServedRow>,
}

/// What a channel serves on one base, as its details list it.
#[derive(Clone, Debug)]
struct ServedRow {
    revision: CharmRevision,
    base: Option<Base>,
    resources: Vec<(ResourceRevision, Option<ManifestDigest>)>,
}

state!(Listing<Row>);

impl Model {
    /// Returns the rows of the channels pane.
    pub fn channel_rows(&self) -> &Listing<Row> {
        self.state()
    }

    /// Returns the rows of the channels pane for changes.
    pub fn channel_rows_mut(&mut self) -> &mut Listing<Row> {
        self.state_mut()
    }
}

impl Keyed for Row {
    fn key(&self) -> &str {
        &self.key
    }

    fn words(&self) -> String {
        let mut words = format!("{} {}", self.charm, self.track);
        for (risk, cell) in FLOW.iter().zip(&self.cells) {
            if let Cell::Open { revision, image, .. } = cell {
                words.push_str(&format!(
                    " {risk} {revision} {}",
                    image.as_deref().unwrap_or_default()
                ));
            }
        }
        words.extend(self.branch.iter().map(|branch| format!(" {branch}")));
        words
    }

    fn details(&self) -> String {
        let mut details = String::new();
        for one in &self.served {
            details.push_str(&format!(" {}", one.revision));
            details.extend(one.base.iter().map(|base| format!(" {base}")));
            for (revision, digest) in &one.resources {
                details.push_str(&format!(" {revision}"));
                details.extend(digest.iter().map(|digest| format!(" {digest}")));
            }
        }
        details
    }

    fn sort_columns() -> &'static [SortColumn] {
        const {
            &[
                SortColumn::words("charm"),
                SortColumn::newest("track"),
                SortColumn::newest("edge"),
                SortColumn::newest("candidate"),
                SortColumn::newest("beta"),
                SortColumn::newest("stable"),
            ]
        }
    }

    fn sort_value(&self, column: usize) -> Option<SortValue> {
        let risk = match column {
            0 => return Some(SortValue::Text(self.short.clone())),
            1 => return Some(SortValue::Text(self.track.to_string())),
            column => column - 2,
        };
        match self.cells.get(risk)? {
            Cell::Open { number, .. } => Some(SortValue::Number(*number)),
            Cell::Closed => None,
        }
    }
}

/// Risks in order of promotion.
pub const FLOW: [Risk; 4] = [Risk::Edge, Risk::Candidate, Risk::Beta, Risk::Stable];

/// Returns all rows: charms in the workspace's order, `latest` first, then the newest track.
pub fn rows(workspace: &Workspace, snapshot: &Snapshot, warm: bool) -> Vec<Row> {
    let newest = newest_published(workspace, snapshot, warm);
    let mut rows = Vec::new();
    for charm in &workspace.charms {
        let mut groups: BTreeMap<(Track, Option<String>), Vec<&ChannelRow>> = BTreeMap::new();
        for row in snapshot.rows(&charm.name) {
            groups
                .entry((row.channel.track.clone(), row.channel.branch.clone()))
                .or_default()
                .push(row);
        }
        // A track stays listed if all its channels are closed.
        let facts = snapshot
            .charms
            .get(&charm.name)
            .and_then(|facts| facts.value.as_ref());
        for track in facts.iter().flat_map(|facts| &facts.tracks) {
            groups.entry((track.clone(), None)).or_default();
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by(|((a, x), _), ((b, y), _)| {
            let latest = Track::latest();
            (b == &latest, b, x).cmp(&(a == &latest, a, y))
        });
        for ((track, branch), members) in groups {
            let cells = FLOW.map(|risk| {
                let here: Vec<&ChannelRow> = members
                    .iter()
                    .copied()
                    .filter(|row| row.channel.risk == risk)
                    .collect();
                cell(workspace, snapshot, charm, &here, newest, warm)
            });
            rows.push(Row {
                key: format!("{}/{track}/{}", charm.name, branch.as_deref().unwrap_or("")),
                short: short_name(workspace, charm.name.as_str()).to_owned(),
                charm: charm.name.clone(),
                track,
                branch,
                cells,
                served: members
                    .iter()
                    .map(|row| served(snapshot, &charm.name, row))
                    .collect(),
            });
        }
    }
    rows
}

fn served(snapshot: &Snapshot, charm: &CharmName, row: &ChannelRow) -> ServedRow {
    let resources = row.resources.iter().filter_map(|one| {
        let revision = one.revision?;
        let behind = snapshot.image_behind(charm, &one.name, revision);
        Some((revision, behind.map(|behind| behind.digest)))
    });
    ServedRow {
        revision: row.revision,
        base: row.base.clone(),
        resources: resources.collect(),
    }
}

/// Returns the newest release that channels are compared with: published, and not rolled back
/// since. Without `warm` only the markers are used, which is fast.
fn newest_published<'a>(
    workspace: &Workspace,
    snapshot: &'a Snapshot,
    warm: bool,
) -> Option<&'a ReleaseName> {
    let markers = snapshot.markers.value.as_ref()?;
    let mut marked = snapshot
        .releases
        .value
        .iter()
        .flatten()
        .filter(|release| markers.contains(&release.name));
    let runs = |release: &&Release| {
        !warm || evidence::standing(workspace, snapshot, release).published != Some(Published::RolledBack)
    };
    marked.find(runs).map(|release| &release.name)
}

fn cell(
    workspace: &Workspace,
    snapshot: &Snapshot,
    charm: &Charm,
    rows: &[&ChannelRow],
    newest: Option<&ReleaseName>,
    warm: bool,
) -> Cell {
    // If bases run the same revision, the newest one is shown for all.
    let Some(row) = rows.iter().min_by_key(|row| Reverse(row.revision)) else {
        return Cell::Closed;
    };
    let mut image = None;
    let mut known = false;
    let mut behind = false;
    let mut mixed = false;
    if warm && let Some((resource, key)) = charm.fed().next() {
        let releases = evidence::releases_in_row(workspace, snapshot, charm, resource, row);
        known = !releases.is_empty();
        image = image_words(workspace, snapshot, charm, (resource, key), row);
        mixed = evidence::has_mixed_bases(snapshot, &charm.name, &row.channel);
        if mixed {
            let mut all: Vec<String> = image.into_iter().collect();
            for other in rows {
                let words = image_words(workspace, snapshot, charm, (resource, key), other);
                all.extend(words.filter(|words| !all.contains(words)));
            }
            image = Some(all.join(" | "));
        }
        behind = known
            && row.channel.risk == Risk::Edge
            && row.channel.track == Track::latest()
            && row.channel.branch.is_none()
            && newest.is_some_and(|newest| is_behind(snapshot, &releases, newest));
    }
    let others = rows.iter().filter(|other| other.revision != row.revision).count();
    Cell::Open {
        revision: row.revision.to_string(),
        number: row.revision.0,
        image,
        known,
        behind,
        more: others,
        mixed,
    }
}

/// Returns the image of a row: the tag that a release names, else digits of its digest.
fn image_words(
    workspace: &Workspace,
    snapshot: &Snapshot,
    charm: &Charm,
    (resource, key): (&ResourceName, &str),
    row: &ChannelRow,
) -> Option<String> {
    let releases = evidence::releases_in_row(workspace, snapshot, charm, resource, row);
    let tag = releases
        .first()
        .and_then(|name| snapshot.release(name)?.images.get(key));
    tag.map(|tag| SanitizedText::new(tag).to_string()).or_else(|| {
        let behind = snapshot.image_behind(&charm.name, resource, row.resource(resource)?)?;
        Some(behind.digest.short())
    })
}

/// Returns true if every release that names the image is older than the newest published one.
fn is_behind(snapshot: &Snapshot, releases: &[ReleaseName], newest: &ReleaseName) -> bool {
    let made = |name: &ReleaseName| snapshot.release(name).and_then(|r| Some((r.made_at()?, &r.name)));
    let Some(newest) = made(newest) else {
        return false;
    };
    releases
        .iter()
        .all(|name| made(name).is_some_and(|own| own < newest))
}

/// Returns the channels of a row that serve nothing of their own, with what deployments that use them get.
fn closed(snapshot: &Snapshot, row: &Row) -> Vec<Line> {
    if snapshot.rows_read_at(&row.charm).is_none() {
        return Vec::new();
    }
    let rows = snapshot.rows(&row.charm);
    let mut lines = Vec::new();
    for risk in FLOW {
        let channel = Channel {
            track: row.track.clone(),
            risk,
            branch: row.branch.clone(),
        };
        // A branch has a single risk.
        if row.branch.is_some() || rows.iter().any(|one| one.channel == channel) {
            continue;
        }
        let text = match followed(rows, &channel) {
            Some(other) => format!("closed: deployments that use it get {other}"),
            None => "closed".to_owned(),
        };
        lines.push(Line::of(&channel.to_string(), text, Tone::Dim));
    }
    if !lines.is_empty() {
        lines.push(Line::blank());
    }
    lines
}

/// Returns the lines of everything known about the channels of a row.
pub fn details(workspace: &Workspace, snapshot: &Snapshot, row: &Row, now: DateTime<Utc>) -> Vec<Line> {
    let mut lines = Vec::new();
    let charm = workspace.charm(&row.charm);
    let mut members: Vec<&ChannelRow> = snapshot
        .rows(&row.charm)
        .iter()
        .filter(|r| r.channel.track == row.track && r.channel.branch == row.branch)
        .collect();
    members.sort_by(|a, b| (b.channel.risk, &a.base).cmp(&(a.channel.risk, &b.base)));
    for member in members {
        lines.push(Line::heading(member.channel.to_string()));
        if let Some(base) = &member.base {
            lines.push(Line::of("base", base.to_string(), Tone::Plain));
        }
        let version = snapshot
            .charms
            .get(&row.charm)
            .and_then(|facts| facts.value.as_ref()?.revision(member.revision))
            .map(|facts| format!("  version {}", facts.version))
            .unwrap_or_default();
        lines.push(Line::of(
            "revision",
            format!("{}{version}", member.revision),
            Tone::Plain,
        ));
        if let Some(at) = member.released_at {
            lines.push(Line::of(
                "released",
                format!("{} UTC ({})", words::minute(at), words::age(now, at)),
                Tone::Plain,
            ));
        }
        for attached in &member.resources {
            let Some(revision) = attached.revision else {
                lines.push(Line::of(
                    attached.name.as_str(),
                    "not attached".to_owned(),
                    Tone::Dim,
                ));
                continue;
            };
            lines.push(Line::of(
                attached.name.as_str(),
                revision.to_string(),
                Tone::Plain,
            ));
            if let Some(behind) = snapshot.image_behind(&row.charm, &attached.name, revision) {
                lines.push(Line::of("  digest", behind.digest.to_string(), Tone::Plain));
                if let Some(config) = behind.config_digest() {
                    lines.push(Line::of("  config", config.to_string(), Tone::Dim));
                }
            }
            let releases = charm
                .map(|charm| evidence::releases_in_row(workspace, snapshot, charm, &attached.name, member))
                .unwrap_or_default();
            if !releases.is_empty() {
                let names: Vec<_> = releases.iter().map(ToString::to_string).collect();
                lines.push(Line::of("  release", names.join(", "), Tone::Good));
            }
        }
        lines.push(Line::blank());
    }
    lines.extend(closed(snapshot, row));
    lines
}
