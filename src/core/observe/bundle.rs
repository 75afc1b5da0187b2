//! Reads the bundle's repository for intents that write there, and the holds for every intent.
//!
//! Files of a branch that were read once are never requested again.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Utc;
use futures_util::future::try_join_all;

use super::Observer;
use crate::config::workspace::Bundle;
use crate::domain::bundle::{BundleFacts, HOLD_PREFIX, Holds, MarkerBranch, PACKED, held_by};
use crate::domain::{CommitId, FileBytes, GitHubRepository, Observed, Problem, Snapshot};
use crate::services::github::RefName;
use crate::services::github::releases::BlobCache;

/// Reads which releases are held: tags of the bundle's repository. Empty for a workspace without a
/// bundle.
pub async fn holds(observer: &Observer) -> Observed<Holds> {
    let Some(bundle) = &observer.workspace.bundle else {
        return Observed::default();
    };
    let tags = observer
        .services
        .github
        .tags(&bundle.repository, HOLD_PREFIX)
        .await;
    let held = tags.map(|tags| tags.iter().filter_map(|tag| held_by(tag)).collect());
    Observed::from_result(held, Utc::now())
}

impl Observer {
    /// Reads the bundle's repository: the branch that releases are made from, those of `branches`
    /// that exist, and who would sign. Holds are stored there too, so it is read whether or not
    /// the bundle is released; a workspace without a bundle has nothing to read.
    pub async fn look_at_bundle(&self, snapshot: &mut Snapshot, branches: &[String]) {
        let facts = facts(self, branches).await;
        snapshot.bundle.refresh(facts);
    }
}

/// Reads as [`Observer::look_at_bundle`] does, without storing the result in a snapshot.
pub async fn facts(observer: &Observer, branches: &[String]) -> Observed<BundleFacts> {
    match &observer.workspace.bundle {
        Some(bundle) => Observed::from_result(read(observer, bundle, branches).await, Utc::now()),
        None => Observed::default(),
    }
}

async fn read(observer: &Observer, bundle: &Bundle, branches: &[String]) -> Result<BundleFacts, Problem> {
    let repository: GitHubRepository = bundle.repository.parse()?;
    let github = &observer.services.github;
    let wanted: BTreeSet<&String> = branches.iter().collect();
    let base = async {
        let tip = github.tip(&repository, &bundle.base).await?;
        let files = files(observer, &repository, &tip, false).await?;
        Ok::<_, Problem>((tip, files))
    };
    let marked = try_join_all(
        wanted
            .into_iter()
            .map(|branch| marker(observer, &repository, branch)),
    );
    let (base, marked, writable, author) = tokio::try_join!(
        base,
        marked,
        github.may_push(&repository),
        observer.services.author(),
    )?;
    let (tip, files) = base;
    Ok(BundleFacts {
        tip,
        files,
        branches: marked.into_iter().flatten().collect(),
        writable,
        author,
    })
}

async fn marker(
    observer: &Observer,
    repository: &GitHubRepository,
    branch: &str,
) -> Result<Option<(String, MarkerBranch)>, Problem> {
    let github = &observer.services.github;
    let Some(tip) = github.reference(repository, &RefName::branch(branch)).await? else {
        return Ok(None);
    };
    let files = files(observer, repository, &tip, true).await?;
    Ok(Some((branch.to_owned(), MarkerBranch { tip, files })))
}

/// Reads the bundle's files at `commit`; with `overlays` those of releases too.
async fn files(
    observer: &Observer,
    repository: &GitHubRepository,
    commit: &CommitId,
    overlays: bool,
) -> Result<BTreeMap<String, FileBytes>, Problem> {
    let overlay = |path: &str| {
        let name = path.strip_prefix("overlay-");
        name.is_some_and(|name| name.strip_suffix(".yaml").is_some())
    };
    let wanted = |path: &str| PACKED.contains(&path) || (overlays && overlay(path));
    let cache = observer.cache.as_ref();
    let known = |sha: &str| cache.blob(sha);
    let keep = |sha: &str, bytes: &[u8]| cache.keep_blob(sha, bytes);
    observer
        .services
        .github
        .files(repository, commit, &wanted, &known, &keep)
        .await
}
