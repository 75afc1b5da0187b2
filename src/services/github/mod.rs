//! Talks to GitHub's REST API on the shared HTTP client.
//!
//! Reads trees, blobs, refs, the account and the metadata of secrets, with `ETag`s so that an
//! unchanged answer costs no quota. Every read uses the HTTP module's retry policy. Public things
//! are read without a token. Only [`GitHubWriter`] changes anything, and a read-only session never
//! constructs it.

mod account;
mod folder;
mod git;
pub mod objects;
mod problem;
mod quota;
pub mod releases;
mod reply_cache;
mod secrets;
#[cfg(test)]
mod test_git;
#[cfg(test)]
mod tests;
mod workflow_file;
pub mod workflows;
mod writer;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use backon::Retryable;
use base64::Engine as _;
use chrono::Utc;
use reqwest::RequestBuilder;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use url::Url;

use super::http::json::{Unreadable, json};
use super::http::{Answer, Failure, Http, LONGEST_WAIT, Limit, host_of, policy, transient};
use crate::domain::{KeyId, Problem, ProblemKind, SanitizedText};
use account::bearer;
pub use git::{CommitFacts, RefName};
pub use quota::RequestQuota;
use reply_cache::ReplyCache;
pub use writer::{GitHubWriter, NewCommit};

/// Reads GitHub's REST API.
#[derive(Clone)]
pub struct GitHub {
    api: Url,
    http: Http,
    token: Option<SecretString>,
    token_from: Option<SanitizedText>,
    seen: Arc<Mutex<HashMap<String, (String, Reply)>>>,
    kept: Option<ReplyCache>,
    /// Requests left in this hour, according to the latest answer.
    remaining: Arc<Mutex<Option<u64>>>,
}

/// Version of GitHub's REST API that is requested.
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

/// Holds the key that secrets are sealed with: of a repository, or of an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// Its id, which is sent with what is sealed.
    pub key_id: KeyId,
    /// X25519.
    pub key: [u8; 32],
}

/// Holds one entry of a tree.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct TreeEntry {
    /// Path inside the tree.
    pub path: String,
    /// `100644`, `100755`, `120000`, `040000` or `160000`.
    #[serde(default)]
    pub mode: String,
    /// `blob`, `tree` or `commit`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Object id.
    pub sha: String,
    /// Bytes of a blob.
    #[serde(default)]
    pub size: u64,
}

#[derive(serde::Deserialize)]
struct Tree {
    #[serde(default)]
    sha: String,
    tree: Vec<TreeEntry>,
    #[serde(default)]
    truncated: bool,
}

#[derive(serde::Deserialize)]
struct GitRef {
    #[serde(rename = "ref")]
    name: String,
}

#[derive(serde::Deserialize)]
struct Blob {
    content: String,
}

impl GitHub {
    /// Returns a client of the API at `api`, with `token`, if any, and the name of its source.
    pub fn new(http: Http, api: Url, token: Option<(SecretString, &str)>) -> Self {
        let token_from = token.as_ref().map(|(_, from)| SanitizedText::new(from));
        Self {
            api,
            http,
            token: token.map(|(token, _)| token),
            token_from,
            seen: Arc::default(),
            kept: None,
            remaining: Arc::default(),
        }
    }

    /// Stores answers with their validators below `folder`, for the next process.
    pub fn with_cache(mut self, folder: Option<&Path>) -> Self {
        self.kept = folder.map(|folder| ReplyCache::new(folder, &self.scope()));
        self
    }

    /// Identifies the API and the token in use without revealing the token.
    pub fn scope(&self) -> String {
        let token = self.token.as_ref().map_or("", |token| token.expose_secret());
        super::scope_of(&["github", self.api.as_str(), token])
    }

    /// Returns true if requests are made as an account.
    pub const fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Returns the requests left in this hour, as far as an answer in this process showed them.
    pub fn remaining(&self) -> Option<u64> {
        self.remaining.lock().ok().and_then(|remaining| *remaining)
    }

    /// Builds a GET of `path`, which begins with a slash and may have a query.
    fn request(&self, path: &str, etag: Option<&str>) -> Result<RequestBuilder, Problem> {
        let text = format!("{}{path}", self.api.as_str().trim_end_matches('/'));
        let url = Url::parse(&text).map_err(|error| {
            Problem::new(ProblemKind::Internal, format!("{text} is not a URL")).because(&error)
        })?;
        let mut request = self
            .http
            .client(&url)?
            .get(url)
            .header(ACCEPT, "application/vnd.github+json")
            .header("X-GitHub-Api-Version", VERSION);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, bearer(token)?);
        }
        // One that is damaged on disk only costs the whole answer.
        if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
            request = request.header(IF_NONE_MATCH, etag);
        }
        Ok(request)
    }

    /// Sends once and reads the whole answer, whatever its status.
    async fn once(&self, path: &str, etag: Option<&str>) -> Result<Reply, Failure> {
        let request = self.request(path, etag).map_err(|problem| Failure {
            hopeless: true,
            ..Failure::broke_off(&problem)
        })?;
        let reply = Reply::from(&self.http.limited(Limit::LIST).once(request).await?);
        let remaining = reply.header("x-ratelimit-remaining");
        if let (Some(left), Ok(mut remaining)) = (
            remaining.and_then(|text| text.parse().ok()),
            self.remaining.lock(),
        ) {
            *remaining = Some(left);
        }
        Ok(reply)
    }

    async fn reply(&self, path: &str, what: &str) -> Result<Reply, Problem> {
        let known = self.seen.lock().ok().and_then(|seen| seen.get(path).cloned());
        let known = known.or_else(|| self.kept.as_ref().and_then(|kept| kept.read(path)));
        self.reply_since(path, what, known).await
    }

    /// Works as [`GitHub::reply`] does, but never answers from memory: for what must not be older
    /// than the call.
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
        let silent = |failure: Failure| {
            let problem = if failure.began {
                failure.problem(what, &self.api)
            } else {
                let host = host_of(&self.api);
                Problem::new(
                    ProblemKind::Network,
                    format!("{what}: {host} (GitHub) did not respond"),
                )
                .cause(failure.text)
                .hint("check the network, then run the same command again")
            };
            (problem, !failure.hopeless)
        };
        let attempt = || async {
            let reply = self.once(path, etag).await.map_err(silent)?;
            if transient(reply.status) {
                return Err((self.problem_of(&reply, what), true));
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
        let worth = |(problem, again): &(Problem, bool)| match problem.kind {
            ProblemKind::Network | ProblemKind::Service => *again,
            ProblemKind::RateLimited => short(problem),
            _ => false,
        };
        let reply = attempt
            .retry(policy())
            .when(worth)
            .await
            .map_err(|(problem, _)| problem)?;
        if let (304, Some((etag, mut known))) = (reply.status, known) {
            // The headers about the token and the quota are new nevertheless.
            for (name, value) in &reply.headers {
                if name != CONTENT_LENGTH {
                    known.headers.insert(name, value.clone());
                }
            }
            if let Ok(mut seen) = self.seen.lock() {
                seen.insert(path.to_owned(), (etag, known.clone()));
            }
            return Ok(known);
        }
        if !(200..300).contains(&reply.status) {
            return Err(self.problem_of(&reply, what));
        }
        if let Some(etag) = reply.headers.get(ETAG).and_then(|etag| etag.to_str().ok())
            && let Ok(mut seen) = self.seen.lock()
        {
            seen.insert(path.to_owned(), (etag.to_owned(), reply.clone()));
            // Content with an object id is stored under that id, once it is verified.
            if let Some(kept) = self.kept.as_ref().filter(|_| !path.contains("/git/blobs/")) {
                kept.keep(path, etag, &reply);
            }
        }
        Ok(reply)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, what: &str) -> Result<T, Problem> {
        self.proven(path, what, |reply| self.parsed(reply, what)).await
    }

    /// Returns the result of `check` for an answer. An answer that `check` refuses is dropped and
    /// requested once more: a wrong answer is a fault of the transport until it comes twice.
    async fn proven<T>(
        &self,
        path: &str,
        what: &str,
        check: impl Fn(&Reply) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let forget = |problem: &Problem| {
            tracing::debug!("{path}: {problem}");
            if let Ok(mut seen) = self.seen.lock() {
                seen.remove(path);
            }
            if let Some(kept) = &self.kept {
                kept.remove(path);
            }
        };
        let first = check(&self.reply(path, what).await?).inspect_err(forget);
        match first {
            Ok(found) => Ok(found),
            Err(_) => check(&self.fresh(path, what).await?).inspect_err(forget),
        }
    }

    fn parsed<T: DeserializeOwned>(&self, reply: &Reply, what: &str) -> Result<T, Problem> {
        json(&reply.body).map_err(|error| self.unreadable(what, &error))
    }

    fn unreadable(&self, what: &str, error: &Unreadable) -> Problem {
        let host = host_of(&self.api);
        Problem::new(
            ProblemKind::Service,
            format!("{what}: cannot read the response of {host}"),
        )
        .because(error)
        .hint("check for a proxy or a login page; otherwise try again later")
    }

    /// Reads a tree: everything below it, or only its own entries if not `recursive`. `tree` is an
    /// object id, a branch, or `branch:path`; content requested by id is verified against it.
    async fn entries(
        &self,
        repository: &str,
        tree: &str,
        recursive: bool,
        what: &str,
    ) -> Result<Vec<TreeEntry>, Problem> {
        let mut path = format!("/repos/{repository}/git/trees/{}", escaped(tree));
        if recursive {
            path.push_str("?recursive=1");
        }
        self.proven(&path, what, |reply| {
            let found: Tree = self.parsed(reply, what)?;
            if found.truncated {
                return Err(
                    Problem::new(ProblemKind::Service, format!("{what}: the list is truncated"))
                        .hint("the directory is too large for one response; report it"),
                );
            }
            let id = if objects::is_id(tree) { tree } else { &found.sha };
            let agrees = if recursive {
                objects::is_tree(id, &found.tree)
            } else {
                objects::is_folder(id, &found.tree)
            };
            if objects::is_id(id) && !agrees {
                return Err(self.other_content(what, &format!("tree {id}")));
            }
            Ok(found.tree)
        })
        .await
    }

    /// Reads a tree with everything below it. `tree` is an object id, a branch, or `branch:path`.
    pub async fn tree(&self, repository: &str, tree: &str) -> Result<Vec<TreeEntry>, Problem> {
        let what = format!("reading {tree} of {repository}");
        self.entries(repository, tree, true, &what).await
    }

    /// Reads the bytes of a blob, verified against its id.
    pub async fn blob(&self, repository: &str, sha: &str) -> Result<Vec<u8>, Problem> {
        let path = format!("/repos/{repository}/git/blobs/{}", escaped(sha));
        let what = format!("reading a file of {repository}");
        self.proven(&path, &what, |reply| {
            let blob: Blob = self.parsed(reply, &what)?;
            let compact: String = blob.content.split_whitespace().collect();
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(compact)
                .map_err(|_| {
                    Problem::new(
                        ProblemKind::Service,
                        format!("{what}: its content is not valid base64"),
                    )
                    .hint("GitHub is having problems, or a proxy interferes: try again later")
                })?;
            if objects::is_blob(sha, &bytes) {
                Ok(bytes)
            } else {
                Err(self.other_content(&what, &format!("file {sha}")))
            }
        })
        .await
    }

    /// Returns the problem for an answer that is not the content requested by its id.
    fn other_content(&self, what: &str, asked: &str) -> Problem {
        let host = host_of(&self.api);
        Problem::new(
            ProblemKind::Service,
            format!("{what}: {host} returned other content than requested"),
        )
        .cause(format!(
            "the content does not match the id of the {asked}, twice in a row"
        ))
        .hint("it was discarded: run the same command again later")
    }

    /// Returns the names of the branches that begin with `prefix`.
    pub async fn branches(&self, repository: &str, prefix: &str) -> Result<Vec<String>, Problem> {
        self.matching(repository, "heads", prefix).await
    }

    /// Returns the names of the references below `kind` (`heads`, `tags`) that begin with
    /// `prefix`.
    async fn matching(&self, repository: &str, kind: &str, prefix: &str) -> Result<Vec<String>, Problem> {
        let path = format!("/repos/{repository}/git/matching-refs/{kind}/{}", escaped(prefix));
        let word = if kind == "tags" { "tags" } else { "branches" };
        let what = format!("reading the {word} {prefix}* of {repository}");
        let refs: Vec<GitRef> = self.get(&path, &what).await?;
        let whole = format!("refs/{kind}/");
        Ok(refs
            .into_iter()
            .filter_map(|found| found.name.strip_prefix(&whole).map(str::to_owned))
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
