//! Shows a plan, asks for confirmation and runs it.
//!
//! Also formats plans as text.

use std::io::{BufRead, IsTerminal};

use super::actions_job::Level;
use super::output::Output;
use super::{documents, tables, watch};
use crate::domain::{Problem, ProblemKind, SanitizedText, count};
use crate::journal::RunRecord;
use crate::plan::step::row_pairs;
use crate::plan::{Intent, Plan, PlannedRow, State, Step, Undo};
use crate::run::Session;

/// Returns an error in a session that cannot write; a hint names the command that shows what
/// `intent` would change.
pub fn writable(session: &Session, intent: Option<&Intent>) -> Result<(), Problem> {
    let refused = |how: &str| {
        let problem = Problem::new(
            ProblemKind::Refused,
            format!("this session is {how}: nothing was changed"),
        );
        let problem = match intent {
            Some(intent) => {
                let command = intent.command().replacen("windlass ", "windlass plan ", 1);
                problem.hint(format!("see what would change: {command}"))
            }
            None => problem,
        };
        problem.hint(format!("run it without --{how}"))
    };
    if session.read_only {
        return Err(refused("read-only"));
    }
    if session.observer.is_offline() {
        return Err(refused("offline"));
    }
    session.journal.check_writable()
}

/// Prints the answer of every `plan` command.
pub fn show(session: &Session, plan: &Plan, output: &Output) -> u8 {
    if output.json {
        output.document(
            "plan",
            Some(&session.config.workspace.name),
            vec![("plan", documents::plan(plan))],
        );
    } else {
        output.answer(&text(plan));
    }
    0
}

/// Shows `plan`, asks, checks its preconditions again, and follows its run to the end.
pub async fn confirmed(session: &Session, plan: Plan, output: &Output) -> Result<RunRecord, Problem> {
    session.check_unblocked(&plan)?;
    if !plan.nothing_to_do() {
        output.preview(&text(&plan));
        for warning in &plan.warnings {
            output.annotate(Level::Warning, &plan.title, warning.as_str());
        }
        ask(&plan, output).await?;
        session.recheck(&plan).await?;
    }
    let handle = session.start(plan.clone())?;
    watch::follow(handle, &plan, output).await
}

/// Asks for the word that confirms `plan`.
pub async fn ask(plan: &Plan, output: &Output) -> Result<(), Problem> {
    ask_for(&plan.confirm, &plan.title, output).await
}

/// Asks for `word`, which confirms `what`.
pub async fn ask_for(word: &str, what: &str, output: &Output) -> Result<(), Problem> {
    if output.yes {
        return Ok(());
    }
    let refused = |why: &str| {
        Problem::new(
            ProblemKind::Refused,
            format!("{what}: not confirmed, nothing was changed"),
        )
        .cause(why)
    };
    if !std::io::stdin().is_terminal() {
        return Err(refused("cannot ask for confirmation without a terminal")
            .hint("add --yes to confirm without a prompt"));
    }
    output.say(&format!(
        "{what}? Type {word} to continue, anything else to cancel:"
    ));
    // On a separate thread, so that Ctrl-C still ends the command.
    let reading = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    match reading.await {
        Ok(Ok(line)) if line.trim() == word => Ok(()),
        Ok(Ok(_)) => Err(refused("the answer was not the confirmation word")),
        Ok(Err(error)) => Err(refused("cannot read from the terminal").because(&error)),
        Err(error) => Err(refused("cannot read from the terminal").because(&error)),
    }
}

/// Returns the irreversible steps, grouped by reason.
fn irreversible(plan: &Plan) -> Vec<(&SanitizedText, Vec<&Step>)> {
    let mut all: Vec<(&SanitizedText, Vec<&Step>)> = Vec::new();
    for step in plan.steps.iter().filter(|step| step.skip_reason.is_none()) {
        let Some(why) = step.undo.impossible_because() else {
            continue;
        };
        match all
            .iter_mut()
            .find(|(other, with)| *other == why && with.first().is_some_and(|first| first.kind == step.kind))
        {
            Some((_, with)) => with.push(step),
            None => all.push((why, vec![step])),
        }
    }
    all
}

/// Formats a plan as text.
pub fn text(plan: &Plan) -> String {
    let mut text = format!("{}\n", plan.title);
    for warning in &plan.warnings {
        text.push_str(&format!("  warning: {warning}\n"));
    }
    for left in &plan.left_out {
        text.push_str(&format!("  left out: {left}\n"));
    }
    let mut table = tables::Table::new(&["step", "target", "to send", "change"]);
    for step in &plan.steps {
        let what = match (&step.skip_reason, &step.after) {
            (Some(reason), _) => format!("skipped: {reason}"),
            (None, State::Text(after)) => match &step.before {
                State::Text(before) => format!("{before} -> {after}"),
                _ => after.to_string(),
            },
            (None, State::Rows(rows)) => {
                let pairs = row_pairs(&step.before, &step.after);
                let same = pairs.iter().filter(|(now, then)| now.serves_as(then)).count();
                let unchanged = if same > 0 {
                    format!(" ({same} unchanged)")
                } else {
                    String::new()
                };
                let rows = count(rows.len(), "channel row", "channel rows");
                format!("{rows}{unchanged}, listed below")
            }
            (None, State::Nothing(())) => String::new(),
        };
        let bytes = step
            .bytes
            .filter(|_| step.skip_reason.is_none())
            .map(tables::bytes)
            .unwrap_or_default();
        table.row(vec![
            format!("  {}", step.kind),
            step.target.to_string(),
            bytes,
            what,
        ]);
    }
    text.push_str(&table.text());
    let mut changes = tables::Table::new(&["  charm", "channel", "base", "before", "after"]);
    for step in plan.steps.iter().filter(|step| step.skip_reason.is_none()) {
        for (now, then) in row_pairs(&step.before, &step.after) {
            changes.row(vec![
                format!("  {}", step.target),
                then.channel.to_string(),
                then.base.as_ref().map(ToString::to_string).unwrap_or_default(),
                row(now),
                if now.serves_as(then) {
                    "unchanged".to_owned()
                } else {
                    row(then)
                },
            ]);
        }
    }
    if !changes.is_empty() {
        text.push_str(&changes.text());
    }
    for (why, steps) in irreversible(plan) {
        let undo = Undo::Impossible(why.clone());
        match steps.as_slice() {
            [one] => text.push_str(&format!("  {} {}: {undo}\n", one.kind, one.target)),
            many => text.push_str(&format!(
                "  {} × {}: {undo}\n",
                many.len(),
                many.first().map_or("", |s| &s.kind)
            )),
        }
    }
    text.push_str(&format!("  command: {}\n", plan.command));
    text
}

fn row(row: &PlannedRow) -> String {
    let Some(revision) = row.revision else {
        return "closed".to_owned();
    };
    let mut text = revision.to_string();
    for resource in &row.resources {
        let tag = resource
            .tag
            .as_ref()
            .map(ToString::to_string)
            .or_else(|| resource.digest.map(|d| d.short()));
        let number = resource
            .revision
            .map_or_else(|| "new".to_owned(), |revision| revision.to_string());
        text.push_str(&format!(" · {number} {}", tag.unwrap_or_else(|| "?".to_owned())));
        if let Some(release) = resource.release.first() {
            text.push_str(&format!(" ({release})"));
        }
    }
    text
}
