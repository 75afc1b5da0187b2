//! What is said at the end of a run that is not simply done: what is missing, and the ways on.
//!
//! Must not cut: the view does, at the width that it has.

use crate::console::view::look::{Glyph, Look, Tone};
use crate::console::view::piece::Piece;
use crate::console::{rollback, words};
use crate::journal::{Outcome, RunRecord, StepOutcome};
use crate::plan::{Op, Step};

/// Columns before the text.
const INDENT: usize = 3;

/// What a run that ended partly left out, and why.
pub(super) fn missing(record: &RunRecord, look: &Look, width: usize, lines: &mut Vec<Vec<Piece>>) {
    if record.outcome != Some(Outcome::Partly) {
        return;
    }
    let mut texts: Vec<String> = record.plan.left_out.iter().map(ToString::to_string).collect();
    for step in record.plan.steps.iter().filter(|step| step.optional) {
        let written = record.step(&step.id);
        let outcome = written.and_then(|one| one.outcome);
        if matches!(outcome, Some(StepOutcome::Done | StepOutcome::Skipped)) {
            continue;
        }
        let why = match written {
            Some(one) if one.made.no_longer_accepted => "the store no longer takes it".to_owned(),
            Some(one) => one.problem.as_ref().map_or_else(
                || "it was not done".to_owned(),
                |problem| problem.summary.to_string(),
            ),
            None => "it was not begun".to_owned(),
        };
        texts.push(format!("{} {}: {why}", step.kind, step.target));
    }
    lines.push(Vec::new());
    lines.push(vec![Piece::new(
        " Partly: everything else is as planned, and it counts; missing is only",
        Tone::Strong,
    )]);
    let glyph = look.glyph(Glyph::Nothing);
    for text in texts {
        put(&format!("{glyph} {text}"), Tone::Warn, width, lines);
    }
}

/// The ways on where a run did not end well: forward, or back.
pub(super) fn ways_on(record: &RunRecord, width: usize, lines: &mut Vec<Vec<Piece>>) {
    if record.ways_on().is_empty() {
        return;
    }
    lines.push(Vec::new());
    lines.push(vec![Piece::new(" What now", Tone::Strong)]);
    let text = "r  takes it up again: looks what is so already, then does what is missing";
    put(text, Tone::Accent, width, lines);
    let releases = |step: &Step| {
        matches!(
            step.op,
            Op::Release { .. } | Op::Close { .. } | Op::ReleaseBundle { .. }
        )
    };
    if !record.plan.steps.iter().any(releases) {
        return;
    }
    let changed = rollback::changed(record).len();
    let text = if changed == 0 {
        "   no channel was changed, so there is nothing to roll back".to_owned()
    } else {
        format!(
            "b  rolls it back: {} what it had before",
            if changed == 1 {
                "the channel that it changed gets back".to_owned()
            } else {
                format!(
                    "the {} that it changed get back",
                    words::count(changed, "channel", "channels")
                )
            }
        )
    };
    let tone = if changed == 0 { Tone::Dim } else { Tone::Accent };
    put(&text, tone, width, lines);
}

fn put(text: &str, tone: Tone, width: usize, lines: &mut Vec<Vec<Piece>>) {
    for line in words::wrap(text, width.saturating_sub(INDENT + 1)) {
        lines.push(vec![Piece::new(format!("{}{line}", " ".repeat(INDENT)), tone)]);
    }
}
