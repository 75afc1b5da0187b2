//! Defines what a source of a snapshot returns, so that each answer can be delivered as it arrives.
//!
//! Answers enter a snapshot only through [`Snapshot::apply`]; the observer and the console both use
//! it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::bundle::{BundleFacts, Holds};
use super::charm::{ChannelRow, CharmFacts, CharmName, ImageBehind};
use super::credential::CredentialFacts;
use super::image::ResolvedImage;
use super::release::{Release, ReleaseName};
use super::secret::{
    GitHubRepository, LineageRecord, RepositorySecrets, Revocation, SessionFacts, SessionId,
};
use super::snapshot::{Observed, PullQuota, Snapshot};
use super::text::SanitizedText;

/// A source: one service's part of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Upstream releases, from GitHub.
    Releases,
    /// Marker branches, from GitHub.
    Markers,
    /// Holds, from GitHub.
    Holds,
    /// The store's credential.
    StoreAccount,
    /// GitHub's credential.
    GitHubAccount,
    /// Charms from the publisher API.
    Charms,
    /// Channel maps from the public API.
    Channels,
    /// Images of the resource revisions that channels serve.
    ResourceImages,
    /// Upstream images, which show the release that an image belongs to. Needs the upstream
    /// releases.
    ReleaseNames,
    /// Repository secrets, from GitHub.
    Secrets,
    /// The store's sessions.
    Sessions,
    /// Registry logins on this machine.
    Logins,
}

/// An answer of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceUpdate {
    /// Upstream releases.
    Releases(Observed<Vec<Release>>),
    /// Releases that were seen before and are no longer upstream.
    Withdrawn(Vec<Release>),
    /// Releases that have a marker branch.
    Markers(Observed<BTreeSet<ReleaseName>>),
    /// Releases that are held.
    Holds(Observed<Holds>),
    /// The bundle's repository.
    Bundle(Box<Observed<BundleFacts>>),
    /// The store's credential.
    StoreAccount {
        /// What the store returned.
        seen: Observed<CredentialFacts>,
        /// What the token itself contains, if the store did not report more.
        token: Option<Box<CredentialFacts>>,
    },
    /// GitHub's credential.
    GitHubAccount(Observed<CredentialFacts>),
    /// What GitHub leaves out of its lists for this token.
    GitHubRemarks(Vec<SanitizedText>),
    /// A charm from the publisher API.
    Charm(CharmName, Box<Observed<CharmFacts>>),
    /// A charm's channel map from the public API.
    Channels(CharmName, Observed<Vec<ChannelRow>>),
    /// Images of resource revisions, by [`Snapshot::behind_key`].
    ResourceImages(Vec<(String, Observed<ImageBehind>)>),
    /// Upstream images, by reference.
    UpstreamImages(Vec<(String, Observed<ResolvedImage>)>),
    /// The secrets of a repository.
    Secrets(GitHubRepository, Observed<RepositorySecrets>),
    /// The store's sessions.
    Sessions(Observed<Vec<SessionFacts>>),
    /// Logins of registries.
    Logins(Vec<CredentialFacts>),
    /// Values that windlass wrote into secrets, from the journal.
    Lineage(Vec<LineageRecord>),
    /// Sessions that windlass revoked, from the journal.
    Revocations(Vec<Revocation>),
    /// Sessions whose tokens were lost, from the journal.
    Orphans(Vec<SessionId>),
    /// Pulls left at Docker Hub.
    PullQuota(PullQuota),
    /// A source has answered completely.
    Complete(Source),
}

impl Snapshot {
    /// Applies an answer. A source that failed keeps its old value and the problem.
    pub fn apply(&mut self, update: SourceUpdate) {
        match update {
            SourceUpdate::Releases(seen) => self.releases.refresh(seen),
            SourceUpdate::Withdrawn(releases) => self.withdrawn = releases,
            SourceUpdate::Markers(seen) => self.markers.refresh(seen),
            SourceUpdate::Holds(seen) => self.holds.refresh(seen),
            SourceUpdate::Bundle(seen) => self.bundle.refresh(*seen),
            SourceUpdate::StoreAccount { seen, token } => {
                self.credential.refresh(seen);
                self.store_token = token.map(|token| *token);
            }
            SourceUpdate::GitHubAccount(seen) => self.github.refresh(seen),
            SourceUpdate::GitHubRemarks(remarks) => {
                if let Some(facts) = &mut self.github.value {
                    for remark in remarks {
                        if !facts.remarks.contains(&remark) {
                            facts.remarks.push(remark);
                        }
                    }
                }
            }
            SourceUpdate::Charm(charm, seen) => self.charms.entry(charm).or_default().refresh(*seen),
            SourceUpdate::Channels(charm, seen) => self.served.entry(charm).or_default().refresh(seen),
            SourceUpdate::ResourceImages(found) => {
                for (key, seen) in found {
                    self.behind.entry(key).or_default().refresh(seen);
                }
            }
            SourceUpdate::UpstreamImages(found) => {
                for (key, seen) in found {
                    self.images.entry(key).or_default().refresh(seen);
                }
            }
            SourceUpdate::Secrets(repository, seen) => {
                self.secrets.entry(repository).or_default().refresh(seen);
            }
            SourceUpdate::Sessions(seen) => self.sessions.refresh(seen),
            SourceUpdate::Logins(logins) => self.logins = logins,
            SourceUpdate::Lineage(lineage) => self.lineage = lineage,
            SourceUpdate::Revocations(revocations) => self.revocations = revocations,
            SourceUpdate::Orphans(orphans) => self.orphans = orphans,
            SourceUpdate::PullQuota(quota) => self.quota = Some(quota),
            SourceUpdate::Complete(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::domain::{Problem, ProblemKind};

    #[test]
    fn an_answer_changes_its_own_source_alone() {
        let mut snapshot = Snapshot::default();
        snapshot.apply(SourceUpdate::Markers(Observed::read(
            BTreeSet::new(),
            DateTime::UNIX_EPOCH,
        )));
        let expected = Snapshot {
            markers: Observed::read(BTreeSet::new(), DateTime::UNIX_EPOCH),
            ..Snapshot::default()
        };
        assert_eq!(snapshot, expected);
    }

    #[test]
    fn a_failed_answer_keeps_the_old_value_and_its_age() {
        let charm: CharmName = "a-charm".parse().unwrap();
        let mut snapshot = Snapshot::default();
        let rows = Observed::read(Vec::new(), DateTime::UNIX_EPOCH);
        snapshot.apply(SourceUpdate::Channels(charm.clone(), rows));
        for kind in [
            ProblemKind::NotFound,
            ProblemKind::Credentials,
            ProblemKind::Network,
        ] {
            let failed = Observed::failed(Problem::new(kind, "no"));
            snapshot.apply(SourceUpdate::Channels(charm.clone(), failed));
            let seen = &snapshot.served[&charm];
            assert_eq!(seen.value, Some(Vec::new()), "{kind:?}");
            assert_eq!(seen.read_at, Some(DateTime::UNIX_EPOCH), "{kind:?}");
            assert_eq!(seen.problem.as_ref().map(|problem| problem.kind), Some(kind));
        }
    }
}
