//! What GitHub remembers: repositories with objects, keys and secrets, on disk.
//!
//! Owns `github-objects.json` and `github.json` (the latter is read by referees; its form is
//! fixed). Both are written beside and renamed, readable by their owner only.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Duration, Utc};
use crypto_box::{PublicKey, SecretKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::objects::Objects;
use super::runs::Run;
use super::seed;
use super::shapes::{number, time};

/// The bundle's repository, which has one secret more than the charms'.
const BUNDLE: &str = "finos/legend-juju-bundle";
/// Upstream belongs to others: the token may only read it.
const UPSTREAM: &str = "finos/legend";

/// A key pair for sealing secrets.
#[derive(Serialize, Deserialize)]
pub(super) struct KeyPair {
    pub key_id: String,
    pub public: String,
    pub private: String,
}

/// A secret as stored.
#[derive(Serialize, Deserialize)]
pub(super) struct Secret {
    pub encrypted_value: String,
    pub key_id: String,
    pub updated_at: String,
}

/// Keys and secrets of one repository; the last key is the one in use.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Vault {
    pub keys: Vec<KeyPair>,
    pub secrets: BTreeMap<String, Secret>,
}

#[derive(Default, Serialize, Deserialize)]
struct Vaults {
    repositories: BTreeMap<String, Vault>,
}

/// One repository apart from its secrets.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Repo {
    #[serde(flatten)]
    pub objects: Objects,
    /// Workflow file to state, where it is not `active`.
    #[serde(default)]
    pub workflows: BTreeMap<String, String>,
    /// Workflow runs, oldest first.
    #[serde(default)]
    pub runs: Vec<Run>,
    /// Secret name to the time it was first set.
    #[serde(default)]
    pub created: BTreeMap<String, String>,
}

impl Repo {
    /// `main`, or `master` where that is what there is.
    pub(super) fn default_branch(&self) -> &'static str {
        if self.objects.refs.contains_key("refs/heads/main") {
            "main"
        } else {
            "master"
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Kept {
    born: DateTime<Utc>,
    repositories: BTreeMap<String, Repo>,
}

/// All of it.
pub(super) struct Store {
    dir: PathBuf,
    kept: Kept,
    vaults: Vaults,
}

impl Store {
    /// Opens what an earlier run left in `dir`, or begins the world.
    pub(super) fn open(dir: &Path, seed: u64) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let kept = match fs::read(dir.join("github-objects.json")) {
            Ok(text) => serde_json::from_slice(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let store = Self::begin(dir, seed)?;
                store.save_objects()?;
                store.save_secrets()?;
                return Ok(store);
            }
            Err(error) => return Err(error),
        };
        let vaults = serde_json::from_slice(&fs::read(dir.join("github.json"))?)?;
        Ok(Self {
            dir: dir.to_owned(),
            kept,
            vaults,
        })
    }

    fn begin(dir: &Path, seed: u64) -> io::Result<Self> {
        let repositories = seed::repositories()
            .into_iter()
            .map(|(name, objects)| {
                (
                    name,
                    Repo {
                        objects,
                        ..Repo::default()
                    },
                )
            })
            .collect();
        let mut store = Self {
            dir: dir.to_owned(),
            kept: Kept {
                born: Utc::now(),
                repositories,
            },
            vaults: Vaults::default(),
        };
        let names: Vec<String> = store
            .kept
            .repositories
            .keys()
            .filter(|name| *name != UPSTREAM)
            .cloned()
            .collect();
        for name in names {
            store.vaults.repositories.insert(
                name.clone(),
                Vault {
                    keys: vec![key_pair(seed, &name)],
                    ..Vault::default()
                },
            );
            // Copied by hand half a year ago; one copy was replaced since, nobody knows by what.
            let days = if name.ends_with("db-operator") { 17 } else { 170 };
            store.plant(&name, "CHARMHUB_TOKEN", b"a token of the demo world", days)?;
            if name == BUNDLE {
                store.plant(
                    &name,
                    "GH_TOKEN",
                    b"a personal access token of the demo world",
                    200,
                )?;
                if let Some(repo) = store.kept.repositories.get_mut(&name) {
                    let idle = "disabled_inactivity".to_owned();
                    repo.workflows
                        .insert(".github/workflows/publish_images.yaml".into(), idle);
                }
            }
        }
        Ok(store)
    }

    fn plant(&mut self, name: &str, secret: &str, value: &[u8], days_ago: i64) -> io::Result<()> {
        let at = time(self.kept.born - Duration::days(days_ago));
        let Some(vault) = self.vaults.repositories.get_mut(name) else {
            return Ok(());
        };
        let Some(key) = vault.keys.last() else {
            return Ok(());
        };
        let public = STANDARD.decode(&key.public).map_err(io::Error::other)?;
        let public = PublicKey::from_slice(&public).map_err(io::Error::other)?;
        let sealed = public
            .seal(&mut crypto_box::aead::OsRng, value)
            .map_err(|_| io::Error::other("sealing failed"))?;
        let stored = Secret {
            encrypted_value: STANDARD.encode(sealed),
            key_id: key.key_id.clone(),
            updated_at: at.clone(),
        };
        vault.secrets.insert(secret.to_owned(), stored);
        if let Some(repo) = self.kept.repositories.get_mut(name) {
            repo.created.insert(secret.to_owned(), at);
        }
        Ok(())
    }

    /// When this world was made.
    pub(super) fn born(&self) -> DateTime<Utc> {
        self.kept.born
    }

    /// The repository of that name, whatever its case.
    pub(super) fn name_of(&self, owner: &str, name: &str) -> Option<String> {
        let wanted = format!("{owner}/{name}");
        self.kept
            .repositories
            .keys()
            .find(|known| known.eq_ignore_ascii_case(&wanted))
            .cloned()
    }

    /// True where the world's token may write.
    pub(super) fn writable(name: &str) -> bool {
        name != UPSTREAM
    }

    pub(super) fn repo(&self, name: &str) -> Option<&Repo> {
        self.kept.repositories.get(name)
    }

    pub(super) fn repo_mut(&mut self, name: &str) -> Option<&mut Repo> {
        self.kept.repositories.get_mut(name)
    }

    pub(super) fn vault(&self, name: &str) -> Option<&Vault> {
        self.vaults.repositories.get(name)
    }

    pub(super) fn vault_mut(&mut self, name: &str) -> Option<&mut Vault> {
        self.vaults.repositories.get_mut(name)
    }

    /// Writes branches, objects and workflow states.
    pub(super) fn save_objects(&self) -> io::Result<()> {
        write(&self.dir, "github-objects.json", &serde_json::to_vec(&self.kept)?)
    }

    /// Writes keys and secrets.
    pub(super) fn save_secrets(&self) -> io::Result<()> {
        write(
            &self.dir,
            "github.json",
            &serde_json::to_vec_pretty(&self.vaults)?,
        )
    }
}

fn key_pair(seed: u64, name: &str) -> KeyPair {
    let private: [u8; 32] = Sha256::digest(format!("repository key {seed} {name}")).into();
    let private = SecretKey::from(private);
    KeyPair {
        key_id: format!("33805{:013}", number(&format!("{seed} {name}"))),
        public: STANDARD.encode(private.public_key().as_bytes()),
        private: STANDARD.encode(private.to_bytes()),
    }
}

fn write(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let draft = dir.join(format!(".{name}"));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&draft)?.write_all(bytes)?;
    fs::rename(&draft, dir.join(name))
}
