//! Plans a rollback: channels get the pairs of revision and resources that they had before.
//!
//! A row that was changed since is refused, and effects that a rollback cannot remove are reported.
//! What a row served is read from the journal's changes in `rows`; the order of the releases is
//! computed in `pairs`.

mod past;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Workspace;
use crate::config::workspace::Charm;
use crate::domain::charm::{Attached, CharmFacts};
use crate::domain::{
    Channel, CharmName, PastRun, Problem, ProblemKind, Remedy, RunId, SanitizedText, Snapshot,
};

use super::pairs::{self, Wanted};
use super::publish::{self, CharmPlan, channels};
use super::release::{self, charm_of};
use super::{Intent, KnownRow, LaterChanges, Plan, RollbackIntent, RolledBack, Step, StepId, hold};
use rows::Row;

/// Plans `intent`.
pub fn plan(workspace: &Workspace, snapshot: &Snapshot, intent: &RollbackIntent) -> Result<Plan, Problem> {
    if let Some(problem) = &snapshot.past.problem {
        return Err(problem.clone().within("the current state could not be read"));
    }
    let past = match &intent.of {
        RolledBack::Run(run) => Some(past_run(workspace, snapshot, run)?),
        RolledBack::Charm { .. } => None,
    };
    let mut warnings = Vec::new();
    let rows = rows::of(workspace, snapshot, &intent.of)?;
    let mut parts: Vec<(Charm, &CharmFacts, Vec<Row>)> = Vec::new();
    for row in rows {
        let facts = release::ours(snapshot, &row.charm, &mut warnings)?;
        match parts.iter_mut().find(|(charm, ..)| charm.name == row.charm) {
            Some((.., of_charm)) => of_charm.push(row),
            None => parts.push((charm_of(workspace, &row.charm), facts, vec![row])),
        }
    }
    in_order(workspace, &mut parts);
    let mut left_out = Vec::new();
    if intent.later == LaterChanges::Keep {
        keep_changed(&mut parts, &mut left_out);
    }
    changed_since(intent, &parts, &mut warnings)?;
    warnings.extend(several_runs(&intent.of, &parts));
    let history = history(&parts);
    warnings.extend(history.iter().filter_map(KnownRow::remark));

    let mut steps = Vec::new();
    if let Some(past) = past {
        steps.extend(hold::beside_rollback(workspace, snapshot, past, &mut left_out)?);
    }
    let mut given: Vec<CharmPlan> = Vec::new();
    let mut closed: Vec<Step> = Vec::new();
    for (charm, facts, rows) in &parts {
        let (back, close) = sorted(facts, rows, &mut left_out);
        let moves = pairs::moves(charm, facts, &back, &mut warnings)?;
        if !moves.is_empty() {
            given.push(CharmPlan {
                charm,
                facts,
                images: Vec::new(),
                moves,
            });
        }
        closed.extend(close.iter().map(|channel| {
            let id = StepId(format!("close/{}/{channel}", charm.name));
            release::close_step(workspace, snapshot, facts, &charm.name, channel, id)
        }));
    }
    steps.extend(
        given
            .iter()
            .map(|part| channels::release_step(workspace, snapshot, part)),
    );
    steps.extend(closed);
    steps.extend(given.iter().map(|part| channels::verify_step(snapshot, part)));

    let mut plan = Plan::new(
        &workspace.name,
        &snapshot.world,
        title(intent, past),
        Intent::Rollback(intent.clone()),
        steps,
        name(intent, past),
    );
    plan.assumptions = publish::assumptions(&given);
    let closing = plan.steps.iter().flat_map(release::still_serving);
    plan.assumptions.extend(closing.collect::<Vec<_>>());
    if let Some(past) = past {
        if parts.is_empty() && past.unfinished {
            let why = if left_out.is_empty() {
                "changed no channel"
            } else {
                "has no other channels"
            };
            warnings.push(SanitizedText::new(format!(
                "run {} {why}: nothing is restored, and the run is given up",
                past.id
            )));
        }
        warnings.extend(
            past.stays
                .iter()
                .map(|what| SanitizedText::new(format!("{what} stays: it cannot be undone"))),
        );
    }
    // Repeated on purpose: what is left out is read after the run, a warning before it.
    warnings.extend(left_out.iter().cloned());
    warnings.dedup();
    plan.warnings = warnings;
    plan.left_out = left_out;
    plan.history = history;
    Ok(plan)
}

fn title(intent: &RollbackIntent, past: Option<&PastRun>) -> String {
    match (&intent.of, past) {
        (RolledBack::Run(run), Some(past)) => format!("Roll back run {run} ({})", past.title),
        (RolledBack::Run(run), None) => format!("Roll back run {run}"),
        (RolledBack::Charm { charm, channels, .. }, _) if channels.is_empty() => format!("Roll back {charm}"),
        (RolledBack::Charm { charm, channels, .. }, _) => {
            let channels: Vec<String> = channels.iter().map(ToString::to_string).collect();
            format!("Roll back {} of {charm}", channels.join(", "))
        }
    }
}

/// Returns the text that confirms the plan: the charm, the release that the run published, or the
/// end of the run's id.
fn name(intent: &RollbackIntent, past: Option<&PastRun>) -> String {
    match (&intent.of, past.and_then(|past| past.published.as_ref())) {
        (RolledBack::Charm { charm, .. }, _) => charm.to_string(),
        (RolledBack::Run(_), Some(release)) => release.to_string(),
        (RolledBack::Run(run), None) => {
            let id = run.to_string();
            id.rsplit('-').next().unwrap_or(&id).to_owned()
        }
    }
}

fn past_run<'a>(workspace: &Workspace, snapshot: &'a Snapshot, run: &RunId) -> Result<&'a PastRun, Problem> {
    let Some(past) = snapshot.past.value.as_ref().filter(|past| &past.id == run) else {
        return Err(Problem::new(
            ProblemKind::NotFound,
            format!("run {run} not found in the journal"),
        )
        .hint("list the runs: windlass runs"));
    };
    if past.workspace != workspace.name {
        return Err(Problem::new(
            ProblemKind::Usage,
            format!(
                "run {run} is of workspace {}",
                SanitizedText::capped(&past.workspace, 60)
            ),
        )
        .hint(format!(
            "add --workspace {}",
            SanitizedText::capped(&past.workspace, 60)
        )));
    }
    // The rollback of an unfinished run also gives the run up.
    if !past.channels && !past.unfinished {
        return Err(Problem::new(
            ProblemKind::Refused,
            format!(
                "run {run} ({}) changed no channel, so there is nothing to roll back",
                past.title
            ),
        )
        .hint("a rollback restores channels only"));
    }
    Ok(past)
}

/// Sorts the workspace's charms first, in its order, then others, and the bundle last, because it
/// names the others.
fn in_order(workspace: &Workspace, parts: &mut [(Charm, &CharmFacts, Vec<Row>)]) {
    let place = |name: &CharmName| {
        let bundle = workspace
            .bundle
            .as_ref()
            .is_some_and(|bundle| &bundle.name == name);
        let known = workspace.charms.iter().position(|charm| &charm.name == name);
        (bundle, known.unwrap_or(usize::MAX), name.clone())
    };
    parts.sort_by_key(|(charm, ..)| place(&charm.name));
}

/// Returns the channels with a row that was changed since. Whole channels, because a channel release
/// sets every base of its revision.
fn changed_channels(parts: &[(Charm, &CharmFacts, Vec<Row>)]) -> BTreeSet<(CharmName, Channel)> {
    let changed = |(charm, _, rows): &(Charm, &CharmFacts, Vec<Row>)| -> Vec<(CharmName, Channel)> {
        let rows = rows.iter().filter(|row| row.changed_since);
        rows.map(|row| (charm.name.clone(), row.channel.clone()))
            .collect()
    };
    parts.iter().flat_map(changed).collect()
}

/// Removes the channels that were changed since.
fn keep_changed(parts: &mut Vec<(Charm, &CharmFacts, Vec<Row>)>, left_out: &mut Vec<SanitizedText>) {
    let kept = changed_channels(parts);
    for (charm, _, rows) in parts.iter_mut() {
        left_out.extend(
            rows.iter()
                .filter(|row| row.changed_since)
                .map(|row| SanitizedText::new(format!("{}: kept", row.in_words()))),
        );
        rows.retain(|row| !kept.contains(&(charm.name.clone(), row.channel.clone())));
    }
    parts.retain(|(.., rows)| !rows.is_empty());
}

/// Fails if a row was changed since, unless the operator chose to roll it back all the same.
fn changed_since(
    intent: &RollbackIntent,
    parts: &[(Charm, &CharmFacts, Vec<Row>)],
    warnings: &mut Vec<SanitizedText>,
) -> Result<(), Problem> {
    let changed: Vec<String> = parts
        .iter()
        .flat_map(|(.., rows)| rows)
        .filter(|row| row.changed_since)
        .map(Row::in_words)
        .collect();
    if intent.later == LaterChanges::Overwrite {
        warnings.extend(
            changed
                .iter()
                .map(|text| SanitizedText::new(format!("{text}: rolled back anyway"))),
        );
        return Ok(());
    }
    if changed.is_empty() {
        return Ok(());
    }
    let mut problem = Problem::new(
        ProblemKind::Refused,
        "a channel has changed since; nothing was rolled \
        back",
    );
    for text in changed {
        problem = problem.cause(text);
    }
    problem = problem.remedy(
        &[Remedy::OverLaterChanges],
        format!(
            "roll it back anyway: {}",
            intent.with(LaterChanges::Overwrite).command()
        ),
    );
    // Without other channels it would change nothing; a run is settled by it all the same.
    let kept = changed_channels(parts);
    let others = parts.iter().any(|(charm, _, rows)| {
        let mut rows = rows.iter();
        rows.any(|row| !kept.contains(&(charm.name.clone(), row.channel.clone())))
    });
    if others || matches!(intent.of, RolledBack::Run(_)) {
        problem = problem.remedy(
            &[Remedy::KeepLaterChanges],
            format!(
                "keep it and roll back the other channels: {}",
                intent.with(LaterChanges::Keep).command()
            ),
        );
    }
    Err(problem)
}

/// Warns that channels of a charm that were last changed by different runs return to different
/// times.
fn several_runs(of: &RolledBack, parts: &[(Charm, &CharmFacts, Vec<Row>)]) -> Vec<SanitizedText> {
    let mut runs: BTreeMap<&RunId, Vec<String>> = BTreeMap::new();
    if let RolledBack::Charm { to: None, .. } = of {
        for row in parts.iter().flat_map(|(.., rows)| rows) {
            let Some(run) = &row.undoes else { continue };
            let channels = runs.entry(run).or_default();
            let channel = row.channel.to_string();
            if !channels.contains(&channel) {
                channels.push(channel);
            }
        }
    }
    let several = runs.len() > 1;
    runs.into_iter()
        .filter(|_| several)
        .map(|(run, channels)| {
            SanitizedText::new(format!(
                "{}: restored to the state before run {run}",
                channels.join(", ")
            ))
        })
        .collect()
}

/// Returns what rows served at the given time, and the evidence for it.
fn history(parts: &[(Charm, &CharmFacts, Vec<Row>)]) -> Vec<KnownRow> {
    let rows = parts.iter().flat_map(|(.., rows)| rows);
    rows.filter_map(|row| {
        let known = row.known.as_ref()?;
        let resources = known.serving.iter().flat_map(|serving| &serving.resources);
        Some(KnownRow {
            charm: row.charm.clone(),
            channel: row.channel.clone(),
            base: row.base.clone(),
            revision: known.serving.as_ref().map(|serving| serving.revision),
            resources: resources
                .map(|(name, revision)| Attached {
                    name: name.clone(),
                    revision: Some(*revision),
                })
                .collect(),
            certainty: known.certainty,
            evidence: known.evidence.clone(),
        })
    })
    .collect()
}

/// Returns the rows to release and the channels to close. A channel is closed for all bases or not
/// at all.
fn sorted(
    facts: &CharmFacts,
    rows: &[Row],
    left_out: &mut Vec<SanitizedText>,
) -> (Vec<Wanted>, Vec<Channel>) {
    let mut back = Vec::new();
    let mut shut: BTreeMap<&Channel, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        match &row.then {
            Some(serving) => back.push(Wanted {
                channel: row.channel.clone(),
                base: row.base.clone(),
                serving: serving.clone(),
            }),
            None => shut.entry(&row.channel).or_default().push(row),
        }
    }
    let mut close = Vec::new();
    for (channel, rows) in shut {
        let stays_open = facts
            .rows_of(channel)
            .any(|open| rows.iter().all(|row| row.base != open.base))
            || back.iter().any(|wanted| &wanted.channel == channel);
        if !stays_open {
            close.push(channel.clone());
            continue;
        }
        for row in rows.iter().filter(|row| row.now.is_some()) {
            let text = SanitizedText::new(format!(
                "{} keeps {}: it cannot be closed alone while other bases of {channel} are open",
                row.place(),
                row.now.as_ref().map_or_else(String::new, ToString::to_string)
            ));
            left_out.push(text);
        }
    }
    (back, close)
}
