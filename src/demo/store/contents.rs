//! Stores the bytes that publishers pushed: charm archives, resource files, image descriptors.
//!
//! There is one file per content, named by its sha-256, with the four digests that the store
//! publishes.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256, Sha384, Sha512};
use sha3::Sha3_384;
use uuid::Uuid;

use crate::demo::folder::{make_private, write_private};
use crate::domain::{Problem, ProblemKind};

/// Holds size and digests of a content, all digests in lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashes {
    /// Size in bytes.
    pub size: u64,
    /// sha-256.
    pub sha256: String,
    /// sha-384.
    pub sha384: String,
    /// sha-512.
    pub sha512: String,
    /// sha3-384.
    pub sha3_384: String,
}

impl Hashes {
    /// Computes the digests of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            size: bytes.len() as u64,
            sha256: hex::encode(Sha256::digest(bytes)),
            sha384: hex::encode(Sha384::digest(bytes)),
            sha512: hex::encode(Sha512::digest(bytes)),
            sha3_384: hex::encode(Sha3_384::digest(bytes)),
        }
    }
}

/// A content that is still arriving. It is written to a file and hashed at once, so that memory
/// does not grow with it; an unfinished one is removed.
pub struct Arrival {
    path: PathBuf,
    file: File,
    size: u64,
    sha256: Sha256,
    sha384: Sha384,
    sha512: Sha512,
    sha3_384: Sha3_384,
}

impl Arrival {
    /// Adds the next bytes.
    pub fn add(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.file.write_all(bytes)?;
        self.size += bytes.len() as u64;
        self.sha256.update(bytes);
        self.sha384.update(bytes);
        self.sha512.update(bytes);
        self.sha3_384.update(bytes);
        Ok(())
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        // Already missing if it was kept.
        drop(std::fs::remove_file(&self.path));
    }
}

/// Holds the folder of contents.
#[derive(Debug)]
pub struct Contents {
    dir: PathBuf,
}

impl Contents {
    /// Opens or creates `dir`.
    pub fn open(dir: &Path) -> Result<Self, Problem> {
        make_private(dir)?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// Begins a content that arrives in pieces.
    pub fn begin(&self) -> std::io::Result<Arrival> {
        let path = self.dir.join(format!(".{}", Uuid::new_v4().simple()));
        let file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&path)?;
        Ok(Arrival {
            path,
            file,
            size: 0,
            sha256: Sha256::new(),
            sha384: Sha384::new(),
            sha512: Sha512::new(),
            sha3_384: Sha3_384::new(),
        })
    }

    /// Stores what has arrived and returns its digests.
    pub fn keep(&self, mut arrival: Arrival) -> std::io::Result<Hashes> {
        let hashes = Hashes {
            size: arrival.size,
            sha256: hex::encode(arrival.sha256.finalize_reset()),
            sha384: hex::encode(arrival.sha384.finalize_reset()),
            sha512: hex::encode(arrival.sha512.finalize_reset()),
            sha3_384: hex::encode(arrival.sha3_384.finalize_reset()),
        };
        std::fs::rename(&arrival.path, self.dir.join(&hashes.sha256))?;
        Ok(hashes)
    }

    /// Stores `bytes` and returns their digests.
    pub fn put(&self, bytes: &[u8]) -> Result<Hashes, Problem> {
        let hashes = Hashes::of(bytes);
        let path = self.dir.join(&hashes.sha256);
        if !path.exists() {
            write_private(&path, bytes)?;
        }
        Ok(hashes)
    }

    /// Returns the content with this sha-256.
    pub fn get(&self, sha256: &str) -> Result<Bytes, Problem> {
        let path = self.dir.join(sha256);
        std::fs::read(&path).map(Bytes::from).map_err(|error| {
            Problem::new(ProblemKind::Machine, format!("cannot read {}", path.display())).because(&error)
        })
    }
}
