//! The bundle's repository as a publish needs it: the branch it starts from, the files in it, the
//! marker branches, the holds, and who would sign a commit.
//!
//! Owns the names of git objects and of people. Must not edit a file or know how GitHub is asked.

pub mod archive;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::problem::{Kind, Problem};
use super::release::ReleaseName;
use super::text::Outside;

/// The files that a bundle is packed from, where they are there.
pub const PACKED: [&str; 3] = ["bundle.yaml", "README.md", "icon.svg"];

/// Id of a commit: 40 hex digits, or 64 where a repository uses SHA-256.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct CommitId(String);

impl CommitId {
    /// In full.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first ten digits, for people.
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
                Kind::Service,
                format!("'{}' is not the id of a commit", Outside::capped(text, 80)),
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

/// The bytes of a small file. In JSON it is base64.
#[derive(Clone, PartialEq, Eq)]
pub struct FileBytes(pub Vec<u8>);

impl FileBytes {
    /// As text, where it is text.
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

/// Who signs a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// Where both were found, for the preview.
    pub from: Outside,
    /// Lines for the end of the message: the job's address and who started it, where a job runs.
    #[serde(default)]
    pub remarks: Vec<String>,
}

/// A marker branch that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkerBranch {
    /// Its tip.
    pub tip: CommitId,
    /// The files of its top folder that the workspace's bundle names, by path.
    pub files: BTreeMap<String, FileBytes>,
}

/// The bundle's repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleFacts {
    /// Tip of the branch that releases are made from.
    pub tip: CommitId,
    /// `bundle.yaml`, `README.md` and the icon of that tip, by path; one that is not there is missing.
    pub files: BTreeMap<String, FileBytes>,
    /// The branches that were asked for, where they are there: the marker of a release, the one of
    /// its promotion.
    pub branches: BTreeMap<String, MarkerBranch>,
    /// True where GitHub says that the token may push there; `None` where it does not say.
    pub writable: Option<bool>,
    /// Who would sign.
    pub author: Author,
}

/// Releases that are held: no robot publishes them.
pub type Holds = BTreeSet<ReleaseName>;

/// Name of the tag that holds `release`.
pub fn hold_tag(release: &ReleaseName) -> String {
    format!("{HOLD_PREFIX}{release}")
}

/// The release that the tag `tag` holds, if it holds one.
pub fn held_by(tag: &str) -> Option<ReleaseName> {
    tag.strip_prefix(HOLD_PREFIX)?.parse().ok()
}

/// The part of such a tag before the release's name.
pub const HOLD_PREFIX: &str = "windlass-hold-";
