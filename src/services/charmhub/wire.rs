//! Defines the wire shapes of the store, lenient where the store is, and converts them to facts.
//!
//! Based on recorded exchanges of charmcraft and real answers of the public API. Unknown keys are
//! ignored. These types are not used outside of this module's parent.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::{Deserialize, Deserializer};

use crate::domain::charm::{Attached, ChannelRow, DeclaredResource, ResourceFacts, RevisionFacts};
use crate::domain::{
    Base, Channel, CharmRevision, Digest, Problem, ResourceName, ResourceRevision, SanitizedText, Track,
};

/// Parses times with `Z`, with an offset or with none (then UTC), with 0 to 9 fractional digits.
pub fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    let text = String::deserialize(deserializer)?;
    instant(&text).ok_or_else(|| serde::de::Error::custom(format!("'{text}' is not a time")))
}

/// Parses as [`time`] does; absent or null gives `None`.
pub fn some_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?
        .as_deref()
        .and_then(instant))
}

/// Parses a time in any of the forms that the store uses.
pub fn instant(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text)
        .map(|at| at.to_utc())
        .ok()
        .or_else(|| {
            NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
                .ok()
                .map(|naive| naive.and_utc())
        })
}

#[derive(Deserialize)]
pub struct Whoami {
    pub account: Account,
    #[serde(default)]
    pub permissions: Option<Vec<SanitizedText>>,
    #[serde(default)]
    pub packages: Option<Vec<crate::domain::credential::PackageScope>>,
    #[serde(default)]
    pub channels: Option<Vec<SanitizedText>>,
}

#[derive(Deserialize)]
pub struct Account {
    #[serde(default)]
    pub username: Option<SanitizedText>,
    #[serde(default, rename = "display-name")]
    pub display_name: Option<SanitizedText>,
    #[serde(default)]
    pub email: Option<SanitizedText>,
}

#[derive(Deserialize)]
pub struct Tokens {
    pub macaroons: Vec<TokenItem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TokenItem {
    pub session_id: String,
    #[serde(default)]
    pub description: Option<SanitizedText>,
    #[serde(default, deserialize_with = "some_time")]
    pub valid_since: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "some_time")]
    pub valid_until: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "some_time")]
    pub revoked_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
pub struct Package {
    pub metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Metadata {
    pub id: String,
    #[serde(default, rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub tracks: Vec<TrackItem>,
    #[serde(default)]
    pub track_guardrails: Vec<Guardrail>,
}

#[derive(Deserialize)]
pub struct TrackItem {
    pub name: Track,
}

#[derive(Deserialize)]
pub struct Guardrail {
    pub pattern: String,
}

#[derive(Deserialize)]
pub struct Revisions {
    pub revisions: Vec<Revision>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Revision {
    pub revision: CharmRevision,
    #[serde(default)]
    pub version: Option<SanitizedText>,
    #[serde(deserialize_with = "time")]
    pub created_at: DateTime<Utc>,
    #[serde(default)]
    pub status: Option<SanitizedText>,
    #[serde(default)]
    pub bases: Vec<Option<Base>>,
    #[serde(default, rename = "sha3-384")]
    pub sha3: Option<String>,
    #[serde(default)]
    pub errors: Option<Vec<ReviewError>>,
}

impl From<Revision> for RevisionFacts {
    fn from(wire: Revision) -> Self {
        Self {
            revision: wire.revision,
            version: wire.version.unwrap_or_default(),
            status: wire.status.unwrap_or_default(),
            created_at: wire.created_at,
            bases: wire.bases.into_iter().flatten().collect(),
            sha3: wire.sha3,
            errors: told(wire.errors),
        }
    }
}

#[derive(Deserialize)]
pub struct Releases {
    #[serde(rename = "channel-map")]
    pub map: Vec<MapRow>,
}

impl Releases {
    /// Returns the rows in listing order: the store's own order varies.
    pub fn rows(self) -> Vec<ChannelRow> {
        let mut rows: Vec<ChannelRow> = self.map.into_iter().map(Into::into).collect();
        rows.sort_by(ChannelRow::listed);
        rows
    }
}

#[derive(Deserialize)]
pub struct MapRow {
    pub channel: Channel,
    #[serde(default)]
    pub base: Option<Base>,
    pub revision: CharmRevision,
    #[serde(default)]
    pub resources: Option<Vec<MapResource>>,
    #[serde(default, deserialize_with = "some_time")]
    pub when: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
pub struct MapResource {
    pub name: ResourceName,
    #[serde(default)]
    pub revision: Option<ResourceRevision>,
}

impl From<MapRow> for ChannelRow {
    fn from(wire: MapRow) -> Self {
        let attached = |r: MapResource| Attached {
            name: r.name,
            revision: r.revision,
        };
        Self {
            channel: wire.channel,
            base: wire.base,
            revision: wire.revision,
            resources: wire
                .resources
                .unwrap_or_default()
                .into_iter()
                .map(attached)
                .collect(),
            released_at: wire.when,
        }
    }
}

#[derive(Deserialize)]
pub struct Resources {
    pub resources: Vec<Resource>,
}

#[derive(Deserialize)]
pub struct Resource {
    pub name: ResourceName,
    #[serde(rename = "type")]
    pub kind: SanitizedText,
    #[serde(default)]
    pub optional: bool,
    pub revision: CharmRevision,
}

impl From<Resource> for DeclaredResource {
    fn from(wire: Resource) -> Self {
        Self {
            charm_revision: wire.revision,
            name: wire.name,
            kind: wire.kind,
            optional: wire.optional,
        }
    }
}

#[derive(Deserialize)]
pub struct ResourceRevisions {
    pub revisions: Vec<ResourceItem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ResourceItem {
    pub revision: ResourceRevision,
    #[serde(deserialize_with = "time")]
    pub created_at: DateTime<Utc>,
    pub size: u64,
    pub sha256: String,
    #[serde(default)]
    pub bases: Vec<ResourceBase>,
}

#[derive(Deserialize)]
pub struct ResourceBase {
    #[serde(default)]
    pub architectures: Vec<String>,
}

impl TryFrom<ResourceItem> for ResourceFacts {
    type Error = Problem;

    fn try_from(wire: ResourceItem) -> Result<Self, Problem> {
        let sha256: Digest = format!("sha256:{}", wire.sha256).parse().map_err(
            |error: crate::domain::digest::NotADigest| {
                Problem::new(crate::domain::ProblemKind::Service, error.to_string())
            },
        )?;
        let mut architectures: Vec<String> = wire
            .bases
            .into_iter()
            .flat_map(|base| base.architectures)
            .collect();
        architectures.sort();
        architectures.dedup();
        Ok(Self {
            revision: wire.revision,
            created_at: wire.created_at,
            size: wire.size,
            sha256,
            architectures,
        })
    }
}

#[derive(Deserialize)]
pub struct Upload {
    #[serde(default)]
    pub successful: bool,
    #[serde(default)]
    pub upload_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Pushed {
    pub status_url: String,
}

#[derive(Deserialize)]
pub struct ReleasedAnswer {
    pub released: Vec<serde::de::IgnoredAny>,
}

/// Returns what a review found wrong, each as `code: message`.
pub fn told(errors: Option<Vec<ReviewError>>) -> Vec<SanitizedText> {
    let told = |error: ReviewError| {
        let parts = [error.code, error.message].into_iter().flatten();
        SanitizedText::new(parts.collect::<Vec<String>>().join(": "))
    };
    errors.unwrap_or_default().into_iter().map(told).collect()
}

#[derive(Deserialize)]
pub struct Reviews {
    pub revisions: Vec<Review>,
}

#[derive(Deserialize)]
pub struct Review {
    pub status: String,
    #[serde(default)]
    pub revision: Option<u64>,
    #[serde(default)]
    pub errors: Option<Vec<ReviewError>>,
}

#[derive(Deserialize)]
pub struct ReviewError {
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct UploadCredentials {
    pub image_name: String,
    pub username: String,
    pub password: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Info {
    #[serde(default)]
    pub id: String,
    #[serde(default)]
    pub channel_map: Vec<PublicRow>,
}

#[derive(Deserialize)]
pub struct PublicRow {
    pub channel: PublicChannel,
    pub revision: PublicRevision,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PublicChannel {
    #[serde(default)]
    pub base: Option<Base>,
    pub name: String,
    #[serde(default, deserialize_with = "some_time")]
    pub released_at: Option<DateTime<Utc>>,
    pub risk: crate::domain::Risk,
    pub track: Track,
}

#[derive(Deserialize)]
pub struct PublicRevision {
    pub revision: CharmRevision,
}

#[derive(Deserialize)]
pub struct Refreshed {
    #[serde(default)]
    pub results: Vec<RefreshResult>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RefreshResult {
    pub instance_key: String,
    #[serde(default)]
    pub charm: Option<RefreshCharm>,
    #[serde(default)]
    pub error: Option<RefreshError>,
}

#[derive(Deserialize)]
pub struct RefreshCharm {
    pub revision: CharmRevision,
    #[serde(default)]
    pub resources: Vec<PublicResource>,
}

#[derive(Deserialize)]
pub struct RefreshError {
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub message: Option<String>,
}

#[derive(Deserialize)]
pub struct PublicResource {
    pub name: ResourceName,
    pub revision: ResourceRevision,
    #[serde(default)]
    pub download: Option<Download>,
}

impl PublicResource {
    /// Returns the sha-256 of what is downloaded, if listed.
    pub fn sha256(&self) -> Option<Digest> {
        let hash = self.download.as_ref()?.sha256.as_ref()?;
        format!("sha256:{hash}").parse().ok()
    }
}

#[derive(Deserialize)]
pub struct Download {
    #[serde(default, rename = "hash-sha-256")]
    pub sha256: Option<String>,
}

/// Holds the descriptor of an image resource. Only the name is kept: the rest is a login.
#[derive(Deserialize)]
pub struct Descriptor {
    #[serde(rename = "ImageName", alias = "registrypath")]
    pub image_name: String,
}
