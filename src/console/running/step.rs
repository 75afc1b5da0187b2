//! Formats one step: its activity, progress, rate and problem.
//!
//! Lines are cut by the view, to its width.

use chrono::{DateTime, Utc};

use crate::console::live::Speed;
use crate::console::view::look::{Glyph, Look, Tone};
use crate::console::view::piece::Piece;
use crate::console::words;
use crate::domain::Problem;
use crate::journal::{StepOutcome, StepRecord};
use crate::plan::{Op, Step};
use crate::run::progress::{Phase, StepProgress};

/// Width of the bar of a transfer, in cells.
const BAR: usize = 12;
/// The text for a step that its run never reached; it was not cancelled.
pub(super) const NOT_BEGUN: &str = "not started";
/// Seconds without a byte after which a transfer is shown as stalled.
const STILL: usize = 3;
/// Columns before the lines under a step.
const UNDER: usize = 6;

/// A step with everything known about it.
pub(super) struct Seen<'m> {
    pub(super) step: &'m Step,
    /// Reported by the run itself.
    pub(super) heard: Option<&'m StepProgress>,
    /// From the journal, which is authoritative once the run has ended.
    pub(super) written: Option<&'m StepRecord>,
    pub(super) speed: Option<&'m Speed>,
    /// True while the run is running.
    pub(super) goes_on: bool,
}

impl Seen<'_> {
    fn outcome(&self) -> Option<StepOutcome> {
        let heard = self.heard.and_then(|heard| heard.outcome);
        let written = self.written.and_then(|written| written.outcome);
        if self.goes_on { heard } else { written.or(heard) }
    }

    /// Returns its glyph and tone.
    pub(super) fn mark(&self) -> (Glyph, Tone) {
        match (self.outcome(), self.heard.map(|heard| heard.phase)) {
            (Some(outcome), _) => ended_mark(outcome),
            (None, None | Some(Phase::Waiting)) => (Glyph::Waiting, Tone::Dim),
            (None, _) => (Glyph::Running, Tone::Accent),
        }
    }

    /// Returns true if it was begun, however it ended.
    fn begun(&self) -> bool {
        self.heard.is_some_and(|heard| heard.begun_at.is_some())
            || self.written.is_some_and(|written| written.started_at.is_some())
    }

    pub(super) fn problem(&self) -> Option<&Problem> {
        let heard = self.heard.and_then(|heard| heard.problem.as_ref());
        heard.or_else(|| self.written.and_then(|written| written.problem.as_ref()))
    }

    /// Returns how long it took, or has taken so far.
    fn lasted(&self, now: DateTime<Utc>) -> Option<String> {
        let heard = self.heard.and_then(|heard| {
            let end = heard.ended_at.or(self.goes_on.then_some(now))?;
            Some(end - heard.begun_at?)
        });
        let written = || {
            let written = self.written.filter(|_| !self.goes_on)?;
            Some(written.finished_at? - written.started_at?)
        };
        let seconds = heard.or_else(written)?.num_seconds();
        // Durations below a second are left out.
        (seconds > 0).then(|| words::lasted(seconds))
    }
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

/// Returns all lines of `seen`, whose `name` is padded, for `width` columns.
pub(super) fn lines(
    look: &Look,
    seen: &Seen,
    name: &str,
    selected: bool,
    now: DateTime<Utc>,
    width: usize,
) -> Vec<Vec<Piece>> {
    let cursor = if selected { look.glyph(Glyph::Cursor) } else { " " };
    let waiting = StepProgress::default();
    let outcome = seen.outcome();
    let heard = seen.heard.unwrap_or(&waiting);
    let (glyph, tone) = seen.mark();
    let name_tone = match outcome {
        Some(_) => Tone::Plain,
        None if tone == Tone::Dim => Tone::Dim,
        None => Tone::Strong,
    };
    let mut line = vec![
        Piece::new(cursor, Tone::Accent),
        Piece::new(format!("{} ", look.glyph(glyph)), tone),
        Piece::new(format!("{name}  "), name_tone),
    ];
    let (first, rest) = match outcome {
        Some(outcome) => (after(seen, outcome, tone), Vec::new()),
        None => under_way(look, seen, heard, now),
    };
    let columns = |pieces: &[Piece]| pieces.iter().map(|p| words::width(&p.text)).sum::<usize>();
    let (first, mut rest) = if columns(&line) + columns(&first) <= width {
        (first, rest)
    } else {
        (Vec::new(), first.into_iter().chain(rest).collect())
    };
    line.extend(first);
    if let Some(lasted) = seen.lasted(now) {
        line.push(Piece::new(format!("  {lasted}"), Tone::Dim));
    }
    let mut lines = Vec::new();
    // What does not fit on the line goes below it.
    if columns(&line) + columns(&rest) <= width {
        line.append(&mut rest);
    }
    lines.push(line);
    if !rest.is_empty() {
        let mut under = vec![Piece::new(" ".repeat(UNDER), Tone::Plain)];
        under.extend(rest);
        lines.push(under);
    }
    if outcome.is_none() {
        lines.extend(again(heard, now, width));
    }
    lines
}

/// Returns the text of a step that ended.
fn after(seen: &Seen, outcome: StepOutcome, tone: Tone) -> Vec<Piece> {
    let mut text = if outcome == StepOutcome::Cancelled && !seen.begun() {
        NOT_BEGUN.to_owned()
    } else {
        outcome.as_str().to_owned()
    };
    let sent = match seen.heard {
        Some(heard) if seen.goes_on => heard.bytes_done,
        _ => seen.written.map_or(0, |written| written.made.bytes_sent),
    };
    if sent > 0 && outcome == StepOutcome::Done {
        text.push_str(&format!("  {}", words::bytes(sent)));
    }
    let holds = seen.written.and_then(|written| written.made.resource_revision);
    match (outcome, &seen.step.skip_reason, holds) {
        (StepOutcome::Skipped, Some(reason), _) => text.push_str(&format!(": {reason}")),
        (StepOutcome::Skipped, None, Some(revision)) => {
            text.push_str(&format!(": revision {revision} already holds it"));
        }
        _ => {}
    }
    let mut pieces = vec![Piece::new(text, tone)];
    let retries = seen.heard.map_or(0, |heard| heard.retries);
    if retries > 0 {
        let text = words::count(retries as usize, "retry", "retries");
        pieces.push(Piece::new(format!("  {text}"), Tone::Warn));
    }
    if let Some(note) = seen.written.and_then(|written| written.made.note.as_ref()) {
        pieces.push(Piece::new(format!("  {note}"), Tone::Warn));
    }
    pieces
}

/// Returns the text of a step that has not ended: what must be visible first, and what follows it.
fn under_way(look: &Look, seen: &Seen, heard: &StepProgress, now: DateTime<Utc>) -> (Vec<Piece>, Vec<Piece>) {
    if heard.phase == Phase::Waiting {
        let text = match seen.step.bytes.filter(|bytes| *bytes > 0) {
            Some(bytes) => format!("waiting  {} to send", words::bytes(bytes)),
            None => "waiting".to_owned(),
        };
        return (vec![Piece::new(text, Tone::Dim)], Vec::new());
    }
    let mut first = vec![Piece::new(phase_words(seen.step, heard, now), Tone::Accent)];
    let percent = heard.percent();
    if let Some(percent) = percent.filter(|_| heard.phase == Phase::Processing) {
        // Everything is sent, so a bar adds nothing.
        first.push(Piece::new(format!("  {percent:>2}%"), Tone::Accent));
    } else if let Some(percent) = percent {
        let (full, empty) = look.bar();
        let bar = words::bar(f64::from(percent) / 100.0, BAR, full, empty);
        first.push(Piece::new(format!("  {bar} {percent:>2}%"), Tone::Accent));
    }
    let mut rest = Vec::new();
    // While the service processes the upload all bytes are sent; a count of zero means that none
    // was counted.
    let expects_bytes = heard.phase != Phase::Processing && heard.bytes_total.is_some_and(|total| total > 0);
    if heard.bytes_done > 0 || expects_bytes {
        let total = heard
            .bytes_total
            .map(|total| format!(" of {}", words::bytes(total)))
            .unwrap_or_default();
        let text = format!("  {}{total}", words::bytes(heard.bytes_done));
        rest.push(Piece::new(text, Tone::Plain));
    }
    if matches!(heard.phase, Phase::Sending | Phase::Retrying) {
        rest.extend(speed(look, seen.speed, heard));
    }
    if let Some(note) = &heard.note {
        rest.push(Piece::new(format!("  {note}"), Tone::Dim));
    }
    (first, rest)
}

/// Returns the rate as a row of bars, with the number beside it.
fn speed(look: &Look, speed: Option<&Speed>, heard: &StepProgress) -> Vec<Piece> {
    let samples: Vec<u64> = speed.map_or_else(Vec::new, |speed| speed.samples.iter().copied().collect());
    let last = samples.iter().rev().take(STILL);
    let still = samples.len() >= STILL && last.clone().all(|rate| *rate == 0);
    let Some(rate) = heard.rate.filter(|rate| heard.bytes_done > 0 && *rate >= 1.0) else {
        return Vec::new();
    };
    let mut pieces = Vec::new();
    if samples.len() > 1 {
        pieces.push(Piece::new(
            format!("  {}", words::columns(&samples, look.unicode)),
            Tone::Accent,
        ));
    }
    pieces.push(if still {
        Piece::new("  stalled", Tone::Warn)
    } else {
        Piece::new(format!("  {}/s", words::bytes(rate as u64)), Tone::Plain)
    });
    pieces
}

/// Describes the retries: how many, why, and when the next one is due.
fn again(heard: &StepProgress, now: DateTime<Utc>, width: usize) -> Vec<Vec<Piece>> {
    let Some(retry) = heard.retry.as_ref().filter(|_| heard.retries > 0) else {
        return Vec::new();
    };
    let often = words::count(heard.retries as usize, "retry", "retries");
    let when = match heard.waits(now) {
        Some(left) => format!(", next in {:.0} s", left.as_secs_f64().ceil()),
        None => String::new(),
    };
    let request = retry
        .request_id
        .as_ref()
        .map_or_else(String::new, |id| format!(" (request {id})"));
    let text = format!("{often}{when}: {}{request}", retry.reason);
    words::wrap(&text, width.saturating_sub(UNDER + 1))
        .into_iter()
        .map(|line| vec![Piece::new(format!("{}{line}", " ".repeat(UNDER)), Tone::Warn)])
        .collect()
}

fn phase_words(step: &Step, heard: &StepProgress, now: DateTime<Utc>) -> String {
    match heard.phase {
        Phase::Waiting => "waiting".to_owned(),
        Phase::Looking => "checking".to_owned(),
        Phase::Sending => "sending".to_owned(),
        Phase::Processing => format!("processing at {}", service(&step.op)),
        Phase::Retrying => {
            let left = heard.waits(now).map_or(0.0, |left| left.as_secs_f64().ceil());
            format!("retrying in {left:.0} s (attempt {})", heard.retries + 1)
        }
        Phase::Ended => "finishing".to_owned(),
    }
}

/// True where GitHub answers for what `op` does.
pub(super) const fn on_github(op: &Op) -> bool {
    matches!(
        op,
        Op::Commit { .. }
            | Op::CreateBranch { .. }
            | Op::SetHold { .. }
            | Op::LiftHold { .. }
            | Op::Dispatch { .. }
            | Op::RerunWorkflow { .. }
            | Op::CancelWorkflow { .. }
            | Op::SetSecret { .. }
            | Op::SetOrganisationSecret { .. }
            | Op::DeleteSecret { .. }
    )
}

/// The service that answers for what `op` does.
const fn service(op: &Op) -> &'static str {
    match op {
        Op::Copy { .. } => "the registry",
        _ if on_github(op) => "GitHub",
        _ => "Charmhub",
    }
}
