//! Holds the observed state: every source with its value, its age and its last error.
//!
//! If a refresh fails, the old value is kept. Absent, forbidden and unknown are different states.
//! All times are set by the code that read the source.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::bundle::{BundleFacts, Holds};
use super::charm::{ChannelRow, CharmFacts, CharmName, ImageBehind, ResourceName, ResourceRevision};
use super::content::ContentFacts;
use super::credential::CredentialFacts;
use super::digest::ManifestDigest;
use super::image::{Reference, ResolvedImage};
use super::problem::{Problem, ProblemKind};
use super::release::{Release, ReleaseName};
use super::remedy::Hint;
use super::run::{ChannelChange, PastRun};
use super::secret::{
    GitHubRepository, LineageRecord, OrganisationSecrets, RepositorySecrets, Revocation, SealedRotation,
    SecretTarget, SessionFacts, SessionId,
};
use super::text::SanitizedText;
use super::workflow::RepositoryWorkflows;

/// A source: the last value that was read, when it was read, and why the last attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed<T> {
    /// The last value that was read.
    pub value: Option<T>,
    /// When `value` was read.
    pub read_at: Option<DateTime<Utc>>,
    /// Why the last attempt failed.
    pub problem: Option<Problem>,
    /// When it failed, if known.
    #[serde(default)]
    pub failed_at: Option<DateTime<Utc>>,
}

/// States of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceStatus {
    /// The last attempt succeeded.
    Known,
    /// The value was read once, but the last attempt failed.
    Stale,
    /// The service reported that it does not exist.
    Absent,
    /// There is no credential to ask the service with.
    NoCredential,
    /// The service refused access.
    Forbidden,
    /// The state could not be determined.
    Unknown,
    /// The source was never read.
    NotAsked,
}

impl<T> Default for Observed<T> {
    fn default() -> Self {
        Self {
            value: None,
            read_at: None,
            problem: None,
            failed_at: None,
        }
    }
}

impl<T> Observed<T> {
    /// Creates a source whose value was just read.
    pub const fn read(value: T, at: DateTime<Utc>) -> Self {
        Self {
            value: Some(value),
            read_at: Some(at),
            problem: None,
            failed_at: None,
        }
    }

    /// Creates a source that could not be read.
    pub const fn failed(problem: Problem) -> Self {
        Self {
            value: None,
            read_at: None,
            problem: Some(problem),
            failed_at: None,
        }
    }

    /// Creates a source from the result of reading it at `at`.
    pub fn from_result(result: Result<T, Problem>, at: DateTime<Utc>) -> Self {
        match result {
            Ok(value) => Self::read(value, at),
            Err(problem) => Self {
                failed_at: Some(at),
                ..Self::failed(problem)
            },
        }
    }

    /// Applies a newer attempt: takes its value if it has one, otherwise keeps the old value with
    /// the new problem.
    pub fn refresh(&mut self, newer: Self) {
        if newer.value.is_some() {
            *self = newer;
        } else if newer.problem.is_some() {
            self.problem = newer.problem;
            self.failed_at = newer.failed_at;
        }
    }

    /// Removes the problem of the last attempt.
    pub fn forget_failure(&mut self) {
        self.problem = None;
        self.failed_at = None;
    }

    /// Adds to why the last look failed how long ago that was.
    pub fn date_failure(&mut self, now: DateTime<Utc>) {
        if let Some(problem) = &mut self.problem {
            let when = self
                .failed_at
                .map_or_else(|| "earlier".to_owned(), |at| super::text::age(now, at));
            problem.summary = SanitizedText::new(format!("{} ({when})", problem.summary));
            if problem.kind.exit_code() == ProblemKind::Network.exit_code() {
                problem.hints = vec![Hint::new("run it without --offline to refresh", &[])];
            }
        }
    }

    /// The last value, however old.
    pub fn last(&self, what: &str) -> Result<&T, Problem> {
        self.value.as_ref().map_or_else(|| self.need(what), Ok)
    }

    /// Which kind of answer this is.
    pub fn standing(&self) -> SourceStatus {
        match (&self.value, &self.problem) {
            (Some(_), None) => SourceStatus::Known,
            (Some(_), Some(_)) => SourceStatus::Stale,
            (None, Some(problem)) => match problem.kind {
                ProblemKind::NotFound => SourceStatus::Absent,
                ProblemKind::Credentials if problem.credential_missing => SourceStatus::NoCredential,
                ProblemKind::Credentials => SourceStatus::Forbidden,
                _ => SourceStatus::Unknown,
            },
            (None, None) => SourceStatus::NotAsked,
        }
    }

    /// Returns the value of the last attempt. Fails if the last attempt failed: a plan must not use
    /// a stale value.
    pub fn need(&self, what: &str) -> Result<&T, Problem> {
        match (&self.value, &self.problem) {
            // A problem with the credential is reported as it is, without naming what was to be
            // read.
            (_, Some(problem)) if problem.kind == ProblemKind::Credentials => {
                Err(problem.clone().cause(format!("cannot read {what}")))
            }
            (_, Some(problem)) => Err(problem.clone().within(format!("cannot read {what}"))),
            (Some(value), None) => Ok(value),
            (None, None) => Err(Problem::new(
                ProblemKind::Internal,
                format!("{what} has not been read"),
            )),
        }
    }
}

/// Pulls left at a registry with a pull limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullQuota {
    /// Pulls per window.
    pub limit: u64,
    /// Pulls left in the window.
    pub remaining: u64,
    /// Length of the window in seconds.
    pub window: u64,
}

/// Everything observed in one environment for one workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Identity of the environment (hosts of its endpoints).
    pub world: String,
    /// Name of the workspace.
    pub workspace: String,
    /// When this snapshot was assembled. Everything computed from it uses this as the current time.
    pub taken_at: DateTime<Utc>,
    /// Upstream releases, newest first.
    pub releases: Observed<Vec<Release>>,
    /// Releases that were seen before and are no longer upstream.
    #[serde(default)]
    pub withdrawn: Vec<Release>,
    /// Releases that have a marker branch.
    pub markers: Observed<BTreeSet<ReleaseName>>,
    /// Releases that are held.
    #[serde(default)]
    pub holds: Observed<Holds>,
    /// The bundle's repository; read only for actions that write to it.
    #[serde(default)]
    pub bundle: Observed<BundleFacts>,
    /// Workflows of repositories; read only to start or cancel one.
    #[serde(default)]
    pub workflows: BTreeMap<GitHubRepository, Observed<RepositoryWorkflows>>,
    /// Changes of channels by runs of this journal, oldest first; read only for a rollback.
    #[serde(default)]
    pub changes: Vec<ChannelChange>,
    /// The run to roll back; read only for a rollback. Its problem explains why the journal could
    /// not be read.
    #[serde(default)]
    pub past: Observed<PastRun>,
    /// Charms and the bundle from the publisher API.
    #[serde(default)]
    pub charms: BTreeMap<CharmName, Observed<CharmFacts>>,
    /// Channel maps from the public API.
    #[serde(default)]
    pub served: BTreeMap<CharmName, Observed<Vec<ChannelRow>>>,
    /// Images of resource revisions, by `charm/resource/revision`.
    #[serde(default)]
    pub behind: BTreeMap<String, Observed<ImageBehind>>,
    /// Upstream images, by reference.
    #[serde(default)]
    pub images: BTreeMap<String, Observed<ResolvedImage>>,
    /// Bytes of images that are missing in the store's registry.
    #[serde(default)]
    pub missing: Vec<MissingBytes>,
    /// The store credential.
    pub credential: Observed<CredentialFacts>,
    /// What the store token itself contains, if the store did not report more.
    #[serde(default)]
    pub store_token: Option<CredentialFacts>,
    /// The GitHub credential.
    pub github: Observed<CredentialFacts>,
    /// A custom value to be stored in secrets, as its service describes it.
    #[serde(default)]
    pub brought: Observed<CredentialFacts>,
    /// Repositories with secrets that the workspace names.
    #[serde(default)]
    pub secrets: BTreeMap<GitHubRepository, Observed<RepositorySecrets>>,
    /// Organisations of these repositories, if their secrets may be set; read only for a rotation.
    #[serde(default)]
    pub organisations: BTreeMap<String, Observed<OrganisationSecrets>>,
    /// Every value that was written on this machine, oldest first.
    #[serde(default)]
    pub lineage: Vec<LineageRecord>,
    /// Sessions of the store account, including ended ones.
    #[serde(default)]
    pub sessions: Observed<Vec<SessionFacts>>,
    /// Sessions that runs of windlass revoked, oldest first.
    #[serde(default)]
    pub revocations: Vec<Revocation>,
    /// Sessions whose tokens were lost: runs of this journal created them and were interrupted
    /// before the tokens were sealed.
    #[serde(default)]
    pub orphans: Vec<SessionId>,
    /// Logins of registries, without their passwords.
    #[serde(default)]
    pub logins: Vec<CredentialFacts>,
    /// Values that an unfinished rotation with the same intent sealed.
    #[serde(default)]
    pub sealed: Option<SealedRotation>,
    /// The content to upload or copy.
    #[serde(default)]
    pub content: Observed<ContentFacts>,
    /// Pulls left at Docker Hub.
    #[serde(default)]
    pub quota: Option<PullQuota>,
}

/// Whether the service behind a source could be reached.
enum Reached<'a> {
    Yes,
    No(&'a Problem),
    Unknown,
}

fn reached<T>(seen: &Observed<T>, needs_credential: bool) -> Reached<'_> {
    match &seen.problem {
        None if seen.value.is_some() => Reached::Yes,
        None => Reached::Unknown,
        Some(problem) if problem.kind == ProblemKind::Network => Reached::No(problem),
        // Without a credential no request is sent.
        Some(problem)
            if needs_credential
                && matches!(problem.kind, ProblemKind::Credentials | ProblemKind::NotFound) =>
        {
            Reached::Unknown
        }
        Some(_) => Reached::Yes,
    }
}

/// Bytes of an image that are missing at its destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingBytes {
    /// Charm that has the resource.
    pub charm: CharmName,
    /// Resource that the image is uploaded for.
    pub resource: ResourceName,
    /// Digest of the image.
    pub digest: ManifestDigest,
    /// Number of bytes to send.
    pub bytes: u64,
}

impl Snapshot {
    /// Returns true if GitHub has answered about the secrets of `repository`, however it answered.
    pub fn has_read_secrets(&self, repository: &GitHubRepository) -> bool {
        let seen = self.secrets.get(repository);
        seen.is_some_and(|seen| seen.standing() != SourceStatus::NotAsked)
    }

    /// Removes charms that are not in `charms`.
    pub fn retain_charms(&mut self, charms: &BTreeSet<CharmName>) {
        self.charms.retain(|charm, _| charms.contains(charm));
        self.served.retain(|charm, _| charms.contains(charm));
        self.behind.retain(|key, _| {
            let charm = key.split('/').next().unwrap_or_default();
            charms.iter().any(|known| known.as_str() == charm)
        });
    }

    /// Removes everything that was read with the store credential.
    pub fn forget_store_credential(&mut self) {
        self.credential = Observed::default();
        self.store_token = None;
        self.sessions = Observed::default();
        self.orphans.clear();
        self.charms.clear();
        self.served.values_mut().for_each(Observed::forget_failure);
        self.behind.values_mut().for_each(Observed::forget_failure);
    }

    /// Removes everything that was read with the GitHub token.
    pub fn forget_github_credential(&mut self) {
        self.github = Observed::default();
        self.bundle = Observed::default();
        self.secrets.clear();
        self.organisations.clear();
        self.workflows.clear();
        self.releases.forget_failure();
        self.markers.forget_failure();
        self.holds.forget_failure();
    }

    /// Adds the age to every failure, for a session that reads nothing itself.
    pub fn date_failures(&mut self, now: DateTime<Utc>) {
        fn each<K, T>(map: &mut BTreeMap<K, Observed<T>>, now: DateTime<Utc>) {
            for seen in map.values_mut() {
                seen.date_failure(now);
            }
        }
        self.releases.date_failure(now);
        self.markers.date_failure(now);
        self.holds.date_failure(now);
        self.bundle.date_failure(now);
        self.credential.date_failure(now);
        self.github.date_failure(now);
        self.sessions.date_failure(now);
        each(&mut self.workflows, now);
        each(&mut self.charms, now);
        each(&mut self.served, now);
        each(&mut self.behind, now);
        each(&mut self.images, now);
        each(&mut self.secrets, now);
        each(&mut self.organisations, now);
    }

    /// Why nothing could be read, where none of the services that were asked could be reached.
    pub fn no_network(&self) -> Option<&Problem> {
        // If a public source refuses, the service was reached.
        let public = [
            reached(&self.releases, false),
            reached(&self.markers, false),
            reached(&self.holds, false),
            reached(&self.credential, true),
            reached(&self.github, true),
        ];
        let charms = self.charms.values().map(|seen| reached(seen, true));
        let served = self.served.values().map(|seen| reached(seen, false));
        let mut first = None;
        for reached in public.into_iter().chain(charms).chain(served) {
            match reached {
                Reached::Yes => return None,
                Reached::No(problem) => first = first.or(Some(problem)),
                Reached::Unknown => {}
            }
        }
        first
    }

    /// Returns the upstream image with this reference, if it was observed.
    pub fn image(&self, reference: &Reference) -> Option<&Observed<ResolvedImage>> {
        self.images.get(&reference.to_string())
    }

    /// Returns the key of `behind`.
    pub fn behind_key(charm: &CharmName, resource: &ResourceName, revision: ResourceRevision) -> String {
        format!("{charm}/{resource}/{}", revision.0)
    }

    /// Returns the image of a resource revision, if it is known.
    pub fn image_behind(
        &self,
        charm: &CharmName,
        resource: &ResourceName,
        revision: ResourceRevision,
    ) -> Option<&ImageBehind> {
        self.behind
            .get(&Self::behind_key(charm, resource, revision))?
            .value
            .as_ref()
    }

    /// Returns the channel map of `charm`: that of the publisher API, otherwise that of the public
    /// API.
    pub fn rows(&self, charm: &CharmName) -> &[ChannelRow] {
        let published = self
            .charms
            .get(charm)
            .and_then(|facts| facts.value.as_ref())
            .map(|f| &f.rows);
        let served = self.served.get(charm).and_then(|rows| rows.value.as_ref());
        published.or(served).map_or(&[], Vec::as_slice)
    }

    /// Returns when the value of [`Snapshot::rows`] was read; `None` if it was never read.
    pub fn rows_read_at(&self, charm: &CharmName) -> Option<DateTime<Utc>> {
        let published = self.charms.get(charm).filter(|facts| facts.value.is_some());
        let served = self.served.get(charm).filter(|rows| rows.value.is_some());
        match (published, served) {
            (Some(facts), _) => facts.read_at,
            (None, served) => served?.read_at,
        }
    }

    /// Returns a release by name, including withdrawn ones.
    pub fn release(&self, name: &ReleaseName) -> Option<&Release> {
        self.releases
            .value
            .iter()
            .flatten()
            .chain(&self.withdrawn)
            .find(|release| &release.name == name)
    }

    /// Returns true if upstream no longer has `name`.
    pub fn is_withdrawn(&self, name: &ReleaseName) -> bool {
        self.withdrawn.iter().any(|release| &release.name == name)
    }

    /// Returns the last value that was written to `target` on this machine.
    pub fn written(&self, target: &SecretTarget) -> Option<&LineageRecord> {
        self.lineage.iter().rfind(|record| &record.target == target)
    }

    /// Returns the bytes to send for `digest` as a resource of `charm`, if known.
    pub fn missing_bytes(
        &self,
        charm: &CharmName,
        resource: &ResourceName,
        digest: ManifestDigest,
    ) -> Option<u64> {
        self.missing
            .iter()
            .find(|m| &m.charm == charm && &m.resource == resource && m.digest == digest)
            .map(|m| m.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_refresh_keeps_the_old_value() {
        let mut source = Observed::read(1, DateTime::UNIX_EPOCH);
        source.refresh(Observed::failed(Problem::new(ProblemKind::Network, "down")));
        assert_eq!(source.value, Some(1));
        assert_eq!(source.standing(), SourceStatus::Stale);
        assert!(source.need("it").is_err());
        source.refresh(Observed::read(2, DateTime::UNIX_EPOCH));
        assert_eq!(source.standing(), SourceStatus::Known);
    }

    #[test]
    fn a_failure_of_an_earlier_session_is_shown_with_its_age_and_the_old_value_is_used() {
        let at = DateTime::UNIX_EPOCH;
        let now = at + chrono::TimeDelta::minutes(12);
        let down =
            Problem::new(ProblemKind::Network, "reading it: host did not answer").hint("check the network");
        let mut snapshot = Snapshot {
            releases: Observed::read(Vec::new(), at),
            ..Snapshot::default()
        };
        snapshot
            .releases
            .refresh(Observed::from_result(Err(down.clone()), at));
        snapshot
            .served
            .insert("a".parse().unwrap(), Observed::from_result(Err(down), at));
        snapshot.date_failures(now);
        let served = snapshot.served.values().map(|seen| seen.problem.as_ref());
        for problem in served.chain([snapshot.releases.problem.as_ref()]) {
            let problem = problem.unwrap();
            assert_eq!(
                problem.summary.as_str(),
                "reading it: host did not answer (12 min ago)"
            );
            assert!(problem.hints[0].as_str().contains("--offline"), "{problem:?}");
        }
        assert!(snapshot.releases.last("the list").is_ok());
        assert!(snapshot.releases.need("the list").is_err());
    }

    #[test]
    fn no_network_is_no_answer_from_any_service() {
        let problem = |kind| Problem::new(kind, "no");
        let mut snapshot = Snapshot::default();
        assert_eq!(snapshot.no_network(), None, "no service was asked");
        snapshot.credential = Observed::failed(problem(ProblemKind::Credentials));
        snapshot.github = Observed::failed(problem(ProblemKind::NotFound));
        assert_eq!(snapshot.no_network(), None, "credentials that are missing here");
        snapshot.releases = Observed::failed(problem(ProblemKind::Network));
        assert!(snapshot.no_network().is_some());
        for kind in [
            ProblemKind::Credentials,
            ProblemKind::NotFound,
            ProblemKind::Service,
            ProblemKind::RateLimited,
        ] {
            snapshot.markers = Observed::failed(problem(kind));
            assert_eq!(snapshot.no_network(), None, "{kind:?} is an answer");
        }
        snapshot.markers = Observed::default();
        let charm: CharmName = "a-charm".parse().unwrap();
        let mut rows = Observed::read(Vec::new(), DateTime::UNIX_EPOCH);
        snapshot.served.insert(charm.clone(), rows.clone());
        assert_eq!(snapshot.no_network(), None, "the store answered");
        rows.refresh(Observed::failed(problem(ProblemKind::Network)));
        snapshot.served.insert(charm, rows);
        assert!(snapshot.no_network().is_some(), "an old value is no answer");
    }

    #[test]
    fn absent_forbidden_and_unknown_differ() {
        let standing = |kind| Observed::<u8>::failed(Problem::new(kind, "x")).standing();
        assert_eq!(standing(ProblemKind::NotFound), SourceStatus::Absent);
        assert_eq!(standing(ProblemKind::Credentials), SourceStatus::Forbidden);
        let missing = Problem::new(ProblemKind::Credentials, "no token").with_missing_credential();
        assert_eq!(
            Observed::<()>::failed(missing).standing(),
            SourceStatus::NoCredential
        );
        assert_eq!(standing(ProblemKind::Network), SourceStatus::Unknown);
    }
}
