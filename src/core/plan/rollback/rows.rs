//! Determines the rows of a rollback, what each served before and what it serves now.
//!
//! The changes of the journal are replayed. Whether an uncertain change was made is decided by what
//! the row serves now.

use std::collections::{BTreeMap, BTreeSet};

use super::past::{PastServing, served_at};
use crate::config::Workspace;
use crate::domain::{
    Base, Channel, ChannelChange, CharmName, Problem, ProblemKind, RunId, SanitizedText, Serving, Snapshot,
};
use crate::plan::row_changes::{happened, is_served};
use crate::plan::{Moment, RolledBack};

/// A row of a rollback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The charm or bundle.
    pub charm: CharmName,
    /// The channel.
    pub channel: Channel,
    /// The base.
    pub base: Option<Base>,
    /// What it should serve again; `None` to close it.
    pub then: Option<Serving>,
    /// What it serves now; `None` if it is closed.
    pub now: Option<Serving>,
    /// True if it serves neither its target nor what the journal last recorded.
    pub changed_since: bool,
    /// The run whose change is rolled back, or the last one that the journal knows.
    pub undoes: Option<RunId>,
    /// Evidence for the target, if a time or a run was given.
    pub known: Option<PastServing>,
    /// What changed it last, as far as the journal knows.
    by: SanitizedText,
}

impl Row {
    /// Describes the position of the row.
    pub fn place(&self) -> String {
        place(&(self.charm.clone(), self.channel.clone(), self.base.clone()))
    }

    /// Describes the state of the row.
    pub fn in_words(&self) -> String {
        format!(
            "{} now serves {}: {}",
            self.place(),
            word(self.now.as_ref()),
            self.by
        )
    }
}

/// Describes the row of `key`.
pub fn place((charm, channel, base): &Key) -> String {
    let base = base
        .as_ref()
        .map_or_else(String::new, |base| format!(" for {base}"));
    format!("{charm} {channel}{base}")
}

/// Describes what a row serves.
pub fn word(serving: Option<&Serving>) -> String {
    serving.map_or_else(|| "nothing".to_owned(), ToString::to_string)
}

/// A charm, a channel and a base.
pub type Key = (CharmName, Channel, Option<Base>);

fn key(change: &ChannelChange) -> Key {
    (change.charm.clone(), change.channel.clone(), change.base.clone())
}

/// Returns what the row of a key serves.
fn now(snapshot: &Snapshot, (charm, channel, base): &Key) -> Option<Serving> {
    let facts = snapshot.charms.get(charm)?.value.as_ref()?;
    facts.row(channel, base.as_ref()).map(Serving::of)
}

/// Returns the rows of a rollback, by charm, channel and base.
pub fn of(workspace: &Workspace, snapshot: &Snapshot, of: &RolledBack) -> Result<Vec<Row>, Problem> {
    let known = settled(snapshot);
    match of {
        RolledBack::Run(run) => Ok(of_run(snapshot, &known, run)),
        RolledBack::Charm {
            charm,
            channels,
            to: Some(moment),
        } => of_moment(workspace, snapshot, &known, charm, channels, moment),
        RolledBack::Charm {
            charm,
            channels,
            to: None,
        } => of_charm(snapshot, &known, charm, channels),
    }
}

/// Returns the changes that were made, oldest first, each with its position among all changes.
fn settled(snapshot: &Snapshot) -> BTreeMap<Key, Vec<(usize, &ChannelChange)>> {
    let mut by_row: BTreeMap<Key, Vec<(usize, &ChannelChange)>> = BTreeMap::new();
    for (place, change) in snapshot.changes.iter().enumerate() {
        by_row.entry(key(change)).or_default().push((place, change));
    }
    for (key, changes) in &mut by_row {
        let all: Vec<&ChannelChange> = changes.iter().map(|(_, change)| *change).collect();
        let done = happened(&all, now(snapshot, key));
        changes.retain(|(_, change)| done.iter().any(|one| std::ptr::eq(*one, *change)));
    }
    by_row.retain(|_, changes| !changes.is_empty());
    by_row
}

fn row(
    snapshot: &Snapshot,
    key: &Key,
    then: Option<Serving>,
    seen: Option<&Serving>,
    last: &ChannelChange,
) -> Row {
    let now = now(snapshot, key);
    let (charm, channel, base) = key.clone();
    let changed_since = now != then && !is_served(seen, now.as_ref());
    let by = if is_served(last.after.as_ref(), now.as_ref()) {
        format!(
            "released by run {} of {}",
            last.run,
            last.at.format("%Y-%m-%d %H:%M UTC")
        )
    } else {
        format!(
            "changed since run {} of {} released {}",
            last.run,
            last.at.format("%Y-%m-%d %H:%M UTC"),
            word(last.after.as_ref())
        )
    };
    Row {
        charm,
        channel,
        base,
        then,
        now,
        changed_since,
        undoes: Some(last.run.clone()),
        known: None,
        by: SanitizedText::new(by),
    }
}

type Known<'a> = BTreeMap<Key, Vec<(usize, &'a ChannelChange)>>;

/// Returns every row that `run` changed, with what it served before the first of these changes.
fn of_run(snapshot: &Snapshot, known: &Known<'_>, run: &RunId) -> Vec<Row> {
    known
        .iter()
        .filter_map(|(key, changes)| {
            let own = || changes.iter().filter(|(_, change)| &change.run == run);
            let (_, first) = own().next()?;
            let (_, seen) = own().next_back()?;
            let (_, last) = changes.last()?;
            Some(row(
                snapshot,
                key,
                first.before.clone(),
                seen.after.as_ref(),
                last,
            ))
        })
        .collect()
}

/// Returns the rows of `channels`, or all that the journal knows, with what they served at
/// `moment`.
fn of_moment(
    workspace: &Workspace,
    snapshot: &Snapshot,
    known: &Known<'_>,
    charm: &CharmName,
    channels: &[Channel],
    moment: &Moment,
) -> Result<Vec<Row>, Problem> {
    let open = snapshot.rows(charm).iter();
    let open = open.map(|row| (charm.clone(), row.channel.clone(), row.base.clone()));
    let changed = known.keys().filter(|(name, ..)| name == charm);
    let keys: BTreeSet<Key> = if channels.is_empty() {
        changed.cloned().collect()
    } else {
        let wanted = |(_, channel, _): &Key| channels.contains(channel);
        changed.cloned().chain(open).filter(wanted).collect()
    };
    if keys.is_empty() {
        return Err(unknown(charm, None));
    }
    for channel in channels {
        if !keys.iter().any(|(_, one, _)| one == channel) {
            return Err(unknown(charm, Some(channel)));
        }
    }
    keys.iter()
        .map(|key| {
            let changes: &[(usize, &ChannelChange)] = known.get(key).map_or(&[], Vec::as_slice);
            let then = served_at(workspace, snapshot, changes, moment, key)?;
            let serving = then.serving.clone();
            let mut row = match changes.last() {
                Some((_, last)) => row(snapshot, key, serving, last.after.as_ref(), last),
                None => untouched(snapshot, key, serving),
            };
            row.known = Some(then);
            Ok(row)
        })
        .collect()
}

/// Returns a row that no run of the journal changed.
fn untouched(snapshot: &Snapshot, key: &Key, then: Option<Serving>) -> Row {
    let (charm, channel, base) = key.clone();
    Row {
        charm,
        channel,
        base,
        then,
        now: now(snapshot, key),
        changed_since: false,
        undoes: None,
        known: None,
        by: SanitizedText::new("no run in the journal changed it"),
    }
}

fn of_charm(
    snapshot: &Snapshot,
    known: &Known<'_>,
    charm: &CharmName,
    channels: &[Channel],
) -> Result<Vec<Row>, Problem> {
    let of_charm = || known.iter().filter(|((name, ..), _)| name == charm);
    if of_charm().next().is_none() {
        return Err(unknown(charm, None));
    }
    let mut chosen: Vec<&Channel> = if channels.is_empty() {
        of_charm().map(|((_, channel, _), _)| channel).collect()
    } else {
        channels.iter().collect()
    };
    chosen.sort();
    chosen.dedup();
    let mut rows = Vec::new();
    let mut back: Vec<(&Channel, &ChannelChange)> = Vec::new();
    for channel in chosen {
        let of_channel: Vec<(&Key, &Vec<(usize, &ChannelChange)>)> =
            of_charm().filter(|((_, one, _), _)| one == channel).collect();
        // The run that last changed this channel: all its changes there are rolled back together.
        let newest = of_channel
            .iter()
            .filter_map(|(_, changes)| changes.last())
            .max_by_key(|(place, _)| *place);
        let Some((_, newest)) = newest else {
            return Err(unknown(charm, Some(channel)));
        };
        // Repeated without a target, a rollback would restore what it had removed.
        if newest.rollback {
            back.push((channel, newest));
            continue;
        }
        for (key, changes) in of_channel {
            let first = changes.iter().find(|(_, change)| change.run == newest.run);
            let (Some((_, first)), Some((_, last))) = (first, changes.last()) else {
                continue;
            };
            rows.push(row(
                snapshot,
                key,
                first.before.clone(),
                last.after.as_ref(),
                last,
            ));
        }
    }
    match back.first() {
        Some((channel, newest)) if rows.is_empty() || !channels.is_empty() => {
            Err(rolled_back(charm, channel, newest))
        }
        _ => Ok(rows),
    }
}

fn rolled_back(charm: &CharmName, channel: &Channel, newest: &ChannelChange) -> Problem {
    Problem::new(
        ProblemKind::Refused,
        format!(
            "{channel} of {charm} was last changed by a rollback, run {} of {}; nothing changed",
            newest.run,
            newest.at.format("%Y-%m-%d %H:%M UTC")
        ),
    )
    .hint(format!(
        "undo that rollback: windlass rollback --run {}",
        newest.run
    ))
    .hint(format!(
        "or choose an earlier time: windlass rollback {charm} {channel} --to TIME"
    ))
}

fn unknown(charm: &CharmName, channel: Option<&Channel>) -> Problem {
    let place = channel.map_or_else(|| charm.to_string(), |channel| format!("{channel} of {charm}"));
    let channel = channel.map_or_else(|| "CHANNEL".to_owned(), ToString::to_string);
    Problem::new(
        ProblemKind::Refused,
        format!("the journal has no change of {place}, so its earlier state is unknown"),
    )
    .hint(format!(
        "release the pair: windlass release {charm} --revision N --channel {channel} --resource \
        NAME:REV"
    ))
    .hint("list revisions and resources: windlass charms")
}
