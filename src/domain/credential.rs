//! Describes a credential without its secret: the account, the permissions and the expiry.
//!
//! The rule which permission includes which others is here. These types never hold a secret.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::charm::CharmName;
use super::secret::SessionId;
use super::text::SanitizedText;

/// Every permission of a store token, as charmcraft 4.5.0 accepts them with `--permission`.
pub const PERMISSIONS: [&str; 18] = [
    "account-manage-keys",
    "account-manage-metadata",
    "account-register-package",
    "account-view-packages",
    "package-manage",
    "package-manage-acl",
    "package-manage-library",
    "package-manage-metadata",
    "package-manage-releases",
    "package-manage-revisions",
    "package-view",
    "package-view-acl",
    "package-view-metadata",
    "package-view-metrics",
    "package-view-releases",
    "package-view-revisions",
    "store-manage",
    "store-view",
];

/// Source of an expiry date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExpiryFrom {
    /// A caveat inside the token.
    Caveat,
    /// The service's list of tokens.
    Service,
    /// The record that windlass made when it created the token.
    Ledger,
    /// Unknown.
    Unknown,
}

impl ExpiryFrom {
    /// Returns the source in words, for a credential of this kind.
    pub fn describe(self, kind: &str) -> &'static str {
        match (self, kind) {
            (Self::Caveat, _) => "from the token",
            (Self::Ledger, _) => "from windlass's record",
            (Self::Service, "charmhub") => "from Charmhub",
            (Self::Service, "github") => "from GitHub",
            (Self::Service, _) => "from the service",
            (Self::Unknown, _) => "unknown",
        }
    }
}

/// A package that a store token is limited to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageScope {
    /// `charm` or `bundle`.
    #[serde(rename = "type")]
    pub kind: SanitizedText,
    /// Name, if the store returns one.
    pub name: Option<SanitizedText>,
    /// Store id, if the store returns one.
    pub id: Option<SanitizedText>,
}

/// A credential without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialFacts {
    /// Display name: `Charmhub`, `GitHub`.
    pub name: SanitizedText,
    /// `charmhub`, `github`, `registry`.
    pub kind: SanitizedText,
    /// Where it was found, as text: an environment variable, a file or the keyring.
    pub source: SanitizedText,
    /// Where it was found, for decisions.
    #[serde(default)]
    pub origin: CredentialOrigin,
    /// The kind of a GitHub token; `None` for other credentials.
    #[serde(default)]
    pub token_kind: Option<GitHubTokenKind>,
    /// The account that it authenticates.
    pub account: Option<SanitizedText>,
    /// Time of expiry.
    pub expires_at: Option<DateTime<Utc>>,
    /// Source of the expiry.
    pub expires_from: ExpiryFrom,
    /// Permissions or scopes.
    pub scopes: Vec<SanitizedText>,
    /// Packages that it is limited to; `None` if it is not limited.
    pub packages: Option<Vec<PackageScope>>,
    /// Channels that it is limited to; `None` if it is not limited.
    pub channels: Option<Vec<SanitizedText>>,
    /// The store session of the token, if the token contains its id.
    #[serde(default)]
    pub session: Option<SessionId>,
    /// Other remarks: the kind of a GitHub token, organisations it is not authorised for.
    #[serde(default)]
    pub remarks: Vec<SanitizedText>,
    /// The command that rewrites a store token to the form that every charmcraft reads. Set only
    /// for the wrapped form of charmcraft 2.2 to 4.3, which the store refuses from newer versions.
    #[serde(default)]
    pub rewrite: Option<SanitizedText>,
}

/// Where a credential was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialOrigin {
    /// The variable `CHARMCRAFT_AUTH`, or the file that it names.
    Variable,
    /// charmcraft's entry in the keyring.
    Keyring,
    /// Anywhere else.
    #[default]
    Other,
}

/// The kind of a GitHub token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GitHubTokenKind {
    /// A classic personal access token: GitHub lists its scopes.
    Classic,
    /// A fine-grained token or the token of an app: GitHub does not list its permissions.
    FineGrained,
}

/// What a new store token is allowed to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenScope {
    /// Permissions.
    pub permissions: Vec<String>,
    /// Packages that the token is limited to; empty for every package of the account.
    pub packages: Vec<ScopedPackage>,
    /// Channels that the token is limited to; empty for every channel.
    pub channels: Vec<String>,
    /// Lifetime in seconds.
    pub ttl: u64,
}

/// A package that a new token is limited to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ScopedPackage {
    /// `charm` or `bundle`.
    #[serde(rename = "type")]
    pub kind: PackageKind,
    /// Name of the package.
    pub name: CharmName,
}

/// Kinds of packages on Charmhub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageKind {
    /// A charm.
    Charm,
    /// A bundle.
    Bundle,
}

impl TokenScope {
    /// Permissions that charmcraft requests by default.
    pub const USUAL: [&'static str; 4] = [
        "account-register-package",
        "account-view-packages",
        "package-manage",
        "package-view",
    ];
    /// Lifetime that charmcraft requests by default, in seconds: 30 hours.
    pub const USUAL_TTL: u64 = 108_000;
}

/// A time that is left, from its whole days, in a table or in parentheses.
pub fn days_in_short(days: i64) -> String {
    if days < 1 {
        "less than 1 d".to_owned()
    } else {
        format!("{days} d")
    }
}

/// The same in a sentence, after a verb such as "expires".
pub fn in_days(days: i64) -> String {
    match days {
        ..1 => "within a day".to_owned(),
        1 => "in 1 day".to_owned(),
        _ => format!("in {days} days"),
    }
}

impl CredentialFacts {
    /// Returns the facts of a credential of which nothing else is known.
    pub fn bare(name: SanitizedText, kind: &str, source: SanitizedText) -> Self {
        Self {
            name,
            kind: kind.into(),
            source,
            account: None,
            expires_at: None,
            expires_from: ExpiryFrom::Unknown,
            scopes: Vec::new(),
            packages: None,
            channels: None,
            session: None,
            origin: CredentialOrigin::Other,
            token_kind: None,
            remarks: Vec::new(),
            rewrite: None,
        }
    }

    /// Returns true for a classic GitHub token.
    pub fn is_classic(&self) -> bool {
        self.token_kind == Some(GitHubTokenKind::Classic)
    }

    /// Returns the whole days left at `now`, rounded down; negative after the expiry.
    pub fn days_left(&self, now: DateTime<Utc>) -> Option<i64> {
        self.expires_at
            .map(|end| (end - now).num_seconds().div_euclid(86_400))
    }

    /// Returns true if the permissions include `permission`. Charmhub's `package-manage` includes
    /// the narrower `package-manage-…` and the views of packages; `package-view` includes the
    /// narrower views.
    pub fn permits(&self, permission: &str) -> bool {
        self.scopes.iter().any(|own| includes(own.as_str(), permission))
    }

    /// Returns true if the credential may be used for the package `name`, whose store id is `id`.
    pub fn reaches(&self, name: &str, id: Option<&str>) -> bool {
        self.packages.as_ref().is_none_or(|packages| {
            packages.iter().any(|p| {
                p.name.as_ref().is_some_and(|n| n.as_str() == name)
                    || (id.is_some() && p.id.as_ref().map(SanitizedText::as_str) == id)
            })
        })
    }
}

fn includes(own: &str, wanted: &str) -> bool {
    own == wanted
        || (own == "package-manage"
            && (wanted.starts_with("package-manage-") || wanted.starts_with("package-view")))
        || (own == "package-view" && wanted.starts_with("package-view-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(scopes: &[&str]) -> CredentialFacts {
        CredentialFacts {
            name: "Charmhub".into(),
            kind: "charmhub".into(),
            source: "CHARMCRAFT_AUTH".into(),
            account: None,
            expires_at: DateTime::from_timestamp(86_400 * 10, 0),
            expires_from: ExpiryFrom::Caveat,
            scopes: scopes.iter().map(SanitizedText::new).collect(),
            packages: None,
            channels: None,
            session: None,
            origin: CredentialOrigin::Other,
            token_kind: None,
            remarks: Vec::new(),
            rewrite: None,
        }
    }

    #[test]
    fn package_manage_includes_the_narrower_ones() {
        let token = token(&["package-manage"]);
        for wanted in [
            "package-manage",
            "package-manage-releases",
            "package-view",
            "package-view-revisions",
        ] {
            assert!(token.permits(wanted), "{wanted}");
        }
        assert!(!token.permits("account-register-package"));
    }

    #[test]
    fn a_day_that_has_begun_is_never_zero_days() {
        assert_eq!([0, 1, 12].map(days_in_short), ["less than 1 d", "1 d", "12 d"]);
        assert_eq!(
            [0, 1, 12].map(in_days),
            ["within a day", "in 1 day", "in 12 days"]
        );
    }

    #[test]
    fn days_left_round_down_and_go_below_zero() {
        let at = |secs: i64| DateTime::from_timestamp(secs, 0).unwrap();
        assert_eq!(token(&[]).days_left(at(0)), Some(10));
        assert_eq!(token(&[]).days_left(at(1)), Some(9));
        assert_eq!(token(&[]).days_left(at(86_400 * 10 + 1)), Some(-1));
    }
}
