//! `doctor`: checks everything that a publish or a rotation needs, each check with its remedy.
//!
//! Formats the checks only; it does not evaluate them.

use serde_json::{Map, Value, json};

use super::args::Global;
use super::documents::Sources;
use super::environment::Environment;
use super::output::Output;
use super::tables::Table;
use super::{Ending, confirm};
use crate::domain::{Problem, ProblemKind, SanitizedText};
use crate::journal::Journal;
use crate::plan::doctor::{self, Check, CheckStatus};
use crate::run::Session;

/// Runs `doctor`. The exit code is 1 if a check failed.
pub async fn doctor(session: &Session, output: &Output) -> Ending {
    let observer = &session.observer;
    let (snapshot, seen) = observer.examine(observer.cached()).await;
    let checks = doctor::checks(&session.config.workspace, &snapshot, &seen, chrono::Utc::now());
    if output.json {
        let mut content = vec![
            ("checks", json!(checks)),
            ("failed", json!(count(&checks, CheckStatus::Failed))),
            ("warnings", json!(count(&checks, CheckStatus::Warning))),
        ];
        let mut sources = Sources::new()
            .add("releases", &snapshot.releases)
            .add("credential", &snapshot.credential)
            .add("github", &snapshot.github)
            .add("sessions", &snapshot.sessions);
        for (repository, seen) in &snapshot.secrets {
            sources = sources.add(repository.as_str(), seen);
        }
        content.extend(sources.keys());
        output.document("doctor", Some(&session.config.workspace.name), content);
    } else {
        output.answer(&text(&checks));
    }
    Ok(u8::from(count(&checks, CheckStatus::Failed) > 0))
}

/// `doctor --set-journal-aside`. Opens no session: it works without a journal that can be read. One
/// that is not damaged is set aside only if that is confirmed.
pub async fn set_journal_aside(process: &Environment, global: &Global, output: &Output) -> Ending {
    if global.read_only {
        return Err(Problem::new(
            ProblemKind::Refused,
            "this session is read-only: the journal was not moved",
        )
        .hint("run it without --read-only"));
    }
    let (state, _) = process.folders()?;
    if Journal::is_sound(&state) {
        let folder = SanitizedText::new(state.display().to_string());
        let what =
            format!("The journal in {folder} is not damaged: rename it and create a new one from its rows");
        confirm::ask_for("yes", &what, output).await?;
    }
    let done = Journal::set_aside(&state, chrono::Utc::now())?;
    let kept = SanitizedText::new(done.kept_as.display().to_string());
    if output.json {
        let saved: Map<String, Value> = done
            .saved
            .iter()
            .map(|(table, rows)| ((*table).to_owned(), json!(rows)))
            .collect();
        let damaged: Map<String, Value> = done
            .damaged
            .iter()
            .map(|(table, why)| ((*table).to_owned(), json!(why)))
            .collect();
        let config = process.config(global).ok();
        output.document(
            "set-aside",
            config.as_ref().map(|config| config.workspace.name.as_str()),
            vec![
                ("kept_as", json!(kept)),
                ("saved", json!(saved)),
                ("damaged", json!(damaged)),
            ],
        );
        return Ok(0);
    }
    let mut text = format!("The old journal is kept as {kept}.\nRows recovered into the new journal:\n");
    for (table, rows) in &done.saved {
        let lost = done.damaged.iter().find(|(damaged, _)| damaged == table);
        let lost = lost.map_or_else(String::new, |(_, why)| {
            format!("; others may be missing, because the file is damaged there: {why}")
        });
        text.push_str(&format!("  {} {rows}{lost}\n", table.replace('_', " ")));
    }
    output.answer(&text);
    Ok(0)
}

fn count(checks: &[Check], standing: CheckStatus) -> usize {
    checks.iter().filter(|check| check.standing == standing).count()
}

/// Formats one line per check, its remedy below it, and the counts last.
fn text(checks: &[Check]) -> String {
    let mut table = Table::new(&["", "CHECK", "FOUND"]);
    for check in checks {
        table.row(vec![
            check.standing.as_str().to_owned(),
            check.name.to_string(),
            check.text.to_string(),
        ]);
    }
    let mut text = String::new();
    let table = table.text();
    let mut lines = table.lines();
    text.extend(lines.next().map(|line| format!("{line}\n")));
    for (line, check) in lines.zip(checks) {
        text.push_str(&format!("{line}\n"));
        if let Some(remedy) = &check.remedy {
            text.push_str(&format!("         remedy: {remedy}\n"));
        }
    }
    text.push_str(&format!(
        "{} ok, {}, {} failed\n",
        count(checks, CheckStatus::Ok),
        crate::domain::count(count(checks, CheckStatus::Warning), "warning", "warnings"),
        count(checks, CheckStatus::Failed)
    ));
    text
}
