//! Stores the tokens of this GitHub server and their rights: `tokens.json` in the environment's
//! folder.
//!
//! Also builds the headers and refusals of a token. GitHub hides what a classic token has no scope
//! for (404), names the permission that a fine-grained one lacks (403), and keeps tokens out of an
//! organization with single sign-on until they are authorized for it (403 and a link).

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::reply::Reply;
use super::store::{ORGANIZATION, write};

/// Name of the file in the environment's folder.
const FILE: &str = "tokens.json";
/// Days from the creation of the environment to the expiry of its tokens.
const LASTS: i64 = 41;

/// `classic` or `fine-grained`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TokenKind {
    Classic,
    FineGrained,
}

/// Holds a token and its rights.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Token {
    /// For readers of the file: the purpose of the token.
    pub purpose: String,
    pub kind: TokenKind,
    /// Of a classic token.
    pub scopes: Vec<String>,
    /// Of a fine-grained token: `contents` to `read` or `write`.
    pub permissions: BTreeMap<String, String>,
    /// Authorized for the organization's single sign-on.
    pub sso_authorized: bool,
    pub expires_at: DateTime<Utc>,
}

/// All tokens by their value.
pub(super) type Tokens = BTreeMap<String, Token>;

/// Reads the tokens of the environment in `dir`, creates missing ones, and makes sure that
/// `operator` and `packages` are among them.
pub(super) fn open(dir: &Path, born: DateTime<Utc>, operator: &str, packages: &str) -> io::Result<Tokens> {
    let mut tokens: Tokens = match fs::read(dir.join(FILE)) {
        Ok(text) => serde_json::from_slice(&text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => for_tests(born),
        Err(error) => return Err(error),
    };
    let all = "admin:org, delete:packages, repo, workflow, write:packages";
    for (value, purpose, scopes) in [
        (packages, "packages", "delete:packages, repo, write:packages"),
        (operator, "operator", all),
    ] {
        tokens
            .entry(value.to_owned())
            .or_insert_with(|| Token::classic(born, purpose, scopes));
    }
    write(dir, FILE, &serde_json::to_vec_pretty(&tokens)?)?;
    Ok(tokens)
}

/// Returns tokens that lack a right, for tests of refusals.
fn for_tests(born: DateTime<Utc>) -> Tokens {
    let id = || uuid::Uuid::new_v4().simple().to_string();
    let reading = ["contents", "metadata"].map(|name| (name.to_owned(), "read".to_owned()));
    let all = "admin:org, delete:packages, repo, workflow, write:packages";
    [
        (
            format!("ghp_narr{}", id()),
            Token::classic(born, "narrow", "read:org"),
        ),
        (
            format!("ghp_nsso{}", id()),
            Token {
                sso_authorized: false,
                ..Token::classic(born, "no-sso", all)
            },
        ),
        (
            format!("github_pat_11DEMO{}_{}{}", &id()[..16], id(), &id()[..27]),
            Token {
                kind: TokenKind::FineGrained,
                permissions: reading.into(),
                ..Token::classic(born, "read-only", "")
            },
        ),
    ]
    .into()
}

impl Token {
    fn classic(born: DateTime<Utc>, purpose: &str, scopes: &str) -> Self {
        Self {
            purpose: purpose.to_owned(),
            kind: TokenKind::Classic,
            scopes: scopes
                .split(", ")
                .filter(|scope| !scope.is_empty())
                .map(str::to_owned)
                .collect(),
            permissions: BTreeMap::new(),
            sso_authorized: true,
            expires_at: born + Duration::days(LASTS),
        }
    }

    /// Returns the headers of every answer to this token; `accepted` names the scopes that
    /// suffice.
    pub(super) fn headers(&self, accepted: &str) -> Vec<(&'static str, String)> {
        let mut headers = vec![(
            "github-authentication-token-expiration",
            self.expires_at.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
        )];
        if self.kind == TokenKind::Classic {
            headers.push(("x-oauth-scopes", self.scopes.join(", ")));
            headers.push(("x-accepted-oauth-scopes", accepted.to_owned()));
        }
        headers
    }

    /// Refuses if `owner` requires single sign-on that this token has not been authorized for.
    pub(super) fn enters(&self, owner: &str) -> Result<(), Reply> {
        if self.sso_authorized || !owner.eq_ignore_ascii_case(ORGANIZATION) {
            return Ok(());
        }
        let mut reply = Reply::fail(
            403,
            "Resource protected by organization SAML enforcement. You must grant your Personal \
             Access token access to this organization.",
        );
        let link = format!("https://github.com/orgs/{ORGANIZATION}/sso?authorization_request=DEMO");
        reply
            .headers
            .push(("x-github-sso", format!("required; url={link}")));
        Err(reply)
    }

    /// Refuses unless a classic token has `scope`, a fine-grained one `permission` to write.
    pub(super) fn may(&self, scope: &str, permission: &str) -> Result<(), Reply> {
        match self.kind {
            TokenKind::Classic if self.scopes.iter().any(|held| held == scope) => Ok(()),
            TokenKind::Classic if scope == "admin:org" => Err(Reply::fail(
                403,
                "You must be an org admin or have the actions secrets fine-grained permission.",
            )),
            TokenKind::Classic => Err(Reply::not_found()),
            TokenKind::FineGrained
                if self
                    .permissions
                    .get(permission)
                    .is_some_and(|held| held == "write") =>
            {
                Ok(())
            }
            TokenKind::FineGrained => {
                let mut reply = Reply::fail(403, "Resource not accessible by personal access token");
                let needed = format!("{permission}=write");
                reply.headers.push(("x-accepted-github-permissions", needed));
                Err(reply)
            }
        }
    }
}
