//! Stores the state of GitHub: repositories with objects, and the creation time of the
//! environment.
//!
//! Written to `github-objects.json`; keys and secrets are in `vaults`. Files are written by
//! rename, readable by their owner only.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::objects::Objects;
use super::runs::Run;
use super::settings::Variable;
use super::shapes::{number, time};
use super::vaults::{KeyPair, SharedVault, Vault, Vaults};
use super::{Planted, seed};
use crate::demo::PLANTED_DAYS;

/// The bundle's repository, which has one secret more than the charms'.
const BUNDLE: &str = "finos/legend-juju-bundle";
/// The upstream repository, which the token may only read.
const UPSTREAM: &str = "finos/legend";

/// The organization of every repository.
pub(super) const ORGANIZATION: &str = "finos";
/// Names that repositories had before they were renamed, and their current names.
const RENAMED: [(&str, &str); 1] = [("finos/legend-juju-studio", "finos/legend-juju-studio-operator")];

/// Holds one repository without its secrets.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Repo {
    #[serde(flatten)]
    pub objects: Objects,
    /// Workflow file to state, if it is not `active`.
    #[serde(default)]
    pub workflows: BTreeMap<String, String>,
    /// Workflow runs, oldest first.
    #[serde(default)]
    pub runs: Vec<Run>,
    /// Secret name to the time it was first set.
    #[serde(default)]
    pub created: BTreeMap<String, String>,
    /// Actions variables by name.
    #[serde(default)]
    pub variables: BTreeMap<String, Variable>,
}

impl Repo {
    /// Returns `main`, or `master` if only that exists.
    pub(super) fn default_branch(&self) -> &'static str {
        if self.objects.refs.contains_key("refs/heads/main") {
            "main"
        } else {
            "master"
        }
    }

    /// Returns when the newest commit of any branch was made.
    pub(super) fn pushed(&self) -> DateTime<Utc> {
        let commits = self.objects.refs.values();
        commits
            .filter_map(|id| self.objects.commit(id))
            .map(|commit| commit.committer.at)
            .max()
            .unwrap_or_default()
    }
}

#[derive(Serialize, Deserialize)]
struct Kept {
    born: DateTime<Utc>,
    repositories: BTreeMap<String, Repo>,
    /// Organization and secret (`finos/NAME`) to the time it was first set.
    #[serde(default)]
    shared: BTreeMap<String, String>,
}

/// Holds the whole state.
pub(super) struct Store {
    dir: PathBuf,
    kept: Kept,
    pub(super) vaults: Vaults,
}

impl Store {
    /// Opens the state that an earlier run left in `dir`, or creates it.
    pub(super) fn open(dir: &Path, seed: u64, planted: &Planted<'_>) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let kept = match fs::read(dir.join("github-objects.json")) {
            Ok(text) => serde_json::from_slice(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut store = Self::begin(dir, seed, planted)?;
                store.save_objects()?;
                store.save_secrets()?;
                return Ok(store);
            }
            Err(error) => return Err(error),
        };
        let mut store = Self {
            dir: dir.to_owned(),
            kept,
            vaults: Vaults::load(dir)?,
        };
        // An environment from before organizations had secrets.
        if store.vaults.organizations.is_empty() {
            store.found_organization(seed);
            store.save_secrets()?;
        }
        Ok(store)
    }

    fn found_organization(&mut self, seed: u64) {
        let vault = SharedVault {
            keys: vec![KeyPair::new(&format!("{seed} {ORGANIZATION}"))],
            ..SharedVault::default()
        };
        self.vaults.organizations.insert(ORGANIZATION.to_owned(), vault);
    }

    fn begin(dir: &Path, seed: u64, planted: &Planted<'_>) -> io::Result<Self> {
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
                shared: BTreeMap::new(),
            },
            vaults: Vaults::default(),
        };
        store.found_organization(seed);
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
                    keys: vec![KeyPair::new(&format!("{seed} {name}"))],
                    ..Vault::default()
                },
            );
            // Copied by hand half a year ago; one copy was since replaced by another token.
            let (value, days) = if name.ends_with("db-operator") {
                (planted.older_credential, PLANTED_DAYS.1)
            } else {
                (planted.credential, PLANTED_DAYS.0)
            };
            store.plant(&name, "CHARMHUB_TOKEN", value.as_bytes(), days)?;
            if name == BUNDLE {
                store.plant(
                    &name,
                    "GH_TOKEN",
                    b"a personal access token of the demo environment",
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
        let stored = key.seal(value, at.clone())?;
        vault.secrets.insert(secret.to_owned(), stored);
        if let Some(repo) = self.kept.repositories.get_mut(name) {
            repo.created.insert(secret.to_owned(), at);
        }
        Ok(())
    }

    /// Returns when this environment was created.
    pub(super) fn born(&self) -> DateTime<Utc> {
        self.kept.born
    }

    /// Returns the repository of that name, ignoring case.
    pub(super) fn name_of(&self, owner: &str, name: &str) -> Option<String> {
        let wanted = format!("{owner}/{name}");
        self.kept
            .repositories
            .keys()
            .find(|known| known.eq_ignore_ascii_case(&wanted))
            .cloned()
    }

    /// Returns the names of all repositories, as `owner/name`.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.kept.repositories.keys()
    }

    /// Returns the number of the repository that once had that name.
    pub(super) fn moved(owner: &str, name: &str) -> Option<u64> {
        let wanted = format!("{owner}/{name}");
        RENAMED
            .iter()
            .find(|(old, _)| old.eq_ignore_ascii_case(&wanted))
            .map(|(_, new)| number(new))
    }

    /// Returns the repository with that number.
    pub(super) fn numbered(&self, id: u64) -> Option<String> {
        let mut names = self.kept.repositories.keys();
        names.find(|name| number(name) == id).cloned()
    }

    /// Returns when a secret of an organization was first set, by `finos/NAME`.
    pub(super) fn shared_since(&mut self) -> &mut BTreeMap<String, String> {
        &mut self.kept.shared
    }

    /// Returns true if the environment's token may write.
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

    /// Saves branches, objects and workflow states.
    pub(super) fn save_objects(&self) -> io::Result<()> {
        write(&self.dir, "github-objects.json", &serde_json::to_vec(&self.kept)?)
    }

    /// Saves keys and secrets.
    pub(super) fn save_secrets(&mut self) -> io::Result<()> {
        self.vaults.save(&self.dir)
    }

    /// Reads keys and secrets that were edited on disk.
    pub(super) fn reread(&mut self) -> io::Result<()> {
        self.vaults.reread(&self.dir)
    }
}

/// Writes a file completely or not at all, readable by its owner only.
pub(super) fn write(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let draft = dir.join(format!(".{name}"));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&draft)?.write_all(bytes)?;
    fs::rename(&draft, dir.join(name))
}
