//! Writes what happens into a file that can be replayed.
//!
//! The file is new and readable by its owner only. [`crate::console::record`] decides what is
//! recorded and what is masked.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use crate::console::record::{self, Entry};
use crate::console::{Model, Msg};
use crate::domain::{Problem, ProblemKind, SanitizedText};
use crate::services::private_file;

/// The file, until a write fails.
pub struct Recorder(Option<File>);

impl Recorder {
    /// Creates `path`; refuses a file that exists.
    pub fn create(path: &Path) -> Result<Self, Problem> {
        let file = private_file::create_new(path).map_err(|error| {
            let shown = SanitizedText::new(path.display().to_string());
            Problem::new(ProblemKind::Machine, format!("cannot record to {shown}"))
                .because(&error)
                .hint("choose a file that does not exist")
        })?;
        Ok(Self(Some(file)))
    }

    /// Records the initial state.
    pub fn begin(&mut self, model: &Model) {
        self.write(&record::begin(model));
    }

    /// Records `msg`, which is about to be applied to `model`.
    pub fn note(&mut self, model: &Model, msg: &Msg) {
        let name = super::crash::name(msg);
        self.write(&record::entry(model, msg, name));
    }

    /// Writes line by line, so that everything before a crash is kept.
    fn write(&mut self, entry: &Entry) {
        let Some(file) = &mut self.0 else {
            return;
        };
        let line = serde_json::to_string(entry).map(|line| format!("{line}\n"));
        if !line.is_ok_and(|line| file.write_all(line.as_bytes()).is_ok()) {
            tracing::warn!("the recording was interrupted");
            self.0 = None;
        }
    }
}
