//! Reads and writes charmcraft's credential in the system's keyring.
//!
//! Uses charmcraft's own names for the entry (service `charmcraft`, user = host and port of the
//! API). The Secret Service items carry the attributes `service` and `username`, which is what
//! charmcraft's keyring library searches for; its own items carry `application` as well, which
//! makes no difference. Blocks: must not be called before the first frame is drawn.

use std::time::Duration;

use keyring::{Entry, Error};
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use zeroize::Zeroizing;

use super::charmhub::StoreToken;
use super::http::host_of;
use crate::domain::credential::CredentialOrigin;
use crate::domain::{Problem, ProblemKind, SanitizedText};

/// Limit on the wait for a locked keyring, which prompts the user.
const PATIENCE: Duration = Duration::from_secs(5);
/// charmcraft's name for its own entries.
const SERVICE: &str = "charmcraft";

/// The state of the keyring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keyring {
    /// Available and unlocked.
    Usable,
    /// Available and locked.
    Locked,
    /// Not available; holds why.
    Absent(SanitizedText),
}

/// Returns charmcraft's credential for the store at `api`, if the keyring holds one. A keyring
/// that is missing, locked or slow counts as holding none.
pub async fn charmcraft_token(api: &Url) -> Option<StoreToken> {
    let user = host_of(api);
    let text = patiently(move || read(&entry(&user)?)).await.ok()??;
    let token = StoreToken::from_export(&text, "charmcraft's keyring entry").ok()?;
    Some(token.found_in(CredentialOrigin::Keyring))
}

/// Stores `export` for the store at `api` where charmcraft finds it, and replaces an existing one.
pub async fn keep(api: &Url, export: &SecretString) -> Result<(), Problem> {
    usable().await?;
    let (user, export) = (host_of(api), export.clone());
    patiently(move || write(&entry(&user)?, &export))
        .await
        .map_err(unkept)
}

/// Removes the credential of the store at `api`; returns true if there was one.
pub async fn forget(api: &Url) -> Result<bool, Problem> {
    usable().await?;
    let user = host_of(api);
    patiently(move || delete(&entry(&user)?)).await.map_err(unkept)
}

/// Returns the state of the keyring, without unlocking it or prompting.
pub async fn standing() -> Keyring {
    patiently(|| Ok(look()))
        .await
        .unwrap_or_else(|why| Keyring::Absent(SanitizedText::new(why)))
}

async fn usable() -> Result<(), Problem> {
    let problem = match standing().await {
        Keyring::Usable => return Ok(()),
        Keyring::Locked => Problem::new(ProblemKind::Machine, "the keyring is locked").hint(
            "unlock it (sign in to the desktop, or use its own program), then run the same command again",
        ),
        Keyring::Absent(why) => Problem::new(
            ProblemKind::Machine,
            "no keyring is available to store the credential",
        )
        .cause(why),
    };
    Err(instead(problem))
}

fn unkept(why: String) -> Problem {
    instead(Problem::new(ProblemKind::Machine, "the keyring returned an error").cause(why))
}

fn instead(problem: Problem) -> Problem {
    problem
        .hint("windlass login --passphrase-file FILE stores it in an encrypted file instead")
        .hint("windlass login --export FILE writes it to a file in plain text")
}

/// Runs `work` on a blocking thread, with a time limit.
async fn patiently<T: Send + 'static>(
    work: impl FnOnce() -> keyring::Result<T> + Send + 'static,
) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(work)).await {
        Err(_) => Err(format!(
            "it did not respond within {} seconds",
            PATIENCE.as_secs()
        )),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(done)) => done.map_err(|error| error.to_string()),
    }
}

#[cfg(target_os = "linux")]
fn entry(user: &str) -> keyring::Result<Entry> {
    use keyring::api::CredentialStoreApi;
    keyring_secret_service::Store::new()?.build(SERVICE, user, None)
}

#[cfg(not(target_os = "linux"))]
fn entry(user: &str) -> keyring::Result<Entry> {
    Entry::new(SERVICE, user)
}

#[cfg(target_os = "linux")]
fn look() -> Keyring {
    use dbus_secret_service::{EncryptionType, SecretService};
    let locked = SecretService::connect(EncryptionType::Dh)
        .and_then(|service| service.get_default_collection()?.is_locked());
    match locked {
        Ok(false) => Keyring::Usable,
        Ok(true) => Keyring::Locked,
        Err(dbus_secret_service::Error::NoResult) => {
            Keyring::Absent(SanitizedText::new("the Secret Service has no default keyring"))
        }
        Err(error) => Keyring::Absent(SanitizedText::new(error.to_string())),
    }
}

#[cfg(not(target_os = "linux"))]
fn look() -> Keyring {
    match entry("standing").map(|entry| entry.get_password()) {
        Ok(Ok(_) | Err(Error::NoEntry)) => Keyring::Usable,
        Ok(Err(Error::NoStorageAccess(_))) => Keyring::Locked,
        Ok(Err(error)) | Err(error) => Keyring::Absent(SanitizedText::new(error.to_string())),
    }
}

/// If two programs made an item each, the first that can be read counts.
fn read(entry: &Entry) -> keyring::Result<Option<Zeroizing<String>>> {
    match entry.get_password() {
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        Err(Error::NoEntry) => Ok(None),
        Err(Error::Ambiguous(entries)) => Ok(entries
            .iter()
            .find_map(|entry| entry.get_password().ok())
            .map(Zeroizing::new)),
        Err(error) => Err(error),
    }
}

/// Every item gets the new value: it is unknown which of them charmcraft will read.
fn write(entry: &Entry, export: &SecretString) -> keyring::Result<()> {
    match entry.set_password(export.expose_secret()) {
        Err(Error::Ambiguous(entries)) => entries
            .iter()
            .try_for_each(|entry| entry.set_password(export.expose_secret())),
        other => other,
    }
}

fn delete(entry: &Entry) -> keyring::Result<bool> {
    match entry.delete_credential() {
        Ok(()) => Ok(true),
        Err(Error::NoEntry) => Ok(false),
        Err(Error::Ambiguous(entries)) => entries
            .iter()
            .try_for_each(Entry::delete_credential)
            .map(|()| true),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyring::api::CredentialStoreApi;

    #[test]
    fn an_entry_is_written_read_and_deleted() {
        let store = keyring::mock::Store::new().unwrap();
        let entry = store.build(SERVICE, "api.charmhub.io", None).unwrap();
        assert!(read(&entry).unwrap().is_none());
        assert!(!delete(&entry).unwrap());
        for value in ["one", "two"] {
            write(&entry, &SecretString::from(value)).unwrap();
            assert_eq!(read(&entry).unwrap().unwrap().as_str(), value);
        }
        assert!(delete(&entry).unwrap());
        assert!(read(&entry).unwrap().is_none());
    }

    #[test]
    fn a_keyring_that_does_not_serve_says_what_to_do_instead() {
        let problem = unkept("no bus".to_owned());
        assert_eq!(problem.kind, ProblemKind::Machine);
        assert!(problem.hints[0].as_str().contains("--passphrase-file"));
        assert!(problem.hints[1].as_str().contains("--export"));
    }
}
