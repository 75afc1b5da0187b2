//! Secrets of repositories, without their values: where they are, when they were set, whose value
//! they hold as far as anybody can tell.
//!
//! Owns the names of secrets and their targets, the lineage of a value, and what a repository
//! tells of its secrets. A secret's value is write-only at GitHub, so whether six copies are the
//! same is known only from what we wrote: a keyed fingerprint beside the time that GitHub gave.
//! Must never hold a value.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::problem::{Kind, Problem};
use super::text::Outside;

/// `owner/name` on GitHub.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GitHubRepository(String);

impl GitHubRepository {
    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the slash.
    pub fn owner(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }

    /// The part behind the slash.
    pub fn name(&self) -> &str {
        self.0.split('/').nth(1).unwrap_or_default()
    }
}

impl FromStr for GitHubRepository {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let part = |part: &str| {
            !part.is_empty()
                && part.len() <= 100
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
                && part != ".."
                && part != "."
        };
        match text.split_once('/') {
            Some((owner, name)) if part(owner) && part(name) => Ok(Self(text.to_owned())),
            _ => Err(Problem::new(
                Kind::Config,
                format!("'{}' is not a GitHub repository", Outside::capped(text, 100)),
            )
            .hint("write owner/name")),
        }
    }
}

impl TryFrom<String> for GitHubRepository {
    type Error = Problem;

    fn try_from(text: String) -> Result<Self, Problem> {
        text.parse()
    }
}

impl From<GitHubRepository> for String {
    fn from(repository: GitHubRepository) -> Self {
        repository.0
    }
}

impl fmt::Display for GitHubRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The name of an Actions secret: capitals, digits and `_`; not a digit first, not `GITHUB_`.
/// Lower case is taken and raised, as GitHub does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretName(String);

impl SecretName {
    /// As GitHub keeps it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretName {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let name = text.to_ascii_uppercase();
        let sound = !name.is_empty()
            && name.len() <= 100
            && name
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && !name.starts_with("GITHUB_");
        if sound {
            return Ok(Self(name));
        }
        Err(Problem::new(
            Kind::Config,
            format!("'{}' cannot be the name of a secret", Outside::capped(text, 100)),
        )
        .hint("letters, digits and _, not beginning with a digit or GITHUB_"))
    }
}

impl TryFrom<String> for SecretName {
    type Error = Problem;

    fn try_from(text: String) -> Result<Self, Problem> {
        text.parse()
    }
}

impl From<SecretName> for String {
    fn from(name: SecretName) -> Self {
        name.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A secret of a repository: where a credential is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretTarget {
    /// The repository.
    pub repository: GitHubRepository,
    /// The secret.
    pub secret: SecretName,
}

impl fmt::Display for SecretTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}:{}", self.repository, self.secret))
    }
}

impl FromStr for SecretTarget {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let Some((repository, secret)) = text.split_once(':') else {
            return Err(Problem::new(
                Kind::Usage,
                format!("'{}' names no secret", Outside::capped(text, 200)),
            )
            .hint("write owner/name:SECRET"));
        };
        Ok(Self {
            repository: repository.parse()?,
            secret: secret.parse()?,
        })
    }
}

/// A secret of an organisation that chosen repositories may read: one value in place of copies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OrganisationSecret {
    /// The organisation: the owner's part of its repositories' names.
    pub organisation: String,
    /// The secret.
    pub secret: SecretName,
}

impl fmt::Display for OrganisationSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("organisation {}:{}", self.organisation, self.secret))
    }
}

/// A repository that is chosen to read a secret of its organisation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SelectedRepository {
    /// The repository.
    pub repository: GitHubRepository,
    /// GitHub's number of it: organisations select by numbers.
    pub id: u64,
}

/// The store's id of a token's session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub Outside);

impl SessionId {
    /// From the wire.
    pub fn new(text: &str) -> Self {
        Self(Outside::capped(text.trim(), 100))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.as_str())
    }
}

/// A keyed digest of a secret's value: tells whether two values are the same on the machine that
/// holds the key, and nothing to anybody else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

/// The id of the public key that a repository's secrets are sealed with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(pub String);

/// A value sealed for one repository. Only GitHub can open it, so it is no secret any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedValue {
    /// Where it goes.
    pub target: SecretTarget,
    /// The key it is sealed with.
    pub key_id: KeyId,
    /// libsodium sealed box, standard base64.
    pub encrypted_value: String,
}

/// A value sealed for an organisation. As any seal it is no secret any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedOrganisation {
    /// Where it goes.
    #[serde(flatten)]
    pub secret: OrganisationSecret,
    /// The key it is sealed with.
    pub key_id: KeyId,
    /// libsodium sealed box, standard base64.
    pub encrypted_value: String,
}

/// Whose value a secret holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lineage {
    /// The newest that we wrote, to this or another target.
    Current,
    /// One that we wrote, but a newer one was written elsewhere since.
    Older,
    /// Somebody else wrote it after us.
    Foreign,
    /// There is no such secret.
    Absent,
    /// It was never set by windlass, or could not be read.
    Unknown,
    /// Windlass set it, and the store has revoked its token since.
    Revoked,
    /// Windlass set it, and its token has expired.
    Expired,
}

impl Lineage {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Older => "older",
            Self::Foreign => "foreign",
            Self::Absent => "absent",
            Self::Unknown => "unknown",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
}

/// What is remembered of a value that was written (or adopted).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineageRecord {
    /// Where it was written.
    pub target: SecretTarget,
    /// The `updated_at` that GitHub gave it.
    pub updated_at: DateTime<Utc>,
    /// Which value.
    pub fingerprint: Fingerprint,
    /// The session of the token, where it is a store token that says so.
    pub session: Option<SessionId>,
    /// When the value ends, where it says so.
    pub expires_at: Option<DateTime<Utc>>,
    /// The run that wrote it.
    pub run: Outside,
    /// When we wrote it.
    pub at: DateTime<Utc>,
}

/// What GitHub tells of one secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretFacts {
    /// When it was first set.
    pub created_at: DateTime<Utc>,
    /// When it was last set, in whole seconds.
    pub updated_at: DateTime<Utc>,
}

/// What a repository tells of its secrets to somebody who may set them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositorySecrets {
    /// As GitHub calls the repository now: another name than asked for means that it moved.
    pub repository: GitHubRepository,
    /// GitHub's number of it, needed for organisation secrets; read for a plan or a check only.
    pub id: u64,
    /// True where the account may push there (or more); without it secrets cannot be set. Read for a
    /// plan or a check only.
    pub may_write: bool,
    /// The key that secrets are sealed with today; read for a plan only, empty otherwise.
    pub key_id: KeyId,
    /// Every secret by name.
    pub secrets: BTreeMap<SecretName, SecretFacts>,
    /// Secrets of its organisation that its jobs may read, where it has none of that name.
    #[serde(default)]
    pub shared: BTreeMap<SecretName, SecretFacts>,
    /// Workflow runs that are queued or in progress, by their names; read for a plan only.
    pub busy: Vec<Outside>,
}

impl RepositorySecrets {
    /// The secret that a job of the repository reads under `name`: its own, which hides the
    /// organisation's.
    pub fn in_force(&self, name: &SecretName) -> Option<&SecretFacts> {
        self.secrets.get(name).or_else(|| self.shared.get(name))
    }
}

/// Which repositories may read a secret of their organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// All of them, or all that are private.
    Open,
    /// Those with these numbers.
    Selected(BTreeSet<u64>),
}

/// What GitHub tells of a secret of an organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedSecret {
    /// When it was set.
    pub facts: SecretFacts,
    /// Who may read it.
    pub selection: Selection,
}

/// What an organisation tells of its secrets to somebody who may set them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganisationSecrets {
    /// The key that its secrets are sealed with today.
    pub key_id: KeyId,
    /// Those that were asked for and are there.
    pub secrets: BTreeMap<SecretName, SharedSecret>,
}

/// A session of the store: one minted token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionFacts {
    /// Its id.
    pub id: SessionId,
    /// Who made it, in its own words: `charmcraft@host`, `windlass@host RUN`.
    pub description: Option<Outside>,
    /// When it began.
    pub since: Option<DateTime<Utc>>,
    /// When it ends.
    pub until: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// A session that a run of windlass revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// The session.
    pub session: SessionId,
    /// When the store confirmed it, by the clock of this machine.
    pub at: DateTime<Utc>,
}

/// A value that an unfinished rotation sealed: it can be sent without a new token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedRotation {
    /// The run.
    pub run: Outside,
    /// The session of its token.
    pub session: Option<SessionId>,
    /// Which value.
    pub fingerprint: Fingerprint,
    /// When the value ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// What was sealed, with which key.
    pub sealed: Vec<(SecretTarget, KeyId)>,
    /// What was sealed for organisations, with which key.
    #[serde(default)]
    pub organisations: Vec<(OrganisationSecret, KeyId)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_githubs_rules() {
        assert_eq!(
            "charmhub_token".parse::<SecretName>().unwrap().as_str(),
            "CHARMHUB_TOKEN"
        );
        for bad in ["", "1A", "GITHUB_TOKEN", "A-B", "A B", "Ä"] {
            assert!(bad.parse::<SecretName>().is_err(), "{bad}");
        }
        for bad in ["", "a", "a/", "/b", "a/b/c", "a/..", "a b/c"] {
            assert!(bad.parse::<GitHubRepository>().is_err(), "{bad}");
        }
        let target: SecretTarget = "finos/legend:X".parse().unwrap();
        assert_eq!(
            (target.repository.owner(), target.repository.name()),
            ("finos", "legend")
        );
        assert_eq!(target.to_string(), "finos/legend:X");
        assert!("finos/legend".parse::<SecretTarget>().is_err());
    }
}
