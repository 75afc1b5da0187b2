//! Serves uploads: sessions, monolithic, streamed and chunked, and mounts.
//!
//! Bytes are written to a file and hashed as they arrive; what came before a connection broke is
//! kept, so an upload can be resumed.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use futures_util::StreamExt;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex as AsyncMutex;

use super::access::Need;
use super::answer::{self, Header, bad, fail, unknown, unsupported};
use super::id::Id;
use super::shelves::blob_path;
use super::{Registry, query_value};
use crate::domain::Digest;

/// Holds all open upload sessions.
pub(super) struct Sessions {
    folder: PathBuf,
    open: Mutex<HashMap<String, Arc<AsyncMutex<Session>>>>,
}

struct Session {
    id: String,
    repository: String,
    path: PathBuf,
    file: File,
    hash: Sha256,
    size: u64,
}

impl Sessions {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            open: Mutex::default(),
        }
    }

    fn begin(&self, repository: &str) -> io::Result<Arc<AsyncMutex<Session>>> {
        let id = uuid::Uuid::new_v4().to_string();
        let path = self.folder.join(&id);
        let session = Arc::new(AsyncMutex::new(Session {
            file: File::create(&path)?,
            id: id.clone(),
            repository: repository.to_owned(),
            path,
            hash: Sha256::new(),
            size: 0,
        }));
        if let Ok(mut open) = self.open.lock() {
            open.insert(id, Arc::clone(&session));
        }
        Ok(session)
    }

    fn get(&self, id: &str) -> Option<Arc<AsyncMutex<Session>>> {
        self.open.lock().ok()?.get(id).cloned()
    }

    fn forget(&self, id: &str) {
        if let Ok(mut open) = self.open.lock() {
            open.remove(id);
        }
    }
}

impl Session {
    async fn append(&mut self, body: Body) -> io::Result<()> {
        let mut frames = body.into_data_stream();
        while let Some(frame) = frames.next().await {
            let frame = frame.map_err(io::Error::other)?;
            // No await between these three: they stay consistent if the client disconnects.
            self.file.write_all(&frame)?;
            self.hash.update(&frame);
            self.size += frame.len() as u64;
        }
        Ok(())
    }

    /// Returns the headers of 202 and 204: the address to continue at, and the bytes received.
    /// `0-0` for nothing yet, as the reference implementation reports it.
    fn headers(&self, request: &HeaderMap) -> Vec<Header> {
        let path = format!(
            "/v2/{}/blobs/uploads/{}?_state={}",
            self.repository, self.id, self.size
        );
        let location = match request.get(header::HOST).and_then(|host| host.to_str().ok()) {
            Some(host) => format!("http://{host}{path}"),
            None => path,
        };
        vec![
            ("location", location),
            ("range", format!("0-{}", self.size.saturating_sub(1))),
            ("docker-upload-uuid", self.id.clone()),
        ]
    }
}

/// Handles `POST <name>/blobs/uploads/`: a session, a mount, or a whole blob at once.
pub(super) async fn begin(registry: &Registry, name: &str, request: Request) -> Response {
    let (head, body) = request.into_parts();
    if let Some(text) = query_value(&head.uri, "mount") {
        let Ok(digest) = text.parse::<Id>() else {
            return bad(
                "DIGEST_INVALID",
                "provided digest is not a sha256 or sha512 digest",
                &text,
            );
        };
        if let Some(from) = query_value(&head.uri, "from")
            && mounts(registry, &head.headers, &from, digest)
        {
            return created(registry, name, digest);
        }
    }
    let session = match registry.uploads.begin(name) {
        Ok(session) => session,
        Err(error) => return answer::broken(&error),
    };
    let mut session = session.lock().await;
    match query_value(&head.uri, "digest") {
        Some(digest) => {
            let response = finish(registry, &mut session, &digest, body).await;
            if response.status() != StatusCode::CREATED {
                drop_session(registry, &session);
            }
            response
        }
        None => answer::empty(StatusCode::ACCEPTED, session.headers(&head.headers)),
    }
}

/// Returns true if the source repository has the blob and the request may read it there.
fn mounts(registry: &Registry, headers: &HeaderMap, from: &str, digest: Id) -> bool {
    registry.allows(headers, from, Need::Pull)
        && registry
            .shelves
            .lock()
            .is_ok_and(|shelves| shelves.get(from).is_some_and(|held| held.blobs.contains(&digest)))
}

/// Handles everything at `<name>/blobs/uploads/<id>`.
pub(super) async fn go_on(registry: &Registry, name: &str, id: &str, request: Request) -> Response {
    let Some(session) = registry.uploads.get(id) else {
        return unknown("BLOB_UPLOAD_UNKNOWN", id);
    };
    let mut session = session.lock().await;
    // Another request may have closed it while this one waited.
    if session.repository != name || registry.uploads.get(id).is_none() {
        return unknown("BLOB_UPLOAD_UNKNOWN", id);
    }
    let (head, body) = request.into_parts();
    match head.method {
        Method::GET | Method::HEAD => answer::empty(StatusCode::NO_CONTENT, session.headers(&head.headers)),
        Method::DELETE => {
            drop_session(registry, &session);
            answer::empty(StatusCode::NO_CONTENT, Vec::new())
        }
        Method::PATCH => {
            if let Err(response) = in_order(&session, &head).and_then(|()| fits(registry, &session, &head)) {
                return *response;
            }
            match session.append(body).await {
                Ok(()) => answer::empty(StatusCode::ACCEPTED, session.headers(&head.headers)),
                Err(error) => cut_off(&error),
            }
        }
        Method::PUT => {
            let Some(digest) = query_value(&head.uri, "digest") else {
                return bad("DIGEST_INVALID", "digest missing", "");
            };
            if let Err(response) = in_order(&session, &head) {
                return *response;
            }
            finish(registry, &mut session, &digest, body).await
        }
        _ => unsupported("GET, PATCH, PUT, DELETE"),
    }
}

/// Checks `Content-Range`, if present: it must begin where the session ends. The last byte may be
/// one too high, as charmcraft's own client sent it (`0-115` for 115 bytes).
fn in_order(session: &Session, head: &Parts) -> Result<(), Box<Response>> {
    let Some(range) = head.headers.get(header::CONTENT_RANGE) else {
        return Ok(());
    };
    let range = range.to_str().unwrap_or_default();
    let range = range
        .strip_prefix("bytes ")
        .or(range.strip_prefix("bytes="))
        .unwrap_or(range);
    let range = range.split('/').next().unwrap_or_default();
    let bounds = range
        .split_once('-')
        .and_then(|(from, to)| Some((from.parse::<u64>().ok()?, to.parse::<u64>().ok()?)));
    let length = head
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let ordered = |from: u64, to: u64| {
        from == session.size
            && to >= from
            && length.is_none_or(|length| to - from + 1 == length || to - from == length)
    };
    if bounds.is_some_and(|(from, to)| ordered(from, to)) {
        return Ok(());
    }
    Err(Box::new(not_satisfiable(
        session,
        head,
        json!({"given": range, "size": session.size}),
    )))
}

/// Refuses a chunk that is larger than this registry accepts; one that is streamed without a
/// `Content-Range` may be of any size.
fn fits(registry: &Registry, session: &Session, head: &Parts) -> Result<(), Box<Response>> {
    let length = head
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let chunked = head.headers.contains_key(header::CONTENT_RANGE);
    if !chunked || length.is_none_or(|length| length <= registry.largest_chunk()) {
        return Ok(());
    }
    let detail = json!({"largest": registry.largest_chunk()});
    Err(Box::new(not_satisfiable(session, head, detail)))
}

fn not_satisfiable(session: &Session, head: &Parts, detail: Value) -> Response {
    let mut response = fail(
        StatusCode::RANGE_NOT_SATISFIABLE,
        "RANGE_INVALID",
        "invalid content range",
        detail,
    );
    for (name, value) in session.headers(&head.headers) {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

async fn finish(registry: &Registry, session: &mut Session, digest: &str, body: Body) -> Response {
    let Ok(wanted) = digest.parse::<Id>() else {
        return bad(
            "DIGEST_INVALID",
            "provided digest is not a sha256 or sha512 digest",
            digest,
        );
    };
    if let Err(error) = session.append(body).await {
        return cut_off(&error);
    }
    let got = match wanted {
        Id::Sha256(_) => Ok(Id::Sha256(Digest::from_bytes(
            session.hash.clone().finalize().into(),
        ))),
        // The algorithm is known only at the end, so the rare one is computed from the file.
        Id::Sha512(_) => File::open(&session.path).and_then(Id::sha512_of),
    };
    let got = match got {
        Ok(got) => got,
        Err(error) => return answer::broken(&error),
    };
    if got != wanted {
        drop_session(registry, session);
        return bad(
            "DIGEST_INVALID",
            "provided digest did not match uploaded content",
            digest,
        );
    }
    if let Err(error) = std::fs::rename(&session.path, blob_path(&registry.setup.dir, wanted)) {
        return answer::broken(&error);
    }
    registry.uploads.forget(&session.id);
    created(registry, &session.repository, wanted)
}

fn created(registry: &Registry, name: &str, digest: Id) -> Response {
    let linked = registry
        .shelves
        .lock()
        .map_err(|_| io::Error::other("poisoned"))
        .and_then(|mut shelves| shelves.change(name, |held| held.blobs.insert(digest)));
    match linked {
        Ok(_) => answer::empty(
            StatusCode::CREATED,
            vec![
                ("location", format!("/v2/{name}/blobs/{digest}")),
                ("docker-content-digest", digest.to_string()),
            ],
        ),
        Err(error) => answer::broken(&error),
    }
}

/// Removes a session and its bytes. A file that cannot be deleted is removed at the next start.
fn drop_session(registry: &Registry, session: &Session) {
    registry.uploads.forget(&session.id);
    drop(std::fs::remove_file(&session.path));
}

fn cut_off(error: &io::Error) -> Response {
    fail(
        StatusCode::BAD_REQUEST,
        "BLOB_UPLOAD_INVALID",
        &format!("the body ended early: {error}"),
        Value::Null,
    )
}
