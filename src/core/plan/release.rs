//! Plans the release of one charm revision to channels, and the closing of a channel.
//!
//! Resources that the intent does not name keep the revision of the channel.

#[cfg(test)]
mod tests;

use crate::config::Workspace;
use crate::config::workspace::Charm;
use crate::domain::charm::{CharmFacts, RevisionFacts, followed};
use crate::domain::{Base, Channel, CharmName, Problem, ProblemKind, ResourceName, SanitizedText, Snapshot};

use super::publish::{self, CharmPlan, channels, preflight};
use super::{
    Assumption, AttachFrom, ChannelUpdate, CloseIntent, Intent, Op, Plan, PlannedRow, ReleaseIntent,
    ResourceAttachment, Serving, State, Step, StepId, Undo,
};

/// Plans `intent`.
pub fn plan(workspace: &Workspace, snapshot: &Snapshot, intent: &ReleaseIntent) -> Result<Plan, Problem> {
    let mut warnings = Vec::new();
    let charm = charm_of(workspace, &intent.charm);
    let facts = ours(snapshot, &intent.charm, &mut warnings)?;
    if intent.channels.is_empty() {
        return Err(Problem::new(ProblemKind::Usage, "no channel given").hint("add --channel latest/edge"));
    }
    let revision = channels::releasable(&charm, facts, intent.revision)?;
    known_resources(intent, facts, revision)?;
    let mut moves = Vec::new();
    for channel in &intent.channels {
        for base in bases(facts, revision) {
            moves.push(one_move(intent, facts, revision, channel, base)?);
        }
    }
    warnings.extend(stays_behind(facts, revision, &intent.channels));
    let part = CharmPlan {
        charm: &charm,
        facts,
        images: Vec::new(),
        moves,
    };
    let mut steps = Vec::new();
    for track in publish::missing_tracks(&part) {
        preflight::guardrail(&part, &track)?;
        steps.push(publish::create_track(&part, &track));
    }
    steps.push(channels::release_step(workspace, snapshot, &part));
    steps.push(channels::verify_step(snapshot, &part));
    let to: Vec<String> = intent.channels.iter().map(ToString::to_string).collect();
    let mut plan = Plan::new(
        &workspace.name,
        &snapshot.world,
        format!(
            "Release {} of {} to {}",
            intent.revision,
            intent.charm,
            to.join(", ")
        ),
        Intent::Release(intent.clone()),
        steps,
        to.into_iter().next().unwrap_or_default(),
    );
    plan.assumptions = publish::assumptions(std::slice::from_ref(&part));
    plan.warnings = warnings;
    Ok(plan)
}

/// Returns the workspace's settings of a charm; a charm that it does not name has no images.
pub(super) fn charm_of(workspace: &Workspace, name: &CharmName) -> Charm {
    workspace.charm(name).cloned().unwrap_or_else(|| Charm {
        name: name.clone(),
        repository: String::new(),
        resources: Vec::new(),
    })
}

/// Returns the facts of a charm. Fails if the credential may not change it.
pub(super) fn ours<'a>(
    snapshot: &'a Snapshot,
    charm: &CharmName,
    warnings: &mut Vec<SanitizedText>,
) -> Result<&'a CharmFacts, Problem> {
    snapshot.credential.need("the Charmhub credential")?;
    let seen = snapshot
        .charms
        .get(charm)
        .ok_or_else(|| Problem::new(ProblemKind::Internal, format!("{charm} was not read")))?;
    if let Some(problem) = &seen.problem
        && matches!(problem.kind, ProblemKind::NotFound | ProblemKind::Credentials)
    {
        return Err(Problem {
            kind: problem.kind,
            ..problem
                .clone()
                .within(format!("{charm} is not a charm of this account"))
        }
        .hint("check the name, and the account with 'windlass whoami'"));
    }
    let facts = seen.need(&charm.to_string())?;
    preflight::credential(snapshot, &[charm], warnings)?;
    Ok(facts)
}

/// Returns the bases that a release of `revision` sets. A revision for `all` sets the bases that
/// the charm serves anywhere.
fn bases(facts: &CharmFacts, revision: &RevisionFacts) -> Vec<Option<Base>> {
    let mut bases: Vec<Option<Base>> = Vec::new();
    for own in &revision.bases {
        let open = facts.rows.iter().filter_map(|row| row.base.clone());
        let mut covered: Vec<Base> = open.filter(|base| own.covers(base)).collect();
        if covered.is_empty() {
            covered.push(own.clone());
        }
        bases.extend(covered.into_iter().map(Some));
    }
    bases.sort();
    bases.dedup();
    if bases.is_empty() {
        bases.push(None);
    }
    bases
}

fn declared<'a>(
    facts: &'a CharmFacts,
    revision: &RevisionFacts,
) -> Vec<&'a crate::domain::charm::DeclaredResource> {
    facts
        .declared
        .iter()
        .filter(|declared| declared.charm_revision == revision.revision)
        .collect()
}

fn known_resources(
    intent: &ReleaseIntent,
    facts: &CharmFacts,
    revision: &RevisionFacts,
) -> Result<(), Problem> {
    let declared = declared(facts, revision);
    for (name, number) in &intent.resources {
        if !declared.iter().any(|one| &one.name == name) {
            let known: Vec<String> = declared.iter().map(|one| one.name.to_string()).collect();
            let known = if known.is_empty() {
                "no resource".to_owned()
            } else {
                known.join(", ")
            };
            return Err(Problem::new(
                ProblemKind::Usage,
                format!(
                    "revision {} of {} has no resource {name}",
                    revision.revision.0, intent.charm
                ),
            )
            .hint(format!("it declares {known}")));
        }
        if facts.resource(name, *number).is_none() {
            let newest = facts.resources.get(name).and_then(|list| list.first());
            let problem = Problem::new(
                ProblemKind::NotFound,
                format!("{name} of {} has no revision {}", intent.charm, number.0),
            );
            return Err(match newest {
                Some(newest) => problem.hint(format!("the newest is {name}:{}", newest.revision.0)),
                None => problem.hint("upload one with windlass upload-resource"),
            });
        }
    }
    Ok(())
}

fn one_move(
    intent: &ReleaseIntent,
    facts: &CharmFacts,
    revision: &RevisionFacts,
    channel: &Channel,
    base: Option<Base>,
) -> Result<ChannelUpdate, Problem> {
    let row = facts.row(channel, base.as_ref());
    let mut resources = Vec::new();
    for one in declared(facts, revision) {
        let kept = row.and_then(|row| row.resource(&one.name));
        match intent.resources.get(&one.name).copied().or(kept) {
            Some(number) => resources.push(ResourceAttachment {
                name: one.name.clone(),
                from: AttachFrom::Revision(number),
            }),
            None if one.optional => {}
            None => return Err(unattached(intent, facts, &one.name, channel, base.as_ref())),
        }
    }
    resources.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(ChannelUpdate {
        channel: channel.clone(),
        base,
        revision: revision.revision,
        resources,
        before: row.map(Serving::of),
    })
}

/// Returns the problem that a resource has no revision to attach. None is guessed, because a wrong
/// resource makes a wrong release.
fn unattached(
    intent: &ReleaseIntent,
    facts: &CharmFacts,
    resource: &ResourceName,
    channel: &Channel,
    base: Option<&Base>,
) -> Problem {
    let place = base.map_or_else(String::new, |base| format!(" for {base}"));
    let problem = Problem::new(
        ProblemKind::Usage,
        format!(
            "{channel} of {}{place} has no {resource} yet, and none is given",
            intent.charm
        ),
    );
    match facts.resources.get(resource).and_then(|list| list.first()) {
        Some(newest) => problem.hint(format!(
            "add --resource {resource}:{}, the newest",
            newest.revision.0
        )),
        None => problem.hint(format!(
            "upload one first: windlass upload-resource {} {resource} …",
            intent.charm
        )),
    }
}

/// Describes bases of a channel that the revision is not built for: they keep what they serve.
fn stays_behind(facts: &CharmFacts, revision: &RevisionFacts, channels: &[Channel]) -> Vec<SanitizedText> {
    let mut texts = Vec::new();
    for channel in channels {
        for row in facts.rows_of(channel) {
            if let Some(base) = &row.base
                && !revision.bases.iter().any(|own| own.covers(base))
            {
                texts.push(SanitizedText::new(format!(
                    "{channel} keeps {} for {base}: revision {} is not built for it",
                    row.revision, revision.revision.0
                )));
            }
        }
    }
    texts
}

/// Plans the closing of a channel.
pub fn close(workspace: &Workspace, snapshot: &Snapshot, intent: &CloseIntent) -> Result<Plan, Problem> {
    let mut warnings = Vec::new();
    let CloseIntent { charm, channel } = intent;
    let facts = ours(snapshot, charm, &mut warnings)?;
    if !facts.tracks.contains(&channel.track) {
        let known: Vec<String> = facts.tracks.iter().map(ToString::to_string).collect();
        return Err(Problem::new(
            ProblemKind::NotFound,
            format!("{charm} has no track {}", channel.track),
        )
        .hint(format!("its tracks are {}", known.join(", "))));
    }
    let step = close_step(
        workspace,
        snapshot,
        facts,
        charm,
        channel,
        StepId(format!("close/{charm}")),
    );
    if channel.branch.is_none() && step.skip_reason.is_none() {
        let text = match followed(&facts.rows, channel) {
            Some(other) => format!("deployments that use {channel} get {other} after this"),
            None => format!(
                "deployments that use {channel} get nothing after this: no channel of the track with a \
                lower risk is open"
            ),
        };
        warnings.push(SanitizedText::new(text));
    }
    let mut plan = Plan::new(
        &workspace.name,
        &snapshot.world,
        format!("Close {channel} of {charm}"),
        Intent::Close(intent.clone()),
        vec![step],
        channel.to_string(),
    );
    plan.assumptions = plan.steps.iter().flat_map(still_serving).collect();
    plan.warnings = warnings;
    Ok(plan)
}

/// Returns the step that closes `channel` of `charm` for every base.
pub(super) fn close_step(
    workspace: &Workspace,
    snapshot: &Snapshot,
    facts: &CharmFacts,
    charm: &CharmName,
    channel: &Channel,
    id: StepId,
) -> Step {
    let rows: Vec<_> = facts.rows_of(channel).collect();
    let op = Op::Close {
        charm: charm.clone(),
        channel: channel.clone(),
        before: rows
            .iter()
            .map(|row| (row.base.clone(), Serving::of(row)))
            .collect(),
    };
    let before = workspace_charm_rows(workspace, snapshot, charm, facts, channel);
    let after = before
        .iter()
        .map(|row| PlannedRow {
            revision: None,
            version: None,
            resources: Vec::new(),
            ..row.clone()
        })
        .collect();
    Step {
        id,
        kind: op.kind().to_owned(),
        target: SanitizedText::new(charm.as_str()),
        before: State::Rows(before),
        after: State::Rows(after),
        bytes: None,
        skip_reason: rows
            .is_empty()
            .then(|| SanitizedText::new(format!("{channel} is already closed"))),
        undo: Undo::by("release what the channel served before"),
        optional: false,
        op,
    }
}

/// Returns the preconditions of closing a channel.
pub(super) fn still_serving(step: &Step) -> Vec<Assumption> {
    let Op::Close {
        charm,
        channel,
        before,
    } = &step.op
    else {
        return Vec::new();
    };
    before
        .iter()
        .map(|(base, serving)| {
            let base = base
                .as_ref()
                .map_or_else(String::new, |base| format!(" ({base})"));
            Assumption {
                what: SanitizedText::new(format!("{charm} {channel}{base}")),
                value: SanitizedText::new(serving.to_string()),
                step: Some(step.id.clone()),
            }
        })
        .collect()
}

fn workspace_charm_rows(
    workspace: &Workspace,
    snapshot: &Snapshot,
    charm: &CharmName,
    facts: &CharmFacts,
    channel: &Channel,
) -> Vec<PlannedRow> {
    let known = charm_of(workspace, charm);
    let moves: Vec<ChannelUpdate> = facts
        .rows_of(channel)
        .map(|row| ChannelUpdate {
            channel: channel.clone(),
            base: row.base.clone(),
            revision: row.revision,
            resources: Vec::new(),
            before: Some(Serving::of(row)),
        })
        .collect();
    let part = CharmPlan {
        charm: &known,
        facts,
        images: Vec::new(),
        moves,
    };
    part.moves
        .iter()
        .map(|one| channels::row_before(workspace, snapshot, &part, one))
        .collect()
}
