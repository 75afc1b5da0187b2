//! Serves the publisher endpoints for packages: names, metadata, revisions, tracks.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State as With};
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use chrono::Utc;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::{Answer, Refusal, json_ok, parsed};
use super::state::{Package, Revision, State, Track, base_json, seconds};
use super::tokens::{authorized, permitted};
use super::{Charmhub, publisher_json, seed};

/// Returns the package `name`, or 404 with the store's message.
pub fn package<'a>(state: &'a State, name: &str) -> Result<&'a Package, Refusal> {
    state
        .packages
        .get(name)
        .ok_or_else(|| Refusal::not_found(format!("Name {name} not found in the charm namespace")))
}

/// Works as [`package`] does, for changes.
pub fn package_mut<'a>(state: &'a mut State, name: &str) -> Result<&'a mut Package, Refusal> {
    state
        .packages
        .get_mut(name)
        .ok_or_else(|| Refusal::not_found(format!("Name {name} not found in the charm namespace")))
}

fn name_json(package: &Package) -> Map<String, Value> {
    let value = json!({
        "authority": null,
        "contact": null,
        "default-track": package.default_track.as_deref().unwrap_or("latest"),
        "description": package.description.as_ref().unwrap_or(&package.summary),
        "id": package.id,
        "links": {},
        "media": [],
        "name": package.name,
        "private": package.private,
        "publisher": publisher_json(),
        "status": if package.is_released() { "published" } else { "registered" },
        "store": "ubuntu",
        "summary": package.summary,
        "title": package.title,
        "type": package.kind,
        "website": null,
    });
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn metadata_json(package: &Package) -> Value {
    // Without a timezone, as in the real store.
    let naive = |at: chrono::DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%S%.6f").to_string();
    let mut map = name_json(package);
    let made = package.tracks.first().map(|track| naive(track.created_at));
    let guardrails: Vec<Value> = package
        .guardrails
        .iter()
        .map(|pattern| json!({"created-at": made, "pattern": pattern}))
        .collect();
    let tracks: Vec<Value> = package
        .tracks
        .iter()
        .map(|track| {
            json!({
                "automatic-phasing-percentage": track.phasing,
                "created-at": naive(track.created_at),
                "name": track.name,
                "version-pattern": track.version_pattern,
            })
        })
        .collect();
    map.insert("track-guardrails".to_owned(), Value::Array(guardrails));
    map.insert("tracks".to_owned(), Value::Array(tracks));
    json!({"metadata": map})
}

/// Returns a revision as its publisher sees it.
pub fn revision_json(revision: &Revision) -> Value {
    json!({
        "revision": revision.revision,
        "version": revision.version,
        "created-at": seconds(revision.created_at),
        "created-by": revision.created_by,
        "status": revision.status,
        "errors": revision.errors,
        "bases": revision.bases.iter().map(|base| base_json(base.as_ref())).collect::<Vec<_>>(),
        "sha3-384": revision.hashes.sha3_384,
        "size": revision.hashes.size,
    })
}

/// Handles `GET /v1/charm`.
pub async fn names(With(store): With<Arc<Charmhub>>, headers: HeaderMap) -> Answer {
    let state = store.read();
    authorized(&state, &headers)?.require("account-view-packages", None)?;
    let results: Vec<Value> = state
        .packages
        .values()
        .map(|p| Value::Object(name_json(p)))
        .collect();
    Ok(json_ok(&json!({"results": results})))
}

#[derive(Deserialize)]
struct Registration {
    name: String,
    #[serde(rename = "type", default = "charm")]
    kind: String,
    #[serde(default)]
    private: bool,
}

fn charm() -> String {
    "charm".to_owned()
}

/// Handles `POST /v1/charm`.
pub async fn register(With(store): With<Arc<Charmhub>>, headers: HeaderMap, body: Bytes) -> Answer {
    let wanted: Registration = parsed(&body)?;
    store.change(|state| {
        authorized(state, &headers)?.require("account-register-package", None)?;
        if state.packages.contains_key(&wanted.name) {
            return Err(Refusal::new(
                StatusCode::CONFLICT,
                "already-registered",
                format!("Name {} is already registered", wanted.name),
            ));
        }
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if wanted.name.is_empty() || !wanted.name.chars().all(legal) {
            return Err(Refusal::api_error(format!("Invalid name: {}", wanted.name)));
        }
        let mut package = seed::empty_package(&seed::random_id(), &wanted.name, &wanted.kind, Utc::now());
        package.private = wanted.private;
        let id = package.id.clone();
        state.packages.insert(wanted.name, package);
        Ok(json_ok(&json!({"id": id})))
    })
}

/// Handles `DELETE /v1/charm/{name}`.
pub async fn unregister(
    With(store): With<Arc<Charmhub>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Answer {
    store.change(|state| {
        permitted(state, &headers, "package-manage", &name)?;
        if !package(state, &name)?.revisions.is_empty() {
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "forbidden",
                "Cannot unregister a package with existing revisions",
            ));
        }
        let id = state.packages.remove(&name).map(|package| package.id);
        Ok(json_ok(&json!({"package-id": id})))
    })
}

/// Handles `GET /v1/charm/{name}`.
pub async fn metadata(
    With(store): With<Arc<Charmhub>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let state = store.read();
    permitted(&state, &headers, "package-view-metadata", &name)?;
    Ok(json_ok(&metadata_json(package(&state, &name)?)))
}

/// Handles `PATCH /v1/charm/{name}`.
pub async fn edit(
    With(store): With<Arc<Charmhub>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let wanted: BTreeMap<String, Value> = parsed(&body)?;
    store.change(|state| {
        permitted(state, &headers, "package-manage-metadata", &name)?;
        let package = package_mut(state, &name)?;
        for (key, value) in &wanted {
            match key.as_str() {
                "title" => value.as_str().unwrap_or_default().clone_into(&mut package.title),
                "summary" => {
                    // A missing description becomes the old summary, so that it does not change
                    // with it.
                    let description = package.summary.clone();
                    package.description.get_or_insert(description);
                    value
                        .as_str()
                        .unwrap_or_default()
                        .clone_into(&mut package.summary);
                }
                "description" => package.description = value.as_str().map(str::to_owned),
                "private" => package.private = value.as_bool().unwrap_or_default(),
                "default-track" => package.default_track = value.as_str().map(str::to_owned),
                "contact" | "links" | "website" => {}
                _ => {
                    return Err(Refusal::api_error(format!(
                        "Additional properties are not allowed ('{key}' was unexpected)"
                    )));
                }
            }
        }
        Ok(json_ok(&metadata_json(package)))
    })
}

/// Handles `GET /v1/charm/{name}/revisions`.
pub async fn revisions(
    With(store): With<Arc<Charmhub>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answer {
    let only: Option<u64> = query.get("revision").and_then(|text| text.parse().ok());
    store.advance(&name);
    let state = store.read();
    permitted(&state, &headers, "package-view-revisions", &name)?;
    let revisions: Vec<Value> = package(&state, &name)?
        .revisions
        .iter()
        .rev()
        .filter(|revision| !revision.pending)
        .filter(|revision| only.is_none_or(|only| revision.revision == only))
        .map(revision_json)
        .collect();
    Ok(json_ok(&json!({"revisions": revisions})))
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct WantedTrack {
    name: String,
    automatic_phasing_percentage: Option<u8>,
    version_pattern: Option<String>,
}

/// Handles `POST /v1/charm/{name}/tracks`.
pub async fn create_tracks(
    With(store): With<Arc<Charmhub>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let wanted: Vec<WantedTrack> = parsed(&body)?;
    store.change(|state| {
        permitted(state, &headers, "package-manage", &name)?;
        let package = package_mut(state, &name)?;
        let mut created = 0;
        for track in wanted {
            check_track(package, &track.name)?;
            package.tracks.push(Track {
                name: track.name,
                created_at: Utc::now(),
                version_pattern: track.version_pattern,
                phasing: track.automatic_phasing_percentage,
            });
            created += 1;
        }
        Ok(json_ok(&json!({"num-tracks-created": created})))
    })
}

fn check_track(package: &Package, name: &str) -> Result<(), Refusal> {
    if name == "latest" {
        return Err(Refusal::api_error("Creation of 'latest' track is not allowed"));
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if name.is_empty() || name.len() > 28 || !name.chars().all(legal) {
        return Err(Refusal::api_error(format!("Invalid track name: {name}")));
    }
    if package.tracks.iter().any(|track| track.name == name) {
        return Err(Refusal::new(
            StatusCode::CONFLICT,
            "api-error",
            format!("Track '{name}' already exists for {}", package.name),
        ));
    }
    // The only guardrail in the demo environment is a year and a month.
    let fits = package.guardrails.iter().any(|pattern| {
        pattern == seed::MONTHLY
            && name.len() == 7
            && name.bytes().enumerate().all(|(at, byte)| match at {
                4 => byte == b'-',
                _ => byte.is_ascii_digit(),
            })
    });
    if fits {
        return Ok(());
    }
    Err(Refusal::api_error(if package.guardrails.is_empty() {
        format!(
            "{} has no track guardrails; ask for track '{name}' in the forum",
            package.name
        )
    } else {
        format!("Track '{name}' does not match any guardrail of {}", package.name)
    }))
}

/// Handles `POST /v1/charm/libraries/bulk`: anonymous; charmcraft sends it inside a project.
pub async fn libraries() -> Answer {
    Ok(json_ok(&json!({"libraries": []})))
}
