//! Looks at every service and puts what it saw into a snapshot.
//!
//! Owns what is asked when, all sources at once, each failing for itself, and the caches that
//! make it cheap. A failed look keeps the old value. Must not judge (that is planning) or change
//! anything.

mod bundle;
mod cache;
mod content;
mod credentials;
mod doctor;
mod images;
mod lost_tokens;
mod sources;
mod workflows;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::Utc;

use crate::config::Workspace;
use crate::config::workspace::{Bundle, BundleMode};
use crate::domain::{ChannelChange, CharmName, Observed, PastRun, Snapshot};
use crate::journal::Journal;
use crate::plan::intent::Part;
use crate::plan::{HoldIntent, PromoteIntent, PublishIntent, RollbackIntent, RolledBack, promote};
use crate::services::Services;
use cache::Cache;
pub use content::Hear;
pub use credentials::facts_of;

/// Looks at the world of one workspace.
#[derive(Clone)]
pub struct Observer {
    services: Services,
    workspace: Arc<Workspace>,
    journal: Option<Journal>,
    cache: Arc<Cache>,
    offline: bool,
}

impl Observer {
    /// Observes `workspace` through `services`, caching under `cache`. `offline` never asks
    /// anybody and serves what was seen last.
    pub fn new(
        services: Services,
        workspace: Arc<Workspace>,
        journal: Option<Journal>,
        cache: Option<PathBuf>,
        offline: bool,
    ) -> Self {
        let world = services.endpoints.world();
        let cache = Arc::new(Cache::new(cache, &world, &workspace.name));
        Self {
            services,
            workspace,
            journal,
            cache,
            offline,
        }
    }

    /// The services behind it.
    pub const fn services(&self) -> &Services {
        &self.services
    }

    /// True where nobody is asked.
    pub const fn is_offline(&self) -> bool {
        self.offline
    }

    /// The last snapshot of this world and workspace, from disk.
    pub fn cached(&self) -> Snapshot {
        let mut snapshot = self.cache.snapshot().unwrap_or_default();
        snapshot.world = self.services.endpoints.world();
        snapshot.workspace.clone_from(&self.workspace.name);
        snapshot
    }

    /// Everything that the panes show, looked at now; what cannot be read keeps its old value.
    pub async fn refresh_all(&self, previous: Snapshot) -> Snapshot {
        let snapshot = self.refresh(previous);
        // Apart from the rest: these are many small questions to one service.
        let books = self.look_at_books();
        let (mut snapshot, books) = tokio::join!(snapshot, books);
        if let Some(books) = books {
            self.file(&mut snapshot, books);
            self.cache.keep_snapshot(&snapshot);
        }
        snapshot
    }

    /// Releases, channels and charms, looked at now; what cannot be read keeps its old value.
    pub async fn refresh(&self, previous: Snapshot) -> Snapshot {
        if self.offline {
            return previous;
        }
        let charms = self.all_charms();
        self.look(previous, &charms, &BTreeSet::new(), None).await
    }

    /// As [`Observer::refresh`], with the image behind every revision of every fed resource.
    pub async fn in_depth(&self, previous: Snapshot) -> Snapshot {
        if self.offline {
            return previous;
        }
        let charms = self.all_charms();
        self.look(previous, &charms, &charms, None).await
    }

    /// Fresh facts for planning `intent`: nothing in what it needs is older than this call.
    pub async fn for_publish(&self, previous: Snapshot, intent: &PublishIntent) -> Snapshot {
        if self.offline {
            return previous;
        }
        let published: BTreeSet<CharmName> = self
            .workspace
            .fed_charms()
            .map(|charm| charm.name.clone())
            .filter(|name| intent.charms.is_empty() || intent.charms.contains(name))
            .collect();
        let mut charms = published.clone();
        if let Some(bundle) = self.made_bundle().filter(|_| marks(intent)) {
            // Whether the branch may say "published" depends on the charms left out too.
            charms.extend(self.workspace.fed_charms().map(|charm| charm.name.clone()));
            charms.insert(bundle.name.clone());
        }
        self.look(previous, &charms, &published, Some(intent)).await
    }

    /// The bundle, where the workspace makes one.
    fn made_bundle(&self) -> Option<&Bundle> {
        let bundle = self.workspace.bundle.as_ref();
        bundle.filter(|bundle| bundle.mode != BundleMode::Off)
    }

    /// Fresh facts for a promotion.
    pub async fn for_promote(&self, previous: Snapshot, intent: &PromoteIntent) -> Snapshot {
        if self.offline {
            return previous;
        }
        let none = BTreeSet::new();
        let mut snapshot = self.look(previous, &self.all_charms(), &none, None).await;
        // Whether a channel runs the release is told by the images that the release names.
        let named = PublishIntent::of(intent.release.clone());
        images::of_release(self, &mut snapshot, &named).await;
        if let Some(branch) = promote::branch_name(&self.workspace, intent.release.as_str(), intent.to) {
            self.look_at_bundle(&mut snapshot, &[branch]).await;
        }
        snapshot
    }

    /// Fresh facts for a rollback.
    pub async fn for_rollback(&self, previous: Snapshot, intent: &RollbackIntent) -> Snapshot {
        let (changes, past) = self.remembered(intent);
        let charms = match &intent.of {
            RolledBack::Charm { charm, .. } => BTreeSet::from([charm.clone()]),
            RolledBack::Run(run) => {
                let of_run = changes.iter().filter(|change| &change.run == run);
                of_run.map(|change| change.charm.clone()).collect()
            }
        };
        let mut snapshot = previous;
        if !self.offline {
            snapshot = self.look(snapshot, &charms, &BTreeSet::new(), None).await;
            // Where a hold is to be set or lifted.
            let holds = |past: &PastRun| past.published.is_some() || past.held.is_some();
            if past.value.as_ref().is_some_and(holds) {
                self.look_at_bundle(&mut snapshot, &[]).await;
            }
        }
        // Last, so that they stay out of the cache.
        (snapshot.changes, snapshot.past) = (changes, past);
        snapshot
    }

    /// What the journal knows for a rollback.
    fn remembered(&self, intent: &RollbackIntent) -> (Vec<ChannelChange>, Observed<PastRun>) {
        let Some(journal) = &self.journal else {
            return Default::default();
        };
        let changes = match journal.changes_for(&intent.of) {
            Ok(changes) => changes,
            Err(problem) => return (Vec::new(), Observed::failed(problem)),
        };
        let past = match &intent.of {
            RolledBack::Charm { .. } => Observed::default(),
            RolledBack::Run(run) => match journal.past(run) {
                Ok(Some(past)) => Observed::read(past, Utc::now()),
                Ok(None) => Observed::default(),
                Err(problem) => Observed::failed(problem),
            },
        };
        (changes, past)
    }

    /// Fresh facts for a hold or its end.
    pub async fn for_hold(&self, previous: Snapshot, _intent: &HoldIntent) -> Snapshot {
        if self.offline {
            return previous;
        }
        let none = BTreeSet::new();
        let mut snapshot = self.look(previous, &none, &none, None).await;
        self.look_at_bundle(&mut snapshot, &[]).await;
        snapshot
    }

    fn all_charms(&self) -> BTreeSet<CharmName> {
        let bundle = self.workspace.bundle.iter().map(|bundle| bundle.name.clone());
        self.workspace
            .charms
            .iter()
            .map(|charm| charm.name.clone())
            .chain(bundle)
            .collect()
    }

    async fn look(
        &self,
        previous: Snapshot,
        charms: &BTreeSet<CharmName>,
        in_depth: &BTreeSet<CharmName>,
        intent: Option<&PublishIntent>,
    ) -> Snapshot {
        let mut snapshot = previous;
        snapshot.world = self.services.endpoints.world();
        snapshot.workspace.clone_from(&self.workspace.name);
        let marker = |intent: &PublishIntent| {
            let bundle = self.made_bundle().filter(|_| marks(intent))?;
            Some(vec![bundle.branch.replace("{release}", intent.release.as_str())])
        };
        let branches = intent.and_then(marker);
        let repository = async {
            match &branches {
                Some(branches) => bundle::facts(self, branches).await,
                None => Observed::default(),
            }
        };
        let (releases, markers, holds, repository, credential, github, published, served) = tokio::join!(
            sources::releases(self),
            sources::markers(self),
            bundle::holds(self),
            repository,
            sources::credential(self),
            sources::github(self),
            sources::publisher_side(self, charms),
            sources::public_side(self, charms),
        );
        snapshot.taken_at = Utc::now();
        if let Some(journal) = &self.journal
            && let (Some(seen), Some(upstream)) = (&releases.value, &self.workspace.upstream)
        {
            match journal.withdrawn(&upstream.repository, seen, snapshot.taken_at) {
                Ok(withdrawn) => snapshot.withdrawn = withdrawn,
                Err(problem) => tracing::warn!("{problem}"),
            }
        }
        snapshot.releases.refresh(releases);
        snapshot.markers.refresh(markers);
        snapshot.holds.refresh(holds);
        snapshot.bundle.refresh(repository);
        snapshot.credential.refresh(credential);
        snapshot.github.refresh(github);
        for (charm, facts) in published {
            snapshot.charms.entry(charm).or_default().refresh(facts);
        }
        for (charm, rows) in served.rows {
            snapshot.served.entry(charm).or_default().refresh(rows);
        }
        images::behind(self, &mut snapshot, &served.ids, charms, in_depth).await;
        match intent {
            None => images::identify(self, &mut snapshot, charms, None).await,
            Some(intent) => {
                let all_read = images::of_release(self, &mut snapshot, intent).await;
                // Without the images there is no plan, and nothing else is worth waiting for.
                if all_read {
                    let channels = self.workspace.channels_for(&intent.release).unwrap_or_default();
                    images::identify(self, &mut snapshot, in_depth, Some(&channels)).await;
                    images::missing(self, &mut snapshot, intent).await;
                }
            }
        }
        snapshot.quota = self.services.registries.quota("docker.io").map(Into::into);
        self.cache.keep_snapshot(&snapshot);
        snapshot
    }
}

/// True where a publish writes to the bundle's repository, or to the bundle.
fn marks(intent: &PublishIntent) -> bool {
    ![Part::Branch, Part::Bundle]
        .iter()
        .all(|part| intent.without.contains(part))
}
