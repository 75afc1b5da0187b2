//! Describes secrets of repositories without their values: where they are, when they were set and,
//! as far as known, which value they hold.
//!
//! A secret is write-only at GitHub, so two copies can be compared only by what windlass recorded
//! when it wrote them: a keyed fingerprint and the time that GitHub returned. These types never
//! hold a value.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::problem::{Problem, ProblemKind};
use super::text::SanitizedText;

/// `owner/name` on GitHub.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GitHubRepository(String);

impl GitHubRepository {
    /// Returns the name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the part before the slash.
    pub fn owner(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }

    /// Returns the part after the slash.
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
                ProblemKind::Config,
                format!(
                    "'{}' is not a GitHub repository",
                    SanitizedText::capped(text, 100)
                ),
            )
            .hint("use owner/name")),
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

/// The name of an Actions secret: upper-case letters, digits and `_`, not starting with a digit or
/// `GITHUB_`. Lower case is accepted and converted, as GitHub does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretName(String);

impl SecretName {
    /// Returns the name as GitHub stores it.
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
            ProblemKind::Config,
            format!(
                "'{}' is not a valid secret name",
                SanitizedText::capped(text, 100)
            ),
        )
        .hint("use letters, digits and _; do not start with a digit or GITHUB_"))
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

/// A secret of a repository, in which a credential is stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretTarget {
    /// The repository that has the secret.
    pub repository: GitHubRepository,
    /// Name of the secret.
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
                ProblemKind::Usage,
                format!("'{}' does not name a secret", SanitizedText::capped(text, 200)),
            )
            .hint("use owner/name:SECRET"));
        };
        Ok(Self {
            repository: repository.parse()?,
            secret: secret.parse()?,
        })
    }
}

/// A secret of an organisation that selected repositories may read. It replaces copies in each of
/// them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OrganisationSecret {
    /// Name of the organisation, which is the owner in the names of its repositories.
    pub organisation: String,
    /// Name of the secret.
    pub secret: SecretName,
}

impl fmt::Display for OrganisationSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("organisation {}:{}", self.organisation, self.secret))
    }
}

/// A repository that is selected to read a secret of its organisation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SelectedRepository {
    /// Name of the repository.
    pub repository: GitHubRepository,
    /// GitHub's id of the repository, by which organisations select.
    pub id: u64,
}

/// The store's id of the session of a token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub SanitizedText);

impl SessionId {
    /// Creates an id from the store's text.
    pub fn new(text: &str) -> Self {
        Self(SanitizedText::capped(text.trim(), 100))
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.as_str())
    }
}

/// A keyed digest of a secret's value. It shows whether two values are equal, but only on the
/// machine that has the key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

/// The id of the public key that a repository's secrets are sealed with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(pub String);

/// A value sealed for one repository. Only GitHub can open it, so it need not be kept secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedValue {
    /// The secret to set.
    pub target: SecretTarget,
    /// Id of the key that sealed it.
    pub key_id: KeyId,
    /// libsodium sealed box, standard base64.
    pub encrypted_value: String,
}

/// A value sealed for an organisation. Only GitHub can open it, so it need not be kept secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedOrganisation {
    /// The secret to set.
    #[serde(flatten)]
    pub secret: OrganisationSecret,
    /// Id of the key that sealed it.
    pub key_id: KeyId,
    /// libsodium sealed box, standard base64.
    pub encrypted_value: String,
}

/// Origin of the value in a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lineage {
    /// The newest value that windlass wrote, to this or another target.
    Current,
    /// A value that windlass wrote; a newer one was written to another target since.
    Older,
    /// A value set outside of windlass after the last one that windlass wrote.
    Foreign,
    /// The secret does not exist.
    Absent,
    /// Windlass never set the secret, or it could not be read.
    Unknown,
    /// Windlass set it, and the store has since revoked its token.
    Revoked,
    /// Windlass set it, and its token has expired.
    Expired,
}

impl Lineage {
    /// Returns the name used in JSON and on the screen.
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

/// Record of a value that was written (or adopted).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineageRecord {
    /// The secret it was written to.
    pub target: SecretTarget,
    /// The `updated_at` that GitHub returned.
    pub updated_at: DateTime<Utc>,
    /// Fingerprint of the value.
    pub fingerprint: Fingerprint,
    /// The session of the token, if it is a store token that contains one.
    pub session: Option<SessionId>,
    /// Expiry of the value, if it contains one.
    pub expires_at: Option<DateTime<Utc>>,
    /// The run that wrote it.
    pub run: SanitizedText,
    /// When windlass wrote it.
    pub at: DateTime<Utc>,
}

/// What GitHub returns about one secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretFacts {
    /// When it was first set.
    pub created_at: DateTime<Utc>,
    /// When it was last set, in whole seconds.
    pub updated_at: DateTime<Utc>,
}

/// What GitHub returns about a repository's secrets to an account that may set them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositorySecrets {
    /// Current name of the repository: if it differs from the requested one, the repository was
    /// renamed or moved.
    pub repository: GitHubRepository,
    /// GitHub's id of the repository, needed for organisation secrets; read only for a plan or a
    /// check.
    pub id: u64,
    /// True if the account may push to the repository, without which it cannot set secrets. Read
    /// only for a plan or a check.
    pub may_write: bool,
    /// Id of the key that currently seals secrets; read only for a plan, otherwise empty.
    pub key_id: KeyId,
    /// Every secret by name.
    pub secrets: BTreeMap<SecretName, SecretFacts>,
    /// Secrets of the organisation that the repository's jobs may read; secrets with the same name
    /// in the repository hide them.
    #[serde(default)]
    pub shared: BTreeMap<SecretName, SecretFacts>,
    /// Names of the workflow runs that are queued or in progress; read only for a plan.
    pub busy: Vec<SanitizedText>,
}

impl RepositorySecrets {
    /// Returns the secret that a job of the repository reads as `name`: that of the repository,
    /// which hides the organisation's.
    pub fn in_force(&self, name: &SecretName) -> Option<&SecretFacts> {
        self.secrets.get(name).or_else(|| self.shared.get(name))
    }
}

/// Repositories that may read a secret of their organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// All repositories, or all private ones.
    Open,
    /// The repositories with these ids.
    Selected(BTreeSet<u64>),
}

/// What GitHub returns about a secret of an organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedSecret {
    /// When it was created and set.
    pub facts: SecretFacts,
    /// Repositories that may read it.
    pub selection: Selection,
}

/// What GitHub returns about an organisation's secrets to an account that may set them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganisationSecrets {
    /// Id of the key that currently seals its secrets.
    pub key_id: KeyId,
    /// The requested secrets that exist.
    pub secrets: BTreeMap<SecretName, SharedSecret>,
}

/// A session in the store: one issued token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionFacts {
    /// Id of the session.
    pub id: SessionId,
    /// Description that the creator gave it: `charmcraft@host`, `windlass@host RUN`.
    pub description: Option<SanitizedText>,
    /// Start of the session.
    pub since: Option<DateTime<Utc>>,
    /// Expiry of the session.
    pub until: Option<DateTime<Utc>>,
    /// Time of its revocation.
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
    /// The unfinished run.
    pub run: SanitizedText,
    /// The session of the token.
    pub session: Option<SessionId>,
    /// Fingerprint of the value.
    pub fingerprint: Fingerprint,
    /// Expiry of the value.
    pub expires_at: Option<DateTime<Utc>>,
    /// Secrets of repositories that it was sealed for, with the key.
    pub sealed: Vec<(SecretTarget, KeyId)>,
    /// Secrets of organisations that it was sealed for, with the key.
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
