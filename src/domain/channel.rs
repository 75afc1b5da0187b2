//! Parses channels to their full form, `track/risk[/branch]`, and describes the base of a channel
//! row.
//!
//! This is the only place where a channel is parsed. The store's publisher API writes the full
//! form; its public API leaves out `latest/` (`edge`, and `edge/fix` for the branch `fix` of
//! `latest/edge`); people write either.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::problem::{Problem, ProblemKind};
use super::text::SanitizedText;

/// A track such as `latest` or `2025-01`. Names follow the store's rule: letters and digits,
/// single `_ . -` between them, at most 28 characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Track(String);

impl Track {
    /// Returns `latest`, the track that every charm has.
    pub fn latest() -> Self {
        Self("latest".to_owned())
    }

    /// Returns the track's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Track {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let mut valid = !text.is_empty() && text.len() <= 28;
        let mut separator = true;
        for c in text.chars() {
            match c {
                c if c.is_ascii_alphanumeric() => separator = false,
                '_' | '.' | '-' if !separator => separator = true,
                _ => valid = false,
            }
        }
        if valid && !separator {
            Ok(Self(text.to_owned()))
        } else {
            Err(Problem::new(
                ProblemKind::Usage,
                format!("'{}' is not a track", SanitizedText::capped(text, 60)),
            )
            .hint(
                "a track consists of letters and digits with single _ . - between them, at most 28 \
                characters",
            ))
        }
    }
}

impl fmt::Display for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Track {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Risk levels of a channel, most stable first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// For general use.
    Stable,
    /// Release candidate for stable.
    Candidate,
    /// For testing.
    Beta,
    /// The latest build.
    Edge,
}

impl Risk {
    /// All risks, most stable first.
    pub const ALL: [Self; 4] = [Self::Stable, Self::Candidate, Self::Beta, Self::Edge];

    /// Returns the name used in channels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Candidate => "candidate",
            Self::Beta => "beta",
            Self::Edge => "edge",
        }
    }

    /// Parses a risk. The hint for another text offers only the risks of `offered`, which must not be
    /// empty.
    pub fn parse_offering(text: &str, offered: &[Self]) -> Result<Self, Problem> {
        if let Some(risk) = Self::ALL.into_iter().find(|risk| risk.as_str() == text) {
            return Ok(risk);
        }
        let near = Self::misspelled(text).filter(|risk| offered.contains(risk));
        let near = near.map_or_else(String::new, |risk| format!("did you mean {risk}? "));
        let names: Vec<&str> = offered.iter().map(|risk| risk.as_str()).collect();
        let names = match names.split_last() {
            Some((last, [])) => (*last).to_owned(),
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
            None => String::new(),
        };
        Err(Problem::new(
            ProblemKind::Usage,
            format!("'{}' is not a risk", SanitizedText::capped(text, 60)),
        )
        .hint(format!("{near}use {names}")))
    }

    /// Returns the risk that `text` is a misspelling of: in another case, or with one typing error.
    fn misspelled(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        Self::ALL
            .into_iter()
            .filter(|risk| risk.as_str() != text)
            .find(|risk| strsim::osa_distance(&lower, risk.as_str()) <= 1)
    }
}

impl FromStr for Risk {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        Self::parse_offering(text, &Self::ALL)
    }
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A channel in full form. A bare risk means the `latest` track and a bare track means its `stable`
/// risk. If the first of two parts is a risk, the second is a branch.
///
/// A bare word that is nearly a risk (`Beta`) is refused where people write channels: its track is
/// written with the risk, `Beta/stable`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel {
    /// `latest`, `2025-01`, …
    pub track: Track,
    /// `stable` … `edge`.
    pub risk: Risk,
    /// A short-lived branch of the channel.
    pub branch: Option<String>,
}

impl Channel {
    /// Returns the channel of `track` and `risk` without a branch.
    pub fn new(track: Track, risk: Risk) -> Self {
        Self {
            track,
            risk,
            branch: None,
        }
    }

    /// Parses the channel of a row of the public API, which has track and risk in separate fields
    /// and the branch only in its `name`.
    ///
    /// Fails if the name contradicts the fields, because the row could be mistaken for that of
    /// another channel.
    pub fn from_public(track: &Track, risk: Risk, name: &str) -> Result<Self, Problem> {
        let named = Self::parse(name, BareTrack::Any).ok();
        named
            .filter(|channel| (&channel.track, channel.risk) == (track, risk))
            .ok_or_else(|| {
                let name = SanitizedText::capped(name, 100);
                Problem::new(
                    ProblemKind::Service,
                    format!("a channel of track {track} and risk {risk} has the name '{name}'"),
                )
            })
    }
}

/// Which tracks may be written without a risk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BareTrack {
    /// Every track: services write it like that.
    Any,
    /// Every track that is not a misspelled risk.
    NoMisspelledRisk,
}

impl FromStr for Channel {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        Self::parse(text, BareTrack::NoMisspelledRisk)
    }
}

impl Channel {
    fn parse(text: &str, bare: BareTrack) -> Result<Self, Problem> {
        let fail = |problem: Problem| {
            problem.within(format!("'{}' is not a channel", SanitizedText::capped(text, 100)))
        };
        let mut parts = text.split('/');
        let first = parts.next().unwrap_or_default();
        let second = parts.next();
        let third = parts.next();
        if parts.next().is_some() {
            return Err(fail(Problem::new(
                ProblemKind::Usage,
                "use track/risk or track/risk/branch",
            )));
        }
        let branch = |name: &str| -> Result<Option<String>, Problem> {
            let fine = !name.is_empty()
                && name.len() <= 128
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '+'));
            if fine {
                Ok(Some(name.to_owned()))
            } else {
                Err(fail(Problem::new(
                    ProblemKind::Usage,
                    "the branch contains invalid characters",
                )))
            }
        };
        match (first.parse::<Risk>(), second, third) {
            (Ok(risk), None, None) => Ok(Self::new(Track::latest(), risk)),
            (Ok(risk), Some(name), None) => Ok(Self {
                track: Track::latest(),
                risk,
                branch: branch(name)?,
            }),
            (_, None, _) => {
                let track: Track = first.parse().map_err(fail)?;
                match Risk::misspelled(first) {
                    Some(risk) if bare == BareTrack::NoMisspelledRisk => Err(Problem::new(
                        ProblemKind::Usage,
                        format!("'{track}' is not a channel"),
                    )
                    .hint(format!(
                        "did you mean {risk}? The track {track} is written with its risk: {track}/{}",
                        Risk::Stable
                    ))),
                    _ => Ok(Self::new(track, Risk::Stable)),
                }
            }
            (_, Some(risk), third) => Ok(Self {
                track: first.parse().map_err(fail)?,
                risk: risk.parse().map_err(fail)?,
                branch: third.map(branch).transpose()?.flatten(),
            }),
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match &self.branch {
            None => format!("{}/{}", self.track, self.risk),
            Some(branch) => format!("{}/{}/{branch}", self.track, self.risk),
        };
        f.pad(&text)
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Channel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Channel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text, BareTrack::Any).map_err(serde::de::Error::custom)
    }
}

/// What a charm revision is built for: `ubuntu` `22.04` `amd64`. A channel has one row per base.
///
/// Bases are ordered by name, then newest release first, then by architecture. Every list of bases
/// uses this order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Base {
    /// Distribution, such as `ubuntu`.
    pub name: String,
    /// Release of the distribution, such as `22.04`.
    pub channel: String,
    /// The store's name of the architecture; `all` means any.
    pub architecture: String,
}

impl Base {
    /// Returns true if a revision built for `self` (which may say `all`) can be released to a row
    /// of base `row`.
    pub fn covers(&self, row: &Self) -> bool {
        let part = |own: &str, other: &str| own == other || own == "all";
        part(&self.name, &row.name)
            && part(&self.channel, &row.channel)
            && part(&self.architecture, &row.architecture)
    }
}

impl Ord for Base {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name
            .cmp(&other.name)
            .then_with(|| release_key(&other.channel).cmp(&release_key(&self.channel)))
            .then_with(|| other.channel.cmp(&self.channel))
            .then_with(|| self.architecture.cmp(&other.architecture))
    }
}

impl PartialOrd for Base {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Returns the numbers of a release (`22.04`), so that `9` sorts before `10`; empty for a word such
/// as `all`.
fn release_key(channel: &str) -> Vec<u64> {
    let parts = channel.split('.').map(str::parse);
    parts.collect::<Result<_, _>>().unwrap_or_default()
}

impl Base {
    /// Returns the release and, unless it is the usual one, the architecture:
    /// `22.04`, `22.04 arm64`.
    pub fn short(&self) -> String {
        let channel = SanitizedText::capped(&self.channel, 40);
        if self.architecture == "amd64" {
            channel.to_string()
        } else {
            format!("{channel} {}", SanitizedText::capped(&self.architecture, 40))
        }
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!(
            "{} {} {}",
            SanitizedText::capped(&self.name, 40),
            SanitizedText::capped(&self.channel, 40),
            SanitizedText::capped(&self.architecture, 40)
        );
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(text: &str) -> String {
        text.parse::<Channel>().unwrap().to_string()
    }

    #[test]
    fn short_forms_become_full() {
        for (text, channel) in [
            ("stable", "latest/stable"),
            ("edge", "latest/edge"),
            ("latest", "latest/stable"),
            ("latest/edge", "latest/edge"),
            ("edge/fix-1", "latest/edge/fix-1"),
            ("latest/edge/fix-1", "latest/edge/fix-1"),
            // A branch may have the name of a risk.
            ("edge/stable", "latest/edge/stable"),
            ("2025-01", "2025-01/stable"),
            ("2025-01/edge", "2025-01/edge"),
            ("1.0/edge/fix", "1.0/edge/fix"),
        ] {
            assert_eq!(full(text), channel, "{text}");
        }
    }

    #[test]
    fn the_public_api_names_branches_of_latest_in_two_parts() {
        let read = |track: &str, risk: Risk, name: &str| {
            Channel::from_public(&track.parse().unwrap(), risk, name).map(|channel| channel.to_string())
        };
        for (track, name, channel) in [
            ("latest", "edge", "latest/edge"),
            ("latest", "latest/edge", "latest/edge"),
            ("latest", "edge/fix", "latest/edge/fix"),
            ("latest", "latest/edge/fix", "latest/edge/fix"),
            ("2025-01", "2025-01/edge", "2025-01/edge"),
            ("2025-01", "2025-01/edge/fix", "2025-01/edge/fix"),
        ] {
            assert_eq!(read(track, Risk::Edge, name).unwrap(), channel, "{name}");
        }
        assert_eq!(read("1.0", Risk::Stable, "1.0").unwrap(), "1.0/stable");
        for (track, name) in [
            ("latest", "1.0/edge"),
            ("1.0", "edge/fix"),
            ("latest", "stable"),
            ("latest", ""),
        ] {
            assert!(read(track, Risk::Edge, name).is_err(), "{track}: {name}");
        }
    }

    #[test]
    fn a_misspelled_risk_is_no_track_unless_it_has_a_risk() {
        for (text, risk) in [
            ("Beta", "beta"),
            ("EDGE", "edge"),
            ("Stable", "stable"),
            ("stabel", "stable"),
            ("canditate", "candidate"),
            ("bta", "beta"),
            ("betaa", "beta"),
            ("Edgr", "edge"),
        ] {
            let problem = text.parse::<Channel>().unwrap_err();
            assert_eq!(problem.kind, ProblemKind::Usage, "{text}");
            assert_eq!(
                problem.summary.as_str(),
                format!("'{text}' is not a channel"),
                "{text}"
            );
            let hint =
                format!("did you mean {risk}? The track {text} is written with its risk: {text}/stable");
            assert_eq!(problem.hints[0].as_str(), hint);
            for explicit in [format!("{text}/edge"), format!("{text}/stable/fix")] {
                assert_eq!(full(&explicit), explicit, "a track may be named like that");
            }
            let problem = format!("latest/{text}").parse::<Channel>().unwrap_err();
            let hint = problem.hints[0].as_str();
            assert!(hint.contains(&format!("did you mean {risk}?")), "{text}: {hint}");
        }
        for track in ["latest", "2025-01", "1.0", "beta-2", "ledge2", "stables2", "b"] {
            assert_eq!(full(track), format!("{track}/stable"), "not near any risk");
        }
    }

    #[test]
    fn a_service_may_write_any_track_without_its_risk() {
        let read: Channel = serde_json::from_str("\"Beta\"").unwrap();
        assert_eq!(read.to_string(), "Beta/stable");
        let read = Channel::from_public(&"Beta".parse().unwrap(), Risk::Stable, "Beta").unwrap();
        assert_eq!(read.to_string(), "Beta/stable");
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            "",
            "a/b",
            "latest/edge/x/y",
            "la test/edge",
            "latest//x",
            "a--b/edge",
            "-a/edge",
            "a/edge/",
        ] {
            assert!(bad.parse::<Channel>().is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn full_forms_read_back_as_themselves(text in "[a-z0-9./_-]{0,40}") {
            if let Ok(channel) = text.parse::<Channel>() {
                proptest::prop_assert_eq!(channel.to_string().parse::<Channel>().ok(), Some(channel));
            }
        }
    }

    #[test]
    fn all_covers_any_architecture() {
        let all = Base {
            name: "ubuntu".into(),
            channel: "20.04".into(),
            architecture: "all".into(),
        };
        let amd = Base {
            architecture: "amd64".into(),
            ..all.clone()
        };
        assert!(all.covers(&amd));
        assert!(!amd.covers(&all));
    }

    #[test]
    fn bases_are_listed_the_newest_first() {
        let base = |channel: &str, architecture: &str| Base {
            name: "ubuntu".into(),
            channel: channel.into(),
            architecture: architecture.into(),
        };
        let mut bases = [
            base("all", "all"),
            base("9.10", "amd64"),
            base("20.04", "amd64"),
            base("22.04", "arm64"),
            base("22.04", "amd64"),
        ];
        bases.sort();
        let listed = bases.map(|base| base.short());
        assert_eq!(listed, ["22.04", "22.04 arm64", "20.04", "9.10", "all all"]);
    }
}
