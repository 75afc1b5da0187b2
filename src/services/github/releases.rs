//! Upstream releases kept as folders of a repository, and the marker branches of published ones.
//!
//! Owns how such a repository is read cheaply: one tree, then only the blobs that were never read
//! before (blobs are immutable). Must not judge what is published.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt;

use super::GitHub;
use crate::config::workspace::{Bundle, Upstream};
use crate::domain::release::newest_first;
use crate::domain::{Kind, Outside, Problem, Release, ReleaseName};

/// Blobs read before, by object id.
pub trait BlobCache {
    /// The bytes of a blob, where it was read before.
    fn blob(&self, sha: &str) -> Option<Vec<u8>>;
    /// Keeps the bytes of a blob.
    fn keep_blob(&self, sha: &str, bytes: &[u8]);
}

/// Every release of `upstream`, newest first. A manifest that cannot be read stays in the list
/// with its reason.
pub async fn releases<C: BlobCache + Sync>(
    github: &GitHub,
    upstream: &Upstream,
    cache: &C,
) -> Result<Vec<Release>, Problem> {
    let folder = folder(github, upstream).await?;
    let entries = github.tree(&upstream.repository, &folder).await?;
    let mut manifests: BTreeMap<ReleaseName, String> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.kind == "blob") {
        if let Some(name) = entry.path.strip_suffix("/manifest.json")
            && let Ok(name) = name.parse::<ReleaseName>()
        {
            manifests.insert(name, entry.sha.clone());
        }
    }
    if manifests.is_empty() {
        // The folder was deleted once and came back a week later.
        return Err(Problem::new(
            Kind::Service,
            format!(
                "{} holds no release under {}",
                upstream.repository,
                Outside::new(&upstream.path)
            ),
        )
        .hint("upstream may be moving its files: nothing is taken as withdrawn; try again later"));
    }
    let mut releases: Vec<Release> = futures_util::stream::iter(manifests)
        .map(|(name, sha)| async move {
            let bytes = if let Some(bytes) = cache.blob(&sha) {
                bytes
            } else {
                let bytes = github.blob(&upstream.repository, &sha).await?;
                cache.keep_blob(&sha, &bytes);
                bytes
            };
            Ok(Release::from_manifest(name.clone(), &bytes)
                .unwrap_or_else(|problem| Release::unreadable(name, problem)))
        })
        .buffer_unordered(8)
        .collect::<Vec<Result<Release, Problem>>>()
        .await
        .into_iter()
        .collect::<Result<_, _>>()?;
    newest_first(&mut releases);
    Ok(releases)
}

/// The object id of the folder of releases, found from the branch downwards.
async fn folder(github: &GitHub, upstream: &Upstream) -> Result<String, Problem> {
    let what = format!("reading {} of {}", upstream.branch, upstream.repository);
    let mut tree = github
        .entries(&upstream.repository, &upstream.branch, false, &what)
        .await?;
    let mut sha = String::new();
    for part in upstream.path.split('/').filter(|part| !part.is_empty()) {
        if !sha.is_empty() {
            tree = github.entries(&upstream.repository, &sha, false, &what).await?;
        }
        let entry = tree
            .iter()
            .find(|entry| entry.path == part && entry.kind == "tree");
        sha = entry
            .ok_or_else(|| {
                Problem::new(
                    Kind::NotFound,
                    format!(
                        "{} has no folder {}",
                        upstream.repository,
                        Outside::new(&upstream.path)
                    ),
                )
                .hint("check upstream.path and upstream.branch in the workspace file")
            })?
            .sha
            .clone();
    }
    Ok(sha)
}

/// The releases that have a marker branch in the bundle's repository.
pub async fn markers(github: &GitHub, bundle: &Bundle) -> Result<BTreeSet<ReleaseName>, Problem> {
    let branches = github
        .branches(&bundle.repository, bundle.branch_prefix())
        .await?;
    Ok(branches
        .iter()
        .filter_map(|branch| bundle.marked_by(branch))
        .collect())
}
