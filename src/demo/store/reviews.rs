//! Serves uploads and their reviews.
//!
//! Turns pushed bytes into a revision: `new`, `scanned`, `approved` or `rejected`. A review
//! advances each time it is read, never with the clock, so tests need not wait. It checks form and
//! digest, not whether an image's blobs are in the registry.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Multipart, Path, Query, State as With};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use bytes::Bytes;
use chrono::Utc;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::{Answer, Refusal, json_ok, parsed};
use super::inspection::{Inspected, inspect};
use super::packages::{package, package_mut};
use super::state::{Package, ResourceRevision, Review, Revision, State, Subject, Upload};
use super::tokens::{authorized, permitted};
use super::{ACCOUNT_ID, Charmhub};
use crate::domain::Digest;

/// Handles `POST {storage}/unscanned-upload/`: one multipart part named `binary`.
pub async fn upload(With(store): With<Arc<Charmhub>>, headers: HeaderMap, mut parts: Multipart) -> Answer {
    let unreadable = |_| Refusal::api_error("The upload is not a valid multipart body");
    let mut content = None;
    // Read to the end even if the token is invalid: clients read an answer only after sending.
    let full = |error: std::io::Error| Refusal::api_error(format!("Storage failed: {error}"));
    while let Some(mut part) = parts.next_field().await.map_err(unreadable)? {
        let is_content = part.name() == Some("binary");
        let mut arrival = store.contents.begin().map_err(full)?;
        while let Some(bytes) = part.chunk().await.map_err(unreadable)? {
            if is_content {
                arrival.add(&bytes).map_err(full)?;
            }
        }
        if is_content {
            content = Some(arrival);
        }
    }
    // Clients of craft-store send no credential; one that is sent must be valid.
    if headers.contains_key(header::AUTHORIZATION) {
        authorized(&store.read(), &headers)?;
    }
    let Some(arrival) = content else {
        return Ok(json_ok(
            &json!({"successful": false, "error": "no part named 'binary'"}),
        ));
    };
    let hashes = store.contents.keep(arrival).map_err(full)?;
    let id = Uuid::new_v4().to_string();
    store.change(|state| {
        let at = Utc::now();
        state.uploads.insert(id.clone(), Upload { hashes, at });
        Ok(json_ok(&json!({"successful": true, "upload_id": id})))
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Push {
    upload_id: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    bases: Vec<PushedBase>,
}

#[derive(Deserialize)]
struct PushedBase {
    #[serde(default)]
    architectures: Vec<String>,
}

fn accepted(name: &str, upload_id: &str) -> Response {
    let status = format!("/v1/charm/{name}/revisions/review?upload-id={upload_id}");
    json_ok(&json!({"status-url": status}))
}

fn claimed(state: &State, upload_id: &str) -> Result<Upload, Refusal> {
    state
        .uploads
        .get(upload_id)
        .cloned()
        .ok_or_else(|| Refusal::api_error(format!("Upload with id '{upload_id}' does not exist")))
}

/// Handles `POST /v1/charm/{name}/resources/{resource}/revisions`.
pub async fn push_resource(
    With(store): With<Arc<Charmhub>>,
    Path((name, resource)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let push: Push = parsed(&body)?;
    store.change(|state| {
        permitted(state, &headers, "package-manage-revisions", &name)?;
        let declared = package(state, &name)?
            .declared(&resource)
            .cloned()
            .ok_or_else(|| super::resources::unknown(&name, &resource))?;
        let upload = claimed(state, &push.upload_id)?;
        let package = package_mut(state, &name)?;
        let subject = Subject::Resource {
            name: resource.clone(),
        };
        if is_claimed(package, &push.upload_id, &subject)? {
            return Ok(accepted(&name, &push.upload_id));
        }
        let kind = push.kind.clone().unwrap_or_else(|| declared.kind.clone());
        let mut errors = Vec::new();
        if kind != declared.kind {
            errors.push(review_error(&format!(
                "Resource '{resource}' is of type '{}', not '{kind}'",
                declared.kind
            )));
        } else if kind == "oci-image" {
            let bytes = store
                .contents
                .get(&upload.hashes.sha256)
                .map_err(|problem| Refusal::api_error(problem.to_string()))?;
            errors.extend(descriptor_fault(&bytes).map(|fault| review_error(&fault)));
        }
        let number = errors
            .is_empty()
            .then(|| resource_number(package, &resource, &kind, &upload, push.bases));
        package.reviews.push(Review {
            upload_id: push.upload_id.clone(),
            subject,
            looks: 0,
            revision: number,
            errors,
            at: Utc::now(),
        });
        Ok(accepted(&name, &push.upload_id))
    })
}

/// Returns true if this upload was already pushed as the same thing: a request sent twice is one
/// push.
fn is_claimed(package: &Package, upload_id: &str, subject: &Subject) -> Result<bool, Refusal> {
    match package
        .reviews
        .iter()
        .find(|review| review.upload_id == upload_id)
    {
        None => Ok(false),
        Some(review) if review.subject == *subject => Ok(true),
        Some(_) => Err(Refusal::api_error(format!(
            "Upload with id '{upload_id}' was already used"
        ))),
    }
}

/// Returns the revision of these bytes: an existing one if they were pushed before.
fn resource_number(
    package: &mut Package,
    resource: &str,
    kind: &str,
    upload: &Upload,
    bases: Vec<PushedBase>,
) -> u64 {
    let number = package.next_resource_revision(resource);
    let revisions = package.resources.entry(resource.to_owned()).or_default();
    if let Some(same) = revisions.iter().find(|r| r.hashes.sha256 == upload.hashes.sha256) {
        return same.revision;
    }
    let mut architectures: Vec<String> = bases.into_iter().flat_map(|base| base.architectures).collect();
    if architectures.is_empty() {
        architectures.push("all".to_owned());
    }
    revisions.push(ResourceRevision {
        revision: number,
        kind: kind.to_owned(),
        created_at: Utc::now(),
        created_by: ACCOUNT_ID.to_owned(),
        updated_at: None,
        architectures,
        hashes: upload.hashes.clone(),
        pending: true,
    });
    number
}

fn review_error(message: &str) -> Value {
    json!({"code": "review-error", "message": message})
}

/// Returns what is wrong with an image descriptor, if anything.
fn descriptor_fault(bytes: &[u8]) -> Option<String> {
    let Ok(Value::Object(descriptor)) = serde_json::from_slice::<Value>(bytes) else {
        return Some("The image descriptor is not a JSON object".to_owned());
    };
    let Some(name) = descriptor.get("ImageName").and_then(Value::as_str) else {
        return Some("The image descriptor has no ImageName".to_owned());
    };
    let has_digest = name
        .split_once('@')
        .is_some_and(|(path, digest)| !path.is_empty() && digest.parse::<Digest>().is_ok());
    (!has_digest).then(|| "The image descriptor's ImageName has no sha256 digest".to_owned())
}

/// Handles `POST /v1/charm/{name}/revisions`.
pub async fn push_package(
    With(store): With<Arc<Charmhub>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let push: Push = parsed(&body)?;
    store.change(|state| {
        permitted(state, &headers, "package-manage-revisions", &name)?;
        let upload = claimed(state, &push.upload_id)?;
        let package = package_mut(state, &name)?;
        if is_claimed(package, &push.upload_id, &Subject::Package)? {
            return Ok(accepted(&name, &push.upload_id));
        }
        let bytes = store
            .contents
            .get(&upload.hashes.sha256)
            .map_err(|problem| Refusal::api_error(problem.to_string()))?;
        let mut errors = Vec::new();
        let inspected = inspect(&bytes, &package.name, &package.kind);
        let inspected = inspected.map_err(|why| errors.push(review_error(&why))).ok();
        if package.revisions.iter().any(|r| r.hashes.sha3_384 == upload.hashes.sha3_384) {
            errors.push(review_error(&format!(
                "Cannot insert package. An upload with that digest (SHA3-384: '{}') already exists in the database.",
                upload.hashes.sha3_384
            )));
        }
        let number = inspected
            .filter(|_| errors.is_empty())
            .map(|inspected| package_number(package, &upload, inspected));
        package.reviews.push(Review {
            upload_id: push.upload_id.clone(),
            subject: Subject::Package,
            looks: 0,
            revision: number,
            errors,
            at: Utc::now(),
        });
        Ok(accepted(&name, &push.upload_id))
    })
}

fn package_number(package: &mut Package, upload: &Upload, inspected: Inspected) -> u64 {
    let number = package
        .revisions
        .iter()
        .map(|r| r.revision)
        .max()
        .map_or(1, |highest| highest + 1);
    let Inspected {
        mut bases,
        resources,
        bundle_yaml,
    } = inspected;
    if bases.is_empty() {
        // An archive without a manifest gets the bases of the last one.
        bases = match package.newest() {
            Some(newest) => newest.bases.clone(),
            None => vec![Some(super::seed::base("22.04"))],
        };
    }
    package.revisions.push(Revision {
        revision: number,
        version: number.to_string(),
        created_at: Utc::now(),
        created_by: ACCOUNT_ID.to_owned(),
        status: "approved".to_owned(),
        errors: None,
        bases,
        hashes: upload.hashes.clone(),
        resources,
        bundle_yaml,
        pending: true,
    });
    number
}

/// Advances the unfinished reviews of `package`, all or one.
fn look(package: &mut Package, upload_id: Option<&str>) {
    for review in &mut package.reviews {
        if review.is_over() || upload_id.is_some_and(|id| id != review.upload_id) {
            continue;
        }
        review.looks += 1;
        let Some(number) = review.revision.filter(|_| review.is_over()) else {
            continue;
        };
        match &review.subject {
            Subject::Package => {
                for revision in package.revisions.iter_mut().filter(|r| r.revision == number) {
                    revision.pending = false;
                }
            }
            Subject::Resource { name } => {
                let revisions = package.resources.get_mut(name).into_iter().flatten();
                for revision in revisions.filter(|r| r.revision == number) {
                    revision.pending = false;
                }
            }
        }
    }
}

fn review_json(review: &Review) -> Value {
    let status = match (review.looks, review.errors.is_empty()) {
        (0 | 1, _) => "new",
        (_, false) => "rejected",
        (looks, true) if looks < Review::LOOKS => "scanned",
        _ => "approved",
    };
    let errors = (status == "rejected").then(|| review.errors.clone());
    json!({
        "upload-id": review.upload_id,
        "status": status,
        "revision": if review.looks > 1 { review.revision } else { None },
        "errors": errors,
    })
}

impl Charmhub {
    /// Advances every review of package `name` by one step; reading a list of revisions counts as
    /// a read.
    pub fn advance(&self, name: &str) {
        let waits = self
            .read()
            .packages
            .get(name)
            .is_some_and(|package| package.reviews.iter().any(|review| !review.is_over()));
        if waits {
            drop(self.change(|state| {
                look(package_mut(state, name)?, None);
                Ok(())
            }));
        }
    }
}

/// Handles `GET /v1/charm/{name}/revisions/review[?upload-id=]`.
pub async fn list(
    With(store): With<Arc<Charmhub>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answer {
    let upload_id = query.get("upload-id").map(String::as_str);
    store.change(|state| {
        permitted(state, &headers, "package-view-revisions", &name)?;
        let package = package_mut(state, &name)?;
        look(package, upload_id);
        let reviews: Vec<Value> = package
            .reviews
            .iter()
            .filter(|review| upload_id.is_none_or(|id| id == review.upload_id))
            .map(review_json)
            .collect();
        if let (Some(id), true) = (upload_id, reviews.is_empty()) {
            return Err(Refusal::not_found(format!("No review of upload '{id}'")));
        }
        Ok(json_ok(&json!({"revisions": reviews})))
    })
}
