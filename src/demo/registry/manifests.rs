//! Serves manifests: reads, stores and deletes them.
//!
//! Validates a manifest before it is stored, and makes offered images on demand. Blob bytes are
//! handled in `blobs` and `uploads`.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::Response;
use chrono::Utc;
use serde_json::{Value, json};

use super::Registry;
use super::answer::{self, Header, bad, fail, unknown, unsupported};
use super::id::Id;
use super::images::{self, Image, MANIFEST_LIST, OCI_INDEX, OCI_MANIFEST, SCHEMA2};
use super::layers::digest_of;
use super::names::{Reference, is_tag};
use super::shelves::{Held, blob_path, write_blob};

/// Largest manifest that is accepted, in bytes (the specification asks for at least 4 MiB).
const LARGEST: usize = 4 << 20;
const MEDIA_TYPES: [&str; 4] = [SCHEMA2, MANIFEST_LIST, OCI_MANIFEST, OCI_INDEX];

pub(super) async fn serve(
    registry: &Arc<Registry>,
    name: &str,
    reference: &str,
    request: Request,
) -> Response {
    let Some(parsed) = Reference::parse(reference) else {
        return if reference.contains(':') {
            bad(
                "DIGEST_INVALID",
                "provided digest is not a sha256 or sha512 digest",
                reference,
            )
        } else {
            bad("MANIFEST_INVALID", "invalid tag", reference)
        };
    };
    match *request.method() {
        Method::GET | Method::HEAD => {
            if let Reference::Tag(tag) = parsed
                && let Err(error) = make_offered(registry, name, tag).await
            {
                return answer::broken(&error);
            }
            read(registry, name, &parsed, reference, &request)
        }
        Method::PUT => {
            let (head, body) = request.into_parts();
            let Ok(bytes) = to_bytes(body, LARGEST).await else {
                return fail(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "SIZE_INVALID",
                    "manifest too large",
                    Value::Null,
                );
            };
            put(registry, name, &parsed, &head.headers, &head.uri, &bytes)
        }
        Method::DELETE if registry.deletes() => delete(registry, name, &parsed, reference),
        _ => unsupported("GET, HEAD, PUT"),
    }
}

/// Makes an offered image if it is requested for the first time.
pub(super) async fn make_offered(registry: &Arc<Registry>, name: &str, tag: &str) -> io::Result<()> {
    let key = (name.to_owned(), tag.to_owned());
    let offered = || {
        registry
            .offers
            .lock()
            .is_ok_and(|offers| offers.contains_key(&key))
    };
    if !offered() {
        return Ok(());
    }
    let _one_at_a_time = registry.making.lock().await;
    let recipe = registry
        .offers
        .lock()
        .ok()
        .and_then(|offers| offers.get(&key).cloned());
    let Some(recipe) = recipe else {
        return Ok(());
    };
    let making = Arc::clone(registry);
    let (name, tag) = key.clone();
    tokio::task::spawn_blocking(move || {
        let image = images::make_in(&recipe, &making.setup.dir.join("blobs/sha256"))?;
        store(&making, &name, Some(&tag), &image)
    })
    .await
    .map_err(io::Error::other)??;
    if let Ok(mut offers) = registry.offers.lock() {
        offers.remove(&key);
    }
    Ok(())
}

/// Stores an image; see [`Registry::store`].
pub(super) fn store(registry: &Registry, name: &str, tag: Option<&str>, image: &Image) -> io::Result<()> {
    for child in &image.children {
        store(registry, name, None, child)?;
    }
    for (digest, bytes) in &image.blobs {
        write_blob(&registry.setup.dir, (*digest).into(), bytes)?;
    }
    let manifest: Value = serde_json::from_slice(&image.manifest)?;
    let parts = Parts::of(&manifest, image.media_type);
    keep(
        registry,
        name,
        tag.into_iter().map(str::to_owned).collect(),
        image.digest.into(),
        &image.manifest,
        parts,
        true,
    )
}

fn keep(
    registry: &Registry,
    name: &str,
    tags: Vec<String>,
    digest: Id,
    bytes: &[u8],
    parts: Parts,
    link: bool,
) -> io::Result<()> {
    write_blob(&registry.setup.dir, digest, bytes)?;
    let mut shelves = registry
        .shelves
        .lock()
        .map_err(|_| io::Error::other("poisoned"))?;
    shelves.change(name, |held| {
        if link {
            held.blobs.extend(&parts.blobs);
        }
        let size = bytes.len() as u64;
        held.withdrawn.remove(&digest);
        held.manifests.entry(digest).or_insert_with(|| parts.held(size));
        for tag in tags {
            held.tags.insert(tag, digest);
        }
    })
}

/// Holds what a manifest declares about itself and others.
struct Parts {
    media_type: String,
    blobs: BTreeSet<Id>,
    children: BTreeSet<Id>,
    subject: Option<Id>,
    artifact_type: Option<String>,
    annotations: Option<Value>,
}

impl Parts {
    fn of(manifest: &Value, media_type: &str) -> Self {
        let digest = |descriptor: &Value| descriptor["digest"].as_str()?.parse().ok();
        let list = |key: &str| manifest[key].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut blobs: BTreeSet<Id> = list("layers")
            .iter()
            // Layers stored elsewhere need not exist here.
            .filter(|layer| layer.get("urls").is_none())
            .filter_map(digest)
            .collect();
        blobs.extend(digest(&manifest["config"]));
        let own_type = manifest["artifactType"].as_str().filter(|text| !text.is_empty());
        Self {
            media_type: media_type.to_owned(),
            blobs,
            children: list("manifests").iter().filter_map(digest).collect(),
            subject: digest(&manifest["subject"]),
            artifact_type: own_type
                .or(manifest["config"]["mediaType"].as_str())
                .map(str::to_owned),
            annotations: manifest.get("annotations").cloned(),
        }
    }

    fn held(self, size: u64) -> Held {
        Held {
            media_type: self.media_type,
            size,
            stored_at: Utc::now(),
            subject: self.subject,
            artifact_type: self.artifact_type,
            annotations: self.annotations,
        }
    }
}

fn find(registry: &Registry, name: &str, reference: &Reference<'_>) -> Result<(Id, Held), &'static str> {
    let shelves = registry.shelves.lock().map_err(|_| "NAME_UNKNOWN")?;
    let held = shelves.get(name).ok_or("NAME_UNKNOWN")?;
    let digest = match reference {
        Reference::Tag(tag) => *held.tags.get(*tag).ok_or("MANIFEST_UNKNOWN")?,
        Reference::Digest(digest) => *digest,
    };
    held.manifests
        .get(&digest)
        .cloned()
        .map(|found| (digest, found))
        .ok_or("MANIFEST_UNKNOWN")
}

fn read(
    registry: &Registry,
    name: &str,
    parsed: &Reference<'_>,
    reference: &str,
    request: &Request,
) -> Response {
    let only_head = *request.method() == Method::HEAD;
    if let Some(quota) = &registry.quota
        && !only_head
        && !quota.take()
    {
        let mut response = fail(
            StatusCode::TOO_MANY_REQUESTS,
            "TOOMANYREQUESTS",
            "You have reached your pull rate limit. You may increase the limit by authenticating and upgrading: \
             https://www.docker.com/increase-rate-limit",
            Value::Null,
        );
        add(&mut response, quota.headers());
        return response;
    }
    let quota = registry
        .quota
        .as_ref()
        .map(super::quota::Quota::headers)
        .unwrap_or_default();
    let (digest, held) = match find(registry, name, parsed) {
        Ok(found) => found,
        Err(code) => {
            let mut response = unknown(code, reference);
            add(&mut response, quota);
            return response;
        }
    };
    if registry.setup.name == "ghcr"
        && is_index(&held.media_type)
        && !accepts(request.headers(), &held.media_type)
    {
        return fail(
            StatusCode::NOT_FOUND,
            "MANIFEST_UNKNOWN",
            "OCI index found, but Accept header does not support OCI indexes",
            Value::Null,
        );
    }
    let mut headers: Vec<Header> = vec![
        ("content-type", held.media_type),
        ("content-length", held.size.to_string()),
        ("docker-content-digest", digest.to_string()),
        ("etag", format!("\"{digest}\"")),
    ];
    headers.extend(quota);
    if only_head {
        return answer::answer(StatusCode::OK, headers, Body::empty());
    }
    match std::fs::read(blob_path(&registry.setup.dir, digest)) {
        Ok(bytes) => answer::answer(StatusCode::OK, headers, bytes),
        Err(error) => answer::broken(&error),
    }
}

fn add(response: &mut Response, headers: Vec<Header>) {
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
}

fn is_index(media_type: &str) -> bool {
    matches!(media_type, OCI_INDEX | MANIFEST_LIST)
}

/// Returns true if there is no `Accept`, or one entry covers `media_type`.
fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let mut given = headers.get_all(header::ACCEPT).iter().peekable();
    given.peek().is_none()
        || given
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|entry| {
                let entry = entry.split(';').next().unwrap_or_default().trim();
                matches!(entry, "*/*" | "application/*") || entry.eq_ignore_ascii_case(media_type)
            })
}

fn put(
    registry: &Registry,
    name: &str,
    reference: &Reference<'_>,
    headers: &HeaderMap,
    uri: &Uri,
    bytes: &[u8],
) -> Response {
    let digest = match reference {
        Reference::Digest(named) => named.same_kind_of(bytes),
        Reference::Tag(_) => Id::Sha256(digest_of(bytes)),
    };
    let mut tags: Vec<String> = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .filter(|(key, _)| key == "tag")
        .map(|(_, tag)| tag.into_owned())
        .collect();
    if let Some(tag) = tags.iter().find(|tag| !is_tag(tag)) {
        return bad("MANIFEST_INVALID", "invalid tag", tag);
    }
    match reference {
        Reference::Digest(named) if *named != digest => {
            return bad(
                "DIGEST_INVALID",
                "provided digest did not match uploaded content",
                &named.to_string(),
            );
        }
        Reference::Digest(_) => {}
        Reference::Tag(tag) => tags.push((*tag).to_owned()),
    }
    let manifest: Value = match serde_json::from_slice(bytes) {
        Ok(manifest @ Value::Object(_)) => manifest,
        _ => return bad("MANIFEST_INVALID", "manifest invalid", "not a JSON object"),
    };
    let declared = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let declared = declared.map(|value| value.split(';').next().unwrap_or_default().trim());
    let inside = manifest["mediaType"].as_str();
    let media_type = match (declared, inside) {
        (Some(declared), Some(inside)) if declared != inside => {
            return bad(
                "MANIFEST_INVALID",
                "media type in the manifest differs from Content-Type",
                inside,
            );
        }
        (Some(media_type), _) | (None, Some(media_type)) => media_type,
        (None, None) => return bad("MANIFEST_INVALID", "no media type", ""),
    };
    if !MEDIA_TYPES.contains(&media_type) || manifest["schemaVersion"] != 2 {
        return bad("MANIFEST_INVALID", "media type is not supported", media_type);
    }
    let shape = if is_index(media_type) {
        "manifests"
    } else {
        "layers"
    };
    if !manifest[shape].is_array() || (shape == "layers" && !manifest["config"].is_object()) {
        return bad("MANIFEST_INVALID", "manifest invalid", shape);
    }
    let parts = Parts::of(&manifest, media_type);
    if let Some(missing) = missing(registry, name, &parts) {
        return fail(
            StatusCode::BAD_REQUEST,
            "MANIFEST_BLOB_UNKNOWN",
            "blob unknown to registry",
            json!({"digest": missing.to_string()}),
        );
    }
    let subject = parts.subject;
    let mut headers: Vec<Header> = vec![
        ("location", format!("/v2/{name}/manifests/{digest}")),
        ("docker-content-digest", digest.to_string()),
    ];
    if let Some(subject) = subject.filter(|_| registry.lists_referrers()) {
        headers.push(("oci-subject", subject.to_string()));
    }
    if uri.query().is_some() && !tags.is_empty() {
        headers.push(("oci-tag", tags.join(", ")));
    }
    if let Err(error) = keep(registry, name, tags.clone(), digest, bytes, parts, false) {
        return answer::broken(&error);
    }
    // A pushed image replaces an offered one.
    if let Ok(mut offers) = registry.offers.lock() {
        for tag in tags {
            offers.remove(&(name.to_owned(), tag));
        }
    }
    answer::empty(StatusCode::CREATED, headers)
}

fn missing(registry: &Registry, name: &str, parts: &Parts) -> Option<Id> {
    let shelves = registry.shelves.lock().ok()?;
    let held = shelves.get(name);
    let blob = parts
        .blobs
        .iter()
        .find(|digest| !held.is_some_and(|held| held.blobs.contains(digest)));
    let child = parts
        .children
        .iter()
        .find(|digest| !held.is_some_and(|held| held.manifests.contains_key(digest)));
    blob.or(child).copied()
}

fn delete(registry: &Registry, name: &str, parsed: &Reference<'_>, reference: &str) -> Response {
    let (digest, _) = match find(registry, name, parsed) {
        Ok(found) => found,
        Err(code) => return unknown(code, reference),
    };
    let changed = registry
        .shelves
        .lock()
        .map_err(|_| io::Error::other("poisoned"))
        .and_then(|mut shelves| {
            shelves.change(name, |held| match parsed {
                Reference::Tag(tag) => {
                    held.tags.remove(*tag);
                }
                Reference::Digest(_) => {
                    held.manifests.remove(&digest);
                    held.tags.retain(|_, tagged| *tagged != digest);
                }
            })
        });
    match changed {
        Ok(()) => answer::empty(StatusCode::ACCEPTED, Vec::new()),
        Err(error) => answer::broken(&error),
    }
}
