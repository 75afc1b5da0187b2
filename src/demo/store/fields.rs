//! Implements the `fields` parameter of the public API: exactly the requested fields, few without
//! it.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::Value;

use super::answer::Refusal;

/// Valid values of `fields`: groups, each with its sub-fields, if it has any.
const FIELDS: [(&str, &[&str]); 6] = [
    ("id", &[]),
    ("name", &[]),
    ("type", &[]),
    (
        "result",
        &[
            "bugs-url",
            "categories",
            "contains-charms",
            "deployable-on",
            "description",
            "license",
            "links",
            "media",
            "publisher",
            "store-url",
            "summary",
            "title",
            "unlisted",
            "used-by",
            "website",
        ],
    ),
    ("default-release", &["channel", "resources", "revision"]),
    ("channel-map", &["channel", "revision"]),
];

/// Returns the requested fields, as paths; 400 if one of them is unknown.
pub fn field_paths(query: &BTreeMap<String, String>) -> Result<Vec<Vec<String>>, Refusal> {
    let mut paths: Vec<Vec<String>> = ["id", "name", "type"].map(|name| vec![name.to_owned()]).to_vec();
    let text = query.get("fields").map_or("", String::as_str);
    for field in text.split(',').map(str::trim).filter(|field| !field.is_empty()) {
        let path: Vec<String> = field.split('.').map(str::to_owned).collect();
        let known = FIELDS.iter().any(|(group, inner)| {
            *group == path[0] && path.get(1).is_none_or(|name| inner.contains(&name.as_str()))
        });
        if !known {
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "bad-argument",
                format!("Invalid field: {field}"),
            ));
        }
        if path.len() > 1 && path[0] != "result" {
            // Real answers include the whole channel with any part of a release.
            paths.push(vec![path[0].clone(), "channel".to_owned()]);
        }
        paths.push(path);
    }
    Ok(paths)
}

/// Returns `value` reduced to the parts that `paths` name.
fn picked(value: Value, paths: &[&[String]]) -> Value {
    if paths.iter().any(|path| path.is_empty()) {
        return value;
    }
    match value {
        Value::Array(items) => items.into_iter().map(|item| picked(item, paths)).collect(),
        Value::Object(map) => Value::Object(
            map.into_iter()
                .filter_map(|(key, value)| {
                    let inner: Vec<&[String]> = paths
                        .iter()
                        .filter(|path| path[0] == key)
                        .map(|path| &path[1..])
                        .collect();
                    (!inner.is_empty()).then(|| {
                        let value = picked(value, &inner);
                        (key, value)
                    })
                })
                .collect(),
        ),
        other => other,
    }
}

/// Returns `value` reduced to the requested fields.
pub fn narrowed(value: Value, paths: &[Vec<String>]) -> Value {
    let paths: Vec<&[String]> = paths.iter().map(Vec::as_slice).collect();
    picked(value, &paths)
}
