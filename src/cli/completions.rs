//! `completions`: prints the completion script of a shell and answers its questions.
//!
//! The script calls this program for every word, so it never gets out of date. If [`VARIABLE`] is
//! set, the process answers such a question and does nothing else.

use std::process::ExitCode;

use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, Shell};
use serde_json::json;

use super::Ending;
use super::args;
use super::candidates;
use super::output::Output;
use crate::domain::{Problem, ProblemKind};

/// Names the shell that asks.
const VARIABLE: &str = "WINDLASS_COMPLETE";

/// Answers the question of a shell, if there is one.
pub fn complete() -> Option<ExitCode> {
    let folder = std::env::current_dir().ok();
    let answered = CompleteEnv::with_factory(candidates::command)
        .var(VARIABLE)
        .completer("windlass")
        .try_complete(std::env::args_os(), folder.as_deref());
    match answered {
        Ok(false) => None,
        Ok(true) => Some(ExitCode::SUCCESS),
        Err(error) => {
            drop(error.print());
            Some(ExitCode::from(ProblemKind::Usage.exit_code()))
        }
    }
}

/// Prints the script for `shell` on standard output.
pub fn completions(shell: Shell, output: &Output) -> Ending {
    let name = shell.to_string();
    let mut script = Vec::new();
    let known = Shells::builtins();
    let Some(completer) = known.completer(&name) else {
        return Err(Problem::new(
            ProblemKind::Usage,
            format!("no completion script for {name}"),
        ));
    };
    let command = args::command();
    let program = command.get_name();
    completer
        .write_registration(VARIABLE, program, program, program, &mut script)
        .map_err(|error| {
            Problem::new(ProblemKind::Machine, "cannot generate the completion script").because(&error)
        })?;
    let script = String::from_utf8_lossy(&script);
    let script = script.trim_start_matches('\n');
    if output.json {
        let content = vec![("shell", json!(name)), ("script", json!(script))];
        output.document("completions", None, content);
    } else {
        output.answer(script);
    }
    Ok(0)
}
