//! The lines of a run's screen.

use super::{Running, ending, state};
use crate::console::actions::ActionId;
use crate::console::live::State as RunState;
use crate::console::panes::activity::view::mark;
use crate::console::view::look::{Glyph, Look, Tone};
use crate::console::view::piece::Piece;
use crate::console::{Model, dialogs, links, words};
use crate::journal::{Made, RunRecord, StepOutcome, StepRecord};
use crate::plan::{Op, Plan, Step};
use crate::run::progress::{Phase, StepProgress};

/// All lines for `width` columns.
pub fn lines(model: &Model, running: &Running, width: usize) -> Vec<Vec<Piece>> {
    let live = model.live.get(&running.run);
    let record = model.record(&running.run);
    let Some(plan) = live
        .map(|live| &live.plan)
        .or_else(|| record.map(|record| &record.plan))
    else {
        return vec![vec![Piece::new(" the journal has not been read yet", Tone::Dim)]];
    };
    let look = &model.setting.look;
    let mut lines = vec![head(model, running, record), Vec::new()];
    let progress = live
        .filter(|live| !live.ended)
        .and_then(|live| live.progress.as_ref());
    // Without bytes there is no bar to leave room for.
    let sends = plan.steps.iter().any(|step| step.op.charm().is_some());
    let names = plan
        .steps
        .iter()
        .map(|step| words::width(&step_words(model, step, width)))
        .max()
        .unwrap_or(0)
        .min(if sends {
            width / 2
        } else {
            width.saturating_sub(12)
        });
    for step in &plan.steps {
        let heard = progress.and_then(|p| p.steps.get(&step.id));
        let written = record.and_then(|record| record.step(&step.id));
        let name = words::pad(&step_words(model, step, width), names);
        lines.push(step_line(look, step, &name, heard, written));
        let problem = heard
            .and_then(|h| h.problem.as_ref())
            .or_else(|| written.and_then(|w| w.problem.as_ref()));
        if let Some(problem) = problem {
            for line in dialogs::Line::problem(problem) {
                for line in line.wrap(width.saturating_sub(6)) {
                    lines.push(vec![
                        Piece::new(format!("     {}", line.label), Tone::Dim),
                        Piece::new(line.text, line.tone),
                    ]);
                }
            }
        }
    }
    if let Some(record) = record.filter(|_| progress.is_none()) {
        result(plan, record, look, width, &mut lines);
    }
    lines
}

fn head(model: &Model, running: &Running, record: Option<&RunRecord>) -> Vec<Piece> {
    let state = state(model, &running.run);
    let (glyph, tone) = mark(state);
    let glyph = model.setting.look.glyph(glyph);
    let mut pieces = vec![Piece::new(format!(" {glyph} {}", state.word()), tone)];
    if let Some(record) = record {
        let mut text = format!(
            "  begun {} UTC by {}",
            words::minute(record.started_at),
            record.actor
        );
        if let Some(end) = record.finished_at {
            text.push_str(&format!(
                ", took {} s",
                (end - record.started_at).num_seconds().max(0)
            ));
        }
        pieces.push(Piece::new(text, Tone::Dim));
    }
    match state {
        RunState::Stopping => pieces.push(Piece::new("  what is under way ends first", Tone::Dim)),
        RunState::RolledBack => {
            let by = record.and_then(|record| record.rolled_back_by.as_ref());
            let by = by.map_or_else(String::new, |by| format!("  by run {by}"));
            pieces.push(Piece::new(by, Tone::Dim));
        }
        state if state.waits() => {
            let go_on = match state {
                RunState::Open => "looks and finishes it",
                _ => "takes it up again",
            };
            let back = record.is_some_and(RunRecord::touched_channels);
            let keymap = &model.setting.keymap;
            let mut text = format!("  {}", keymap.hint(ActionId::RunResume, go_on));
            if back {
                let rolls = keymap.hint(ActionId::RunRollBack, "rolls it back");
                text.push_str(&format!(", {rolls}"));
            }
            pieces.push(Piece::new(text, Tone::Accent));
        }
        RunState::Running | RunState::Open | RunState::Ended(_) => {}
    }
    pieces
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
    format!("{:<16} {short}", step.kind)
}

fn ended_mark(outcome: StepOutcome) -> (Glyph, Tone) {
    match outcome {
        StepOutcome::Done => (Glyph::Done, Tone::Good),
        StepOutcome::Skipped => (Glyph::Nothing, Tone::Dim),
        StepOutcome::Failed => (Glyph::Failed, Tone::Bad),
        StepOutcome::Cancelled => (Glyph::Stopped, Tone::Dim),
        StepOutcome::Unknown => (Glyph::Warning, Tone::Warn),
    }
}

fn step_line(
    look: &Look,
    step: &Step,
    name: &str,
    heard: Option<&StepProgress>,
    written: Option<&StepRecord>,
) -> Vec<Piece> {
    let outcome = match heard {
        Some(heard) => heard.outcome,
        None => written.and_then(|w| w.outcome),
    };
    if let Some(outcome) = outcome {
        let (glyph, tone) = ended_mark(outcome);
        let sent = written.map_or(0, |w| w.made.bytes_sent);
        let sent = heard.map_or(sent, |h| h.bytes_done);
        let mut text = outcome.as_str().to_owned();
        if sent > 0 && outcome == StepOutcome::Done {
            text.push_str(&format!("  {}", words::bytes(sent)));
        }
        if outcome == StepOutcome::Skipped
            && let Some(reason) = &step.skip_reason
        {
            text.push_str(&format!(": {reason}"));
        }
        let mut pieces = vec![
            Piece::new(format!(" {} ", look.glyph(glyph)), tone),
            Piece::new(format!("{name}  "), Tone::Plain),
            Piece::new(text, tone),
        ];
        if let Some(note) = written.and_then(|w| w.made.note.as_ref()) {
            pieces.push(Piece::new(format!("  {note}"), Tone::Warn));
        }
        return pieces;
    }
    let waiting = StepProgress::default();
    let heard = heard.unwrap_or(&waiting);
    let (glyph, tone) = match heard.phase {
        Phase::Waiting => (Glyph::Waiting, Tone::Dim),
        _ => (Glyph::Running, Tone::Accent),
    };
    let mut pieces = vec![
        Piece::new(format!(" {} ", look.glyph(glyph)), tone),
        Piece::new(
            format!("{name}  "),
            if tone == Tone::Dim {
                Tone::Dim
            } else {
                Tone::Strong
            },
        ),
        Piece::new(phase_words(heard.phase), tone),
    ];
    if let Some(percent) = heard.percent().filter(|_| heard.phase != Phase::Waiting) {
        let (full, empty) = look.bar();
        let bar = words::bar(f64::from(percent) / 100.0, 12, full, empty);
        pieces.push(Piece::new(format!("  {bar} {percent:>2}%"), Tone::Accent));
    }
    if heard.bytes_done > 0 || heard.bytes_total.is_some_and(|total| total > 0) {
        let total = heard
            .bytes_total
            .map(|total| format!(" of {}", words::bytes(total)))
            .unwrap_or_default();
        pieces.push(Piece::new(
            format!("  {}{total}", words::bytes(heard.bytes_done)),
            Tone::Plain,
        ));
    }
    if let Some(rate) = heard.rate.filter(|rate| *rate >= 1.0) {
        pieces.push(Piece::new(
            format!("  {}/s", words::bytes(rate as u64)),
            Tone::Plain,
        ));
    }
    if heard.retries > 0 {
        pieces.push(Piece::new(
            format!("  {}", words::count(heard.retries as usize, "retry", "retries")),
            Tone::Warn,
        ));
    }
    if let Some(note) = &heard.note {
        pieces.push(Piece::new(format!("  {note}"), Tone::Dim));
    }
    pieces
}

const fn phase_words(phase: Phase) -> &'static str {
    match phase {
        Phase::Waiting => "waiting",
        Phase::Looking => "looking",
        Phase::Sending => "sending",
        Phase::Processing => "store is processing",
        Phase::Ended => "ending",
    }
}

/// What a step of the run tells of the token that it minted or sealed.
fn minted(record: &RunRecord) -> Option<&Made> {
    let mut made = record.steps.iter().map(|step| &step.made);
    made.find(|made| made.session.is_some() && made.expires_at.is_some())
}

fn result(plan: &Plan, record: &RunRecord, look: &Look, width: usize, lines: &mut Vec<Vec<Piece>>) {
    let released = record.released();
    if !released.is_empty() {
        lines.push(Vec::new());
        lines.push(vec![Piece::new(" Released", Tone::Strong)]);
        let names = released
            .iter()
            .map(|one| words::width(one.charm.as_str()))
            .max()
            .unwrap_or(0);
        for one in &released {
            let resources: Vec<_> = one
                .resources
                .iter()
                .map(|r| format!("{} {}", r.name, r.revision))
                .collect();
            lines.push(vec![
                Piece::new(format!(" {} ", look.glyph(Glyph::Done)), Tone::Good),
                Piece::new(
                    format!(
                        "{}  {}  {}  {}",
                        words::pad(one.charm.as_str(), names),
                        words::pad(&one.channel.to_string(), 14),
                        one.revision,
                        resources.join(", ")
                    ),
                    Tone::Plain,
                ),
            ]);
        }
        lines.push(Vec::new());
        for charm in plan.charms() {
            lines.push(vec![Piece::new(
                format!("   {}", links::charm(charm.as_str())),
                Tone::Dim,
            )]);
        }
    }
    if let Some(made) = minted(record) {
        lines.push(Vec::new());
        let until = made.expires_at.map_or_else(String::new, |end| {
            format!("valid until {} UTC", words::minute(end))
        });
        let session = made
            .session
            .as_ref()
            .map_or_else(String::new, |session| format!("  session {session}"));
        lines.push(vec![
            Piece::new(" Token    ", Tone::Dim),
            Piece::new(until, Tone::Plain),
            Piece::new(session, Tone::Dim),
        ]);
    }
    ending::missing(record, look, width, lines);
    // What a step says above is not said twice.
    let told = |problem| {
        record
            .steps
            .iter()
            .any(|step| step.problem.as_ref() == Some(problem))
    };
    if let Some(problem) = record.problem.as_ref().filter(|problem| !told(*problem)) {
        lines.push(Vec::new());
        for line in dialogs::Line::problem(problem) {
            for line in line.wrap(width.saturating_sub(3)) {
                lines.push(vec![
                    Piece::new(format!(" {}", line.label), Tone::Dim),
                    Piece::new(line.text, line.tone),
                ]);
            }
        }
    }
    ending::ways_on(record, width, lines);
    lines.push(Vec::new());
    lines.push(vec![
        Piece::new(" Run      ", Tone::Dim),
        Piece::new(record.id.to_string(), Tone::Plain),
    ]);
    lines.push(vec![
        Piece::new(" Command  ", Tone::Dim),
        Piece::new(plan.command.clone(), Tone::Plain),
    ]);
}
