//! Finds the channels and runs that can be rolled back, and builds the intent for it.
//!
//! It also determines which channels the runs of this journal changed.

use super::dialogs::{Choice, Choose};
use super::effect::Effect;
use super::live::State;
use super::panes::{PaneId, channels};
use super::running::Running;
use super::{Model, review, running, words};
use crate::domain::{Channel, CharmName};
use crate::journal::{RunId, RunRecord};
use crate::plan::{Intent, RollbackIntent, RolledBack};

/// Returns the channels that `record` changed or may have changed, each once.
pub fn changed(record: &RunRecord) -> Vec<(CharmName, Channel)> {
    let changes = record.channel_changes().into_iter();
    let mut changed: Vec<_> = changes.map(|one| (one.charm, one.channel)).collect();
    changed.sort();
    changed.dedup();
    changed
}

/// A channel that can be rolled back, with the run that last changed it.
pub struct Candidate<'a> {
    /// The channel.
    pub channel: Channel,
    /// The run.
    pub run: &'a RunRecord,
}

/// Returns the channels of `charm` that runs of this journal changed, each with the newest of these
/// runs.
fn candidates<'a>(model: &'a Model, charm: &CharmName) -> Vec<Candidate<'a>> {
    let mut found: Vec<Candidate<'a>> = Vec::new();
    for run in &model.runs {
        for (own, channel) in changed(run) {
            if &own == charm && !found.iter().any(|known| known.channel == channel) {
                found.push(Candidate { channel, run });
            }
        }
    }
    found
}

fn of_row<'a>(model: &'a Model, row: &channels::Row) -> Vec<Candidate<'a>> {
    let mut found = candidates(model, &row.charm);
    found.retain(|one| one.channel.track == row.track && one.channel.branch == row.branch);
    found
}

/// Returns why the selected channel row cannot be rolled back; `None` if it can.
pub fn no_channel(model: &Model) -> Option<&'static str> {
    match model.channel_rows().selected() {
        None => Some("nothing is selected"),
        Some(row) if of_row(model, row).is_empty() => {
            Some("no run in the journal changed a channel of this row")
        }
        Some(_) => None,
    }
}

/// Returns the run that is shown or selected.
fn run(model: &Model) -> Option<&RunId> {
    let shown = model.on::<Running>().map(|running| &running.run);
    shown.or_else(|| model.run_rows().selected().map(|row| &row.run))
}

/// Returns why that run cannot be rolled back; `None` if it can.
pub fn no_run(model: &Model) -> Option<&'static str> {
    let Some(run) = run(model) else {
        return Some("no run is selected");
    };
    match (running::state(model, run), model.record(run)) {
        (State::Running | State::Stopping, _) => Some("the run is still in progress"),
        (State::Queued | State::Asks, _) => Some("the run did not start"),
        (State::RolledBack, _) => Some("the run is already rolled back"),
        (State::GivenUp, _) => Some("the run is already given up"),
        (State::Open | State::Ended(_) | State::Replaced(_), Some(record))
            if record.touched_channels() || record.state().is_unfinished() =>
        {
            None
        }
        (State::Open | State::Ended(_) | State::Replaced(_), Some(_)) => Some("the run changed no channel"),
        (State::Open | State::Ended(_) | State::Replaced(_), None) => Some("the journal was not read yet"),
    }
}

/// Opens the review of rolling back what is selected; asks for the channel if there are several.
pub fn open(model: &mut Model) -> Vec<Effect> {
    if model.on::<Running>().is_some() || model.pane == PaneId::ACTIVITY {
        let Some(run) = run(model).cloned() else {
            return Vec::new();
        };
        return review::open(model, wish(RolledBack::Run(run)));
    }
    let Some(row) = model.channel_rows().selected() else {
        return Vec::new();
    };
    let charm = row.charm.clone();
    let of = |channels| {
        wish(RolledBack::Charm {
            charm: charm.clone(),
            channels,
            to: None,
        })
    };
    let mut entries: Vec<(String, Choice)> = of_row(model, row)
        .into_iter()
        .map(|one| {
            let text = format!(
                "{}  changed {} by {}",
                words::pad(&one.channel.to_string(), 18),
                words::age(model.now, one.run.started_at),
                one.run.actor
            );
            (text, Choice::Plan(Box::new(of(vec![one.channel]))))
        })
        .collect();
    let all = candidates(model, &charm).len();
    if all > 1 {
        let text = format!("all {all} channels changed by runs");
        entries.push((text, Choice::Plan(Box::new(of(Vec::new())))));
        let title = format!("Roll back {charm}");
        let ask = "Restore the state before the last change. Choose a channel; the plan is shown \
            next.";
        model.open(Choose::new(title, ask, entries));
        return Vec::new();
    }
    match entries.pop() {
        Some((_, Choice::Plan(intent))) => review::open(model, *intent),
        _ => Vec::new(),
    }
}

const fn wish(of: RolledBack) -> Intent {
    Intent::Rollback(RollbackIntent::new(of))
}
