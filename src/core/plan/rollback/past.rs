//! Determines what a row served at a past time, and how that is known: recorded by a run, observed
//! at the store, or inferred.

use chrono::{DateTime, Utc};

use super::rows::{Key, place, word};
use crate::config::Workspace;
use crate::domain::charm::{ChannelRow, CharmFacts};
use crate::domain::{ChannelChange, Problem, ProblemKind, SanitizedText, Serving, Snapshot, Track};
use crate::plan::row_changes::is_served;
use crate::plan::{Certainty, Moment};

/// What a row served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastServing {
    /// What it served; `None` if the channel was closed.
    pub serving: Option<Serving>,
    /// Certainty of the value.
    pub certainty: Certainty,
    /// Evidence for the value.
    pub evidence: SanitizedText,
}

fn day(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// Returns what the row `key` served at `moment`. `changes` are the changes that were made to the
/// row, with their position among all changes.
pub fn served_at(
    workspace: &Workspace,
    snapshot: &Snapshot,
    changes: &[(usize, &ChannelChange)],
    moment: &Moment,
    key: &Key,
) -> Result<PastServing, Problem> {
    let (charm, channel, base) = key;
    let facts = snapshot.charms.get(charm).and_then(|seen| seen.value.as_ref());
    let row = facts.and_then(|facts| facts.row(channel, base.as_ref()));
    let until = match moment {
        Moment::At(at) => snapshot.changes.iter().filter(|change| change.at <= *at).count(),
        Moment::After(run) => {
            let last = snapshot.changes.iter().rposition(|change| &change.run == run);
            last.map(|place| place + 1).ok_or_else(|| {
                Problem::new(
                    ProblemKind::NotFound,
                    format!("run {run} changed no channel, according to the journal"),
                )
                .hint("list the runs: windlass runs")
            })?
        }
    };
    let recorded = changes.iter().rfind(|(place, _)| *place < until);
    if let Moment::At(at) = moment
        && let Some(found) = row.and_then(|row| since_then(row, *at))
        && recorded.is_none_or(|(_, change)| !is_served(change.after.as_ref(), found.serving.as_ref()))
    {
        return Ok(found);
    }
    if let Some((_, change)) = recorded {
        return Ok(PastServing {
            serving: change.after.clone(),
            certainty: Certainty::Recorded,
            evidence: SanitizedText::new(format!("run {} of {}", change.run, day(change.at))),
        });
    }
    if let (Moment::At(at), Some(facts)) = (moment, facts) {
        let inferred = changes
            .first()
            .and_then(|(_, first)| found_later(facts, first, *at))
            .or_else(|| published_together(workspace, facts, key, *at));
        if let Some(found) = inferred {
            return Ok(found);
        }
    }
    Err(unknown(key, changes, row))
}

/// Returns what the row serves now, if the store lists it since before `at`.
fn since_then(row: &ChannelRow, at: DateTime<Utc>) -> Option<PastServing> {
    let since = row.released_at.filter(|since| *since <= at)?;
    Some(PastServing {
        serving: Some(Serving::of(row)),
        certainty: Certainty::Observed,
        evidence: SanitizedText::new(format!("listed by Charmhub since {}", day(since))),
    })
}

/// Returns what the first recorded change after `at` found, if all of it existed at `at`.
fn found_later(facts: &CharmFacts, first: &ChannelChange, at: DateTime<Utc>) -> Option<PastServing> {
    let serving = first.before.as_ref()?;
    existed(facts, serving, at).then(|| PastServing {
        serving: Some(serving.clone()),
        certainty: Certainty::Inferred,
        evidence: SanitizedText::new(format!(
            "found by run {} of {}; start unknown",
            first.run,
            day(first.at)
        )),
    })
}

fn existed(facts: &CharmFacts, serving: &Serving, at: DateTime<Utc>) -> bool {
    let revision = facts.revision(serving.revision);
    revision.is_some_and(|one| one.created_at <= at)
        && serving.resources.iter().all(|(name, revision)| {
            let listed = facts.resource(name, *revision);
            listed.is_none_or(|one| one.created_at <= at)
        })
}

/// Returns what the newest track that was released to until `at` serves at the same risk and base,
/// if the workspace publishes to both that track and `latest`.
fn published_together(
    workspace: &Workspace,
    facts: &CharmFacts,
    (_, channel, base): &Key,
    at: DateTime<Utc>,
) -> Option<PastServing> {
    let both = |track: &str| {
        let wanted = format!("{track}/{}", channel.risk);
        workspace.publish.channels.contains(&wanted)
    };
    if channel.track != Track::latest() || channel.branch.is_some() || !both("latest") || !both("{yyyy-mm}") {
        return None;
    }
    let others = facts.rows.iter().filter(|row| {
        row.channel.track != channel.track
            && row.channel.risk == channel.risk
            && row.channel.branch.is_none()
            && row.base == *base
    });
    let (since, row) = others
        .filter_map(|row| Some((row.released_at.filter(|since| *since <= at)?, row)))
        .max_by_key(|(since, _)| *since)?;
    Some(PastServing {
        serving: Some(Serving::of(row)),
        certainty: Certainty::Inferred,
        evidence: SanitizedText::new(format!(
            "{} serves it since {}, and releases go to both channels",
            row.channel,
            day(since)
        )),
    })
}

fn unknown(key: &Key, changes: &[(usize, &ChannelChange)], row: Option<&ChannelRow>) -> Problem {
    let mut problem = Problem::new(
        ProblemKind::Refused,
        format!("the earlier state of {} is unknown", place(key)),
    );
    if let Some((_, first)) = changes.first() {
        problem = problem.cause(format!(
            "run {} of {} found {}, the first state in the journal",
            first.run,
            day(first.at),
            word(first.before.as_ref())
        ));
    }
    problem = problem.cause(match row {
        Some(row) => {
            let since = row.released_at.map_or_else(
                || "Charmhub gives no start time".to_owned(),
                |at| format!("since {}", day(at)),
            );
            format!("it now serves {}, {since}", Serving::of(row))
        }
        None => "it is now closed".to_owned(),
    });
    let (charm, channel, _) = key;
    problem
        .hint("choose a later time, or a run listed by 'windlass runs'")
        .hint(format!(
            "or release the pair: windlass release {charm} --revision N --channel {channel} \
            --resource NAME:REV"
        ))
}
