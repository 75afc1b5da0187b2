//! The promotion dialog: the target risk of a release or a track, and which charms that the
//! release's track does not have are included from `latest/edge`.
//!
//! No charm is included unless it is selected.

pub mod actions;
mod update;
pub mod view;

pub use update::{open, source};

use std::collections::BTreeSet;

use super::Model;
use super::components::List;
use crate::domain::charm::ChannelRow;
use crate::domain::{Channel, CharmName, ReleaseName, Risk, Track};

/// The risks that a release can be promoted to, in order of promotion.
pub const RISKS: [Risk; 3] = [Risk::Candidate, Risk::Beta, Risk::Stable];

/// The state of the promotion dialog.
#[derive(Clone, Debug)]
pub struct Promote {
    /// The release; `None` for every open risk of the track.
    pub release: Option<ReleaseName>,
    /// The track.
    pub track: Track,
    /// The target risk.
    pub to: Risk,
    /// Charms included from `latest/edge`.
    pub with: BTreeSet<CharmName>,
    /// The selected row.
    pub list: List,
}

/// A row of the promotion dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// A risk; moving to it selects it.
    Risk(Risk),
    /// A charm with nothing on the track's edge.
    Charm(CharmName),
}

/// Returns all rows.
pub fn rows(model: &Model, dialog: &Promote) -> Vec<Row> {
    let edge = Channel::new(dialog.track.clone(), Risk::Edge);
    let latest = latest_edge();
    let mut rows: Vec<Row> = RISKS.into_iter().map(Row::Risk).collect();
    if dialog.release.is_none() {
        return rows;
    }
    rows.extend(
        model
            .workspace()
            .charms
            .iter()
            .filter(|charm| served(model, &charm.name, &edge).next().is_none())
            .filter(|charm| served(model, &charm.name, &latest).next().is_some())
            .map(|charm| Row::Charm(charm.name.clone())),
    );
    rows
}

/// Returns the channel that included charms come from.
pub fn latest_edge() -> Channel {
    Channel::new(Track::latest(), Risk::Edge)
}

/// Returns the rows of `channel` of `charm`.
pub fn served<'a>(
    model: &'a Model,
    charm: &CharmName,
    channel: &'a Channel,
) -> impl Iterator<Item = &'a ChannelRow> + 'a {
    let rows = model.snapshot.rows(charm).iter();
    rows.filter(move |row| row.channel == *channel)
}
