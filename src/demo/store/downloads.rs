//! Serves downloads: a redirect from the API to storage, then the bytes with their length.
//!
//! Parses the names of archives and resources in URLs. Must not require a credential: downloads of
//! public packages are anonymous.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State as With};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::Charmhub;
use super::answer::{Answer, Refusal};
use super::state::State;

/// Handles `GET /api/v1/charms/download/{id}_{revision}.charm`.
pub async fn redirect_charm(With(store): With<Arc<Charmhub>>, Path(file): Path<String>) -> Answer {
    charm_content(&store.public(), &file)?;
    redirect(&store, "charm", &file)
}

/// Handles `GET /api/v1/resources/download/charm_{id}.{resource}_{revision}`.
pub async fn redirect_resource(With(store): With<Arc<Charmhub>>, Path(file): Path<String>) -> Answer {
    resource_content(&store.public(), &file)?;
    redirect(&store, "resource", &file)
}

fn redirect(store: &Charmhub, kind: &str, file: &str) -> Answer {
    let target = format!("{}/download/{kind}/{file}", store.endpoints.storage);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    let target = HeaderValue::from_str(&target).map_err(|_| gone())?;
    response.headers_mut().insert(header::LOCATION, target);
    Ok(response)
}

/// Handles `GET {storage}/download/{kind}/{file}`.
pub async fn serve(With(store): With<Arc<Charmhub>>, Path((kind, file)): Path<(String, String)>) -> Answer {
    let state = store.public();
    let sha256 = match kind.as_str() {
        "charm" => charm_content(&state, &file)?,
        "resource" => resource_content(&state, &file)?,
        _ => return Err(gone()),
    };
    let bytes = store.contents.get(sha256).map_err(|_| gone())?;
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    Ok(response)
}

fn gone() -> Refusal {
    Refusal::not_found("No such download")
}

/// Returns the sha-256 of `<id>_<revision>.<kind>`.
fn charm_content<'a>(state: &'a State, file: &str) -> Result<&'a str, Refusal> {
    let (stem, _) = file.rsplit_once('.').ok_or_else(gone)?;
    let (id, number) = stem.rsplit_once('_').ok_or_else(gone)?;
    let number: u64 = number.parse().map_err(|_| gone())?;
    let package = state
        .packages
        .values()
        .find(|package| package.id == id && !package.private);
    let revision = package
        .and_then(|package| package.revision(number))
        .ok_or_else(gone)?;
    Ok(&revision.hashes.sha256)
}

/// Returns the sha-256 of `charm_<id>.<resource>_<revision>`: split at the first `.` and the last
/// `_`.
fn resource_content<'a>(state: &'a State, file: &str) -> Result<&'a str, Refusal> {
    let rest = file.strip_prefix("charm_").ok_or_else(gone)?;
    let (id, rest) = rest.split_once('.').ok_or_else(gone)?;
    let (name, number) = rest.rsplit_once('_').ok_or_else(gone)?;
    let number: u64 = number.parse().map_err(|_| gone())?;
    let package = state
        .packages
        .values()
        .find(|package| package.id == id && !package.private);
    let resource = package
        .and_then(|package| package.resource(name, number))
        .ok_or_else(gone)?;
    Ok(&resource.hashes.sha256)
}
