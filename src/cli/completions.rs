//! `completions`: what a shell needs to complete the command line.
//!
//! Owns nothing but the way to the stream: the script is made from the arguments themselves, so it
//! cannot fall behind them. Must not read configuration or state; it runs on every start of a shell.

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};
use serde_json::json;

use super::args::Cli;
use super::output::Output;

/// The script for `shell`, on standard output.
pub fn completions(shell: Shell, output: &Output) {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "windlass", &mut script);
    let script = String::from_utf8_lossy(&script);
    if output.json {
        let content = vec![("shell", json!(shell.to_string())), ("script", json!(script))];
        output.document("completions", None, content);
    } else {
        output.answer(&script);
    }
}
