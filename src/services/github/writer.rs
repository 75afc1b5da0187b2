//! Setting and deleting Actions secrets.
//!
//! Owns every request that changes GitHub. What is sent is sealed: GitHub alone can open it. A
//! request follows no redirect, so neither the token nor a secret reaches another repository than
//! the one named. Must not be constructed in a read-only session.

mod workflows;

use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};

use super::account::bearer;
use super::secrets::{ORGANISATION_SCOPES, REPOSITORY_SCOPES, no_permission};
use super::{GitHub, Reply, VERSION};
use crate::domain::secret::SealedValue;
use crate::domain::{KeyId, Kind, Outside, Problem, SecretName, SecretTarget};
use crate::services::charmhub::at;
use crate::services::http::{Answer, Written, host_of};

/// GitHub with the right to change it.
#[derive(Clone)]
pub struct GitHubWriter {
    github: GitHub,
}

/// One change, before it is sent.
struct Change<'a> {
    method: Method,
    /// Parts of its path.
    path: &'a [&'a str],
    body: Option<&'a Value>,
    /// What is done, for people.
    what: &'a str,
}

impl GitHubWriter {
    /// Writes with the token of `github`.
    pub const fn new(github: GitHub) -> Self {
        Self { github }
    }

    /// Sets a secret of a repository. Setting it twice is harmless but for the time it was set.
    pub async fn put_secret(&self, sealed: &SealedValue) -> Result<Written<()>, Problem> {
        let target = &sealed.target;
        let what = format!("setting the secret {target}");
        let body = json!({"encrypted_value": sealed.encrypted_value, "key_id": sealed.key_id});
        let sent = self
            .send_sealed(Method::PUT, &repository_path(target), Some(&body), &what)
            .await;
        match sent {
            Err(problem) if problem.kind == Kind::NotFound => {
                self.github.about(&target.repository, &what).await?;
                Err(no_permission(problem, &what, REPOSITORY_SCOPES))
            }
            other => other,
        }
    }

    /// Sets a secret of an organisation that the repositories with these numbers may read.
    pub async fn put_organisation_secret(
        &self,
        organisation: &str,
        name: &SecretName,
        key_id: &KeyId,
        encrypted_value: &str,
        repositories: &[u64],
    ) -> Result<Written<()>, Problem> {
        let what = format!(
            "setting the secret {name} of the organisation {}",
            Outside::capped(organisation, 100)
        );
        let body = json!({
            "encrypted_value": encrypted_value, "key_id": key_id,
            "visibility": "selected", "selected_repository_ids": repositories,
        });
        let path = ["orgs", organisation, "actions", "secrets", name.as_str()];
        self.send_sealed(Method::PUT, &path, Some(&body), &what)
            .await
            .map_err(|problem| no_permission(problem, &what, ORGANISATION_SCOPES))
    }

    /// Deletes a secret of a repository. One that is not there counts as deleted.
    pub async fn delete_secret(&self, target: &SecretTarget) -> Result<Written<()>, Problem> {
        let what = format!("deleting the secret {target}");
        match self
            .send_sealed(Method::DELETE, &repository_path(target), None, &what)
            .await
        {
            Err(problem) if problem.kind == Kind::NotFound => match self.github.secret(target).await? {
                None => Ok(Written::Answered(())),
                Some(_) => Err(no_permission(problem, &what, REPOSITORY_SCOPES)),
            },
            other => other,
        }
    }

    async fn send_sealed(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
        what: &str,
    ) -> Result<Written<()>, Problem> {
        let change = Change { method, path, body, what };
        let written = self.send(&change, |answer| self.problem(answer, what)).await?;
        Ok(written.map(drop))
    }

    /// Sends a change that must not happen twice. `problem` reads a refusal.
    async fn send(
        &self,
        change: &Change<'_>,
        problem: impl FnOnce(&Answer) -> Problem,
    ) -> Result<Written<Answer>, Problem> {
        self.github.needs_token(change.what)?;
        let token = self.github.token.as_ref().map(bearer).transpose()?;
        let url = at(&self.github.api, change.path);
        let http = &self.github.http;
        let client = http.confined(&url)?;
        let sent = http
            .write(|| {
                let mut request = client
                    .request(change.method.clone(), url.clone())
                    .header("Accept", "application/vnd.github+json")
                    .header("X-GitHub-Api-Version", VERSION);
                if let Some(token) = &token {
                    request = request.header(AUTHORIZATION, token.clone());
                }
                match change.body {
                    Some(body) => request.json(body),
                    None => request,
                }
            })
            .await;
        Written::of(sent, change.what, &url, problem)
    }

    fn problem_of(&self, answer: &Answer, what: &str) -> Problem {
        self.github.problem_of(&Reply::from(answer), what)
    }

    fn problem(&self, answer: &Answer, what: &str) -> Problem {
        let problem = self.github.problem_of(&Reply::from(answer), what);
        if answer.status != 422 {
            return problem;
        }
        // Of what we send only the key can have become wrong.
        let mut refused = Problem::new(
            Kind::Refused,
            format!(
                "{what}: {} does not take a value sealed with this key",
                host_of(&answer.url)
            ),
        );
        refused.causes = problem.causes;
        refused.request_id = problem.request_id;
        refused.hint("the repository's key has changed since the value was sealed: a new token is needed for every target")
    }
}

fn repository_path(target: &SecretTarget) -> [&str; 6] {
    [
        "repos",
        target.repository.owner(),
        target.repository.name(),
        "actions",
        "secrets",
        target.secret.as_str(),
    ]
}

/// The parts of a repository's path, followed by `rest`.
fn of_repository<'a>(repository: &'a crate::domain::GitHubRepository, rest: &[&'a str]) -> Vec<&'a str> {
    let mut path = vec!["repos", repository.owner(), repository.name()];
    path.extend(rest);
    path
}
