//! What the registry holds: repositories with tags, manifests and linked blobs, kept on disk.
//!
//! Owns `blobs/<algorithm>/<hex>` and `repositories.json` (written beside and renamed). A blob is
//! linked to a repository before anybody can see it there. Knows no HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::id::Id;

/// A stored manifest; its bytes are the blob of the same digest.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Held {
    /// The media type it was pushed with.
    pub media_type: String,
    /// Bytes.
    pub size: u64,
    /// When it was pushed or made.
    pub stored_at: DateTime<Utc>,
    /// The manifest it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Id>,
    /// `artifactType`, or the config's media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Annotations, for the referrers list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Value>,
}

/// One repository.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Repository {
    /// Tag to manifest.
    pub tags: BTreeMap<String, Id>,
    /// Manifests by digest.
    pub manifests: BTreeMap<Id, Held>,
    /// Blobs that may be read here.
    pub blobs: BTreeSet<Id>,
    /// Manifests taken away, which can be brought back.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub withdrawn: BTreeMap<Id, Withdrawn>,
}

/// A manifest that was taken away.
#[derive(Serialize, Deserialize)]
pub(super) struct Withdrawn {
    /// The tags it had.
    pub tags: Vec<String>,
    /// The manifest; its bytes are still there.
    pub held: Held,
}

/// All repositories and the folder of blobs.
pub(super) struct Shelves {
    folder: PathBuf,
    repositories: BTreeMap<String, Repository>,
}

impl Shelves {
    /// Opens `folder`, reading what an earlier run left and dropping half-finished uploads.
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

    /// The repository, if anything was ever stored in it.
    pub(super) fn get(&self, name: &str) -> Option<&Repository> {
        self.repositories.get(name)
    }

    /// All repository names, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.repositories.keys()
    }

    /// Changes one repository and writes the record of all.
    pub(super) fn change<T>(&mut self, name: &str, with: impl FnOnce(&mut Repository) -> T) -> io::Result<T> {
        let result = with(self.repositories.entry(name.to_owned()).or_default());
        let draft = self.folder.join(".repositories.json");
        fs::write(&draft, serde_json::to_vec(&self.repositories)?)?;
        fs::rename(&draft, self.folder.join("repositories.json"))?;
        Ok(result)
    }
}

/// Where the bytes of `digest` lie below the registry's folder.
pub(super) fn blob_path(folder: &Path, digest: Id) -> PathBuf {
    let (algorithm, digits) = digest.parts();
    folder.join("blobs").join(algorithm).join(digits)
}

/// Writes a blob that is at hand; one already there is left alone.
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
