//! Builds the rows of the release dialog: the revision, its resources, the channels of the charm.

use super::Release;
use crate::console::Model;
use crate::console::panes::channels::FLOW;
use crate::domain::charm::{CharmFacts, DeclaredResource};
use crate::domain::{Channel, CharmName, CharmRevision, ResourceName, Track};

/// A row of the release dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// The revision.
    Revision,
    /// A resource that the revision declares.
    Resource {
        /// Its name.
        name: ResourceName,
        /// True if the charm runs without it.
        optional: bool,
    },
    /// A channel.
    Channel(Channel),
}

pub(super) fn facts<'a>(model: &'a Model, charm: &CharmName) -> Option<&'a CharmFacts> {
    model.snapshot.charms.get(charm)?.value.as_ref()
}

/// Returns the revisions of `charm` that the store allows releasing, newest first.
pub fn releasable(model: &Model, charm: &CharmName) -> Vec<CharmRevision> {
    let mut revisions: Vec<CharmRevision> = facts(model, charm)
        .into_iter()
        .flat_map(|facts| &facts.revisions)
        .filter(|one| one.releasable())
        .map(|one| one.revision)
        .collect();
    revisions.sort_by(|a, b| b.cmp(a));
    revisions
}

/// Returns all rows.
pub fn rows(model: &Model, dialog: &Release) -> Vec<Row> {
    let Some(facts) = facts(model, &dialog.charm) else {
        return Vec::new();
    };
    let mut rows = vec![Row::Revision];
    rows.extend(
        declared(facts, dialog.revision)
            .into_iter()
            .map(|one| Row::Resource {
                name: one.name.clone(),
                optional: one.optional,
            }),
    );
    rows.extend(channels(facts).into_iter().map(Row::Channel));
    rows
}

/// Returns the resources that `revision` declares, by name.
pub(super) fn declared(facts: &CharmFacts, revision: CharmRevision) -> Vec<&DeclaredResource> {
    let mut declared: Vec<&DeclaredResource> = facts
        .declared
        .iter()
        .filter(|one| one.charm_revision == revision)
        .collect();
    declared.sort_by(|a, b| a.name.cmp(&b.name));
    declared
}

/// Returns the channels of a charm: first those that serve something, then the closed ones of every
/// track; `latest` first, then the newest track.
fn channels(facts: &CharmFacts) -> Vec<Channel> {
    let latest = Track::latest();
    let mut tracks: Vec<&Track> = facts.tracks.iter().collect();
    tracks.sort_by(|a, b| (**b == latest, b).cmp(&(**a == latest, a)));
    let all = tracks
        .iter()
        .flat_map(|track| FLOW.map(|risk| Channel::new((*track).clone(), risk)));
    let mut channels: Vec<Channel> = Vec::new();
    for row in &facts.rows {
        if !channels.contains(&row.channel) {
            channels.push(row.channel.clone());
        }
    }
    let place = |channel: &Channel| {
        let track = tracks.iter().position(|track| **track == channel.track);
        let risk = FLOW.iter().position(|risk| *risk == channel.risk);
        (track, channel.branch.clone(), risk)
    };
    channels.sort_by_key(place);
    for channel in all {
        if !channels.contains(&channel) {
            channels.push(channel);
        }
    }
    channels
}

/// Returns the ticked channels that have no `resource` yet for a base of the revision.
pub fn lacking(model: &Model, dialog: &Release, resource: &ResourceName) -> Vec<Channel> {
    let Some(facts) = facts(model, &dialog.charm) else {
        return Vec::new();
    };
    let bases = facts.revision(dialog.revision).map_or(&[][..], |one| &one.bases);
    let without = |channel: &&Channel| {
        let mut rows = facts
            .rows_of(channel)
            .filter(|row| match &row.base {
                Some(base) => bases.iter().any(|own| own.covers(base)),
                None => true,
            })
            .peekable();
        rows.peek().is_none() || rows.any(|row| row.resource(resource).is_none())
    };
    dialog.ticked.iter().filter(without).cloned().collect()
}
