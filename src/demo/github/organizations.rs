//! Serves Actions secrets of an organization, and which of them a repository may read.
//!
//! Handles `/orgs/{org}/actions/secrets...` and `/repos/{o}/{r}/actions/organization-secrets`. The
//! rules for names and seals are those of a repository's secrets.

use std::collections::BTreeSet;

use chrono::Utc;
use serde_json::{Value, json};

use super::reply::{Call, Reply};
use super::secrets::{checked, saved, sealed};
use super::shapes::{repository, time};
use super::store::Store;
use super::vaults::{Secret, SharedSecret};

/// Handles everything below `/orgs/{org}/actions/secrets`.
pub(super) fn serve(store: &mut Store, org: &str, call: &Call, rest: &[&str]) -> Result<Reply, Reply> {
    let Some(token) = &call.token else {
        return Err(Reply::fail(401, "Requires authentication"));
    };
    let org = org.to_lowercase();
    if !store.vaults.organizations.contains_key(&org) {
        return Err(Reply::not_found());
    }
    token.enters(&org)?;
    token.may("admin:org", "organization_secrets")?;
    let since = store.shared_since().clone();
    let document = |name: &str, secret: &SharedSecret| {
        let updated = &secret.sealed.updated_at;
        let created = since.get(&format!("{org}/{name}")).unwrap_or(updated);
        let mut body = json!({"name": name, "created_at": created, "updated_at": updated,
            "visibility": secret.visibility});
        if secret.visibility == "selected" {
            let list = format!("{}/orgs/{org}/actions/secrets/{name}/repositories", call.base);
            body["selected_repositories_url"] = json!(list);
        }
        body
    };
    let vault = store
        .vaults
        .organizations
        .get(&org)
        .ok_or_else(Reply::not_found)?;
    match (call.method.as_str(), rest) {
        ("GET" | "HEAD", []) => {
            let all = vault.secrets.iter().map(|(name, secret)| document(name, secret));
            Ok(Reply::counted(call, "secrets", all.collect()))
        }
        ("GET" | "HEAD", ["public-key"]) => {
            let key = vault.keys.last().ok_or_else(Reply::not_found)?;
            Ok(Reply::ok(json!({"key_id": key.key_id, "key": key.public})))
        }
        ("GET" | "HEAD", [name]) => {
            let name = name.to_uppercase();
            let secret = vault.secrets.get(&name).ok_or_else(Reply::not_found)?;
            Ok(Reply::ok(document(&name, secret)))
        }
        ("PUT", [name]) => put(store, &org, call, &name.to_uppercase()),
        ("DELETE", [name]) => {
            let name = name.to_uppercase();
            let vault = store.vaults.organizations.get_mut(&org);
            vault
                .and_then(|vault| vault.secrets.remove(&name))
                .ok_or_else(Reply::not_found)?;
            store.shared_since().remove(&format!("{org}/{name}"));
            saved(store)?;
            Ok(Reply::no_content())
        }
        (_, [name, "repositories", rest @ ..]) => selection(store, &org, call, &name.to_uppercase(), rest),
        _ => Err(Reply::not_found()),
    }
}

/// Returns the repositories with these numbers, or 422.
fn numbered(store: &Store, ids: &Value) -> Result<BTreeSet<String>, Reply> {
    let none = Vec::new();
    let ids = ids.as_array().unwrap_or(&none);
    ids.iter()
        .map(|id| {
            id.as_u64()
                .and_then(|id| store.numbered(id))
                .ok_or_else(|| Reply::invalid("OrganizationSecret", "selected_repository_ids", "invalid"))
        })
        .collect()
}

fn put(store: &mut Store, org: &str, call: &Call, name: &str) -> Result<Reply, Reply> {
    let body = call.json()?;
    checked(name)?;
    let visibility = body["visibility"].as_str().unwrap_or_default().to_owned();
    if !["all", "private", "selected"].contains(&visibility.as_str()) {
        return Err(Reply::invalid("OrganizationSecret", "visibility", "invalid"));
    }
    let selected = numbered(store, &body["selected_repository_ids"])?;
    if visibility != "selected" && !selected.is_empty() {
        return Err(Reply::fail(
            422,
            "selected_repository_ids can only be given where visibility is selected",
        ));
    }
    let vaults = &mut store.vaults.organizations;
    let vault = vaults.get_mut(org).ok_or_else(Reply::not_found)?;
    let (encrypted_value, key_id) = sealed(&body, vault.keys.last())?;
    let now = time(Utc::now());
    let secret = SharedSecret {
        sealed: Secret {
            encrypted_value,
            key_id,
            updated_at: now.clone(),
        },
        visibility,
        selected_repositories: selected.into_iter().collect(),
    };
    let was_there = vault.secrets.insert(name.to_owned(), secret).is_some();
    if !was_there {
        store.shared_since().insert(format!("{org}/{name}"), now);
    }
    saved(store)?;
    Ok(if was_there {
        Reply::no_content()
    } else {
        Reply::json(201, json!({}))
    })
}

/// Handles `.../{NAME}/repositories`: which repositories may read a selected secret.
fn selection(store: &mut Store, org: &str, call: &Call, name: &str, rest: &[&str]) -> Result<Reply, Reply> {
    let reads = matches!(call.method.as_str(), "GET" | "HEAD");
    let one = match rest {
        [] => None,
        [id] => {
            let known = id.parse().ok().and_then(|id| store.numbered(id));
            Some(known.ok_or_else(Reply::not_found)?)
        }
        _ => return Err(Reply::not_found()),
    };
    let vault = store.vaults.organizations.get(org);
    let secret = vault
        .and_then(|vault| vault.secrets.get(name))
        .ok_or_else(Reply::not_found)?;
    if secret.visibility != "selected" {
        return Err(Reply::fail(
            409,
            "The visibility of this secret is not set to selected repositories.",
        ));
    }
    let mut names: BTreeSet<String> = secret.selected_repositories.iter().cloned().collect();
    match (call.method.as_str(), one) {
        (_, None) if reads => {
            let documents = names.iter().filter_map(|name| {
                let repo = store.repo(name)?;
                Some(repository(
                    &call.base,
                    name,
                    repo.default_branch(),
                    repo.pushed(),
                    None,
                ))
            });
            return Ok(Reply::counted(call, "repositories", documents.collect()));
        }
        ("PUT", None) => names = numbered(store, &call.json()?["selected_repository_ids"])?,
        ("PUT", Some(repository)) => {
            names.insert(repository);
        }
        ("DELETE", Some(repository)) => {
            names.remove(&repository);
        }
        _ => return Err(Reply::not_found()),
    }
    let vault = store.vaults.organizations.get_mut(org);
    if let Some(secret) = vault.and_then(|vault| vault.secrets.get_mut(name)) {
        secret.selected_repositories = names.into_iter().collect();
    }
    saved(store)?;
    Ok(Reply::no_content())
}

/// Handles `GET /repos/{o}/{r}/actions/organization-secrets`: what repository `name` may read.
/// Every repository of the demo environment is public, so a `private` secret is never listed.
pub(super) fn seen_by(store: &mut Store, name: &str, call: &Call) -> Reply {
    let org = name.split('/').next().unwrap_or_default().to_owned();
    let since = store.shared_since().clone();
    let secrets = store.vaults.organizations.get(&org);
    let seen = secrets
        .into_iter()
        .flat_map(|vault| &vault.secrets)
        .filter(|(_, secret)| {
            secret.visibility == "all"
                || secret.visibility == "selected"
                    && secret.selected_repositories.iter().any(|one| one == name)
        })
        .map(|(secret_name, secret)| {
            let updated = &secret.sealed.updated_at;
            let created = since.get(&format!("{org}/{secret_name}")).unwrap_or(updated);
            json!({"name": secret_name, "created_at": created, "updated_at": updated})
        });
    Reply::counted(call, "secrets", seen.collect())
}
