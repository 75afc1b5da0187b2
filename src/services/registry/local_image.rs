//! Holds an image of this machine that is ready to be copied: manifests in memory, blobs in files.
//!
//! Records where each blob's bytes are. The module `local_image` obtains them from an engine's export,
//! an archive or a folder.

use std::collections::HashMap;
use std::path::PathBuf;

use bytes::Bytes;
use serde_json::Value;

use super::manifest::Manifest;
use crate::domain::{Digest, ManifestDigest, Problem, ProblemKind};

/// Where the bytes of a blob are.
#[derive(Clone, Debug)]
pub enum BlobLocation {
    /// In memory (configs).
    Bytes(Bytes),
    /// In a file, from `offset` on; its length is the blob's.
    File {
        /// The file.
        path: PathBuf,
        /// Where the blob begins.
        offset: u64,
    },
    /// Not on this machine: the destination was known to have it when the image was packed.
    Elsewhere,
}

/// Holds a signature, bill of materials or similar that is attached to an image of this machine.
#[derive(Clone, Debug)]
pub struct LocalAttachment {
    /// The manifest that it is attached to.
    pub subject: ManifestDigest,
    /// Its own manifest.
    pub digest: ManifestDigest,
    /// The tag that cosign gives it; without one its manifest names the subject.
    pub tag: Option<String>,
    /// Its row in a list of referrers, as the OCI distribution specification defines it.
    pub row: Value,
}

/// Holds an image on this machine.
#[derive(Clone, Debug)]
pub struct LocalImage {
    root: ManifestDigest,
    manifests: HashMap<ManifestDigest, Manifest>,
    places: HashMap<Digest, BlobLocation>,
    attachments: Vec<LocalAttachment>,
}

impl LocalImage {
    /// Returns an image of these manifests, including the root. Every manifest that they name and
    /// every blob that is not foreign must have its place.
    pub fn new(
        root: ManifestDigest,
        manifests: Vec<Manifest>,
        places: HashMap<Digest, BlobLocation>,
    ) -> Result<Self, Problem> {
        let manifests: HashMap<ManifestDigest, Manifest> = manifests
            .into_iter()
            .map(|manifest| (manifest.digest, manifest))
            .collect();
        let lacking = |what: String| {
            Problem::new(ProblemKind::Invalid, "the image is incomplete")
                .cause(format!("it refers to {what}, which is missing"))
                .hint("create the archive or directory again, or use the image in a registry")
        };
        if !manifests.contains_key(&root) {
            return Err(lacking(format!("manifest {root}")));
        }
        for manifest in manifests.values() {
            if let Some(child) = manifest
                .children()
                .iter()
                .find(|child| !manifests.contains_key(&child.digest))
            {
                return Err(lacking(format!("manifest {}", child.digest)));
            }
            if let Some(blob) = manifest.blobs().find(|blob| !places.contains_key(&blob.digest)) {
                return Err(lacking(format!("blob {}", blob.digest)));
            }
        }
        Ok(Self {
            root,
            manifests,
            places,
            attachments: Vec::new(),
        })
    }

    /// Adds what is attached to it; the manifests of the attachments must be among its own.
    #[must_use]
    pub fn with_attachments(mut self, attachments: Vec<LocalAttachment>) -> Self {
        self.attachments = attachments;
        self
    }

    /// Returns what is attached to one of its manifests.
    pub fn attached_to(&self, subject: ManifestDigest) -> impl Iterator<Item = &LocalAttachment> {
        self.attachments.iter().filter(move |one| one.subject == subject)
    }

    /// Returns the digest of its manifest or index.
    pub const fn root(&self) -> ManifestDigest {
        self.root
    }

    /// Returns one of its manifests.
    pub fn manifest(&self, digest: ManifestDigest) -> Option<&Manifest> {
        self.manifests.get(&digest)
    }

    /// Returns where a blob is.
    pub fn place(&self, digest: Digest) -> Option<&BlobLocation> {
        self.places.get(&digest)
    }
}

/// Returns the problem for a blob that was left out because a registry had it.
pub(super) fn gone(digest: Digest) -> Problem {
    Problem::new(ProblemKind::Service, format!("local blob {digest} not found"))
        .cause("it was not read earlier, because the registry had it then")
        .hint("run the same command again")
}
