//! Stores GitHub's answers with their `ETag`s on disk, so that the next process asks only whether
//! they changed, which costs nothing if they did not.
//!
//! There is one folder per API and token, because answers differ by both; files have mode 0600 and
//! are written by rename. Answers hold no secret: values of secrets are write-only at GitHub. A
//! file that cannot be read costs a request and is never an error.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use super::Reply;
use crate::config::file;
use crate::services::{private_file, scope_of};

/// Largest answer that is stored, in bytes.
const LARGEST: usize = 1 << 20;
/// Number of answers that are stored; older ones are removed.
const MOST: usize = 400;
/// Headers that describe the token or the list.
const KEPT_HEADERS: [&str; 5] = [
    "etag",
    "link",
    "x-oauth-scopes",
    "github-authentication-token-expiration",
    "x-github-sso",
];

/// Holds the answers of one API to one token.
#[derive(Clone, Debug)]
pub(super) struct ReplyCache {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct KeptReply {
    path: String,
    etag: String,
    headers: BTreeMap<String, String>,
    body: String,
}

impl ReplyCache {
    /// Returns the answers of `scope`, an API and a token, in a folder below `folder`.
    pub(super) fn new(folder: &Path, scope: &str) -> Self {
        Self {
            folder: folder.join(scope),
        }
    }

    fn file(&self, path: &str) -> PathBuf {
        self.folder.join(format!("{}.json", scope_of(&[path])))
    }

    /// Returns the answer to `path`, with its validator.
    pub(super) fn read(&self, path: &str) -> Option<(String, Reply)> {
        let text = file::read_within(&self.file(path), 2 * LARGEST as u64).ok()?;
        let kept: KeptReply = serde_json::from_slice(&text).ok()?;
        if kept.path != path {
            return None;
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &kept.headers {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
                headers.insert(name, value);
            }
        }
        let reply = Reply {
            status: 200,
            headers,
            body: kept.body.into(),
        };
        Some((kept.etag, reply))
    }

    /// Stores an answer that is complete JSON.
    pub(super) fn keep(&self, path: &str, etag: &str, reply: &Reply) {
        let whole = serde_json::from_slice::<serde::de::IgnoredAny>(&reply.body).is_ok();
        let (true, true, Ok(body)) = (
            whole,
            reply.body.len() <= LARGEST,
            std::str::from_utf8(&reply.body),
        ) else {
            return;
        };
        let headers = KEPT_HEADERS
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), reply.header(name)?.to_owned())))
            .collect();
        let kept = KeptReply {
            path: path.to_owned(),
            etag: etag.to_owned(),
            headers,
            body: body.to_owned(),
        };
        let Ok(text) = serde_json::to_vec(&kept) else {
            return;
        };
        match private_file::write_cached(&self.file(path), &text) {
            Ok(()) => self.remove_oldest(),
            Err(error) => tracing::debug!("cache: {error}"),
        }
    }

    /// Removes the answer to `path`, because it was wrong.
    pub(super) fn remove(&self, path: &str) {
        drop(std::fs::remove_file(self.file(path)));
    }

    fn remove_oldest(&self) {
        let files = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut files: Vec<_> = files
            .filter_map(|file| Some((file.metadata().ok()?.modified().ok()?, file.path())))
            .collect();
        if files.len() <= MOST {
            return;
        }
        files.sort();
        for (_, file) in files.iter().take(files.len() - MOST) {
            drop(std::fs::remove_file(file));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/repos/a/b/branches";

    fn reply(body: &str) -> Reply {
        let mut headers = HeaderMap::new();
        headers.insert("link", HeaderValue::from_static("<https://x>; rel=\"next\""));
        headers.insert("set-cookie", HeaderValue::from_static("secret=1"));
        Reply {
            status: 200,
            headers,
            body: body.to_owned().into(),
        }
    }

    #[test]
    fn an_answer_is_kept_for_its_path_until_it_turns_out_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let cache = ReplyCache::new(dir.path(), "scope");
        cache.keep(PATH, "\"e1\"", &reply("[1]"));
        let (etag, kept) = cache.read(PATH).unwrap();
        assert_eq!((etag.as_str(), &kept.body[..]), ("\"e1\"", b"[1]".as_slice()));
        assert!(kept.header("link").is_some() && kept.header("set-cookie").is_none());
        assert!(cache.read("/repos/a/b/tags").is_none());
        assert!(ReplyCache::new(dir.path(), "other").read(PATH).is_none());
        cache.remove(PATH);
        assert!(cache.read(PATH).is_none());
    }

    #[test]
    fn what_is_not_whole_json_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let cache = ReplyCache::new(dir.path(), "scope");
        let large = format!("\"{}\"", "x".repeat(LARGEST));
        for body in ["", "[1", "<html>", "[1] [2]", large.as_str()] {
            cache.keep(PATH, "\"e1\"", &reply(body));
            assert!(cache.read(PATH).is_none(), "{}", &body[..body.len().min(20)]);
        }
        // An earlier answer stays until a whole one takes its place.
        cache.keep(PATH, "\"e1\"", &reply("[1]"));
        cache.keep(PATH, "\"e2\"", &reply("[1"));
        assert_eq!(cache.read(PATH).unwrap().0, "\"e1\"");
    }

    #[cfg(unix)]
    #[test]
    fn a_damaged_file_a_pipe_and_a_device_cost_a_request() {
        let dir = tempfile::tempdir().unwrap();
        let cache = ReplyCache::new(dir.path(), "scope");
        cache.keep(PATH, "\"e1\"", &reply("[1]"));
        let file = cache.file(PATH);
        let whole = std::fs::read(&file).unwrap();
        for damaged in [&whole[..whole.len() / 2], b"", b"{}"] {
            std::fs::write(&file, damaged).unwrap();
            assert!(cache.read(PATH).is_none());
        }
        let text = String::from_utf8(whole).unwrap().replace(PATH, "/repos/a/b/tags");
        std::fs::write(&file, text).unwrap();
        assert!(cache.read(PATH).is_none(), "it answers another path");
        std::fs::remove_file(&file).unwrap();
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mkfifoat(rustix::fs::CWD, &file, mode).unwrap();
        assert!(cache.read(PATH).is_none());
        std::fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
        assert!(cache.read(PATH).is_none());
    }
}
