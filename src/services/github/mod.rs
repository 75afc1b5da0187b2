//! GitHub by way of octocrab on the shared HTTP client.
//!
//! Owns reading trees, blobs, refs and the account, with `ETag`s so that an unchanged answer costs
//! no quota. octocrab's own retry is not compiled; the one policy wraps every read. Reading public
//! things works without a token. Must not change anything.

pub mod releases;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use backon::Retryable;
use base64::Engine as _;
use chrono::{DateTime, NaiveDateTime, Utc};
use http_body_util::BodyExt;
use reqwest::header::{ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use url::Url;

use super::http::{Http, host_of, policy, retry_after, transient};
use crate::domain::credential::{CredentialFacts, ExpiryFrom};
use crate::domain::{Kind, Outside, Problem};

/// GitHub's REST API.
#[derive(Clone)]
pub struct GitHub {
    api: Url,
    http: Http,
    octocrab: octocrab::Octocrab,
    token_from: Option<Outside>,
    seen: Arc<Mutex<HashMap<String, (String, Reply)>>>,
}

#[derive(Clone)]
struct Reply {
    status: u16,
    headers: HeaderMap,
    body: bytes::Bytes,
}

/// One entry of a tree.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct TreeEntry {
    /// Path inside the tree.
    pub path: String,
    /// `blob` or `tree`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Object id.
    pub sha: String,
}

#[derive(serde::Deserialize)]
struct Tree {
    tree: Vec<TreeEntry>,
    #[serde(default)]
    truncated: bool,
}

#[derive(serde::Deserialize)]
struct Blob {
    content: String,
}

#[derive(serde::Deserialize)]
struct User {
    login: String,
}

#[derive(serde::Deserialize)]
struct Message {
    #[serde(default)]
    message: Option<String>,
}

impl GitHub {
    /// The API at `api`, with `token` where there is one and the name of where it was found.
    pub fn new(http: Http, api: Url, token: Option<(SecretString, &str)>) -> Result<Self, Problem> {
        let broken = |error: octocrab::Error| {
            Problem::new(Kind::Config, format!("GitHub at {api} cannot be spoken to")).because(&error)
        };
        let client = http.client(&api)?.clone();
        let mut builder = octocrab::Octocrab::builder()
            .base_uri(api.as_str().trim_end_matches('/'))
            .map_err(broken)?;
        let token_from = token.as_ref().map(|(_, from)| Outside::new(from));
        if let Some((token, _)) = token {
            builder = builder.personal_token(token);
        }
        let octocrab = builder.build_with_reqwest(client).map_err(broken)?;
        Ok(Self {
            api,
            http,
            octocrab,
            token_from,
            seen: Arc::default(),
        })
    }

    async fn once(&self, path: &str, etag: Option<&str>) -> Result<Reply, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert("x-github-api-version", HeaderValue::from_static("2022-11-28"));
        if let Some(value) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
            headers.insert(IF_NONE_MATCH, value);
        }
        let host = host_of(&self.api);
        let silent = |cause: String| {
            Problem::new(Kind::Network, format!("{host} (GitHub) did not answer"))
                .cause(cause)
                .hint("check the network, then run the same command again")
        };
        self.http.wait_for(&host).await;
        let whole = async {
            let response = self.octocrab._get_with_headers(path, Some(headers)).await?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, octocrab::Error>(Reply {
                status: parts.status.as_u16(),
                headers: parts.headers,
                body,
            })
        };
        match tokio::time::timeout(self.http.timeouts().total, whole).await {
            Err(_) => Err(silent("timed out".to_owned())),
            Ok(Err(error)) => {
                let mut text = error.to_string();
                let mut source = std::error::Error::source(&error);
                while let Some(inner) = source {
                    text = inner.to_string();
                    source = inner.source();
                }
                Err(silent(text))
            }
            Ok(Ok(reply)) => Ok(reply),
        }
    }

    async fn reply(&self, path: &str, what: &str) -> Result<Reply, Problem> {
        let known = self.seen.lock().ok().and_then(|seen| seen.get(path).cloned());
        let etag = known.as_ref().map(|(etag, _)| etag.as_str());
        let attempt = || async {
            let reply = self.once(path, etag).await?;
            if transient(reply.status) {
                return Err(self.problem_of(&reply, what));
            }
            Ok(reply)
        };
        let worth = |problem: &Problem| matches!(problem.kind, Kind::Network | Kind::Service);
        let reply = attempt
            .retry(policy())
            .when(worth)
            .await
            .map_err(|problem| problem.within(what))?;
        if let (304, Some((_, known))) = (reply.status, known) {
            return Ok(known);
        }
        if !(200..300).contains(&reply.status) {
            return Err(self.problem_of(&reply, what));
        }
        if let Some(etag) = reply.headers.get(ETAG).and_then(|etag| etag.to_str().ok())
            && let Ok(mut seen) = self.seen.lock()
        {
            seen.insert(path.to_owned(), (etag.to_owned(), reply.clone()));
        }
        Ok(reply)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, what: &str) -> Result<T, Problem> {
        let reply = self.reply(path, what).await?;
        serde_json::from_slice(&reply.body).map_err(|error| {
            Problem::new(
                Kind::Service,
                format!(
                    "{what}: {} answered something that makes no sense",
                    host_of(&self.api)
                ),
            )
            .cause(error)
            .hint("is a proxy or login page in the way? Otherwise try again later")
        })
    }

    fn problem_of(&self, reply: &Reply, what: &str) -> Problem {
        let host = host_of(&self.api);
        let said = serde_json::from_slice::<Message>(&reply.body)
            .ok()
            .and_then(|body| body.message);
        let header = |name: &str| reply.headers.get(name).and_then(|value| value.to_str().ok());
        let spent = header("x-ratelimit-remaining") == Some("0");
        let limited =
            reply.status == 429 || (reply.status == 403 && (spent || header("retry-after").is_some()));
        let kind = match reply.status {
            _ if limited => Kind::RateLimited,
            401 | 403 => Kind::Credentials,
            404 => Kind::NotFound,
            _ => Kind::Service,
        };
        let mut problem = Problem::new(kind, format!("{what}: {host} answered {}", reply.status));
        if let Some(said) = said {
            problem = problem.cause(said);
        }
        problem = match kind {
            Kind::RateLimited => problem
                .hint("wait until the quota is back, or set GH_TOKEN: 60 requests an hour become 5,000"),
            Kind::Credentials => {
                problem.hint("GH_TOKEN is wrong, expired or too narrow: unset it, or set a valid one")
            }
            Kind::NotFound if self.token_from.is_none() => {
                problem.hint("if it is private, set GH_TOKEN to a token that may read it")
            }
            Kind::NotFound => {
                problem.hint("check the name in the workspace file, and what the token may read")
            }
            _ => problem.hint("GitHub is in trouble, or a proxy is in the way: try again later"),
        };
        problem.request_id = header("x-github-request-id").map(Outside::new);
        problem.retry_after = retry_after(&reply.headers)
            .and_then(|wait| chrono::TimeDelta::from_std(wait).ok())
            .map(|wait| Utc::now() + wait)
            .or_else(|| {
                let reset = header("x-ratelimit-reset").filter(|_| limited)?.parse().ok()?;
                DateTime::from_timestamp(reset, 0)
            });
        problem
    }

    /// A tree, recursively. `tree` is an object id, a branch, or `branch:path`.
    pub async fn tree(&self, repository: &str, tree: &str) -> Result<Vec<TreeEntry>, Problem> {
        let path = format!("/repos/{repository}/git/trees/{}?recursive=1", escaped(tree));
        let what = format!("reading {tree} of {repository}");
        let tree: Tree = self.get(&path, &what).await?;
        if tree.truncated {
            return Err(
                Problem::new(Kind::Service, format!("{what}: the list is cut short"))
                    .hint("the folder is too large for one answer; report it"),
            );
        }
        Ok(tree.tree)
    }

    /// The bytes of a blob.
    pub async fn blob(&self, repository: &str, sha: &str) -> Result<Vec<u8>, Problem> {
        let path = format!("/repos/{repository}/git/blobs/{}", escaped(sha));
        let what = format!("reading a file of {repository}");
        let blob: Blob = self.get(&path, &what).await?;
        let compact: String = blob.content.split_whitespace().collect();
        base64::engine::general_purpose::STANDARD
            .decode(compact)
            .map_err(|error| {
                Problem::new(Kind::Service, format!("{what}: its content is not base64")).because(&error)
            })
    }

    /// Names of the branches that begin with `prefix`.
    pub async fn branches(&self, repository: &str, prefix: &str) -> Result<Vec<String>, Problem> {
        let path = format!("/repos/{repository}/git/matching-refs/heads/{}", escaped(prefix));
        let what = format!("reading the branches {prefix}* of {repository}");
        let refs: Vec<octocrab::models::repos::Ref> = self.get(&path, &what).await?;
        Ok(refs
            .into_iter()
            .filter_map(|branch| branch.ref_field.strip_prefix("refs/heads/").map(str::to_owned))
            .collect())
    }

    /// Whose token it is, its scopes and its end, from the headers that octocrab drops.
    pub async fn account(&self) -> Result<CredentialFacts, Problem> {
        let Some(source) = self.token_from.clone() else {
            return Err(Problem::new(Kind::NotFound, "no GitHub token is set")
                .hint("reading works without; set GH_TOKEN for more than 60 requests an hour"));
        };
        let what = "asking whose GitHub token it is";
        let reply = self.reply("/user", what).await?;
        let user: User = serde_json::from_slice(&reply.body)
            .map_err(|error| Problem::new(Kind::Service, what).because(&error))?;
        let header = |name: &str| reply.headers.get(name).and_then(|value| value.to_str().ok());
        let scopes = header("x-oauth-scopes").unwrap_or_default();
        let expires_at = header("github-authentication-token-expiration").and_then(expiration);
        Ok(CredentialFacts {
            name: Outside::new("GitHub token"),
            kind: Outside::new("github"),
            source,
            account: Some(Outside::new(user.login)),
            expires_from: if expires_at.is_some() {
                ExpiryFrom::Service
            } else {
                ExpiryFrom::Unknown
            },
            expires_at,
            scopes: scopes
                .split(',')
                .map(str::trim)
                .filter(|s| !s.is_empty())
                .map(Outside::new)
                .collect(),
            packages: None,
            channels: None,
            session: None,
            remarks: Vec::new(),
        })
    }
}

/// `2027-10-12 09:00:00 UTC`, with an offset, or ISO.
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

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b':' | b'/' => {
                out.push(byte as char);
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
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
