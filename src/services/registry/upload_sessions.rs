//! Stores upload sessions that outlive their process.
//!
//! There is one small file for each blob under way (0600, in a 0700 folder of the cache) with the
//! address at which the registry accepts the rest of it. A file is locked while its process lives,
//! so that two processes never write to one session. Addresses of sessions may carry rights: they
//! are never logged.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use url::Url;

use super::cache::{digest_of, private_dir};
use super::manifest::Blob;
use super::request::RepositoryEndpoint;
use crate::config::file;

/// Smaller blobs are sent again from the beginning.
pub(super) const WORTH: u64 = 1024 * 1024;
/// Seconds after which registries have dropped a session themselves.
const STALE: i64 = 24 * 3600;
/// Age after which an unused record is removed.
const SWEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// Holds the folder of sessions, if there is one.
pub(super) struct Sessions {
    dir: Option<PathBuf>,
    swept: AtomicBool,
}

/// Holds the file of one blob, locked until it is dropped.
pub(super) struct StoredSession {
    path: PathBuf,
    file: File,
}

/// What an earlier process left.
pub(super) enum ResumableSession {
    /// A session that can be resumed.
    Open(Url),
    /// A session that is too old.
    Stale(Url),
    /// Nothing.
    Nothing,
}

impl Sessions {
    pub(super) const fn new(dir: Option<PathBuf>) -> Self {
        Self {
            dir,
            swept: AtomicBool::new(false),
        }
    }

    /// Returns the file of `blob` being sent to `endpoint`. `None` if there is no folder, or if
    /// another process is sending the same blob.
    pub(super) fn of(&self, site: &RepositoryEndpoint, blob: &Blob) -> Option<StoredSession> {
        let dir = self.dir.as_ref().filter(|_| blob.size >= WORTH)?;
        if !self.swept.swap(true, Ordering::Relaxed) {
            sweep(dir);
        }
        let key = format!("{}\n{}\n{}", site.origin(), site.path, blob.digest);
        let path = dir.join(digest_of(key.as_bytes()).hex());
        open(dir, &path)
            .map_err(|error| tracing::debug!(%error, "cannot store the upload session"))
            .ok()
            .map(|file| StoredSession { path, file })
    }
}

/// Removes records that are no longer used.
fn sweep(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let age = entry
            .metadata()
            .and_then(|facts| facts.modified())
            .map(|at| at.elapsed().unwrap_or_default());
        if age.is_ok_and(|age| age > SWEPT)
            && let Err(error) = fs::remove_file(entry.path())
        {
            tracing::debug!(%error, "cannot remove the upload session");
        }
    }
}

fn open(dir: &Path, path: &Path) -> std::io::Result<File> {
    private_dir(dir)?;
    let file = file::open_to_lock(path)?;
    file.try_lock()?;
    Ok(file)
}

impl StoredSession {
    /// Reads the file.
    pub(super) fn left(&mut self) -> ResumableSession {
        let mut text = String::new();
        let read = self
            .file
            .seek(SeekFrom::Start(0))
            .and_then(|_| (&mut self.file).take(64 * 1024).read_to_string(&mut text));
        let mut lines = text.lines();
        let at = lines.next().and_then(|line| line.parse::<i64>().ok());
        let url = lines.next().and_then(|line| Url::parse(line).ok());
        match (read, at, url) {
            (Ok(_), Some(at), Some(url)) => {
                let age = chrono::Utc::now().timestamp() - at;
                if (0..STALE).contains(&age) {
                    ResumableSession::Open(url)
                } else {
                    ResumableSession::Stale(url)
                }
            }
            _ => ResumableSession::Nothing,
        }
    }

    /// Stores the address of the session. A file that cannot be written costs a repetition, not
    /// the copy.
    pub(super) fn keep(&mut self, session: &Url) {
        let text = format!("{}\n{session}\n", chrono::Utc::now().timestamp());
        let written = self
            .file
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.file.set_len(0))
            .and_then(|()| self.file.write_all(text.as_bytes()));
        if let Err(error) = written {
            tracing::debug!(%error, "cannot store the upload session");
        }
    }

    /// Removes the file: its session has ended.
    pub(super) fn forget(self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, "cannot remove the upload session");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds_ago: i64, dir: &Path) -> ResumableSession {
        let path = dir.join("record");
        let at = chrono::Utc::now().timestamp() - seconds_ago;
        fs::write(
            &path,
            format!("{at}\nhttps://r.example/v2/a/blobs/uploads/1?x=y\n"),
        )
        .unwrap();
        let file = open(dir, &path).unwrap();
        StoredSession { path, file }.left()
    }

    #[test]
    fn a_record_is_believed_for_a_day_and_only_whole() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(at(60, dir.path()), ResumableSession::Open(url) if url.query() == Some("x=y")));
        assert!(matches!(at(25 * 3600, dir.path()), ResumableSession::Stale(_)));
        assert!(matches!(at(-3600, dir.path()), ResumableSession::Stale(_)));
        let path = dir.path().join("record");
        fs::write(&path, "17").unwrap();
        let file = open(dir.path(), &path).unwrap();
        assert!(open(dir.path(), &path).is_err(), "it is ours alone");
        let mut kept = StoredSession { path, file };
        assert!(matches!(kept.left(), ResumableSession::Nothing));
        let url = Url::parse("https://r.example/v2/b").unwrap();
        kept.keep(&url);
        assert!(matches!(kept.left(), ResumableSession::Open(found) if found == url));
        kept.forget();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
