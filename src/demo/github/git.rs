//! Serves the git database: trees, blobs, commits, references; reading and writing.
//!
//! Handles `/repos/{o}/{r}/git/...`. A reference moves only after its objects are stored.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::LOGIN;
use super::objects::{Commit, ObjectKind, Objects, Person};
use super::reply::{Call, Reply};
use super::shapes;
use super::store::{Repo, Store};

/// Handles GET below `git/`.
pub(super) fn read(repo: &Repo, url: &str, call: &Call, rest: &[&str]) -> Result<Reply, Reply> {
    let objects = &repo.objects;
    match rest {
        ["trees", name @ ..] if !name.is_empty() => {
            let name = name.join("/");
            let tree = tree_of(objects, &name).ok_or_else(Reply::not_found)?;
            let recursive = call.query.iter().any(|(key, _)| key == "recursive");
            Ok(Reply::ok(tree_document(objects, url, &tree, recursive)))
        }
        ["blobs", id] => {
            let data = objects.get(id, ObjectKind::Blob).ok_or_else(Reply::not_found)?;
            if call.wants_raw() {
                return Ok(Reply::raw(data.to_vec()));
            }
            Ok(Reply::ok(json!({
                "sha": id,
                "node_id": shapes::node("B", id),
                "size": data.len(),
                "url": format!("{url}/git/blobs/{id}"),
                "content": wrapped(data),
                "encoding": "base64",
            })))
        }
        ["commits", id] => {
            let commit = objects.commit(id).ok_or_else(Reply::not_found)?;
            Ok(Reply::ok(shapes::git_commit(url, id, &commit)))
        }
        ["ref" | "refs", name @ ..] if !name.is_empty() => {
            let name = format!("refs/{}", name.join("/"));
            let id = objects.refs.get(&name).ok_or_else(Reply::not_found)?;
            Ok(Reply::ok(shapes::reference(url, &name, id)))
        }
        ["matching-refs", name @ ..] => {
            let prefix = format!("refs/{}", name.join("/"));
            let found = objects.refs.iter().filter(|(name, _)| name.starts_with(&prefix));
            Ok(Reply::ok(
                found.map(|(name, id)| shapes::reference(url, name, id)).collect(),
            ))
        }
        _ => Err(Reply::not_found()),
    }
}

/// Returns the tree of an id, a branch, or `branch:folder`.
fn tree_of(objects: &Objects, name: &str) -> Option<String> {
    if objects.get(name, ObjectKind::Tree).is_some() {
        return Some(name.to_owned());
    }
    let (name, path) = name.split_once(':').unwrap_or((name, ""));
    let commit = objects.commit(&objects.resolve(name)?)?;
    objects
        .at(&commit.tree, path)
        .filter(super::objects::Entry::is_tree)
        .map(|entry| entry.id)
}

fn tree_document(objects: &Objects, url: &str, id: &str, recursive: bool) -> Value {
    let mut entries = Vec::new();
    if recursive {
        objects.walk(id, "", &mut entries);
    } else {
        entries.extend(
            objects
                .tree(id)
                .unwrap_or_default()
                .into_iter()
                .map(|entry| (entry.name.clone(), entry)),
        );
    }
    let tree: Vec<Value> = entries
        .iter()
        .map(|(path, entry)| shapes::entry(url, path, entry, objects.size(&entry.id)))
        .collect();
    json!({"sha": id, "url": format!("{url}/git/trees/{id}"), "tree": tree, "truncated": false})
}

/// Returns base64 in lines of 60 characters, as GitHub writes it.
pub(super) fn wrapped(data: &[u8]) -> String {
    let text = STANDARD.encode(data);
    let mut out = String::with_capacity(text.len() + text.len() / 60 + 1);
    for (at, c) in text.chars().enumerate() {
        if at > 0 && at % 60 == 0 {
            out.push('\n');
        }
        out.push(c);
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// Handles POST, PATCH and DELETE below `git/`.
pub(super) fn write(
    store: &mut Store,
    name: &str,
    url: &str,
    call: &Call,
    rest: &[&str],
) -> Result<Reply, Reply> {
    let repo = store.repo_mut(name).ok_or_else(Reply::not_found)?;
    let default = format!("refs/heads/{}", repo.default_branch());
    let objects = &mut repo.objects;
    let reply = match (call.method.as_str(), rest) {
        ("POST", ["blobs"]) => new_blob(objects, url, &call.json()?)?,
        ("POST", ["trees"]) => new_tree(objects, url, &call.json()?)?,
        ("POST", ["commits"]) => new_commit(objects, url, &call.json()?)?,
        ("POST", ["refs"]) => new_ref(objects, url, &call.json()?)?,
        ("PATCH", ["refs", branch @ ..]) => {
            move_ref(objects, url, &format!("refs/{}", branch.join("/")), &call.json()?)?
        }
        ("DELETE", ["refs", branch @ ..]) => {
            let branch = format!("refs/{}", branch.join("/"));
            if branch == default {
                return Err(Reply::fail(422, "Cannot delete the default branch"));
            }
            objects
                .refs
                .remove(&branch)
                .ok_or_else(|| Reply::fail(422, "Reference does not exist"))?;
            Reply::no_content()
        }
        _ => return Err(Reply::not_found()),
    };
    saved(store)?;
    Ok(reply)
}

/// Saves the change before the answer is sent.
pub(super) fn saved(store: &Store) -> Result<(), Reply> {
    store
        .save_objects()
        .map_err(|error| Reply::fail(500, &error.to_string()))
}

fn new_blob(objects: &mut Objects, url: &str, body: &Value) -> Result<Reply, Reply> {
    let content = body["content"]
        .as_str()
        .ok_or_else(|| Reply::invalid("Blob", "content", "missing_field"))?;
    let data = match body["encoding"].as_str() {
        Some("base64") => {
            let bare: String = content.split_whitespace().collect();
            STANDARD
                .decode(bare)
                .map_err(|_| Reply::fail(422, "content is not valid Base64"))?
        }
        _ => content.as_bytes().to_vec(),
    };
    let id = objects.add(ObjectKind::Blob, data);
    Ok(Reply::created(
        json!({"sha": id, "url": format!("{url}/git/blobs/{id}")}),
    ))
}

fn new_tree(objects: &mut Objects, url: &str, body: &Value) -> Result<Reply, Reply> {
    let entries = body["tree"]
        .as_array()
        .ok_or_else(|| Reply::fail(422, "Invalid tree info"))?;
    let mut tree = match body["base_tree"].as_str() {
        Some(base) => Some(
            tree_of(objects, base).ok_or_else(|| Reply::fail(422, "base_tree is not a valid tree oid"))?,
        ),
        None => None,
    };
    for entry in entries {
        let path = entry["path"]
            .as_str()
            .filter(|path| !path.is_empty() && !path.starts_with('/'));
        let path = path.ok_or_else(|| Reply::fail(422, "tree.path cannot be blank"))?;
        let mode = entry["mode"].as_str().unwrap_or("100644");
        let id = match (entry["sha"].as_str(), entry["content"].as_str()) {
            (Some(id), _) if objects.has(id) => Some(id.to_owned()),
            (Some(id), _) => return Err(Reply::fail(422, &format!("tree.sha {id} is not a valid blob"))),
            (None, Some(content)) => Some(objects.add(ObjectKind::Blob, content.as_bytes().to_vec())),
            (None, None) => None,
        };
        tree = objects.with(tree.as_deref(), path, id.as_deref().map(|id| (mode, id)));
    }
    let tree = match tree {
        Some(tree) => tree,
        None => objects.add_tree(Vec::new()),
    };
    Ok(Reply::created(tree_document(objects, url, &tree, false)))
}

fn new_commit(objects: &mut Objects, url: &str, body: &Value) -> Result<Reply, Reply> {
    let message = body["message"]
        .as_str()
        .ok_or_else(|| Reply::invalid("Commit", "message", "missing_field"))?;
    let tree = body["tree"]
        .as_str()
        .filter(|tree| objects.get(tree, ObjectKind::Tree).is_some());
    let tree = tree.ok_or_else(|| Reply::fail(422, "Tree SHA does not exist"))?;
    let mut parents = Vec::new();
    for parent in body["parents"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let known = parent.as_str().filter(|parent| objects.commit(parent).is_some());
        parents.push(
            known
                .ok_or_else(|| Reply::fail(422, "Parent SHA does not exist or is not a commit object"))?
                .to_owned(),
        );
    }
    let (author, committer) = people(body);
    let commit = Commit {
        tree: tree.to_owned(),
        parents,
        author,
        committer,
        message: message.to_owned(),
    };
    let id = objects.add_commit(&commit);
    Ok(Reply::created(shapes::git_commit(url, &id, &commit)))
}

/// Returns author and committer of a request; the default is the token's owner, now.
pub(super) fn people(body: &Value) -> (Person, Person) {
    let person = |value: &Value| {
        let at = value["date"]
            .as_str()
            .and_then(|date| DateTime::parse_from_rfc3339(date).ok());
        Some(Person {
            name: value["name"].as_str()?.to_owned(),
            email: value["email"].as_str()?.to_owned(),
            at: at.map_or_else(Utc::now, |at| at.with_timezone(&Utc)),
        })
    };
    let author = person(&body["author"]).unwrap_or_else(|| Person {
        name: "Demo Operator".into(),
        email: format!("{LOGIN}@users.noreply.github.com"),
        at: Utc::now(),
    });
    let committer = person(&body["committer"]).unwrap_or_else(|| author.clone());
    (author, committer)
}

fn new_ref(objects: &mut Objects, url: &str, body: &Value) -> Result<Reply, Reply> {
    let name = body["ref"].as_str().unwrap_or_default();
    let plain = |c: char| !c.is_control() && !" ~^:?*[\\".contains(c);
    if !name.starts_with("refs/")
        || name.matches('/').count() < 2
        || !name.chars().all(plain)
        || name.contains("..")
    {
        return Err(Reply::fail(
            422,
            "Reference name must start with 'refs/' and contain at least three parts.",
        ));
    }
    let id = body["sha"].as_str().unwrap_or_default();
    if id.len() != 40 || hex::decode(id).is_err() {
        return Err(Reply::fail(
            422,
            "The sha parameter must be exactly 40 characters and contain only [0-9a-f].",
        ));
    }
    if objects.refs.contains_key(name) {
        return Err(Reply::fail(422, "Reference already exists"));
    }
    if objects.commit(id).is_none() {
        return Err(Reply::fail(422, "Object does not exist"));
    }
    // git stores a branch as a file, so `a/b` and `a` cannot both exist.
    let below = |long: &str, short: &str| long.strip_prefix(short).is_some_and(|rest| rest.starts_with('/'));
    if objects
        .refs
        .keys()
        .any(|known| below(name, known) || below(known, name))
    {
        return Err(Reply::fail(422, "Reference update failed"));
    }
    objects.refs.insert(name.to_owned(), id.to_owned());
    Ok(Reply::created(shapes::reference(url, name, id)))
}

fn move_ref(objects: &mut Objects, url: &str, name: &str, body: &Value) -> Result<Reply, Reply> {
    let old = objects
        .refs
        .get(name)
        .cloned()
        .ok_or_else(|| Reply::fail(422, "Reference does not exist"))?;
    let id = body["sha"].as_str().filter(|id| objects.commit(id).is_some());
    let id = id
        .ok_or_else(|| Reply::fail(422, "Object does not exist"))?
        .to_owned();
    let forced = body["force"].as_bool().unwrap_or_default();
    if !forced && !descends(objects, &id, &old) {
        return Err(Reply::fail(422, "Update is not a fast forward"));
    }
    objects.refs.insert(name.to_owned(), id.clone());
    Ok(Reply::ok(shapes::reference(url, name, &id)))
}

fn descends(objects: &Objects, id: &str, ancestor: &str) -> bool {
    let mut open = vec![id.to_owned()];
    while let Some(id) = open.pop() {
        if id == ancestor {
            return true;
        }
        open.extend(
            objects
                .commit(&id)
                .map(|commit| commit.parents)
                .unwrap_or_default(),
        );
    }
    false
}
