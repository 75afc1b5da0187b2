//! Describes a file or an image that is to be uploaded or copied.
//!
//! A plan is made from these facts; reading the file or the registry is the job of other modules.

use serde::{Deserialize, Serialize};

use super::detail::ImageDetail;
use super::digest::{Digest, ManifestDigest};
use super::image::Platform;
use super::source::{Cut, Origin};
use super::text::SanitizedText;

/// A file or an image to upload or copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContentFacts {
    /// A file on this machine.
    File(FileFacts),
    /// An image in any of its sources.
    Image(Box<ImageFacts>),
}

/// A file on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// Absolute path.
    pub path: String,
    /// Length in bytes.
    pub size: u64,
    /// sha-256 of the content.
    pub digest: Digest,
}

/// An image and how much of it is present at its destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// The image that the destination will have.
    pub detail: ImageDetail,
    /// Source of the copy.
    pub origin: Origin,
    /// Set if only some platforms are copied.
    pub cut: Option<Cut>,
    /// True if the destination already has the manifest: then nothing is sent.
    pub there: bool,
    /// Blobs that are missing at the destination.
    pub lacking: Vec<Digest>,
    /// Total size of the missing blobs in bytes.
    pub bytes_missing: u64,
    /// What the tag names at the destination now; `None` if the tag does not exist.
    pub tagged: Option<ManifestDigest>,
    /// Platforms that the index names but the engine does not have: they cannot be copied.
    #[serde(default)]
    pub left_out: Vec<Platform>,
    /// Number of signatures and other referrers missing at the destination, when it already has the
    /// image itself.
    #[serde(default)]
    pub attachments_missing: usize,
}

impl ImageFacts {
    /// Returns a remark on the platforms that are not copied, if there are any.
    pub fn remark(&self) -> Option<SanitizedText> {
        let names: Vec<String> = self.left_out.iter().map(ToString::to_string).collect();
        (!names.is_empty()).then(|| {
            SanitizedText::new(format!(
                "only some platforms of {} are stored locally: cannot send {}",
                self.detail.source,
                names.join(", ")
            ))
        })
    }
}

impl ImageFacts {
    /// Returns the number of bytes that need not be sent.
    pub const fn bytes_present(&self) -> u64 {
        self.detail.size.saturating_sub(self.bytes_missing)
    }
}
