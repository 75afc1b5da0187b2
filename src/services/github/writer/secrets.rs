//! Sets and deletes Actions secrets.
//!
//! Interprets the refusal of a sealed value. What is sent is sealed: only GitHub can open it.

use reqwest::Method;
use serde_json::{Value, json};

use super::super::secrets::{ORGANISATION_SCOPES, REPOSITORY_SCOPES, no_permission};
use super::{Change, GitHubWriter, of_repository};
use crate::domain::secret::SealedValue;
use crate::domain::{KeyId, Problem, ProblemKind, SanitizedText, SecretName, SecretTarget};
use crate::services::http::{Answer, Written, host_of};

impl GitHubWriter {
    /// Sets a secret of a repository. Setting it twice changes only the time it was set.
    pub async fn put_secret(&self, sealed: &SealedValue) -> Result<Written<()>, Problem> {
        let target = &sealed.target;
        let what = format!("setting the secret {target}");
        let body = json!({"encrypted_value": sealed.encrypted_value, "key_id": sealed.key_id});
        let sent = self
            .send_secret(Method::PUT, &repository_path(target), Some(&body), &what)
            .await;
        match sent {
            Err(problem) if problem.kind == ProblemKind::NotFound => {
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
            SanitizedText::capped(organisation, 100)
        );
        let body = json!({
            "encrypted_value": encrypted_value, "key_id": key_id,
            "visibility": "selected", "selected_repository_ids": repositories,
        });
        let path = ["orgs", organisation, "actions", "secrets", name.as_str()];
        self.send_secret(Method::PUT, &path, Some(&body), &what)
            .await
            .map_err(|problem| no_permission(problem, &what, ORGANISATION_SCOPES))
    }

    /// Deletes a secret of a repository. A missing one counts as deleted.
    pub async fn delete_secret(&self, target: &SecretTarget) -> Result<Written<()>, Problem> {
        let what = format!("deleting the secret {target}");
        match self
            .send_secret(Method::DELETE, &repository_path(target), None, &what)
            .await
        {
            Err(problem) if problem.kind == ProblemKind::NotFound => {
                match self.github.secret(target).await? {
                    None => Ok(Written::Answered(())),
                    Some(_) => Err(no_permission(problem, &what, REPOSITORY_SCOPES)),
                }
            }
            other => other,
        }
    }

    async fn send_secret(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
        what: &str,
    ) -> Result<Written<()>, Problem> {
        let change = Change {
            method,
            path,
            body,
            what,
        };
        // The service may repeat the encrypted value.
        let sealed = body.and_then(|body| body["encrypted_value"].as_str());
        let refused = |answer: &Answer| match sealed {
            Some(sealed) => self.refused_seal(&answer.without(sealed), what),
            None => self.refused_seal(answer, what),
        };
        let sent = self.send(&change, refused).await?;
        Ok(sent.map(drop))
    }

    fn refused_seal(&self, answer: &Answer, what: &str) -> Problem {
        let problem = self.problem_of(answer, what);
        if answer.status != 422 {
            return problem;
        }
        // Of what is sent only the key can have become wrong.
        let mut refused = Problem::new(
            ProblemKind::Refused,
            format!(
                "{what}: {} does not accept a value encrypted with this key",
                host_of(&answer.url)
            ),
        );
        refused.causes = problem.causes;
        refused.request_id = problem.request_id;
        refused.hint(
            "the repository's key has changed since the value was encrypted: every target needs a new token",
        )
    }
}

fn repository_path(target: &SecretTarget) -> Vec<&str> {
    of_repository(
        &target.repository,
        &["actions", "secrets", target.secret.as_str()],
    )
}
