//! `generate`: parts of the documentation that are made from windlass itself.
//!
//! Owns their names. What they say comes from whoever owns it; `tests/generated.rs` holds the
//! README to it.

use clap::Subcommand;

use super::Console;
use super::output::Output;

/// What can be generated.
#[derive(Subcommand, Clone, Copy, Debug)]
pub enum Generated {
    /// Every action of the console with its keys, as Markdown
    Keys,
}

/// Writes `what` to standard output.
pub fn generate(what: Generated, console: Console, output: &Output) {
    match what {
        Generated::Keys => output.answer(&(console.key_page)()),
    }
}
