//! Serves releases: which revision and which resources each channel serves.
//!
//! Implements the rules for changes of the channel map. A list of releases is applied completely
//! or not at all.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State as With};
use axum::http::HeaderMap;
use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Charmhub;
use super::answer::{Answer, Refusal, json_ok, parsed};
use super::packages::{package, package_mut, revision_json};
use super::state::{ARCHITECTURES, Attached, Base, Package, RISKS, Row, base_json, full_channel, seconds};
use super::tokens::permitted;

/// Days after its last release at which a branch closes.
const BRANCH_DAYS: i64 = 30;

fn row_json(row: &Row) -> Value {
    let resources: Vec<Value> = row
        .resources
        .iter()
        .map(|attached| json!({"name": attached.name, "revision": attached.revision, "type": attached.kind}))
        .collect();
    json!({
        "base": base_json(row.base.as_ref()),
        "channel": row.channel,
        "expiration-date": expires(row).map(seconds),
        "progressive": {"paused": null, "percentage": null},
        "resources": resources,
        "revision": row.revision,
        "when": seconds(row.when),
    })
}

/// Returns when a branch closes by itself; other channels stay.
fn expires(row: &Row) -> Option<DateTime<Utc>> {
    (row.channel.split('/').count() == 3).then(|| row.when + Duration::days(BRANCH_DAYS))
}

/// Handles `GET /v1/charm/{name}/releases`.
pub async fn list(With(store): With<Arc<Charmhub>>, Path(name): Path<String>, headers: HeaderMap) -> Answer {
    let state = store.read();
    permitted(&state, &headers, "package-view-releases", &name)?;
    let package = package(&state, &name)?;
    let released: BTreeSet<u64> = package.map.iter().map(|row| row.revision).collect();
    let revisions: Vec<Value> = released
        .iter()
        .rev()
        .filter_map(|number| package.revision(*number))
        .map(revision_json)
        .collect();
    Ok(json_ok(&json!({
        "channel-map": package.map.iter().map(row_json).collect::<Vec<_>>(),
        "package": {"channels": channels_json(package)},
        "revisions": revisions,
    })))
}

/// Returns every track with its four risks, including empty ones, then the branches.
fn channels_json(package: &Package) -> Vec<Value> {
    let mut channels = Vec::new();
    for track in &package.tracks {
        let mut safer: Option<String> = None;
        for risk in RISKS {
            let name = format!("{}/{risk}", track.name);
            channels.push(json!({
                "branch": null, "fallback": safer, "name": name, "risk": risk, "track": track.name,
            }));
            safer = Some(name);
        }
    }
    let branches: BTreeSet<&str> = package
        .map
        .iter()
        .map(|row| row.channel.as_str())
        .filter(|channel| channel.split('/').count() == 3)
        .collect();
    for channel in branches {
        let mut parts = channel.split('/');
        let (track, risk, branch) = (parts.next(), parts.next(), parts.next());
        let fallback = channel.rsplit_once('/').map(|(parent, _)| parent);
        channels.push(json!({
            "branch": branch, "fallback": fallback, "name": channel, "risk": risk, "track": track,
        }));
    }
    channels
}

#[derive(Deserialize)]
struct Wanted {
    revision: Option<u64>,
    channel: String,
    #[serde(default)]
    resources: Option<Vec<WantedResource>>,
}

#[derive(Deserialize)]
struct WantedResource {
    name: String,
    revision: Option<u64>,
}

/// Handles `POST /v1/charm/{name}/releases`: an array; `revision: null` closes.
pub async fn release(
    With(store): With<Arc<Charmhub>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let wanted: Vec<Wanted> = parsed(&body)?;
    store.change(|state| {
        let session = permitted(state, &headers, "package-manage-releases", &name)?;
        let package = package_mut(state, &name)?;
        let now = Utc::now();
        let mut released = Vec::new();
        for item in wanted {
            let channel = known_channel(package, &item.channel)?;
            session.require_channel(&channel)?;
            let resources = match item.revision {
                None => {
                    package.map.retain(|row| row.channel != channel);
                    Value::Null
                }
                Some(revision) => {
                    let asked = item.resources.unwrap_or_default();
                    let attached = attachments(package, &channel, revision, &asked)?;
                    let listed: Vec<Value> = attached
                        .iter()
                        .map(|attached| json!({"name": attached.name, "revision": attached.revision}))
                        .collect();
                    put(package, &channel, revision, attached, now);
                    Value::Array(listed)
                }
            };
            released.push(json!({"channel": channel, "revision": item.revision, "resources": resources}));
        }
        Ok(json_ok(&json!({"released": released})))
    })
}

fn known_channel(package: &Package, text: &str) -> Result<String, Refusal> {
    let channel =
        full_channel(text, "latest").ok_or_else(|| Refusal::api_error(format!("Invalid channel: {text}")))?;
    let track = channel.split('/').next().unwrap_or_default();
    if package.tracks.iter().any(|known| known.name == track) {
        Ok(channel)
    } else {
        Err(Refusal::api_error(format!("Invalid track: {track}")))
    }
}

/// Returns what is attached when `revision` is released to `channel`: what was requested, else
/// what the channel has. Resources belong to the channel, not to the revision.
fn attachments(
    package: &Package,
    channel: &str,
    revision: u64,
    asked: &[WantedResource],
) -> Result<Vec<Attached>, Refusal> {
    let target = package.revision(revision).ok_or_else(|| {
        Refusal::api_error(format!("Revision {revision} of {} does not exist", package.name))
    })?;
    if target.status == "rejected" {
        return Err(Refusal::api_error(format!(
            "Revision {revision} of {} was rejected and cannot be released",
            package.name
        )));
    }
    let about = format!("for charm with id '{}' and revision {revision}", package.id);
    for resource in asked {
        if !target
            .resources
            .iter()
            .any(|declared| declared.name == resource.name)
        {
            return Err(Refusal::api_error(format!(
                "Resource '{}' is not valid {about}",
                resource.name
            )));
        }
        if let Some(number) = resource.revision
            && package.resource(&resource.name, number).is_none()
        {
            return Err(Refusal::api_error(format!(
                "Resource '{}' with revision {number} does not exist {about}",
                resource.name
            )));
        }
    }
    let mut attached = Vec::new();
    for declared in &target.resources {
        let number = match asked.iter().find(|resource| resource.name == declared.name) {
            Some(resource) => resource.revision,
            None => {
                inherited(package, channel, &target.bases, &declared.name)
                    .ok_or_else(|| {
                        Refusal::api_error(format!(
                            "Resource '{}' doesn't have a released revision {about}",
                            declared.name
                        ))
                    })?
                    .revision
            }
        };
        attached.push(Attached {
            name: declared.name.clone(),
            revision: number,
            kind: declared.kind.clone(),
        });
    }
    Ok(attached)
}

/// Returns the revision of `resource` that `channel` has, preferably on one of these bases.
fn inherited<'a>(
    package: &'a Package,
    channel: &str,
    bases: &[Option<Base>],
    resource: &str,
) -> Option<&'a Attached> {
    let rows = || package.map.iter().filter(|row| row.channel == channel);
    let same_base = rows().filter(|row| bases.contains(&row.base));
    same_base
        .chain(rows())
        .find_map(|row| row.resources.iter().find(|attached| attached.name == resource))
}

/// Releases `revision` to `channel`, one row per base, and records it in the past releases.
pub fn put(
    package: &mut Package,
    channel: &str,
    revision: u64,
    attached: Vec<Attached>,
    when: DateTime<Utc>,
) {
    let Some(target) = package.revisions.iter_mut().find(|r| r.revision == revision) else {
        return;
    };
    "released".clone_into(&mut target.status);
    for base in expanded(&target.bases) {
        let row = Row {
            channel: channel.to_owned(),
            base,
            revision,
            resources: attached.clone(),
            when,
        };
        package.past.push(row.clone());
        match package
            .map
            .iter_mut()
            .find(|there| there.channel == row.channel && there.base == row.base)
        {
            Some(there) => *there = row,
            None => package.map.push(row),
        }
    }
}

/// Returns the bases of a revision as rows have them: `all` becomes each architecture.
fn expanded(bases: &[Option<Base>]) -> Vec<Option<Base>> {
    let mut out = Vec::new();
    for base in bases {
        match base {
            Some(base) if base.architecture == "all" => {
                out.extend(ARCHITECTURES.iter().map(|architecture| {
                    Some(Base {
                        architecture: (*architecture).to_owned(),
                        ..base.clone()
                    })
                }));
            }
            other => out.push(other.clone()),
        }
    }
    out
}
