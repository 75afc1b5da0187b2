//! What was seen before, on disk: the last snapshot, upstream files, images behind resources.
//!
//! Owns files under the cache folder (0700, written by rename). Losing them costs requests, never
//! knowledge; so a file that cannot be read or written is a file that is not there. Must not hold
//! secrets: of a resource's blob only the image's reference is kept.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::domain::{Reference, Snapshot};
use crate::services::github::releases::BlobCache;

/// Version of the cached snapshot; another one is not read.
const FORMAT: u32 = 1;

/// The cache of one world and workspace.
pub struct Cache {
    folder: Option<PathBuf>,
    name: String,
    behind: Mutex<Option<BTreeMap<String, Reference>>>,
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
        }
    }

    /// The last snapshot.
    pub fn snapshot(&self) -> Option<Snapshot> {
        let path = self.folder.as_ref()?.join(format!("snapshot-{}.json", self.name));
        let kept: Kept<Snapshot> = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
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

    fn with_behind<R>(&self, act: impl FnOnce(&mut BTreeMap<String, Reference>) -> R) -> R {
        let mut behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        let map = behind.get_or_insert_with(|| {
            let path = self
                .folder
                .as_ref()
                .map(|folder| folder.join(format!("images-{}.json", self.name)));
            path.and_then(|path| std::fs::read(path).ok())
                .and_then(|text| serde_json::from_slice(&text).ok())
                .unwrap_or_default()
        });
        act(map)
    }

    /// The image behind a resource revision (`id/resource/revision`), where it was read before.
    pub fn image_behind(&self, key: &str) -> Option<Reference> {
        self.with_behind(|map| map.get(key).cloned())
    }

    /// Keeps images behind resource revisions; they never change.
    pub fn keep_images_behind(&self, found: Vec<(String, Reference)>) {
        if found.is_empty() {
            return;
        }
        let text = self.with_behind(|map| {
            map.extend(found);
            serde_json::to_vec(map).unwrap_or_default()
        });
        if let Some(folder) = &self.folder {
            keep(&folder.join(format!("images-{}.json", self.name)), &text);
        }
    }
}

impl BlobCache for Cache {
    fn blob(&self, sha: &str) -> Option<Vec<u8>> {
        std::fs::read(self.folder.as_ref()?.join("git").join(file_name(sha)?)).ok()
    }

    fn keep_blob(&self, sha: &str, bytes: &[u8]) {
        if let (Some(folder), Some(name)) = (&self.folder, file_name(sha)) {
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
