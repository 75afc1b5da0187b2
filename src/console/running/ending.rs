//! Formats the result of a run that is stopping or has ended: a summary, what is missing, and how
//! to continue.
//!
//! Lines are cut by the view, to its width.

use super::state::known;
use super::{Running, state};
use crate::console::actions::{ActionId, Keymap};
use crate::console::live::State;
use crate::console::view::look::{Glyph, Look, Tone};
use crate::console::view::piece::Piece;
use crate::console::{Model, rollback, words};
use crate::journal::{Outcome, RunRecord, StepOutcome};
use crate::plan::{Op, Step};

/// Columns before the text.
pub(super) const INDENT: usize = 3;

/// Adds the result in a sentence. A stop has three possible results, each with its own sentence.
pub(super) fn answer(model: &Model, running: &Running, width: usize, lines: &mut Vec<Vec<Piece>>) {
    let (live, record) = known(model, &running.run);
    let asked = live.is_some_and(|live| live.cancel_asked);
    let of = |wanted: &[StepOutcome]| {
        record.map_or(0, |record| {
            let is =
                |step: &&crate::journal::StepRecord| step.outcome.is_some_and(|one| wanted.contains(&one));
            record.steps.iter().filter(is).count()
        })
    };
    let all = record.map_or(0, |record| record.plan.steps.len());
    let done = done_steps(of(&[StepOutcome::Done]), of(&[StepOutcome::Skipped]), all);
    let (text, tone) = match state(model, &running.run) {
        State::Stopping => (
            "Cancelling. The current step finishes first; the run then ends as cancelled, finished \
            anyway, or unknown."
                .to_owned(),
            Tone::Warn,
        ),
        State::Ended(Outcome::Cancelled) | State::Replaced(Some(Outcome::Cancelled)) => {
            (format!("Cancelled: {done}. The rest did not run."), Tone::Warn)
        }
        State::Ended(Outcome::Done | Outcome::Partly) if asked => (
            "Finished anyway: every step had completed before the cancellation arrived.".to_owned(),
            Tone::Warn,
        ),
        State::Ended(Outcome::Failed) | State::Replaced(Some(Outcome::Failed)) if asked => {
            (format!("Failed before the cancellation: {done}."), Tone::Warn)
        }
        State::Ended(Outcome::Failed) | State::Replaced(Some(Outcome::Failed)) => {
            (format!("Failed: {done}."), Tone::Warn)
        }
        State::Ended(Outcome::Done) if record.is_some_and(|record| record.plan.only_gives_up_a_run()) => (
            "Nothing was restored: the run had changed no channel and is given up.".to_owned(),
            Tone::Plain,
        ),
        State::Ended(Outcome::Done) if record.is_some_and(|record| !changed_anything(record)) => (
            "Nothing had to change: every step was done already.".to_owned(),
            Tone::Plain,
        ),
        State::Open | State::Ended(Outcome::Unknown) => match record.and_then(|record| record.outcome) {
            Some(_) => (
                format!(
                    "Outcome of {} unknown: no response received. Resuming the run checks the \
                    current state first and runs only the missing steps.",
                    match of(&[StepOutcome::Unknown]) {
                        0 => "the current step".to_owned(),
                        count => words::count(count, "step", "steps"),
                    }
                ),
                Tone::Warn,
            ),
            None if record.is_some() => (
                "Interrupted: the process that applied this run has exited. Resuming it checks how \
                far it got."
                    .to_owned(),
                Tone::Warn,
            ),
            None => return,
        },
        _ => return,
    };
    put(&text, tone, width, lines);
}

/// Returns how many of `all` steps are done; a skipped step changed nothing.
fn done_steps(done: usize, skipped: usize, all: usize) -> String {
    let done = match done {
        0 => format!("none of {all} steps is done"),
        1 => format!("1 of {all} steps is done and stays applied"),
        _ => format!("{done} of {all} steps are done and stay applied"),
    };
    match skipped {
        0 => done,
        1 => format!("{done}; 1 was skipped"),
        _ => format!("{done}; {skipped} were skipped"),
    }
}

/// Returns true if a step of the run changed something.
fn changed_anything(record: &RunRecord) -> bool {
    let mut steps = record.plan.steps.iter();
    steps.any(|step| step.op.writes() && is_done(record, step))
}

fn is_done(record: &RunRecord, step: &Step) -> bool {
    let written = record.step(&step.id);
    written.is_some_and(|written| written.outcome == Some(StepOutcome::Done))
}

/// Adds the secrets that the run set or deleted.
pub(super) fn secrets(model: &Model, record: &RunRecord, width: usize, lines: &mut Vec<Vec<Piece>>) {
    let done = || record.plan.steps.iter().filter(|step| is_done(record, step));
    let set = done().filter_map(|step| match &step.op {
        Op::SetSecret { target, .. } => Some(format!("{}  {}", target.repository, target.secret)),
        Op::SetOrganisationSecret {
            secret, repositories, ..
        } => Some(format!(
            "{secret}, for {}",
            words::count(repositories.len(), "repository", "repositories")
        )),
        _ => None,
    });
    section(model, "Secrets set", set, width, lines);
    let deleted = done().filter_map(|step| match &step.op {
        Op::DeleteSecret { target, .. } => Some(format!("{}  {}", target.repository, target.secret)),
        _ => None,
    });
    section(model, "Secrets deleted", deleted, width, lines);
}

/// Adds the revisions that the run uploaded, or found uploaded.
pub(super) fn uploaded(model: &Model, record: &RunRecord, width: usize, lines: &mut Vec<Vec<Piece>>) {
    let texts = record.uploaded().into_iter().map(|one| one.to_string());
    section(model, "Uploaded", texts, width, lines);
}

/// Adds the channels that the run closed.
pub(super) fn closed(model: &Model, record: &RunRecord, width: usize, lines: &mut Vec<Vec<Piece>>) {
    let names = record.closed().map(|one| words::width(model.short(&one.charm)));
    let widest = names.max().unwrap_or(0);
    let mut texts: Vec<String> = record
        .closed()
        .map(|one| format!("{}  {}", words::pad(model.short(&one.charm), widest), one.channel))
        .collect();
    texts.dedup();
    section(model, "Closed", texts, width, lines);
}

/// Adds a heading and a line for each text, wrapped, with short names of charms; nothing without
/// texts.
pub(super) fn section(
    model: &Model,
    title: &str,
    texts: impl IntoIterator<Item = String>,
    width: usize,
    lines: &mut Vec<Vec<Piece>>,
) {
    let mut texts = texts.into_iter().peekable();
    if texts.peek().is_none() {
        return;
    }
    lines.push(vec![Piece::new(format!(" {title}"), Tone::Strong)]);
    let look = &model.setting.look;
    for text in texts {
        for (at, line) in words::wrap(&model.short_title(&text), width.saturating_sub(INDENT))
            .into_iter()
            .enumerate()
        {
            let sign = if at == 0 { look.glyph(Glyph::Done) } else { " " };
            lines.push(vec![
                Piece::new(format!(" {sign} "), Tone::Good),
                Piece::new(line, Tone::Plain),
            ]);
        }
    }
}

/// Adds what a run that ended partly left out, and why.
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
            Some(one) if one.made.no_longer_accepted => "the service no longer accepts it".to_owned(),
            Some(one) => one.problem.as_ref().map_or_else(
                || "it was not done".to_owned(),
                |problem| problem.summary.to_string(),
            ),
            None => "it did not start".to_owned(),
        };
        texts.push(format!("{} {}: {why}", step.kind, step.target));
    }
    lines.push(vec![Piece::new(" Partly done. Missing:", Tone::Strong)]);
    let glyph = look.glyph(Glyph::Nothing);
    for text in texts {
        put(&format!("{glyph} {text}"), Tone::Warn, width, lines);
    }
}

/// The ways on where a run did not end well: forward, or back.
pub(super) fn ways_on(record: &RunRecord, keymap: &Keymap, width: usize, lines: &mut Vec<Vec<Piece>>) {
    let well = matches!(record.outcome, Some(Outcome::Done | Outcome::Partly));
    if record.ways_on().is_empty() && !(well && record.rolled_back_by.is_none()) {
        return;
    }
    let title = if well { " Next" } else { " What to do" };
    lines.push(vec![Piece::new(title, Tone::Strong)]);
    if well {
        let text = keymap.hint(ActionId::BROWSE, "open the page of the selected step");
        put(&text, Tone::Accent, width, lines);
    } else {
        let does = "resume it: check the current state, then run the missing steps";
        put(
            &keymap.hint(ActionId::RUN_RESUME, does),
            Tone::Accent,
            width,
            lines,
        );
    }
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
        "no channel was changed, so there is nothing to roll back".to_owned()
    } else {
        let what = if changed == 1 {
            "the channel that it changed returns".to_owned()
        } else {
            format!("the {changed} channels that it changed return")
        };
        let does = format!("roll it back: {what} to the earlier state");
        keymap.hint(ActionId::RUN_ROLL_BACK, &does)
    };
    let tone = if changed == 0 { Tone::Dim } else { Tone::Accent };
    put(&text, tone, width, lines);
}

fn put(text: &str, tone: Tone, width: usize, lines: &mut Vec<Vec<Piece>>) {
    for line in words::wrap(text, width.saturating_sub(INDENT + 1)) {
        lines.push(vec![Piece::new(format!("{}{line}", " ".repeat(INDENT)), tone)]);
    }
}
