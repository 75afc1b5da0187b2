//! Reads each source, one function per source, and maps answers to observed values.
//!
//! A source that fails does not affect the others.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Utc;
use futures_util::StreamExt;

use super::Observer;
use super::gather::Gathering;
use crate::domain::charm::{ChannelRow, CharmFacts};
use crate::domain::credential::CredentialFacts;
use crate::domain::{CharmName, Observed, Problem, Release, ReleaseName, ResourceName, Source, SourceUpdate};
use crate::services::github::releases as upstream;

fn observed<T>(result: Result<T, Problem>) -> Observed<T> {
    Observed::from_result(result, Utc::now())
}

/// Reads upstream releases; a workspace without an upstream has none. `first`: none were read
/// before.
pub async fn releases(observer: &Observer, first: bool) -> Observed<Vec<Release>> {
    let github = &observer.services.github;
    match &observer.workspace.upstream {
        Some(up) => observed(upstream::releases(github, up, observer.cache.as_ref(), first).await),
        None => Observed::default(),
    }
}

/// Reads marker branches.
pub async fn markers(observer: &Observer) -> Observed<BTreeSet<ReleaseName>> {
    match &observer.workspace.bundle {
        Some(bundle) => observed(upstream::markers(&observer.services.github, bundle).await),
        None => Observed::default(),
    }
}

/// Reads the store's credential; if the store does not return more, what the token itself
/// contains.
pub async fn credential(observer: &Observer) -> SourceUpdate {
    let (answer, token) = match observer.services.publisher().await {
        Ok(publisher) => {
            let answer = publisher.whoami().await;
            let token = answer.is_err().then(|| Box::new(publisher.token_facts()));
            (answer, token)
        }
        Err(problem) => (Err(problem), None),
    };
    SourceUpdate::StoreAccount {
        seen: observed(answer),
        token,
    }
}

/// Reads GitHub's credential.
pub async fn github(observer: &Observer) -> Observed<CredentialFacts> {
    observed(observer.services.github.account().await)
}

/// Returns the resources of a charm whose revisions are listed.
fn resources_of(observer: &Observer, charm: &CharmName) -> Vec<ResourceName> {
    let known = observer.workspace.charm(charm);
    known
        .into_iter()
        .flat_map(|charm| &charm.resources)
        .map(|r| r.name.clone())
        .collect()
}

/// Reads every charm as its publisher sees it, each as it arrives. Without a credential none is
/// read.
pub async fn publisher_side(observer: &Observer, charms: &BTreeSet<CharmName>, gathering: &Gathering<'_>) {
    let take = |charm: &CharmName, facts| {
        gathering.take(SourceUpdate::Charm(charm.clone(), Box::new(facts)));
    };
    match observer.services.publisher().await {
        Ok(publisher) => {
            let publisher = &publisher;
            futures_util::stream::iter(charms)
                .for_each_concurrent(8, |charm| async move {
                    let resources = resources_of(observer, charm);
                    take(charm, observed(publisher.charm(charm, &resources).await));
                })
                .await;
        }
        Err(problem) => {
            for charm in charms {
                take(charm, observed(Err(problem.clone())));
            }
        }
    }
    gathering.complete(Source::Charms);
}

/// Reads one charm with every revision of every resource that it declares.
pub async fn one_charm(observer: &Observer, charm: &CharmName) -> Observed<CharmFacts> {
    let ask = async { observer.services.publisher().await?.charm(charm, &[]).await };
    observed(ask.await)
}

/// Holds the public side: rows with resources, and the store's ids.
#[derive(Default)]
pub struct Served {
    /// Rows by charm.
    pub rows: BTreeMap<CharmName, Observed<Vec<ChannelRow>>>,
    /// Ids by charm.
    pub ids: BTreeMap<CharmName, String>,
}

/// Reads every charm as the public sees it.
pub async fn public_side(observer: &Observer, charms: &BTreeSet<CharmName>) -> Served {
    let public = &observer.services.public;
    let maps: Vec<_> = futures_util::stream::iter(charms)
        .map(|charm| async move { (charm.clone(), public.map(charm).await) })
        .buffer_unordered(8)
        .collect()
        .await;
    let mut served = Served::default();
    let mut read = BTreeMap::new();
    for (charm, map) in maps {
        match map {
            Ok(map) => {
                served.ids.insert(charm.clone(), map.id.clone());
                read.insert(charm, map);
            }
            Err(problem) => {
                served.rows.insert(charm, observed(Err(problem)));
            }
        }
    }
    let failed = public.resources(&mut read).await.err();
    for (charm, map) in read {
        let id = &map.id;
        observer.cache.expect(
            map.hashes
                .iter()
                .map(|((resource, revision), hash)| (format!("{id}/{resource}/{}", revision.0), *hash)),
        );
        let rows = match &failed {
            None => Observed::read(map.rows, Utc::now()),
            Some(problem) => observed(Err(problem.clone())),
        };
        served.rows.insert(charm, rows);
    }
    served
}
