//! GitHub by way of octocrab on the shared HTTP client.
//!
//! Owns reading trees, blobs, refs, the account and what is told of secrets, with `ETag`s so that an
//! unchanged answer costs no quota. octocrab's own retry is not compiled; the one policy wraps every
//! read. Reading public things works without a token. Only [`GitHubWriter`] changes anything, and a
//! read-only session never constructs it.

mod account;
mod git;
mod problem;
mod quota;
pub mod releases;
mod secrets;
#[cfg(test)]
mod tests;
mod workflow_file;
pub mod workflows;
mod writer;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use backon::Retryable;
use base64::Engine as _;
use chrono::Utc;
use http_body_util::BodyExt;
use reqwest::header::{ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use url::Url;

use super::http::{Answer, Http, LONGEST_WAIT, host_of, policy, transient};
use crate::domain::{KeyId, Kind, Outside, Problem};
pub use git::{CommitFacts, RefName};
pub use quota::RequestQuota;
pub use writer::{GitHubWriter, NewCommit};

/// GitHub's REST API.
#[derive(Clone)]
pub struct GitHub {
    api: Url,
    http: Http,
    /// Made when GitHub is first asked.
    octocrab: Arc<OnceLock<octocrab::Octocrab>>,
    token: Option<SecretString>,
    token_from: Option<Outside>,
    seen: Arc<Mutex<HashMap<String, (String, Reply)>>>,
}

/// GitHub's version of its interface that is spoken.
const VERSION: &str = "2022-11-28";

#[derive(Clone)]
struct Reply {
    status: u16,
    headers: HeaderMap,
    body: bytes::Bytes,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl From<&Answer> for Reply {
    fn from(answer: &Answer) -> Self {
        Self {
            status: answer.status,
            headers: answer.headers.clone(),
            body: answer.body.clone(),
        }
    }
}

/// The key that secrets are sealed with: of a repository, or of an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// Its id, which goes along with what is sealed.
    pub key_id: KeyId,
    /// X25519.
    pub key: [u8; 32],
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

impl GitHub {
    /// The API at `api`, with `token` where there is one and the name of where it was found.
    pub fn new(http: Http, api: Url, token: Option<(SecretString, &str)>) -> Self {
        let token_from = token.as_ref().map(|(_, from)| Outside::new(from));
        Self {
            api,
            http,
            octocrab: Arc::default(),
            token: token.map(|(token, _)| token),
            token_from,
            seen: Arc::default(),
        }
    }

    fn octocrab(&self) -> Result<&octocrab::Octocrab, Problem> {
        if let Some(made) = self.octocrab.get() {
            return Ok(made);
        }
        let broken = |error: octocrab::Error| {
            Problem::new(
                Kind::Config,
                format!("GitHub at {} cannot be spoken to", self.api),
            )
            .because(&error)
        };
        let mut builder = octocrab::Octocrab::builder()
            .base_uri(self.api.as_str().trim_end_matches('/'))
            .map_err(broken)?;
        if let Some(token) = self.token.clone() {
            builder = builder.personal_token(token);
        }
        let client = self.http.client(&self.api)?.clone();
        let made = builder.build_with_reqwest(client).map_err(broken)?;
        Ok(self.octocrab.get_or_init(|| made))
    }

    async fn once(&self, path: &str, etag: Option<&str>) -> Result<Reply, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert("x-github-api-version", HeaderValue::from_static(VERSION));
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
        let asked = tokio::time::Instant::now();
        let octocrab = self.octocrab()?;
        let whole = async {
            let response = octocrab._get_with_headers(path, Some(headers)).await?;
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
            Ok(Ok(reply)) => {
                self.http.note_clock(&host, asked.elapsed(), &reply.headers);
                self.http.note_wait(&host, reply.status, &reply.headers);
                Ok(reply)
            }
        }
    }

    async fn reply(&self, path: &str, what: &str) -> Result<Reply, Problem> {
        let known = self.seen.lock().ok().and_then(|seen| seen.get(path).cloned());
        self.reply_since(path, what, known).await
    }

    /// As [`GitHub::reply`], never answered from memory: for what must not be older than the call.
    async fn fresh(&self, path: &str, what: &str) -> Result<Reply, Problem> {
        self.reply_since(path, what, None).await
    }

    async fn reply_since(
        &self,
        path: &str,
        what: &str,
        known: Option<(String, Reply)>,
    ) -> Result<Reply, Problem> {
        let etag = known.as_ref().map(|(etag, _)| etag.as_str());
        let attempt = || async {
            let reply = self.once(path, etag).await?;
            if transient(reply.status) {
                return Err(self.problem_of(&reply, what));
            }
            Ok(reply)
        };
        // A short wait that GitHub asks for is kept before the next try (see `wait_for`).
        let short = |problem: &Problem| {
            let wait = problem
                .retry_after
                .map(|at| (at - Utc::now()).to_std().unwrap_or_default());
            wait.is_some_and(|wait| wait <= LONGEST_WAIT)
        };
        let worth = |problem: &Problem| match problem.kind {
            Kind::Network | Kind::Service => true,
            Kind::RateLimited => short(problem),
            _ => false,
        };
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
        self.parsed(&self.reply(path, what).await?, what)
    }

    fn parsed<T: DeserializeOwned>(&self, reply: &Reply, what: &str) -> Result<T, Problem> {
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
        self.matching(repository, "heads", prefix).await
    }

    /// Names of the references below `kind` (`heads`, `tags`) that begin with `prefix`.
    async fn matching(&self, repository: &str, kind: &str, prefix: &str) -> Result<Vec<String>, Problem> {
        let path = format!("/repos/{repository}/git/matching-refs/{kind}/{}", escaped(prefix));
        let word = if kind == "tags" { "tags" } else { "branches" };
        let what = format!("reading the {word} {prefix}* of {repository}");
        let refs: Vec<octocrab::models::repos::Ref> = self.get(&path, &what).await?;
        let whole = format!("refs/{kind}/");
        Ok(refs
            .into_iter()
            .filter_map(|found| found.ref_field.strip_prefix(&whole).map(str::to_owned))
            .collect())
    }
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
