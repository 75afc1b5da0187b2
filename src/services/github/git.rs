//! Reads a repository's git objects: tips of branches, tags, commits, files of the top folder.
//!
//! "Not found" for a branch of a repository that exists means that there is no such branch. Also
//! reads what GitHub reports about a token's right to push. Must not change anything.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;

use super::{GitHub, TreeEntry, escaped};
use crate::domain::{CommitId, FileBytes, GitHubRepository, Problem, ProblemKind, SanitizedText};

/// Largest file that is read, in bytes: the files of a bundle are text and an icon.
const LARGEST: u64 = 1 << 20;

/// A reference's full name, without `refs/`: `heads/edge`, `tags/v1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefName(String);

impl RefName {
    /// Returns the name of the branch `name`.
    pub fn branch(name: &str) -> Self {
        Self(format!("heads/{name}"))
    }

    /// Returns the name of the tag `name`.
    pub fn tag(name: &str) -> Self {
        Self(format!("tags/{name}"))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for RefName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, name) = match self.0.split_once('/') {
            Some(("tags", name)) => ("tag", name),
            Some((_, name)) => ("branch", name),
            None => ("reference", self.0.as_str()),
        };
        write!(f, "the {kind} {}", SanitizedText::capped(name, 120))
    }
}

/// Holds the parts of a commit that a commit on top of it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitFacts {
    /// Id of its tree.
    pub tree: String,
    /// Its parents.
    pub parents: Vec<CommitId>,
}

/// Holds a regular file of a top folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopFile {
    /// Its name.
    pub path: String,
    /// `100644`, or `100755` for an executable.
    pub mode: String,
    /// Object id of its bytes.
    pub sha: String,
    /// Size in bytes.
    pub size: u64,
}

/// Returns a file read before, by object id.
pub type Known<'a> = &'a (dyn Fn(&str) -> Option<Vec<u8>> + Sync);

#[derive(serde::Deserialize)]
struct Ref {
    object: Object,
}

#[derive(serde::Deserialize)]
struct Object {
    sha: CommitId,
}

#[derive(serde::Deserialize)]
struct Commit {
    tree: TreeId,
    #[serde(default)]
    parents: Vec<Object>,
}

#[derive(serde::Deserialize)]
struct TreeId {
    sha: String,
}

impl GitHub {
    /// Returns the object id that a reference points to now; `None` if it does not exist. Never
    /// older than the call. For an annotated tag it is the id of the tag object.
    pub async fn reference(
        &self,
        repository: &GitHubRepository,
        name: &RefName,
    ) -> Result<Option<CommitId>, Problem> {
        let what = format!("reading {name} of {repository}");
        let path = format!("/repos/{repository}/git/ref/{}", escaped(name.as_str()));
        match self.fresh(&path, &what).await {
            Ok(reply) => Ok(Some(self.parsed::<Ref>(&reply, &what)?.object.sha)),
            // The repository exists: then the reference does not.
            Err(problem) if problem.kind == ProblemKind::NotFound => {
                self.about(repository, &what).await.map(|_| None)
            }
            Err(problem) => Err(problem),
        }
    }

    /// Works as [`GitHub::reference`] does; a missing branch is an error.
    pub async fn tip(&self, repository: &GitHubRepository, branch: &str) -> Result<CommitId, Problem> {
        let name = RefName::branch(branch);
        self.reference(repository, &name).await?.ok_or_else(|| {
            Problem::new(ProblemKind::NotFound, format!("{repository} has no {name}"))
                .hint("check bundle.base and bundle.repository in the workspace file")
        })
    }

    /// Reads a commit; `None` if the repository has none with that id.
    pub async fn commit(
        &self,
        repository: &GitHubRepository,
        id: &CommitId,
    ) -> Result<Option<CommitFacts>, Problem> {
        let what = format!("reading the commit {} of {repository}", id.short());
        let path = format!("/repos/{repository}/git/commits/{id}");
        let commit: Commit = match self.reply(&path, &what).await {
            Ok(reply) => self.parsed(&reply, &what)?,
            Err(problem) if problem.kind == ProblemKind::NotFound => {
                return self.about(repository, &what).await.map(|_| None);
            }
            Err(problem) => return Err(problem),
        };
        Ok(Some(CommitFacts {
            tree: commit.tree.sha,
            parents: commit.parents.into_iter().map(|parent| parent.sha).collect(),
        }))
    }

    /// Returns the regular files of a tree's top folder, without links and folders.
    pub(super) async fn top(
        &self,
        repository: &GitHubRepository,
        tree: &str,
    ) -> Result<Vec<TopFile>, Problem> {
        let what = format!("reading the files of {repository}");
        let entries = self.entries(&repository.to_string(), tree, false, &what).await?;
        let regular =
            |entry: &TreeEntry| entry.kind == "blob" && matches!(entry.mode.as_str(), "100644" | "100755");
        Ok(entries
            .into_iter()
            .filter(regular)
            .map(|entry| TopFile {
                path: entry.path,
                mode: entry.mode,
                sha: entry.sha,
                size: entry.size,
            })
            .collect())
    }

    /// Reads the files of a commit's top folder that `wanted` names, by path. `known` returns
    /// those that were read before; the others are passed to `keep`.
    pub async fn files(
        &self,
        repository: &GitHubRepository,
        commit: &CommitId,
        wanted: &(dyn Fn(&str) -> bool + Sync),
        known: Known<'_>,
        keep: &(dyn Fn(&str, &[u8]) + Sync),
    ) -> Result<BTreeMap<String, FileBytes>, Problem> {
        let facts = self.commit(repository, commit).await?.ok_or_else(|| {
            Problem::new(
                ProblemKind::Service,
                format!("{repository} has no commit {}", commit.short()),
            )
            .hint("GitHub is having problems: try again later")
        })?;
        let files = self.top(repository, &facts.tree).await?;
        let read = files
            .into_iter()
            .filter(|file| wanted(&file.path))
            .map(|file| async move {
                if file.size > LARGEST {
                    return Err(Problem::new(
                        ProblemKind::Refused,
                        format!(
                            "{} of {repository} has {} bytes, which is too large for a bundle file",
                            SanitizedText::capped(&file.path, 120),
                            file.size
                        ),
                    )
                    .hint("check what was committed there"));
                }
                let bytes = if let Some(bytes) = known(&file.sha) {
                    bytes
                } else {
                    let bytes = self.blob(&repository.to_string(), &file.sha).await?;
                    keep(&file.sha, &bytes);
                    bytes
                };
                Ok((file.path, FileBytes(bytes)))
            });
        futures_util::future::try_join_all(read)
            .await
            .map(|files| files.into_iter().collect())
    }

    /// Returns the names of the tags that begin with `prefix`.
    pub async fn tags(&self, repository: &str, prefix: &str) -> Result<Vec<String>, Problem> {
        self.matching(repository, "tags", prefix).await
    }

    /// Returns whether the token may push to a repository, as far as GitHub reports it in advance:
    /// what the account may do; for the token itself, the scopes of a classic one, nothing for a
    /// fine-grained one; and for a job's or an app's not even what the account may do.
    pub async fn may_push(&self, repository: &GitHubRepository) -> Result<Option<bool>, Problem> {
        let what = format!("reading the permissions in {repository}");
        let Some(token) = &self.token else {
            return Ok(Some(false));
        };
        let reply = self.fresh(&format!("/repos/{repository}"), &what).await?;
        let about: super::secrets::About = self.parsed(&reply, &what)?;
        // `ghs_`: an installation's token, which has no account.
        if token.expose_secret().starts_with("ghs_") {
            return Ok(None);
        }
        let Some(may) = about.may_push() else {
            return Ok(None);
        };
        let Some(scopes) = reply.header("x-oauth-scopes") else {
            return Ok((!may).then_some(false));
        };
        let held = |wanted: &str| scopes.split(',').any(|scope| scope.trim() == wanted);
        Ok(Some(
            may && (held("repo") || (!about.private && held("public_repo"))),
        ))
    }
}
