//! Wishes about single things: a resource uploaded, an image copied, a charm released, a channel
//! closed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::image::Platform;
use crate::domain::{
    Channel, CharmName, CharmRevision, ImageSource, Reference, ResourceName, ResourceRevision,
};

/// The wish to make a file or an image a revision of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadIntent {
    /// The charm.
    pub charm: CharmName,
    /// The resource.
    pub resource: ResourceName,
    /// What is to be uploaded.
    pub content: Content,
}

/// What is to be uploaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// A file of this machine.
    File {
        /// Its absolute path.
        path: String,
        /// Architectures in the store's words; `all` where empty.
        architectures: Vec<String>,
    },
    /// An image by digest, in the store's registry or in a local engine.
    Digest {
        /// `sha256:` may be left out; 12 or 64 digits.
        digest: String,
    },
    /// An image by reference.
    From {
        /// The reference.
        source: ImageSource,
        /// Only these platforms; all where empty.
        platforms: Vec<Platform>,
    },
}

impl UploadIntent {
    /// The command line that says the same.
    pub fn command(&self) -> String {
        let content = match &self.content {
            Content::File { path, architectures } if architectures.is_empty() => format!("--filepath {path}"),
            Content::File { path, architectures } => {
                format!("--filepath {path} --arch {}", architectures.join(","))
            }
            Content::Digest { digest } => format!("--image {digest}"),
            Content::From { source, platforms } => format!("--from {source}{}", flags(platforms)),
        };
        format!(
            "windlass upload-resource {} {} {content}",
            self.charm, self.resource
        )
    }
}

fn flags(platforms: &[Platform]) -> String {
    platforms
        .iter()
        .map(|platform| format!(" --platform {platform}"))
        .collect()
}

/// The wish to copy an image to a registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyIntent {
    /// Which image.
    pub source: ImageSource,
    /// Where it goes, by tag or by the digest that it must have there.
    pub destination: Reference,
    /// Only these platforms; all where empty.
    #[serde(default)]
    pub platforms: Vec<Platform>,
    /// Moves the tag even where another client moved it since the preview.
    #[serde(default)]
    pub over: bool,
}

impl CopyIntent {
    /// The command line that says the same.
    pub fn command(&self) -> String {
        let Self {
            source,
            destination,
            platforms,
            over,
        } = self;
        let over = if *over { " --over" } else { "" };
        format!("windlass copy {source} {destination}{}{over}", flags(platforms))
    }
}

/// The wish to release a charm revision to channels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseIntent {
    /// The charm.
    pub charm: CharmName,
    /// The revision.
    pub revision: CharmRevision,
    /// The channels.
    pub channels: Vec<Channel>,
    /// Resource revisions; one that is not named stays as the channel has it.
    #[serde(default)]
    pub resources: BTreeMap<ResourceName, ResourceRevision>,
}

impl ReleaseIntent {
    /// The command line that says the same.
    pub fn command(&self) -> String {
        let mut text = format!("windlass release {} --revision {}", self.charm, self.revision.0);
        for channel in &self.channels {
            text.push_str(&format!(" --channel {channel}"));
        }
        for (resource, revision) in &self.resources {
            text.push_str(&format!(" --resource {resource}:{}", revision.0));
        }
        text
    }
}

/// The wish to close a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseIntent {
    /// The charm.
    pub charm: CharmName,
    /// The channel.
    pub channel: Channel,
}

impl CloseIntent {
    /// The command line that says the same.
    pub fn command(&self) -> String {
        format!("windlass close {} {}", self.charm, self.channel)
    }
}
