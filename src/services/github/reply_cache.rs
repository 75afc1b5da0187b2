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
        let file = self.file(path);
        if std::fs::metadata(&file).ok()?.len() > 2 * LARGEST as u64 {
            return None;
        }
        let kept: KeptReply = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
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
