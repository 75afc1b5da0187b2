//! Computes how often upstream releases, and how long a release then took to be published (its
//! lag).
//!
//! The time of publication is that of the run that published it. Otherwise it is taken from
//! channels of its track that run an image which no other published release of that track names. If
//! neither is known, the lag is reported as unknown.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, Utc};

use super::evidence;
use crate::config::Workspace;
use crate::domain::{Release, ReleaseName, Snapshot};

/// Number of months that are counted, including the current one.
const MONTHS: i32 = 24;

/// Evidence for the time of a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// A run of this journal: the time is exact.
    Run,
    /// A channel that runs it since then: it was published then or earlier.
    Channel,
}

/// Lag of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lag {
    /// The release.
    pub release: ReleaseName,
    /// When it was published.
    pub published: DateTime<Utc>,
    /// Whole days from its creation to its publication.
    pub days: u64,
    /// Evidence for the time of publication.
    pub told: Told,
}

/// Cadence and lags of releases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rhythm {
    /// Releases per month, oldest month first, current month last.
    pub months: Vec<u64>,
    /// Known lags, oldest release first.
    pub lags: Vec<Lag>,
    /// Number of published releases whose lag is unknown.
    pub unknown: usize,
}

impl Rhythm {
    /// Computes cadence and lags of `snapshot` at `now`. `runs` lists when runs of the journal
    /// published which release; the first run of a release counts.
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

    /// Returns the releases per month over the counted months; `None` if there are none.
    pub fn per_month(&self) -> Option<f64> {
        let all: u64 = self.months.iter().sum();
        (all > 0).then(|| all as f64 / self.months.len() as f64)
    }

    /// Returns the lag of a release.
    pub fn lag(&self, release: &ReleaseName) -> Option<&Lag> {
        self.lags.iter().find(|lag| &lag.release == release)
    }

    /// Returns cadence and lag with their evidence in one line.
    pub fn sentence(&self) -> Option<String> {
        let mut text = format!("{} over {} months", self.cadence_words()?, self.months.len());
        if let Some(lag) = self.lag_words() {
            text.push_str(&format!("; {lag}"));
        }
        if self.unknown > 0 && !self.lags.is_empty() {
            text.push_str(&format!(
                " (of {} releases; {} unknown)",
                self.lags.len(),
                self.unknown
            ));
        }
        Some(text)
    }

    /// Returns the median of the known lags in days; of two middle values the greater one.
    pub fn median(&self) -> Option<u64> {
        let mut days: Vec<u64> = self.lags.iter().map(|lag| lag.days).collect();
        days.sort_unstable();
        days.get(days.len() / 2).copied()
    }

    /// Returns the longest known lag in days.
    pub fn worst(&self) -> Option<u64> {
        self.lags.iter().map(|lag| lag.days).max()
    }

    /// Returns the cadence as text: `cadence 1.3/month`.
    pub fn cadence_words(&self) -> Option<String> {
        Some(format!("cadence {:.1}/month", self.per_month()?))
    }

    /// Returns true if a lag is known from a channel only, so that it is an upper limit.
    pub fn at_most(&self) -> bool {
        self.lags.iter().any(|lag| lag.told == Told::Channel)
    }

    /// Returns the lag as text: `lag median 2 d, worst 9 d`, with `at most` if it is known from
    /// channels only, or that it is unknown; `None` if no release is published.
    pub fn lag_words(&self) -> Option<String> {
        let most = if self.at_most() { " at most" } else { "" };
        match (self.median(), self.worst()) {
            (Some(median), Some(worst)) => Some(format!("lag median {median} d, worst {worst} d{most}")),
            _ if self.unknown > 0 => Some("lag unknown".to_owned()),
            _ => None,
        }
    }
}

/// Returns the number of a month, counted from the year 0.
fn month(at: DateTime<Utc>) -> i32 {
    at.year() * 12 + at.month0() as i32
}

/// Counts the releases per month, from the first known one, at most [`MONTHS`] back, to the month
/// of `now`.
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

/// Returns since when a channel of its track runs each published release, if its images distinguish
/// it from all others.
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
    // Published before it was made: one of the dates is wrong, so there is no lag.
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
