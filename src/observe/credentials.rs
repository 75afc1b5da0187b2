//! Credentials: whose they are, the secrets that hold them, the store's sessions, and what the
//! journal remembers of all that.
//!
//! Owns what is asked and how journal and services are put together. Must not judge, and must
//! never put a value into a snapshot.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Utc;
use futures_util::StreamExt;
use secrecy::{ExposeSecret, SecretString};

use super::{Observer, sources};
use crate::config::workspace::{Token, TokenKind};
use crate::domain::credential::{CredentialFacts, ExpiryFrom};
use crate::domain::secret::{OrganisationSecrets, RepositorySecrets, SealedRotation, SessionFacts};
use crate::domain::{GitHubRepository, Observed, Outside, Problem, Snapshot};
use crate::journal::{Journal, RunRecord};
use crate::plan::{Intent, RotateIntent, rotate};
use crate::services::Services;
use crate::services::charmhub::{Publisher, StoreToken};
use crate::services::registry::RegistryLogin;

/// What the service says of a value: `None` where there is nobody to ask.
pub async fn facts_of(
    services: &Services,
    kind: TokenKind,
    value: &SecretString,
) -> Result<Option<CredentialFacts>, Problem> {
    match kind {
        TokenKind::Charmhub => {
            let token = StoreToken::from_export(value.expose_secret(), "the new value")?;
            let publisher = Publisher::new(services.http.clone(), services.endpoints.charmhub.clone(), token);
            publisher.whoami().await.map(Some)
        }
        TokenKind::Github => services.github.account_of(value, "the new value").await.map(Some),
        TokenKind::Other => Ok(None),
    }
}

impl Observer {
    /// Fresh facts for planning a rotation: every target probed by reads only.
    pub async fn for_rotate(
        &self,
        previous: Snapshot,
        intent: &RotateIntent,
        brought: Option<&SecretString>,
    ) -> Snapshot {
        if self.offline {
            return previous;
        }
        let mut snapshot = previous;
        let token = rotate::token(&self.workspace, intent).ok();
        let repositories: BTreeSet<GitHubRepository> = token
            .iter()
            .flat_map(|token| &token.targets)
            .map(|target| target.repository.clone())
            .collect();
        let ask_brought = async {
            match (brought, &token) {
                (Some(value), Some(token)) => match facts_of(&self.services, token.kind, value).await {
                    Ok(Some(facts)) => Observed::read(facts, Utc::now()),
                    Ok(None) => Observed::default(),
                    Err(problem) => Observed::failed(problem),
                },
                _ => Observed::default(),
            }
        };
        let (brought, ()) = tokio::join!(
            ask_brought,
            self.look_at_credentials(&mut snapshot, &repositories)
        );
        // Neither may an older look.
        snapshot.organisations = match &token {
            Some(token) if rotate::organisation::wanted(&snapshot, intent) => {
                organisations(&self.services, token).await
            }
            _ => BTreeMap::new(),
        };
        // An older value must not vouch for this one.
        snapshot.brought = brought;
        snapshot.sealed = self
            .journal
            .as_ref()
            .and_then(|journal| sealed(journal, &self.workspace.name, &Intent::Rotate(intent.clone())));
        self.cache.keep_snapshot(&snapshot);
        snapshot
    }

    /// Fresh facts of every credential: what the pane and `windlass credentials` show.
    pub async fn for_credentials(&self, previous: Snapshot) -> Snapshot {
        let mut snapshot = previous;
        self.remember(&mut snapshot);
        self.remember_orphans(&mut snapshot);
        if self.offline {
            return snapshot;
        }
        let repositories = self.secret_repositories(&snapshot);
        self.look_at_credentials(&mut snapshot, &repositories).await;
        self.cache.keep_snapshot(&snapshot);
        snapshot
    }

    /// Secrets, sessions and logins; `None` where nobody is asked.
    pub(super) async fn look_at_books(&self) -> Option<Books> {
        if self.offline {
            return None;
        }
        let mut known = Snapshot::default();
        self.remember(&mut known);
        let repositories = self.secret_repositories(&known);
        Some(books(self, &repositories).await)
    }

    /// Repositories with secrets that are looked after.
    pub(super) fn secret_repositories(&self, snapshot: &Snapshot) -> BTreeSet<GitHubRepository> {
        crate::plan::credentials::targets(&self.workspace, snapshot)
            .into_iter()
            .map(|target| target.repository)
            .collect()
    }

    async fn look_at_credentials(&self, snapshot: &mut Snapshot, repositories: &BTreeSet<GitHubRepository>) {
        let (credential, github, books) = tokio::join!(
            sources::credential(self),
            sources::github(self),
            books(self, repositories),
        );
        snapshot.world = self.services.endpoints.world();
        snapshot.workspace.clone_from(&self.workspace.name);
        snapshot.taken_at = Utc::now();
        snapshot.credential.refresh(credential);
        snapshot.github.refresh(github);
        self.file(snapshot, books);
    }

    /// Puts what was seen of secrets and sessions beside what the journal remembers.
    pub(super) fn file(&self, snapshot: &mut Snapshot, books: Books) {
        for (repository, facts) in books.secrets {
            snapshot.secrets.entry(repository).or_default().refresh(facts);
        }
        snapshot.sessions.refresh(books.sessions);
        match books.logins {
            Ok(logins) => snapshot.logins = logins,
            Err(problem) => tracing::warn!("{problem}"),
        }
        if let Some(facts) = &mut snapshot.github.value {
            let more = books.left_out.into_iter();
            facts.remarks.extend(
                more.filter(|text| !facts.remarks.contains(text))
                    .collect::<Vec<_>>(),
            );
        }
        self.remember(snapshot);
        self.remember_orphans(snapshot);
    }

    pub(super) fn remember(&self, snapshot: &mut Snapshot) {
        let Some(journal) = &self.journal else { return };
        match journal.lineage() {
            Ok(lineage) => snapshot.lineage = lineage,
            Err(problem) => tracing::warn!("{problem}"),
        }
        match journal.revocations() {
            Ok(revocations) => snapshot.revocations = revocations,
            Err(problem) => tracing::warn!("{problem}"),
        }
    }
}

/// What is kept beside the credentials themselves.
pub(super) struct Books {
    secrets: BTreeMap<GitHubRepository, Observed<RepositorySecrets>>,
    sessions: Observed<Vec<SessionFacts>>,
    logins: Result<Vec<CredentialFacts>, Problem>,
    left_out: Vec<Outside>,
}

async fn books(observer: &Observer, repositories: &BTreeSet<GitHubRepository>) -> Books {
    let (secrets, sessions, logins, left_out) = tokio::join!(
        secrets(observer, repositories),
        sessions(observer),
        logins(&observer.services),
        observer.services.github.left_out(),
    );
    Books {
        secrets,
        sessions,
        logins,
        left_out,
    }
}

/// Every repository with its secrets. Without a GitHub token nobody is asked.
async fn secrets(
    observer: &Observer,
    repositories: &BTreeSet<GitHubRepository>,
) -> BTreeMap<GitHubRepository, Observed<RepositorySecrets>> {
    let github = &observer.services.github;
    futures_util::stream::iter(repositories.clone())
        .map(|repository| async move {
            let facts = github.repository_secrets(&repository).await;
            (repository, Observed::from_result(facts, Utc::now()))
        })
        .buffer_unordered(8)
        .collect()
        .await
}

/// The organisations that own the targets of `token`, with the secrets of the targets' names.
async fn organisations(
    services: &Services,
    token: &Token,
) -> BTreeMap<String, Observed<OrganisationSecrets>> {
    let mut all = BTreeMap::new();
    for target in &token.targets {
        let owner = target.repository.owner();
        if all.contains_key(owner) {
            continue;
        }
        let names = token
            .targets
            .iter()
            .filter(|other| other.repository.owner() == owner)
            .map(|other| other.secret.clone())
            .collect();
        let told = services.github.organisation_secrets(owner, &names).await;
        all.insert(owner.to_owned(), Observed::from_result(told, Utc::now()));
    }
    all
}

/// The store's sessions, ended ones too.
async fn sessions(observer: &Observer) -> Observed<Vec<SessionFacts>> {
    let ask = async { observer.services.publisher().await?.sessions(true).await };
    Observed::from_result(ask.await, Utc::now())
}

async fn logins(services: &Services) -> Result<Vec<CredentialFacts>, Problem> {
    let facts = |login: RegistryLogin| CredentialFacts {
        name: login.registry,
        kind: "registry".into(),
        source: login.source,
        account: login.user,
        expires_at: None,
        expires_from: ExpiryFrom::Unknown,
        scopes: Vec::new(),
        packages: None,
        channels: None,
        session: None,
        remarks: Vec::new(),
        rewrite: None,
    };
    let logins = services.registry_logins().list().await?;
    Ok(logins.into_iter().map(facts).collect())
}

/// What an unfinished run of the same wish sealed.
fn sealed(journal: &Journal, workspace: &str, intent: &Intent) -> Option<SealedRotation> {
    let run = journal.unfinished(workspace, intent).ok()??;
    let made = seals(&run)?;
    Some(SealedRotation {
        run: Outside::new(run.id.to_string()),
        session: made.session.clone(),
        fingerprint: made.fingerprint.clone()?,
        expires_at: made.expires_at,
        sealed: made
            .sealed
            .iter()
            .map(|sealed| (sealed.target.clone(), sealed.key_id.clone()))
            .collect(),
        organisations: made
            .sealed_organisation
            .iter()
            .map(|sealed| (sealed.secret.clone(), sealed.key_id.clone()))
            .collect(),
    })
}

pub(super) fn seals(run: &RunRecord) -> Option<&crate::journal::Made> {
    let step = run.steps.iter().find(|step| step.id.0 == rotate::SEAL_STEP)?;
    Some(&step.made).filter(|made| !made.sealed.is_empty() || !made.sealed_organisation.is_empty())
}
