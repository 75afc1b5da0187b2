//! Lists the known changes of a row of a channel map (one channel for one base).
//!
//! Changes by runs of the journal are combined with what the store serves now. A row is compared as
//! a pair of charm revision and resources. A change that no run made is a change outside windlass
//! and is never attributed to a run.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::charm::ChannelRow;
use crate::domain::{Base, Channel, ChannelChange, RunId, SanitizedText, Serving};

/// Tolerance between the clocks of this machine and the store.
const CLOCKS_APART: TimeDelta = TimeDelta::hours(1);

/// Origin of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangedBy {
    /// A run of this journal, with the account that started it.
    Run(RunId, SanitizedText),
    /// Something else: another tool, another machine or the web.
    OutsideWindlass,
}

/// Time of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangedAt {
    /// At this time.
    At(DateTime<Utc>),
    /// At or before this time: it was observed then and had not been there before.
    By(DateTime<Utc>),
}

impl ChangedAt {
    /// Returns the time, exact or not.
    pub const fn time(self) -> DateTime<Utc> {
        match self {
            Self::At(at) | Self::By(at) => at,
        }
    }
}

/// One change of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowChange {
    /// Time of the change.
    pub at: ChangedAt,
    /// What the row served afterwards; `None` if it was closed.
    pub after: Option<Serving>,
    /// False if the response to the run was lost: the change may not have been made.
    pub certain: bool,
    /// Origin of the change.
    pub by: ChangedBy,
}

/// A channel and the base of its row; the base of a bundle is `None`.
pub type RowKey = (Channel, Option<Base>);

/// Returns true if a row that serves `seen` still runs what a run left there. The store may have
/// attached an optional resource that the run did not name.
pub fn is_served(left: Option<&Serving>, seen: Option<&Serving>) -> bool {
    match (left, seen) {
        (None, None) => true,
        (Some(left), Some(seen)) => {
            left.revision == seen.revision && left.resources.iter().all(|one| seen.resources.contains(one))
        }
        _ => false,
    }
}

/// Returns the changes of one row that were made, oldest first. An uncertain change was not made if
/// the next change, or the row now, still has the state before it.
pub fn happened<'a>(changes: &[&'a ChannelChange], now: Option<Serving>) -> Vec<&'a ChannelChange> {
    let mut next = now;
    let mut kept = Vec::new();
    for change in changes.iter().rev() {
        let not_done =
            !change.certain && change.before == next && !is_served(change.after.as_ref(), next.as_ref());
        if !not_done {
            kept.push(*change);
            next.clone_from(&change.before);
        }
    }
    kept.reverse();
    kept
}

/// Returns the changes of every row of one charm, oldest first. `rows` is the channel map, read at
/// `seen`; without `seen` it was never read, and nothing is concluded from a missing row.
pub fn row_changes(
    changes: &[ChannelChange],
    rows: &[ChannelRow],
    seen: Option<DateTime<Utc>>,
) -> BTreeMap<RowKey, Vec<RowChange>> {
    let mut by_row: BTreeMap<RowKey, Vec<&ChannelChange>> = BTreeMap::new();
    for change in changes {
        let key = (change.channel.clone(), change.base.clone());
        by_row.entry(key).or_default().push(change);
    }
    for row in rows {
        by_row.entry((row.channel.clone(), row.base.clone())).or_default();
    }
    by_row
        .into_iter()
        .map(|(key, mut own)| {
            own.sort_by_key(|change| change.at);
            let row = rows
                .iter()
                .find(|row| (&row.channel, &row.base) == (&key.0, &key.1));
            let found = of_row(&own, row, seen);
            (key, found)
        })
        .filter(|(_, found)| !found.is_empty())
        .collect()
}

fn of_row(own: &[&ChannelChange], row: Option<&ChannelRow>, seen: Option<DateTime<Utc>>) -> Vec<RowChange> {
    let now = row.map(Serving::of);
    let own = match seen {
        Some(_) => happened(own, now.clone()),
        None => own.to_vec(),
    };
    let outside = |at, after| RowChange {
        at,
        after,
        certain: true,
        by: ChangedBy::OutsideWindlass,
    };
    let mut found: Vec<RowChange> = Vec::new();
    let mut last: Option<&ChannelChange> = None;
    for change in own {
        let left = last.map(|last| last.after.as_ref());
        if left.is_some_and(|left| !is_served(left, change.before.as_ref())) {
            found.push(outside(ChangedAt::By(change.at), change.before.clone()));
        }
        found.push(RowChange {
            at: ChangedAt::At(change.at),
            after: change.after.clone(),
            certain: change.certain,
            by: ChangedBy::Run(change.run.clone(), change.actor.clone()),
        });
        last = Some(change);
    }
    let Some(seen) = seen else {
        return found;
    };
    let since = row.and_then(|row| row.released_at);
    let as_left = last.is_some_and(|last| is_served(last.after.as_ref(), now.as_ref()));
    let again = since.is_some_and(|since| last.is_some_and(|last| since - last.at > CLOCKS_APART));
    if (as_left && !again) || (last.is_none() && now.is_none()) {
        return found;
    }
    found.push(outside(since.map_or(ChangedAt::By(seen), ChangedAt::At), now));
    found
}

#[cfg(test)]
mod tests;
