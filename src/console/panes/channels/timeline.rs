//! What is known of how the channels of a row changed: a lane a risk on one axis of time, and the
//! changes in words.
//!
//! Owns the joining of what runs of the journal did with what the store says of now. What neither
//! tells is not drawn. Must not look anything up.

use chrono::{DateTime, TimeDelta, Utc};

use super::{FLOW, Row};
use crate::console::dialogs::Line;
use crate::console::view::look::{Glyph, Look, Tone};
use crate::console::words;
use crate::domain::{CharmRevision, Outside, Risk, Snapshot};
use crate::journal::{RunId, RunRecord};

/// Changes told in words.
const TOLD: usize = 8;
/// Columns of a lane at most.
const WIDEST: usize = 64;

/// Who knows of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Knows {
    /// A run of this journal made it.
    Run(RunId, Outside),
    /// The store says since when the channel has what it has.
    Store,
}

/// A change of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Change {
    at: DateTime<Utc>,
    risk: Risk,
    /// What it served from then on; `None` where it was closed.
    after: Option<CharmRevision>,
    certain: bool,
    knows: Knows,
}

/// What is known, oldest first.
fn changes(snapshot: &Snapshot, runs: &[RunRecord], row: &Row) -> Vec<Change> {
    let own = |channel: &crate::domain::Channel| channel.track == row.track && channel.branch == row.branch;
    let mut found: Vec<Change> = Vec::new();
    for change in runs.iter().flat_map(RunRecord::channel_changes) {
        if change.charm != row.charm || !own(&change.channel) {
            continue;
        }
        let one = Change {
            at: change.at,
            risk: change.channel.risk,
            after: change.after.map(|serving| serving.revision),
            certain: change.certain,
            knows: Knows::Run(change.run, change.actor),
        };
        // A run changes every base of a channel; that is one change of the channel.
        let same =
            |known: &Change| (&known.knows, known.risk, known.after) == (&one.knows, one.risk, one.after);
        if !found.iter().any(same) {
            found.push(one);
        }
    }
    for channel_row in snapshot.rows(&row.charm).iter().filter(|r| own(&r.channel)) {
        let Some(at) = channel_row.released_at else {
            continue;
        };
        let (risk, after) = (channel_row.channel.risk, Some(channel_row.revision));
        // Our own release, as the store dates it.
        let known = found.iter().any(|change| {
            (change.risk, change.after) == (risk, after) && (change.at - at).abs() < TimeDelta::hours(1)
        });
        if !known {
            found.push(Change {
                at,
                risk,
                after,
                certain: true,
                knows: Knows::Store,
            });
        }
    }
    found.sort_by_key(|change| (change.at, change.after));
    found
}

/// The lanes and the changes of the channels of `row`; nothing where no change is known. `room` is
/// how many columns a line has.
pub fn lines(
    look: &Look,
    snapshot: &Snapshot,
    runs: &[RunRecord],
    row: &Row,
    room: usize,
    now: DateTime<Utc>,
) -> Vec<Line> {
    let changes = changes(snapshot, runs, row);
    let Some(first) = changes.first().map(|change| change.at) else {
        return Vec::new();
    };
    let mut lines = vec![Line::heading("Changes that this journal and the store tell of")];
    let label = Line::of("", "", Tone::Dim).label;
    let columns = room.saturating_sub(words::width(&label)).min(WIDEST);
    if columns >= 16 {
        for risk in FLOW {
            let own: Vec<&Change> = changes.iter().filter(|change| change.risk == risk).collect();
            if !own.is_empty() {
                let lane = lane(look, &own, first, now, columns);
                lines.push(Line::of(risk.as_str(), lane, Tone::Plain));
            }
        }
        let since = words::day(first);
        let scale = format!("{since}{:>1$}", "now", columns - words::width(&since));
        lines.push(Line::of("", scale, Tone::Dim));
    }
    for change in changes.iter().rev().take(TOLD) {
        lines.push(told(look, change, now));
    }
    if changes.len() > TOLD {
        let text = format!("and {} before", changes.len() - TOLD);
        lines.push(Line::text(text, Tone::Dim));
    }
    lines
}

fn revision_words(look: &Look, change: &Change) -> String {
    let doubt = if change.certain { "" } else { "?" };
    match change.after {
        Some(revision) => format!("{revision}{doubt}"),
        None => format!("{}{doubt}", look.glyph(Glyph::Stopped)),
    }
}

/// One lane: what a channel served from when on, as long as there is room to say it.
fn lane(
    look: &Look,
    changes: &[&Change],
    first: DateTime<Utc>,
    now: DateTime<Utc>,
    columns: usize,
) -> String {
    let (served, nothing) = look.lane();
    let span = (now - first).num_seconds().max(1) as f64;
    let last = columns.saturating_sub(1);
    let place = |at: DateTime<Utc>| {
        let share = (at - first).num_seconds() as f64 / span;
        ((share * last as f64).round() as usize).min(last)
    };
    let mut cells = vec![nothing; columns];
    for change in changes {
        let fill = if change.after.is_some() { served } else { nothing };
        cells
            .iter_mut()
            .skip(place(change.at))
            .for_each(|cell| *cell = fill);
    }
    let mut free = 0;
    for (number, change) in changes.iter().enumerate() {
        let others = changes.iter().filter(|other| other.at == change.at).count() - 1;
        let after = changes.get(number + 1);
        // What bases got at one moment is one change, named by the newest of them; and of what
        // falls into one cell the last counts.
        if after.is_some_and(|next| place(next.at) == place(change.at)) {
            continue;
        }
        let mut text = revision_words(look, change);
        if others > 0 {
            text.push_str(&format!("+{others}"));
        }
        let wide = words::width(&text);
        let at = place(change.at).min(columns.saturating_sub(wide));
        // The next change keeps its place: of two that are close the newer one is named.
        let next = after.map(|next| place(next.at));
        let crowded = next.is_some_and(|next| next.min(columns.saturating_sub(2)) < at + wide + 1);
        let (text, at) = if at < free || crowded {
            (look.glyph(Glyph::Known).to_owned(), place(change.at))
        } else {
            (text, at)
        };
        if at < free {
            continue;
        }
        free = at + words::width(&text);
        for (cell, c) in cells.iter_mut().skip(at).zip(text.chars()) {
            *cell = c;
        }
    }
    cells.into_iter().collect()
}

fn told(look: &Look, change: &Change, now: DateTime<Utc>) -> Line {
    let what = match change.after {
        Some(revision) => format!("{} {revision}", look.glyph(Glyph::Arrow)),
        None => "closed".to_owned(),
    };
    let doubt = if change.certain {
        ""
    } else {
        " (perhaps: the answer was lost)"
    };
    let who = match &change.knows {
        Knows::Run(run, actor) => format!("by {actor}, run {run}"),
        Knows::Store => "says the store".to_owned(),
    };
    let text = format!(
        "{what}  {} UTC ({}) {who}{doubt}",
        words::minute(change.at),
        words::age(now, change.at)
    );
    let tone = if change.certain { Tone::Plain } else { Tone::Warn };
    Line::of(change.risk.as_str(), text, tone)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASCII: Look = Look {
        unicode: false,
        ..Look::FULL
    };

    fn at(days: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(days)
    }

    fn change(days: i64, after: Option<u64>) -> Change {
        Change {
            at: at(days),
            risk: Risk::Edge,
            after: after.map(CharmRevision),
            certain: true,
            knows: Knows::Store,
        }
    }

    fn drawn(changes: &[Change], columns: usize) -> String {
        let all: Vec<&Change> = changes.iter().collect();
        lane(&ASCII, &all, at(0), at(100), columns)
    }

    #[test]
    fn a_lane_says_what_was_served_from_when_on() {
        let lane = drawn(&[change(0, Some(1)), change(50, Some(2)), change(90, None)], 41);
        assert_eq!(lane, "r1------------------r2--------------#....");
        assert_eq!(drawn(&[change(50, Some(7))], 21), "..........r7---------");
    }

    #[test]
    fn of_changes_side_by_side_the_newest_is_named_and_none_is_hidden() {
        let lane = drawn(
            &[change(0, Some(1)), change(49, Some(10)), change(50, Some(11))],
            41,
        );
        assert_eq!(lane, "r1------------------r11------------------");
        let lane = drawn(
            &[change(0, Some(1)), change(45, Some(10)), change(50, Some(11))],
            41,
        );
        assert_eq!(lane, "r1----------------*-r11------------------");
        assert_eq!(drawn(&[change(100, Some(12))], 16), ".............r12");
        assert_eq!(
            drawn(&[change(50, Some(49)), change(50, Some(50))], 21),
            "..........r50+1------"
        );
    }

    #[test]
    fn what_may_not_have_happened_is_marked() {
        let mut doubtful = change(0, Some(3));
        doubtful.certain = false;
        assert!(drawn(&[doubtful.clone()], 20).starts_with("r3?"));
        assert!(told(&ASCII, &doubtful, at(1)).text.contains("perhaps"));
    }
}
