//! Serves a repository's settings other than secrets: variables, environments, collaborators and
//! caches.
//!
//! Variables are stored; of the rest the demo environment has only what every repository has.

use chrono::Utc;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::LOGIN;
use super::git::saved;
use super::reply::{Call, Reply};
use super::secrets::checked;
use super::shapes::{account, time};
use super::store::{Repo, Store};

/// Holds an Actions variable.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Variable {
    value: String,
    created_at: String,
    updated_at: String,
}

/// Handles everything below `actions/variables`.
pub(super) fn variables(store: &mut Store, name: &str, call: &Call, rest: &[&str]) -> Result<Reply, Reply> {
    let token = call.token.as_ref().ok_or_else(Reply::not_found)?;
    token.may("repo", "actions_variables")?;
    if !Store::writable(name) {
        return Err(Reply::fail(403, "Must have admin rights to Repository."));
    }
    let repo = store.repo_mut(name).ok_or_else(Reply::not_found)?;
    match (call.method.as_str(), rest) {
        ("GET" | "HEAD", []) => {
            let all = repo
                .variables
                .iter()
                .map(|(name, variable)| document(name, variable));
            Ok(Reply::counted(call, "variables", all.collect()))
        }
        ("GET" | "HEAD", [variable]) => {
            let variable = variable.to_uppercase();
            let found = repo.variables.get(&variable).ok_or_else(Reply::not_found)?;
            Ok(Reply::ok(document(&variable, found)))
        }
        ("POST", []) => {
            let body = call.json()?;
            let variable = body["name"].as_str().unwrap_or_default().to_uppercase();
            checked(&variable)?;
            if repo.variables.contains_key(&variable) {
                return Err(Reply::fail(409, "Already exists - Variable already exists"));
            }
            let now = time(Utc::now());
            let value = body["value"].as_str().unwrap_or_default().to_owned();
            let new = Variable {
                value,
                created_at: now.clone(),
                updated_at: now,
            };
            repo.variables.insert(variable, new);
            saved(store)?;
            Ok(Reply::json(201, json!({})))
        }
        ("PATCH", [variable]) => {
            let body = call.json()?;
            let old = repo.variables.get_mut(&variable.to_uppercase());
            let old = old.ok_or_else(Reply::not_found)?;
            if let Some(value) = body["value"].as_str() {
                value.clone_into(&mut old.value);
            }
            old.updated_at = time(Utc::now());
            saved(store)?;
            Ok(Reply::no_content())
        }
        ("DELETE", [variable]) => {
            let gone = repo.variables.remove(&variable.to_uppercase());
            gone.ok_or_else(Reply::not_found)?;
            saved(store)?;
            Ok(Reply::no_content())
        }
        _ => Err(Reply::not_found()),
    }
}

fn document(name: &str, variable: &Variable) -> Value {
    json!({
        "name": name, "value": variable.value,
        "created_at": variable.created_at, "updated_at": variable.updated_at,
    })
}

/// Handles GET `environments`: there are none.
pub(super) fn environments(rest: &[&str]) -> Result<Reply, Reply> {
    match rest {
        [] => Ok(Reply::ok(json!({"total_count": 0, "environments": []}))),
        _ => Err(Reply::not_found()),
    }
}

/// Handles GET `collaborators[/{login}[/permission]]`: the operator, who owns what the token may
/// write.
pub(super) fn collaborators(name: &str, call: &Call, rest: &[&str]) -> Result<Reply, Reply> {
    if !call.signed_in {
        return Err(Reply::fail(401, "Requires authentication"));
    }
    let write = Store::writable(name);
    let role = if write { "admin" } else { "read" };
    let user = || {
        let mut user = account(&call.base, LOGIN);
        user["permissions"] =
            json!({"admin": write, "maintain": write, "push": write, "triage": write, "pull": true});
        user["role_name"] = json!(role);
        user
    };
    match rest {
        // Collaborators are hidden without the right to push.
        [] | [_] if !write => Err(Reply::fail(
            403,
            "Must have push access to view repository collaborators.",
        )),
        [] => Ok(Reply::list(call, vec![user()])),
        [login] if login.eq_ignore_ascii_case(LOGIN) => Ok(Reply::no_content()),
        [login, "permission"] if login.eq_ignore_ascii_case(LOGIN) => Ok(Reply::ok(json!({
            "permission": role, "role_name": role, "user": user(),
        }))),
        _ => Err(Reply::not_found()),
    }
}

/// Handles GET `compare/BASE...HEAD`.
pub(super) fn compare(repo: &Repo, url: &str, call: &Call, range: &str) -> Result<Reply, Reply> {
    let (base, head) = range.split_once("...").ok_or_else(Reply::not_found)?;
    let resolved = |name: &str| repo.objects.resolve(name).ok_or_else(Reply::not_found);
    let (base, head) = (resolved(base)?, resolved(head)?);
    let before = repo.objects.log(&base, None);
    let after = repo.objects.log(&head, None);
    let common = after
        .iter()
        .find(|(id, _)| before.iter().any(|(known, _)| known == id));
    let (merge_base, merge_commit) =
        common.ok_or_else(|| Reply::fail(404, "No common ancestor between them."))?;
    let mut ahead: Vec<_> = after.iter().take_while(|(id, _)| id != merge_base).collect();
    ahead.reverse();
    let behind = before.iter().take_while(|(id, _)| id != merge_base).count();
    let status = match (ahead.len(), behind) {
        (0, 0) => "identical",
        (_, 0) => "ahead",
        (0, _) => "behind",
        _ => "diverged",
    };
    let base_commit = repo.objects.commit(&base).ok_or_else(Reply::not_found)?;
    let commits: Vec<Value> = ahead
        .iter()
        .map(|(id, commit)| super::shapes::commit(url, id, commit))
        .collect();
    let count = commits.len();
    let page = url.split_once("/repos/").map_or("", |(_, path)| path);
    let html = format!("https://github.com/{page}/compare/{base}...{head}");
    let files = super::contents::changed_files(&repo.objects, url, Some(merge_commit), &head);
    let (commits, link) = call.page(commits);
    let mut reply = Reply::ok(json!({
        "url": format!("{url}/compare/{base}...{head}"),
        "html_url": html,
        "permalink_url": html,
        "diff_url": format!("{html}.diff"),
        "patch_url": format!("{html}.patch"),
        "base_commit": super::shapes::commit(url, &base, &base_commit),
        "merge_base_commit": super::shapes::commit(url, merge_base, merge_commit),
        "status": status,
        "ahead_by": count,
        "behind_by": behind,
        "total_commits": count,
        "commits": commits,
        "files": files,
    }));
    reply.headers.extend(link.map(|link| ("link", link)));
    Ok(reply)
}
