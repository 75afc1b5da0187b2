//! The system's keyring, where charmcraft keeps its credential.
//!
//! Owns the lookup under charmcraft's own names (service `charmcraft`, user = host and port of the
//! API). A keyring that is not there, locked or slow counts as holding nothing. Must be called off
//! the way to the first frame: it blocks.

use std::time::Duration;

use url::Url;

use super::charmhub::StoreToken;
use super::http::host_of;

/// A locked keyring would wait for a person.
const PATIENCE: Duration = Duration::from_secs(5);

/// charmcraft's credential for the store at `api`, where the keyring holds one.
pub async fn charmcraft_token(api: &Url) -> Option<StoreToken> {
    let user = host_of(api);
    let lookup = tokio::task::spawn_blocking(move || password("charmcraft", &user));
    let text = tokio::time::timeout(PATIENCE, lookup).await.ok()?.ok()??;
    StoreToken::from_export(&text, "charmcraft's keyring entry").ok()
}

#[cfg(target_os = "linux")]
fn password(service: &str, user: &str) -> Option<String> {
    use keyring::api::CredentialStoreApi;
    let store = keyring_secret_service::Store::new().ok()?;
    let entry = store.build(service, user, None).ok()?;
    entry.get_password().ok()
}

#[cfg(not(target_os = "linux"))]
fn password(service: &str, user: &str) -> Option<String> {
    keyring::Entry::new(service, user).ok()?.get_password().ok()
}
