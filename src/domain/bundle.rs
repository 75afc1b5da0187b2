//! Describes the bundle's repository as a publish needs it: the branch it starts from, the files in
//! it, the marker branches, the holds and the author of commits.

pub mod archive;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::problem::{Problem, ProblemKind};
use super::release::ReleaseName;
use super::text::SanitizedText;

/// The files that a bundle is packed from, if they exist.
pub const PACKED: [&str; 3] = ["bundle.yaml", "README.md", "icon.svg"];

/// Id of a commit: 40 hex digits, or 64 if the repository uses SHA-256.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct CommitId(String);

impl CommitId {
    /// Returns the full id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the first ten digits, for display.
    pub fn short(&self) -> &str {
        self.0.get(..10).unwrap_or(&self.0)
    }
}

impl FromStr for CommitId {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let hex = text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if hex && matches!(text.len(), 40 | 64) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Problem::new(
                ProblemKind::Service,
                format!("'{}' is not a commit id", SanitizedText::capped(text, 80)),
            ))
        }
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for CommitId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Holds the bytes of a small file. In JSON it is base64.
#[derive(Clone, PartialEq, Eq)]
pub struct FileBytes(pub Vec<u8>);

impl FileBytes {
    /// Returns the content as text; `None` if it is not UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl fmt::Debug for FileBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for FileBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use base64::Engine as _;
        serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for FileBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD
            .decode(String::deserialize(deserializer)?)
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

/// Author of a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// Name.
    pub name: String,
    /// Email address.
    pub email: String,
    /// Where the name and the address come from, for the preview.
    pub from: SanitizedText,
    /// Lines for the end of the commit message: the URL of the CI job and the actor that started
    /// it, when run in a job.
    #[serde(default)]
    pub remarks: Vec<String>,
}

/// An existing marker branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkerBranch {
    /// Commit at the tip of the branch.
    pub tip: CommitId,
    /// The files of the branch's top folder that the workspace's bundle names, by path.
    pub files: BTreeMap<String, FileBytes>,
}

/// State of the bundle's repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleFacts {
    /// Tip of the branch that releases are made from.
    pub tip: CommitId,
    /// `bundle.yaml`, `README.md` and the icon of that tip, by path; files that do not exist are
    /// missing.
    pub files: BTreeMap<String, FileBytes>,
    /// The requested branches that exist: the marker branch of a release and the branch of its
    /// promotion.
    pub branches: BTreeMap<String, MarkerBranch>,
    /// True if GitHub reports that the token may push; `None` if GitHub does not report it.
    pub writable: Option<bool>,
    /// Author of new commits.
    pub author: Author,
}

/// Held releases: automatic publishing skips them.
pub type Holds = BTreeSet<ReleaseName>;

/// Returns the name of the tag that holds `release`.
pub fn hold_tag(release: &ReleaseName) -> String {
    format!("{HOLD_PREFIX}{release}")
}

/// Returns the release that `tag` holds; `None` if it is not a hold tag.
pub fn held_by(tag: &str) -> Option<ReleaseName> {
    tag.strip_prefix(HOLD_PREFIX)?.parse().ok()
}

/// Prefix of a hold tag, before the name of the release.
pub const HOLD_PREFIX: &str = "windlass-hold-";
