//! Caches immutable content by digest: manifests and small config blobs.
//!
//! What is read is hashed again, and a file that does not match is removed. Must not hold tags,
//! which move.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::config::file;
use crate::domain::Digest;
use crate::services::private_file;

/// Entries kept in memory; more than all releases of one workspace have.
const IN_MEMORY: usize = 1024;

/// Holds manifests by digest, in memory and in a folder if one is given. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ManifestCache {
    dir: Option<PathBuf>,
    memory: Arc<Mutex<HashMap<Digest, Entry>>>,
}

/// Holds a media type and the bytes it describes.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) media_type: String,
    pub(super) bytes: Bytes,
}

/// Returns the digest of `bytes`.
pub(super) fn digest_of(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

impl ManifestCache {
    /// Returns a cache in `dir` (created on the first write, readable by its owner only), or in
    /// memory.
    pub fn new(dir: Option<PathBuf>) -> Self {
        Self {
            dir,
            memory: Arc::default(),
        }
    }

    /// Returns the folder for uploads under way, next to the manifests.
    pub(super) fn uploads(&self) -> Option<PathBuf> {
        self.dir.as_ref().map(|dir| dir.join("uploads"))
    }

    pub(super) fn get(&self, digest: Digest) -> Option<Entry> {
        let kept = self
            .memory
            .lock()
            .ok()
            .and_then(|memory| memory.get(&digest).cloned());
        if kept.is_some() {
            return kept;
        }
        let path = self.dir.as_ref()?.join(digest.hex());
        let whole = Bytes::from(file::read_within(&path, file::STATE).ok()?);
        let entry = whole.iter().position(|byte| *byte == b'\n').and_then(|end| {
            Some(Entry {
                media_type: String::from_utf8(whole[..end].to_vec()).ok()?,
                bytes: whole.slice(end + 1..),
            })
        });
        if let Some(entry) = entry.filter(|entry| digest_of(&entry.bytes) == digest) {
            self.remember(digest, &entry);
            return Some(entry);
        }
        if let Err(error) = fs::remove_file(&path) {
            tracing::debug!(%error, "cannot remove a damaged cache file");
        }
        None
    }

    /// Stores verified bytes. A cache that cannot be written costs speed, not correctness.
    pub(super) fn put(&self, digest: Digest, entry: &Entry) {
        self.remember(digest, entry);
        if let Some(dir) = &self.dir
            && let Err(error) = write(dir, digest, entry)
        {
            tracing::debug!(%error, "cannot write the manifest cache");
        }
    }

    fn remember(&self, digest: Digest, entry: &Entry) {
        if let Ok(mut memory) = self.memory.lock() {
            if memory.len() >= IN_MEMORY {
                memory.clear();
            }
            memory.insert(digest, entry.clone());
        }
    }
}

fn write(dir: &Path, digest: Digest, entry: &Entry) -> std::io::Result<()> {
    private_dir(dir)?;
    let part = dir.join(format!(".{}.{}", digest.hex(), uuid::Uuid::new_v4().simple()));
    let result = private_file::create_new(&part)
        .and_then(|mut file| {
            file.write_all(entry.media_type.as_bytes())?;
            file.write_all(b"\n")?;
            file.write_all(&entry.bytes)
        })
        .and_then(|()| fs::rename(&part, dir.join(digest.hex())));
    if result.is_err()
        && let Err(error) = fs::remove_file(&part)
    {
        tracing::debug!(%error, "cannot remove a partial cache file");
    }
    result
}

#[cfg(unix)]
pub(super) fn private_dir(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

#[cfg(not(unix))]
pub(super) fn private_dir(dir: &Path) -> std::io::Result<()> {
    fs::create_dir_all(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_tampered_with_is_not_served() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("manifests");
        let bytes = Bytes::from_static(b"{\"a\":1}\n{}");
        let digest = digest_of(&bytes);
        let entry = Entry {
            media_type: "x/y".into(),
            bytes: bytes.clone(),
        };
        ManifestCache::new(Some(dir.clone())).put(digest, &entry);
        let read = ManifestCache::new(Some(dir.clone())).get(digest).unwrap();
        assert_eq!((read.media_type.as_str(), &read.bytes), ("x/y", &bytes));
        let file = dir.join(digest.hex());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
        }
        fs::write(&file, "x/y\nother").unwrap();
        assert!(ManifestCache::new(Some(dir)).get(digest).is_none());
        assert!(!file.exists());
    }
}
