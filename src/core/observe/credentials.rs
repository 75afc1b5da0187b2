//! Reads the credentials, the secrets that hold them, the store's sessions, and what the journal
//! records about all of these.
//!
//! Must never put a value into a snapshot.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Utc;
use futures_util::StreamExt;
use secrecy::{ExposeSecret, SecretString};

use super::gather::{Gathering, ignore};
use super::{Observer, sources};
use crate::config::workspace::{Token, TokenKind};
use crate::domain::credential::CredentialFacts;
use crate::domain::secret::{OrganisationSecrets, SealedRotation, SessionFacts};
use crate::domain::{
    GitHubRepository, Observed, Problem, SanitizedText, SecretName, SecretTarget, Snapshot, Source,
    SourceUpdate,
};
use crate::journal::{Journal, RunRecord};
use crate::plan::{Intent, Op, RotateIntent, rotate};
use crate::services::Services;
use crate::services::charmhub::{Publisher, StoreToken};
use crate::services::registry::RegistryLogin;

/// Asks the service about a value. Returns `None` if no service can be asked.
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
    /// Reads fresh facts for planning a rotation: every target is probed by reads only.
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
        let mut targets = Targets::new();
        for target in token.iter().flat_map(|token| &token.targets) {
            let names = targets.entry(target.repository.clone()).or_default();
            names.insert(target.secret.clone());
        }
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
            self.look_at_credentials(&mut snapshot, &targets, Detail::Full)
        );
        // The same holds for an older reading.
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

    /// Reads every credential, as a view shows it.
    pub async fn list_credentials(&self, previous: Snapshot) -> Snapshot {
        self.all_credentials(previous, Detail::Listed).await
    }

    /// Reads as [`Observer::list_credentials`] does, and also whether secrets may be set: for the
    /// doctor.
    pub(super) async fn check_credentials(&self, previous: Snapshot) -> Snapshot {
        self.all_credentials(previous, Detail::Checked).await
    }

    /// Reads fresh facts of every credential, with all that a plan needs.
    pub async fn for_credentials(&self, previous: Snapshot) -> Snapshot {
        self.all_credentials(previous, Detail::Full).await
    }

    async fn all_credentials(&self, previous: Snapshot, detail: Detail) -> Snapshot {
        let mut snapshot = previous;
        self.remember(&mut snapshot);
        self.remember_orphans(&mut snapshot);
        if self.offline {
            return snapshot;
        }
        let targets = self.secret_targets(&snapshot);
        self.look_at_credentials(&mut snapshot, &targets, detail).await;
        self.cache.keep_snapshot(&snapshot);
        snapshot
    }

    /// Returns the repositories with the secrets that are managed.
    pub(super) fn secret_targets(&self, snapshot: &Snapshot) -> Targets {
        let mut named = Targets::new();
        for target in crate::plan::credentials::targets(&self.workspace, snapshot) {
            named.entry(target.repository).or_default().insert(target.secret);
        }
        named
    }

    /// Reads credentials, secrets, sessions and logins.
    async fn look_at_credentials(&self, snapshot: &mut Snapshot, targets: &Targets, detail: Detail) {
        let gathering = Gathering::new(std::mem::take(snapshot), &ignore);
        self.read_credentials(&gathering, targets, detail).await;
        gathering.change(|snapshot| self.date(snapshot));
        *snapshot = gathering.into_snapshot();
    }

    async fn read_credentials(&self, gathering: &Gathering<'_>, targets: &Targets, detail: Detail) {
        let store = async { gathering.take(sources::credential(self).await) };
        let github = async { gathering.take(SourceUpdate::GitHubAccount(sources::github(self).await)) };
        let remarks = async {
            let remarks = self.services.github.left_out().await;
            gathering.take(SourceUpdate::GitHubRemarks(remarks));
        };
        tokio::join!(
            async { tokio::join!(github, remarks) },
            store,
            self.read_secrets(gathering, targets, detail)
        );
    }

    /// Reads secrets, sessions and logins, together with what the journal records about them.
    pub(super) async fn read_secrets_and_sessions(&self, gathering: &Gathering<'_>) {
        let targets = self.read_lineage(gathering);
        self.read_secrets(gathering, &targets, Detail::Listed).await;
    }

    /// Reads what the journal records about secrets; returns the secrets to read.
    pub(super) fn read_lineage(&self, gathering: &Gathering<'_>) -> Targets {
        let mut known = Snapshot::default();
        self.remember(&mut known);
        let targets = self.secret_targets(&known);
        gathering.take(SourceUpdate::Lineage(known.lineage));
        gathering.take(SourceUpdate::Revocations(known.revocations));
        targets
    }

    /// Reads the sessions of the store's account.
    pub(super) async fn read_sessions(&self, gathering: &Gathering<'_>) {
        gathering.take(SourceUpdate::Sessions(sessions(self).await));
        gathering.complete(Source::Sessions);
    }

    async fn read_secrets(&self, gathering: &Gathering<'_>, targets: &Targets, detail: Detail) {
        let github = &self.services.github;
        let secrets = async {
            // Without a GitHub token no repository is asked.
            futures_util::stream::iter(targets)
                .for_each_concurrent(8, |(repository, names)| async move {
                    let facts = match detail {
                        Detail::Listed => github.listed_secrets(repository, names, false).await,
                        Detail::Checked => github.listed_secrets(repository, names, true).await,
                        Detail::Full => github.repository_secrets(repository).await,
                    };
                    let facts = Observed::from_result(facts, Utc::now());
                    gathering.take(SourceUpdate::Secrets(repository.clone(), facts));
                })
                .await;
            gathering.complete(Source::Secrets);
        };
        let sessions = self.read_sessions(gathering);
        let logins = async {
            match logins(&self.services).await {
                Ok(logins) => gathering.take(SourceUpdate::Logins(logins)),
                Err(problem) => tracing::warn!("{problem}"),
            }
            gathering.complete(Source::Logins);
        };
        tokio::join!(secrets, sessions, logins);
        let mut snapshot = gathering.snapshot();
        snapshot.taken_at = Utc::now();
        self.remember(&mut snapshot);
        self.remember_orphans(&mut snapshot);
        gathering.take(SourceUpdate::Lineage(snapshot.lineage));
        gathering.take(SourceUpdate::Revocations(snapshot.revocations));
        gathering.take(SourceUpdate::Orphans(snapshot.orphans));
    }

    pub(super) fn remember(&self, snapshot: &mut Snapshot) {
        let Some(journal) = &self.journal else { return };
        let tokens = self.workspace.tokens.iter();
        let named: BTreeSet<&SecretTarget> = tokens.flat_map(|token| &token.targets).collect();
        match journal.lineage(&named) {
            Ok(lineage) => snapshot.lineage = lineage,
            Err(problem) => tracing::warn!("{problem}"),
        }
        match journal.revocations(&snapshot.lineage) {
            Ok(revocations) => snapshot.revocations = revocations,
            Err(problem) => tracing::warn!("{problem}"),
        }
    }
}

/// Managed secrets by repository.
pub(super) type Targets = BTreeMap<GitHubRepository, BTreeSet<SecretName>>;

/// How much of a repository's secrets is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    /// What views show.
    Listed,
    /// Also whether they may be set.
    Checked,
    /// Also everything that plans need.
    Full,
}

/// Reads the organisations that own the targets of `token`, with the secrets that have the
/// targets' names.
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

/// Reads the store's sessions, including ended ones.
async fn sessions(observer: &Observer) -> Observed<Vec<SessionFacts>> {
    let ask = async { observer.services.publisher().await?.sessions(true).await };
    Observed::from_result(ask.await, Utc::now())
}

async fn logins(services: &Services) -> Result<Vec<CredentialFacts>, Problem> {
    let facts = |login: RegistryLogin| CredentialFacts {
        account: login.user,
        ..CredentialFacts::bare(login.registry, "registry", login.source)
    };
    let logins = services.registry_logins().list().await?;
    Ok(logins.into_iter().map(facts).collect())
}

/// Returns what an unfinished run of the same intent sealed.
fn sealed(journal: &Journal, workspace: &str, intent: &Intent) -> Option<SealedRotation> {
    let run = journal.unfinished(workspace, intent).ok()??;
    let made = seals(&run)?;
    Some(SealedRotation {
        run: SanitizedText::new(run.id.to_string()),
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

pub(super) fn seals(run: &RunRecord) -> Option<&crate::journal::StepOutput> {
    let step = run.step_doing(|op| matches!(op, Op::SealSecrets { .. }))?;
    Some(&step.made).filter(|made| !made.sealed.is_empty() || !made.sealed_organisation.is_empty())
}
