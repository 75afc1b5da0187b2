//! Serves the collaborators of a package: the demo environment has none, and no open invitation.

use std::sync::Arc;

use axum::extract::{Path, State as With};
use axum::http::HeaderMap;
use serde_json::json;

use super::answer::{Answer, json_ok};
use super::tokens::permitted;
use super::{Charmhub, publisher_json};

/// Handles `GET /v1/charm/{name}/collaborators`.
pub async fn list(With(store): With<Arc<Charmhub>>, Path(name): Path<String>, headers: HeaderMap) -> Answer {
    permitted(&store.read(), &headers, "package-view-acl", &name)?;
    Ok(json_ok(
        &json!({"collaborators": [], "publisher": publisher_json()}),
    ))
}

/// Handles `GET /v1/charm/{name}/collaborators/invites`.
pub async fn invites(
    With(store): With<Arc<Charmhub>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Answer {
    permitted(&store.read(), &headers, "package-view-acl", &name)?;
    Ok(json_ok(&json!({"invites": []})))
}
