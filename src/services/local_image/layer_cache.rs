//! Stores compressed layers until they are pushed, and records what is known about them.
//!
//! There are three folders that only their owner can read: `spool/` with files named by their
//! digest, `layers/` with the compressed digest of every layer ever compressed, by diff id, and
//! `configs/` with the configs of images that were assembled from such layers, by digest. Files in
//! `spool/` are kept for a week after their last use, so that the next push of the same layers
//! finds them.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::gzip::RECIPE;
use crate::config::file;
use crate::domain::{Digest, Problem, ProblemKind, SanitizedText};
use crate::services::private_file;

/// How long an unused layer is kept.
const LEFT_OVER: Duration = Duration::from_secs(7 * 24 * 3600);
/// Largest size of the spool in bytes; the least recently used files are removed first.
const ROOM: u64 = 8 << 30;
/// Files used within this time are kept, because a push under way may need them.
const BUSY: Duration = Duration::from_secs(3600);

/// Holds the folders.
#[derive(Debug)]
pub(super) struct LayerCache {
    folder: PathBuf,
    /// True if they are removed when this value is dropped.
    passing: bool,
}

/// Holds what is recorded about a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CachedLayer {
    pub(super) digest: Digest,
    pub(super) size: u64,
}

#[derive(Serialize, Deserialize)]
struct LayerRecord {
    recipe: String,
    digest: Digest,
    size: u64,
}

impl LayerCache {
    /// Opens `folder`, or a temporary one that is removed with this value.
    pub(super) fn open(folder: Option<&Path>) -> Result<Self, Problem> {
        let own = || std::env::temp_dir().join(format!("windlass-{}", Uuid::new_v4().simple()));
        let cache = Self {
            folder: folder.map_or_else(own, Path::to_path_buf),
            passing: folder.is_none(),
        };
        for part in [cache.spooled(), cache.noted(), cache.configs()] {
            private_file::make_folder(&part).map_err(|error| cache.unwritable(&error))?;
        }
        cache.sweep();
        Ok(cache)
    }

    fn spooled(&self) -> PathBuf {
        self.folder.join("spool")
    }

    fn noted(&self) -> PathBuf {
        self.folder.join("layers")
    }

    fn configs(&self) -> PathBuf {
        self.folder.join("configs")
    }

    /// Returns the path of a blob, whether it exists or not.
    pub(super) fn path(&self, digest: Digest) -> PathBuf {
        self.spooled().join(digest.hex())
    }

    /// Returns the problem for a file that cannot be written here.
    pub(super) fn unwritable(&self, error: &io::Error) -> Problem {
        let shown = SanitizedText::new(self.folder.display().to_string());
        Problem::new(ProblemKind::Machine, format!("cannot store layers in {shown}")).because_of_file(
            error,
            &shown,
            "check the permissions, or set XDG_CACHE_HOME or WINDLASS_STATE_DIR to another directory",
        )
    }

    /// Removes files that were not used for a week, and the least recently used ones if the spool
    /// is full.
    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(self.spooled()) else {
            return;
        };
        let mut files: Vec<(Duration, u64, PathBuf)> = entries
            .flatten()
            .filter_map(|entry| {
                let facts = entry.metadata().ok()?;
                let unused = SystemTime::now().duration_since(facts.modified().ok()?).ok()?;
                Some((unused, facts.len(), entry.path()))
            })
            .collect();
        files.sort();
        let mut kept = 0;
        for (unused, size, path) in files {
            kept += size;
            let full = kept > ROOM && unused > BUSY;
            if (unused > LEFT_OVER || full)
                && let Err(error) = fs::remove_file(path)
            {
                tracing::debug!(%error, "cannot remove a stale cache file");
            }
        }
    }

    /// Returns the compressed digest of a layer, if it was compressed before with the current
    /// recipe.
    pub(super) fn cached(&self, diff: Digest) -> Option<CachedLayer> {
        let text = file::read_within(&self.noted().join(diff.hex()), file::SMALL).ok()?;
        let note: LayerRecord = serde_json::from_slice(&text).ok()?;
        (note.recipe == RECIPE).then_some(CachedLayer {
            digest: note.digest,
            size: note.size,
        })
    }

    /// Records the compressed digest of a layer. A failure costs time, not correctness.
    pub(super) fn remember(&self, diff: Digest, known: CachedLayer) {
        let note = LayerRecord {
            recipe: RECIPE.to_owned(),
            digest: known.digest,
            size: known.size,
        };
        let text = serde_json::to_vec(&note).unwrap_or_default();
        if let Err(problem) = private_file::write(&self.noted().join(diff.hex()), &text) {
            tracing::debug!(%problem, "cannot cache the digest of a layer");
        }
    }

    /// Returns the config with this digest, if it is stored completely.
    pub(super) fn config(&self, digest: Digest) -> Option<Bytes> {
        let bytes = file::read_within(&self.configs().join(digest.hex()), file::STATE).ok()?;
        (super::digest_of(&bytes) == digest).then(|| bytes.into())
    }

    /// Stores a config. A failure costs time, not correctness.
    pub(super) fn remember_config(&self, digest: Digest, bytes: &[u8]) {
        if let Err(problem) = private_file::write(&self.configs().join(digest.hex()), bytes) {
            tracing::debug!(%problem, "cannot cache the config of an image");
        }
    }

    /// Returns the file of a blob, if it exists in full length. It counts as used now.
    pub(super) fn held(&self, known: CachedLayer) -> Option<PathBuf> {
        let path = self.path(known.digest);
        file::check_plain(&path).ok()?;
        let file = File::options().write(true).open(&path).ok()?;
        if file.metadata().ok()?.len() != known.size {
            return None;
        }
        if let Err(error) = file.set_modified(SystemTime::now()) {
            tracing::debug!(%error, "cannot update the age of a cache file");
        }
        Some(path)
    }

    /// Works as [`LayerCache::held`] does and hashes the bytes again; a damaged file is removed.
    pub(super) fn sound(&self, known: CachedLayer) -> Option<PathBuf> {
        let path = self.held(known)?;
        let hashed = file::open_plain(&path).and_then(|mut file| hash(&mut file));
        if hashed.is_ok_and(|digest| digest == known.digest) {
            return Some(path);
        }
        drop(fs::remove_file(&path));
        None
    }

    /// Creates a file that will be named by its digest.
    pub(super) fn part(&self) -> Result<PartialFile, Problem> {
        let path = self.spooled().join(format!(".part-{}", Uuid::new_v4().simple()));
        let file = private_file::create_new(&path).map_err(|error| self.unwritable(&error))?;
        Ok(PartialFile {
            file,
            scratch: ScratchFile(path),
            hasher: Sha256::new(),
            size: 0,
            failed: None,
        })
    }
}

impl Drop for LayerCache {
    fn drop(&mut self) {
        if self.passing
            && let Err(error) = fs::remove_dir_all(&self.folder)
        {
            tracing::debug!(%error, "cannot remove a temporary directory");
        }
    }
}

/// Returns the digest of everything in `input`.
pub(super) fn hash(input: &mut dyn Read) -> io::Result<Digest> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(Digest::from_bytes(hasher.finalize().into())),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A file that is removed when this value is dropped.
#[derive(Debug)]
pub(super) struct ScratchFile(PathBuf);

impl ScratchFile {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ScratchFile {
    fn drop(&mut self) {
        // Missing after a rename.
        drop(fs::remove_file(&self.0));
    }
}

/// A file being written.
pub(super) struct PartialFile {
    file: File,
    scratch: ScratchFile,
    hasher: Sha256,
    size: u64,
    failed: Option<io::Error>,
}

impl PartialFile {
    /// Returns the error of a failed write, if any.
    pub(super) fn failure(&mut self) -> Option<io::Error> {
        self.failed.take()
    }

    /// Renames it to its digest.
    pub(super) fn keep(self, cache: &LayerCache) -> Result<(CachedLayer, PathBuf), Problem> {
        let digest = Digest::from_bytes(self.hasher.finalize().into());
        let path = cache.path(digest);
        fs::rename(self.scratch.path(), &path).map_err(|error| cache.unwritable(&error))?;
        let size = self.size;
        Ok((CachedLayer { digest, size }, path))
    }

    /// Leaves it without a name: it is removed with the returned value.
    pub(super) fn nameless(self) -> ScratchFile {
        self.scratch
    }
}

impl Write for PartialFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.file.write(bytes) {
            Ok(count) => {
                self.hasher.update(&bytes[..count]);
                self.size += count as u64;
                Ok(count)
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::Interrupted {
                    self.failed = Some(io::Error::new(error.kind(), error.to_string()));
                }
                Err(error)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
