//! The bytes that publishers pushed: charm archives, resource files, image descriptors.
//!
//! Owns one file a content, named by its sha-256, and the four digests the store publishes. Must
//! not know what a content is for.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256, Sha384, Sha512};
use sha3::Sha3_384;

use crate::demo::folder::{make_private, write_private};
use crate::domain::{Kind, Problem};

/// Size and digests of a content, all digests in lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashes {
    /// Bytes.
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
    /// Of these bytes.
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

/// The folder of contents.
#[derive(Debug)]
pub struct Contents {
    dir: PathBuf,
}

impl Contents {
    /// Opens or makes `dir`.
    pub fn open(dir: &Path) -> Result<Self, Problem> {
        make_private(dir)?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// Keeps `bytes` and says their digests.
    pub fn put(&self, bytes: &[u8]) -> Result<Hashes, Problem> {
        let hashes = Hashes::of(bytes);
        let path = self.dir.join(&hashes.sha256);
        if !path.exists() {
            write_private(&path, bytes)?;
        }
        Ok(hashes)
    }

    /// The content with this sha-256.
    pub fn get(&self, sha256: &str) -> Result<Bytes, Problem> {
        let path = self.dir.join(sha256);
        std::fs::read(&path).map(Bytes::from).map_err(|error| {
            Problem::new(Kind::Machine, format!("Cannot read {}", path.display())).because(&error)
        })
    }
}
