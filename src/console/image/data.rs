//! What the console knows about images: how they are named, and what was read.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::console::request::RequestId;
use crate::console::state::state;
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

state!(Images);

/// Charms whose older revisions are being read.
#[derive(Clone, Debug, Default)]
pub struct Reading(pub BTreeMap<CharmName, RequestId>);

state!(Reading);
