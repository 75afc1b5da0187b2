//! Describes upstream releases: names, manifests, the selection of releases to publish, and
//! warnings.
//!
//! `manifest.json` is read leniently: `core` is required, everything else is optional. The
//! selection follows the job that windlass replaces (the last name of each calendar month after a
//! cut-off date).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Deserializer, Serialize};

use super::channel::Track;
use super::problem::{Problem, ProblemKind};
use super::text::SanitizedText;

/// The name of a release: `YYYY-MM-DD` and an optional suffix that is valid in a branch name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ReleaseName(String);

impl ReleaseName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the calendar month, `yyyy-mm`, taken from the first two fields between dashes.
    pub fn month(&self) -> &str {
        self.0.get(..7).unwrap_or(&self.0)
    }

    /// Returns the date in the name; `None` if it is not a valid date.
    pub fn date(&self) -> Option<NaiveDate> {
        NaiveDate::parse_from_str(self.0.get(..10)?, "%Y-%m-%d").ok()
    }

    /// Returns the name, with the date that it was made if the name starts with another one.
    pub fn with_date(&self, made: DateTime<Utc>) -> String {
        if self.date() == Some(made.date_naive()) {
            self.0.clone()
        } else {
            format!("{} of {}", self.0, made.format("%Y-%m-%d"))
        }
    }

    /// Returns the track of the month.
    pub fn track(&self) -> Result<Track, Problem> {
        self.month().parse()
    }
}

impl FromStr for ReleaseName {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let bytes = text.as_bytes();
        let dated = bytes.len() >= 10
            && bytes.iter().take(10).enumerate().all(|(at, byte)| match at {
                4 | 7 => *byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        let branchable = text.len() <= 100
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+'))
            && !text.contains("..")
            && !text.ends_with(['.', '-']);
        if dated && branchable {
            Ok(Self(text.to_owned()))
        } else {
            Err(Problem::new(
                ProblemKind::Usage,
                format!("'{}' is not a release name", SanitizedText::capped(text, 120)),
            )
            .hint(
                "a release name is YYYY-MM-DD with an optional suffix such as _1; list releases with \
                'windlass releases'",
            ))
        }
    }
}

impl fmt::Display for ReleaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ReleaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ReleaseName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A warning about a release, for display and for JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Kind of the warning.
    pub kind: WarningKind,
    /// The warning as one sentence.
    pub text: SanitizedText,
}

/// Kinds of warnings about a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WarningKind {
    /// The date in the name and the timestamp are more than two days apart.
    Misdated,
    /// Another release names exactly the same images.
    SameContent,
    /// The release was seen before and is no longer upstream.
    Withdrawn,
    /// A marker branch exists without a release.
    Phantom,
    /// The manifest cannot be read.
    Unreadable,
    /// The evidence that the release is published is contradictory.
    Evidence,
}

/// One upstream release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Name of the release's folder.
    pub name: ReleaseName,
    /// Creation time, if the manifest has one.
    pub timestamp: Option<DateTime<Utc>>,
    /// Image repository -> tag, as in the manifest.
    pub images: BTreeMap<String, String>,
    /// Link to release notes; often empty.
    #[serde(default)]
    pub notes: Option<SanitizedText>,
    /// Why the manifest could not be read; then `images` is empty.
    #[serde(default)]
    pub unreadable: Option<Problem>,
}

#[derive(Deserialize)]
struct Manifest {
    version: Option<serde_json::Value>,
    timestamp: Option<serde_json::Value>,
    #[serde(rename = "releaseNotesUrl")]
    notes: Option<serde_json::Value>,
    core: Option<BTreeMap<String, serde_json::Value>>,
}

/// Smaller timestamps are in seconds, larger ones in milliseconds.
const SECONDS_BELOW: i64 = 100_000_000_000;

impl Release {
    /// Parses the manifest of the folder `name`. The folder's name is the name of the release: a
    /// different `version` in the manifest is ignored, as in the job that windlass replaces.
    pub fn from_manifest(name: ReleaseName, bytes: &[u8]) -> Result<Self, Problem> {
        let place = format!("the manifest of release {name}");
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| {
            Problem::new(ProblemKind::Invalid, format!("cannot read {place}"))
                .cause(format!(
                    "line {}, column {}: {error}",
                    error.line(),
                    error.column()
                ))
                .hint("the upstream file must be JSON with a 'core' object; report it upstream")
        })?;
        let core = manifest.core.ok_or_else(|| {
            Problem::new(ProblemKind::Invalid, format!("{place} has no 'core'"))
                .hint("'core' must map image repositories to tags; report it upstream")
        })?;
        let mut images = BTreeMap::new();
        for (image, tag) in core {
            match tag {
                serde_json::Value::String(tag) if !tag.trim().is_empty() => {
                    images.insert(image, tag.trim().to_owned());
                }
                other => {
                    return Err(Problem::new(
                        ProblemKind::Invalid,
                        format!("{place} has no tag for {}", SanitizedText::capped(&image, 100)),
                    )
                    .cause(format!(
                        "the value is {}",
                        SanitizedText::capped(other.to_string(), 60)
                    ))
                    .hint("report it upstream, or set a tag with --image"));
                }
            }
        }
        drop(manifest.version);
        let timestamp = manifest
            .timestamp
            .and_then(|value| value.as_i64())
            .and_then(|stamp| {
                let millis = if stamp < SECONDS_BELOW {
                    stamp.checked_mul(1000)?
                } else {
                    stamp
                };
                DateTime::from_timestamp_millis(millis)
            });
        let notes = manifest
            .notes
            .and_then(|value| value.as_str().map(str::to_owned))
            .filter(|text| !text.is_empty())
            .map(SanitizedText::new);
        Ok(Self {
            name,
            timestamp,
            images,
            notes,
            unreadable: None,
        })
    }

    /// Creates a release whose manifest could not be read. It stays in the list with its problem.
    pub fn unreadable(name: ReleaseName, problem: Problem) -> Self {
        Self {
            name,
            timestamp: None,
            images: BTreeMap::new(),
            notes: None,
            unreadable: Some(problem),
        }
    }

    /// Returns the creation time: the timestamp, or midnight of the date in the name.
    pub fn made_at(&self) -> Option<DateTime<Utc>> {
        self.timestamp.or_else(|| {
            self.name
                .date()
                .and_then(|day| day.and_hms_opt(0, 0, 0))
                .map(|naive| naive.and_utc())
        })
    }

    /// Returns a warning if the name and the timestamp disagree on the date. Two days of difference
    /// are allowed for time zones.
    pub fn misdated(&self) -> Option<Warning> {
        let named = self.name.date();
        let made = self.timestamp?.date_naive();
        let apart = named.map(|day| (made - day).num_days());
        if apart.is_some_and(|days| days.abs() <= 2) {
            return None;
        }
        let text = match named {
            Some(_) => format!(
                "its name says {}, the timestamp in its manifest says {made}: track {} is used, from the name",
                self.name,
                self.name.month()
            ),
            None => format!(
                "{} is not a calendar date: track {} is used, from the name",
                self.name,
                self.name.month()
            ),
        };
        Some(Warning {
            kind: WarningKind::Misdated,
            text: SanitizedText::new(text),
        })
    }
}

/// Maps each release to the releases with the same images. Unreadable releases are left out.
pub fn same_content(releases: &[Release]) -> BTreeMap<ReleaseName, Vec<ReleaseName>> {
    let mut by_images: BTreeMap<&BTreeMap<String, String>, Vec<&ReleaseName>> = BTreeMap::new();
    for release in releases.iter().filter(|r| !r.images.is_empty()) {
        by_images.entry(&release.images).or_default().push(&release.name);
    }
    let mut same = BTreeMap::new();
    for names in by_images.values().filter(|names| names.len() > 1) {
        for name in names {
            let others: Vec<ReleaseName> = names
                .iter()
                .filter(|o| o != &name)
                .map(|o| (*o).clone())
                .collect();
            same.insert((*name).clone(), others);
        }
    }
    same
}

/// Sorts releases newest first by creation time. Equal or unknown times are sorted by name.
pub fn newest_first(releases: &mut [Release]) {
    releases.sort_by(|a, b| (b.made_at(), &b.name).cmp(&(a.made_at(), &a.name)));
}

/// An image that at least one of two releases names, with its tag in each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImageChange<'a> {
    /// Image repository.
    pub image: &'a str,
    /// Tag in the first release.
    pub from: Option<&'a str>,
    /// Tag in the second release.
    pub to: Option<&'a str>,
    /// True if the tags differ.
    pub changed: bool,
}

/// Returns every image of the releases `from` and `to`, sorted by name.
pub fn diff<'a>(from: &'a Release, to: &'a Release) -> Vec<ImageChange<'a>> {
    let images: BTreeSet<&String> = from.images.keys().chain(to.images.keys()).collect();
    let tag = |release: &'a Release, image: &String| release.images.get(image).map(String::as_str);
    images
        .into_iter()
        .map(|image| {
            let (was, is) = (tag(from, image), tag(to, image));
            ImageChange {
                image,
                from: was,
                to: is,
                changed: was != is,
            }
        })
        .collect()
}

/// Returns the releases to publish by the rule of the job that windlass replaces: of the names
/// after `since`, the last of every calendar month, oldest month first. Manifests are not
/// considered.
pub fn newest_per_month<'a>(
    names: impl IntoIterator<Item = &'a ReleaseName>,
    since: &str,
) -> Vec<&'a ReleaseName> {
    let mut months: BTreeMap<&str, &ReleaseName> = BTreeMap::new();
    for name in names {
        if name.as_str() > since {
            let best = months.entry(name.month()).or_insert(name);
            if name > *best {
                *best = name;
            }
        }
    }
    months.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};

    fn manifests(folder: &str) -> Vec<PathBuf> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../assets/demo")
            .join(folder);
        let mut files: Vec<_> = std::fs::read_dir(root)
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        files.sort();
        files
    }

    fn name(text: &str) -> ReleaseName {
        text.parse().unwrap()
    }

    fn all() -> Vec<Release> {
        manifests("releases")
            .iter()
            .map(|file| {
                let stem = file.file_stem().unwrap().to_str().unwrap();
                Release::from_manifest(name(stem), &std::fs::read(file).unwrap()).unwrap()
            })
            .collect()
    }

    #[test]
    fn every_manifest_ever_seen_parses() {
        assert_eq!(all().len(), 42);
        let history = manifests("history");
        assert_eq!(history.len(), 13);
        for file in history {
            let release = Release::from_manifest(name("2021-01-01"), &std::fs::read(&file).unwrap()).unwrap();
            assert!(
                release.images.contains_key("finos/legend-studio"),
                "{}",
                file.display()
            );
        }
    }

    #[test]
    fn seconds_and_milliseconds_are_told_apart() {
        let read = |stamp: &str| {
            let text = format!("{{\"timestamp\": {stamp}, \"core\": {{\"a/b\": \"1\"}}}}");
            Release::from_manifest(name("2023-05-24"), text.as_bytes())
                .unwrap()
                .timestamp
                .unwrap()
        };
        assert_eq!(read("1684942836"), read("1684942836000"));
    }

    #[test]
    fn bad_manifests_name_the_release_and_the_place() {
        let read = |text: &str| Release::from_manifest(name("2025-01-27"), text.as_bytes()).unwrap_err();
        assert!(read("<html>").to_string().contains("2025-01-27"));
        assert!(read("<html>").to_string().contains("line 1"));
        assert!(read("{}").to_string().contains("no 'core'"));
        assert!(
            read("{\"core\": {\"finos/legend-studio\": null}}")
                .to_string()
                .contains("finos/legend-studio")
        );
        assert!(read("{\"core\": 3}").to_string().contains("2025-01-27"));
    }

    #[test]
    fn only_the_two_misdated_releases_are_called_so() {
        let odd: Vec<_> = all()
            .iter()
            .filter(|r| r.misdated().is_some())
            .map(|r| r.name.to_string())
            .collect();
        assert_eq!(odd, ["2024-01-06", "2024-01-08"]);
        let releases = all();
        let odd = releases
            .iter()
            .find(|release| release.name.as_str() == "2024-01-08");
        assert_eq!(
            odd.unwrap().misdated().unwrap().text.as_str(),
            "its name says 2024-01-08, the timestamp in its manifest says 2025-01-08: track 2024-01 is \
             used, from the name"
        );
    }

    #[test]
    fn seven_releases_share_their_content() {
        let same = same_content(&all());
        assert_eq!(same[&name("2023-06-26")].len(), 6);
        assert_eq!(same[&name("2023-11-07")], [name("2023-11-08")]);
        assert!(!same.contains_key(&name("2025-01-27")));
    }

    #[test]
    fn time_orders_before_the_name() {
        let mut releases = all();
        newest_first(&mut releases);
        let first: Vec<_> = releases.iter().take(4).map(|r| r.name.to_string()).collect();
        assert_eq!(first, ["2025-01-27", "2024-01-08", "2024-01-06", "2025-01-06"]);
    }

    #[test]
    fn the_old_rule_selects_ten() {
        let releases = all();
        let chosen: Vec<_> = newest_per_month(releases.iter().map(|r| &r.name), "2022-04-01")
            .into_iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            chosen,
            [
                "2022-04-26",
                "2022-05-05",
                "2023-05-30",
                "2023-06-27",
                "2023-07-03_4",
                "2023-09-01",
                "2023-11-08",
                "2023-12-05",
                "2024-01-08",
                "2025-01-27"
            ]
        );
    }

    #[test]
    fn suffixes_are_kept_and_dangerous_names_refused() {
        assert_eq!(name("2023-07-03_4").month(), "2023-07");
        for bad in [
            "2023-07",
            "x",
            "2023-07-03/..",
            "2023-07-03 x",
            "2023-07-03\u{1b}",
            "2023-07-03..",
        ] {
            assert!(bad.parse::<ReleaseName>().is_err(), "{bad}");
        }
    }
}
