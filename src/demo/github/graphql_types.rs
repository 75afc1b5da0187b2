//! Defines the types of the demo's GraphQL schema: which fields an object has, and their values.
//!
//! An object is JSON with its `__typename`; fields that take arguments or lead to other objects
//! are computed when they are selected.

use serde_json::{Map, Value, json};

use super::LOGIN;
use super::objects::{Commit, Entry, ObjectKind};
use super::shapes::{node, number, time};
use super::store::{ORGANIZATION, Repo, Store};

/// Holds the arguments of a field, with variables filled in.
pub(super) struct Arguments(pub Map<String, Value>);

impl Arguments {
    fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn count(&self, name: &str) -> Option<usize> {
        self.0.get(name)?.as_u64().map(|count| count as usize)
    }
}

/// Why a field has no value.
pub(super) enum Miss {
    /// The schema has no such field.
    Undefined,
    /// The object that the arguments name does not exist.
    NotFound(String),
}

/// Returns true if `object` has the type `kind` or implements the interface `kind`.
pub(super) fn is_kind(object: &Value, kind: &str) -> bool {
    let own = object["__typename"].as_str().unwrap_or_default();
    own == kind
        || match kind {
            "Node" => object.get("id").is_some(),
            "Actor" | "ProfileOwner" => matches!(own, "User" | "Organization"),
            "RepositoryOwner" => matches!(own, "User" | "Organization"),
            "GitObject" => matches!(own, "Blob" | "Tree" | "Commit"),
            _ => false,
        }
}

/// Returns the value of field `name` of `parent`.
pub(super) fn field(
    store: &Store,
    base: &str,
    parent: &Value,
    name: &str,
    arguments: &Arguments,
) -> Result<Value, Miss> {
    let kind = parent["__typename"].as_str().unwrap_or_default();
    match (kind, name) {
        (_, "__typename") => Ok(json!(kind)),
        ("Query", _) => root(store, base, name, arguments),
        ("Repository", _) => in_repository(store, parent, name, arguments),
        ("User" | "Organization", "repositories") => {
            let login = parent["login"].as_str().unwrap_or_default();
            let repositories = store.names().filter(|full| owner_of(full) == login);
            let found = repositories.filter_map(|full| repository(store, full)).collect();
            Ok(connection(found, arguments))
        }
        ("Tree", "entries") => {
            let (full, id) = whereabouts(parent);
            let repo = store.repo(full).ok_or(Miss::Undefined)?;
            let entries = repo.objects.tree(id).unwrap_or_default();
            Ok(entries
                .iter()
                .map(|entry| tree_entry(full, repo, entry))
                .collect())
        }
        ("TreeEntry", "object") => {
            let (full, id) = whereabouts(parent);
            let repo = store.repo(full).ok_or(Miss::Undefined)?;
            Ok(object(full, repo, id))
        }
        ("Ref", "target") => {
            let (full, id) = whereabouts(parent);
            let repo = store.repo(full).ok_or(Miss::Undefined)?;
            Ok(object(full, repo, id))
        }
        ("Commit", "tree") => {
            let (full, id) = whereabouts(parent);
            let repo = store.repo(full).ok_or(Miss::Undefined)?;
            let tree = repo.objects.commit(id).map(|commit| commit.tree);
            Ok(tree.map_or(Value::Null, |tree| object(full, repo, &tree)))
        }
        ("Commit", "history") => {
            let (full, id) = whereabouts(parent);
            let repo = store.repo(full).ok_or(Miss::Undefined)?;
            let path = Some(arguments.text("path")).filter(|path| !path.is_empty());
            let log = repo.objects.log(id, path).into_iter();
            let commits = log.map(|(id, commit)| commit_object(full, &id, &commit));
            Ok(connection(commits.collect(), arguments))
        }
        _ => {
            let value = parent.get(name).filter(|_| !name.starts_with("__"));
            let value = value.cloned().ok_or(Miss::Undefined)?;
            match value.get("__items") {
                Some(Value::Array(items)) => Ok(connection(items.clone(), arguments)),
                _ => Ok(value),
            }
        }
    }
}

fn root(store: &Store, base: &str, name: &str, arguments: &Arguments) -> Result<Value, Miss> {
    let login = arguments.text("login");
    match name {
        "viewer" => Ok(account(base, LOGIN)),
        "repository" => {
            let (owner, name) = (arguments.text("owner"), arguments.text("name"));
            let full = store.name_of(owner, name).or_else(|| {
                let moved = Store::moved(owner, name)
                    .filter(|_| arguments.0.get("followRenames") != Some(&json!(false)));
                store.numbered(moved?)
            });
            full.and_then(|full| repository(store, &full)).ok_or_else(|| {
                Miss::NotFound(format!(
                    "Could not resolve to a Repository with the name '{owner}/{name}'."
                ))
            })
        }
        "user" | "organization" | "repositoryOwner" => {
            let fits = match name {
                "user" => login.eq_ignore_ascii_case(LOGIN),
                "organization" => login.eq_ignore_ascii_case(ORGANIZATION),
                _ => [LOGIN, ORGANIZATION]
                    .iter()
                    .any(|known| login.eq_ignore_ascii_case(known)),
            };
            if fits {
                return Ok(account(base, &login.to_lowercase()));
            }
            if name == "repositoryOwner" {
                return Ok(Value::Null);
            }
            let kind = if name == "user" {
                "a User"
            } else {
                "an Organization"
            };
            Err(Miss::NotFound(format!(
                "Could not resolve to {kind} with the login of '{login}'."
            )))
        }
        "rateLimit" => Ok(json!({
            "__typename": "RateLimit", "limit": 5000, "cost": 1, "remaining": 4999, "used": 1, "nodeCount": 1,
        })),
        "__type" => Ok(described(store, arguments.text("name"))),
        _ => Err(Miss::Undefined),
    }
}

/// Answers introspection of a type: clients ask whether it has a field.
fn described(store: &Store, kind: &str) -> Value {
    let mut fields: Vec<String> = match kind {
        "Repository" => {
            let any = store.names().next().cloned();
            let any = any.and_then(|full| repository(store, &full));
            any.and_then(|any| any.as_object().map(|any| any.keys().cloned().collect()))
                .unwrap_or_default()
        }
        "Release" => [
            "databaseId",
            "name",
            "tagName",
            "isDraft",
            "isImmutable",
            "isLatest",
            "isPrerelease",
            "createdAt",
            "publishedAt",
            "url",
        ]
        .map(str::to_owned)
        .to_vec(),
        _ => return Value::Null,
    };
    fields.retain(|name| !name.starts_with("__"));
    let fields: Vec<Value> = fields
        .into_iter()
        .map(|name| json!({"__typename": "__Field", "name": name}))
        .collect();
    json!({"__typename": "__Type", "name": kind, "kind": "OBJECT", "fields": fields})
}

fn owner_of(full: &str) -> &str {
    full.split_once('/').map_or(full, |(owner, _)| owner)
}

/// Returns repository and object id that an object was made from.
fn whereabouts(parent: &Value) -> (&str, &str) {
    let text = |key: &str| parent[key].as_str().unwrap_or_default();
    (text("__repository"), text("__id"))
}

/// Returns a page of `items` according to `first`, `last` and `after`.
fn connection(items: Vec<Value>, arguments: &Arguments) -> Value {
    let count = items.len();
    let after: usize = arguments.text("after").parse().unwrap_or(0);
    let skipped = match arguments.count("last") {
        Some(last) => count.saturating_sub(last),
        None => after,
    };
    let size = arguments
        .count("first")
        .or(arguments.count("last"))
        .unwrap_or(100)
        .min(100);
    let nodes: Vec<Value> = items.into_iter().skip(skipped).take(size).collect();
    let end = skipped + nodes.len();
    let edges: Vec<Value> = nodes
        .iter()
        .enumerate()
        .map(|(at, node)| json!({"__typename": "Edge", "cursor": (skipped + at + 1).to_string(), "node": node}))
        .collect();
    json!({
        "__typename": "Connection",
        "totalCount": count,
        "nodes": nodes,
        "edges": edges,
        "pageInfo": {
            "__typename": "PageInfo",
            "hasNextPage": end < count,
            "hasPreviousPage": skipped > 0,
            "startCursor": (end > skipped).then(|| (skipped + 1).to_string()),
            "endCursor": (end > skipped).then(|| end.to_string()),
        },
    })
}

fn account(base: &str, login: &str) -> Value {
    let organization = login == ORGANIZATION;
    let mut account = json!({
        "__typename": if organization { "Organization" } else { "User" },
        "id": node("U", login),
        "databaseId": number(login),
        "login": login,
        "name": if organization { "FINOS" } else { "Demo Operator" },
        "email": "",
        "url": format!("https://github.com/{login}"),
        "avatarUrl": format!("https://avatars.githubusercontent.com/u/{}?v=4", number(login)),
        "resourcePath": format!("/{login}"),
    });
    if login == LOGIN {
        account["organizations"] = json!({"__items": [account_of_organization(base)]});
        account["isViewer"] = json!(true);
    }
    account
}

fn account_of_organization(base: &str) -> Value {
    account(base, ORGANIZATION)
}

fn repository(store: &Store, full: &str) -> Option<Value> {
    let repo = store.repo(full)?;
    let (owner, name) = full.split_once('/')?;
    let pushed = time(repo.pushed());
    let branch = repo.default_branch();
    let none = json!({"__items": []});
    let mut body = json!({
        "__typename": "Repository",
        "__repository": full,
        "id": node("R", full),
        "databaseId": number(full),
        "name": name,
        "nameWithOwner": full,
        "owner": account("", owner),
        "url": format!("https://github.com/{full}"),
        "sshUrl": format!("git@github.com:{full}.git"),
        "resourcePath": format!("/{full}"),
        "homepageUrl": null,
        "mirrorUrl": null,
        "description": null,
        "visibility": "PUBLIC",
        "createdAt": "2021-01-12T10:00:00Z",
        "pushedAt": pushed,
        "updatedAt": pushed,
        "archivedAt": null,
        "diskUsage": 100,
        "forkCount": 0,
        "stargazerCount": 0,
        "viewerPermission": if Store::writable(full) { "ADMIN" } else { "READ" },
        "viewerCanAdminister": Store::writable(full),
        "viewerHasStarred": false,
        "viewerSubscription": "UNSUBSCRIBED",
        "viewerDefaultMergeMethod": "MERGE",
        "defaultBranchRef": reference(full, repo, &format!("refs/heads/{branch}")),
        "parent": null,
        "templateRepository": null,
        "latestRelease": null,
        "licenseInfo": null,
        "primaryLanguage": null,
        "codeOfConduct": null,
    });
    for (key, value) in [
        ("isPrivate", false),
        ("isFork", false),
        ("isArchived", false),
        ("isTemplate", false),
        ("isEmpty", false),
        ("isMirror", false),
        ("isDisabled", false),
        ("isInOrganization", owner == ORGANIZATION),
        ("isBlankIssuesEnabled", true),
        ("isSecurityPolicyEnabled", false),
        ("isUserConfigurationRepository", false),
        ("usesCustomOpenGraphImage", false),
        ("hasIssuesEnabled", true),
        ("hasProjectsEnabled", true),
        ("hasWikiEnabled", false),
        ("hasDiscussionsEnabled", false),
        ("mergeCommitAllowed", true),
        ("rebaseMergeAllowed", true),
        ("squashMergeAllowed", true),
        ("autoMergeAllowed", false),
        ("deleteBranchOnMerge", false),
    ] {
        body[key] = json!(value);
    }
    for key in [
        "releases",
        "issues",
        "pullRequests",
        "labels",
        "milestones",
        "languages",
        "repositoryTopics",
        "watchers",
        "rulesets",
        "assignableUsers",
        "mentionableUsers",
        "projectsV2",
        "deployments",
        "environments",
    ] {
        body[key] = none.clone();
    }
    for key in ["ref", "refs", "object", "release"] {
        body[key] = Value::Null;
    }
    Some(body)
}

fn in_repository(store: &Store, parent: &Value, name: &str, arguments: &Arguments) -> Result<Value, Miss> {
    let (full, _) = whereabouts(parent);
    let repo = store.repo(full).ok_or(Miss::Undefined)?;
    match name {
        "ref" => {
            let wanted = arguments.text("qualifiedName");
            let names = ["", "refs/", "refs/heads/"].map(|prefix| format!("{prefix}{wanted}"));
            let known = names.iter().find(|name| repo.objects.refs.contains_key(*name));
            Ok(known.map_or(Value::Null, |name| reference(full, repo, name)))
        }
        "refs" => {
            let prefix = arguments.text("refPrefix");
            let query = arguments.text("query");
            let names = repo.objects.refs.keys();
            let found =
                names.filter(|name| name.strip_prefix(prefix).is_some_and(|rest| rest.contains(query)));
            Ok(connection(
                found.map(|name| reference(full, repo, name)).collect(),
                arguments,
            ))
        }
        "object" => {
            let id = match arguments.text("oid") {
                "" => expression(repo, arguments.text("expression")),
                id => Some(id.to_owned()),
            };
            Ok(id.map_or(Value::Null, |id| object(full, repo, &id)))
        }
        _ => {
            let value = parent.get(name).filter(|_| !name.starts_with("__"));
            let value = value.cloned().ok_or(Miss::Undefined)?;
            match value.get("__items") {
                Some(Value::Array(items)) => Ok(connection(items.clone(), arguments)),
                _ => Ok(value),
            }
        }
    }
}

/// Returns the id of `REVISION` or `REVISION:PATH`.
fn expression(repo: &Repo, text: &str) -> Option<String> {
    let (revision, path) = match text.split_once(':') {
        Some((revision, path)) => (revision, Some(path)),
        None => (text, None),
    };
    let revision = if revision == "HEAD" {
        repo.default_branch()
    } else {
        revision
    };
    if path.is_none() && repo.objects.has(revision) {
        return Some(revision.to_owned());
    }
    let id = repo.objects.resolve(revision)?;
    let Some(path) = path else { return Some(id) };
    let tree = repo.objects.commit(&id)?.tree;
    Some(repo.objects.at(&tree, path)?.id)
}

fn reference(full: &str, repo: &Repo, qualified: &str) -> Value {
    let Some(id) = repo.objects.refs.get(qualified) else {
        return Value::Null;
    };
    let (prefix, name) = ["refs/heads/", "refs/tags/", "refs/"]
        .iter()
        .find_map(|prefix| Some((*prefix, qualified.strip_prefix(prefix)?)))
        .unwrap_or(("", qualified));
    json!({
        "__typename": "Ref",
        "__repository": full,
        "__id": id,
        "id": node("REF", qualified),
        "name": name,
        "prefix": prefix,
        "target": null,
    })
}

fn tree_entry(full: &str, repo: &Repo, entry: &Entry) -> Value {
    json!({
        "__typename": "TreeEntry",
        "__repository": full,
        "__id": entry.id,
        "name": entry.name,
        "mode": u32::from_str_radix(&entry.mode, 8).unwrap_or_default(),
        "oid": entry.id,
        "type": if entry.is_tree() { "tree" } else { "blob" },
        "size": if entry.is_tree() { 0 } else { repo.objects.size(&entry.id) },
        "object": null,
    })
}

fn commit_object(full: &str, id: &str, commit: &Commit) -> Value {
    let person = |person: &super::objects::Person| {
        json!({
            "__typename": "GitActor", "name": person.name, "email": person.email, "date": time(person.at), "user": null,
        })
    };
    json!({
        "__typename": "Commit",
        "__repository": full,
        "__id": id,
        "id": node("C", id),
        "oid": id,
        "abbreviatedOid": &id[..7.min(id.len())],
        "message": commit.message,
        "messageHeadline": commit.message.lines().next(),
        "committedDate": time(commit.committer.at),
        "authoredDate": time(commit.author.at),
        "author": person(&commit.author),
        "committer": person(&commit.committer),
        "url": format!("https://github.com/{full}/commit/{id}"),
        "tree": null,
        "history": null,
    })
}

/// Returns the object with this id, or null.
fn object(full: &str, repo: &Repo, id: &str) -> Value {
    let objects = &repo.objects;
    if let Some(commit) = objects.commit(id) {
        return commit_object(full, id, &commit);
    }
    if let Some(data) = objects.get(id, ObjectKind::Blob) {
        let text = std::str::from_utf8(data).ok();
        return json!({
            "__typename": "Blob",
            "id": node("B", id),
            "oid": id,
            "abbreviatedOid": &id[..7.min(id.len())],
            "byteSize": data.len(),
            "isBinary": text.is_none(),
            "isTruncated": false,
            "text": text,
        });
    }
    if objects.get(id, ObjectKind::Tree).is_some() {
        return json!({
            "__typename": "Tree",
            "__repository": full,
            "__id": id,
            "id": node("T", id),
            "oid": id,
            "abbreviatedOid": &id[..7.min(id.len())],
            "entries": null,
        });
    }
    Value::Null
}
