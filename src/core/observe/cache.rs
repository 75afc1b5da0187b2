//! Caches earlier reads on disk: the last snapshot, upstream files, images behind resources.
//!
//! Every file belongs to one environment and workspace, and records the credentials it was read
//! with. The cache folder has mode 0700 and files are replaced by rename. Losing them costs
//! requests but no facts, so a file that cannot be read or written is treated as missing. Must not
//! hold secrets: of a resource's blob only the image's reference is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::config::file;
use crate::domain::{CharmName, Digest, Reference, Snapshot};
use crate::services::github::objects::is_blob;
use crate::services::github::releases::BlobCache;
use crate::services::{private_file, scope_of};

/// Version of the cached snapshot; other versions are ignored.
const FORMAT: u32 = 3;

/// Identifies what a cached value belongs to; values of another scope are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Identity of the environment: the hosts of its endpoints.
    pub environment: String,
    /// Identity of the workspace: a hash of its whole definition.
    pub workspace: String,
    /// Charms of the workspace, its bundle included.
    pub charms: BTreeSet<CharmName>,
    /// The store credential in use.
    pub store: String,
    /// The GitHub token in use.
    pub github: String,
}

/// Holds the cache of one scope.
pub struct Cache {
    folder: Option<PathBuf>,
    scope: Scope,
    behind: Mutex<Option<BTreeMap<String, Behind>>>,
    /// The sha-256 that the store lists for the blob of each resource revision.
    hashes: Mutex<BTreeMap<String, Digest>>,
}

/// Holds the image behind a resource revision and the hash of the blob that names it.
#[derive(serde::Serialize, serde::Deserialize)]
struct Behind {
    image: Reference,
    sha256: Digest,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Kept<T> {
    format: u32,
    environment: String,
    workspace: String,
    store: String,
    github: String,
    value: T,
}

impl Cache {
    /// Returns the cache under `folder`; without a folder nothing outlives this process.
    pub fn new(folder: Option<PathBuf>, scope: Scope) -> Self {
        Self {
            folder,
            scope,
            behind: Mutex::new(None),
            hashes: Mutex::default(),
        }
    }

    fn snapshot_file(&self) -> Option<PathBuf> {
        let name = scope_of(&[&self.scope.environment, &self.scope.workspace]);
        Some(self.folder.as_ref()?.join(format!("snapshot-{name}.json")))
    }

    fn images_file(&self) -> Option<PathBuf> {
        let name = scope_of(&[&self.scope.environment]);
        Some(self.folder.as_ref()?.join(format!("images-{name}.json")))
    }

    /// Returns the last snapshot, without what was read with another credential (failures above
    /// all).
    pub fn snapshot(&self) -> Option<Snapshot> {
        let kept: Kept<Snapshot> =
            serde_json::from_slice(&file::read_within(&self.snapshot_file()?, file::STATE).ok()?).ok()?;
        let scope = &self.scope;
        let own = kept.format == FORMAT
            && kept.environment == scope.environment
            && kept.workspace == scope.workspace;
        let mut snapshot = own.then_some(kept.value)?;
        if kept.store != scope.store {
            snapshot.forget_store_credential();
        }
        if kept.github != scope.github {
            snapshot.forget_github_credential();
        }
        Some(snapshot)
    }

    /// Stores `snapshot` as the last one, without charms that the workspace does not name.
    pub fn keep_snapshot(&self, snapshot: &Snapshot) {
        let Some(file) = self.snapshot_file() else {
            return;
        };
        let mut value = snapshot.clone();
        value.retain_charms(&self.scope.charms);
        let kept = Kept {
            format: FORMAT,
            environment: self.scope.environment.clone(),
            workspace: self.scope.workspace.clone(),
            store: self.scope.store.clone(),
            github: self.scope.github.clone(),
            value,
        };
        if let Ok(text) = serde_json::to_vec(&kept) {
            keep(&file, &text);
        }
    }

    fn with_behind<R>(&self, act: impl FnOnce(&mut BTreeMap<String, Behind>) -> R) -> R {
        let mut behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        let map = behind.get_or_insert_with(|| {
            self.images_file()
                .and_then(|path| file::read_within(&path, file::STATE).ok())
                .and_then(|text| serde_json::from_slice(&text).ok())
                .unwrap_or_default()
        });
        act(map)
    }

    /// Returns the image behind a resource revision (`id/resource/revision`), if it was read
    /// before from the blob that the store lists for it.
    pub fn image_behind(&self, key: &str) -> Option<Reference> {
        let expected = self.expected(key);
        self.with_behind(|map| {
            let behind = map.get(key)?;
            let agrees = expected.is_none_or(|expected| expected == behind.sha256);
            agrees.then(|| behind.image.clone())
        })
    }

    /// Records the sha-256 that the store lists for the blobs of resource revisions.
    pub fn expect(&self, listed: impl Iterator<Item = (String, Digest)>) {
        let mut hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        hashes.extend(listed);
    }

    /// Returns the sha-256 that the store lists for the blob of a resource revision.
    pub fn expected(&self, key: &str) -> Option<Digest> {
        let hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        hashes.get(key).copied()
    }

    /// Stores images behind resource revisions, which never change. An image whose blob's hash the
    /// store did not list is not stored, because the blob was not verified.
    pub fn keep_images_behind(&self, found: Vec<(String, Reference)>) {
        let proven: Vec<(String, Behind)> = found
            .into_iter()
            .filter_map(|(key, image)| {
                let sha256 = self.expected(&key)?;
                Some((key, Behind { image, sha256 }))
            })
            .collect();
        if proven.is_empty() {
            return;
        }
        let text = self.with_behind(|map| {
            map.extend(proven);
            serde_json::to_vec(map).unwrap_or_default()
        });
        if let Some(file) = self.images_file() {
            keep(&file, &text);
        }
    }
}

impl BlobCache for Cache {
    fn blob(&self, sha: &str) -> Option<Vec<u8>> {
        let path = self.folder.as_ref()?.join("git").join(file_name(sha)?);
        let bytes = file::read_within(&path, file::STATE).ok()?;
        if is_blob(sha, &bytes) {
            return Some(bytes);
        }
        // Written by a version that did not verify answers, or damaged since: it is read again.
        if let Err(error) = std::fs::remove_file(&path) {
            tracing::debug!("cache: {error}");
        }
        None
    }

    fn keep_blob(&self, sha: &str, bytes: &[u8]) {
        if let (Some(folder), Some(name)) = (&self.folder, file_name(sha))
            && is_blob(sha, bytes)
        {
            keep(&folder.join("git").join(name), bytes);
        }
    }
}

fn file_name(sha: &str) -> Option<&str> {
    (sha.len() >= 40 && sha.bytes().all(|b| b.is_ascii_hexdigit())).then_some(sha)
}

fn keep(path: &Path, bytes: &[u8]) {
    if let Err(error) = private_file::write_cached(path, bytes) {
        tracing::debug!("cache: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::charm::CharmFacts;
    use crate::domain::{Observed, Problem, ProblemKind};

    fn cache(folder: &Path) -> Cache {
        Cache::new(Some(folder.to_owned()), scope("a"))
    }

    #[test]
    fn a_git_blob_is_kept_and_served_only_where_it_is_what_its_id_says() {
        let folder = tempfile::tempdir().unwrap();
        let sha = "934edc81e1b954e9c9ce29ecdf4bfc7ff6f5404d";
        let cache = cache(folder.path());
        cache.keep_blob(sha, b"nam");
        assert_eq!(cache.blob(sha), None);
        // As an older version wrote it.
        let file = folder.path().join("git").join(sha);
        keep(&file, b"old");
        assert_eq!(cache.blob(sha), None);
        assert!(!file.exists());
        cache.keep_blob(sha, b"name");
        assert_eq!(cache.blob(sha).unwrap(), b"name");
    }

    #[test]
    fn an_image_behind_a_revision_is_kept_with_the_blob_that_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let hash = |digit: &str| -> Digest { format!("sha256:{}", digit.repeat(64)).parse().unwrap() };
        let image = Reference::parse(&format!(
            "registry.jujucharms.com/charm/x/y@sha256:{}",
            "a".repeat(64)
        ))
        .unwrap();
        let key = "id/y/3";
        // As an older version wrote it: without the blob's hash.
        let old = serde_json::json!({key: image});
        let first = cache(folder.path());
        keep(&first.images_file().unwrap(), old.to_string().as_bytes());
        assert_eq!(first.image_behind(key), None);
        first.keep_images_behind(vec![(key.to_owned(), image.clone())]);
        assert_eq!(first.image_behind(key), None, "the store lists no hash of it");
        first.expect([(key.to_owned(), hash("1"))].into_iter());
        first.keep_images_behind(vec![(key.to_owned(), image.clone())]);
        let next = cache(folder.path());
        assert_eq!(next.image_behind(key), Some(image.clone()));
        next.expect([(key.to_owned(), hash("1"))].into_iter());
        assert_eq!(next.image_behind(key), Some(image));
        next.expect([(key.to_owned(), hash("2"))].into_iter());
        assert_eq!(next.image_behind(key), None);
    }

    fn scope(charm: &str) -> Scope {
        Scope {
            environment: "here".into(),
            workspace: "legend".into(),
            charms: BTreeSet::from([charm.parse().unwrap()]),
            store: "one".into(),
            github: "one".into(),
        }
    }

    fn failed() -> Problem {
        Problem::new(ProblemKind::Credentials, "the token has expired")
    }

    #[test]
    fn nothing_of_another_environment_or_workspace_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let cache = |scope| Cache::new(Some(dir.path().to_owned()), scope);
        cache(scope("a")).keep_snapshot(&Snapshot::default());
        assert!(cache(scope("a")).snapshot().is_some());
        for change in [
            (|scope| scope.environment = "there".into()) as fn(&mut Scope),
            |scope| scope.workspace = "regtech".into(),
        ] {
            let mut other = scope("a");
            change(&mut other);
            assert!(cache(other).snapshot().is_none());
        }
    }

    #[test]
    fn what_another_credential_was_told_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let cache = |scope| Cache::new(Some(dir.path().to_owned()), scope);
        let mut seen = Snapshot {
            credential: Observed::failed(failed()),
            github: Observed::failed(failed()),
            releases: Observed::read(Vec::new(), chrono::DateTime::UNIX_EPOCH),
            ..Snapshot::default()
        };
        seen.releases.problem = Some(failed());
        cache(scope("a")).keep_snapshot(&seen);
        assert_eq!(cache(scope("a")).snapshot().unwrap(), seen);
        let mut other = scope("a");
        other.store = "two".into();
        let read = cache(other.clone()).snapshot().unwrap();
        assert_eq!(read.credential, Observed::default());
        assert_eq!(read.github, seen.github);
        other.github = "two".into();
        let read = cache(other).snapshot().unwrap();
        assert_eq!(read.github, Observed::default());
        assert_eq!(read.releases.problem, None);
        assert_eq!(read.releases.value, seen.releases.value);
    }

    #[test]
    fn a_charm_that_the_workspace_does_not_name_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(Some(dir.path().to_owned()), scope("engine"));
        let mut seen = Snapshot::default();
        for name in ["engine", "nosuchcharm"] {
            let name: CharmName = name.parse().unwrap();
            seen.charms
                .insert(name.clone(), Observed::<CharmFacts>::failed(failed()));
            seen.served.insert(name, Observed::failed(failed()));
        }
        cache.keep_snapshot(&seen);
        let read = cache.snapshot().unwrap();
        let engine: CharmName = "engine".parse().unwrap();
        assert_eq!(read.charms.keys().collect::<Vec<_>>(), [&engine]);
        assert_eq!(read.served.keys().collect::<Vec<_>>(), [&engine]);
    }
}
