//! Stores commits, and sets and deletes references.
//!
//! Interprets the refusals: a missing right, a rule of the repository, a name that is taken.
//! Objects are named by their content and may be sent again; references may not.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use super::super::problem::{Sso, sso};
use super::super::{RefName, Reply};
use super::{Change, GitHubWriter, of_repository};
use crate::domain::{Author, CommitId, GitHubRepository, Problem, ProblemKind, Remedy};
use crate::services::http::{Answer, Written, host_of};

/// Holds a commit to be stored.
#[derive(Clone, Debug)]
pub struct NewCommit<'a> {
    /// Its only parent.
    pub parent: &'a CommitId,
    /// Files of the top folder that differ from the parent's.
    pub files: &'a BTreeMap<String, String>,
    /// The whole message.
    pub message: &'a str,
    /// Author and committer.
    pub author: &'a Author,
    /// Its time; the same commit sent twice is one commit.
    pub at: DateTime<Utc>,
}

#[derive(serde::Deserialize)]
struct Stored {
    sha: String,
}

#[derive(serde::Deserialize, Default)]
struct Told {
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    errors: Vec<Value>,
}

impl GitHubWriter {
    /// Checks that the token may write contents of a repository. Sent before anything is written;
    /// it changes nothing.
    ///
    /// # Errors
    /// [`ProblemKind::Credentials`] if the token may not.
    pub async fn may_write(&self, repository: &GitHubRepository) -> Result<(), Problem> {
        match self.github.may_push(repository).await? {
            Some(true) => Ok(()),
            Some(false) => {
                let what = format!("writing to {repository}");
                Err(no_right(
                    Problem::new(ProblemKind::Credentials, "GitHub reports no write access"),
                    &what,
                ))
            }
            None => self.may_commit(repository).await,
        }
    }

    /// Works as [`GitHubWriter::may_write`] does if GitHub does not report the right: sends a
    /// request that is refused in any case, because of a missing right or because it is empty.
    async fn may_commit(&self, repository: &GitHubRepository) -> Result<(), Problem> {
        let what = format!("checking write access to {repository}");
        let path = of_repository(repository, &["git", "blobs"]);
        let empty = json!({});
        let change = Change {
            method: Method::POST,
            path: &path,
            body: Some(&empty),
            what: &what,
        };
        let asked = self
            .repeat(&change, |answer| self.refused_git(answer, &what))
            .await;
        match asked {
            // The content was checked, so the right exists.
            Err(problem) if problem.kind == ProblemKind::Refused => Ok(()),
            Err(problem) => Err(self.explained(repository, problem, &what).await),
            Ok(_) => Ok(()),
        }
    }

    /// Stores a commit that no branch points to yet.
    pub async fn store_commit(
        &self,
        repository: &GitHubRepository,
        new: &NewCommit<'_>,
    ) -> Result<CommitId, Problem> {
        let what = format!("creating a commit in {repository}");
        let Some(parent) = self.github.commit(repository, new.parent).await? else {
            return Err(Problem::new(
                ProblemKind::Refused,
                format!("{repository} no longer has the commit {}", new.parent.short()),
            )
            .hint("its history was rewritten: plan again"));
        };
        // A file that is executable stays so.
        let there = self.github.top(repository, &parent.tree).await?;
        let mode = |path: &str| {
            let same = there.iter().find(|file| file.path == path);
            same.map_or("100644", |file| file.mode.as_str())
        };
        let entries: Vec<Value> = new
            .files
            .iter()
            .map(|(path, text)| json!({"path": path, "mode": mode(path), "type": "blob", "content": text}))
            .collect();
        let body = json!({"base_tree": parent.tree, "tree": entries});
        let tree: Stored = self.object(repository, "trees", &body, &what).await?;
        let person = json!({
            "name": new.author.name, "email": new.author.email,
            "date": new.at.to_rfc3339_opts(SecondsFormat::Secs, true),
        });
        let body = json!({
            "message": new.message, "tree": tree.sha, "parents": [new.parent],
            "author": person, "committer": person,
        });
        let commit: Stored = self.object(repository, "commits", &body, &what).await?;
        commit.sha.parse()
    }

    async fn object(
        &self,
        repository: &GitHubRepository,
        kind: &str,
        body: &Value,
        what: &str,
    ) -> Result<Stored, Problem> {
        let path = of_repository(repository, &["git", kind]);
        let change = Change {
            method: Method::POST,
            path: &path,
            body: Some(body),
            what,
        };
        let sent = self
            .repeat(&change, |answer| self.refused_git(answer, what))
            .await;
        match sent {
            Ok(answer) => self.github.parsed(&Reply::from(&answer), what),
            Err(problem) => Err(self.explained(repository, problem, what).await),
        }
    }

    /// Creates a reference. An existing one is not moved: [`ProblemKind::Refused`].
    pub async fn create_reference(
        &self,
        repository: &GitHubRepository,
        name: &RefName,
        at: &CommitId,
    ) -> Result<Written<()>, Problem> {
        let what = format!("creating {name} of {repository}");
        let path = of_repository(repository, &["git", "refs"]);
        let body = json!({"ref": format!("refs/{}", name.as_str()), "sha": at});
        let change = Change {
            method: Method::POST,
            path: &path,
            body: Some(&body),
            what: &what,
        };
        self.reference_changed(repository, &change).await
    }

    /// Deletes a reference.
    pub async fn delete_reference(
        &self,
        repository: &GitHubRepository,
        name: &RefName,
    ) -> Result<Written<()>, Problem> {
        let what = format!("deleting {name} of {repository}");
        let mut path = of_repository(repository, &["git", "refs"]);
        path.extend(name.as_str().split('/'));
        let change = Change {
            method: Method::DELETE,
            path: &path,
            body: None,
            what: &what,
        };
        self.reference_changed(repository, &change).await
    }

    async fn reference_changed(
        &self,
        repository: &GitHubRepository,
        change: &Change<'_>,
    ) -> Result<Written<()>, Problem> {
        let what = change.what;
        match self.send(change, |answer| self.refused_git(answer, what)).await {
            Ok(written) => Ok(written.map(drop)),
            Err(problem) => Err(self.explained(repository, problem, what).await),
        }
    }

    /// Rewrites "not found", which GitHub answers for a repository that may only be read.
    async fn explained(&self, repository: &GitHubRepository, problem: Problem, what: &str) -> Problem {
        if problem.kind != ProblemKind::NotFound {
            return problem;
        }
        match self.github.about(repository, what).await {
            Ok(_) => no_right(problem, what),
            Err(missing) => missing,
        }
    }

    fn refused_git(&self, answer: &Answer, what: &str) -> Problem {
        let problem = self.problem_of(answer, what);
        let reply = Reply::from(answer);
        let told: Told = answer.json().unwrap_or_default();
        let more: Vec<String> = told.errors.iter().filter_map(worded).collect();
        let by_rule = sso(&reply).is_none()
            && matches!(answer.status, 403 | 409 | 422)
            && told.message.iter().chain(&more).any(|text| is_rule(text));
        if by_rule {
            let mut ruled = Problem::new(
                ProblemKind::Refused,
                format!("{what}: a repository rule forbids it ({})", host_of(&answer.url)),
            );
            ruled.causes = problem.causes;
            ruled.request_id = problem.request_id;
            for text in more {
                ruled = ruled.cause(text);
            }
            return ruled
                .hint(
                    "ask an administrator of the repository to allow this account to create and delete \
                    such branches and tags: Settings, Rules and Branches",
                )
                .hint("then run the same command again: completed steps are not repeated");
        }
        match (problem.kind, sso(&reply)) {
            (ProblemKind::Credentials, None | Some(Sso::Partial(_))) if answer.status == 403 => {
                no_right(problem, what)
            }
            (ProblemKind::Refused, _) => more.into_iter().fold(problem, Problem::cause),
            _ => problem,
        }
    }
}

/// Returns the text of an entry of `errors`: GitHub sends a string, or an object with a message or
/// a code.
fn worded(error: &Value) -> Option<String> {
    let text = error.as_str().or_else(|| error["message"].as_str());
    text.map(str::to_owned).or_else(|| {
        let code = error["code"].as_str()?;
        Some(
            format!("{} {code}", error["field"].as_str().unwrap_or_default())
                .trim()
                .to_owned(),
        )
    })
}

/// Returns true for the messages of branch protection and rulesets.
fn is_rule(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    [
        "rule violation",
        "protected branch",
        "protected ref",
        "protected tag",
        "branch protection",
        "being restricted",
    ]
    .iter()
    .any(|words| text.contains(words))
}

/// Scopes that commits and references need.
pub(in crate::services::github) const CONTENTS_SCOPES: &str = "a classic token needs the scope repo \
    (public_repo for a public repository); a fine-grained one Contents: read and write on it; a job \
    permissions: contents: write";

/// Rewrites `problem` for commits and references: the token has no right.
fn no_right(problem: Problem, what: &str) -> Problem {
    let mut denied = Problem::new(
        ProblemKind::Credentials,
        format!("{what}: the GitHub token has no write access there"),
    )
    .cause(&problem.summary);
    denied.causes.extend(problem.causes);
    denied.request_id = problem.request_id;
    let mut denied = denied.hint(CONTENTS_SCOPES);
    for hint in problem
        .hints
        .iter()
        .filter(|hint| hint.offers(Remedy::WidenGitHubToken))
    {
        denied.hints.push(hint.clone());
    }
    denied.hint("the account itself needs push access there")
}
