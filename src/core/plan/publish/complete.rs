//! Checks whether every charm of the workspace with an image runs a release on its track after a
//! plan. Only then is the release marked as published.

use super::CharmPlan;
use crate::config::Workspace;
use crate::config::workspace::Charm;
use crate::domain::charm::{ChannelRow, ImageBehind};
use crate::domain::snapshot::SourceStatus;
use crate::domain::{Channel, Release, Snapshot, Target};
use crate::plan::evidence;

/// Returns why `release` does not run everywhere on `channel`, one reason per charm; empty if it
/// does. `parts` are the charms that the plan releases; the others are taken as they are.
pub fn lacking(
    workspace: &Workspace,
    snapshot: &Snapshot,
    release: &Release,
    channel: &Channel,
    parts: &[CharmPlan],
) -> Vec<String> {
    let look = Look {
        workspace,
        snapshot,
        release,
        channel,
    };
    workspace
        .fed_charms()
        .filter_map(|charm| match parts.iter().find(|part| part.charm == charm) {
            Some(part) => look.after(part),
            None => look.now(charm),
        })
        .collect()
}

struct Look<'a> {
    workspace: &'a Workspace,
    snapshot: &'a Snapshot,
    release: &'a Release,
    channel: &'a Channel,
}

impl Look<'_> {
    /// Returns what is wrong with a charm of the plan after it, if anything.
    fn after(&self, part: &CharmPlan) -> Option<String> {
        let name = &part.charm.name;
        let foreign = part
            .images
            .iter()
            .find(|image| !self.names(image.key, &image.target, image.resolved));
        if let Some(image) = foreign {
            return Some(format!(
                "{name} gets {}, which is not the image of {}",
                image.resolved.reference, self.release.name
            ));
        }
        let set = |row: &ChannelRow| {
            part.moves
                .iter()
                .any(|one| one.channel == row.channel && one.base == row.base)
        };
        if !part.moves.iter().any(|one| &one.channel == self.channel) {
            return Some(format!("{name} is not released to {}", self.channel));
        }
        part.facts
            .rows_of(self.channel)
            .filter(|row| !set(row))
            .find_map(|row| self.other(part.charm, row))
    }

    /// Returns what is wrong now with a charm that the plan does not change, if anything.
    fn now(&self, charm: &Charm) -> Option<String> {
        let name = &charm.name;
        let seen = self.snapshot.charms.get(name);
        let Some(facts) = seen
            .filter(|seen| seen.standing() == SourceStatus::Known)
            .and_then(|seen| seen.value.as_ref())
        else {
            return Some(format!("the channels of {name} could not be read"));
        };
        let mut rows = facts.rows_of(self.channel).peekable();
        if rows.peek().is_none() {
            return Some(format!("{name} has no open channel {}", self.channel));
        }
        rows.find_map(|row| self.other(charm, row))
    }

    /// Returns true if the release names this image, regardless of how it was selected.
    fn names(&self, key: &str, target: &Target, resolved: &crate::domain::ResolvedImage) -> bool {
        let Some(tag) = self.release.images.get(key) else {
            return false;
        };
        let own = || {
            let reference = self.workspace.image_repository(key).ok()?.tagged(tag);
            self.snapshot.image(&reference)?.value.as_ref()
        };
        let behind = ImageBehind {
            digest: resolved.digest,
            config_digests: resolved.config_digests().collect(),
        };
        target == &Target::Tag(tag.clone()) || own().is_some_and(|own| evidence::same_image(own, &behind))
    }

    /// Returns a row that runs another image.
    fn other(&self, charm: &Charm, row: &ChannelRow) -> Option<String> {
        let own = charm.fed().all(|(resource, _)| {
            evidence::releases_in_row(self.workspace, self.snapshot, charm, resource, row)
                .contains(&self.release.name)
        });
        let base = row
            .base
            .as_ref()
            .map_or_else(String::new, |base| format!(" for {base}"));
        (!own).then(|| {
            format!(
                "{} {}{base} does not run an image of {}",
                charm.name, row.channel, self.release.name
            )
        })
    }
}
