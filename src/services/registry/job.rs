//! What a copy is asked to do, and what it tells.
//!
//! Owns the shapes only. Must not do anything.

use std::sync::Arc;
use std::time::Duration;

use super::local::LocalImage;
use super::manifest::Blob;
use crate::domain::image::{Platform, Reference, Repository};
use crate::domain::{Digest, Kind, ManifestDigest, Problem};

/// Where an image is copied from.
#[derive(Clone, Debug)]
pub enum CopySource {
    /// A repository of a registry.
    Registry(Repository),
    /// This machine.
    Local(Arc<LocalImage>),
}

/// One copy to a repository, pinned by digest.
#[derive(Clone, Debug)]
pub struct CopyJob {
    /// Where the image is.
    pub source: CopySource,
    /// Which one.
    pub digest: ManifestDigest,
    /// Where it goes.
    pub destination: Repository,
    /// Tag to set at the destination once everything is there.
    pub tag: Option<String>,
    /// What that tag may name before.
    pub tag_before: TagBefore,
    /// Platforms to take out of an index; empty takes all, and only then the digest is kept for
    /// sure: one platform copies its manifest alone, several a smaller index.
    pub cut: Vec<Platform>,
    /// Whether signatures and the like that refer to the image come along from its registry.
    pub referrers: bool,
}

/// What a tag may name before it moves to another digest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TagBefore {
    /// Whatever it names.
    #[default]
    Any,
    /// This digest only; `None`: the tag must not exist.
    Only(Option<ManifestDigest>),
}

impl TagBefore {
    /// What was previewed, or anything where the operator wants the tag moved `over` any change.
    pub const fn planned(before: Option<ManifestDigest>, over: bool) -> Self {
        if over { Self::Any } else { Self::Only(before) }
    }

    /// [`Kind::Refused`] where `reference`, which names `now` and is to name `wanted`, names neither
    /// what it may nor what it is to name. True where nothing is left to do.
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
                    Kind::Refused,
                    format!("{reference} has changed since the preview: the tag was not moved"),
                )
                .cause(format!("it was {} and is {} now", word(before), word(now)))
                .hint("check who pushed there; to replace it, run the same command with --over"))
            }
        }
    }
}

/// Which blobs of an image a repository has. Each blob once, in order of appearance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lacking {
    /// Blobs that it has not got.
    pub missing: Vec<Blob>,
    /// Blobs that it has.
    pub present: Vec<Blob>,
    /// Bytes of those that it has not got.
    pub bytes: u64,
}

/// What happens while copying, in order. Sizes in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyProgress {
    /// Manifests are read: this much is looked at.
    Planned {
        /// Blobs, each once.
        blobs: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// The destination has this blob.
    Skipped {
        /// Which.
        digest: Digest,
        /// Its length.
        bytes: u64,
    },
    /// The registry took the blob over from the source repository itself.
    Mounted {
        /// Which.
        digest: Digest,
        /// Its length.
        bytes: u64,
    },
    /// More bytes of this blob are on their way.
    Sent {
        /// Which.
        digest: Digest,
        /// How many more.
        bytes: u64,
    },
    /// The blob is sent anew; what was counted as sent is void.
    Retrying {
        /// Which.
        digest: Digest,
        /// Bytes to take off again.
        rolled_back: u64,
        /// Why.
        problem: Problem,
        /// How long it waits before.
        pause: Duration,
    },
    /// The destination confirmed this blob.
    BlobDone {
        /// Which.
        digest: Digest,
    },
    /// The destination confirmed this manifest.
    ManifestPut {
        /// Which.
        digest: ManifestDigest,
    },
}

/// What a finished copy did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Digest at the destination.
    pub digest: ManifestDigest,
    /// Blob bytes that went through this machine, each blob once.
    pub bytes_sent: u64,
    /// Blob bytes that did not: there already, or mounted.
    pub bytes_skipped: u64,
    /// True where manifest and tag were there already: nothing was written.
    pub already: bool,
}
