//! What the demo store knows: packages, revisions, resources, releases, uploads, sessions.
//!
//! Owns the shapes that are saved to `charmhub.json` and the look-ups on them. Must not know HTTP.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::contents::Hashes;

/// The four risks, safest first.
pub const RISKS: [&str; 4] = ["stable", "candidate", "beta", "edge"];
/// What `all` stands for in a channel.
pub const ARCHITECTURES: [&str; 6] = ["amd64", "arm64", "armhf", "ppc64el", "riscv64", "s390x"];

/// Everything, as saved.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Secret that tokens are signed with, hexadecimal.
    pub root_secret: String,
    /// The operator's token, bare.
    pub operator_token: String,
    /// A token that still works somewhere and that nobody remembers, bare.
    #[serde(default)]
    pub older_token: String,
    /// By name.
    pub packages: BTreeMap<String, Package>,
    /// By upload id.
    pub uploads: BTreeMap<String, Upload>,
    /// Sign-ons that were begun and not finished.
    #[serde(default)]
    pub pending: Vec<Session>,
    /// Tokens that were given out.
    pub sessions: Vec<Session>,
}

/// A charm or bundle.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Package {
    /// 32 characters of base 62.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `charm` or `bundle`.
    pub kind: String,
    /// For people.
    pub title: String,
    /// One sentence.
    pub summary: String,
    /// In full; the summary where nothing was written.
    #[serde(default)]
    pub description: Option<String>,
    /// Hidden from the public.
    pub private: bool,
    /// Served by name, not found.
    pub unlisted: bool,
    /// What a bare risk means to the public.
    pub default_track: Option<String>,
    /// Pattern of tracks that publishers may create.
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
    /// Frozen pull passwords by resource name.
    pub passwords: BTreeMap<String, String>,
}

/// A track.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Track {
    /// Its name.
    pub name: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Given at creation.
    pub version_pattern: Option<String>,
    /// Percentage given at creation.
    pub phasing: Option<u8>,
}

/// A base: where a revision runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Base {
    /// `amd64`, …, `all`.
    pub architecture: String,
    /// `20.04`.
    pub channel: String,
    /// `ubuntu`.
    pub name: String,
}

/// A resource as a charm revision declares it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// `oci-image` or `file`.
    pub kind: String,
    /// Said to be optional.
    pub optional: bool,
    /// For people.
    pub description: String,
}

/// A revision of a charm or bundle.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Revision {
    /// From 1.
    pub revision: u64,
    /// The number as text, by default.
    pub version: String,
    /// When it was pushed.
    pub created_at: DateTime<Utc>,
    /// Id of an account.
    pub created_by: String,
    /// `approved`, `released` or `rejected`.
    pub status: String,
    /// Why it was rejected.
    pub errors: Option<Value>,
    /// `None` for bundles.
    pub bases: Vec<Option<Base>>,
    /// Of the archive.
    pub hashes: Hashes,
    /// What it declares.
    pub resources: Vec<Declared>,
    /// `bundle.yaml` of a bundle.
    pub bundle_yaml: String,
    /// Still under review, so nobody sees it.
    #[serde(default)]
    pub pending: bool,
}

/// A revision of a resource.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResourceRevision {
    /// From 0.
    pub revision: u64,
    /// `oci-image` or `file`.
    pub kind: String,
    /// When it was pushed.
    pub created_at: DateTime<Utc>,
    /// Id of an account.
    pub created_by: String,
    /// When its architectures were changed.
    pub updated_at: Option<DateTime<Utc>>,
    /// Where it runs.
    pub architectures: Vec<String>,
    /// Of the file or the descriptor.
    pub hashes: Hashes,
    /// Still under review, so nobody sees it.
    #[serde(default)]
    pub pending: bool,
}

/// A resource as released: `None` where none is attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// Of the resource.
    pub name: String,
    /// Of the resource.
    pub revision: Option<u64>,
    /// `oci-image` or `file`.
    pub kind: String,
}

/// One row of the channel map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Always in full: `track/risk[/branch]`.
    pub channel: String,
    /// `None` for bundles.
    pub base: Option<Base>,
    /// Of the package.
    pub revision: u64,
    /// What comes with it.
    pub resources: Vec<Attached>,
    /// Since when.
    pub when: DateTime<Utc>,
}

/// Bytes that wait to be claimed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Upload {
    /// Of the bytes.
    pub hashes: Hashes,
    /// When they came.
    pub at: DateTime<Utc>,
}

/// The processing of an upload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Review {
    /// Of the upload.
    pub upload_id: String,
    /// What is being pushed.
    pub subject: Subject,
    /// How often it was looked at: reviews move on when somebody looks, not with the clock.
    pub looks: u32,
    /// The revision it leads to, `None` where it is rejected.
    pub revision: Option<u64>,
    /// Why it is rejected; empty where it is not.
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

/// A token that was given out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// A UUID.
    pub id: String,
    /// Said by the client.
    pub description: Option<String>,
    /// What it may do.
    pub permissions: Vec<String>,
    /// Names; `None` is all.
    pub packages: Option<Vec<String>>,
    /// As given; `None` is all.
    pub channels: Option<Vec<String>>,
    /// Begin.
    pub valid_since: DateTime<Utc>,
    /// End.
    pub valid_until: DateTime<Utc>,
    /// When it was taken back.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl Review {
    /// Looks of which the last sees the end.
    pub const LOOKS: u32 = 3;

    /// True once the outcome stands.
    pub fn is_over(&self) -> bool {
        self.looks >= Self::LOOKS
    }
}

impl Package {
    /// The revision `number`.
    pub fn revision(&self, number: u64) -> Option<&Revision> {
        self.revisions
            .iter()
            .find(|revision| revision.revision == number && !revision.pending)
    }

    /// The newest revision that is not rejected: what tells which resources there are.
    pub fn newest(&self) -> Option<&Revision> {
        self.revisions
            .iter()
            .filter(|revision| revision.status != "rejected")
            .max_by_key(|revision| revision.revision)
    }

    /// How any of its revisions declares resource `name`, newest first.
    pub fn declared(&self, name: &str) -> Option<&Declared> {
        self.revisions
            .iter()
            .rev()
            .find_map(|revision| revision.resources.iter().find(|declared| declared.name == name))
    }

    /// The revision `number` of resource `name`.
    pub fn resource(&self, name: &str, number: u64) -> Option<&ResourceRevision> {
        self.resources
            .get(name)?
            .iter()
            .find(|revision| revision.revision == number && !revision.pending)
    }

    /// The number the next revision of resource `name` gets.
    pub fn next_resource_revision(&self, name: &str) -> u64 {
        let present = self.resources.get(name).into_iter().flatten();
        present.map(|r| r.revision).max().map_or(1, |highest| highest + 1)
    }

    /// The registry path of resource `name`: the id, read in base 62, written in base 36.
    pub fn image_path(&self, name: &str) -> String {
        format!("charm/{}/{name}", base36(&self.id))
    }

    /// True where nobody but its publisher may see it.
    pub fn is_released(&self) -> bool {
        !self.map.is_empty()
    }
}

impl Base {
    /// As the store writes it.
    pub fn json(&self) -> Value {
        json!({"architecture": self.architecture, "channel": self.channel, "name": self.name})
    }
}

/// A base or `null`.
pub fn base_json(base: Option<&Base>) -> Value {
    base.map_or(Value::Null, Base::json)
}

/// `2023-11-09T14:55:48Z`: how the publisher side writes instants.
pub fn seconds(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Full text of a channel: `edge` is `latest/edge`, `2023-12` is `2023-12/stable`. `None` where it
/// is no channel.
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

/// A 32-character id (base 62: `0-9A-Za-z`) as the registry writes it (base 36: `0-9a-z`).
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
