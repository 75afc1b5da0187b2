//! What is known about a credential without showing it: whose it is, what it may do, until when.
//!
//! Owns the names of permissions and the rule which includes which. Must never hold a secret.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::charm::CharmName;
use super::secret::SessionId;
use super::text::Outside;

/// Every permission of a store token, as charmcraft 4.5.0 takes them with `--permission`.
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

/// Where the knowledge of an expiry comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExpiryFrom {
    /// A caveat inside the token.
    Caveat,
    /// The service's list of tokens.
    Service,
    /// Our own record of when it was made.
    Ledger,
    /// Nobody says.
    Unknown,
}

/// A package that a store token is limited to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageScope {
    /// `charm` or `bundle`.
    #[serde(rename = "type")]
    pub kind: Outside,
    /// Its name, where the store gives one.
    pub name: Option<Outside>,
    /// Its id, where the store gives one.
    pub id: Option<Outside>,
}

/// A credential as people may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialFacts {
    /// What it is called here: `Charmhub`, `GitHub`.
    pub name: Outside,
    /// `charmhub`, `github`, `registry`.
    pub kind: Outside,
    /// Where it was found: a variable, a file, the keyring.
    pub source: Outside,
    /// The account behind it.
    pub account: Option<Outside>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// Who says so.
    pub expires_from: ExpiryFrom,
    /// Permissions or scopes.
    pub scopes: Vec<Outside>,
    /// Packages it is limited to; `None` where it is not.
    pub packages: Option<Vec<PackageScope>>,
    /// Channels it is limited to; `None` where it is not.
    pub channels: Option<Vec<Outside>>,
    /// The store's session behind it, where the token tells.
    #[serde(default)]
    pub session: Option<SessionId>,
    /// What else should be known: the kind of a GitHub token, organisations it is not authorised
    /// for.
    #[serde(default)]
    pub remarks: Vec<Outside>,
    /// The command that writes a store token in the form that every charmcraft reads; only where it
    /// is in the wrapped form of charmcraft 2.2 to 4.3, which the store refuses from newer ones.
    #[serde(default)]
    pub rewrite: Option<Outside>,
}

/// What a new store token is to be good for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenScope {
    /// What it may do.
    pub permissions: Vec<String>,
    /// The packages it is limited to; every one of the account where empty.
    pub packages: Vec<ScopedPackage>,
    /// The channels it is limited to; every one where empty.
    pub channels: Vec<String>,
    /// How long it lives, in seconds.
    pub ttl: u64,
}

/// A package that a new token is limited to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ScopedPackage {
    /// `charm` or `bundle`.
    #[serde(rename = "type")]
    pub kind: PackageKind,
    /// Its name.
    pub name: CharmName,
}

/// Kinds of packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageKind {
    /// A charm.
    Charm,
    /// A bundle.
    Bundle,
}

impl TokenScope {
    /// Permissions that charmcraft asks for where nobody names any.
    pub const USUAL: [&'static str; 4] = [
        "account-register-package",
        "account-view-packages",
        "package-manage",
        "package-view",
    ];
    /// Life that charmcraft asks for where nobody names one, in seconds: 30 hours.
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
    /// Whole days left at `now`, rounded down; negative once it is over.
    pub fn days_left(&self, now: DateTime<Utc>) -> Option<i64> {
        self.expires_at
            .map(|end| (end - now).num_seconds().div_euclid(86_400))
    }

    /// True where the permissions include `permission`. Charmhub's `package-manage` includes the
    /// narrower `package-manage-…` and the views of packages; `package-view` includes the
    /// narrower views.
    pub fn permits(&self, permission: &str) -> bool {
        self.scopes.iter().any(|own| includes(own.as_str(), permission))
    }

    /// True where the credential may touch the package called `name` (its store id is `id`).
    pub fn reaches(&self, name: &str, id: Option<&str>) -> bool {
        self.packages.as_ref().is_none_or(|packages| {
            packages.iter().any(|p| {
                p.name.as_ref().is_some_and(|n| n.as_str() == name)
                    || (id.is_some() && p.id.as_ref().map(Outside::as_str) == id)
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
            scopes: scopes.iter().map(Outside::new).collect(),
            packages: None,
            channels: None,
            session: None,
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
