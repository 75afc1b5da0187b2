//! How often upstream releases, and how long a release then waited to be published.
//!
//! Owns what is counted and what a lag rests on: a run that published it, else the channels of its
//! track that run an image which no other published release of that track names. Where neither
//! tells, the lag is unknown and said to be. Pure: the time is the caller's. Must not guess.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, Utc};

use super::evidence;
use crate::config::Workspace;
use crate::domain::{Release, ReleaseName, Snapshot};

/// Months that are looked back on, the current one among them.
const MONTHS: i32 = 24;

/// What the time of a publication rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// A run of this journal: that is when it was.
    Run,
    /// A channel that runs it since then: it was then or before.
    Channel,
}

/// How long a release waited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lag {
    /// The release.
    pub release: ReleaseName,
    /// When it was published.
    pub published: DateTime<Utc>,
    /// Whole days from its making to its publication.
    pub days: u64,
    /// What that rests on.
    pub told: Told,
}

/// The rhythm of releases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rhythm {
    /// Releases a month, the oldest month first, the current one last.
    pub months: Vec<u64>,
    /// Known lags, the oldest release first.
    pub lags: Vec<Lag>,
    /// Published releases whose lag nobody can tell.
    pub unknown: usize,
}

impl Rhythm {
    /// The rhythm of `snapshot` at `now`. `runs` says when runs of the journal published what; of
    /// several that published the same the first counts.
    pub fn of(
        workspace: &Workspace,
        snapshot: &Snapshot,
        runs: impl Iterator<Item = (ReleaseName, DateTime<Utc>)>,
        now: DateTime<Utc>,
    ) -> Self {
        let releases = snapshot.releases.value.as_deref().unwrap_or_default();
        let mut by_runs: BTreeMap<ReleaseName, DateTime<Utc>> = BTreeMap::new();
        for (release, at) in runs {
            let first = by_runs.entry(release).or_insert(at);
            *first = at.min(*first);
        }
        let seen = since_when(workspace, snapshot);
        let mut lags = Vec::new();
        let mut unknown = 0;
        let markers = snapshot.markers.value.as_ref();
        let published = |release: &&Release| markers.is_some_and(|markers| markers.contains(&release.name));
        for release in releases.iter().filter(published) {
            match lag(release, by_runs.get(&release.name), seen.get(&release.name)) {
                Some(lag) => lags.push((release.made_at(), lag)),
                None => unknown += 1,
            }
        }
        lags.sort_by_key(|(made, lag)| (*made, lag.release.clone()));
        Self {
            months: months(releases, now),
            lags: lags.into_iter().map(|(_, lag)| lag).collect(),
            unknown,
        }
    }

    /// Releases a month, over the months counted; `None` where there is none.
    pub fn per_month(&self) -> Option<f64> {
        let all: u64 = self.months.iter().sum();
        (all > 0).then(|| all as f64 / self.months.len() as f64)
    }

    /// The lag of a release.
    pub fn lag(&self, release: &ReleaseName) -> Option<&Lag> {
        self.lags.iter().find(|lag| &lag.release == release)
    }

    /// Cadence and lag with what they rest on, for a place that has the room of a line.
    pub fn sentence(&self) -> Option<String> {
        let mut text = format!("{} over {} months", self.cadence_words()?, self.months.len());
        if let Some(lag) = self.lag_words() {
            text.push_str(&format!("; {lag}"));
        }
        if self.unknown > 0 && !self.lags.is_empty() {
            text.push_str(&format!(
                " (of {} releases; {} nobody can tell)",
                self.lags.len(),
                self.unknown
            ));
        }
        Some(text)
    }

    /// The middle of the known lags, in days; of two in the middle the greater one.
    pub fn median(&self) -> Option<u64> {
        let mut days: Vec<u64> = self.lags.iter().map(|lag| lag.days).collect();
        days.sort_unstable();
        days.get(days.len() / 2).copied()
    }

    /// The longest of the known lags, in days.
    pub fn worst(&self) -> Option<u64> {
        self.lags.iter().map(|lag| lag.days).max()
    }

    /// The cadence in words: `cadence 1.3/month`.
    pub fn cadence_words(&self) -> Option<String> {
        Some(format!("cadence {:.1}/month", self.per_month()?))
    }

    /// True where some lag is told by a channel alone, so that it was that long or shorter.
    pub fn at_most(&self) -> bool {
        self.lags.iter().any(|lag| lag.told == Told::Channel)
    }

    /// The lag in words: `lag median 2 d, worst 9 d`, `at most` where only channels tell, or that it
    /// is not known; nothing where no release is published.
    pub fn lag_words(&self) -> Option<String> {
        let most = if self.at_most() { " at most" } else { "" };
        match (self.median(), self.worst()) {
            (Some(median), Some(worst)) => Some(format!("lag median {median} d, worst {worst} d{most}")),
            _ if self.unknown > 0 => Some("lag not known".to_owned()),
            _ => None,
        }
    }
}

/// The number of a month, counted from the year 0.
fn month(at: DateTime<Utc>) -> i32 {
    at.year() * 12 + at.month0() as i32
}

/// Releases a month: from the first one known, at most [`MONTHS`] back, to the month of `now`.
fn months(releases: &[Release], now: DateTime<Utc>) -> Vec<u64> {
    let last = month(now);
    let made: Vec<i32> = releases
        .iter()
        .filter_map(|release| release.made_at().map(month))
        .filter(|made| (last - MONTHS + 1..=last).contains(made))
        .collect();
    let Some(first) = made.iter().min() else {
        return Vec::new();
    };
    let older = releases
        .iter()
        .filter_map(Release::made_at)
        .any(|made| month(made) < last - MONTHS + 1);
    let first = if older { last - MONTHS + 1 } else { *first };
    (first..=last)
        .map(|at| made.iter().filter(|made| **made == at).count() as u64)
        .collect()
}

/// Since when a channel of its track runs a published release, where its images tell it from every
/// other one.
fn since_when(workspace: &Workspace, snapshot: &Snapshot) -> BTreeMap<ReleaseName, DateTime<Utc>> {
    let mut found: BTreeMap<ReleaseName, DateTime<Utc>> = BTreeMap::new();
    let Some(markers) = &snapshot.markers.value else {
        return found;
    };
    for charm in workspace.fed_charms() {
        for row in snapshot.rows(&charm.name) {
            let Some(at) = row.released_at else { continue };
            let track = row.channel.track.as_str();
            if !markers.iter().any(|name| name.month() == track) {
                continue;
            }
            for (resource, _) in charm.fed() {
                let mut named = evidence::releases_in_row(workspace, snapshot, charm, resource, row);
                named.retain(|name| markers.contains(name) && name.month() == track);
                if let [only] = named.as_slice() {
                    let first = found.entry(only.clone()).or_insert(at);
                    *first = at.min(*first);
                }
            }
        }
    }
    found
}

fn lag(release: &Release, run: Option<&DateTime<Utc>>, channel: Option<&DateTime<Utc>>) -> Option<Lag> {
    let made = release.made_at()?;
    let told = [(run, Told::Run), (channel, Told::Channel)];
    let (published, told) = told.into_iter().find_map(|(at, told)| Some((*at?, told)))?;
    // Published before it was made: one of the two dates lies, and no lag follows from a lie.
    if published < made {
        return None;
    }
    Some(Lag {
        release: release.name.clone(),
        published,
        days: u64::try_from((published - made).num_days()).ok()?,
        told,
    })
}

#[cfg(test)]
mod tests;
