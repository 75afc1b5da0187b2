//! Plans the promotion of a whole track: every open risk moves by one step, the most stable one
//! below the named risk moves to that risk.
//!
//! Pairs are copied base by base, as in the promotion of a release. The bundle is not changed.

use super::{Chosen, all_charms, newer_there, served_until_now};
use crate::config::Workspace;
use crate::domain::charm::CharmFacts;
use crate::domain::{Channel, CharmName, Problem, ProblemKind, Risk, SanitizedText, Snapshot, Track};
use crate::plan::pairs::{self, Wanted};
use crate::plan::publish::{self, CharmPlan, channels, preflight};
use crate::plan::{Intent, Plan, PromoteTrackIntent};

/// Plans `intent`.
pub fn plan(
    workspace: &Workspace,
    snapshot: &Snapshot,
    intent: &PromoteTrackIntent,
) -> Result<Plan, Problem> {
    let PromoteTrackIntent { track, to } = intent;
    super::not_to_edge(*to)?;
    let mut warnings = Vec::new();
    let mut hops: Vec<Chosen<'_>> = Vec::new();
    let mut parts: Vec<CharmPlan<'_>> = Vec::new();
    for (charm, facts) in all_charms(workspace, snapshot)? {
        let own: Vec<Chosen<'_>> = steps(facts, track, *to)
            .into_iter()
            .map(|(from, to)| Chosen {
                charm,
                facts,
                from,
                to,
            })
            .collect();
        if own.is_empty() {
            let text = format!(
                "{} is left out, because nothing on {track} below {to} is open",
                charm.name
            );
            warnings.push(SanitizedText::new(text));
            continue;
        }
        for hop in &own {
            if let Some(problem) = newer_there(workspace, snapshot, hop) {
                return Err(problem.hint(format!(
                    "release the pair instead: windlass release {} --channel {} …",
                    charm.name, hop.to
                )));
            }
        }
        let wanted: Vec<Wanted> = own.iter().flat_map(|hop| hop.wanted(snapshot)).collect();
        parts.push(CharmPlan {
            charm,
            facts,
            images: Vec::new(),
            moves: pairs::moves(charm, facts, &wanted, &mut warnings)?,
        });
        hops.extend(own);
    }
    if parts.is_empty() {
        return Err(Problem::new(
            ProblemKind::Refused,
            format!("track {track} cannot be promoted: no channel below {to} is open"),
        )
        .hint("list the open channels: windlass channels"));
    }
    let names: Vec<&CharmName> = parts.iter().map(|part| &part.charm.name).collect();
    preflight::credential(snapshot, &names, &mut warnings)?;
    let releases = parts
        .iter()
        .map(|part| channels::release_step(workspace, snapshot, part));
    let checks = parts.iter().map(|part| channels::verify_step(snapshot, part));
    let mut plan = Plan::new(
        &workspace.name,
        &snapshot.world,
        format!("Promote track {track} to {to}"),
        Intent::PromoteTrack(intent.clone()),
        releases.chain(checks).collect(),
        track.to_string(),
    );
    plan.assumptions = publish::assumptions(&parts);
    warnings.extend(served_until_now(&hops));
    if let Some(bundle) = &workspace.bundle {
        warnings.push(SanitizedText::new(format!(
            "{} is unchanged; its channels change when a release is promoted",
            bundle.name
        )));
    }
    warnings.dedup();
    plan.warnings = warnings;
    Ok(plan)
}

/// Returns the source and target channel of each open risk of `track` below `to`, most stable
/// first.
fn steps(facts: &CharmFacts, track: &Track, to: Risk) -> Vec<(Channel, Channel)> {
    let mut target = Channel::new(track.clone(), to);
    let mut steps = Vec::new();
    for risk in Risk::ALL.into_iter().filter(|risk| *risk > to) {
        let channel = Channel::new(track.clone(), risk);
        if facts.rows_of(&channel).next().is_some() {
            steps.push((channel.clone(), std::mem::replace(&mut target, channel)));
        }
    }
    steps
}
