//! Stores the registry's content on disk: repositories with tags, manifests and linked blobs.
//!
//! Files are `blobs/<algorithm>/<hex>` and `repositories.json` (written by rename). A blob is
//! visible in a repository only after it is linked to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::id::Id;

/// Holds a stored manifest; its bytes are the blob of the same digest.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Held {
    /// The media type it was pushed with.
    pub media_type: String,
    /// Size in bytes.
    pub size: u64,
    /// When it was pushed or made.
    pub stored_at: DateTime<Utc>,
    /// The manifest that it refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Id>,
    /// `artifactType`, or the config's media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Annotations, for the referrers list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Value>,
}

/// Holds one repository.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Repository {
    /// Tag to manifest.
    pub tags: BTreeMap<String, Id>,
    /// Manifests by digest.
    pub manifests: BTreeMap<Id, Held>,
    /// Blobs that may be read here.
    pub blobs: BTreeSet<Id>,
    /// Withdrawn manifests, which can be restored.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub withdrawn: BTreeMap<Id, Withdrawn>,
}

/// Holds a withdrawn manifest.
#[derive(Serialize, Deserialize)]
pub(super) struct Withdrawn {
    /// The tags it had.
    pub tags: Vec<String>,
    /// The manifest; its bytes are still stored.
    pub held: Held,
}

/// Holds all repositories and the folder of blobs.
pub(super) struct Shelves {
    folder: PathBuf,
    repositories: BTreeMap<String, Repository>,
}

impl Shelves {
    /// Opens `folder`, reads what an earlier run stored and drops unfinished uploads.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder.join("blobs/sha256"))?;
        fs::create_dir_all(folder.join("blobs/sha512"))?;
        let uploads = folder.join("uploads");
        if uploads.exists() {
            fs::remove_dir_all(&uploads)?;
        }
        fs::create_dir_all(&uploads)?;
        let repositories = match fs::read(folder.join("repositories.json")) {
            Ok(text) => serde_json::from_slice(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        Ok(Self {
            folder: folder.to_owned(),
            repositories,
        })
    }

    /// Returns the repository, if anything was ever stored in it.
    pub(super) fn get(&self, name: &str) -> Option<&Repository> {
        self.repositories.get(name)
    }

    /// Returns all repository names, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.repositories.keys()
    }

    /// Changes one repository and saves the record of all.
    pub(super) fn change<T>(&mut self, name: &str, with: impl FnOnce(&mut Repository) -> T) -> io::Result<T> {
        let result = with(self.repositories.entry(name.to_owned()).or_default());
        let draft = self.folder.join(".repositories.json");
        fs::write(&draft, serde_json::to_vec(&self.repositories)?)?;
        fs::rename(&draft, self.folder.join("repositories.json"))?;
        Ok(result)
    }
}

/// Returns the path of the bytes of `digest` below the registry's folder.
pub(super) fn blob_path(folder: &Path, digest: Id) -> PathBuf {
    let (algorithm, digits) = digest.parts();
    folder.join("blobs").join(algorithm).join(digits)
}

/// Writes a blob from memory; an existing one is left alone.
pub(super) fn write_blob(folder: &Path, digest: Id, bytes: &[u8]) -> io::Result<()> {
    let path = blob_path(folder, digest);
    if path.exists() {
        return Ok(());
    }
    let draft = folder
        .join("uploads")
        .join(uuid::Uuid::new_v4().simple().to_string());
    fs::write(&draft, bytes)?;
    fs::rename(&draft, path)
}
