//! Formats the screen of a run, or of a plan that waits in the queue.

use super::state::{known, leading};
use super::step::{self, Seen};
use super::{Running, ending, plan, result, state};
use crate::console::actions::ActionId;
use crate::console::components::Line;
use crate::console::live::{Live, State as RunState};
use crate::console::panes::activity::view::mark;
use crate::console::queue;
use crate::console::view::look::Tone;
use crate::console::view::piece::Piece;
use crate::console::{Model, words, workflows};
use crate::domain::Problem;
use crate::journal::RunRecord;
use crate::plan::{Op, Step};

/// A line of the screen.
#[derive(Clone, Debug)]
pub struct RunLine {
    /// Its text.
    pub pieces: Vec<Piece>,
    /// The step whose first line it is.
    pub step: Option<usize>,
}

impl RunLine {
    const fn text(pieces: Vec<Piece>) -> Self {
        Self { pieces, step: None }
    }
}

/// Below this width a step's name has its own line.
const NARROW: usize = 60;

/// Returns all lines for `width` columns.
pub fn lines(model: &Model, running: &Running, width: usize) -> Vec<RunLine> {
    let (live, record) = known(model, &running.run);
    let waiting = model.queue().find(&running.run);
    let Some(plan) = plan(model, &running.run) else {
        let text = " journal not read yet";
        return vec![RunLine::text(vec![Piece::new(text, Tone::Dim)])];
    };
    let look = &model.setting.look;
    let mut above = head(model, running, width);
    if let Some(waiting) = waiting {
        above.extend(queue::view::lines(model, waiting, width));
    }
    ending::answer(model, running, width, &mut above);
    let goes_on = live.is_some_and(|live| !live.ended);
    let see = |step| seen(step, (live, record));
    if let Some(record) = record {
        let section = workflows::section(model, record, width);
        above.extend((!section.is_empty()).then(Vec::new));
        above.extend(section);
    }
    let ended = record.filter(|record| !goes_on && !record.running);
    // The step that stopped the run: its problem is part of the result.
    let stopped = leading(model, &running.run)
        .and_then(|at| plan.steps.get(at))
        .filter(|_| ended.is_some_and(|record| !result::is_good(record)));
    if let Some(record) = ended {
        let stopped = stopped.map(|step| (step_words(model, step, width), see(step)));
        let lines = result::lines(model, record, stopped.as_ref(), width);
        above.extend((!lines.is_empty()).then(Vec::new));
        above.extend(lines);
    }
    above.push(Vec::new());
    let mut lines: Vec<RunLine> = above.into_iter().map(RunLine::text).collect();
    // Without bytes no space is reserved for a bar.
    let sends = plan.steps.iter().any(|step| step.op.charm().is_some());
    let most = if sends && width >= NARROW {
        width / 2
    } else {
        width.saturating_sub(15)
    };
    let names = plan
        .steps
        .iter()
        .map(|step| words::width(&step_words(model, step, width)));
    let names = names.max().unwrap_or(0).min(most);
    for (at, step) in plan.steps.iter().enumerate() {
        let seen = see(step);
        let name = words::pad(&step_words(model, step, width), names);
        let selected = running.cursor == at && !running.in_log;
        let own = step::lines(look, &seen, &name, selected, model.now, width);
        for (line, pieces) in own.into_iter().enumerate() {
            lines.push(RunLine {
                pieces,
                step: (line == 0).then_some(at),
            });
        }
        let told_above = stopped.is_some_and(|stopped| stopped.id == step.id);
        if let Some(problem) = seen.problem().filter(|_| !told_above) {
            lines.extend(problem_lines(problem, width).map(RunLine::text));
        }
    }
    if let Some(record) = record.filter(|_| !goes_on) {
        let mut below = Vec::new();
        result::origin(plan, record, &mut below);
        lines.extend(below.into_iter().map(RunLine::text));
    }
    lines
}

/// Returns everything known about `step`.
fn seen<'m>(step: &'m Step, (live, record): (Option<&'m Live>, Option<&'m RunRecord>)) -> Seen<'m> {
    let progress = live.and_then(|live| live.progress.as_ref());
    Seen {
        step,
        heard: progress.and_then(|progress| progress.steps.get(&step.id)),
        written: record.and_then(|record| record.step(&step.id)),
        speed: live.and_then(|live| live.speeds.get(&step.id)),
        goes_on: live.is_some_and(|live| !live.ended),
    }
}

/// Returns the lines of a problem, indented below what it belongs to.
pub(super) fn problem_lines(problem: &Problem, width: usize) -> impl Iterator<Item = Vec<Piece>> {
    let lines = Line::problem(problem).into_iter();
    lines
        .flat_map(move |line| line.wrap(width.saturating_sub(6)))
        .map(|line| {
            vec![
                Piece::new(format!("     {}", line.label), Tone::Dim),
                Piece::new(line.text, line.tone),
            ]
        })
}

fn head(model: &Model, running: &Running, width: usize) -> Vec<Vec<Piece>> {
    let (live, record) = known(model, &running.run);
    let state = state(model, &running.run);
    let goes_on = live.filter(|live| !live.ended);
    let workflow = record.filter(|_| goes_on.is_none());
    let workflow = workflow.and_then(|record| workflows::standing(model, record));
    let (glyph, tone) = workflow
        .as_ref()
        .map_or_else(|| mark(state), |(_, glyph, tone)| (*glyph, *tone));
    let glyph = model.setting.look.glyph(glyph);
    let word = workflow
        .as_ref()
        .map_or_else(|| state.word(), |(word, ..)| word.as_str());
    let mut text = format!(" {glyph} {word}");
    if let Some(waiting) = model
        .queue()
        .find(&running.run)
        .filter(|_| state == RunState::Queued)
    {
        let text = format!("{glyph} {}", queue::view::behind(model, waiting));
        let lines = words::wrap(&text, width.saturating_sub(2)).into_iter();
        return lines
            .map(|line| vec![Piece::new(format!(" {line}"), tone)])
            .collect();
    }
    if let Some(percent) = goes_on.and_then(Live::percent) {
        text.push_str(&format!(" {percent}%"));
    }
    let mut first = vec![Piece::new(text, tone)];
    if let Some((ended, all)) = goes_on.map(Live::steps_ended) {
        first.push(Piece::new(format!("  {ended} of {all} steps"), Tone::Plain));
    }
    let begun_at = goes_on.and_then(|live| Some(live.progress.as_ref()?.begun_at));
    if let Some(begun_at) = begun_at {
        let lasted = words::lasted((model.now - begun_at).num_seconds());
        first.push(Piece::new(format!("  for {lasted}"), Tone::Plain));
    }
    let mut second = Vec::new();
    if let Some(record) = record {
        let mut text = format!(
            "  started {} UTC by {}",
            words::minute(record.started_at),
            record.actor
        );
        if let (Some(_), None) = (&workflow, goes_on) {
            // The duration of the workflow counts, not that of its start.
            let lasted = workflows::lasted(model, &record.id);
            text.extend(lasted.map(|lasted| format!(", {lasted}")));
        } else if let Some((worked, paused)) = record.took().filter(|_| goes_on.is_none()) {
            let took = match worked.num_seconds() {
                0 => "less than 1 s".to_owned(),
                seconds => words::lasted(seconds),
            };
            text.push_str(&format!(", took {took}"));
            if paused.num_seconds() > 0 {
                let paused = words::lasted(paused.num_seconds());
                text.push_str(&format!(", paused for {paused}"));
            }
        }
        second.push(Piece::new(text, Tone::Dim));
        // The result below says the same with more words.
        let told_below = goes_on.is_none() && !record.ways_on().is_empty();
        if state.waits() && !told_below {
            let go_on = match state {
                RunState::Open => "check and finish",
                _ => "resume",
            };
            let keymap = &model.setting.keymap;
            let mut text = format!("  {}", keymap.brief(ActionId::RUN_RESUME, go_on));
            if record.touched_channels() {
                let rolls = keymap.brief(ActionId::RUN_ROLL_BACK, "roll back");
                text.push_str(&format!(", {rolls}"));
            }
            second.push(Piece::new(text, Tone::Accent));
        }
        if let (RunState::RolledBack | RunState::GivenUp | RunState::Replaced(_), Some(by)) = (
            state,
            record.rolled_back_by.as_ref().or(record.replaced_by.as_ref()),
        ) {
            second.push(Piece::new(format!("  by run {by}"), Tone::Dim));
        }
    }
    let columns = |pieces: &[Piece]| pieces.iter().map(|p| words::width(&p.text)).sum::<usize>();
    if second.is_empty() || columns(&first) + columns(&second) <= width {
        first.extend(second);
        return vec![first];
    }
    vec![first, second]
}

fn step_words(model: &Model, step: &Step, width: usize) -> String {
    let target = match &step.op {
        Op::SetSecret { target, .. } | Op::DeleteSecret { target, .. } if width < 100 => {
            format!("{}:{}", target.repository.name(), target.secret)
        }
        _ => step.target.to_string(),
    };
    let short = match step.op.charm() {
        Some(charm) => target.replacen(charm.as_str(), model.short(charm), 1),
        None => target,
    };
    if width < NARROW {
        return format!("{} {short}", step.kind);
    }
    format!("{:<16} {short}", step.kind)
}
