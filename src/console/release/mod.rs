//! The release dialog: which revision of a charm is released to which channels, with which
//! resources.
//!
//! Nothing is guessed: a resource that a channel does not have yet must be chosen.

pub mod actions;
mod rows;
mod update;
pub mod view;

pub use rows::{Row, lacking, releasable, rows};
pub use update::open;

use std::collections::{BTreeMap, BTreeSet};

use super::components::List;
use crate::domain::{Channel, CharmName, CharmRevision, ResourceName, ResourceRevision};

/// The state of the release dialog.
#[derive(Clone, Debug)]
pub struct Release {
    /// The charm.
    pub charm: CharmName,
    /// The revision.
    pub revision: CharmRevision,
    /// The channels that are ticked.
    pub ticked: BTreeSet<Channel>,
    /// Resource revisions chosen by hand; any other stays as the channel has it.
    pub chosen: BTreeMap<ResourceName, ResourceRevision>,
    /// The selected row.
    pub list: List,
    /// Why the last attempt was rejected.
    pub error: Option<String>,
}
