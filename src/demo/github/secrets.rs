//! Serves Actions secrets of a repository: listed, sealed for, set, deleted; never read back.
//!
//! Handles `/repos/{o}/{r}/actions/secrets...`. The sealed value is stored unchanged.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use serde_json::{Value, json};

use super::reply::{Call, Reply};
use super::shapes::time;
use super::store::{Repo, Store};
use super::vaults::{KeyPair, Secret, Vault};

/// Longest sealed value, in bytes (48 KB of plain text and the seal).
const LONGEST: usize = 49_152 + 48;

/// Handles everything below `actions/secrets`.
pub(super) fn serve(store: &mut Store, name: &str, call: &Call, rest: &[&str]) -> Result<Reply, Reply> {
    let token = call.token.as_ref().ok_or_else(Reply::not_found)?;
    token.may("repo", "secrets")?;
    if !Store::writable(name) {
        return Err(Reply::fail(403, "Must have admin rights to Repository."));
    }
    let repo = store.repo(name).ok_or_else(Reply::not_found)?;
    let vault = store.vault(name).ok_or_else(Reply::not_found)?;
    match (call.method.as_str(), rest) {
        ("GET" | "HEAD", []) => {
            let all = vault
                .secrets
                .keys()
                .filter_map(|secret| document(repo, vault, secret));
            Ok(Reply::counted(call, "secrets", all.collect()))
        }
        ("GET" | "HEAD", ["public-key"]) => {
            let key = vault.keys.last().ok_or_else(Reply::not_found)?;
            Ok(Reply::ok(json!({"key_id": key.key_id, "key": key.public})))
        }
        ("GET" | "HEAD", [secret]) => document(repo, vault, &secret.to_uppercase())
            .map(Reply::ok)
            .ok_or_else(Reply::not_found),
        ("PUT", [secret]) => put(store, name, call, &secret.to_uppercase()),
        ("DELETE", [secret]) => {
            let secret = secret.to_uppercase();
            let vault = store.vault_mut(name).ok_or_else(Reply::not_found)?;
            vault.secrets.remove(&secret).ok_or_else(Reply::not_found)?;
            if let Some(repo) = store.repo_mut(name) {
                repo.created.remove(&secret);
            }
            saved(store)?;
            Ok(Reply::no_content())
        }
        _ => Err(Reply::not_found()),
    }
}

fn document(repo: &Repo, vault: &Vault, name: &str) -> Option<Value> {
    let updated = &vault.secrets.get(name)?.updated_at;
    let created = repo.created.get(name).unwrap_or(updated);
    Some(json!({"name": name, "created_at": created, "updated_at": updated}))
}

fn put(store: &mut Store, name: &str, call: &Call, secret: &str) -> Result<Reply, Reply> {
    let body = call.json()?;
    checked(secret)?;
    let vault = store.vault_mut(name).ok_or_else(Reply::not_found)?;
    let (encrypted_value, key_id) = sealed(&body, vault.keys.last())?;
    let now = time(Utc::now());
    let stored = Secret {
        encrypted_value,
        key_id,
        updated_at: now.clone(),
    };
    let was_there = vault.secrets.insert(secret.to_owned(), stored).is_some();
    if let Some(repo) = store.repo_mut(name)
        && !was_there
    {
        repo.created.insert(secret.to_owned(), now);
    }
    saved(store)?;
    Ok(if was_there {
        Reply::no_content()
    } else {
        Reply::json(201, json!({}))
    })
}

/// Refuses an invalid name of a secret.
pub(super) fn checked(secret: &str) -> Result<(), Reply> {
    let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if secret.starts_with("GITHUB_")
        || secret.starts_with(|c: char| c.is_ascii_digit())
        || !secret.chars().all(plain)
    {
        return Err(Reply::fail(
            422,
            "Secret names can only contain alphanumeric characters ([a-z], [A-Z], [0-9]) or underscores (_), and must not start with a number or GITHUB_.",
        ));
    }
    Ok(())
}

/// Returns the sealed value and its key's id from `body`; refuses a value that cannot be a sealed
/// box or is not for the key `in_use`.
pub(super) fn sealed(body: &Value, in_use: Option<&KeyPair>) -> Result<(String, String), Reply> {
    let sealed = body["encrypted_value"].as_str().unwrap_or_default();
    let bytes = STANDARD.decode(sealed).ok().filter(|bytes| bytes.len() > 48);
    let bytes = bytes.ok_or_else(|| {
        Reply::fail(
            422,
            "Bad request - encrypted_value is not a sealed box in Base64.",
        )
    })?;
    if bytes.len() > LONGEST {
        return Err(Reply::fail(422, "Bad request - the value is larger than 48 KB."));
    }
    let key_id = match &body["key_id"] {
        Value::String(id) => id.clone(),
        Value::Number(id) => id.to_string(),
        _ => String::new(),
    };
    if in_use.is_none_or(|key| key.key_id != key_id) {
        return Err(Reply::fail(
            422,
            "Bad request - key_id is not the id of the public key in use.",
        ));
    }
    Ok((sealed.to_owned(), key_id))
}

/// Saves everything that changed.
pub(super) fn saved(store: &mut Store) -> Result<(), Reply> {
    store
        .save_secrets()
        .and_then(|()| store.save_objects())
        .map_err(|error| Reply::fail(500, &error.to_string()))
}
