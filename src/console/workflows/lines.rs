//! Formats a workflow run: its status, its jobs, the end of a log.

use super::Workflows;
use crate::console::components::Line;
use crate::console::view::look::{Glyph, Tone};
use crate::console::{Model, words};
use crate::domain::SanitizedText;
use crate::domain::workflow::{JobLog, JobRun, WorkflowRun};

/// Returns the title of a run.
pub(super) fn title(run: &WorkflowRun) -> String {
    format!("{} #{}", file_name(run), run.number)
}

/// Returns the last part of the path of the run's workflow file.
pub(super) fn file_name(run: &WorkflowRun) -> &str {
    let path = run.workflow.as_str();
    path.rsplit('/').next().unwrap_or(path)
}

/// Returns glyph and tone of a run.
pub(super) fn mark(run: &WorkflowRun) -> (Glyph, Tone) {
    match run.word() {
        _ if run.ended_well() => (Glyph::Done, Tone::Good),
        "cancelled" => (Glyph::Stopped, Tone::Dim),
        _ if run.ended() => (Glyph::Failed, Tone::Bad),
        _ => (Glyph::Running, Tone::Accent),
    }
}

/// Returns glyph and tone of a job or step.
pub(super) fn job_mark(status: &SanitizedText, conclusion: Option<&SanitizedText>) -> (Glyph, Tone) {
    match (conclusion.map(SanitizedText::as_str), status.as_str()) {
        (Some("success" | "neutral"), _) => (Glyph::Done, Tone::Good),
        (Some("skipped" | "cancelled"), _) => (Glyph::Stopped, Tone::Dim),
        (Some(_), _) => (Glyph::Failed, Tone::Bad),
        (None, "in_progress") => (Glyph::Running, Tone::Accent),
        (None, _) => (Glyph::Waiting, Tone::Dim),
    }
}

/// Returns the lines of a job's log.
pub(super) fn of_log(log: &JobLog) -> Vec<Line> {
    let cut = log
        .cut
        .then(|| Line::text("the start of this log is not shown", Tone::Warn));
    let lines = log.lines.iter().map(|line| {
        let text = line.as_str();
        let tone = match text {
            text if text.starts_with("error: ") => Tone::Bad,
            text if text.starts_with("warning: ") => Tone::Warn,
            _ => Tone::Plain,
        };
        let indented = text.trim_start_matches(' ');
        Line {
            label: " ".repeat(text.len() - indented.len()),
            text: indented.to_owned(),
            tone,
        }
    });
    cut.into_iter().chain(lines).collect()
}

/// Returns the lines of everything known about `run`.
pub(super) fn of_run(model: &Model, dialog: &Workflows, run: &WorkflowRun) -> Vec<Line> {
    let (_, tone) = mark(run);
    let mut lines = vec![
        Line::of("state", run.word().replace('_', " "), tone),
        Line::of("title", run.title.to_string(), Tone::Plain),
        Line::of(
            "started",
            format!(
                "{} UTC ({}) by {}, {} on {}",
                words::minute(run.created_at),
                words::age(model.now, run.created_at),
                run.actor,
                run.event,
                run.branch
            ),
            Tone::Plain,
        ),
        Line::of("run", format!("{} attempt {}", run.id, run.attempt), Tone::Dim),
    ];
    if dialog.in_flight.is_some() {
        lines.push(Line::text("reading …", Tone::Dim));
    }
    if let Some(problem) = &dialog.problem {
        lines.extend(Line::problem(problem));
    }
    if !run.jobs.is_empty() {
        lines.push(Line::blank());
        lines.push(Line::heading("Jobs"));
    }
    for job in &run.jobs {
        job_lines(job, &mut lines);
    }
    lines
}

fn job_lines(job: &JobRun, lines: &mut Vec<Line>) {
    let word = job.conclusion.as_ref().unwrap_or(&job.status).as_str();
    let tone = if job.failed() { Tone::Bad } else { Tone::Plain };
    let runner = job.labels.join(", ");
    let taken = if job.steps.is_empty() && job.failed() {
        "; no runner picked it up"
    } else {
        ""
    };
    let text = format!("{}  on {runner}{taken}", word.replace('_', " "));
    lines.push(Line::of(job.name.as_str(), text, tone));
    if let Some(step) = job.failed_step() {
        let text = format!("step {}, {}", step.number, step.name);
        lines.push(Line::of("  failed at", text, Tone::Bad));
    }
    for line in &job.log_tail {
        lines.push(Line::of("  |", line.to_string(), Tone::Dim));
    }
}
