//! Defines the job of a copy and the progress it reports.

use std::sync::Arc;
use std::time::Duration;

use super::local_image::LocalImage;
use super::manifest::Blob;
use crate::domain::image::{Platform, Reference, Repository};
use crate::domain::{Digest, ManifestDigest, Problem, ProblemKind};

/// Where an image is copied from.
#[derive(Clone, Debug)]
pub enum CopySource {
    /// A repository of a registry.
    Registry(Repository),
    /// This machine.
    Local(Arc<LocalImage>),
}

/// Holds one copy to a repository, pinned by digest.
#[derive(Clone, Debug)]
pub struct CopyJob {
    /// Where the image is stored.
    pub source: CopySource,
    /// The digest of the image.
    pub digest: ManifestDigest,
    /// The destination.
    pub destination: Repository,
    /// Tag to set at the destination once everything is there.
    pub tag: Option<String>,
    /// What that tag may point to before.
    pub tag_before: TagBefore,
    /// Platforms to copy of an index; if empty, all are copied, and only then the digest is
    /// certain to stay the same: one platform copies its manifest alone, several a smaller index.
    pub cut: Vec<Platform>,
    /// Whether signatures and other referrers of the image are copied from its registry.
    pub referrers: bool,
}

/// What a tag may point to before it moves to another digest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TagBefore {
    /// Any digest, or none.
    #[default]
    Any,
    /// This digest only; `None`: the tag must not exist.
    Only(Option<ManifestDigest>),
}

impl TagBefore {
    /// Returns what was previewed, or `Any` if the operator wants the tag moved `over` any change.
    pub const fn planned(before: Option<ManifestDigest>, over: bool) -> Self {
        if over { Self::Any } else { Self::Only(before) }
    }

    /// Checks `reference`, which points to `now` and is to point to `wanted`. Returns true if
    /// nothing is left to do.
    ///
    /// # Errors
    /// [`ProblemKind::Refused`] if it points neither to what it may nor to `wanted`.
    pub fn check(
        self,
        reference: &Reference,
        now: Option<ManifestDigest>,
        wanted: ManifestDigest,
    ) -> Result<bool, Problem> {
        match self {
            _ if now == Some(wanted) => Ok(true),
            Self::Any => Ok(false),
            Self::Only(before) if now == before => Ok(false),
            Self::Only(before) => {
                let word = |digest: Option<ManifestDigest>| {
                    digest.map_or_else(|| "absent".to_owned(), |one| one.to_string())
                };
                Err(Problem::new(
                    ProblemKind::Refused,
                    format!("{reference} has changed since the preview: the tag was not moved"),
                )
                .cause(format!("it was {} and is {} now", word(before), word(now)))
                .hint("check who pushed it; to replace it, run the same command with --over"))
            }
        }
    }
}

/// Lists which blobs of an image a repository has, each once, in order of appearance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlobDiff {
    /// Blobs that it lacks.
    pub missing: Vec<Blob>,
    /// Blobs that it has.
    pub present: Vec<Blob>,
    /// Bytes of the blobs that it lacks.
    pub bytes: u64,
}

/// Progress of a copy, in order. Sizes in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyProgress {
    /// The manifests are read: the number and size of the blobs to check.
    Planned {
        /// Number of blobs, each counted once.
        blobs: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// The destination has this blob.
    Skipped {
        /// Digest of the blob.
        digest: Digest,
        /// Its length.
        bytes: u64,
    },
    /// The registry mounted the blob from the source repository.
    Mounted {
        /// Digest of the blob.
        digest: Digest,
        /// Its length.
        bytes: u64,
    },
    /// More bytes of this blob are on their way.
    Sent {
        /// Digest of the blob.
        digest: Digest,
        /// Number of further bytes.
        bytes: u64,
    },
    /// The blob is sent again; the bytes counted as sent are void.
    Retrying {
        /// Digest of the blob.
        digest: Digest,
        /// Bytes to subtract again.
        rolled_back: u64,
        /// Why it is sent again.
        problem: Problem,
        /// Pause before the retry.
        pause: Duration,
    },
    /// The destination confirmed this blob.
    BlobDone {
        /// Digest of the blob.
        digest: Digest,
    },
    /// The destination confirmed this manifest.
    ManifestPut {
        /// Digest of the manifest.
        digest: ManifestDigest,
    },
}

/// Holds the result of a finished copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Digest at the destination.
    pub digest: ManifestDigest,
    /// Blob bytes that were sent by this machine, each blob counted once.
    pub bytes_sent: u64,
    /// Blob bytes that were not sent: already there, or mounted.
    pub bytes_skipped: u64,
    /// True if manifest and tag already existed: nothing was written.
    pub already: bool,
}
