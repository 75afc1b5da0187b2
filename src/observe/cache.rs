//! What was seen before, on disk: the last snapshot, upstream files, images behind resources.
//!
//! Owns files under the cache folder (0700, written by rename). Losing them costs requests, never
//! knowledge; so a file that cannot be read or written is a file that is not there. Must not hold
//! secrets: of a resource's blob only the image's reference is kept.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::config::file;
use crate::domain::{Digest, Reference, Snapshot};
use crate::services::github::objects::is_blob;
use crate::services::github::releases::BlobCache;

/// Version of the cached snapshot; another one is not read.
const FORMAT: u32 = 2;

/// The cache of one world and workspace.
pub struct Cache {
    folder: Option<PathBuf>,
    name: String,
    behind: Mutex<Option<BTreeMap<String, Behind>>>,
    /// What the store lists: sha-256 of the blob of each resource revision.
    hashes: Mutex<BTreeMap<String, Digest>>,
}

/// The image behind a resource revision, and the blob that says so.
#[derive(serde::Serialize, serde::Deserialize)]
struct Behind {
    image: Reference,
    sha256: Digest,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Kept<T> {
    format: u32,
    world: String,
    value: T,
}

impl Cache {
    /// The cache under `folder`; without one nothing is kept beyond this process.
    pub fn new(folder: Option<PathBuf>, world: &str, workspace: &str) -> Self {
        let plain = |text: &str| -> String {
            text.chars()
                .map(|c| {
                    if c.is_ascii_alphanumeric() || c == '.' {
                        c
                    } else {
                        '_'
                    }
                })
                .collect()
        };
        let name = format!("{}-{}", plain(world), plain(workspace));
        Self {
            folder,
            name,
            behind: Mutex::new(None),
            hashes: Mutex::default(),
        }
    }

    /// The last snapshot.
    pub fn snapshot(&self) -> Option<Snapshot> {
        let path = self.folder.as_ref()?.join(format!("snapshot-{}.json", self.name));
        let kept: Kept<Snapshot> =
            serde_json::from_slice(&file::read_within(&path, file::STATE).ok()?).ok()?;
        (kept.format == FORMAT).then_some(kept.value)
    }

    /// Keeps `snapshot` as the last one.
    pub fn keep_snapshot(&self, snapshot: &Snapshot) {
        let kept = Kept {
            format: FORMAT,
            world: snapshot.world.clone(),
            value: snapshot,
        };
        if let (Some(folder), Ok(text)) = (&self.folder, serde_json::to_vec(&kept)) {
            keep(&folder.join(format!("snapshot-{}.json", self.name)), &text);
        }
    }

    fn with_behind<R>(&self, act: impl FnOnce(&mut BTreeMap<String, Behind>) -> R) -> R {
        let mut behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        let map = behind.get_or_insert_with(|| {
            let path = self
                .folder
                .as_ref()
                .map(|folder| folder.join(format!("images-{}.json", self.name)));
            path.and_then(|path| file::read_within(&path, file::STATE).ok())
                .and_then(|text| serde_json::from_slice(&text).ok())
                .unwrap_or_default()
        });
        act(map)
    }

    /// The image behind a resource revision (`id/resource/revision`), where it was read before from
    /// the blob that the store lists for it.
    pub fn image_behind(&self, key: &str) -> Option<Reference> {
        let expected = self.expected(key);
        self.with_behind(|map| {
            let behind = map.get(key)?;
            let agrees = expected.is_none_or(|expected| expected == behind.sha256);
            agrees.then(|| behind.image.clone())
        })
    }

    /// Notes the sha-256 that the store lists for the blobs of resource revisions.
    pub fn expect(&self, listed: impl Iterator<Item = (String, Digest)>) {
        let mut hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        hashes.extend(listed);
    }

    /// The sha-256 that the store lists for the blob of a resource revision.
    pub fn expected(&self, key: &str) -> Option<Digest> {
        let hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        hashes.get(key).copied()
    }

    /// Keeps images behind resource revisions, which never change. Of blobs whose hash the store did
    /// not list nothing is kept: they may have been anything.
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
        if let Some(folder) = &self.folder {
            keep(&folder.join(format!("images-{}.json", self.name)), &text);
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
        // Kept by a version that believed every answer, or hurt since: it is read again.
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

/// Writes by rename, so that a reader sees the old or the new file. The name carries the process,
/// so that two of them do not write into one.
fn keep(path: &Path, bytes: &[u8]) {
    let Some(folder) = path.parent() else { return };
    let attempt = || -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
        }
        let fresh = path.with_extension(format!("new{}", std::process::id()));
        let mut options = std::fs::OpenOptions::new();
        options.create(true).write(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&fresh)?.write_all(bytes)?;
        std::fs::rename(&fresh, path)
    };
    if let Err(error) = attempt() {
        tracing::debug!("cache: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(folder: &Path) -> Cache {
        Cache::new(Some(folder.to_owned()), "world", "legend")
    }

    #[test]
    fn a_git_blob_is_kept_and_served_only_where_it_is_what_its_id_says() {
        let folder = tempfile::tempdir().unwrap();
        let sha = "934edc81e1b954e9c9ce29ecdf4bfc7ff6f5404d";
        let cache = cache(folder.path());
        cache.keep_blob(sha, b"nam");
        assert_eq!(cache.blob(sha), None);
        // As an older version left it.
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
        // As an older version left it: without the blob's hash.
        let old = serde_json::json!({key: image});
        keep(
            &folder.path().join("images-world-legend.json"),
            old.to_string().as_bytes(),
        );
        let first = cache(folder.path());
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
}
