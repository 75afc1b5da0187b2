//! Serves the publisher endpoints for resources: declarations, revisions, image credentials.
//!
//! Also builds image descriptors: the text that names an image and carries a fixed pull password.
//! Whether an image's blobs are in the registry is not checked.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State as With};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use chrono::Utc;
use libmacaroon::{Format, Macaroon, MacaroonKey};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Charmhub;
use super::answer::{Answer, Refusal, json_ok, parsed};
use super::packages::{package, package_mut};
use super::state::{Package, ResourceRevision, Session, State, seconds};
use super::tokens::permitted;
use crate::demo::registry::Registry;
use crate::domain::Digest;

/// The host that descriptors name, whatever registry replaces it.
pub const IMAGE_HOST: &str = "registry.jujucharms.com";
/// The user that descriptors name.
const PULL_USER: &str = "docker-registry";

/// Returns 404 for a resource that no revision of the charm declares.
pub fn unknown(name: &str, resource: &str) -> Refusal {
    Refusal::not_found(format!("Resource '{resource}' not found for charm '{name}'"))
}

fn revision_json(name: &str, revision: &ResourceRevision) -> Value {
    json!({
        "bases": [{"name": "all", "channel": "all", "architectures": revision.architectures}],
        "created-at": seconds(revision.created_at),
        "name": name,
        "revision": revision.revision,
        "sha256": revision.hashes.sha256,
        "sha3-384": revision.hashes.sha3_384,
        "sha384": revision.hashes.sha384,
        "sha512": revision.hashes.sha512,
        "size": revision.hashes.size,
        "type": revision.kind,
        "updated-at": revision.updated_at.map(seconds),
        "updated-by": revision.updated_at.map(|_| revision.created_by.as_str()),
    })
}

/// Handles `GET /v1/charm/{name}/resources[?revision=N]`: one item per (charm revision, resource).
pub async fn declared(
    With(store): With<Arc<Charmhub>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answer {
    let only: Option<u64> = query.get("revision").and_then(|text| text.parse().ok());
    let state = store.read();
    permitted(&state, &headers, "package-view-revisions", &name)?;
    let package = package(&state, &name)?;
    let mut items = Vec::new();
    for revision in package
        .revisions
        .iter()
        .rev()
        .filter(|revision| !revision.pending)
    {
        if only.is_some_and(|only| only != revision.revision) {
            continue;
        }
        for declared in &revision.resources {
            items.push(json!({
                "name": declared.name,
                "type": declared.kind,
                "optional": declared.optional,
                "revision": revision.revision,
            }));
        }
    }
    Ok(json_ok(&json!({"resources": items})))
}

/// Handles `GET /v1/charm/{name}/resources/{resource}/revisions`.
pub async fn revisions(
    With(store): With<Arc<Charmhub>>,
    Path((name, resource)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    store.advance(&name);
    let state = store.read();
    permitted(&state, &headers, "package-view-revisions", &name)?;
    let package = package(&state, &name)?;
    package
        .declared(&resource)
        .ok_or_else(|| unknown(&name, &resource))?;
    let mut revisions: Vec<&ResourceRevision> = package
        .resources
        .get(&resource)
        .into_iter()
        .flatten()
        .filter(|revision| !revision.pending)
        .collect();
    revisions.sort_by_key(|revision| std::cmp::Reverse(revision.revision));
    let revisions: Vec<Value> = revisions
        .into_iter()
        .map(|r| revision_json(&resource, r))
        .collect();
    Ok(json_ok(&json!({"revisions": revisions})))
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Updates {
    resource_revision_updates: Vec<Update>,
}

#[derive(Deserialize)]
struct Update {
    revision: u64,
    bases: Vec<UpdatedBase>,
}

#[derive(Deserialize)]
struct UpdatedBase {
    architectures: Vec<String>,
}

/// Handles `PATCH …/resources/{resource}/revisions`: other architectures.
pub async fn edit(
    With(store): With<Arc<Charmhub>>,
    Path((name, resource)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let wanted: Updates = parsed(&body)?;
    store.change(|state| {
        permitted(state, &headers, "package-manage-revisions", &name)?;
        let revisions = package_mut(state, &name)?
            .resources
            .get_mut(&resource)
            .ok_or_else(|| unknown(&name, &resource))?;
        for update in &wanted.resource_revision_updates {
            let revision = revisions
                .iter_mut()
                .find(|revision| revision.revision == update.revision)
                .ok_or_else(|| {
                    Refusal::api_error(format!(
                        "Resource '{resource}' has no revision {}",
                        update.revision
                    ))
                })?;
            revision.architectures = update
                .bases
                .iter()
                .flat_map(|b| b.architectures.clone())
                .collect();
            revision.updated_at = Some(Utc::now());
        }
        let count = wanted.resource_revision_updates.len();
        Ok(json_ok(&json!({"num-resource-revisions-updated": count})))
    })
}

fn image_resource<'a>(state: &'a State, name: &str, resource: &str) -> Result<&'a Package, Refusal> {
    let package = package(state, name)?;
    let declared = package
        .declared(resource)
        .ok_or_else(|| unknown(name, resource))?;
    if declared.kind != "oci-image" {
        return Err(Refusal::api_error(format!(
            "Resource '{resource}' is not an oci-image"
        )));
    }
    Ok(package)
}

/// Handles `GET …/oci-image/upload-credentials`.
pub async fn upload_credentials(
    With(store): With<Arc<Charmhub>>,
    Path((name, resource)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let state = store.read();
    let session = permitted(&state, &headers, "package-manage-revisions", &name)?;
    let package = image_resource(&state, &name, &resource)?;
    grant(&store.registry, &state, package, &resource);
    let (username, password) = push_credentials(&state, package, &resource, &session.id);
    Ok(json_ok(&json!({
        "image-name": format!("{IMAGE_HOST}/{}", package.image_path(&resource)),
        "username": username,
        "password": password,
    })))
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct BlobRequest {
    image_digest: String,
}

/// Handles `POST …/oci-image/blob`: the text to upload as the resource.
pub async fn blob(
    With(store): With<Arc<Charmhub>>,
    Path((name, resource)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let wanted: BlobRequest = parsed(&body)?;
    let text = {
        let state = store.read();
        permitted(&state, &headers, "package-manage-revisions", &name)?;
        let package = image_resource(&state, &name, &resource)?;
        let digest: Digest = wanted
            .image_digest
            .parse()
            .map_err(|_| Refusal::api_error(format!("'{}' is not an image digest", wanted.image_digest)))?;
        descriptor(package, &resource, &digest)
    };
    let mut response = Response::new(Body::from(text));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// Returns the text that makes `digest` a revision of `resource`: always the same for the same
/// image.
pub fn descriptor(package: &Package, resource: &str, digest: &Digest) -> String {
    let password = package.passwords.get(resource).map_or("", String::as_str);
    format!(
        r#"{{"ImageName":"{IMAGE_HOST}/{}@{digest}","Username":"{PULL_USER}","Password":"{password}"}}"#,
        package.image_path(resource)
    )
}

/// Returns a pull password as the store writes it into descriptors: a v1 macaroon of dummy data.
pub fn frozen_password(path: &str) -> String {
    let key = MacaroonKey::generate(path.as_bytes());
    let minted = Macaroon::create(Some("charmstore"), &key, "demo pull password").and_then(|mut macaroon| {
        macaroon.add_first_party_caveat(format!("is-docker-repo {path}"))?;
        macaroon.add_first_party_caveat("allow pull")?;
        macaroon.serialize(Format::V1)
    });
    minted.unwrap_or_default()
}

/// Grants access to the images of `resource` in the registry: every live session may push and
/// pull, each with its own password.
pub fn grant(registry: &Registry, state: &State, package: &Package, resource: &str) {
    let path = package.image_path(resource);
    for session in state.sessions.iter().filter(|session| session.is_live()) {
        let (user, password) = push_credentials(state, package, resource, &session.id);
        registry.grant(&user, &password, &path, true);
    }
    if let Some(password) = package.passwords.get(resource) {
        registry.grant(PULL_USER, password, &path, false);
    }
}

fn push_credentials(state: &State, package: &Package, resource: &str, session_id: &str) -> (String, String) {
    let secret = format!(
        "{} push {} {resource} {session_id}",
        state.root_secret, package.id
    );
    let user = format!("push-{}-{resource}", &package.id[..8.min(package.id.len())]);
    let proof = hex::encode(&Sha256::digest(secret)[..20]);
    (user, format!("{session_id}.{proof}"))
}

/// Returns false for a push password whose session has ended since it was issued.
pub fn still_pushes(state: &State, password: &str) -> bool {
    let session_id = password.split_once('.').map(|(id, _)| id);
    let mut sessions = state.sessions.iter();
    sessions
        .find(|session| Some(session.id.as_str()) == session_id)
        .is_none_or(Session::is_live)
}
