//! Serves lists: the tags of a repository, and the manifests that refer to another one.
//!
//! Implements paging and filters. Reads only.

use std::collections::BTreeSet;

use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde_json::json;

use super::answer::{self, Header, bad, document, unknown};
use super::id::Id;
use super::images::OCI_INDEX;
use super::{Registry, query_value};

/// Handles `GET <name>/tags/list?n=&last=`: sorted, with a `Link` to the next page.
pub(super) fn tags(registry: &Registry, name: &str, uri: &Uri) -> Response {
    let mut tags: BTreeSet<String> = BTreeSet::new();
    let mut known = false;
    if let Ok(shelves) = registry.shelves.lock()
        && let Some(held) = shelves.get(name)
    {
        known = true;
        tags.extend(held.tags.keys().cloned());
    }
    if let Ok(offers) = registry.offers.lock() {
        tags.extend(
            offers
                .keys()
                .filter(|(offered, _)| offered == name)
                .map(|(_, tag)| tag.clone()),
        );
    }
    if !known && tags.is_empty() {
        return unknown("NAME_UNKNOWN", name);
    }
    let limit = match query_value(uri, "n").map(|n| n.parse::<usize>()) {
        Some(Ok(n)) => n.min(10_000),
        Some(Err(_)) => {
            return bad(
                "PAGINATION_NUMBER_INVALID",
                "invalid number of results requested",
                "n",
            );
        }
        None => 100,
    };
    let last = query_value(uri, "last").unwrap_or_default();
    let rest: Vec<&String> = tags.iter().filter(|tag| **tag > last).collect();
    let page = &rest[..limit.min(rest.len())];
    let mut headers = Vec::new();
    if let Some(end) = page.last()
        && page.len() < rest.len()
    {
        headers.push((
            "link",
            format!("</v2/{name}/tags/list?last={end}&n={limit}>; rel=\"next\""),
        ));
    }
    document(StatusCode::OK, headers, &json!({"name": name, "tags": page}))
}

/// Handles `GET <name>/referrers/<digest>?artifactType=`: an index of the manifests with this
/// subject.
pub(super) fn referrers(registry: &Registry, name: &str, digest: &str, uri: &Uri) -> Response {
    let Ok(subject) = digest.parse::<Id>() else {
        return bad(
            "DIGEST_INVALID",
            "provided digest is not a sha256 or sha512 digest",
            digest,
        );
    };
    let wanted = query_value(uri, "artifactType");
    let mut found = Vec::new();
    if let Ok(shelves) = registry.shelves.lock()
        && let Some(held) = shelves.get(name)
    {
        for (digest, manifest) in &held.manifests {
            if manifest.subject != Some(subject) || (wanted.is_some() && wanted != manifest.artifact_type) {
                continue;
            }
            let mut descriptor = json!({
                "mediaType": manifest.media_type,
                "digest": digest.to_string(),
                "size": manifest.size,
            });
            if let Some(kind) = &manifest.artifact_type {
                descriptor["artifactType"] = json!(kind);
            }
            if let Some(annotations) = &manifest.annotations {
                descriptor["annotations"] = annotations.clone();
            }
            found.push(descriptor);
        }
    }
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": found});
    let mut headers: Vec<Header> = vec![("content-type", OCI_INDEX.into())];
    if wanted.is_some() {
        headers.push(("oci-filters-applied", "artifactType".into()));
    }
    answer::answer(StatusCode::OK, headers, index.to_string())
}
