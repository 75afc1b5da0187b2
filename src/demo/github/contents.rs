//! Serves files, commits, branches and releases of a repository.
//!
//! Covers the read side outside the git database, and the one-file commit.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::git::{people, saved, wrapped};
use super::objects::{Commit, Entry, ObjectKind, Objects};
use super::reply::{Call, Reply};
use super::settings;
use super::shapes;
use super::store::{Repo, Store};

/// Handles GET below a repository.
pub(super) fn read(repo: &Repo, url: &str, call: &Call, rest: &[&str]) -> Result<Reply, Reply> {
    match rest {
        ["contents", path @ ..] => content(repo, url, call, &path.join("/")),
        ["commits"] => commits(repo, url, call),
        ["commits", name @ ..] => {
            let id = repo.objects.resolve(&name.join("/"));
            let id =
                id.ok_or_else(|| Reply::fail(422, &format!("No commit found for SHA: {}", name.join("/"))))?;
            Ok(Reply::ok(
                whole_commit(&repo.objects, url, &id).ok_or_else(Reply::not_found)?,
            ))
        }
        ["branches"] => {
            let heads = repo.objects.refs.iter().filter_map(|(name, id)| {
                let name = name.strip_prefix("refs/heads/")?;
                Some(json!({
                    "name": name,
                    "commit": {"sha": id, "url": format!("{url}/commits/{id}")},
                    "protected": false,
                }))
            });
            Ok(Reply::list(call, heads.collect()))
        }
        ["branches", name @ ..] => branch(repo, url, &name.join("/")),
        ["releases" | "tags"] => Ok(Reply::list(call, Vec::new())),
        ["compare", range @ ..] => settings::compare(repo, url, call, &range.join("/")),
        ["environments", rest @ ..] => settings::environments(rest),
        ["check-runs", _, "annotations"] => Ok(Reply::list(call, Vec::new())),
        _ => Err(Reply::not_found()),
    }
}

fn branch(repo: &Repo, url: &str, name: &str) -> Result<Reply, Reply> {
    let id = repo.objects.refs.get(&format!("refs/heads/{name}"));
    let id = id.ok_or_else(|| Reply::fail(404, "Branch not found"))?;
    let commit = repo.objects.commit(id).ok_or_else(Reply::not_found)?;
    let page = url.split_once("/repos/").map_or("", |(_, path)| path);
    Ok(Reply::ok(json!({
        "name": name,
        "commit": shapes::commit(url, id, &commit),
        "_links": {
            "self": format!("{url}/branches/{name}"),
            "html": format!("https://github.com/{page}/tree/{name}"),
        },
        "protected": false,
        "protection": {
            "enabled": false,
            "required_status_checks": {"enforcement_level": "off", "contexts": [], "checks": []},
        },
        "protection_url": format!("{url}/branches/{name}/protection"),
    })))
}

fn commits(repo: &Repo, url: &str, call: &Call) -> Result<Reply, Reply> {
    let start = call.get("sha").unwrap_or(repo.default_branch());
    let start = repo.objects.resolve(start).ok_or_else(Reply::not_found)?;
    let bound = |key| {
        call.get(key)
            .and_then(|text| DateTime::parse_from_rfc3339(text).ok())
            .map(|at| at.with_timezone(&Utc))
    };
    let (since, until) = (bound("since"), bound("until"));
    let path = call.get("path").filter(|path| !path.is_empty());
    let found = repo.objects.log(&start, path).into_iter().filter(|(_, commit)| {
        let at = commit.committer.at;
        since.is_none_or(|since| at >= since) && until.is_none_or(|until| at <= until)
    });
    Ok(Reply::list(
        call,
        found
            .map(|(id, commit)| shapes::commit(url, &id, &commit))
            .collect(),
    ))
}

/// Returns a commit with its changes.
fn whole_commit(objects: &Objects, url: &str, id: &str) -> Option<Value> {
    let commit = objects.commit(id)?;
    let mut document = shapes::commit(url, id, &commit);
    let parent = commit.parents.first().and_then(|parent| objects.commit(parent));
    let changed = changed_files(objects, url, parent.as_ref(), id);
    let sum = |key: &str| changed.iter().filter_map(|file| file[key].as_u64()).sum::<u64>();
    let (added, removed) = (sum("additions"), sum("deletions"));
    document["stats"] = json!({"total": added + removed, "additions": added, "deletions": removed});
    document["files"] = Value::Array(changed);
    Some(document)
}

/// Returns the files in which commit `id` differs from `before`, in the form of lists of changed
/// files.
pub(super) fn changed_files(objects: &Objects, url: &str, before: Option<&Commit>, id: &str) -> Vec<Value> {
    let files = |tree: Option<&str>| {
        let mut entries = Vec::new();
        if let Some(tree) = tree {
            objects.walk(tree, "", &mut entries);
        }
        entries
            .into_iter()
            .filter(|(_, entry)| !entry.is_tree())
            .collect::<BTreeMap<String, Entry>>()
    };
    let old = files(before.map(|parent| parent.tree.as_str()));
    let new = files(objects.commit(id).as_ref().map(|commit| commit.tree.as_str()));
    let lines = |entry: Option<&Entry>| {
        let data = entry
            .and_then(|entry| objects.get(&entry.id, ObjectKind::Blob))
            .unwrap_or_default();
        String::from_utf8_lossy(data)
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let mut changed = Vec::new();
    let page = url.split_once("/repos/").map_or("", |(_, path)| path);
    for path in old
        .keys()
        .chain(new.keys().filter(|path| !old.contains_key(*path)))
    {
        let (before, after) = (old.get(path), new.get(path));
        if before == after {
            continue;
        }
        let (from, to) = (lines(before), lines(after));
        let plus = to.iter().filter(|line| !from.contains(line)).count();
        let minus = from.iter().filter(|line| !to.contains(line)).count();
        let status = match (before, after) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "modified",
        };
        changed.push(json!({
            "sha": after.or(before).map(|entry| entry.id.clone()),
            "filename": path,
            "status": status,
            "additions": plus,
            "deletions": minus,
            "changes": plus + minus,
            "blob_url": format!("https://github.com/{page}/blob/{id}/{path}"),
            "raw_url": format!("https://github.com/{page}/raw/{id}/{path}"),
            "contents_url": format!("{url}/contents/{path}?ref={id}"),
        }));
    }
    changed
}

fn content(repo: &Repo, url: &str, call: &Call, path: &str) -> Result<Reply, Reply> {
    let name = call
        .get("ref")
        .filter(|name| !name.is_empty())
        .unwrap_or(repo.default_branch());
    let objects = &repo.objects;
    let missing = || Reply::fail(404, &format!("No commit found for the ref {name}"));
    let commit = objects
        .resolve(name)
        .and_then(|id| objects.commit(&id))
        .ok_or_else(missing)?;
    let path = path.trim_matches('/');
    let entry = objects.at(&commit.tree, path).ok_or_else(Reply::not_found)?;
    if !entry.is_tree() {
        let data = objects
            .get(&entry.id, ObjectKind::Blob)
            .ok_or_else(Reply::not_found)?;
        if call.wants_raw() {
            return Ok(Reply::raw(data.to_vec()));
        }
        return Ok(Reply::ok(file(url, path, name, &entry, data)));
    }
    let prefix = if path.is_empty() {
        String::new()
    } else {
        format!("{path}/")
    };
    let below = objects.tree(&entry.id).unwrap_or_default();
    let entries: Vec<Value> = below
        .iter()
        .map(|entry| {
            shapes::content(
                url,
                &format!("{prefix}{}", entry.name),
                name,
                entry,
                objects.size(&entry.id),
            )
        })
        .collect();
    if call.accept.contains(".object") {
        let mut folder = shapes::content(url, path, name, &entry, 0);
        folder["entries"] = Value::Array(entries);
        return Ok(Reply::ok(folder));
    }
    Ok(Reply::ok(Value::Array(entries)))
}

fn file(url: &str, path: &str, reference: &str, entry: &Entry, data: &[u8]) -> Value {
    let mut file = shapes::content(url, path, reference, entry, data.len());
    file["content"] = json!(wrapped(data));
    file["encoding"] = json!("base64");
    file
}

/// Handles `PUT contents/{path}`: one file, one commit.
pub(super) fn put(store: &mut Store, name: &str, url: &str, call: &Call, path: &str) -> Result<Reply, Reply> {
    let body = call.json()?;
    let repo = store.repo_mut(name).ok_or_else(Reply::not_found)?;
    let message = body["message"]
        .as_str()
        .ok_or_else(|| Reply::fail(422, "\"message\" wasn't supplied."))?;
    let content: String = body["content"]
        .as_str()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let data = STANDARD
        .decode(content)
        .map_err(|_| Reply::fail(422, "content is not valid Base64"))?;
    let branch = body["branch"]
        .as_str()
        .unwrap_or(repo.default_branch())
        .to_owned();
    let branch = branch.strip_prefix("refs/heads/").unwrap_or(&branch).to_owned();
    let objects = &mut repo.objects;
    let full = format!("refs/heads/{branch}");
    let tip = objects.refs.get(&full).cloned();
    let tip = tip.ok_or_else(|| Reply::fail(404, &format!("Branch {branch} not found")))?;
    let base = objects.commit(&tip).ok_or_else(Reply::not_found)?;
    let old = objects.at(&base.tree, path).filter(|entry| !entry.is_tree());
    match (&old, body["sha"].as_str()) {
        (Some(_), None) => return Err(Reply::fail(422, "Invalid request.\n\n\"sha\" wasn't supplied.")),
        (Some(old), Some(given)) if old.id != given => {
            return Err(Reply::fail(409, &format!("{path} does not match {given}")));
        }
        _ => {}
    }
    let blob = objects.add(ObjectKind::Blob, data.clone());
    let tree = objects
        .with(Some(&base.tree), path, Some(("100644", &blob)))
        .ok_or_else(Reply::not_found)?;
    let (author, committer) = people(&body);
    let commit = Commit {
        tree,
        parents: vec![tip],
        author,
        committer,
        message: message.to_owned(),
    };
    let id = objects.add_commit(&commit);
    objects.refs.insert(full, id.clone());
    let entry = Entry {
        mode: "100644".into(),
        name: path.to_owned(),
        id: blob,
    };
    let document = json!({
        "content": shapes::content(url, path, &branch, &entry, data.len()),
        "commit": shapes::git_commit(url, &id, &commit),
    });
    saved(store)?;
    Ok(Reply::json(if old.is_some() { 200 } else { 201 }, document))
}
