//! The GraphQL questions that `gh` asks: before it dispatches a workflow, for a repository and its
//! default branch; before it sets a secret of an organization, for the numbers of repositories.
//!
//! Owns no language: it looks for those questions' variables and answers all fields `gh` may want.

use serde_json::json;

use super::reply::{Call, Reply};
use super::shapes::{node, number};
use super::store::Store;

/// `POST /graphql`.
pub(super) fn serve(store: &Store, call: &Call) -> Result<Reply, Reply> {
    if !call.signed_in {
        return Err(Reply::fail(
            401,
            "This endpoint requires you to be authenticated.",
        ));
    }
    let body = call.json()?;
    let query = body["query"].as_str().unwrap_or_default();
    let text = |key: &str| body["variables"][key].as_str().unwrap_or_default();
    if query.contains("databaseId") {
        return Ok(numbers(store, query));
    }
    if !query.contains("repository(") || !query.contains("defaultBranchRef") {
        return Ok(Reply::ok(
            json!({"errors": [{"message": "This world answers questions about a repository only."}]}),
        ));
    }
    let name = if text("name").is_empty() {
        text("repo")
    } else {
        text("name")
    };
    let Some(full) = store.name_of(text("owner"), name) else {
        let message = format!(
            "Could not resolve to a Repository with the name '{}/{name}'.",
            text("owner")
        );
        let errors = json!([{"type": "NOT_FOUND", "path": ["repository"], "message": message}]);
        return Ok(Reply::ok(json!({"data": {"repository": null}, "errors": errors})));
    };
    let branch = store.repo(&full).map_or("main", |repo| repo.default_branch());
    let (owner, name) = full.split_once('/').unwrap_or(("", &full));
    Ok(Reply::ok(json!({"data": {"repository": {
        "id": node("R", &full),
        "name": name,
        "owner": {"id": node("U", owner), "login": owner},
        "nameWithOwner": full,
        "url": format!("https://github.com/{full}"),
        "description": "",
        "hasIssuesEnabled": true,
        "hasWikiEnabled": false,
        "isPrivate": false,
        "viewerPermission": if Store::writable(&full) { "ADMIN" } else { "READ" },
        "defaultBranchRef": {"name": branch},
        "parent": null,
        "mergeCommitAllowed": true,
        "rebaseMergeAllowed": true,
        "squashMergeAllowed": true,
    }}})))
}

/// Answers `alias: repository(owner: "…", name: "…") { databaseId }` for every alias.
fn numbers(store: &Store, query: &str) -> Reply {
    let mut data = json!({});
    let mut errors = Vec::new();
    let quoted = |text: &str, key: &str| {
        let (_, rest) = text.split_once(key)?;
        Some(rest.split('"').nth(1)?.to_owned())
    };
    for (at, _) in query.match_indices(": repository(") {
        let (before, after) = query.split_at(at);
        let alias = before
            .rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .next()
            .unwrap_or_default();
        let owner = quoted(after, "owner:").unwrap_or_default();
        let name = quoted(after, "name:").unwrap_or_default();
        let known = store.name_of(&owner, &name);
        data[alias] = json!(known.as_ref().map(|full| json!({"databaseId": number(full)})));
        if known.is_none() {
            let message = format!("Could not resolve to a Repository with the name '{owner}/{name}'.");
            errors.push(json!({"type": "NOT_FOUND", "path": [alias], "message": message}));
        }
    }
    let mut body = json!({ "data": data });
    if !errors.is_empty() {
        body["errors"] = json!(errors);
    }
    Reply::ok(body)
}
