//! Defines intents about single items: uploading a resource, copying an image, releasing a charm,
//! closing a channel.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::image::Platform;
use crate::domain::{
    Channel, CharmName, CharmRevision, ImageSource, Reference, ResourceName, ResourceRevision,
};

/// Intent to upload a file or an image as a revision of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadIntent {
    /// The charm.
    pub charm: CharmName,
    /// The resource.
    pub resource: ResourceName,
    /// Content of the upload.
    pub content: Content,
}

/// Content of an upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// A file on this machine.
    File {
        /// Absolute path.
        path: String,
        /// Architectures as the store names them; `all` if empty.
        architectures: Vec<String>,
    },
    /// An image by digest, in the store's registry or in a local engine.
    Digest {
        /// Digest with 12 or 64 digits, with or without `sha256:`.
        digest: String,
    },
    /// An image by reference.
    From {
        /// The image source.
        source: ImageSource,
        /// The platforms to upload; all if empty.
        platforms: Vec<Platform>,
    },
}

impl UploadIntent {
    /// Returns the equivalent command line.
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

/// Intent to copy an image to a registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyIntent {
    /// The image.
    pub source: ImageSource,
    /// The destination, by tag or by the digest that the image must have there.
    pub destination: Reference,
    /// The platforms to copy; all if empty.
    #[serde(default)]
    pub platforms: Vec<Platform>,
    /// Moves the tag even if it was moved since the preview.
    #[serde(default)]
    pub over: bool,
}

impl CopyIntent {
    /// Returns the equivalent command line.
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

/// Intent to release a charm revision to channels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseIntent {
    /// The charm.
    pub charm: CharmName,
    /// The revision.
    pub revision: CharmRevision,
    /// The channels.
    pub channels: Vec<Channel>,
    /// Resource revisions; resources that are not named keep the revision of the channel.
    #[serde(default)]
    pub resources: BTreeMap<ResourceName, ResourceRevision>,
}

impl ReleaseIntent {
    /// Returns the equivalent command line.
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

/// Intent to close a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseIntent {
    /// The charm.
    pub charm: CharmName,
    /// The channel.
    pub channel: Channel,
}

impl CloseIntent {
    /// Returns the equivalent command line.
    pub fn command(&self) -> String {
        format!("windlass close {} {}", self.charm, self.channel)
    }
}
