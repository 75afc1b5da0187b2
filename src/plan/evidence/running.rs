//! Determines what the charms of a workspace run of one release on its track, base by base.

use std::collections::BTreeSet;

use super::releases_in_row;
use crate::config::Workspace;
use crate::config::workspace::Charm;
use crate::domain::charm::{ChannelRow, Serving};
use crate::domain::{Base, Channel, Release, ReleaseName, Risk, Snapshot, Track};

/// What was observed of a release on its track, as sentences.
#[derive(Debug, Default)]
pub(super) struct Running {
    /// Channels that run an image of the release.
    pub runs: Vec<String>,
    /// True if one of these images is in no other release that is marked on the track.
    pub own: bool,
    /// True if one of these channels is a channel of the workspace.
    pub where_published: bool,
    /// Bases that run a later marked release of the track, as is usual after some time.
    pub replaced: Vec<String>,
    /// Charms and bases that run something else or nothing.
    pub missing: Vec<String>,
    /// Charms and bases for which it is unknown.
    pub unknown: Vec<String>,
}

/// Returns the releases among `named` other than `release`, as the end of a sentence about it.
pub fn also_named(named: &[ReleaseName], release: &ReleaseName) -> String {
    let others: BTreeSet<&str> = named
        .iter()
        .filter(|name| *name != release)
        .map(ReleaseName::as_str)
        .collect();
    if others.is_empty() {
        return String::new();
    }
    let others: Vec<&str> = others.into_iter().collect();
    format!(", also the image of {}", others.join(", "))
}

/// What one base of a charm runs.
enum BaseRuns {
    Release { own: bool, channels: Vec<Channel> },
    Later(ReleaseName),
    Another(String),
    Unknown,
}

impl Running {
    /// Observes `release` in `snapshot`.
    pub fn of(workspace: &Workspace, snapshot: &Snapshot, release: &Release) -> Self {
        let mut running = Self::default();
        let Ok(track) = release.name.track() else {
            return running;
        };
        let published_to = workspace.channels_for(&release.name).unwrap_or_default();
        let home = published_to.iter().find(|channel| channel.track == track);
        for charm in workspace.fed_charms() {
            if !charm.fed().any(|(_, key)| release.images.contains_key(key)) {
                continue;
            }
            let rows = snapshot.rows(&charm.name);
            let on_track = |row: &&ChannelRow| row.channel.track == track && row.channel.branch.is_none();
            let rows: Vec<&ChannelRow> = rows.iter().filter(on_track).collect();
            if rows.is_empty() {
                let charm = &charm.name;
                if snapshot.rows_read_at(charm).is_some() {
                    let edge = Channel::new(track.clone(), Risk::Edge);
                    let closed = home.unwrap_or(&edge);
                    running.missing.push(format!("{charm} {closed} is closed"));
                } else {
                    let text = format!(
                        "the channels of {charm} on track {track} could not be \
                        checked"
                    );
                    running.unknown.push(text);
                }
                continue;
            }
            let asked = Asked {
                workspace,
                snapshot,
                release,
                charm,
                track: &track,
            };
            let bases: BTreeSet<Option<&Base>> = rows.iter().map(|row| row.base.as_ref()).collect();
            for base in bases {
                let own_rows: Vec<&ChannelRow> = rows
                    .iter()
                    .filter(|row| row.base.as_ref() == base)
                    .copied()
                    .collect();
                running.add(&asked, base, &own_rows, home);
            }
        }
        running
    }

    /// Returns true if nothing that was observed runs the release and no other marked release has
    /// its images.
    pub fn is_none(&self) -> bool {
        !self.own && self.replaced.is_empty() && self.unknown.is_empty()
    }

    fn add(&mut self, asked: &Asked<'_>, base: Option<&Base>, rows: &[&ChannelRow], home: Option<&Channel>) {
        let charm = &asked.charm.name;
        let on = base.map_or_else(String::new, |base| format!(" on {base}"));
        match asked.base_runs(rows) {
            BaseRuns::Release { own, channels } => {
                self.own |= own;
                self.where_published |= home.is_some_and(|home| channels.contains(home));
                let images: Vec<&str> = asked.charm.fed().map(|(name, _)| name.as_str()).collect();
                let images = images.join(", ");
                let release = &asked.release.name;
                self.runs.extend(
                    rows.iter()
                        .filter(|row| channels.contains(&row.channel))
                        .map(|row| {
                            let (channel, serving) = (&row.channel, Serving::of(row));
                            let others = also_named(&asked.named(row), release);
                            format!("{charm} {channel} runs {images} of {release}: {serving}{on}{others}")
                        }),
                );
            }
            BaseRuns::Later(release) => self.replaced.push(format!(
                "{charm} runs {release} on track {}{on}, a later release of the month",
                asked.track
            )),
            BaseRuns::Another(text) => self.missing.push(format!("{charm} {text}{on}")),
            BaseRuns::Unknown => self.unknown.push(format!(
                "the channels of {charm} on track {}{on} could not be checked",
                asked.track
            )),
        }
    }
}

/// The release that every base is compared with.
struct Asked<'a> {
    workspace: &'a Workspace,
    snapshot: &'a Snapshot,
    release: &'a Release,
    charm: &'a Charm,
    track: &'a Track,
}

impl Asked<'_> {
    /// Returns the releases that name an image of `row`.
    fn named(&self, row: &ChannelRow) -> Vec<ReleaseName> {
        let fed = self.charm.fed();
        fed.flat_map(|(resource, _)| {
            releases_in_row(self.workspace, self.snapshot, self.charm, resource, row)
        })
        .collect()
    }

    /// Returns what `rows`, all of one base, run.
    fn base_runs(&self, rows: &[&ChannelRow]) -> BaseRuns {
        let mut channels = Vec::new();
        let mut own = false;
        let mut unknown = false;
        let mut later = None;
        let mut another = None;
        for row in rows {
            let mut here = true;
            for (resource, key) in self.charm.fed() {
                let Some(tag) = self.release.images.get(key) else {
                    continue;
                };
                let named = releases_in_row(self.workspace, self.snapshot, self.charm, resource, row);
                if named.contains(&self.release.name) {
                    own |= !self.is_shared(key, tag);
                    continue;
                }
                here = false;
                let behind = row
                    .resource(resource)
                    .and_then(|revision| self.snapshot.image_behind(&self.charm.name, resource, revision));
                if row.resource(resource).is_some() && behind.is_none() || !self.is_resolved(key, tag) {
                    unknown = true;
                }
                later = later.or_else(|| self.later(&named));
                let what = match (named.first(), behind) {
                    (Some(first), _) => format!("the image of {first}"),
                    (None, Some(behind)) => {
                        format!("image {}, which no release names", behind.digest.short())
                    }
                    (None, None) => "no image".to_owned(),
                };
                another =
                    another.or_else(|| Some(format!("{} runs {}, {what}", row.channel, Serving::of(row))));
            }
            if here {
                channels.push(row.channel.clone());
            }
        }
        match (channels.is_empty(), unknown, later, another) {
            (false, ..) => BaseRuns::Release { own, channels },
            (true, true, ..) => BaseRuns::Unknown,
            (true, false, Some(release), _) => BaseRuns::Later(release),
            (true, false, None, Some(text)) => BaseRuns::Another(text),
            (true, false, None, None) => BaseRuns::Unknown,
        }
    }

    /// Returns the marked release among `named` that was published on the track after this one.
    fn later(&self, named: &[ReleaseName]) -> Option<ReleaseName> {
        let markers = self.snapshot.markers.value.as_ref()?;
        let made = |release: &Release| (release.made_at(), release.name.clone());
        let own = made(self.release);
        let is_later = |name: &&ReleaseName| {
            markers.contains(*name)
                && name.month() == self.track.as_str()
                && self.snapshot.release(name).is_some_and(|other| made(other) > own)
        };
        named.iter().find(is_later).cloned()
    }

    /// Returns true if another release that is marked on the track names the same image.
    fn is_shared(&self, key: &str, tag: &str) -> bool {
        let Some(markers) = self.snapshot.markers.value.as_ref() else {
            return false;
        };
        self.snapshot.releases.value.iter().flatten().any(|other| {
            other.name != self.release.name
                && markers.contains(&other.name)
                && other.name.month() == self.track.as_str()
                && other.images.get(key).is_some_and(|its| its == tag)
        })
    }

    /// Returns true if the image that the release names under `key` was resolved.
    fn is_resolved(&self, key: &str, tag: &str) -> bool {
        self.workspace
            .image_repository(key)
            .ok()
            .and_then(|repository| self.snapshot.image(&repository.tagged(tag)))
            .is_some_and(|observed| observed.value.is_some())
    }
}
