//! Reads upstream releases stored as folders of a repository, and the marker branches of published
//! ones.
//!
//! Requests are few: one tree, then only the blobs that were never read before (blobs are
//! immutable).

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt;

use super::GitHub;
use crate::config::workspace::{Bundle, Upstream};
use crate::domain::release::newest_first;
use crate::domain::{Problem, ProblemKind, Release, ReleaseName, SanitizedText};

/// Manifests that are read one by one in one refresh without a token.
const ANONYMOUS_MANIFESTS: u64 = 30;
/// Requests per hour that are left unused without a token.
const ANONYMOUS_RESERVE: u64 = 20;

/// Caches blobs by object id.
pub trait BlobCache {
    /// Returns the bytes of a blob, if it was read before.
    fn blob(&self, sha: &str) -> Option<Vec<u8>>;
    /// Stores the bytes of a blob.
    fn keep_blob(&self, sha: &str, bytes: &[u8]);
}

/// Reads every release of `upstream`, newest first. A manifest that cannot be read stays in the
/// list with its reason. `first`: none was read before.
pub async fn releases<C: BlobCache + Sync>(
    github: &GitHub,
    upstream: &Upstream,
    cache: &C,
    first: bool,
) -> Result<Vec<Release>, Problem> {
    // One request for all, instead of one per release.
    if first && let Some(releases) = first_look(github, upstream, cache).await {
        return Ok(releases);
    }
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
        // The upstream folder was once deleted and restored a week later.
        return Err(Problem::new(
            ProblemKind::Service,
            format!(
                "{} has no release in {}",
                upstream.repository,
                SanitizedText::new(&upstream.path)
            ),
        )
        .hint("upstream may be moving its files: no release is marked as withdrawn; try again later"));
    }
    // Newest first: without a token not all can be read in an hour.
    let left: BTreeSet<&str> = manifests
        .values()
        .rev()
        .map(String::as_str)
        .filter(|sha| cache.blob(sha).is_none())
        .skip(affordable(github))
        .collect();
    let (left, unread) = (&left, |name| Release::unreadable(name, not_read_yet()));
    let mut releases: Vec<Release> = futures_util::stream::iter(&manifests)
        .map(|(name, sha)| async move {
            let name = name.clone();
            if left.contains(sha.as_str()) {
                return Ok(unread(name));
            }
            let bytes = if let Some(bytes) = cache.blob(sha) {
                bytes
            } else {
                let bytes = github.blob(&upstream.repository, sha).await?;
                cache.keep_blob(sha, &bytes);
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

/// Reads every release in one request, if GitHub answers it.
async fn first_look<C: BlobCache + Sync>(
    github: &GitHub,
    upstream: &Upstream,
    cache: &C,
) -> Option<Vec<Release>> {
    let files = github
        .files_of_folders(
            &upstream.repository,
            &upstream.branch,
            &upstream.path,
            "manifest.json",
        )
        .await?;
    let mut releases = Vec::new();
    for (name, (sha, bytes)) in files {
        let Ok(name) = name.parse::<ReleaseName>() else {
            continue;
        };
        cache.keep_blob(&sha, &bytes);
        releases.push(
            Release::from_manifest(name.clone(), &bytes)
                .unwrap_or_else(|problem| Release::unreadable(name, problem)),
        );
    }
    newest_first(&mut releases);
    // An empty result is left to REST to confirm.
    (!releases.is_empty()).then_some(releases)
}

/// Returns how many manifests may be read one by one now. Without a token there are 60 requests
/// per hour: some of them are left to the operator.
fn affordable(github: &GitHub) -> usize {
    if github.has_token() {
        return usize::MAX;
    }
    let left = github
        .remaining()
        .unwrap_or(ANONYMOUS_MANIFESTS + ANONYMOUS_RESERVE);
    let affordable = left.saturating_sub(ANONYMOUS_RESERVE).min(ANONYMOUS_MANIFESTS);
    usize::try_from(affordable).unwrap_or(usize::MAX)
}

/// Returns why a manifest was not read.
fn not_read_yet() -> Problem {
    Problem::new(
        ProblemKind::RateLimited,
        "its manifest has not been read: without a GitHub token there are 60 requests an hour",
    )
    .hint("set GH_TOKEN to read all manifests at once")
}

/// Finds the object id of the folder of releases, from the branch downwards.
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
                    ProblemKind::NotFound,
                    format!(
                        "{} has no directory {}",
                        upstream.repository,
                        SanitizedText::new(&upstream.path)
                    ),
                )
                .hint("check upstream.path and upstream.branch in the workspace file")
            })?
            .sha
            .clone();
    }
    Ok(sha)
}

/// Returns the releases that have a marker branch in the bundle's repository.
pub async fn markers(github: &GitHub, bundle: &Bundle) -> Result<BTreeSet<ReleaseName>, Problem> {
    let branches = github
        .branches(&bundle.repository, bundle.branch_prefix())
        .await?;
    Ok(branches
        .iter()
        .filter_map(|branch| bundle.marked_by(branch))
        .collect())
}
