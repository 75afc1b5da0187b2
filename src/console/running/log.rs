//! Formats the log of a run: what happened when, from the reports of the run if this console
//! received them, else from the journal.
//!
//! Lines are cut by the view, to its width.

use chrono::{DateTime, Utc};

use super::state::{known, plan};
use super::step::NOT_BEGUN;
use crate::console::view::look::Tone;
use crate::console::view::piece::Piece;
use crate::console::{Model, words};
use crate::domain::Problem;
use crate::journal::{Outcome, RunId, RunRecord, StepOutcome};
use crate::plan::{Plan, StepId};
use crate::run::progress::{Event, Happened, Phase, Retry};

/// Width of the time, in columns.
const TIME: usize = 10;

struct Entry {
    at: DateTime<Utc>,
    text: String,
    tone: Tone,
}

fn entries(model: &Model, run: &RunId) -> Vec<Entry> {
    let (live, record) = known(model, run);
    let Some(plan) = plan(model, run) else {
        return Vec::new();
    };
    if let Some(progress) = live.and_then(|live| live.progress.as_ref()) {
        let begun = |event: &Event| {
            let of = |one: &&Event| one.step == event.step && one.what == Happened::Begun;
            progress.events.iter().any(|one| of(&one))
        };
        let told = progress.events.iter();
        return told.map(|event| heard(plan, event, begun(event))).collect();
    }
    record.map_or_else(Vec::new, |record| written(plan, record))
}

fn name(plan: &Plan, step: &StepId) -> String {
    plan.step(step).map_or_else(
        || step.to_string(),
        |step| format!("{} {}", step.kind, step.target),
    )
}

fn heard(plan: &Plan, event: &Event, begun: bool) -> Entry {
    let who = event
        .step
        .as_ref()
        .map_or_else(|| "run".to_owned(), |step| name(plan, step));
    let (text, tone) = match &event.what {
        Happened::Begun => ("started".to_owned(), Tone::Dim),
        Happened::Phase(phase, note) => {
            let note = note.as_ref().map(ToString::to_string);
            let word = match phase {
                Phase::Processing => "being processed by the service",
                _ => "in progress",
            };
            (note.unwrap_or_else(|| word.to_owned()), Tone::Plain)
        }
        Happened::Retry(number, retry) => (again(*number, retry, event.at), Tone::Warn),
        Happened::Ended(outcome, problem) => ended(*outcome, problem.as_ref(), begun),
        Happened::StopAsked => (
            "cancelling; the current step finishes first".to_owned(),
            Tone::Warn,
        ),
        Happened::RunEnded(outcome) => (outcome.as_str().to_owned(), tone(*outcome)),
    };
    Entry {
        at: event.at,
        text: format!("{who}: {text}"),
        tone,
    }
}

fn again(number: u32, retry: &Retry, at: DateTime<Utc>) -> String {
    let pause = (retry.again_at - at).num_milliseconds().max(0);
    let pause = if pause < 50 {
        "now".to_owned()
    } else {
        format!("in {:.1} s", pause as f64 / 1000.0)
    };
    let request = retry
        .request_id
        .as_ref()
        .map_or_else(String::new, |id| format!(" (request {id})"));
    format!("attempt {} {pause}: {}{request}", number + 1, retry.reason)
}

fn ended(outcome: StepOutcome, problem: Option<&Problem>, begun: bool) -> (String, Tone) {
    let tone = match outcome {
        StepOutcome::Done => Tone::Good,
        StepOutcome::Skipped | StepOutcome::Cancelled => Tone::Dim,
        StepOutcome::Failed => Tone::Bad,
        StepOutcome::Unknown => Tone::Warn,
    };
    let word = match outcome {
        StepOutcome::Cancelled if !begun => NOT_BEGUN,
        _ => outcome.as_str(),
    };
    let mut text = word.to_owned();
    if let Some(problem) = problem {
        text.push_str(&format!(": {}", problem.summary));
        if let Some(cause) = problem.causes.last() {
            text.push_str(&format!(": {cause}"));
        }
        if let Some(id) = &problem.request_id {
            text.push_str(&format!(" (request {id})"));
        }
    }
    (text, tone)
}

const fn tone(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::Done => Tone::Good,
        Outcome::Partly | Outcome::Unknown => Tone::Warn,
        Outcome::Failed => Tone::Bad,
        Outcome::Cancelled => Tone::Dim,
    }
}

/// Returns what the journal has: starts and ends of steps.
fn written(plan: &Plan, record: &RunRecord) -> Vec<Entry> {
    let mut list = vec![Entry {
        at: record.started_at,
        text: format!("run: started by {}", record.actor),
        tone: Tone::Dim,
    }];
    for step in &record.steps {
        let name = name(plan, &step.id);
        if let Some(at) = step.started_at {
            let again = if step.attempts > 1 {
                format!(" again, attempt {}", step.attempts)
            } else {
                String::new()
            };
            list.push(Entry {
                at,
                text: format!("{name}: started{again}"),
                tone: Tone::Dim,
            });
        }
        if let (Some(at), Some(outcome)) = (step.finished_at, step.outcome) {
            let (text, tone) = ended(outcome, step.problem.as_ref(), step.started_at.is_some());
            list.push(Entry {
                at,
                text: format!("{name}: {text}"),
                tone,
            });
        }
    }
    if let (Some(at), Some(outcome)) = (record.finished_at, record.outcome) {
        list.push(Entry {
            at,
            text: format!("run: {}", outcome.as_str()),
            tone: tone(outcome),
        });
    }
    // Entries of the same moment keep the order of the plan.
    list.sort_by_key(|entry| entry.at);
    list
}

/// Returns all lines, oldest first, wrapped to `width` columns.
pub(super) fn lines(model: &Model, run: &RunId, width: usize) -> Vec<Vec<Piece>> {
    let mut lines = Vec::new();
    for entry in entries(model, run) {
        let text = model.short_title(&entry.text);
        for (at, text) in words::wrap(&text, width.saturating_sub(TIME + 1))
            .into_iter()
            .enumerate()
        {
            let time = if at == 0 {
                format!(" {} ", entry.at.format("%H:%M:%S"))
            } else {
                " ".repeat(TIME)
            };
            lines.push(vec![Piece::new(time, Tone::Dim), Piece::new(text, entry.tone)]);
        }
    }
    lines
}

/// Returns the whole log as text.
pub(super) fn text(model: &Model, run: &RunId) -> String {
    entries(model, run)
        .iter()
        .map(|entry| format!("{} {}", entry.at.format("%Y-%m-%dT%H:%M:%SZ"), entry.text))
        .collect::<Vec<_>>()
        .join("\n")
}
