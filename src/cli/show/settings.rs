//! `config check` and `config show`.

use serde_json::json;

use crate::cli::Ending;
use crate::cli::args::{ConfigWhat, Global};
use crate::cli::environment::Environment;
use crate::cli::output::Output;
use crate::domain::SanitizedText;

/// Runs `config check` and `config show`.
pub fn config(environment: &Environment, global: &Global, what: &ConfigWhat, output: &Output) -> Ending {
    let config = environment.config(global)?;
    // Rejects invalid variables, such as a timeout factor that is not a number.
    let endpoints = environment.services(None)?.endpoints;
    let user_file = config
        .user_file
        .as_ref()
        .map(|path| SanitizedText::new(path.display().to_string()));
    if output.json {
        let content = json!({
            "workspace": config.workspace, "chosen_by": config.chosen_by.to_string(),
            "workspace_from": config.workspace_from.to_string(), "user": config.user, "user_file": user_file,
            "world": endpoints.world(),
        });
        output.document("config", Some(&config.workspace.name), vec![("config", content)]);
        return Ok(0);
    }
    output.answer(&format!(
        "workspace {} ({}; selected by: {})\n",
        config.workspace.name, config.workspace_from, config.chosen_by
    ));
    if let Some(file) = user_file {
        let there = config.user_file.as_ref().is_some_and(|path| path.exists());
        output.answer(&format!(
            "user file {file}{}\n",
            if there { "" } else { " (not found: using defaults)" }
        ));
    }
    output.answer(&format!("environment {}\n", endpoints.world()));
    match what {
        // Handled elsewhere, because it writes a file.
        ConfigWhat::New(_) => {}
        ConfigWhat::Check => output.answer("configuration is valid\n"),
        ConfigWhat::Show => {
            output.answer("\n");
            for line in crate::domain::text::lines(&config.workspace_text) {
                output.answer(&format!("{line}\n"));
            }
        }
    }
    Ok(0)
}
