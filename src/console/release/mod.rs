//! The release dialog: which revision of a charm goes to which channels, with which resources.
//!
//! Owns the choice while it is being made. Nothing is guessed: a resource that a channel has not
//! got yet must be chosen. Must not plan.

mod rows;
mod update;
pub mod view;

pub use rows::{Row, lacking, releasable, rows};
pub use update::{accept, change, close, open, pick, settle, step, tick};

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{Channel, CharmName, CharmRevision, ResourceName, ResourceRevision};

/// The dialog.
#[derive(Clone, Debug)]
pub struct Release {
    /// The charm.
    pub charm: CharmName,
    /// The revision.
    pub revision: CharmRevision,
    /// The channels that are ticked.
    pub ticked: BTreeSet<Channel>,
    /// Resource revisions chosen by hand; one that is not in it stays as the channel has it.
    pub chosen: BTreeMap<ResourceName, ResourceRevision>,
    /// The selected row.
    pub at: usize,
    /// First row shown.
    pub offset: usize,
    /// Why the last try was none.
    pub error: Option<String>,
}
