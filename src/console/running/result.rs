//! Formats what a run came to: what was released, closed, uploaded and set, and what to do
//! next. It
//! stands above the steps.

use super::ending;
use super::lines::problem_lines;
use super::step::Seen;
use crate::console::view::look::{Look, Tone};
use crate::console::view::piece::Piece;
use crate::console::{Model, links, words};
use crate::journal::{Outcome, Released, RunRecord, StepOutput};
use crate::plan::Plan;

/// Columns of a label under the steps.
const LABEL: usize = 10;

/// Returns true if the run did what it was for.
pub(super) const fn is_good(record: &RunRecord) -> bool {
    matches!(record.outcome, Some(Outcome::Done | Outcome::Partly))
}

/// Returns the result of an ended run. `stopped` is the step that stopped it, with its name.
pub(super) fn lines(
    model: &Model,
    record: &RunRecord,
    stopped: Option<&(String, Seen)>,
    width: usize,
) -> Vec<Vec<Piece>> {
    let (look, keymap) = (&model.setting.look, &model.setting.keymap);
    let mut lines = Vec::new();
    // If it did not succeed, how to continue comes first.
    if !is_good(record) {
        problems(record, stopped, look, width, &mut lines);
        ending::ways_on(record, keymap, width, &mut lines);
    }
    released(model, record, width, &mut lines);
    ending::closed(model, record, width, &mut lines);
    ending::uploaded(model, record, width, &mut lines);
    ending::secrets(model, record, width, &mut lines);
    token(record, &mut lines);
    ending::missing(record, look, width, &mut lines);
    if is_good(record) {
        problems(record, stopped, look, width, &mut lines);
        ending::ways_on(record, keymap, width, &mut lines);
    }
    lines
}

/// Adds where the run is found again: its pages, its id and its command.
pub(super) fn origin(plan: &Plan, record: &RunRecord, lines: &mut Vec<Vec<Piece>>) {
    lines.push(Vec::new());
    let mut labelled = |label: &str, text: String| {
        lines.push(vec![
            Piece::new(words::pad(label, LABEL), Tone::Dim),
            Piece::new(text, Tone::Plain),
        ]);
    };
    if !record.released().is_empty() {
        for (at, charm) in plan.charms().into_iter().enumerate() {
            let label = if at == 0 { " Pages" } else { "" };
            labelled(label, links::charm(charm.as_str()));
        }
    }
    labelled(" Run", record.id.to_string());
    labelled(" Command", plan.command.clone());
}

/// Adds what stopped the run. A problem of a step is shown once.
fn problems(
    record: &RunRecord,
    stopped: Option<&(String, Seen)>,
    look: &Look,
    width: usize,
    lines: &mut Vec<Vec<Piece>>,
) {
    let of_a_step = |problem| {
        let mut steps = record.steps.iter();
        steps.any(|step| step.problem.as_ref() == Some(problem))
    };
    if let Some((name, seen)) = stopped
        && let Some(problem) = seen.problem()
    {
        let (glyph, tone) = seen.mark();
        lines.push(vec![
            Piece::new(format!(" {} ", look.glyph(glyph)), tone),
            Piece::new(name.clone(), Tone::Plain),
        ]);
        lines.extend(problem_lines(problem, width));
    }
    if let Some(problem) = record.problem.as_ref().filter(|problem| !of_a_step(*problem)) {
        lines.extend(problem_lines(problem, width));
    }
}

/// Adds the channels that the run released to, a line for each revision of a charm.
fn released(model: &Model, record: &RunRecord, width: usize, lines: &mut Vec<Vec<Piece>>) {
    let released = record.released();
    let mut rows: Vec<(&Released, Vec<String>)> = Vec::new();
    for one in &released {
        let channel = record.released_to(one);
        let same = |row: &&mut (&Released, Vec<String>)| {
            let (first, _) = row;
            (&first.charm, first.revision, &first.resources) == (&one.charm, one.revision, &one.resources)
        };
        match rows.iter_mut().find(same) {
            Some((_, channels)) => channels.push(channel),
            None => rows.push((one, vec![channel])),
        }
    }
    if rows.is_empty() {
        return;
    }
    let rows = rows.iter().map(|(one, channels)| {
        let mut rest = vec![one.revision.to_string()];
        rest.extend(one.resources.iter().map(|r| format!("{} {}", r.name, r.revision)));
        [
            model.short(&one.charm).to_owned(),
            channels.join(", "),
            rest.join("  "),
        ]
    });
    let rows: Vec<[String; 3]> = rows.collect();
    let widest = |at: usize| rows.iter().map(|row| words::width(&row[at])).max().unwrap_or(0);
    let (names, channels) = (widest(0), widest(1));
    let fits = ending::INDENT + names + 2 + channels + 2 + widest(2) <= width;
    let texts = rows.iter().map(|[name, to, rest]| {
        let (to, name) = if fits {
            (words::pad(to, channels), words::pad(name, names))
        } else {
            (to.clone(), name.clone())
        };
        format!("{name}  {to}  {rest}")
    });
    ending::section(model, "Released", texts, width, lines);
}

/// Adds the token that the run created.
fn token(record: &RunRecord, lines: &mut Vec<Vec<Piece>>) {
    let mut made = record.steps.iter().map(|step| &step.made);
    let Some(StepOutput {
        session: Some(session),
        expires_at: Some(until),
        ..
    }) = made.find(|made| made.session.is_some() && made.expires_at.is_some())
    else {
        return;
    };
    lines.push(vec![
        Piece::new(words::pad(" Token", LABEL), Tone::Strong),
        Piece::new(format!("valid until {} UTC", words::minute(*until)), Tone::Plain),
        Piece::new(format!("  session {session}"), Tone::Dim),
    ]);
}
