//! `runs` and `resume`: lists the runs of the journal and resumes open ones.

use serde_json::{Value, json};

use super::actions_job::{self, Level};
use super::args::Global;
use super::environment::Environment;
use super::output::Output;
use super::{Ending, confirm, documents, login, tables, watch};
use crate::domain::{Problem, first_of};
use crate::journal::{Outcome, RunId, RunRecord, RunState, StepOutcome};
use crate::plan::{Intent, Op, Step};
use crate::run::{RunSecrets, Session};

/// Lists the newest runs.
pub fn list(session: &Session, output: &Output) -> Ending {
    let records = session.journal.runs(200)?;
    if output.json {
        let runs: Vec<Value> = records.iter().map(with_open).collect();
        output.document(
            "runs",
            Some(&session.config.workspace.name),
            vec![("runs", json!(runs))],
        );
        return Ok(0);
    }
    if records.is_empty() {
        output.answer("No runs yet.\n");
        return Ok(0);
    }
    let mut table = tables::Table::new(&["run", "plan", "outcome", "started", "by"]);
    for record in &records {
        table.row(vec![
            record.id.to_string(),
            record.plan.title.clone(),
            outcome_words(record),
            record.started_at.format("%Y-%m-%d %H:%M UTC").to_string(),
            record.actor.to_string(),
        ]);
    }
    output.answer(&table.text());
    Ok(0)
}

/// Returns how a run ended, and how to finish it if it can be resumed.
fn outcome_words(record: &RunRecord) -> String {
    let ended = record.outcome.map_or("interrupted", Outcome::as_str);
    match record.state() {
        RunState::Running => "running".to_owned(),
        RunState::RolledBack(by) => format!("rolled back by {by}"),
        RunState::GivenUp(by) => format!("{ended}, given up by {by}"),
        RunState::Replaced(by) => format!("{ended}, replaced by {by}"),
        RunState::Finished => ended.to_owned(),
        RunState::Unfinished => format!("{ended}: windlass resume {}", record.id),
    }
}

fn with_open(record: &RunRecord) -> Value {
    let mut value = documents::run(record);
    if let Value::Object(map) = &mut value {
        map.insert("open".to_owned(), json!(record.state().is_unfinished()));
    }
    value
}

/// Prints the document of a run and returns its exit code.
pub fn report(session: &Session, record: &RunRecord, output: &Output) -> u8 {
    report_with(session, record, Vec::new(), output)
}

/// Like [`report`], with `more` keys beside the run.
pub fn report_with(session: &Session, record: &RunRecord, more: Vec<(&str, Value)>, output: &Output) -> u8 {
    let code = record.outcome.map_or(1, Outcome::exit_code);
    if output.json {
        let mut content = vec![("run", documents::run(record))];
        content.extend(more);
        if let Some(problem) = documents::problem(record) {
            content.push(("problem", json!(problem)));
        }
        output.document("run", Some(&session.config.workspace.name), content);
    } else {
        output.answer(&summary(record));
    }
    aftermath(record, output);
    code
}

/// Prints what accompanies the answer about a run: why it did not succeed, how to continue, and the
/// job summary.
pub fn aftermath(record: &RunRecord, output: &Output) {
    if let Some(problem) = documents::problem(record) {
        let level = match record.outcome {
            Some(Outcome::Partly) => Level::Warning,
            _ => Level::Error,
        };
        output.explain_as(level, &problem);
    }
    output.summarise(|| actions_job::run_section(record));
    // If there is a problem, its hints already contain this.
    if documents::problem(record).is_none() {
        for way in record.ways_on() {
            output.say(&format!("next: {way}"));
        }
    }
}

/// Returns why a run that succeeded had nothing to change; `None` if a step wrote something.
fn unchanged(record: &RunRecord) -> Option<String> {
    let succeeded = matches!(record.outcome, Some(Outcome::Done | Outcome::Partly));
    let mut writing = record.plan.steps.iter().filter(|step| step.op.writes());
    let outcome = |step: &Step| record.step(&step.id).and_then(|done| done.outcome);
    if !succeeded || !writing.all(|step| outcome(step) == Some(StepOutcome::Skipped)) {
        return None;
    }
    if record.plan.only_gives_up_a_run() && !record.plan.changes_channels() {
        return Some("no channel had to change: the run is given up".to_owned());
    }
    let mut reasons: Vec<String> = Vec::new();
    if let Intent::Publish(intent) = &record.plan.intent {
        reasons.push(format!("{} is already published", intent.release));
    }
    for reason in record
        .plan
        .steps
        .iter()
        .filter_map(|step| step.skip_reason.as_ref())
    {
        if !reasons.iter().any(|known| known == reason.as_str()) {
            reasons.push(reason.to_string());
        }
    }
    Some(match reasons.as_slice() {
        [] => "nothing had to change".to_owned(),
        some => format!("nothing had to change: {}", first_of(some, 4)),
    })
}

/// Formats the result of a run as text.
pub fn summary(record: &RunRecord) -> String {
    let outcome = record.outcome.map_or("open", Outcome::as_str);
    let mut text = format!("{}: {outcome} (run {})\n", record.plan.title, record.id);
    text.extend(unchanged(record).map(|why| format!("  {why}\n")));
    let sent: u64 = record.steps.iter().map(|step| step.made.bytes_sent).sum();
    for released in record.released() {
        let resources: Vec<String> = released
            .resources
            .iter()
            .map(|r| format!("{} {}", r.name, r.revision))
            .collect();
        let with = if resources.is_empty() {
            String::new()
        } else {
            format!(" with {}", resources.join(", "))
        };
        text.push_str(&format!(
            "  {} {} -> {}{with}\n",
            released.charm,
            record.released_to(&released),
            released.revision
        ));
    }
    let mut closed: Vec<String> = record
        .closed()
        .map(|one| format!("  {} {} closed\n", one.charm, one.channel))
        .collect();
    closed.dedup();
    text.extend(closed);
    for uploaded in record.uploaded() {
        text.push_str(&format!("  {uploaded}\n"));
    }
    for step in &record.plan.steps {
        let done = record.step(&step.id);
        let outcome = done.and_then(|done| done.outcome);
        let set = match &step.op {
            Op::SetSecret { target, .. } => Some(target.to_string()),
            Op::SetOrganisationSecret { secret, .. } => Some(secret.to_string()),
            _ => None,
        };
        if let Some(target) = set {
            let what = match outcome {
                Some(StepOutcome::Done | StepOutcome::Skipped) => "holds the new value".to_owned(),
                Some(StepOutcome::Unknown) => "may hold the old or the new value".to_owned(),
                Some(StepOutcome::Failed) => {
                    let why = done.and_then(|done| done.problem.as_ref());
                    format!(
                        "keeps its old value: {}",
                        why.map_or_else(|| "request failed".to_owned(), |why| why.summary.to_string())
                    )
                }
                _ => "keeps its old value".to_owned(),
            };
            text.push_str(&format!("  {target} {what}\n"));
        }
        if let Op::DeleteSecret { target, .. } = &step.op {
            let what = match outcome {
                Some(StepOutcome::Done | StepOutcome::Skipped) => {
                    "deleted; the organisation's secret applies now"
                }
                Some(StepOutcome::Unknown) => "may still exist and override the organisation's secret",
                _ => "still exists and overrides the organisation's secret",
            };
            text.push_str(&format!("  the copy {target} {what}\n"));
        }
        if let Op::CreateBranch {
            repository, branch, ..
        } = &step.op
            && let Some(commit) = done.and_then(|done| done.made.commit.as_ref())
            && matches!(outcome, Some(StepOutcome::Done | StepOutcome::Skipped))
        {
            text.push_str(&format!("  {repository} branch {branch} at {}\n", commit.short()));
        }
        if let (Op::RevokeSession { session, .. }, Some(StepOutcome::Done)) = (&step.op, outcome) {
            text.push_str(&format!("  session {session} revoked\n"));
        }
        if let Some(note) = done.and_then(|done| done.made.note.as_ref()) {
            text.push_str(&format!("  {note}\n"));
        }
    }
    for left in &record.plan.left_out {
        text.push_str(&format!("  left out: {left}\n"));
    }
    if let Some(end) = record.steps.iter().find_map(|step| step.made.expires_at) {
        text.push_str(&format!("  value expires {}\n", end.format("%Y-%m-%d %H:%M UTC")));
    }
    if sent > 0 {
        text.push_str(&format!("  sent {}\n", tables::bytes(sent)));
    }
    text
}

/// Returns the runs that `resume` without a run resumes, after listing them. A run left open by a
/// crash or a lost answer was confirmed before; one that failed or was cancelled needs a new
/// confirmation.
async fn chosen(session: &Session, output: &Output) -> Result<Vec<RunRecord>, Problem> {
    let open = session.journal.unfinished_runs()?;
    for record in &open {
        let ended = record.outcome.map_or("interrupted", Outcome::as_str);
        let started = record.started_at.format("%Y-%m-%d %H:%M UTC");
        output.say(&format!(
            "{}  {}, {ended}, started {started}",
            record.id, record.plan.title
        ));
    }
    let (certain, cut_off): (Vec<RunRecord>, Vec<RunRecord>) =
        open.iter().cloned().partition(|record| !record.is_uncertain());
    if certain.is_empty() {
        return Ok(cut_off);
    }
    let question = match certain.len() {
        1 => "Resume the run that failed or was cancelled".to_owned(),
        many => format!("Resume the {many} runs that failed or were cancelled"),
    };
    if confirm::ask_for("yes", &question, output).await.is_ok() {
        return Ok(open);
    }
    output.say("failed and cancelled runs were not resumed: add --yes, or name one run");
    Ok(cut_off)
}

/// Prints the answer if no run is resumed: none is unfinished, or the unfinished ones were not
/// confirmed.
fn nothing_resumed(session: &Session, output: &Output) -> Ending {
    let open = session.journal.unfinished_runs()?;
    if output.json {
        let runs: Vec<Value> = open.iter().map(with_open).collect();
        output.document(
            "run",
            Some(&session.config.workspace.name),
            vec![("run", Value::Null), ("unfinished", json!(runs))],
        );
    } else if open.is_empty() {
        output.answer("No unfinished runs.\n");
    } else {
        for record in &open {
            output.answer(&format!("windlass resume {}\n", record.id));
        }
    }
    Ok(0)
}

/// Resumes one run, or every unfinished one.
pub async fn resume(
    process: &Environment,
    global: &Global,
    run: Option<&str>,
    from_env: bool,
    output: &Output,
) -> Ending {
    let session = &process.session(global, output)?;
    confirm::writable(session, None)?;
    let wanted: Vec<RunRecord> = match run {
        Some(id) => vec![session.run_of_workspace(&RunId(id.to_owned()))?],
        None => chosen(session, output).await?,
    };
    if wanted.is_empty() {
        return nothing_resumed(session, output);
    }
    let mut code = 0;
    let mut done = Vec::new();
    for record in &wanted {
        if matches!(record.outcome, Some(Outcome::Done | Outcome::Partly)) {
            done.push(record.clone());
            continue;
        }
        let resumption = session.resumption(&record.id, None).await?;
        if resumption.planned_again {
            output.preview(&confirm::text(&resumption.plan));
        }
        let mut means = match resumption.sign_in() {
            Some(scope) => {
                output.say(&format!(
                    "{} needs a new sign-in: its token was lost or is no longer valid",
                    record.id
                ));
                login::sign_in(process, session, scope, from_env, output).await?
            }
            None => RunSecrets::default(),
        };
        means.passphrase = process.passphrase(global)?;
        let plan = resumption.plan.clone();
        let handle = session.resume_as(resumption, means)?;
        let record = watch::follow(handle, &plan, output).await?;
        code = record.outcome.map_or(1, Outcome::exit_code);
        done.push(record);
        if code != 0 {
            break;
        }
    }
    match done.as_slice() {
        [one] => return Ok(report(session, one, output)),
        many if output.json => {
            let runs: Vec<Value> = many.iter().map(with_open).collect();
            output.document(
                "runs",
                Some(&session.config.workspace.name),
                vec![("runs", json!(runs))],
            );
        }
        many => many.iter().for_each(|record| output.answer(&summary(record))),
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::situations::{Situation, situations};

    #[test]
    fn text_and_json_give_the_answer_of_every_situation() {
        let folder = tempfile::tempdir().unwrap();
        let seen = situations(folder.path());
        let records = seen.journal.runs(seen.all.len()).unwrap();
        for Situation {
            name,
            run,
            unfinished,
        } in &seen.all
        {
            let record = records.iter().find(|record| &record.id == run).unwrap();
            assert_eq!(with_open(record)["open"], json!(unfinished), "{name}");
            let text = outcome_words(record);
            let resume = format!(": windlass resume {run}");
            assert_eq!(text.ends_with(&resume), *unfinished, "{name}: {text}");
        }
    }
}
