//! Writes output: the answer to stdout, everything else to stderr.
//!
//! Holds the two streams and the JSON envelope. A closed pipe ends the output quietly instead of
//! with a panic.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value, json};

use super::actions_job::{self, ActionsJob, Level};
use super::args::{Global, ProgressForm};
use super::environment::Environment;
use crate::domain::Problem;

/// The output streams and their options.
pub struct Output {
    /// True for one JSON document instead of text.
    pub json: bool,
    /// True to confirm without asking.
    pub yes: bool,
    /// The form of progress.
    pub progress: ProgressForm,
    workspace: Option<String>,
    job: Option<ActionsJob>,
    lost: AtomicBool,
    busy: std::sync::Mutex<Option<std::time::Instant>>,
    /// What every document reports about this machine, besides the services.
    notes: std::sync::Mutex<Vec<Value>>,
    /// A warning that is printed when the command ends, unless the command fails because of it.
    at_end: std::sync::Mutex<Option<Problem>>,
}

/// Interval between updates of the progress line.
const BUSY: std::time::Duration = std::time::Duration::from_millis(100);

impl Output {
    /// Returns the output that the options request. Progress is text on a terminal, unless JSON is
    /// requested.
    pub fn new(global: &Global) -> Self {
        let default = if std::io::stderr().is_terminal() || !global.json {
            ProgressForm::Text
        } else {
            ProgressForm::None
        };
        Self {
            json: global.json,
            yes: global.yes,
            progress: global.progress.unwrap_or(default),
            workspace: global.workspace.clone(),
            job: ActionsJob::of(|name| Environment::process().variable(name)),
            lost: AtomicBool::new(false),
            busy: std::sync::Mutex::default(),
            notes: std::sync::Mutex::default(),
            at_end: std::sync::Mutex::default(),
        }
    }

    /// Prints the answer as text. A closed pipe is ignored; any other failure is remembered.
    pub fn answer(&self, text: &str) {
        self.clear();
        let mut out = std::io::stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        if let Err(error) = written
            && error.kind() != std::io::ErrorKind::BrokenPipe
            && !self.lost.swap(true, Ordering::Relaxed)
        {
            self.say(&format!("error: cannot write to standard output: {error}"));
        }
    }

    /// Returns true if an answer could not be written.
    pub fn lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Prints the answer as a versioned document. `workspace` is absent if the answer concerns
    /// none, or if none could be read.
    pub fn document(&self, schema: &str, workspace: Option<&str>, content: Vec<(&str, Value)>) {
        let mut document = Map::new();
        document.insert("schema".to_owned(), json!(format!("windlass.{schema}/1")));
        if let Some(workspace) = workspace {
            document.insert("workspace".to_owned(), json!(workspace));
        }
        for (key, value) in content {
            document.insert(key.to_owned(), value);
        }
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if !notes.is_empty()
            && let Value::Array(errors) = document
                .entry("errors")
                .or_insert_with(|| Value::Array(Vec::new()))
        {
            errors.extend(notes.iter().cloned());
        }
        let text = serde_json::to_string_pretty(&Value::Object(document)).unwrap_or_default();
        self.answer(&format!("{text}\n"));
    }

    /// Warns of a problem with `source` that the command can do without, on stderr and in every
    /// document.
    pub fn note(&self, source: &str, problem: &Problem) {
        self.warn(problem);
        self.add_note(source, problem);
    }

    /// Like [`Output::note`], but warns when the command ends: it may fail because of the problem.
    pub fn note_at_end(&self, source: &str, problem: &Problem) {
        *self.at_end.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem.clone());
        self.add_note(source, problem);
    }

    /// Prints what [`Output::note_at_end`] kept, unless it is the problem that the command failed
    /// with.
    pub fn end(&self, failed_with: Option<&Problem>) {
        let noted = self.at_end.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(problem) = noted.filter(|noted| Some(noted) != failed_with) {
            self.warn(&problem);
        }
    }

    fn warn(&self, problem: &Problem) {
        self.say(&format!("warning: {}", problem.summary));
        for hint in &problem.hints {
            self.say(&format!("  hint: {hint}"));
        }
    }

    fn add_note(&self, source: &str, problem: &Problem) {
        let note = json!({ "source": source, "problem": problem });
        self.notes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(note);
    }

    /// Prints a line that is not part of the answer.
    pub fn say(&self, text: &str) {
        self.clear();
        drop(std::io::stderr().write_all(format!("{text}\n").as_bytes()));
    }

    /// Shows what is being waited for, on one line that the next one overwrites; on a terminal
    /// only.
    pub fn busy(&self, text: &str) {
        if self.progress != ProgressForm::Text || !std::io::stderr().is_terminal() {
            return;
        }
        let mut last = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|at| at.elapsed() < BUSY) {
            return;
        }
        *last = Some(std::time::Instant::now());
        // Erases the line and leaves the cursor at its beginning.
        drop(std::io::stderr().write_all(format!("\x1b[2K{text}\r").as_bytes()));
    }

    /// Erases the line of [`Output::busy`] before other output.
    fn clear(&self) {
        let mut last = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if last.take().is_some() {
            drop(std::io::stderr().write_all(b"\x1b[2K"));
        }
    }

    /// Prints a plan before it is confirmed. Left out if JSON lines are requested and no
    /// confirmation is asked: the answer repeats it.
    pub fn preview(&self, text: &str) {
        if self.progress != ProgressForm::Json || !self.yes {
            self.say(text);
        }
    }

    /// Writes an annotation, in a GitHub Actions job.
    pub fn annotate(&self, level: Level, title: &str, text: &str) {
        if self.job.is_some() {
            self.say(&actions_job::annotation(level, title, text));
        }
    }

    /// Adds to the summary, in a GitHub Actions job.
    pub fn summarise(&self, markdown: impl FnOnce() -> String) {
        let Some(job) = &self.job else { return };
        if let Err(error) = job.add(&markdown()) {
            let text = format!("cannot write the job summary: {error}");
            self.say(&format!("warning: {text}"));
            self.annotate(Level::Warning, "windlass", &text);
        }
    }

    /// Prints a problem to stderr.
    pub fn explain(&self, problem: &Problem) {
        self.explain_as(Level::Error, problem);
    }

    /// Like [`Output::explain`]; in a GitHub Actions job also as an annotation of `level`.
    pub fn explain_as(&self, level: Level, problem: &Problem) {
        self.clear();
        let mut text = format!("error: {}\n", problem.summary);
        for cause in &problem.causes {
            text.push_str(&format!("  why: {cause}\n"));
        }
        for hint in &problem.hints {
            text.push_str(&format!("  hint: {hint}\n"));
        }
        if let Some(at) = problem.retry_after {
            text.push_str(&format!(
                "  retry after: {}\n",
                at.format("%Y-%m-%d %H:%M:%S UTC")
            ));
        }
        if let Some(id) = &problem.request_id {
            text.push_str(&format!("  request: {id}\n"));
        }
        drop(std::io::stderr().write_all(text.as_bytes()));
        if self.job.is_some() {
            self.say(&actions_job::problem_annotation(level, problem));
        }
    }

    /// Prints the document of `problem`, if documents are requested.
    pub fn problem(&self, problem: &Problem) {
        if !self.json {
            return;
        }
        let global = Global {
            workspace: self.workspace.clone(),
            ..Global::default()
        };
        let config = Environment::process().config(&global).ok();
        let name = config.as_ref().map(|config| config.workspace.name.as_str());
        self.document("problem", name, vec![("problem", json!(problem))]);
    }

    /// Reports a command that could not start.
    pub fn fail(&self, problem: &Problem) -> ExitCode {
        self.problem(problem);
        self.explain(problem);
        self.summarise(|| actions_job::problem_section(problem));
        ExitCode::from(problem.kind.exit_code())
    }
}
