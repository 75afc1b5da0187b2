//! Serves container packages: listing and deleting, which GHCR's distribution protocol does not
//! offer.
//!
//! Handles `/orgs/{org}/packages...` and the same for users. The registry stores the versions; a
//! version's number is derived from its digest.

use std::sync::Arc;

use serde_json::{Value, json};

use super::reply::{Call, Reply};
use super::shapes::{account, number, time};
use crate::demo::registry::{Registry, Version};
use crate::domain::Problem;

/// Handles everything below `/orgs/{org}/packages` or `/users/{user}/packages`; `owner` is its
/// name.
pub(super) async fn serve(
    ghcr: &Arc<Registry>,
    call: &Call,
    owner: &str,
    rest: &[&str],
) -> Result<Reply, Reply> {
    if !call.signed_in {
        return Err(Reply::fail(401, "Requires authentication"));
    }
    let mine = format!("{owner}/");
    let mut names = ghcr.repositories();
    names.retain(|name| name.starts_with(&mine) && ghcr.is_package(name));
    match (call.method.as_str(), rest) {
        ("GET", []) => {
            if call.get("package_type") != Some("container") {
                return Err(Reply::fail(
                    400,
                    "Invalid argument: package_type must be container.",
                ));
            }
            let mut packages = Vec::new();
            for name in &names {
                let document = package(ghcr, call, owner, name).await?;
                if document["version_count"] == 0 {
                    continue;
                }
                if call
                    .get("visibility")
                    .is_none_or(|wanted| document["visibility"] == wanted)
                {
                    packages.push(document);
                }
            }
            Ok(Reply::list(call, packages))
        }
        (_, ["container", package_name, rest @ ..]) => {
            let full = format!("{owner}/{package_name}");
            let name = names.iter().find(|name| **name == full);
            let name = name.ok_or_else(|| Reply::fail(404, "Package not found."))?;
            one(ghcr, call, owner, name, rest).await
        }
        _ => Err(Reply::not_found()),
    }
}

async fn one(
    ghcr: &Arc<Registry>,
    call: &Call,
    owner: &str,
    name: &str,
    rest: &[&str],
) -> Result<Reply, Reply> {
    let all = ghcr.versions(name).await.map_err(refused)?;
    let alive: Vec<&Version> = all.iter().filter(|version| !version.withdrawn).collect();
    // A deleted package can only be restored.
    if alive.is_empty() && !matches!(rest, [.., "restore"]) {
        return Err(Reply::fail(404, "Package not found."));
    }
    let find = |id: &str, withdrawn: bool| {
        let found = all
            .iter()
            .find(|version| version.withdrawn == withdrawn && id.parse() == Ok(id_of(name, version)));
        found.ok_or_else(|| Reply::fail(404, "Package not found."))
    };
    match (call.method.as_str(), rest) {
        ("GET", []) => Ok(Reply::ok(package(ghcr, call, owner, name).await?)),
        ("DELETE", []) => {
            for version in alive {
                ghcr.withdraw(name, version.digest).map_err(refused)?;
            }
            Ok(Reply::no_content())
        }
        ("POST", ["restore"]) if alive.is_empty() => {
            for version in &all {
                ghcr.bring_back(name, version.digest).map_err(refused)?;
            }
            Ok(Reply::no_content())
        }
        ("GET", ["versions"]) => {
            let withdrawn = call.get("state") == Some("deleted");
            let shown = all.iter().filter(|version| version.withdrawn == withdrawn);
            Ok(Reply::list(
                call,
                shown
                    .map(|version| document(call, owner, name, version))
                    .collect(),
            ))
        }
        ("GET", ["versions", id]) => Ok(Reply::ok(document(call, owner, name, find(id, false)?))),
        ("DELETE", ["versions", id]) => {
            let version = find(id, false)?;
            let others = all
                .iter()
                .filter(|other| !other.withdrawn && other.digest != version.digest);
            if !version.tags.is_empty() && others.clone().all(|other| other.tags.is_empty()) {
                return Err(Reply::fail(
                    400,
                    "You cannot delete the last tagged version of a package. You must delete the package instead.",
                ));
            }
            ghcr.withdraw(name, version.digest).map_err(refused)?;
            Ok(Reply::no_content())
        }
        ("POST", ["versions", id, "restore"]) => {
            ghcr.bring_back(name, find(id, true)?.digest).map_err(refused)?;
            Ok(Reply::no_content())
        }
        _ => Err(Reply::not_found()),
    }
}

fn refused(problem: Problem) -> Reply {
    Reply::fail(500, &problem.to_string())
}

fn id_of(name: &str, version: &Version) -> u64 {
    number(&format!("{name} {}", version.digest))
}

/// Returns the address of a package: its name is one path segment.
fn address(call: &Call, owner: &str, name: &str) -> String {
    let short = name
        .split_once('/')
        .map_or(name, |(_, short)| short)
        .replace('/', "%2F");
    format!("{}/orgs/{owner}/packages/container/{short}", call.base)
}

async fn package(ghcr: &Arc<Registry>, call: &Call, owner: &str, name: &str) -> Result<Value, Reply> {
    let versions = ghcr.versions(name).await.map_err(refused)?;
    let times = || versions.iter().map(|version| version.stored_at);
    let short = name.split_once('/').map_or(name, |(_, short)| short);
    Ok(json!({
        "id": number(name),
        "name": short,
        "package_type": "container",
        "owner": account(&call.base, owner),
        "version_count": versions.iter().filter(|version| !version.withdrawn).count(),
        "visibility": if ghcr.is_hidden(name) { "private" } else { "public" },
        "url": address(call, owner, name),
        "created_at": time(times().min().unwrap_or_default()),
        "updated_at": time(times().max().unwrap_or_default()),
        "html_url": format!("https://github.com/orgs/{owner}/packages/container/package/{}", short.replace('/', "%2F")),
    }))
}

fn document(call: &Call, owner: &str, name: &str, version: &Version) -> Value {
    let id = id_of(name, version);
    let short = name
        .split_once('/')
        .map_or(name, |(_, short)| short)
        .replace('/', "%2F");
    let page = format!("https://github.com/orgs/{owner}/packages/container/{short}");
    json!({
        "id": id,
        "name": version.digest.to_string(),
        "url": format!("{}/versions/{id}", address(call, owner, name)),
        "package_html_url": page,
        "created_at": time(version.stored_at),
        "updated_at": time(version.stored_at),
        "html_url": format!("{page}/{id}"),
        "metadata": {"package_type": "container", "container": {"tags": version.tags}},
    })
}
