//! Plans the publishing of one upstream release: preflight, uploads, releases, a check of the
//! public API, and last the branch that marks it as published.
//!
//! All steps that users cannot see come before the first channel release.

pub(super) mod channels;
mod complete;
mod images;
pub(super) mod marker;
pub(super) mod preflight;
// The tests of other crates use its situations.
#[cfg(any(test, feature = "testing"))]
#[allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::wildcard_imports,
    dead_code,
    missing_docs,
    unused_imports
)]
pub mod tests;

use crate::config::Workspace;
use crate::config::workspace::Charm;
use crate::domain::charm::CharmFacts;
use crate::domain::{CharmName, Problem, ProblemKind, Release, SanitizedText, Snapshot, Track};

use super::{Assumption, ChannelUpdate, Intent, Op, Plan, PublishIntent, State, Step, StepId, Undo};
use images::ChosenImage;

/// A charm with everything that its part of the plan needs.
pub(super) struct CharmPlan<'a> {
    pub(super) charm: &'a Charm,
    pub(super) facts: &'a CharmFacts,
    /// Images to upload for it; empty for a release without images.
    pub(super) images: Vec<ChosenImage<'a>>,
    pub(super) moves: Vec<ChannelUpdate>,
}

/// Plans `intent`.
pub fn plan(workspace: &Workspace, snapshot: &Snapshot, intent: &PublishIntent) -> Result<Plan, Problem> {
    let mut warnings = Vec::new();
    let release = find_release(snapshot, intent)?;
    let charms = chosen_charms(workspace, intent)?;
    let named: Vec<&CharmName> = charms.iter().map(|charm| &charm.name).collect();
    preflight::credential(snapshot, &named, &mut warnings)?;

    let channels = channels::targets(workspace, intent)?;
    let mut parts = Vec::new();
    for charm in charms {
        let facts = snapshot
            .charms
            .get(&charm.name)
            .ok_or_else(|| Problem::new(ProblemKind::Internal, format!("{} was not read", charm.name)))?
            .need(&charm.name.to_string())?;
        let images = images::choose(workspace, snapshot, intent, release, charm, facts)?;
        let moves = channels::moves(intent, charm, facts, &images, &channels, &mut warnings)?;
        parts.push(CharmPlan {
            charm,
            facts,
            images,
            moves,
        });
    }
    for part in &parts {
        preflight::downgrade(workspace, snapshot, intent, release, part, &mut warnings)?;
    }

    let marked = marker::plan(workspace, snapshot, intent, release, &parts, &mut warnings)?;

    let mut steps = Vec::new();
    for part in &parts {
        for track in missing_tracks(part) {
            preflight::guardrail(part, &track)?;
            steps.push(create_track(part, &track));
        }
    }
    steps.extend(marked.tracks);
    for part in &parts {
        steps.extend(
            part.images
                .iter()
                .map(|image| image.copy_step(snapshot, part.charm)),
        );
    }
    for part in &parts {
        steps.extend(part.images.iter().map(|image| image.upload_step(part.charm)));
    }
    steps.extend(marked.invisible);
    for part in &parts {
        steps.push(channels::release_step(workspace, snapshot, part));
    }
    steps.extend(marked.released);
    for part in &parts {
        steps.push(channels::verify_step(snapshot, part));
    }
    steps.extend(marked.last);
    channels::name_first(&mut steps, &release.name);

    let title = format!("Publish {} to {}", release.name, names(&parts));
    let mut plan = Plan::new(
        &workspace.name,
        &snapshot.world,
        title,
        Intent::Publish(intent.clone()),
        steps,
        release.name.to_string(),
    );
    plan.assumptions = assumptions(&parts);
    plan.assumptions.extend(marked.assumptions);
    plan.left_out = marked.left_out;
    preflight::oddities(workspace, snapshot, release, &mut warnings);
    warnings.dedup();
    plan.warnings = warnings;
    Ok(plan)
}

fn find_release<'a>(snapshot: &'a Snapshot, intent: &PublishIntent) -> Result<&'a Release, Problem> {
    let releases = snapshot.releases.need("the list of upstream releases")?;
    let release = releases
        .iter()
        .find(|release| release.name == intent.release)
        .ok_or_else(|| {
            if snapshot.is_withdrawn(&intent.release) {
                Problem::new(
                    ProblemKind::NotFound,
                    format!("release {} was withdrawn upstream", intent.release),
                )
                .hint("list the other releases: windlass releases")
            } else {
                Problem::new(
                    ProblemKind::NotFound,
                    format!("release {} not found upstream", intent.release),
                )
                .hint("list the releases: windlass releases; a new one may need a minute to appear")
            }
        })?;
    if let Some(problem) = &release.unreadable {
        return Err(problem
            .clone()
            .within(format!("release {} cannot be published", release.name)));
    }
    Ok(release)
}

fn chosen_charms<'a>(workspace: &'a Workspace, intent: &PublishIntent) -> Result<Vec<&'a Charm>, Problem> {
    for name in intent.charms.iter().chain(intent.revisions.keys()) {
        if !workspace.fed_charms().any(|charm| &charm.name == name) {
            let known: Vec<_> = workspace
                .fed_charms()
                .map(|charm| charm.name.to_string())
                .collect();
            return Err(Problem::new(
                ProblemKind::Usage,
                format!(
                    "{name} uses no image of a release in workspace {}",
                    workspace.name
                ),
            )
            .hint(format!("charms that do: {}", known.join(", "))));
        }
    }
    let fed: Vec<&Charm> = workspace
        .fed_charms()
        .filter(|charm| intent.charms.is_empty() || intent.charms.contains(&charm.name))
        .collect();
    for image in intent.images.keys() {
        if !fed.iter().any(|charm| charm.fed().any(|(_, key)| key == image)) {
            let known: Vec<_> = fed
                .iter()
                .flat_map(|c| c.fed())
                .map(|(_, key)| key.to_owned())
                .collect();
            return Err(Problem::new(
                ProblemKind::Usage,
                format!(
                    "no selected charm uses the image {}",
                    SanitizedText::capped(image, 100)
                ),
            )
            .hint(format!("images in use: {}", known.join(", "))));
        }
    }
    if fed.is_empty() {
        return Err(Problem::new(
            ProblemKind::Config,
            format!(
                "no charm in workspace {} uses an image of a release",
                workspace.name
            ),
        )
        .hint("add an 'image' key to a resource in the workspace file"));
    }
    Ok(fed)
}

pub(super) fn missing_tracks(part: &CharmPlan) -> Vec<Track> {
    let mut tracks: Vec<Track> = part
        .moves
        .iter()
        .map(|target| target.channel.track.clone())
        .filter(|track| !part.facts.tracks.contains(track) && track != &Track::latest())
        .collect();
    tracks.sort();
    tracks.dedup();
    tracks
}

pub(super) fn create_track(part: &CharmPlan, track: &Track) -> Step {
    track_step(&part.charm.name, track)
}

/// Returns the step that creates `track` of a charm or bundle.
pub(super) fn track_step(charm: &CharmName, track: &Track) -> Step {
    let op = Op::CreateTrack {
        charm: charm.clone(),
        track: track.clone(),
    };
    Step {
        before: State::text("no such track"),
        after: State::text(format!("track {track}")),
        undo: Undo::impossible("Charmhub keeps tracks"),
        ..Step::new(
            StepId(format!("create-track/{charm}/{track}")),
            op,
            format!("{charm} track {track}"),
        )
    }
}

fn names(parts: &[CharmPlan]) -> String {
    let names: Vec<_> = parts.iter().map(|part| part.charm.name.to_string()).collect();
    names.join(", ")
}

pub(super) fn assumptions(parts: &[CharmPlan]) -> Vec<Assumption> {
    let mut list = Vec::new();
    for part in parts {
        for image in &part.images {
            list.push(Assumption {
                what: SanitizedText::new(image.resolved.reference.to_string()),
                value: SanitizedText::new(image.resolved.digest.to_string()),
                step: None,
            });
        }
        for target in &part.moves {
            let base = target
                .base
                .as_ref()
                .map_or_else(String::new, |base| format!(" ({base})"));
            list.push(Assumption {
                what: SanitizedText::new(format!("{} {}{base}", part.charm.name, target.channel)),
                value: SanitizedText::new(
                    target
                        .before
                        .as_ref()
                        .map_or_else(|| "closed".to_owned(), ToString::to_string),
                ),
                step: Some(channels::release_id(part.charm)),
            });
        }
    }
    list
}
