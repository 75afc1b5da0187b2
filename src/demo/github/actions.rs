//! Serves the workflows of the default branch, with their states.
//!
//! Handles `/repos/{o}/{r}/actions/workflows...`; runs and secrets are handled in modules of their
//! own.

use serde_json::{Value, json};

use super::git::saved;
use super::objects::ObjectKind;
use super::reply::{Call, Reply};
use super::run_files;
use super::runs;
use super::shapes::{node, number, time};
use super::store::{Repo, Store};

/// Folder of workflow files.
const FOLDER: &str = ".github/workflows";

/// Handles everything below `actions/` except secrets.
pub(super) fn serve(
    store: &mut Store,
    name: &str,
    url: &str,
    call: &Call,
    rest: &[&str],
) -> Result<Reply, Reply> {
    let repo = store.repo(name).ok_or_else(Reply::not_found)?;
    match (call.method.as_str(), rest) {
        ("GET" | "HEAD", ["workflows"]) => {
            let all = files(repo)
                .into_iter()
                .filter_map(|file| document(repo, url, name, &file));
            Ok(Reply::counted(call, "workflows", all.collect()))
        }
        ("GET" | "HEAD", ["workflows", id]) => {
            let file = find(repo, name, id).ok_or_else(Reply::not_found)?;
            document(repo, url, name, &file)
                .map(Reply::ok)
                .ok_or_else(Reply::not_found)
        }
        ("GET" | "HEAD", ["workflows", id, "runs"]) => {
            let file = find(repo, name, id).ok_or_else(Reply::not_found)?;
            Ok(runs::list(repo, name, call, Some(&file)))
        }
        ("POST", ["workflows", id, "dispatches"]) => {
            let file = find(repo, name, id).ok_or_else(Reply::not_found)?;
            runs::dispatch(store, name, url, call, &file)
        }
        ("GET" | "HEAD", ["runs"]) => Ok(runs::list(repo, name, call, None)),
        ("GET" | "HEAD", ["artifacts"]) => Ok(Reply::counted(call, "artifacts", Vec::new())),
        ("GET" | "HEAD", ["caches"]) => Ok(Reply::counted(call, "actions_caches", Vec::new())),
        ("GET" | "HEAD", ["runs", id, "blob", signed]) => run_files::archive(repo, name, call, id, signed),
        ("GET" | "HEAD", ["jobs", id, rest @ ..]) => runs::job_of(repo, name, call, id, rest),
        (_, ["runs", id, rest @ ..]) => runs::one(store, name, call, id, rest),
        ("PUT", ["workflows", id, what @ ("enable" | "disable")]) => {
            let file = find(repo, name, id).ok_or_else(Reply::not_found)?;
            let repo = store.repo_mut(name).ok_or_else(Reply::not_found)?;
            if *what == "enable" {
                repo.workflows.remove(&file);
            } else {
                repo.workflows.insert(file, "disabled_manually".into());
            }
            saved(store)?;
            Ok(Reply::no_content())
        }
        _ => Err(Reply::not_found()),
    }
}

fn files(repo: &Repo) -> Vec<String> {
    let objects = &repo.objects;
    let tree = objects
        .resolve(repo.default_branch())
        .and_then(|id| objects.commit(&id))
        .map(|commit| commit.tree);
    let folder = tree
        .and_then(|tree| objects.at(&tree, FOLDER))
        .and_then(|folder| objects.tree(&folder.id));
    folder
        .unwrap_or_default()
        .into_iter()
        .map(|entry| format!("{FOLDER}/{}", entry.name))
        .collect()
}

fn id_of(name: &str, file: &str) -> u64 {
    number(&format!("{name} {file}"))
}

/// Finds a workflow by number, file name or path.
fn find(repo: &Repo, name: &str, id: &str) -> Option<String> {
    files(repo)
        .into_iter()
        .find(|file| file == id || file.rsplit('/').next() == Some(id) || id.parse() == Ok(id_of(name, file)))
}

fn document(repo: &Repo, url: &str, name: &str, file: &str) -> Option<Value> {
    let objects = &repo.objects;
    let tip = objects.resolve(repo.default_branch())?;
    let (_, first) = objects.log(&tip, Some(file)).pop()?;
    let (_, last) = objects.log(&tip, Some(file)).into_iter().next()?;
    let blob = objects.at(&objects.commit(&tip)?.tree, file)?;
    let text = String::from_utf8_lossy(objects.get(&blob.id, ObjectKind::Blob)?).into_owned();
    let title = text
        .lines()
        .find_map(|line| line.strip_prefix("name:"))
        .map_or(file, str::trim);
    let id = id_of(name, file);
    let short = file.rsplit('/').next()?;
    Some(json!({
        "id": id,
        "node_id": node("W", file),
        "name": title,
        "path": file,
        "state": repo.workflows.get(file).map_or("active", String::as_str),
        "created_at": time(first.committer.at),
        "updated_at": time(last.committer.at),
        "url": format!("{url}/actions/workflows/{id}"),
        "html_url": format!("https://github.com/{name}/blob/{}/{file}", repo.default_branch()),
        "badge_url": format!("https://github.com/{name}/workflows/{}/badge.svg", short.trim_end_matches(".yaml")),
    }))
}
