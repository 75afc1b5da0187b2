//! `doctor`: everything that a publish or a rotation leans on, each with its remedy.
//!
//! Owns how the checks are told. Must not judge.

use serde_json::json;

use super::Ending;
use super::output::Output;
use super::tables::Table;
use crate::plan::doctor::{self, Check, Standing};
use crate::run::Session;

/// `doctor`. Ends with 1 where a check failed.
pub async fn doctor(session: &Session, output: &Output) -> Ending {
    let observer = &session.observer;
    let (snapshot, seen) = observer.examine(observer.cached()).await;
    let checks = doctor::checks(&session.config.workspace, &snapshot, &seen, chrono::Utc::now());
    if output.json {
        output.document(
            "doctor",
            Some(&session.config.workspace.name),
            vec![
                ("checks", json!(checks)),
                ("failed", json!(count(&checks, Standing::Failed))),
                ("warnings", json!(count(&checks, Standing::Warning))),
            ],
        );
    } else {
        output.answer(&text(&checks));
    }
    Ok(u8::from(count(&checks, Standing::Failed) > 0))
}

fn count(checks: &[Check], standing: Standing) -> usize {
    checks.iter().filter(|check| check.standing == standing).count()
}

/// A line a check, its remedy below it, the counts last.
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
        "{} ok, {} warnings, {} failed\n",
        count(checks, Standing::Ok),
        count(checks, Standing::Warning),
        count(checks, Standing::Failed)
    ));
    text
}
