//! An image looked at closely: digests, releases, platforms, layers, and how much of it its
//! destination has; and what differs between two of them.
//!
//! Owns what was fetched, which is kept as long as the console runs. Must not fetch.

mod diff;
mod lines;
pub mod share;
mod update;

pub use update::{
    again, ask_behind, ask_unfolded, behind, broken, close, diff, looked, mark, open, open_planned,
    open_selected, selected, with_known,
};

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::dialogs::{Modal, Text};
use super::effect::RequestId;
use crate::domain::{CharmName, Digest, ImageDetail, ImageSource, Problem, ResourceName, ResourceRevision};

/// Which image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// The one behind a resource revision.
    Behind {
        /// The charm.
        charm: CharmName,
        /// The resource.
        resource: ResourceName,
        /// The revision.
        revision: ResourceRevision,
    },
    /// The one that a name leads to.
    From(ImageSource),
    /// The one that the plan under review was made for: it was looked at already.
    Planned,
}

/// An image to be looked at, and where it would go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Look {
    /// The image.
    pub wanted: Wanted,
    /// The resource that it is for.
    pub to: Option<(CharmName, ResourceName)>,
}

impl Look {
    /// What it is called.
    pub fn title(&self) -> String {
        match &self.wanted {
            Wanted::Behind {
                charm,
                resource,
                revision,
            } => format!("{resource} {revision} of {charm}"),
            Wanted::From(source) => source.to_string(),
            Wanted::Planned => "The image of this plan".to_owned(),
        }
    }
}

/// An image that was looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Everything about it.
    pub detail: ImageDetail,
    /// Which of its layers are where it would go.
    pub there: There,
}

/// Which layers of an image are where it would go.
#[derive(Clone, Debug, PartialEq)]
pub enum There {
    /// It goes nowhere.
    NotAsked,
    /// These.
    Layers(BTreeSet<Digest>),
    /// It could not be told.
    Unknown(Problem),
}

/// What is known of an image.
#[derive(Clone, Debug, Default)]
pub struct Fetched {
    /// What was seen last.
    pub seen: Option<Seen>,
    /// When that was.
    pub at: Option<DateTime<Utc>>,
    /// The look under way.
    pub in_flight: Option<RequestId>,
    /// Why the last look brought nothing.
    pub problem: Option<Problem>,
}

/// Every image that was looked at.
#[derive(Clone, Debug, Default)]
pub struct Images {
    /// By what was asked for.
    pub fetched: BTreeMap<Look, Fetched>,
    /// The one kept for comparison, with its title.
    pub marked: Option<(String, ImageDetail)>,
}

/// The dialog.
#[derive(Clone, Debug)]
pub struct Image {
    /// What is looked at.
    pub look: Look,
    /// What is shown of it.
    pub text: Text,
    /// True where the differences from the marked one are shown.
    pub diff: bool,
    /// The dialog that it was opened over.
    pub under: Option<Box<Modal>>,
}
