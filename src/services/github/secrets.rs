//! Reads the metadata of Actions secrets: where they are, when they were set, the key to seal
//! with.
//!
//! Covers repositories and organisations. "Not found" for the secrets of a repository that exists
//! means "no permission". Values are write-only. Must not change anything.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;

use super::{GitHub, PublicKey, Reply};
use crate::domain::secret::{OrganisationSecrets, RepositorySecrets, SecretFacts, Selection, SharedSecret};
use crate::domain::{GitHubRepository, KeyId, Problem, ProblemKind, SanitizedText, SecretName, SecretTarget};
use crate::services::http::json::list_in;
use crate::services::http::{Limit, host_of};

/// Largest page that GitHub returns.
const PAGE: usize = 100;
/// Pages of one list that are read.
const MOST_PAGES: usize = 100;

/// Holds what GitHub returns about a repository.
#[derive(serde::Deserialize)]
pub(super) struct About {
    id: u64,
    full_name: GitHubRepository,
    pub(super) default_branch: String,
    /// Visible to members only; if absent, the repository is taken for public.
    #[serde(default)]
    pub(super) private: bool,
    #[serde(default)]
    permissions: Option<Permissions>,
}

impl About {
    /// Returns whether the account may push there, if reported.
    pub(super) fn may_push(&self) -> Option<bool> {
        let held = self.permissions.as_ref()?;
        Some(held.push || held.maintain || held.admin)
    }
}

#[derive(serde::Deserialize)]
struct Permissions {
    #[serde(default)]
    admin: bool,
    #[serde(default)]
    maintain: bool,
    #[serde(default)]
    push: bool,
}

#[derive(serde::Deserialize)]
struct Key {
    key_id: String,
    key: String,
}

#[derive(serde::Deserialize)]
struct Secret {
    name: SecretName,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    #[serde(default)]
    visibility: Option<String>,
}

impl Secret {
    const fn facts(&self) -> SecretFacts {
        SecretFacts {
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

#[derive(serde::Deserialize)]
struct Run {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    run_number: u64,
    status: String,
}

#[derive(serde::Deserialize)]
struct Runs {
    workflow_runs: Vec<Run>,
}

/// Runs that a view checks.
const NEWEST_RUNS: usize = 30;

#[derive(serde::Deserialize)]
struct Numbered {
    id: u64,
}

/// Statuses of runs that may still read a secret.
const UNDER_WAY: [&str; 5] = ["queued", "in_progress", "waiting", "requested", "pending"];

impl GitHub {
    /// Reads the secrets of a repository for a view: when each was set. Organisation secrets are
    /// requested only if the repository lacks a name in `names`. With `checked` also whether the
    /// account may set them and the repository's current name; the key and the runs under way are
    /// left out.
    pub async fn listed_secrets(
        &self,
        repository: &GitHubRepository,
        names: &BTreeSet<SecretName>,
        checked: bool,
    ) -> Result<RepositorySecrets, Problem> {
        let what = format!("reading the secrets of {repository}");
        self.needs_token(&what)?;
        let path = format!("/repos/{repository}/actions/secrets");
        let about = async {
            if checked {
                self.about_kept(repository, &what).await.map(Some)
            } else {
                Ok(None)
            }
        };
        let (about, secrets) = tokio::join!(about, self.pages::<Secret>(&path, "secrets", &what));
        let about = about?;
        let secrets = match secrets {
            Ok(secrets) => by_name(secrets),
            Err(problem) => {
                if problem.kind == ProblemKind::NotFound && about.is_none() {
                    // Whether the repository exists decides what "not found" means.
                    self.about_kept(repository, &what).await?;
                }
                return Err(no_permission(problem, &what, REPOSITORY_SCOPES));
            }
        };
        let shared = if names.iter().all(|name| secrets.contains_key(name)) {
            BTreeMap::new()
        } else {
            self.shared_secrets(repository, &what).await?
        };
        Ok(RepositorySecrets {
            may_write: about.as_ref().and_then(About::may_push).unwrap_or(true),
            id: about.as_ref().map_or(0, |about| about.id),
            repository: about.map_or_else(|| repository.clone(), |about| about.full_name),
            key_id: KeyId(String::new()),
            secrets,
            shared,
            busy: Vec::new(),
        })
    }

    /// Reads the secrets of the organisation that the repository's jobs may read.
    async fn shared_secrets(
        &self,
        repository: &GitHubRepository,
        what: &str,
    ) -> Result<BTreeMap<SecretName, SecretFacts>, Problem> {
        let path = format!("/repos/{repository}/actions/organization-secrets");
        match self.pages::<Secret>(&path, "secrets", what).await {
            // The repository exists: its owner shares nothing, or nothing that is visible to this
            // account.
            Err(problem) if problem.kind == ProblemKind::NotFound => Ok(BTreeMap::new()),
            other => other.map(by_name),
        }
    }

    /// Reads the secrets of a repository with everything that a plan needs.
    pub async fn repository_secrets(
        &self,
        repository: &GitHubRepository,
    ) -> Result<RepositorySecrets, Problem> {
        let what = format!("reading the secrets of {repository}");
        self.needs_token(&what)?;
        let path = format!("/repos/{repository}/actions/secrets");
        // Whether the repository exists decides what its other answers mean.
        let (about, secrets, shared, key, busy) = tokio::join!(
            self.about(repository, &what),
            self.pages::<Secret>(&path, "secrets", &what),
            self.shared_secrets(repository, &what),
            self.key(&path, &what),
            self.lately_busy(repository, &what),
        );
        let about = about?;
        let denied = |problem| no_permission(problem, &what, REPOSITORY_SCOPES);
        let secrets = secrets.map_err(denied)?;
        let key = key.map_err(denied)?;
        Ok(RepositorySecrets {
            // An app's token has no role; that it may read the key is the only evidence.
            may_write: about.may_push().unwrap_or(true),
            repository: about.full_name,
            id: about.id,
            key_id: key.key_id,
            secrets: by_name(secrets),
            shared: shared?,
            busy: busy?,
        })
    }

    /// Reads one secret; `None` if it does not exist.
    pub async fn secret(&self, target: &SecretTarget) -> Result<Option<SecretFacts>, Problem> {
        let what = format!("reading the secret {target}");
        self.needs_token(&what)?;
        let path = format!("/repos/{}/actions/secrets/{}", target.repository, target.secret);
        match self.fresh(&path, &what).await {
            Ok(reply) => Ok(Some(self.parsed::<Secret>(&reply, &what)?.facts())),
            // Not found, but the key is: then the secret does not exist.
            Err(problem) if problem.kind == ProblemKind::NotFound => {
                self.public_key(&target.repository).await.map(|_| None)
            }
            Err(problem) => Err(problem),
        }
    }

    /// Reads the key that the repository's secrets are sealed with now.
    pub async fn public_key(&self, repository: &GitHubRepository) -> Result<PublicKey, Problem> {
        let what = format!("reading the public key of {repository}");
        self.needs_token(&what)?;
        match self
            .key(&format!("/repos/{repository}/actions/secrets"), &what)
            .await
        {
            Err(problem) if problem.kind == ProblemKind::NotFound => {
                self.about(repository, &what).await?;
                Err(no_permission(problem, &what, REPOSITORY_SCOPES))
            }
            other => other,
        }
    }

    /// Works as [`GitHub::busy`] does, but checks the newest runs alone: one request, for a view.
    async fn lately_busy(
        &self,
        repository: &GitHubRepository,
        what: &str,
    ) -> Result<Vec<SanitizedText>, Problem> {
        let path = format!("/repos/{repository}/actions/runs?per_page={NEWEST_RUNS}");
        let reply = self.reply(&path, what).await?;
        let list: Runs = self.parsed(&reply, what)?;
        Ok(named(list.workflow_runs))
    }

    /// Returns the workflow runs that are queued or in progress, by name and number; complete, for
    /// a decision.
    pub async fn busy(&self, repository: &GitHubRepository) -> Result<Vec<SanitizedText>, Problem> {
        let what = format!("reading the workflow runs in progress in {repository}");
        let list = |status: &'static str| {
            let path = format!("/repos/{repository}/actions/runs?status={status}");
            let what = &what;
            async move { self.fresh_pages::<Run>(&path, "workflow_runs", what).await }
        };
        let lists = futures_util::future::try_join_all(UNDER_WAY.map(list)).await?;
        Ok(named(lists.into_iter().flatten()))
    }

    /// Reads the key that an organisation's secrets are sealed with now.
    pub async fn organisation_key(&self, organisation: &str) -> Result<PublicKey, Problem> {
        let what = format!(
            "reading the public key of the organisation {}",
            SanitizedText::capped(organisation, 100)
        );
        self.needs_token(&what)?;
        let path = format!("/orgs/{}/actions/secrets", super::escaped(organisation));
        self.key(&path, &what)
            .await
            .map_err(|problem| no_permission(problem, &what, ORGANISATION_SCOPES))
    }

    /// Reads the secrets `names` of an organisation, with what setting them needs.
    pub async fn organisation_secrets(
        &self,
        organisation: &str,
        names: &BTreeSet<SecretName>,
    ) -> Result<OrganisationSecrets, Problem> {
        let key = self.organisation_key(organisation).await?;
        let mut secrets = BTreeMap::new();
        for name in names {
            if let Some(secret) = self.organisation_secret(organisation, name).await? {
                secrets.insert(name.clone(), secret);
            }
        }
        Ok(OrganisationSecrets {
            key_id: key.key_id,
            secrets,
        })
    }

    /// Reads a secret of an organisation and which repositories may read it; `None` if it does not
    /// exist.
    pub async fn organisation_secret(
        &self,
        organisation: &str,
        name: &SecretName,
    ) -> Result<Option<SharedSecret>, Problem> {
        let what = format!(
            "reading the secret {name} of {}",
            SanitizedText::capped(organisation, 100)
        );
        self.needs_token(&what)?;
        let path = format!("/orgs/{}/actions/secrets/{name}", super::escaped(organisation));
        let secret: Secret = match self.fresh(&path, &what).await {
            Ok(reply) => self.parsed(&reply, &what)?,
            Err(problem) if problem.kind == ProblemKind::NotFound => {
                return self.organisation_key(organisation).await.map(|_| None);
            }
            Err(problem) => return Err(problem),
        };
        let mut selection = Selection::Open;
        if secret.visibility.as_deref() == Some("selected") {
            let list = self
                .fresh_pages::<Numbered>(&format!("{path}/repositories"), "repositories", &what)
                .await?;
            selection = Selection::Selected(list.into_iter().map(|repository| repository.id).collect());
        }
        Ok(Some(SharedSecret {
            facts: secret.facts(),
            selection,
        }))
    }

    /// Reads the repository itself, under its current name.
    pub(super) async fn about(&self, repository: &GitHubRepository, what: &str) -> Result<About, Problem> {
        let reply = self.fresh(&format!("/repos/{repository}"), what).await?;
        self.parsed(&reply, what)
    }

    /// Works as [`GitHub::about`] does, for a view: an unchanged answer costs nothing.
    pub(super) async fn about_kept(
        &self,
        repository: &GitHubRepository,
        what: &str,
    ) -> Result<About, Problem> {
        self.get(&format!("/repos/{repository}"), what).await
    }

    async fn key(&self, secrets: &str, what: &str) -> Result<PublicKey, Problem> {
        let reply = self.fresh(&format!("{secrets}/public-key"), what).await?;
        let key: Key = self.parsed(&reply, what)?;
        let bytes = STANDARD.decode(key.key.trim()).ok();
        let bytes = bytes
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .ok_or_else(|| {
                Problem::new(
                    ProblemKind::Service,
                    format!("{what}: {} returned an invalid key", host_of(&self.api)),
                )
                .hint("GitHub is having problems, or a proxy interferes: try again later")
            })?;
        Ok(PublicKey {
            key_id: KeyId(key.key_id),
            key: bytes,
        })
    }

    /// Reads every item of a paged list; `field` is the name of the list.
    pub(super) async fn pages<T: DeserializeOwned>(
        &self,
        path: &str,
        field: &str,
        what: &str,
    ) -> Result<Vec<T>, Problem> {
        self.all_pages(path, field, what, false).await
    }

    async fn fresh_pages<T: DeserializeOwned>(
        &self,
        path: &str,
        field: &str,
        what: &str,
    ) -> Result<Vec<T>, Problem> {
        self.all_pages(path, field, what, true).await
    }

    async fn all_pages<T: DeserializeOwned>(
        &self,
        path: &str,
        field: &str,
        what: &str,
        fresh: bool,
    ) -> Result<Vec<T>, Problem> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut found = Vec::new();
        let mut last: Option<bytes::Bytes> = None;
        let mut read = 0;
        for page in 1..=MOST_PAGES {
            let path = format!("{path}{joint}per_page={PAGE}&page={page}");
            let reply: Reply = if fresh {
                self.fresh(&path, what).await?
            } else {
                self.reply(&path, what).await?
            };
            let items: Vec<T> = list_in(&reply.body, field).map_err(|error| self.unreadable(what, &error))?;
            if items.len() < PAGE {
                found.extend(items);
                return Ok(found);
            }
            read += reply.body.len();
            // A full page equal to the one before: the server ignores the page number.
            if last.as_ref() == Some(&reply.body) || read > Limit::LARGE.bytes() {
                break;
            }
            found.extend(items);
            last = Some(reply.body);
        }
        Err(Problem::new(
            ProblemKind::Service,
            format!("{what}: the list of {} does not end", host_of(&self.api)),
        )
        .cause(format!(
            "it has more than {} entries, or repeats a page",
            found.len()
        ))
        .hint("GitHub is having problems, or a proxy interferes: try again later"))
    }
}

fn by_name(secrets: Vec<Secret>) -> BTreeMap<SecretName, SecretFacts> {
    secrets
        .into_iter()
        .map(|secret| (secret.name.clone(), secret.facts()))
        .collect()
}

/// Returns those of `runs` that are under way, each once.
fn named(runs: impl IntoIterator<Item = Run>) -> Vec<SanitizedText> {
    let mut names: Vec<String> = runs
        .into_iter()
        // Between two requests a run may have ended or changed its status.
        .filter(|run| run.status != "completed")
        .map(|run| {
            let name = run.name.unwrap_or_else(|| "a run".to_owned());
            format!("{name} #{}", run.run_number)
        })
        .collect();
    names.sort();
    names.dedup();
    names.into_iter().map(SanitizedText::new).collect()
}

/// Scopes that secrets of a repository need.
pub(super) const REPOSITORY_SCOPES: &str =
    "a classic token needs the scope repo; a fine-grained one Secrets: read and write on this repository";
/// Scopes that secrets of an organisation need.
pub(super) const ORGANISATION_SCOPES: &str = "a classic token needs the scope admin:org; a fine-grained one the organisation's Secrets: read and write";

/// Rewrites "not found", which GitHub also answers for a missing permission.
pub(super) fn no_permission(problem: Problem, what: &str, scopes: &str) -> Problem {
    if problem.kind != ProblemKind::NotFound {
        return problem;
    }
    let mut denied = Problem::new(
        ProblemKind::Credentials,
        format!("{what}: the GitHub token has no permission for secrets there"),
    )
    .cause(&problem.summary)
    .hint(scopes)
    .hint("the account itself needs push access there");
    denied.request_id = problem.request_id;
    denied
}
