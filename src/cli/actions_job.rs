//! Writes annotations and the job summary of a GitHub Actions job.
//!
//! Formats and escapes them. Texts come as [`SanitizedText`] or from windlass itself and never hold a
//! secret. A summary that cannot be written is a warning; it must not change how a command ends.

use std::io::Write;
use std::path::PathBuf;

use crate::domain::{Problem, SanitizedText, count};
use crate::journal::{Outcome, Released, RunRecord};
use crate::plan::queue::LeftOut;
use crate::plan::{Intent, State, Step};

/// Rows written per table; GitHub accepts one mebibyte per step.
const ROWS: usize = 400;
/// Longest text of a cell, in characters.
const CELL: usize = 300;

/// The job that this command runs in.
pub struct ActionsJob {
    summary: Option<PathBuf>,
}

/// The level of an annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// It failed.
    Error,
    /// Needs attention.
    Warning,
    /// For information.
    Notice,
}

impl ActionsJob {
    /// Returns the job described by the environment; `None` outside of GitHub Actions.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        (variable("GITHUB_ACTIONS").as_deref() == Some("true")).then(|| Self {
            summary: variable("GITHUB_STEP_SUMMARY")
                .filter(|path| !path.is_empty())
                .map(PathBuf::from),
        })
    }

    /// Adds `markdown` to the job's summary, if the job has one.
    pub fn add(&self, markdown: &str) -> std::io::Result<()> {
        let Some(path) = &self.summary else { return Ok(()) };
        std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)?
            .write_all(format!("{markdown}\n").as_bytes())
    }
}

/// Returns an annotation as one line of the log.
pub fn annotation(level: Level, title: &str, text: &str) -> String {
    let word = match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Notice => "notice",
    };
    let title = escaped(&SanitizedText::capped(title, CELL).to_string())
        .replace(':', "%3A")
        .replace(',', "%2C");
    format!("::{word} title={title}::{}", escaped(text))
}

/// Returns the annotation of a problem: its summary as title, causes and hints as lines below it.
pub fn problem_annotation(level: Level, problem: &Problem) -> String {
    let causes = problem.causes.iter().map(|cause| format!("why: {cause}"));
    let hints = problem.hints.iter().map(|hint| format!("hint: {hint}"));
    let lines: Vec<String> = causes.chain(hints).collect();
    let title = problem.summary.as_str();
    if lines.is_empty() {
        annotation(level, "windlass", title)
    } else {
        annotation(level, title, &lines.join("\n"))
    }
}

/// Escapes the text of a workflow command.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes text for Markdown, including table cells.
fn cell(text: impl AsRef<str>) -> String {
    let text = SanitizedText::capped(text, CELL);
    let mut out = String::with_capacity(text.as_str().len());
    for c in text.as_str().chars() {
        if "\\`*_[]<>|~$#&!@".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let mut text = format!("| {} |\n|{}\n", heads.join(" | "), " --- |".repeat(heads.len()));
    for row in rows.iter().take(ROWS) {
        let cells: Vec<String> = row.iter().map(cell).collect();
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    if rows.len() > ROWS {
        text.push_str(&format!(
            "\n{} omitted here; see the log.\n",
            count(rows.len() - ROWS, "row is", "rows are")
        ));
    }
    text
}

/// Returns the section of a run: what it released, with digests; its steps if it released nothing.
pub fn run_section(record: &RunRecord) -> String {
    let outcome = record.outcome.map_or("open", Outcome::as_str);
    let mut text = format!("### {}: {outcome}\n\n", cell(&record.plan.title));
    let released = record.released();
    if released.is_empty() {
        let rows: Vec<Vec<String>> = record
            .plan
            .steps
            .iter()
            .map(|step| {
                let outcome = record.step(&step.id).and_then(|done| done.outcome);
                let outcome = outcome.map_or("open", crate::journal::StepOutcome::as_str);
                vec![step.kind.clone(), step.target.to_string(), outcome.to_owned()]
            })
            .collect();
        text.push_str(&table(&["step", "target", "outcome"], &rows));
    } else {
        let heads = [
            "release",
            "outcome",
            "charm",
            "channel",
            "revision",
            "resource revisions",
            "digests",
        ];
        let what = release_of(&record.plan.intent).unwrap_or_else(|| "–".to_owned());
        let rows: Vec<Vec<String>> = released
            .iter()
            .map(|one| {
                let (resources, digests) = resources(&record.plan.steps, one);
                vec![
                    what.clone(),
                    outcome.to_owned(),
                    one.charm.to_string(),
                    record.released_to(one),
                    one.revision.to_string(),
                    resources,
                    digests,
                ]
            })
            .collect();
        text.push_str(&table(&heads, &rows));
    }
    for left in &record.plan.left_out {
        text.push_str(&format!("\nLeft out: {}\n", cell(left.as_str())));
    }
    if let Some(problem) = &record.problem {
        text.push_str(&format!("\n{}", told(problem)));
    }
    text.push_str(&format!("\nRun {}\n", cell(record.id.to_string())));
    text
}

/// Returns the section of releases that an automatic publish left out.
pub fn left_out_section(left_out: &[LeftOut]) -> String {
    let rows: Vec<Vec<String>> = left_out
        .iter()
        .map(|left| vec![left.release.to_string(), left.reason.to_string()])
        .collect();
    format!("### Left out\n\n{}", table(&["release", "reason"], &rows))
}

/// Returns the section of a command that ended before it changed anything.
pub fn problem_section(problem: &Problem) -> String {
    format!("### Not done\n\n{}", told(problem))
}

fn told(problem: &Problem) -> String {
    let mut text = format!("**{}**\n\n", cell(problem.summary.as_str()));
    for cause in &problem.causes {
        text.push_str(&format!("- why: {}\n", cell(cause.as_str())));
    }
    for hint in &problem.hints {
        text.push_str(&format!("- hint: {}\n", cell(hint.as_str())));
    }
    text
}

fn release_of(intent: &Intent) -> Option<String> {
    match intent {
        Intent::Publish(intent) => Some(intent.release.to_string()),
        Intent::Promote(intent) => Some(intent.release.to_string()),
        _ => None,
    }
}

/// Returns revisions and digests of the resources of `one`, in the same order. The digests are
/// those of the plan.
fn resources(steps: &[Step], one: &Released) -> (String, String) {
    let planned = steps
        .iter()
        .filter(|step| step.op.charm() == Some(&one.charm))
        .filter_map(|step| match &step.after {
            State::Rows(rows) => Some(rows),
            _ => None,
        })
        .flatten()
        .find(|row| row.channel == one.channel);
    let digest = |name| {
        let known = planned.and_then(|row| row.resources.iter().find(|planned| &planned.name == name));
        known
            .and_then(|planned| planned.digest)
            .map_or_else(|| "–".to_owned(), |digest| digest.to_string())
    };
    let revisions: Vec<String> = one
        .resources
        .iter()
        .map(|resource| format!("{} {}", resource.name, resource.revision))
        .collect();
    let digests: Vec<String> = one
        .resources
        .iter()
        .map(|resource| digest(&resource.name))
        .collect();
    if revisions.is_empty() {
        return ("–".to_owned(), "–".to_owned());
    }
    (revisions.join(", "), digests.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ProblemKind, ReleaseName};

    #[test]
    fn annotations_are_escaped_as_the_runner_wants() {
        assert_eq!(
            annotation(Level::Warning, "a: 100%, b", "50% of\r\nit: x, y"),
            "::warning title=a%3A 100%25%2C b::50%25 of%0D%0Ait: x, y"
        );
        let problem = Problem::new(ProblemKind::Service, "down\n::error::forged")
            .cause("x\u{1b}[31m")
            .hint("wait");
        let line = problem_annotation(Level::Error, &problem);
        assert_eq!(line.lines().count(), 1, "{line}");
        assert_eq!(
            line,
            "::error title=down %3A%3Aerror%3A%3Aforged::why: x\u{fffd}[31m%0Ahint: wait"
        );
        let bare = Problem::new(ProblemKind::Service, "down");
        assert_eq!(
            problem_annotation(Level::Notice, &bare),
            "::notice title=windlass::down"
        );
    }

    #[test]
    fn cells_hold_what_was_written_and_nothing_else() {
        let left = LeftOut {
            release: "2024-01-08".parse::<ReleaseName>().unwrap(),
            reason: SanitizedText::new("a|b <img src=x> [c](http://d) `e` @f\n| new row |"),
        };
        let text = left_out_section(&[left]);
        assert_eq!(
            text.lines().last().unwrap(),
            "| 2024-01-08 | a\\|b \\<img src=x\\> \\[c\\](http://d) \\`e\\` \\@f \\| new row \\| |"
        );
    }

    #[test]
    fn only_a_job_of_actions_has_a_summary() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("summary.md");
        let path = file.display().to_string();
        let with = |actions: &'static str, path: &str| {
            let path = path.to_owned();
            ActionsJob::of(move |name| match name {
                "GITHUB_ACTIONS" => Some(actions.to_owned()),
                "GITHUB_STEP_SUMMARY" => Some(path.clone()),
                _ => None,
            })
        };
        assert!(with("false", &path).is_none());
        let job = with("true", &path).unwrap();
        job.add("one").unwrap();
        job.add("two").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "one\ntwo\n");
        assert!(with("true", "").unwrap().add("lost").is_ok());
        assert!(with("true", "/nowhere/at/all").unwrap().add("lost").is_err());
    }
}
