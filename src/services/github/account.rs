//! Reads the account of a token, its scopes and its expiry.
//!
//! Parses the headers that contain them. Must not show a token.

use chrono::{DateTime, NaiveDateTime, Utc};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::problem::{Sso, sso};
use super::{GitHub, Reply, VERSION};
use crate::domain::credential::{CredentialFacts, CredentialOrigin, ExpiryFrom, GitHubTokenKind};
use crate::domain::{Problem, ProblemKind, SanitizedText};
use crate::services::charmhub::at;

#[derive(serde::Deserialize)]
struct User {
    login: String,
}

/// Holds the account of a token, as commits name it.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Identity {
    /// Its number.
    pub id: u64,
    /// Its short name: letters, digits and dashes.
    pub login: String,
    /// The name in its profile: free text.
    #[serde(default)]
    pub name: Option<String>,
}

/// Returns `Bearer` and the token, if a header can carry it.
pub(super) fn bearer(token: &SecretString) -> Result<HeaderValue, Problem> {
    let text = Zeroizing::new(format!("Bearer {}", token.expose_secret()));
    let mut value = HeaderValue::from_str(&text).map_err(|_| {
        Problem::new(
            ProblemKind::Credentials,
            "the GitHub token contains invalid characters",
        )
        .hint("check for a line break or a quotation mark")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

impl GitHub {
    /// Reads the account of the token in use, its scopes and its expiry.
    pub async fn account(&self) -> Result<CredentialFacts, Problem> {
        let Some(source) = self.token_from.clone() else {
            return Err(Problem::new(ProblemKind::NotFound, "no GitHub token is set")
                .hint("reading works without a token; set GH_TOKEN for more than 60 requests an hour"));
        };
        let reply = self
            .reply("/user", "reading the account of the GitHub token")
            .await?;
        self.facts(&reply, source)
    }

    /// Reads the number and names of the account of the token.
    pub async fn identity(&self) -> Result<Identity, Problem> {
        let what = "reading the account of the GitHub token";
        if self.token_from.is_none() {
            return Err(
                Problem::new(ProblemKind::Credentials, "no commit author configured")
                    .cause("no GitHub token, [operator] table or git user is set")
                    .hint("set GH_TOKEN to a token with write access to the bundle's repository"),
            );
        }
        self.get("/user", what).await
    }

    /// Returns what GitHub leaves out of its lists for this token. GitHub reports it only along
    /// with a list; empty if the token may not list.
    pub async fn left_out(&self) -> Vec<SanitizedText> {
        if self.token_from.is_none() {
            return Vec::new();
        }
        match self
            .reply(
                "/user/orgs?per_page=1",
                "reading the organisations of the account",
            )
            .await
        {
            Ok(list) => partial(&list).into_iter().collect(),
            Err(_) => Vec::new(),
        }
    }

    /// Works as [`GitHub::account`] does for another token, found at `source`: for example one
    /// that is to be stored as a secret.
    pub async fn account_of(&self, token: &SecretString, source: &str) -> Result<CredentialFacts, Problem> {
        let what = format!("reading the account of the GitHub token from {source}");
        let url = at(&self.api, &["user"]);
        let bearer = bearer(token)?;
        let client = self.http.confined(&url)?;
        let answer = self
            .http
            .read(|| {
                client
                    .get(url.clone())
                    .header(AUTHORIZATION, bearer.clone())
                    .header("Accept", "application/vnd.github+json")
                    .header("X-GitHub-Api-Version", VERSION)
            })
            .await
            .map_err(|failure| failure.problem(&what, &url))?;
        let reply = Reply::from(&answer);
        match answer.status {
            200..=299 => self.facts(&reply, SanitizedText::new(source)),
            401 => Err(Problem::new(
                ProblemKind::Credentials,
                format!("GitHub rejects the token from {source}: it is wrong or expired"),
            )
            .hint("create a token at https://github.com/settings/tokens")),
            _ => Err(self.problem_of(&reply, &what)),
        }
    }

    fn facts(&self, reply: &Reply, source: SanitizedText) -> Result<CredentialFacts, Problem> {
        let user: User = self.parsed(reply, "reading the account of the GitHub token")?;
        let scopes = reply.header("x-oauth-scopes");
        let expires_at = reply
            .header("github-authentication-token-expiration")
            .and_then(expiration);
        let (kind, sort) = if scopes.is_some() {
            (GitHubTokenKind::Classic, "classic token")
        } else {
            (GitHubTokenKind::FineGrained, "fine-grained or app token")
        };
        let remarks = [SanitizedText::new(sort)]
            .into_iter()
            .chain(partial(reply))
            .collect();
        Ok(CredentialFacts {
            name: SanitizedText::new("GitHub token"),
            kind: SanitizedText::new("github"),
            source,
            account: Some(SanitizedText::new(user.login)),
            expires_from: if expires_at.is_some() {
                ExpiryFrom::Service
            } else {
                ExpiryFrom::Unknown
            },
            expires_at,
            scopes: scopes
                .unwrap_or_default()
                .split(',')
                .map(str::trim)
                .filter(|s| !s.is_empty())
                .map(SanitizedText::new)
                .collect(),
            packages: None,
            channels: None,
            session: None,
            origin: CredentialOrigin::Other,
            token_kind: Some(kind),
            remarks,
            rewrite: None,
        })
    }
}

/// Returns the note about organisations that the token is not authorised for.
fn partial(reply: &Reply) -> Option<SanitizedText> {
    match sso(reply)? {
        Sso::Partial(organisations) => Some(SanitizedText::new(format!(
            "not authorised for single sign-on in the organisations {organisations}: their data is \
            missing from lists"
        ))),
        Sso::Required(link) => Some(SanitizedText::new(format!(
            "authorise the token for single sign-on: {link}"
        ))),
    }
}

/// Parses `2027-10-12 09:00:00 UTC`, with an offset, or ISO.
fn expiration(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S %z"))
        .map(|at| at.to_utc())
        .ok()
        .or_else(|| {
            let naive = text.trim_end_matches("UTC").trim();
            NaiveDateTime::parse_from_str(naive, "%Y-%m-%d %H:%M:%S")
                .ok()
                .map(|naive| naive.and_utc())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_form_of_the_expiry_header_is_read() {
        for text in [
            "2027-10-12 09:00:00 UTC",
            "2027-10-12 09:00:00 +0000",
            "2027-10-12T09:00:00Z",
        ] {
            assert_eq!(
                expiration(text).unwrap().to_rfc3339(),
                "2027-10-12T09:00:00+00:00",
                "{text}"
            );
        }
    }
}
