//! Serves `POST /v2/charms/refresh`: which revision and resources a channel serves on a base.
//!
//! Implements the rules per action; a failed action is an item of a 200 answer. Must not store the
//! context that clients send.

use std::sync::Arc;

use axum::extract::State as With;
use axum::http::StatusCode;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::{Answer, Refusal, json_ok, parsed};
use super::public::{
    attached_json, bases_json, default_row, download_json, metadata_yaml, micros, resource_json, short,
    shuffle_key, visible,
};
use super::state::{Attached, Base, Package, Revision, Row, State, full_channel};
use super::{ACCOUNT_ID, Charmhub, Endpoints};

/// Fields of a charm entity that may be requested, and the default ones.
const FIELDS: [&str; 15] = [
    "actions-yaml",
    "bases",
    "bundle-yaml",
    "config-yaml",
    "created-at",
    "download",
    "id",
    "license",
    "metadata-yaml",
    "name",
    "publisher",
    "resources",
    "revision",
    "summary",
    "type",
];
const DEFAULT_FIELDS: [&str; 7] = [
    "download",
    "id",
    "name",
    "resources",
    "revision",
    "type",
    "version",
];

#[derive(Deserialize)]
struct Request {
    context: Vec<Context>,
    actions: Vec<Asked>,
    fields: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Context {
    instance_key: String,
    id: String,
    #[serde(default)]
    base: Option<Base>,
    #[serde(default)]
    tracking_channel: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Asked {
    action: String,
    instance_key: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    channel: Option<String>,
    #[serde(default)]
    revision: Option<u64>,
    #[serde(default)]
    base: Option<Base>,
    #[serde(default)]
    resource_revisions: Vec<NamedRevision>,
}

#[derive(Deserialize)]
struct NamedRevision {
    name: String,
    revision: u64,
}

/// Holds why one action failed.
struct Miss {
    code: &'static str,
    message: String,
    extra: Option<Value>,
}

impl Miss {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            extra: None,
        }
    }
}

/// Holds the result of an action.
struct Hit<'a> {
    package: &'a Package,
    revision: &'a Revision,
    row: Option<&'a Row>,
    resources: Vec<Value>,
}

/// Handles `POST /v2/charms/refresh`.
pub async fn refresh(With(store): With<Arc<Charmhub>>, body: Bytes) -> Answer {
    let request: Request = parsed(&body)?;
    let fields = request
        .fields
        .unwrap_or_else(|| DEFAULT_FIELDS.map(str::to_owned).to_vec());
    if let Some(field) = fields
        .iter()
        .find(|field| !FIELDS.contains(&field.as_str()) && *field != "version")
    {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "bad-argument",
            format!("Invalid field: {field}"),
        ));
    }
    let state = store.public();
    let mut results: Vec<(String, Value)> = request
        .actions
        .iter()
        .map(|action| {
            let key = action.instance_key.clone();
            let result = match act(&state, &store.endpoints, action, &request.context) {
                Ok(hit) => hit_json(&store.endpoints, action, &hit, &fields),
                Err(miss) => miss_json(action, miss),
            };
            (key, result)
        })
        .collect();
    // In an arbitrary order, as in the real store: clients match by instance key.
    results.sort_by_key(|(key, _)| shuffle_key(key));
    let results: Vec<Value> = results.into_iter().map(|(_, result)| result).collect();
    Ok(json_ok(&json!({"error-list": [], "results": results})))
}

fn act<'a>(
    state: &'a State,
    endpoints: &Endpoints,
    action: &Asked,
    contexts: &[Context],
) -> Result<Hit<'a>, Miss> {
    let package = match (&action.id, &action.name) {
        (Some(id), _) => state
            .packages
            .values()
            .find(|package| package.id == *id && !package.private)
            .ok_or_else(|| Miss::new("id-not-found", format!("No charm or bundle with id '{id}'.")))?,
        (None, Some(name)) => visible(state, name).ok_or_else(|| {
            Miss::new(
                "name-not-found",
                format!("No charm or bundle with name '{name}'."),
            )
        })?,
        (None, None) => return Err(Miss::new("missing-key", "An action needs an id or a name.")),
    };
    match action.action.as_str() {
        "install" | "download" => {}
        "refresh" if package.kind == "bundle" => {
            return Err(Miss::new(
                "refresh-bundle-not-supported",
                "Bundles cannot be refreshed.",
            ));
        }
        "refresh" => {
            let context = contexts
                .iter()
                .find(|context| context.instance_key == action.instance_key && context.id == package.id)
                .ok_or_else(|| Miss::new("missing-context", "A refresh needs its context."))?;
            let tracked = context.tracking_channel.as_deref().unwrap_or("latest/stable");
            let wanted = action.channel.as_deref().unwrap_or(tracked);
            let base = action.base.as_ref().or(context.base.as_ref());
            let row = row_of(package, action, Some(wanted), base)
                .or_else(|miss| row_of(package, action, Some("latest/stable"), base).map_err(|_| miss))?;
            return from_row(package, endpoints, row);
        }
        other => return Err(Miss::new("bad-argument", format!("Invalid action: {other}"))),
    }
    match (action.revision, &action.channel) {
        (Some(number), None) => by_revision(package, endpoints, action, number),
        (Some(number), Some(channel)) => {
            let full = full_channel(channel, default_track(package))
                .ok_or_else(|| Miss::new("invalid-channel", format!("Invalid channel: {channel}")))?;
            // What the channel last served with that revision.
            let row = package
                .past
                .iter()
                .rev()
                .find(|row| row.channel == full && row.revision == number)
                .ok_or_else(|| not_released(package, format!("Revision {number} was never in {channel}.")))?;
            from_row(package, endpoints, row)
        }
        (None, channel) => {
            let row = row_of(package, action, channel.as_deref(), action.base.as_ref())?;
            from_row(package, endpoints, row)
        }
    }
}

fn default_track(package: &Package) -> &str {
    package.default_track.as_deref().unwrap_or("latest")
}

fn by_revision<'a>(
    package: &'a Package,
    endpoints: &Endpoints,
    action: &Asked,
    number: u64,
) -> Result<Hit<'a>, Miss> {
    let revision = package
        .revision(number)
        .filter(|revision| revision.status != "rejected")
        .ok_or_else(|| {
            Miss::new(
                "revision-not-found",
                format!("No revision {number} of {}.", package.name),
            )
        })?;
    let mut resources = Vec::new();
    for wanted in &action.resource_revisions {
        let resource = package.resource(&wanted.name, wanted.revision).ok_or_else(|| {
            Miss::new(
                "resource-not-found",
                format!("No revision {} of resource '{}'.", wanted.revision, wanted.name),
            )
        })?;
        resources.push(resource_json(endpoints, package, &wanted.name, resource));
    }
    Ok(Hit {
        package,
        revision,
        row: None,
        resources,
    })
}

fn row_of<'a>(
    package: &'a Package,
    action: &Asked,
    channel: Option<&str>,
    base: Option<&Base>,
) -> Result<&'a Row, Miss> {
    let full = match channel {
        Some(text) => full_channel(text, default_track(package))
            .ok_or_else(|| Miss::new("invalid-channel", format!("Invalid channel: {text}")))?,
        None => default_row(package, None)
            .map(|row| row.channel.clone())
            .ok_or_else(|| not_released(package, "Nothing is released.".to_owned()))?,
    };
    let rows = served(package, &full);
    if package.kind == "bundle" {
        return rows
            .first()
            .copied()
            .ok_or_else(|| not_released(package, format!("No revision in {full}.")));
    }
    let Some(base) = base else {
        return Err(Miss::new(
            "missing-charm-base",
            "An action by channel needs a base.",
        ));
    };
    let illegal = [&base.architecture, &base.name, &base.channel]
        .iter()
        .any(|part| *part == "all");
    if illegal || base.name == "NA" || base.channel == "NA" {
        let mut miss = Miss::new(
            "invalid-charm-base",
            format!(
                "Instance key '{}' invalid 'base' in '{}' for charm_id={} name={}",
                action.instance_key, action.action, package.id, package.name
            ),
        );
        let defaults: Vec<Value> = rows
            .iter()
            .filter_map(|row| row.base.as_ref())
            .map(Base::json)
            .collect();
        miss.extra = Some(json!({"default-bases": defaults}));
        return Err(miss);
    }
    rows.into_iter()
        .find(|row| row.base.as_ref() == Some(base))
        .ok_or_else(|| {
            not_released(
                package,
                format!("No revision was found in {} for that base.", short(&full)),
            )
        })
}

/// Returns the rows that `channel` serves: its own; a branch without any serves its parent's.
fn served<'a>(package: &'a Package, channel: &str) -> Vec<&'a Row> {
    let of = |channel: &str| {
        package
            .map
            .iter()
            .filter(|row| row.channel == channel)
            .collect::<Vec<_>>()
    };
    let own = of(channel);
    match channel.rsplit_once('/') {
        Some((parent, _)) if own.is_empty() && parent.contains('/') => of(parent),
        _ => own,
    }
}

fn not_released(package: &Package, message: String) -> Miss {
    let releases: Vec<Value> = package
        .map
        .iter()
        .map(
            |row| json!({"base": super::state::base_json(row.base.as_ref()), "channel": short(&row.channel)}),
        )
        .collect();
    Miss {
        code: "revision-not-found",
        message,
        extra: Some(json!({"releases": releases})),
    }
}

fn from_row<'a>(package: &'a Package, endpoints: &Endpoints, row: &'a Row) -> Result<Hit<'a>, Miss> {
    let revision = package
        .revision(row.revision)
        .ok_or_else(|| Miss::new("revision-not-found", format!("No revision {}.", row.revision)))?;
    let attached: &[Attached] = &row.resources;
    Ok(Hit {
        package,
        revision,
        row: Some(row),
        resources: attached_json(endpoints, package, attached),
    })
}

fn hit_json(endpoints: &Endpoints, action: &Asked, hit: &Hit<'_>, fields: &[String]) -> Value {
    let (package, revision) = (hit.package, hit.revision);
    let charm = json!({
        "actions-yaml": "{}\n",
        "bases": bases_json(&revision.bases),
        "bundle-yaml": revision.bundle_yaml,
        "config-yaml": "{}\n",
        "created-at": micros(revision.created_at),
        "download": download_json(endpoints, package, revision),
        "id": package.id,
        "license": "",
        "metadata-yaml": metadata_yaml(package, revision),
        "name": package.name,
        "publisher": {
            "display-name": "Legend Releaser", "id": ACCOUNT_ID, "username": "legend-releaser",
            "validation": "unproven",
        },
        "resources": hit.resources,
        "revision": revision.revision,
        "summary": package.summary,
        "type": package.kind,
        "version": revision.version,
    });
    let charm: Map<String, Value> = match charm {
        Value::Object(map) => map.into_iter().filter(|(key, _)| fields.contains(key)).collect(),
        _ => Map::new(),
    };
    let mut result = json!({
        "charm": charm,
        "id": package.id,
        "instance-key": action.instance_key,
        "name": package.name,
        "result": action.action,
    });
    if let (Some(row), Some(map)) = (hit.row, result.as_object_mut()) {
        map.insert("effective-channel".to_owned(), json!(row.channel));
        map.insert("released-at".to_owned(), json!(micros(row.when)));
    }
    result
}

fn miss_json(action: &Asked, miss: Miss) -> Value {
    let mut error = json!({"code": miss.code, "message": miss.message});
    if let (Some(extra), Some(map)) = (miss.extra, error.as_object_mut()) {
        map.insert("extra".to_owned(), extra);
    }
    json!({
        "error": error,
        "id": action.id,
        "instance-key": action.instance_key,
        "name": action.name,
        "result": "error",
    })
}
