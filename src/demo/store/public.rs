//! Serves the anonymous consumer API: `info`, `find` and the list of a resource's revisions.
//!
//! Packages have the public form: minimal unless `fields` asks for more, short channel names on
//! `latest`, closed channels absent, private packages invisible. Must not change anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State as With};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::answer::{Answer, Refusal, json_ok};
use super::fields::{field_paths, narrowed};
use super::state::{
    Attached, Base, Package, RISKS, ResourceRevision, Revision, Row, State, base_json, full_channel,
};
use super::{ACCOUNT_ID, Charmhub, Endpoints};

/// Formats `2022-02-09T12:03:47.993037+00:00`.
pub fn micros(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
}

/// Returns the public package `name`: private ones count as missing.
pub fn visible<'a>(state: &'a State, name: &str) -> Option<&'a Package> {
    state.packages.get(name).filter(|package| !package.private)
}

/// The category of every package here.
const CATEGORY: &str = "databases";

fn missing(name: &str) -> Refusal {
    Refusal::not_found(format!("Name {name} not found in the charm namespace"))
}

/// Returns the channel in its public form: without `latest/`.
pub fn short(channel: &str) -> &str {
    channel.strip_prefix("latest/").unwrap_or(channel)
}

/// Returns the `channel` object of a row.
pub fn channel_json(row: &Row) -> Value {
    let mut parts = row.channel.split('/');
    let (track, risk) = (parts.next(), parts.next());
    json!({
        "base": base_json(row.base.as_ref()),
        "name": short(&row.channel),
        "released-at": micros(row.when),
        "risk": risk,
        "track": track,
    })
}

/// Returns the address and digests of the archive of a revision.
pub fn download_json(endpoints: &Endpoints, package: &Package, revision: &Revision) -> Value {
    json!({
        "hash-sha-256": revision.hashes.sha256,
        "size": revision.hashes.size,
        "url": format!(
            "{}/api/v1/charms/download/{}_{}.{}",
            endpoints.api, package.id, revision.revision, package.kind
        ),
    })
}

/// Returns bases in their public form; a bundle's is `null`.
pub fn bases_json(bases: &[Option<Base>]) -> Value {
    bases.iter().map(|base| base_json(base.as_ref())).collect()
}

fn map_revision_json(endpoints: &Endpoints, package: &Package, revision: &Revision) -> Map<String, Value> {
    let value = json!({
        "attributes": {},
        "bases": bases_json(&revision.bases),
        "created-at": micros(revision.created_at),
        "download": download_json(endpoints, package, revision),
        "revision": revision.revision,
        "version": revision.version,
    });
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Returns `metadata.yaml` of a revision, as far as the demo store knows it.
pub fn metadata_yaml(package: &Package, revision: &Revision) -> String {
    if package.kind == "bundle" {
        return "{}\n".to_owned();
    }
    let mut text = format!(
        "name: {}\nsummary: {}\nresources:\n",
        package.name, package.summary
    );
    for declared in &revision.resources {
        text.push_str(&format!(
            "  {}:\n    type: {}\n    description: {}\n",
            declared.name, declared.kind, declared.description
        ));
    }
    text
}

fn default_revision_json(endpoints: &Endpoints, package: &Package, revision: &Revision) -> Value {
    let mut map = map_revision_json(endpoints, package, revision);
    for (key, value) in [
        ("actions-yaml", json!("{}\n")),
        ("bundle-yaml", json!(revision.bundle_yaml)),
        ("config-yaml", json!("{}\n")),
        ("metadata-yaml", json!(metadata_yaml(package, revision))),
        ("readme-md", json!("")),
        ("relations", json!({"provides": {}, "requires": {}})),
    ] {
        map.insert(key.to_owned(), value);
    }
    map.insert(
        "attributes".to_owned(),
        json!({"framework": "operator", "language": "python"}),
    );
    Value::Object(map)
}

/// Returns one revision of a resource.
pub fn resource_json(
    endpoints: &Endpoints,
    package: &Package,
    name: &str,
    resource: &ResourceRevision,
) -> Value {
    let description = package
        .declared(name)
        .map_or("", |declared| declared.description.as_str());
    json!({
        // Without an offset, as in the real store.
        "created-at": resource.created_at.format("%Y-%m-%dT%H:%M:%S%.6f").to_string(),
        "description": description,
        "download": {
            "hash-sha-256": resource.hashes.sha256,
            "hash-sha-384": resource.hashes.sha384,
            "hash-sha-512": resource.hashes.sha512,
            "hash-sha3-384": resource.hashes.sha3_384,
            "size": resource.hashes.size,
            "url": format!(
                "{}/api/v1/resources/download/charm_{}.{name}_{}",
                endpoints.api, package.id, resource.revision
            ),
        },
        "filename": if resource.kind == "file" { name } else { "" },
        "name": name,
        "revision": resource.revision,
        "type": resource.kind,
    })
}

/// Returns the resources of a release, in an arbitrary order.
pub fn attached_json(endpoints: &Endpoints, package: &Package, attached: &[Attached]) -> Vec<Value> {
    let mut items: Vec<(&str, Value)> = attached
        .iter()
        .filter_map(|attached| {
            let resource = package.resource(&attached.name, attached.revision?)?;
            let name = attached.name.as_str();
            Some((name, resource_json(endpoints, package, name, resource)))
        })
        .collect();
    items.sort_by_key(|(name, _)| shuffle_key(name));
    items.into_iter().map(|(_, item)| item).collect()
}

/// Returns a sort key for an order that is arbitrary but always the same.
pub fn shuffle_key(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

fn result_json(package: &Package) -> Value {
    let charms: Vec<Value> = if package.kind == "bundle" {
        super::seed_charms::CHARMS
            .iter()
            .map(|charm| json!({"name": charm.name, "package-id": charm.id, "store-url": format!("https://charmhub.io/{}", charm.name)}))
            .collect()
    } else {
        Vec::new()
    };
    json!({
        "bugs-url": "",
        "categories": [{"featured": false, "name": CATEGORY}],
        "contains-charms": charms,
        "deployable-on": ["kubernetes"],
        "description": package.description.as_ref().unwrap_or(&package.summary),
        "license": "",
        "links": {},
        "media": [],
        "publisher": {
            "display-name": "Legend Releaser", "id": ACCOUNT_ID, "username": "legend-releaser",
            "validation": "unproven",
        },
        "store-url": format!("https://charmhub.io/{}", package.name),
        "summary": package.summary,
        "title": package.title,
        "unlisted": package.unlisted,
        "used-by": [],
        "website": "",
    })
}

/// Returns the default release of the package: of `channel`, else of the default track, safest
/// first.
pub fn default_row<'a>(package: &'a Package, channel: Option<&str>) -> Option<&'a Row> {
    if let Some(channel) = channel {
        return package.map.iter().find(|row| row.channel == channel);
    }
    let track = package.default_track.as_deref().unwrap_or("latest");
    RISKS.iter().find_map(|risk| {
        package
            .map
            .iter()
            .find(|row| row.channel == format!("{track}/{risk}"))
    })
}

fn entity_json(endpoints: &Endpoints, package: &Package, channel: Option<&str>) -> Value {
    let rows = package
        .map
        .iter()
        .filter(|row| channel.is_none_or(|only| row.channel == only));
    let map: Vec<Value> = rows
        .filter_map(|row| {
            let revision = package.revision(row.revision)?;
            Some(json!({
                "channel": channel_json(row),
                "revision": map_revision_json(endpoints, package, revision),
            }))
        })
        .collect();
    let default = default_row(package, channel).and_then(|row| {
        let revision = package.revision(row.revision)?;
        Some(json!({
            "channel": channel_json(row),
            "resources": attached_json(endpoints, package, &row.resources),
            "revision": default_revision_json(endpoints, package, revision),
        }))
    });
    json!({
        "id": package.id,
        "name": package.name,
        "type": package.kind,
        "result": result_json(package),
        "default-release": default,
        "channel-map": map,
    })
}

/// Handles `GET /v2/charms/info/{name}`.
pub async fn info(
    With(store): With<Arc<Charmhub>>,
    Path(name): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answer {
    let paths = field_paths(&query)?;
    let state = store.public();
    let package = visible(&state, &name).ok_or_else(|| missing(&name))?;
    let track = package.default_track.as_deref().unwrap_or("latest");
    let channel = match query.get("channel") {
        None => None,
        Some(text) => Some(full_channel(text, track).ok_or_else(|| {
            Refusal::new(
                StatusCode::BAD_REQUEST,
                "invalid-channel",
                format!("Invalid channel: {text}"),
            )
        })?),
    };
    let entity = entity_json(&store.endpoints, package, channel.as_deref());
    Ok(json_ok(&narrowed(entity, &paths)))
}

/// Handles `GET /v2/charms/find`.
pub async fn find(With(store): With<Arc<Charmhub>>, Query(query): Query<BTreeMap<String, String>>) -> Answer {
    let paths = field_paths(&query)?;
    let state = store.public();
    let wanted = query.get("q").map_or("", String::as_str);
    // An empty filter is ignored: clients send every filter they know.
    let given = |key: &str| query.get(key).filter(|value| !value.is_empty());
    let fits = |package: &&Package| {
        !package.private
            && !package.unlisted
            && package.is_released()
            && package.name.contains(wanted)
            && given("category").is_none_or(|category| category == CATEGORY)
            && given("type").is_none_or(|kind| *kind == package.kind)
            && given("publisher").is_none_or(|who| who == "legend-releaser" || who == ACCOUNT_ID)
    };
    let mut found: Vec<&Package> = state.packages.values().filter(fits).collect();
    found.sort_by_key(|package| shuffle_key(&package.name));
    let results: Vec<Value> = found
        .into_iter()
        .map(|package| {
            let mut item = narrowed(entity_json(&store.endpoints, package, None), &paths);
            if let Some(map) = item.as_object_mut() {
                map.entry("result").or_insert_with(|| json!({}));
            }
            item
        })
        .collect();
    Ok(json_ok(&json!({"error-list": [], "results": results})))
}

/// Handles `GET /v2/charms/categories`.
pub async fn categories() -> Answer {
    Ok(json_ok(&json!({"categories": [
        {"description": "Databases", "name": CATEGORY},
    ]})))
}

/// Handles `GET /v2/charms/resources/{charm}/{resource}/revisions`: every revision, released or
/// not.
pub async fn resource_revisions(
    With(store): With<Arc<Charmhub>>,
    Path((name, resource)): Path<(String, String)>,
) -> Answer {
    let state = store.public();
    let package = visible(&state, &name).ok_or_else(|| missing(&name))?;
    package
        .declared(&resource)
        .ok_or_else(|| Refusal::not_found(format!("No resource {resource} of {name}")))?;
    let revisions: Vec<Value> = package
        .resources
        .get(&resource)
        .into_iter()
        .flatten()
        .filter(|revision| !revision.pending)
        .map(|revision| resource_json(&store.endpoints, package, &resource, revision))
        .collect();
    Ok(json_ok(&json!({"revisions": revisions})))
}
