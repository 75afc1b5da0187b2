//! Stores keys and sealed secrets of repositories and organizations: `github.json`.
//!
//! External test tools read this file, so its format must not change. An edit while the
//! environment runs (an appended key rotates it) takes effect before the next answer. Must not
//! open a secret.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_box::{PublicKey, SecretKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::shapes::number;
use super::store::write;

/// Name of the file in the environment's folder.
const FILE: &str = "github.json";

/// Holds a key pair for sealing secrets.
#[derive(Serialize, Deserialize)]
pub(super) struct KeyPair {
    pub key_id: String,
    pub public: String,
    pub private: String,
}

/// Holds a secret as stored.
#[derive(Serialize, Deserialize)]
pub(super) struct Secret {
    pub encrypted_value: String,
    pub key_id: String,
    pub updated_at: String,
}

/// Holds keys and secrets of one repository; the last key is the one in use.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Vault {
    pub keys: Vec<KeyPair>,
    pub secrets: BTreeMap<String, Secret>,
}

/// Holds a secret of an organization.
#[derive(Serialize, Deserialize)]
pub(super) struct SharedSecret {
    #[serde(flatten)]
    pub sealed: Secret,
    /// `all`, `private` or `selected`.
    pub visibility: String,
    /// Full names of the repositories that may read it, if it is `selected`.
    pub selected_repositories: Vec<String>,
}

/// Holds keys and secrets of one organization; the last key is the one in use.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct SharedVault {
    pub keys: Vec<KeyPair>,
    pub secrets: BTreeMap<String, SharedSecret>,
}

/// Holds the content of the file.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Vaults {
    pub repositories: BTreeMap<String, Vault>,
    #[serde(default)]
    pub organizations: BTreeMap<String, SharedVault>,
    /// The file as it was when last read or written here.
    #[serde(skip)]
    seen: Option<Stamp>,
}

/// Holds what changes when a file is edited or replaced.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    length: u64,
    inode: u64,
}

fn stamp(dir: &Path) -> io::Result<Stamp> {
    let facts = fs::metadata(dir.join(FILE))?;
    Ok(Stamp {
        modified: facts.modified()?,
        length: facts.len(),
        inode: facts.ino(),
    })
}

impl Vaults {
    /// Reads the file in `dir`.
    pub(super) fn load(dir: &Path) -> io::Result<Self> {
        let seen = stamp(dir)?;
        let mut vaults: Self = serde_json::from_slice(&fs::read(dir.join(FILE))?)?;
        vaults.seen = Some(seen);
        Ok(vaults)
    }

    /// Reads the file again if another process has written it since.
    pub(super) fn reread(&mut self, dir: &Path) -> io::Result<()> {
        if self.seen != Some(stamp(dir)?) {
            *self = Self::load(dir)?;
        }
        Ok(())
    }

    /// Writes the file.
    pub(super) fn save(&mut self, dir: &Path) -> io::Result<()> {
        write(dir, FILE, &serde_json::to_vec_pretty(self)?)?;
        self.seen = Some(stamp(dir)?);
        Ok(())
    }

    /// Gives `owner`, a repository by full name or an organization, a new key. Returns false if
    /// there is no such owner.
    pub(super) fn rotate(&mut self, owner: &str) -> bool {
        let keys = match self.repositories.get_mut(owner) {
            Some(vault) => Some(&mut vault.keys),
            None => self.organizations.get_mut(owner).map(|vault| &mut vault.keys),
        };
        let Some(keys) = keys else { return false };
        keys.push(KeyPair::new(&format!("{owner} {}", uuid::Uuid::new_v4())));
        true
    }
}

impl KeyPair {
    /// Derives the key pair that belongs to `origin`.
    pub(super) fn new(origin: &str) -> Self {
        let private: [u8; 32] = Sha256::digest(format!("repository key {origin}")).into();
        let private = SecretKey::from(private);
        Self {
            key_id: format!("33805{:013}", number(origin)),
            public: STANDARD.encode(private.public_key().as_bytes()),
            private: STANDARD.encode(private.to_bytes()),
        }
    }

    /// Returns `value` sealed for this key, set at `updated_at`.
    pub(super) fn seal(&self, value: &[u8], updated_at: String) -> io::Result<Secret> {
        let public = STANDARD.decode(&self.public).map_err(io::Error::other)?;
        let public = PublicKey::from_slice(&public).map_err(io::Error::other)?;
        let sealed = public
            .seal(&mut crypto_box::aead::OsRng, value)
            .map_err(|_| io::Error::other("sealing failed"))?;
        Ok(Secret {
            encrypted_value: STANDARD.encode(sealed),
            key_id: self.key_id.clone(),
            updated_at,
        })
    }
}
