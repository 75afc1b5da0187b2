//! Writes what happens into a file that can be replayed.
//!
//! Owns the file: new, and nobody else may read it. What goes in and what is masked says
//! [`crate::console::record`].

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use crate::console::record::{self, Entry};
use crate::console::{Model, Msg};
use crate::domain::{Kind, Outside, Problem};
use crate::services::private_file;

/// The file, until writing fails.
pub struct Recorder(Option<File>);

impl Recorder {
    /// Makes `path`; what is there already is kept and refused.
    pub fn create(path: &Path) -> Result<Self, Problem> {
        let file = private_file::create_new(path).map_err(|error| {
            let shown = Outside::new(path.display().to_string());
            Problem::new(Kind::Machine, format!("{shown} cannot be recorded into"))
                .because(&error)
                .hint("name a file that is not there yet")
        })?;
        Ok(Self(Some(file)))
    }

    /// What the console begins with.
    pub fn begin(&mut self, model: &Model) {
        self.write(&record::begin(model));
    }

    /// What happens to `model` next.
    pub fn note(&mut self, model: &Model, msg: &Msg) {
        let name = super::crash::name(msg);
        self.write(&record::entry(model, msg, name));
    }

    /// A line at a time: what was recorded before a crash is what is looked for.
    fn write(&mut self, entry: &Entry) {
        let Some(file) = &mut self.0 else {
            return;
        };
        let line = serde_json::to_string(entry).map(|line| format!("{line}\n"));
        if !line.is_ok_and(|line| file.write_all(line.as_bytes()).is_ok()) {
            tracing::warn!("the recording broke off");
            self.0 = None;
        }
    }
}
