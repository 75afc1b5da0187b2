//! What somebody wants to upload or copy, as it was found.
//!
//! Owns the facts that a plan for it is made from. Must not look.

use serde::{Deserialize, Serialize};

use super::detail::ImageDetail;
use super::digest::{Digest, ManifestDigest};
use super::image::Platform;
use super::source::{Cut, Origin};
use super::text::Outside;

/// A file or an image, as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContentFacts {
    /// A file of this machine.
    File(FileFacts),
    /// An image, wherever it is.
    Image(Box<ImageFacts>),
}

/// A file of this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// Its absolute path.
    pub path: String,
    /// Its length in bytes.
    pub size: u64,
    /// sha-256 of its bytes.
    pub digest: Digest,
}

/// An image and how much of it its destination has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// What arrives.
    pub detail: ImageDetail,
    /// Where it is taken from.
    pub origin: Origin,
    /// Set where only some platforms of it go.
    pub cut: Option<Cut>,
    /// True where the destination has its manifest: then nothing is sent.
    pub there: bool,
    /// Blobs that the destination lacks.
    pub lacking: Vec<Digest>,
    /// Their bytes.
    pub bytes_missing: u64,
    /// What the destination's tag names now, where it has the tag.
    pub tagged: Option<ManifestDigest>,
    /// Platforms that its index names and that the engine does not hold: they cannot go.
    #[serde(default)]
    pub left_out: Vec<Platform>,
    /// Signatures and the like that the destination lacks, where it has the image itself.
    #[serde(default)]
    pub attachments_missing: usize,
}

impl ImageFacts {
    /// What a person should know of platforms that do not go.
    pub fn remark(&self) -> Option<Outside> {
        let names: Vec<String> = self.left_out.iter().map(ToString::to_string).collect();
        (!names.is_empty()).then(|| {
            Outside::new(format!(
                "{} is held for some platforms only: {} cannot be sent",
                self.detail.source,
                names.join(", ")
            ))
        })
    }
}

impl ImageFacts {
    /// Bytes that need not be sent.
    pub const fn bytes_present(&self) -> u64 {
        self.detail.size.saturating_sub(self.bytes_missing)
    }
}
