//! Reads and writes the encrypted file that holds store credentials if there is no keyring.
//!
//! The file is `credential.age`: an age file (scrypt, a passphrase) of JSON, from the host of the
//! store's API to the export. Must not ask for the passphrase or keep it. Opening is slow on
//! purpose: call it where blocking is allowed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use age::scrypt;
use age::{DecryptError, Identity};
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use zeroize::Zeroizing;

use super::charmhub::StoreToken;
use super::http::host_of;
use super::private_file;
use crate::config::file;
use crate::domain::{Problem, ProblemKind, SanitizedText};

/// Binary logarithm of scrypt's work factor: about a tenth of a second, fixed so that a file made
/// on a fast machine opens on a slow one.
const WORK: u8 = if cfg!(test) { 2 } else { 15 };
/// Largest work factor that is accepted from a file, so that a crafted file cannot block this
/// process.
const MOST_WORK: u8 = 20;

/// Holds the encrypted file of a folder.
#[derive(Clone, Debug)]
pub struct CredentialFile {
    path: PathBuf,
}

/// Host of the API -> export.
type Held = BTreeMap<String, Zeroizing<String>>;

impl CredentialFile {
    /// Returns the file in `folder`, whether it exists or not.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            path: folder.join("credential.age"),
        }
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns true if it exists.
    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Returns the credential for the store at `api`; `None` if the file holds none.
    pub fn open(&self, passphrase: &SecretString, api: &Url) -> Result<Option<StoreToken>, Problem> {
        let source = format!(
            "the encrypted file {}",
            SanitizedText::capped(self.path.to_string_lossy(), 200)
        );
        self.read(passphrase)?
            .get(&host_of(api))
            .map(|export| StoreToken::from_export(export, &source))
            .transpose()
    }

    /// Stores `export` for the store at `api`, along with the credentials of other stores. The
    /// passphrase must be the one that the file was made with.
    pub fn keep(&self, passphrase: &SecretString, api: &Url, export: &SecretString) -> Result<(), Problem> {
        if passphrase.expose_secret().is_empty() {
            return Err(
                Problem::new(ProblemKind::Refused, "an empty passphrase gives no protection")
                    .hint("enter one, or export the credential with --export FILE and protect that file"),
            );
        }
        let mut held = self.read(passphrase)?;
        let export = Zeroizing::new(export.expose_secret().to_owned());
        held.insert(host_of(api), export);
        self.write(passphrase, &held)
    }

    /// Removes the credential of the store at `api` and leaves the others; returns true if there
    /// was one.
    pub fn forget_one(&self, passphrase: &SecretString, api: &Url) -> Result<bool, Problem> {
        let mut held = self.read(passphrase)?;
        if held.remove(&host_of(api)).is_none() {
            return Ok(false);
        }
        if held.is_empty() {
            return self.remove();
        }
        self.write(passphrase, &held).map(|()| true)
    }

    /// Removes the credential of the store at `api` without a passphrase: a single one cannot be
    /// removed from a locked file, so the whole file is deleted. Returns true if there was one.
    pub fn forget(&self, _api: &Url) -> Result<bool, Problem> {
        self.remove()
    }

    fn remove(&self) -> Result<bool, Problem> {
        match std::fs::remove_file(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.broken("cannot be removed").because(&error)),
        }
    }

    fn read(&self, passphrase: &SecretString) -> Result<Held, Problem> {
        let bytes = match file::read_within(&self.path, file::SMALL) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Held::new()),
            Err(error) => return Err(self.broken("cannot be read").because(&error)),
        };
        let mut identity = scrypt::Identity::new(passphrase.clone());
        identity.set_max_work_factor(MOST_WORK);
        let plain = decrypt(&identity, &bytes).map_err(|error| match error {
            DecryptError::DecryptionFailed
            | DecryptError::KeyDecryptionFailed
            | DecryptError::NoMatchingKeys => Problem::new(
                ProblemKind::Credentials,
                format!("the passphrase does not decrypt {}", self.shown()),
            )
            .hint("try again; if it is lost, remove the file and sign in again: windlass login"),
            error => self.broken("is damaged or not an age file").because(&error),
        })?;
        serde_json::from_slice::<BTreeMap<String, String>>(&plain)
            .map(|held| {
                held.into_iter()
                    .map(|(host, export)| (host, Zeroizing::new(export)))
                    .collect()
            })
            .map_err(|_| self.broken("was decrypted, but contains other data"))
    }

    fn write(&self, passphrase: &SecretString, held: &Held) -> Result<(), Problem> {
        let internal = |error: &(dyn std::error::Error + 'static)| {
            Problem::new(ProblemKind::Internal, "cannot encrypt the credential").because(error)
        };
        let plain: BTreeMap<&str, &str> = held
            .iter()
            .map(|(host, export)| (host.as_str(), export.as_str()))
            .collect();
        // Large enough that it is never moved while it grows.
        let room = held
            .iter()
            .map(|(host, export)| 16 + 2 * (host.len() + export.len()))
            .sum::<usize>();
        let mut text = Zeroizing::new(Vec::with_capacity(room + 16));
        serde_json::to_writer(&mut *text, &plain).map_err(|error| internal(&error))?;
        let mut recipient = scrypt::Recipient::new(passphrase.clone());
        recipient.set_work_factor(WORK);
        let sealed = age::encrypt(&recipient, &text).map_err(|error| internal(&error))?;
        private_file::write(&self.path, &sealed)
    }

    fn shown(&self) -> SanitizedText {
        SanitizedText::capped(self.path.to_string_lossy(), 300)
    }

    fn broken(&self, how: &str) -> Problem {
        Problem::new(
            ProblemKind::Machine,
            format!("the encrypted file {} {how}", self.shown()),
        )
        .hint("remove it and sign in again: windlass login")
    }
}

fn decrypt(identity: &scrypt::Identity, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
    use std::io::Read as _;
    let decryptor = age::Decryptor::new(bytes)?;
    // Plain text is never longer than the encrypted bytes, so this is never moved while it grows.
    let mut plain = Zeroizing::new(Vec::with_capacity(bytes.len() + 32));
    decryptor
        .decrypt(std::iter::once(identity as &dyn Identity))?
        .read_to_end(&mut plain)
        .map_err(DecryptError::from)?;
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPORT: &str = "RkFLRS1TVE9SRS1UT0tFTg==";

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[test]
    fn a_credential_comes_back_with_the_passphrase_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let file = CredentialFile::in_folder(&dir.path().join("kept"));
        let (store, other) = (url("https://api.charmhub.io"), url("http://127.0.0.1:9"));
        assert!(!file.exists());
        assert!(file.open(&secret("pass"), &store).unwrap().is_none());
        file.keep(&secret("pass"), &store, &secret(EXPORT)).unwrap();
        file.keep(&secret("pass"), &other, &secret(EXPORT)).unwrap();
        assert!(file.exists());

        let token = file.open(&secret("pass"), &store).unwrap().unwrap();
        assert_eq!(token.secret().expose_secret(), "FAKE-STORE-TOKEN");
        assert!(token.source().as_str().contains("credential.age"));
        assert!(
            file.open(&secret("pass"), &url("https://elsewhere"))
                .unwrap()
                .is_none()
        );

        let wrong = file.open(&secret("word"), &store).unwrap_err();
        assert_eq!(wrong.kind, ProblemKind::Credentials);
        assert!(wrong.summary.as_str().contains("passphrase"), "{wrong}");
        let wrong = file.keep(&secret("word"), &store, &secret(EXPORT)).unwrap_err();
        assert_eq!(wrong.kind, ProblemKind::Credentials);
        assert!(file.open(&secret("pass"), &other).unwrap().is_some());

        let bytes = std::fs::read(file.path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.starts_with("age-encryption.org/v1"));
        assert!(!text.contains(EXPORT) && !text.contains("charmhub") && !text.contains("pass"));
        let mode = std::fs::metadata(file.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_is_forgotten_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let file = CredentialFile::in_folder(dir.path());
        let (store, other) = (url("https://api.charmhub.io"), url("http://127.0.0.1:9"));
        for api in [&store, &other] {
            file.keep(&secret("pass"), api, &secret(EXPORT)).unwrap();
        }
        assert!(file.forget_one(&secret("pass"), &store).unwrap());
        assert!(!file.forget_one(&secret("pass"), &store).unwrap());
        assert!(file.open(&secret("pass"), &store).unwrap().is_none());
        assert!(file.open(&secret("pass"), &other).unwrap().is_some());
        assert!(file.forget(&other).unwrap());
        assert!(!file.exists() && !file.forget(&other).unwrap());
    }

    #[test]
    fn what_is_no_such_file_is_called_so() {
        let dir = tempfile::tempdir().unwrap();
        let file = CredentialFile::in_folder(dir.path());
        let store = url("https://api.charmhub.io");
        std::fs::write(file.path(), "something else").unwrap();
        let problem = file.open(&secret("pass"), &store).unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Machine, "{problem}");
        file.forget(&store).unwrap();
        file.keep(&secret("pass"), &store, &secret(EXPORT)).unwrap();
        let mut bytes = std::fs::read(file.path()).unwrap();
        bytes.truncate(bytes.len() - 5);
        std::fs::write(file.path(), bytes).unwrap();
        assert!(file.open(&secret("pass"), &store).is_err());
        let empty = file.keep(&secret(""), &store, &secret(EXPORT)).unwrap_err();
        assert_eq!(empty.kind, ProblemKind::Refused);
    }
}
