//! Holds the state of the demo store: packages, revisions, resources, releases, uploads, sessions.
//!
//! Defines the types that are saved to `charmhub.json` and their look-ups.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::contents::Hashes;

/// The four risks, safest first.
pub const RISKS: [&str; 4] = ["stable", "candidate", "beta", "edge"];
/// The architectures of `all` in a channel.
pub const ARCHITECTURES: [&str; 6] = ["amd64", "arm64", "armhf", "ppc64el", "riscv64", "s390x"];

/// Holds the whole state, as saved.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Secret that tokens are signed with, hexadecimal.
    pub root_secret: String,
    /// The operator's token, bare.
    pub operator_token: String,
    /// An older token that is still stored in some places, bare.
    #[serde(default)]
    pub older_token: String,
    /// By name.
    pub packages: BTreeMap<String, Package>,
    /// By upload id.
    pub uploads: BTreeMap<String, Upload>,
    /// Sign-ons that were started and not finished.
    #[serde(default)]
    pub pending: Vec<Session>,
    /// Tokens that were issued.
    pub sessions: Vec<Session>,
}

/// Holds a charm or bundle.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Package {
    /// 32 characters of base 62.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `charm` or `bundle`.
    pub kind: String,
    /// Title for display.
    pub title: String,
    /// Summary in one sentence.
    pub summary: String,
    /// Full description; the summary if there is none.
    #[serde(default)]
    pub description: Option<String>,
    /// Hidden from the public.
    pub private: bool,
    /// Available by name, but not in searches.
    pub unlisted: bool,
    /// The track of a channel that names only a risk.
    pub default_track: Option<String>,
    /// Patterns of tracks that publishers may create.
    pub guardrails: Vec<String>,
    /// In order of creation, `latest` first.
    pub tracks: Vec<Track>,
    /// In order of their numbers.
    pub revisions: Vec<Revision>,
    /// Resource revisions by resource name.
    pub resources: BTreeMap<String, Vec<ResourceRevision>>,
    /// What is released now.
    pub map: Vec<Row>,
    /// Every release ever made, oldest first.
    pub past: Vec<Row>,
    /// Every upload that was pushed.
    pub reviews: Vec<Review>,
    /// Fixed pull passwords by resource name.
    pub passwords: BTreeMap<String, String>,
}

/// Holds a track.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Track {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Version pattern, set at creation.
    pub version_pattern: Option<String>,
    /// Automatic phasing percentage, set at creation.
    pub phasing: Option<u8>,
}

/// Holds a base: where a revision runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Base {
    /// `amd64`, …, `all`.
    pub architecture: String,
    /// `20.04`.
    pub channel: String,
    /// `ubuntu`.
    pub name: String,
}

/// Holds a resource as a charm revision declares it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// `oci-image` or `file`.
    pub kind: String,
    /// Declared as optional.
    pub optional: bool,
    /// Description for display.
    pub description: String,
}

/// Holds a revision of a charm or bundle.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Revision {
    /// Number, from 1.
    pub revision: u64,
    /// The version; by default the number as text.
    pub version: String,
    /// When it was pushed.
    pub created_at: DateTime<Utc>,
    /// Id of the account that pushed it.
    pub created_by: String,
    /// `approved`, `released` or `rejected`.
    pub status: String,
    /// Why it was rejected.
    pub errors: Option<Value>,
    /// Bases; `None` for bundles.
    pub bases: Vec<Option<Base>>,
    /// Digests of the archive.
    pub hashes: Hashes,
    /// The resources that it declares.
    pub resources: Vec<Declared>,
    /// `bundle.yaml` of a bundle.
    pub bundle_yaml: String,
    /// Under review, so it is not visible yet.
    #[serde(default)]
    pub pending: bool,
}

/// Holds a revision of a resource.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResourceRevision {
    /// Number, from 0.
    pub revision: u64,
    /// `oci-image` or `file`.
    pub kind: String,
    /// When it was pushed.
    pub created_at: DateTime<Utc>,
    /// Id of the account that pushed it.
    pub created_by: String,
    /// When its architectures were changed.
    pub updated_at: Option<DateTime<Utc>>,
    /// Architectures that it runs on.
    pub architectures: Vec<String>,
    /// Digests of the file or the descriptor.
    pub hashes: Hashes,
    /// Under review, so it is not visible yet.
    #[serde(default)]
    pub pending: bool,
}

/// Holds a resource of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// Name of the resource.
    pub name: String,
    /// Revision of the resource; `None` if none is attached.
    pub revision: Option<u64>,
    /// `oci-image` or `file`.
    pub kind: String,
}

/// Holds one row of the channel map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Always in full: `track/risk[/branch]`.
    pub channel: String,
    /// `None` for bundles.
    pub base: Option<Base>,
    /// Revision of the package.
    pub revision: u64,
    /// The attached resources.
    pub resources: Vec<Attached>,
    /// When it was released.
    pub when: DateTime<Utc>,
}

/// Holds uploaded bytes that are not yet pushed as a revision.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Upload {
    /// Digests of the bytes.
    pub hashes: Hashes,
    /// When they were uploaded.
    pub at: DateTime<Utc>,
}

/// Holds the review of an upload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Review {
    /// Id of the upload.
    pub upload_id: String,
    /// What is being pushed.
    pub subject: Subject,
    /// How often it was read: reviews advance when they are read, not with the clock.
    pub looks: u32,
    /// The resulting revision, `None` if it is rejected.
    pub revision: Option<u64>,
    /// Why it is rejected; empty if it is not.
    pub errors: Vec<Value>,
    /// When it was pushed.
    pub at: DateTime<Utc>,
}

/// What an upload becomes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A revision of the package itself.
    Package,
    /// A revision of one of its resources.
    Resource {
        /// The resource's name.
        name: String,
    },
}

/// Holds the session of a token that was issued.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// A UUID.
    pub id: String,
    /// Description from the client.
    pub description: Option<String>,
    /// Permissions.
    pub permissions: Vec<String>,
    /// Names of the packages; `None` for all.
    pub packages: Option<Vec<String>>,
    /// Channels as requested; `None` for all.
    pub channels: Option<Vec<String>>,
    /// Start of its validity.
    pub valid_since: DateTime<Utc>,
    /// Its expiry.
    pub valid_until: DateTime<Utc>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl Review {
    /// Number of reads after which a review is finished.
    pub const LOOKS: u32 = 3;

    /// Returns true once the outcome is final.
    pub fn is_over(&self) -> bool {
        self.looks >= Self::LOOKS
    }
}

impl Package {
    /// Returns the revision `number`.
    pub fn revision(&self, number: u64) -> Option<&Revision> {
        self.revisions
            .iter()
            .find(|revision| revision.revision == number && !revision.pending)
    }

    /// Returns the newest revision that is not rejected; it determines which resources exist.
    pub fn newest(&self) -> Option<&Revision> {
        self.revisions
            .iter()
            .filter(|revision| revision.status != "rejected")
            .max_by_key(|revision| revision.revision)
    }

    /// Returns the newest declaration of resource `name` by any revision.
    pub fn declared(&self, name: &str) -> Option<&Declared> {
        self.revisions
            .iter()
            .rev()
            .find_map(|revision| revision.resources.iter().find(|declared| declared.name == name))
    }

    /// Returns the revision `number` of resource `name`.
    pub fn resource(&self, name: &str, number: u64) -> Option<&ResourceRevision> {
        self.resources
            .get(name)?
            .iter()
            .find(|revision| revision.revision == number && !revision.pending)
    }

    /// Returns the number of the next revision of resource `name`.
    pub fn next_resource_revision(&self, name: &str) -> u64 {
        let present = self.resources.get(name).into_iter().flatten();
        present.map(|r| r.revision).max().map_or(1, |highest| highest + 1)
    }

    /// Returns the registry path of resource `name`: the id, read in base 62, written in base 36.
    pub fn image_path(&self, name: &str) -> String {
        format!("charm/{}/{name}", base36(&self.id))
    }

    /// Returns false if only its publisher may see it.
    pub fn is_released(&self) -> bool {
        !self.map.is_empty()
    }
}

impl Base {
    /// Returns the JSON in the store's form.
    pub fn json(&self) -> Value {
        json!({"architecture": self.architecture, "channel": self.channel, "name": self.name})
    }
}

/// Returns a base or `null`.
pub fn base_json(base: Option<&Base>) -> Value {
    base.map_or(Value::Null, Base::json)
}

/// Formats `2023-11-09T14:55:48Z`: how the publisher side writes instants.
pub fn seconds(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Returns the full text of a channel: `edge` is `latest/edge`, `2023-12` is `2023-12/stable`.
/// `None` if it is not a channel.
pub fn full_channel(text: &str, default_track: &str) -> Option<String> {
    let parts: Vec<&str> = text.split('/').collect();
    if parts.iter().any(|part| part.is_empty()) {
        return None;
    }
    let is_risk = |part: &str| RISKS.contains(&part);
    match parts[..] {
        [risk] if is_risk(risk) => Some(format!("{default_track}/{risk}")),
        [track] => Some(format!("{track}/stable")),
        [risk, branch] if is_risk(risk) => Some(format!("{default_track}/{risk}/{branch}")),
        [track, risk] if is_risk(risk) => Some(format!("{track}/{risk}")),
        [track, risk, branch] if is_risk(risk) => Some(format!("{track}/{risk}/{branch}")),
        _ => None,
    }
}

/// Converts a 32-character id (base 62: `0-9A-Za-z`) to the registry's form (base 36: `0-9a-z`).
pub fn base36(id: &str) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    // Digits in base 36, least significant first; each character multiplies by 62 and adds.
    let mut digits: Vec<u32> = vec![0];
    for byte in id.bytes() {
        let value = match byte {
            b'0'..=b'9' => byte - b'0',
            b'A'..=b'Z' => byte - b'A' + 10,
            b'a'..=b'z' => byte - b'a' + 36,
            _ => 0,
        };
        let mut carry = u32::from(value);
        for digit in &mut digits {
            let sum = *digit * 62 + carry;
            *digit = sum % 36;
            carry = sum / 36;
        }
        while carry > 0 {
            digits.push(carry % 36);
            carry /= 36;
        }
    }
    digits
        .iter()
        .rev()
        .map(|digit| char::from(DIGITS[*digit as usize]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_become_registry_paths_as_published() {
        assert_eq!(
            base36("y2vuZHGLElMmdfcL4q1zJayL9utaheIa"),
            "kotcfrohea62xreenq1q75n1lyspke0qkurhk"
        );
        assert_eq!(
            base36("ydBmjPqafc9RoYcAttbzpqZXvMliaXn3"),
            "kw2gvqv06k6nl0lzxzkzma91l1nx1p4d9dlid"
        );
    }

    #[test]
    fn channels_become_full() {
        let full = |text| full_channel(text, "latest");
        assert_eq!(full("edge").as_deref(), Some("latest/edge"));
        assert_eq!(full("2023-12").as_deref(), Some("2023-12/stable"));
        assert_eq!(full("2023-12/edge").as_deref(), Some("2023-12/edge"));
        assert_eq!(full("edge/fix").as_deref(), Some("latest/edge/fix"));
        assert_eq!(full("2023-12/nonsense"), None);
        assert_eq!(full(""), None);
    }
}
