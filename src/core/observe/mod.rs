//! Reads every service into a snapshot; each source is delivered as soon as it answers.
//!
//! [`View`] lists the sources that a command needs. The module also holds the caches that keep
//! requests few. A source that fails keeps its old value and never delays another. Judging what
//! was read is the planner's part.

mod bundle;
mod cache;
mod content;
mod credentials;
mod doctor;
mod gather;
mod images;
mod intent;
mod lost_tokens;
mod sources;
mod view;
mod workflows;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use chrono::Utc;

use crate::config::Workspace;
use crate::config::workspace::{Bundle, BundleMode};
use crate::domain::{ChannelChange, CharmName, Observed, PastRun, Snapshot, Source, SourceUpdate};
use crate::journal::Journal;
use crate::plan::intent::SkipPart;
use crate::plan::{Changed, PromoteIntent, PublishIntent, RollbackIntent, RolledBack, promote};
use crate::services::{Services, scope_of};
use cache::Cache;
pub use content::Hear;
pub use credentials::facts_of;
pub use gather::OnUpdate;
use gather::{Gathering, ignore};
pub use intent::Inputs;
pub use view::View;

/// Reads the current state of one workspace.
#[derive(Clone)]
pub struct Observer {
    services: Services,
    workspace: Arc<Workspace>,
    journal: Option<Journal>,
    cache: Arc<Cache>,
    offline: bool,
}

impl Observer {
    /// Returns an observer of `workspace` that reads through `services` and caches under `cache`.
    /// With `offline` it sends no request and serves what was read last.
    pub fn new(
        services: Services,
        workspace: Arc<Workspace>,
        journal: Option<Journal>,
        cache: Option<PathBuf>,
        offline: bool,
    ) -> Self {
        let bundle = workspace.bundle.iter().map(|bundle| &bundle.name);
        let charms = workspace.charms.iter().map(|charm| &charm.name).chain(bundle);
        let scope = cache::Scope {
            environment: services.endpoints.identity(),
            workspace: scope_of(&[&serde_json::to_string(&*workspace).unwrap_or_default()]),
            charms: charms.cloned().collect(),
            store: services.store_scope(),
            github: services.github.scope(),
        };
        Self {
            cache: Arc::new(Cache::new(cache, scope)),
            services,
            workspace,
            journal,
            offline,
        }
    }

    /// Returns the services that are read.
    pub const fn services(&self) -> &Services {
        &self.services
    }

    /// Returns true if no service is asked.
    pub const fn is_offline(&self) -> bool {
        self.offline
    }

    /// The last snapshot of this world and workspace, from disk. Offline its failures carry their
    /// age: they are not of this session.
    pub fn cached(&self) -> Snapshot {
        let mut snapshot = self.cache.snapshot().unwrap_or_default();
        if self.offline {
            snapshot.date_failures(Utc::now());
        }
        snapshot.world = self.services.endpoints.world();
        snapshot.workspace.clone_from(&self.workspace.name);
        snapshot
    }

    /// Reads the sources of `view`; a source that cannot be read keeps its old value.
    pub async fn view(&self, previous: Snapshot, view: View) -> Snapshot {
        self.view_as_read(previous, view, &ignore).await
    }

    /// Reads as [`Observer::view`] does and passes each answer to `on_update` as it arrives.
    pub async fn view_as_read(&self, previous: Snapshot, view: View, on_update: OnUpdate<'_>) -> Snapshot {
        if self.offline {
            return previous;
        }
        let charms = self.all_charms();
        let none = BTreeSet::new();
        let scope = Scope {
            sources: view.sources(),
            charms: &charms,
            in_depth: if view == View::Charms { &charms } else { &none },
            intent: None,
        };
        self.read(previous, &scope, on_update).await
    }

    /// Reads again only what has changed, as [`Observer::view_as_read`] does.
    pub async fn changed_as_read(
        &self,
        previous: Snapshot,
        changed: &Changed,
        on_update: OnUpdate<'_>,
    ) -> Snapshot {
        if self.offline {
            return previous;
        }
        let sources: Vec<Source> = changed.sources.iter().copied().collect();
        // A charm outside the workspace has no row.
        let charms = self.all_charms().intersection(&changed.charms).cloned().collect();
        let scope = Scope {
            sources: &sources,
            charms: &charms,
            in_depth: &BTreeSet::new(),
            intent: None,
        };
        self.read(previous, &scope, on_update).await
    }

    /// Reads fresh facts for planning `intent`: nothing that it needs is older than this call.
    async fn for_publish(&self, previous: Snapshot, intent: &PublishIntent) -> Snapshot {
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
            // The charms that are left out count as well when the branch is to be marked as
            // published.
            charms.extend(self.workspace.fed_charms().map(|charm| charm.name.clone()));
            charms.insert(bundle.name.clone());
        }
        let scope = Scope {
            sources: View::Planning.sources(),
            charms: &charms,
            in_depth: &published,
            intent: Some(intent),
        };
        self.read(previous, &scope, &ignore).await
    }

    /// Returns the bundle, if the workspace releases one.
    fn made_bundle(&self) -> Option<&Bundle> {
        let bundle = self.workspace.bundle.as_ref();
        bundle.filter(|bundle| bundle.mode != BundleMode::Off)
    }

    /// Reads fresh facts for a promotion.
    async fn for_promote(&self, previous: Snapshot, intent: &PromoteIntent) -> Snapshot {
        if self.offline {
            return previous;
        }
        let mut snapshot = self.view(previous, View::Planning).await;
        // A channel runs the release if it serves the images that the release names.
        let named = PublishIntent::of(intent.release.clone());
        images::of_release(self, &mut snapshot, &named).await;
        if let Some(branch) = promote::branch_name(&self.workspace, intent.release.as_str(), intent.to) {
            self.look_at_bundle(&mut snapshot, &[branch]).await;
        }
        snapshot
    }

    /// Reads fresh facts for a rollback.
    async fn for_rollback(&self, previous: Snapshot, intent: &RollbackIntent) -> Snapshot {
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
            snapshot = self.read(snapshot, &Scope::planning(&charms), &ignore).await;
            // The repository in which a hold is set or lifted.
            let holds = |past: &PastRun| past.published.is_some() || past.held.is_some();
            if past.value.as_ref().is_some_and(holds) {
                self.look_at_bundle(&mut snapshot, &[]).await;
            }
        }
        // Set last, so that they are not written to the cache.
        (snapshot.changes, snapshot.past) = (changes, past);
        snapshot
    }

    /// Returns what the journal knows for a rollback.
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

    /// Reads fresh facts for setting or lifting a hold.
    async fn for_hold(&self, previous: Snapshot) -> Snapshot {
        if self.offline {
            return previous;
        }
        let none = BTreeSet::new();
        let mut snapshot = self.read(previous, &Scope::planning(&none), &ignore).await;
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

    /// Records the environment, the workspace and the time of a snapshot.
    fn date(&self, snapshot: &mut Snapshot) {
        snapshot.world = self.services.endpoints.world();
        snapshot.workspace.clone_from(&self.workspace.name);
        snapshot.taken_at = Utc::now();
    }

    /// Reads the sources of `scope` concurrently. A service waits for another only if its request
    /// needs that answer: naming images needs the upstream releases and the channels.
    async fn read(&self, previous: Snapshot, scope: &Scope<'_>, on_update: OnUpdate<'_>) -> Snapshot {
        let gathering = Gathering::new(previous, on_update);
        let store = self.read_store(scope, &gathering);
        let early = self.reads_releases_at_once(scope, &gathering.snapshot());
        let releases = async {
            if early {
                self.read_releases(&gathering).await;
            }
        };
        let images = async {
            tokio::join!(Box::pin(releases), Box::pin(store));
            Box::pin(self.read_images(scope, &gathering, early)).await;
        };
        let credentials = async {
            if scope.reads(Source::Secrets) {
                Box::pin(self.read_secrets_and_sessions(&gathering)).await;
            } else if scope.reads(Source::Sessions) {
                self.read_lineage(&gathering);
                Box::pin(self.read_sessions(&gathering)).await;
            }
        };
        // Boxed: together these futures exceed the stack of a thread in a debug build.
        tokio::join!(
            images,
            Box::pin(self.read_marks(scope, &gathering)),
            Box::pin(self.read_accounts(scope, &gathering)),
            credentials
        );
        gathering.change(|snapshot| self.date(snapshot));
        let snapshot = gathering.into_snapshot();
        self.cache.keep_snapshot(&snapshot);
        snapshot
    }

    /// Returns whether the upstream releases are read along with the store, or only once the
    /// store's answer needs a name that is not known.
    fn reads_releases_at_once(&self, scope: &Scope<'_>, known: &Snapshot) -> bool {
        let recent = known.releases.value.is_some()
            && known
                .releases
                .read_at
                .is_some_and(|at| Utc::now() - at < images::BELIEVE_TAGS);
        scope.reads(Source::Releases) || (scope.reads(Source::ReleaseNames) && !recent)
    }

    async fn read_releases(&self, gathering: &Gathering<'_>) {
        let first = gathering.snapshot().releases.value.is_none();
        let releases = sources::releases(self, first).await;
        if let Some(journal) = &self.journal
            && let (Some(seen), Some(upstream)) = (&releases.value, &self.workspace.upstream)
        {
            match journal.withdrawn(&upstream.repository, seen, Utc::now()) {
                Ok(withdrawn) => gathering.take(SourceUpdate::Withdrawn(withdrawn)),
                Err(problem) => tracing::warn!("{problem}"),
            }
        }
        gathering.take(SourceUpdate::Releases(releases));
        gathering.complete(Source::Releases);
    }

    /// Reads marker branches, holds, and the bundle's repository if the intent writes there.
    async fn read_marks(&self, scope: &Scope<'_>, gathering: &Gathering<'_>) {
        let markers = async {
            if scope.reads(Source::Markers) {
                gathering.take(SourceUpdate::Markers(sources::markers(self).await));
                gathering.complete(Source::Markers);
            }
        };
        let holds = async {
            if scope.reads(Source::Holds) {
                gathering.take(SourceUpdate::Holds(bundle::holds(self).await));
                gathering.complete(Source::Holds);
            }
        };
        let marker = |intent: &PublishIntent| {
            let bundle = self.made_bundle().filter(|_| marks(intent))?;
            Some(vec![bundle.branch.replace("{release}", intent.release.as_str())])
        };
        let branches = scope.intent.and_then(marker);
        let repository = async {
            if let Some(branches) = &branches {
                let facts = bundle::facts(self, branches).await;
                gathering.take(SourceUpdate::Bundle(Box::new(facts)));
            }
        };
        tokio::join!(markers, holds, repository);
    }

    /// Reads the credentials in use.
    async fn read_accounts(&self, scope: &Scope<'_>, gathering: &Gathering<'_>) {
        let store = async {
            if scope.reads(Source::StoreAccount) {
                gathering.take(sources::credential(self).await);
                gathering.complete(Source::StoreAccount);
            }
        };
        let github = async {
            if scope.reads(Source::GitHubAccount) {
                gathering.take(SourceUpdate::GitHubAccount(sources::github(self).await));
                gathering.complete(Source::GitHubAccount);
            }
        };
        tokio::join!(store, github);
    }

    /// Reads the charms from both sides, then the images that their channels serve.
    async fn read_store(&self, scope: &Scope<'_>, gathering: &Gathering<'_>) {
        let publisher = async {
            if scope.reads(Source::Charms) {
                sources::publisher_side(self, scope.charms, gathering).await;
            }
        };
        let public = async {
            if !scope.reads(Source::Channels) {
                return BTreeMap::new();
            }
            let served = sources::public_side(self, scope.charms).await;
            for (charm, rows) in served.rows {
                gathering.take(SourceUpdate::Channels(charm, rows));
            }
            gathering.complete(Source::Channels);
            served.ids
        };
        let ((), ids) = tokio::join!(publisher, public);
        if scope.reads(Source::ResourceImages) {
            images::behind(self, gathering, &ids, scope.charms, scope.in_depth).await;
            gathering.complete(Source::ResourceImages);
        }
    }

    /// Reads upstream images: those that `scope` would publish, and names for those that channels
    /// run.
    async fn read_images(&self, scope: &Scope<'_>, gathering: &Gathering<'_>, releases_read: bool) {
        if let Some(intent) = scope.intent {
            let mut snapshot = gathering.snapshot();
            let all_read = images::of_release(self, &mut snapshot, intent).await;
            gathering.change(|known| known.images.clone_from(&snapshot.images));
            // Without the images there is no plan, so nothing else is read.
            if all_read {
                let channels = self.workspace.channels_for(&intent.release).unwrap_or_default();
                images::identify(self, gathering, scope.in_depth, Some(&channels)).await;
                let mut snapshot = gathering.snapshot();
                images::missing(self, &mut snapshot, intent).await;
                gathering.change(|known| known.missing.clone_from(&snapshot.missing));
            }
        } else if scope.reads(Source::ReleaseNames) {
            if !releases_read && self.runs_unnamed(&gathering.snapshot(), scope.charms) {
                self.read_releases(gathering).await;
            }
            images::identify(self, gathering, scope.charms, None).await;
        }
        if scope.reads(Source::ReleaseNames) {
            gathering.complete(Source::ReleaseNames);
        }
        if let Some(quota) = self.services.registries.quota("docker.io") {
            gathering.take(SourceUpdate::PullQuota(images::pull_quota(&quota)));
        }
    }
}

/// Holds what is read, and for what.
struct Scope<'a> {
    /// The sources to read.
    sources: &'a [Source],
    /// The charms to read.
    charms: &'a BTreeSet<CharmName>,
    /// Charms for which the image behind every resource revision is read.
    in_depth: &'a BTreeSet<CharmName>,
    /// The publish that is planned: nothing that it needs may be older than the call.
    intent: Option<&'a PublishIntent>,
}

impl<'a> Scope<'a> {
    /// Returns true if `source` is read.
    fn reads(&self, source: Source) -> bool {
        self.sources.contains(&source)
    }

    const fn planning(charms: &'a BTreeSet<CharmName>) -> Self {
        static NONE: BTreeSet<CharmName> = BTreeSet::new();
        Self {
            sources: View::Planning.sources(),
            charms,
            in_depth: &NONE,
            intent: None,
        }
    }
}

/// Returns true if a publish writes to the bundle's repository or releases a bundle.
fn marks(intent: &PublishIntent) -> bool {
    ![SkipPart::Branch, SkipPart::Bundle]
        .iter()
        .all(|part| intent.without.contains(part))
}
