//! Serves blobs: whole and in ranges, and unlinks them.
//!
//! A blob is streamed from its file, never held in memory.

use std::io::SeekFrom;

use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::Registry;
use super::answer::{self, Header, bad, fail, unknown, unsupported};
use super::id::Id;
use super::shelves::blob_path;

/// Bytes read from disk at once.
const CHUNK: usize = 256 << 10;

pub(super) async fn serve(
    registry: &Registry,
    name: &str,
    digest: &str,
    method: &Method,
    headers: &HeaderMap,
) -> Response {
    let Ok(digest) = digest.parse::<Id>() else {
        return bad(
            "DIGEST_INVALID",
            "provided digest is not a sha256 or sha512 digest",
            digest,
        );
    };
    let linked = registry.shelves.lock().ok().and_then(|shelves| {
        shelves
            .get(name)
            .map(|held| held.blobs.contains(&digest) || held.manifests.contains_key(&digest))
    });
    match linked {
        None => return unknown("NAME_UNKNOWN", name),
        Some(false) => return unknown("BLOB_UNKNOWN", &digest.to_string()),
        Some(true) => {}
    }
    match *method {
        Method::GET | Method::HEAD => read(registry, digest, method, headers).await,
        Method::DELETE if registry.deletes() => {
            let changed = registry
                .shelves
                .lock()
                .map_err(|_| std::io::Error::other("poisoned"))
                .and_then(|mut shelves| shelves.change(name, |held| held.blobs.remove(&digest)));
            match changed {
                Ok(_) => answer::empty(StatusCode::ACCEPTED, Vec::new()),
                Err(error) => answer::broken(&error),
            }
        }
        _ => unsupported("GET, HEAD"),
    }
}

async fn read(registry: &Registry, digest: Id, method: &Method, request: &HeaderMap) -> Response {
    let opened = async {
        let file = tokio::fs::File::open(blob_path(&registry.setup.dir, digest)).await?;
        let size = file.metadata().await?.len();
        Ok::<_, std::io::Error>((file, size))
    };
    let (mut file, size) = match opened.await {
        Ok(opened) => opened,
        Err(error) => return answer::broken(&error),
    };
    let mut headers: Vec<Header> = vec![
        ("accept-ranges", "bytes".into()),
        ("cache-control", "max-age=31536000".into()),
        ("content-type", "application/octet-stream".into()),
        ("docker-content-digest", digest.to_string()),
        ("etag", format!("\"{digest}\"")),
    ];
    let range = request.get(header::RANGE).and_then(|value| value.to_str().ok());
    let (status, from, length) = match range.and_then(|range| wanted(range, size)) {
        None => (StatusCode::OK, 0, size),
        Some(Ok((from, to))) => {
            headers.push(("content-range", format!("bytes {from}-{to}/{size}")));
            (StatusCode::PARTIAL_CONTENT, from, to - from + 1)
        }
        Some(Err(())) => {
            let mut response = fail(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "RANGE_INVALID",
                "invalid content range",
                json!({"size": size}),
            );
            if let Ok(value) = format!("bytes */{size}").parse() {
                response.headers_mut().insert(header::CONTENT_RANGE, value);
            }
            return response;
        }
    };
    headers.push(("content-length", length.to_string()));
    if *method == Method::HEAD {
        return answer::answer(status, headers, Body::empty());
    }
    if from > 0
        && let Err(error) = file.seek(SeekFrom::Start(from)).await
    {
        return answer::broken(&error);
    }
    let body = Body::from_stream(ReaderStream::with_capacity(file.take(length), CHUNK));
    answer::answer(status, headers, body)
}

/// Returns first and last byte of a single range; `None` if the header is to be ignored, `Err` if
/// it selects no byte.
fn wanted(range: &str, size: u64) -> Option<Result<(u64, u64), ()>> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (from, to) = match (from.trim(), to.trim()) {
        ("", last) => {
            let last: u64 = last.parse().ok()?;
            if last == 0 {
                return Some(Err(()));
            }
            (size.saturating_sub(last), u64::MAX)
        }
        (from, "") => (from.parse().ok()?, u64::MAX),
        (from, to) => (from.parse().ok()?, to.parse().ok()?),
    };
    if to < from || from >= size {
        return Some(Err(()));
    }
    Some(Ok((from, to.min(size - 1))))
}

#[cfg(test)]
mod tests {
    use super::wanted;

    #[test]
    fn ranges_are_clipped_ignored_or_refused() {
        assert_eq!(wanted("bytes=0-9", 100), Some(Ok((0, 9))));
        assert_eq!(wanted("bytes=90-", 100), Some(Ok((90, 99))));
        assert_eq!(wanted("bytes=-10", 100), Some(Ok((90, 99))));
        assert_eq!(wanted("bytes=50-500", 100), Some(Ok((50, 99))));
        assert_eq!(wanted("bytes=100-", 100), Some(Err(())));
        assert_eq!(wanted("bytes=9-0", 100), Some(Err(())));
        assert_eq!(wanted("bytes=0-1,4-5", 100), None);
    }
}
