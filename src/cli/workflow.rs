//! `workflow`: lists, starts, follows, reruns and cancels GitHub workflows.
//!
//! Formats them and determines the exit code of a followed run.

use std::time::Duration;

use serde_json::json;

use super::actions_job::Level;
use super::args::{PlannedWorkflow, PlannedWorkflowWhat, Workflow, WorkflowWhat};
use super::carry_out::{self, Mode};
use super::documents::Sources;
use super::output::Output;
use super::pairs::Form;
use super::{Ending, confirm, runs, tables, times};
use crate::domain::workflow::{RepositoryWorkflows, WorkflowRun};
use crate::domain::{GitHubRepository, Problem, ProblemKind, SanitizedText};
use crate::journal::{Outcome, RunRecord};
use crate::plan::workflow::{lint, words};
use crate::plan::{Intent, WorkflowAction, WorkflowIntent};
use crate::run::Session;

const INPUT: Form = Form {
    before: "",
    shape: "KEY=VALUE",
    sign: '=',
};
/// Exit code if the outcome is unknown.
const UNKNOWN: u8 = 7;
/// Number of runs in a list.
const SHOWN: usize = 10;

/// Parses a span of time of at most a week, longer than GitHub lets any job run.
pub fn span(text: &str) -> Result<Duration, String> {
    let week = Duration::from_secs(604_800);
    times::span(text)
        .and_then(|span| span.to_std().ok())
        .filter(|span| !span.is_zero() && *span <= week)
        .ok_or_else(|| format!("'{text}' is not a duration: use minutes or hours, for example 45m or 2h"))
}

/// Runs `workflow`.
pub async fn workflow(session: &Session, wish: &Workflow, output: &Output) -> Ending {
    let repository = repository(session, wish.repository.as_deref())?;
    match &wish.what {
        WorkflowWhat::List => list(session, &repository, output).await,
        WorkflowWhat::Run {
            name,
            inputs,
            timeout,
        } => {
            let action = dispatch(name, inputs)?;
            let record = done(session, repository.clone(), action, output).await?;
            started(session, &repository, &record, *timeout, output).await
        }
        WorkflowWhat::Watch { run, timeout } => {
            if session.observer.is_offline() {
                return Err(Problem::new(
                    ProblemKind::Refused,
                    "this session is offline: cannot follow a run",
                )
                .hint("run it without --offline"));
            }
            let seen = follow(session, &repository, *run, *timeout, output).await?;
            let (code, problem) = verdict(&repository, &seen, *timeout);
            if output.json {
                let observed = json!({ "github": chrono::Utc::now() });
                let mut content = vec![
                    ("workflow_run", json!(seen)),
                    ("observed_at", observed),
                    ("errors", json!([])),
                ];
                content.extend(problem.iter().map(|problem| ("problem", json!(problem))));
                output.document("workflow-run", Some(&session.config.workspace.name), content);
            } else {
                output.answer(&text(&seen));
            }
            if let Some(problem) = &problem {
                output.explain(problem);
            }
            Ok(code)
        }
        WorkflowWhat::Rerun { run } => {
            let action = WorkflowAction::Rerun { run: *run };
            let record = done(session, repository, action, output).await?;
            let code = runs::report(session, &record, output);
            if code == 0 {
                output.say(&format!("follow it with: windlass workflow watch {run}"));
            }
            Ok(code)
        }
        WorkflowWhat::Cancel { run } => {
            let action = WorkflowAction::Cancel { run: *run };
            let record = done(session, repository, action, output).await?;
            Ok(runs::report(session, &record, output))
        }
    }
}

/// Returns the repository: the bundle's, or another of the workspace.
fn repository(session: &Session, named: Option<&str>) -> Result<GitHubRepository, Problem> {
    let workspace = &session.config.workspace;
    let known = workspace.repositories();
    let Some(named) = named else {
        let bundle = workspace.bundle.as_ref().ok_or_else(|| {
            Problem::new(
                ProblemKind::Usage,
                format!("workspace {} has no bundle", workspace.name),
            )
            .hint("name a repository with --repository OWNER/NAME")
        })?;
        return bundle.repository.parse();
    };
    if let Some(known) = known.iter().find(|known| known.eq_ignore_ascii_case(named)) {
        return known.parse();
    }
    let problem = Problem::new(
        ProblemKind::Usage,
        format!(
            "{} is not a repository of workspace {}",
            SanitizedText::capped(named, 100),
            workspace.name
        ),
    );
    Err(if known.is_empty() {
        problem.hint("the workspace has no repository; choose another one with --workspace NAME")
    } else {
        problem.hint(format!("use one of {}", known.join(", ")))
    })
}

fn dispatch(name: &str, inputs: &[String]) -> Result<WorkflowAction, Problem> {
    Ok(WorkflowAction::Dispatch {
        workflow: name.to_owned(),
        inputs: INPUT.read(inputs, |key, value| Ok((key.to_owned(), value.to_owned())))?,
    })
}

/// Shows what starting, rerunning or cancelling a workflow would change.
pub async fn plan(session: &Session, wish: &PlannedWorkflow, output: &Output) -> Ending {
    let repository = repository(session, wish.repository.as_deref())?;
    let action = match &wish.what {
        PlannedWorkflowWhat::Run { name, inputs } => dispatch(name, inputs)?,
        PlannedWorkflowWhat::Rerun { run } => WorkflowAction::Rerun { run: *run },
        PlannedWorkflowWhat::Cancel { run } => WorkflowAction::Cancel { run: *run },
    };
    let intent = Intent::Workflow(WorkflowIntent { repository, action });
    carry_out::run(session, &intent, Mode::Plan, output).await
}

/// Plans, asks and runs it.
async fn done(
    session: &Session,
    repository: GitHubRepository,
    action: WorkflowAction,
    output: &Output,
) -> Result<RunRecord, Problem> {
    let intent = Intent::Workflow(WorkflowIntent { repository, action });
    confirm::writable(session, Some(&intent))?;
    let plan = carry_out::planned(session, &intent, None, output).await?;
    confirm::confirmed(session, plan, output).await
}

/// Follows the workflow run that `record` started, and reports both.
async fn started(
    session: &Session,
    repository: &GitHubRepository,
    record: &RunRecord,
    limit: Duration,
    output: &Output,
) -> Ending {
    if record.outcome != Some(Outcome::Done) {
        return Ok(runs::report(session, record, output));
    }
    let Some(run) = record.steps.iter().find_map(|step| step.made.workflow_run) else {
        let why = record.steps.iter().find_map(|step| step.made.note.clone());
        let mut problem = Problem::new(
            ProblemKind::Service,
            "the workflow was started, but its run was not found",
        );
        problem.causes.extend(why);
        let problem = problem.hint("list runs with 'windlass workflow list'");
        runs::report_with(session, record, vec![("problem", json!(problem))], output);
        output.explain(&problem);
        return Ok(UNKNOWN);
    };
    match follow(session, repository, run, limit, output).await {
        Ok(seen) => {
            let (code, problem) = verdict(repository, &seen, limit);
            let mut more = vec![("workflow_run", json!(seen))];
            more.extend(problem.iter().map(|problem| ("problem", json!(problem))));
            runs::report_with(session, record, more, output);
            if !output.json {
                output.answer(&text(&seen));
            }
            if let Some(problem) = &problem {
                output.explain(problem);
            }
            Ok(code)
        }
        Err(problem) => {
            let problem = problem
                .within(format!("run {run} was started, but following it failed"))
                .hint(format!("try again with: windlass workflow watch {run}"));
            runs::report_with(session, record, vec![("problem", json!(problem))], output);
            output.explain(&problem);
            Ok(UNKNOWN)
        }
    }
}

/// Follows a run and prints what changes.
async fn follow(
    session: &Session,
    repository: &GitHubRepository,
    run: u64,
    limit: Duration,
    output: &Output,
) -> Result<WorkflowRun, Problem> {
    let mut told = String::new();
    let tell = |seen: &WorkflowRun| {
        let now = line(seen);
        if now != told && output.progress != super::args::ProgressForm::None {
            if output.progress == super::args::ProgressForm::Json {
                let line = json!({
                    "schema": "windlass.workflow-progress/1", "workflow_run": seen.id,
                    "status": seen.status, "conclusion": seen.conclusion, "jobs": seen.jobs,
                });
                output.say(&line.to_string());
            } else {
                output.say(&now);
            }
        }
        told = now;
    };
    session
        .observer
        .follow_workflow(repository, run, limit, tell)
        .await
}

/// Formats a run in a line: its state and that of its jobs.
fn line(run: &WorkflowRun) -> String {
    let jobs: Vec<String> = run
        .jobs
        .iter()
        .map(|job| {
            let word = job.conclusion.as_ref().unwrap_or(&job.status);
            let busy = job
                .steps
                .iter()
                .find(|step| step.status.as_str() == "in_progress");
            let busy = busy.map_or_else(String::new, |step| format!(" ({})", step.name));
            format!("{} {word}{busy}", job.name)
        })
        .collect();
    format!("run {}: {} · {}", run.id, run.word(), jobs.join(", "))
}

/// Returns the exit code of a followed run, and what is wrong with it.
fn verdict(repository: &GitHubRepository, run: &WorkflowRun, limit: Duration) -> (u8, Option<Problem>) {
    if run.ended_well() {
        return (0, None);
    }
    if !run.ended() {
        let problem = Problem::new(
            ProblemKind::Service,
            format!(
                "run {} of {repository} is still in progress after {} s",
                run.id,
                limit.as_secs()
            ),
        )
        .hint(format!("continue with: windlass workflow watch {}", run.id))
        .hint(format!("or cancel it: windlass workflow cancel {}", run.id));
        return (UNKNOWN, Some(problem));
    }
    let mut problem = Problem::new(
        ProblemKind::Service,
        format!("run {} of {repository} finished: {}", run.id, run.word()),
    );
    if let Some(job) = run.failed_job() {
        let at = job.failed_step().map_or_else(
            || "before its first step".to_owned(),
            |step| format!("at step {} ({})", step.number, step.name),
        );
        problem = problem.cause(format!("job {} failed {at}", job.name));
        if let Some(last) = job.log_tail.last() {
            problem = problem.cause(last);
        }
    }
    if !run.url.is_empty() {
        problem = problem.hint(format!("full log: {}", run.url));
    }
    let again = format!(
        "rerun the failed jobs from the same commit: windlass workflow rerun {}",
        run.id
    );
    (1, Some(problem.hint(again)))
}

/// Formats a followed run, with the end of the log of a failed job.
fn text(run: &WorkflowRun) -> String {
    let mut text = format!(
        "{} #{} ({}) on {} by {}: {}\n",
        run.title,
        run.number,
        run.id,
        run.branch,
        run.actor,
        run.word()
    );
    for job in &run.jobs {
        let word = job.conclusion.as_ref().unwrap_or(&job.status);
        text.push_str(&format!("  job {}: {word}\n", job.name));
        if let Some(step) = job.failed_step() {
            text.push_str(&format!("    failed step {}: {}\n", step.number, step.name));
        }
        // The bar prevents a line of that log from being read as a workflow command of this job.
        for line in &job.log_tail {
            text.push_str(&format!("    | {line}\n"));
        }
    }
    text
}

async fn list(session: &Session, repository: &GitHubRepository, output: &Output) -> Ending {
    let observer = &session.observer;
    let snapshot = observer
        .look_at_workflows(observer.cached(), repository, None)
        .await;
    let unseen = || {
        Problem::new(
            ProblemKind::NotFound,
            format!("{repository} has not been read yet"),
        )
    };
    let seen = snapshot.workflows.get(repository).ok_or_else(unseen)?;
    let found: &RepositoryWorkflows = match (&seen.value, &seen.problem) {
        (Some(found), None) => found,
        (Some(found), Some(problem)) => {
            output.explain_as(Level::Warning, problem);
            found
        }
        (None, problem) => return Err(problem.clone().unwrap_or_else(unseen)),
    };
    let findings = |file| lint::findings(repository, file, snapshot.taken_at);
    if output.json {
        let workflows: Vec<_> = found
            .files
            .iter()
            .map(|file| {
                let findings: Vec<_> = findings(file)
                    .iter()
                    .map(|one| {
                        json!({
                            "kind": one.fault.as_str(), "text": one.text, "remedy": one.remedy,
                            "prevents": one.fault.prevents(),
                        })
                    })
                    .collect();
                json!({
                    "file": file.file_name(), "path": file.path, "title": file.title,
                    "state": file.state, "inputs": file.form, "findings": findings,
                })
            })
            .collect();
        let mut content = vec![
            ("repository", json!(repository)),
            ("default_branch", json!(found.default_branch)),
            ("workflows", json!(workflows)),
            ("runs", json!(found.runs)),
        ];
        content.extend(Sources::new().add("workflows", seen).keys());
        output.document("workflows", Some(&session.config.workspace.name), content);
        return Ok(0);
    }
    let mut table = tables::Table::new(&["workflow", "state", "inputs"]);
    for file in &found.files {
        table.row(vec![
            file.file_name().to_owned(),
            file.state
                .as_ref()
                .map_or("not listed", SanitizedText::as_str)
                .to_owned(),
            file.form
                .as_deref()
                .map_or_else(|| "no manual trigger".to_owned(), words),
        ]);
    }
    let mut text = format!("{repository}, branch {}\n{}", found.default_branch, table.text());
    for file in &found.files {
        for finding in findings(file) {
            let word = if finding.fault.prevents() {
                "cannot run"
            } else {
                "warning"
            };
            text.push_str(&format!("  {word}: {}: {}\n", file.file_name(), finding.text));
            text.push_str(&format!("    remedy: {}\n", finding.remedy));
        }
    }
    if !found.runs.is_empty() {
        let mut table = tables::Table::new(&["run", "workflow", "event", "state", "by", "started"]);
        for run in found.runs.iter().take(SHOWN) {
            table.row(vec![
                run.id.to_string(),
                run.workflow
                    .as_str()
                    .rsplit('/')
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
                run.event.to_string(),
                run.word().to_owned(),
                run.actor.to_string(),
                run.created_at.format("%Y-%m-%d %H:%M UTC").to_string(),
            ]);
        }
        text.push_str(&table.text());
    }
    output.answer(&text);
    Ok(0)
}
