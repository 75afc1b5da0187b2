//! Writes to GitHub: secrets, commits and references.
//!
//! Every change is sent through this module. A request follows no redirect, so neither the token
//! nor a secret reaches another repository than the one named. Must not be constructed in a
//! read-only session.

mod git;
mod secrets;
mod workflows;

use reqwest::header::AUTHORIZATION;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use url::Url;

use super::account::bearer;
use super::{GitHub, Reply, VERSION};
use crate::domain::{GitHubRepository, Problem};
use crate::services::charmhub::at;
use crate::services::http::{Answer, Limit, Written};
pub use git::NewCommit;

/// Writes to GitHub.
#[derive(Clone)]
pub struct GitHubWriter {
    github: GitHub,
}

/// Holds one change before it is sent.
struct Change<'a> {
    method: Method,
    /// Segments of its path.
    path: &'a [&'a str],
    body: Option<&'a Value>,
    /// What is done, for messages.
    what: &'a str,
}

impl GitHubWriter {
    /// Returns a writer with the token of `github`.
    pub const fn new(github: GitHub) -> Self {
        Self { github }
    }

    /// Sends a change once. `problem` interprets a refusal.
    async fn send(
        &self,
        change: &Change<'_>,
        problem: impl FnOnce(&Answer) -> Problem,
    ) -> Result<Written<Answer>, Problem> {
        let (url, request) = self.request(change)?;
        let sent = self.github.http.write(&url, request()).await;
        Written::of(sent, change.what, &url, problem)
    }

    /// Sends a change that may be repeated: what it creates is named by its content.
    async fn repeat(
        &self,
        change: &Change<'_>,
        problem: impl FnOnce(&Answer) -> Problem,
    ) -> Result<Answer, Problem> {
        let (url, request) = self.request(change)?;
        match self.github.http.limited(Limit::LIST).read(request).await {
            Ok(answer) if answer.ok() => Ok(answer),
            Ok(answer) => Err(problem(&answer)),
            Err(failure) => Err(failure.problem(change.what, &url)),
        }
    }

    fn request(&self, change: &Change<'_>) -> Result<(Url, impl Fn() -> RequestBuilder), Problem> {
        self.github.needs_token(change.what)?;
        let token = self.github.token.as_ref().map(bearer).transpose()?;
        let url = at(&self.github.api, change.path);
        let client = self.github.http.confined(&url)?.clone();
        let (method, body, to) = (change.method.clone(), change.body.cloned(), url.clone());
        let request = move || {
            let mut request = client
                .request(method.clone(), to.clone())
                .header("Accept", "application/vnd.github+json")
                .header("X-GitHub-Api-Version", VERSION);
            if let Some(token) = &token {
                request = request.header(AUTHORIZATION, token.clone());
            }
            match &body {
                Some(body) => request.json(body),
                None => request,
            }
        };
        Ok((url, request))
    }

    fn problem_of(&self, answer: &Answer, what: &str) -> Problem {
        self.github.problem_of(&Reply::from(answer), what)
    }
}

/// Returns the segments of a repository's path, followed by `rest`.
fn of_repository<'a>(repository: &'a GitHubRepository, rest: &[&'a str]) -> Vec<&'a str> {
    let mut path = vec!["repos", repository.owner(), repository.name()];
    path.extend(rest);
    path
}
