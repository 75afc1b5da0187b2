//! Draws the history of a row's channels: a lane per risk and base on one time axis, and the
//! changes as text.

use chrono::{DateTime, Utc};

use super::{FLOW, Row};
use crate::console::components::Line;
use crate::console::view::look::{Glyph, Look, Tone};
use crate::console::words;
use crate::domain::{Base, ChannelChange, Risk, Serving, Snapshot};
use crate::journal::RunRecord;
use crate::plan::row_changes::{ChangedAt, ChangedBy, RowChange, row_changes};

/// Number of changes listed as text.
const LISTED: usize = 8;
/// Largest width of a lane, in columns.
const WIDEST: usize = 64;

/// One channel on one base, with its changes, oldest first.
struct Lane {
    risk: Risk,
    base: Option<Base>,
    changes: Vec<RowChange>,
}

impl Lane {
    /// Returns its name: the risk, and the base if the channels of the row have several.
    fn name(&self, several_bases: bool) -> String {
        match &self.base {
            Some(base) if several_bases => format!("{} {}", self.risk, base.short()),
            _ => self.risk.to_string(),
        }
    }
}

/// Returns the lanes of `row` in the order of its cells.
fn lanes(snapshot: &Snapshot, runs: &[RunRecord], row: &Row) -> Vec<Lane> {
    let own = |channel: &crate::domain::Channel| channel.track == row.track && channel.branch == row.branch;
    let of_row = |change: &ChannelChange| change.charm == row.charm && own(&change.channel);
    let mut changes: Vec<ChannelChange> = runs.iter().flat_map(RunRecord::channel_changes).collect();
    changes.retain(of_row);
    let mut rows = snapshot.rows(&row.charm).to_vec();
    rows.retain(|one| own(&one.channel));
    let mut lanes: Vec<Lane> = row_changes(&changes, &rows, snapshot.rows_read_at(&row.charm))
        .into_iter()
        .map(|((channel, base), changes)| Lane {
            risk: channel.risk,
            base,
            changes,
        })
        .collect();
    let place = |risk| FLOW.iter().position(|one| *one == risk);
    lanes.sort_by(|a, b| (place(a.risk), &a.base).cmp(&(place(b.risk), &b.base)));
    lanes
}

/// Returns the lanes and changes of the channels of `row`, and what they are based on. `room` is
/// the width of a line in columns.
pub fn lines(
    look: &Look,
    snapshot: &Snapshot,
    runs: &[RunRecord],
    row: &Row,
    room: usize,
    now: DateTime<Utc>,
) -> Vec<Line> {
    let lanes = lanes(snapshot, runs, row);
    let all = || lanes.iter().flat_map(|lane| &lane.changes);
    let Some(first) = all().map(|change| change.at.time()).min() else {
        let text = "no changes: the journal has no run on these channels, and Charmhub serves nothing there";
        return vec![Line::heading("Changes"), Line::text(text, Tone::Dim)];
    };
    let several_bases = lanes.iter().any(|lane| lane.base != lanes[0].base);
    let mut lines = vec![Line::heading("Changes recorded in the journal and by Charmhub")];
    if all().all(|change| matches!(change.by, ChangedBy::OutsideWindlass)) {
        let text = "from the current state of Charmhub: the journal has no run on these channels, so their earlier state is unknown";
        lines.push(Line::text(text, Tone::Dim));
    }
    let label = |name: &str| Line::of(name, "", Tone::Dim).label;
    let widest = lanes
        .iter()
        .map(|lane| words::width(&label(&lane.name(several_bases))));
    let columns = room.saturating_sub(widest.max().unwrap_or_default()).min(WIDEST);
    if columns >= 16 {
        let width = lanes.iter().map(|lane| words::width(&lane.name(several_bases)));
        let width = width.max().unwrap_or_default();
        for lane in &lanes {
            let drawn = draw(look, &lane.changes, first, now, columns);
            let name = words::pad(&lane.name(several_bases), width);
            lines.push(Line::of(&name, drawn, Tone::Plain));
        }
        let since = words::day(first);
        let scale = format!("{since}{:>1$}", "now", columns - words::width(&since));
        lines.push(Line::of(&words::pad("", width), scale, Tone::Dim));
    }
    let mut listed: Vec<(&Lane, &RowChange)> = lanes
        .iter()
        .flat_map(|lane| lane.changes.iter().map(move |change| (lane, change)))
        .collect();
    // Stable sort: changes of the same moment and lane keep their order.
    listed.sort_by_key(|(_, change)| change.at.time());
    for (lane, change) in listed.iter().rev().take(LISTED) {
        lines.push(sentence(look, &lane.name(several_bases), change, now));
    }
    if listed.len() > LISTED {
        let text = format!("and {} earlier", listed.len() - LISTED);
        lines.push(Line::text(text, Tone::Dim));
    }
    lines
}

/// Formats charm revision and resource revisions briefly: `r50/32`.
fn pair(serving: &Serving) -> String {
    let mut text = serving.revision.to_string();
    for (_, revision) in &serving.resources {
        text.push_str(&format!("/{}", revision.0));
    }
    text
}

fn change_words(look: &Look, change: &RowChange) -> String {
    let doubt = if change.certain { "" } else { "?" };
    match &change.after {
        Some(serving) => format!("{}{doubt}", pair(serving)),
        None => format!("{}{doubt}", look.glyph(Glyph::Stopped)),
    }
}

/// Draws one lane: what a channel served since when, labelled as far as there is space.
fn draw(
    look: &Look,
    changes: &[RowChange],
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
            .skip(place(change.at.time()))
            .for_each(|cell| *cell = fill);
    }
    let mut free = 0;
    for (number, change) in changes.iter().enumerate() {
        let after = changes.get(number + 1);
        // Of several changes in one cell the last counts.
        if after.is_some_and(|next| place(next.at.time()) == place(change.at.time())) {
            continue;
        }
        let text = change_words(look, change);
        let wide = words::width(&text);
        let at = place(change.at.time()).min(columns.saturating_sub(wide));
        // The next change keeps its position: of two close ones the newer is labelled.
        let next = after.map(|next| place(next.at.time()));
        let crowded = next.is_some_and(|next| next.min(columns.saturating_sub(2)) < at + wide + 1);
        let (text, at) = if at < free || crowded {
            (look.glyph(Glyph::Known).to_owned(), place(change.at.time()))
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

fn sentence(look: &Look, name: &str, change: &RowChange, now: DateTime<Utc>) -> Line {
    let what = match &change.after {
        Some(serving) => format!("{} {serving}", look.glyph(Glyph::Arrow)),
        None => "closed".to_owned(),
    };
    let doubt = if change.certain {
        ""
    } else {
        " (uncertain: no response received)"
    };
    let by = match &change.by {
        ChangedBy::Run(run, actor) => format!("by {actor}, run {run}"),
        ChangedBy::OutsideWindlass => "changed outside windlass".to_owned(),
    };
    let (when, at) = match change.at {
        ChangedAt::At(at) => ("", at),
        ChangedAt::By(at) => ("no later than ", at),
    };
    let text = format!(
        "{what}  {when}{} UTC ({}) {by}{doubt}",
        words::minute(at),
        words::age(now, at)
    );
    let tone = match (&change.by, change.certain) {
        (ChangedBy::Run(..), true) => Tone::Plain,
        _ => Tone::Warn,
    };
    Line::of(name, text, tone)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::domain::{CharmRevision, ResourceRevision, RunId, SanitizedText};

    const ASCII: Look = Look {
        unicode: false,
        ..Look::FULL
    };

    fn at(days: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(days)
    }

    fn change(days: i64, after: Option<u64>) -> RowChange {
        RowChange {
            at: ChangedAt::At(at(days)),
            after: after.map(|revision| Serving {
                revision: CharmRevision(revision),
                resources: Vec::new(),
            }),
            certain: true,
            by: ChangedBy::Run(RunId("1".to_owned()), SanitizedText::new("ann")),
        }
    }

    fn drawn(changes: &[RowChange], columns: usize) -> String {
        draw(&ASCII, changes, at(0), at(100), columns)
    }

    #[test]
    fn a_lane_shows_what_was_served_from_when_on() {
        let lane = drawn(&[change(0, Some(1)), change(50, Some(2)), change(90, None)], 41);
        assert_eq!(lane, "r1------------------r2--------------#....");
        assert_eq!(drawn(&[change(50, Some(7))], 21), "..........r7---------");
    }

    #[test]
    fn a_lane_names_the_image_too() {
        let mut before = change(0, Some(50));
        let image = |number| vec![("engine-image".parse().unwrap(), ResourceRevision(number))];
        before.after.as_mut().unwrap().resources = image(31);
        let mut after = before.clone();
        after.at = ChangedAt::At(at(50));
        after.after.as_mut().unwrap().resources = image(32);
        assert_eq!(drawn(&[before, after], 21), "r50/31----r50/32-----");
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
    }

    #[test]
    fn what_may_not_have_happened_is_marked() {
        let mut doubtful = change(0, Some(3));
        doubtful.certain = false;
        assert!(drawn(std::slice::from_ref(&doubtful), 20).starts_with("r3?"));
        assert!(
            sentence(&ASCII, "edge", &doubtful, at(1))
                .text
                .contains("uncertain")
        );
    }

    #[test]
    fn a_change_by_another_tool_is_called_that() {
        let mut other = change(0, None);
        other.by = ChangedBy::OutsideWindlass;
        other.at = ChangedAt::By(at(0));
        let text = sentence(&ASCII, "edge", &other, at(1)).text;
        assert!(
            text.starts_with("closed  no later than 1970-01-01 00:00 UTC"),
            "{text}"
        );
        assert!(text.ends_with("changed outside windlass"), "{text}");
    }
}
