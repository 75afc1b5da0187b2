//! The details of an image: digests, releases, platforms, layers, how much of it its destination
//! already has, and the differences from another image.
//!
//! What was fetched is kept as long as the console runs.

pub mod actions;
mod diff;
mod lines;
pub mod share;
mod update;

pub use update::{
    ask_behind, ask_unfolded, behind, broken, looked, open, open_planned, open_selected, selected, with_known,
};

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::components::{Dialog, Text};
use super::effect::RequestId;
use crate::domain::{CharmName, Digest, ImageDetail, ImageSource, Problem, ResourceName, ResourceRevision};

/// Identifies an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// The image of a resource revision.
    Behind {
        /// The charm.
        charm: CharmName,
        /// The resource.
        resource: ResourceName,
        /// The revision.
        revision: ResourceRevision,
    },
    /// The image that a reference resolves to.
    From(ImageSource),
    /// The image of the plan under review, which was already read.
    Planned,
}

/// An image to show, and its destination.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Look {
    /// The image.
    pub wanted: Wanted,
    /// The resource it would be uploaded to.
    pub to: Option<(CharmName, ResourceName)>,
}

impl Look {
    /// Returns its title.
    pub fn title(&self) -> String {
        match &self.wanted {
            Wanted::Behind {
                charm,
                resource,
                revision,
            } => format!("{resource} {revision} of {charm}"),
            Wanted::From(source) => source.to_string(),
            Wanted::Planned => "Image of this plan".to_owned(),
        }
    }
}

/// An image that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Everything about it.
    pub detail: ImageDetail,
    /// Which of its layers the destination has.
    pub there: There,
}

/// Which layers of an image the destination has.
#[derive(Clone, Debug, PartialEq)]
pub enum There {
    /// There is no destination.
    NotAsked,
    /// These.
    Layers(BTreeSet<Digest>),
    /// It could not be determined.
    Unknown(Problem),
}

/// What is known about an image.
#[derive(Clone, Debug, Default)]
pub struct Fetched {
    /// The last result.
    pub seen: Option<Seen>,
    /// When it was read.
    pub at: Option<DateTime<Utc>>,
    /// The pending request.
    pub in_flight: Option<RequestId>,
    /// Why the last read failed.
    pub problem: Option<Problem>,
}

/// Every image that was read.
#[derive(Clone, Debug, Default)]
pub struct Images {
    /// Images by request.
    pub fetched: BTreeMap<Look, Fetched>,
    /// The image kept for comparison, with its title.
    pub marked: Option<(String, ImageDetail)>,
}

/// The state of the image details.
#[derive(Clone, Debug)]
pub struct Image {
    /// The image shown.
    pub look: Look,
    /// The text shown.
    pub text: Text,
    /// True if the differences from the marked image are shown.
    pub diff: bool,
    /// The dialog below it.
    pub under: Option<Box<dyn Dialog>>,
}
