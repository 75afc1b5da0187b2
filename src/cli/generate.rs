//! `generate`: prints the generated parts of the documentation, the key table and the pictures.
//!
//! `tests/generated.rs` compares them with `assets/docs/keys.md` and `assets/pictures`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::Console;
use super::output::Output;
use crate::config::Workspace;
use crate::config::file;
use crate::domain::{Problem, ProblemKind, SanitizedText};

/// Generated parts of the documentation.
#[derive(Subcommand, Clone, Debug)]
pub enum Generated {
    /// Print every console action with its keys, as Markdown
    Keys,
    /// Draw the console as SVG
    Picture {
        /// What it shows
        scene: Scene,
        /// Facts of the workspace, as JSON
        #[arg(long, value_name = "FILE")]
        facts: PathBuf,
    },
}

/// What a picture shows.
#[derive(ValueEnum, Clone, Copy, Debug)]
pub enum Scene {
    /// All panes
    Panes,
    /// The review of a publish
    Review,
    /// A publish under way
    Run,
}

/// Writes `what` to standard output.
pub fn generate(
    what: &Generated,
    console: Console,
    workspace: impl FnOnce() -> Result<Workspace, Problem>,
    output: &Output,
) -> Result<(), Problem> {
    match what {
        Generated::Keys => output.answer(&(console.key_page)()),
        Generated::Picture { scene, facts } => {
            let text = file::text_within(facts, file::STATE).map_err(|error| {
                let path = SanitizedText::new(facts.display().to_string());
                Problem::new(ProblemKind::Usage, format!("cannot read {path}")).because(&error)
            })?;
            output.answer(&(console.picture)(*scene, &workspace()?, &text)?);
        }
    }
    Ok(())
}
