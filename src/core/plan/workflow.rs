//! Plans starting, rerunning and cancelling a workflow.
//!
//! A workflow that cannot run, missing or invalid inputs and insufficient permissions of the token
//! are refused before any request.

pub mod lint;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::step::State;
use crate::config::Workspace;
use crate::domain::snapshot::SourceStatus;
use crate::domain::workflow::{InputKind, RepositoryWorkflows, WorkflowFile, WorkflowInput, WorkflowRun};
use crate::domain::{GitHubRepository, Problem, ProblemKind, SanitizedText, Snapshot};
use crate::plan::{Intent, Op, Plan, Step, StepId, Undo, WorkflowAction, WorkflowIntent};

/// GitHub's limit for the total length of all inputs, in characters.
const LONGEST: usize = 65_535;

/// Plans `intent`.
pub fn plan(workspace: &Workspace, snapshot: &Snapshot, intent: &WorkflowIntent) -> Result<Plan, Problem> {
    let repository = &intent.repository;
    let what = format!("the list of workflows of {repository}");
    let seen = match snapshot.workflows.get(repository) {
        Some(seen) => seen.need(&what)?,
        None => {
            return Err(Problem::new(
                ProblemKind::Internal,
                format!("{what} was not read"),
            ));
        }
    };
    let mut warnings = Vec::new();
    let (title, name, step) = match &intent.action {
        WorkflowAction::Dispatch { workflow, inputs } => {
            let file = one_named(repository, seen, workflow)?;
            let id = format!("dispatch/{}", file.file_name());
            may_start(snapshot, repository, seen, &id)?;
            able(repository, file, snapshot, &mut warnings)?;
            filled(file, inputs)?;
            let title = format!("Start {} of {repository}", file.file_name());
            let step = dispatch(repository, seen, file, inputs, id);
            (title, file.file_name().to_owned(), step)
        }
        WorkflowAction::Rerun { run } => {
            let run = run_of(repository, seen, *run)?;
            let id = format!("rerun-workflow/{}", run.id);
            may_start(snapshot, repository, seen, &id)?;
            repeatable(run, snapshot)?;
            let title = format!("Rerun the failed jobs of run {} of {repository}", run.id);
            (title, run.id.to_string(), rerun(repository, run, id))
        }
        WorkflowAction::Cancel { run } => {
            let run = run_of(repository, seen, *run)?;
            let id = format!("cancel-workflow/{}", run.id);
            may_start(snapshot, repository, seen, &id)?;
            let title = format!("Cancel run {} of {repository}", run.id);
            (title, run.id.to_string(), cancel(repository, run, id))
        }
    };
    let mut plan = Plan::new(
        &workspace.name,
        &snapshot.world,
        title,
        Intent::Workflow(intent.clone()),
        vec![step],
        name,
    );
    plan.warnings = warnings;
    let own = workspace.bundle.as_ref().map(|bundle| bundle.repository.as_str());
    if own != Some(repository.as_str()) {
        plan.command = format!("{} --repository {repository}", plan.command);
    }
    Ok(plan)
}

fn one_named<'s>(
    repository: &GitHubRepository,
    seen: &'s RepositoryWorkflows,
    name: &str,
) -> Result<&'s WorkflowFile, Problem> {
    match seen.named(name).as_slice() {
        [one] => Ok(one),
        [] => {
            let names: Vec<&str> = seen.files.iter().map(WorkflowFile::file_name).collect();
            let problem = Problem::new(
                ProblemKind::NotFound,
                format!(
                    "{repository} has no workflow {}",
                    SanitizedText::capped(name, 100)
                ),
            );
            Err(if names.is_empty() {
                problem.hint("it has no workflows")
            } else {
                problem.hint(format!("it has {}", names.join(", ")))
            })
        }
        some => {
            let names: Vec<&str> = some.iter().map(|file| file.file_name()).collect();
            let text = format!("{} workflows of {repository} have this name", some.len());
            Err(Problem::new(ProblemKind::Usage, text)
                .hint(format!("use one of the file names {}", names.join(", "))))
        }
    }
}

fn run_of<'s>(
    repository: &GitHubRepository,
    seen: &'s RepositoryWorkflows,
    run: u64,
) -> Result<&'s WorkflowRun, Problem> {
    seen.run(run).ok_or_else(|| {
        Problem::new(
            ProblemKind::NotFound,
            format!("{repository} has no workflow run {run}"),
        )
        .hint("list recent runs: windlass workflow list")
    })
}

/// Fails if it is known that the token may not do `step`.
fn may_start(
    snapshot: &Snapshot,
    repository: &GitHubRepository,
    seen: &RepositoryWorkflows,
    step: &str,
) -> Result<(), Problem> {
    let remedy = "a classic token needs the scope repo, a fine-grained one Actions: read and write on this repository, a job of GitHub Actions 'permissions: actions: write'";
    let refused = |text: String| Err(Problem::new(ProblemKind::Credentials, text).hint(remedy));
    if snapshot.github.standing() == SourceStatus::Absent {
        return refused(format!("step {step} needs a GitHub token, but none is set"));
    }
    // The permissions of a job's token are not known; GitHub will decide.
    if let (Some(facts), None) = (&snapshot.github.value, &snapshot.github.problem) {
        let has = |scope: &str| facts.scopes.iter().any(|own| own.as_str() == scope);
        if facts.is_classic() && !has("repo") && !has("public_repo") {
            return refused(format!(
                "step {step} needs the scope repo, which the token from {} lacks",
                facts.source
            ));
        }
    }
    if seen.writable == Some(false) {
        return refused(format!(
            "step {step} needs write access to {repository}, which the account lacks"
        ));
    }
    Ok(())
}

/// Fails if the workflow cannot run, and warns of its other problems.
fn able(
    repository: &GitHubRepository,
    file: &WorkflowFile,
    snapshot: &Snapshot,
    warnings: &mut Vec<SanitizedText>,
) -> Result<(), Problem> {
    let name = file.file_name();
    let findings = lint::findings(repository, file, snapshot.taken_at);
    let (fatal, rest): (Vec<_>, Vec<_>) = findings.into_iter().partition(|one| one.fault.prevents());
    if let Some(first) = fatal.first() {
        let mut problem = Problem::new(
            ProblemKind::Refused,
            format!("{name} of {repository} cannot run; nothing started"),
        );
        for finding in &fatal {
            problem = problem.cause(&finding.text).hint(finding.remedy.as_str());
        }
        if first.fault == lint::Fault::CannotRun {
            problem = problem.hint("publish and promote without it: windlass publish, windlass promote");
        }
        return Err(problem);
    }
    if file.form.is_none() {
        return Err(Problem::new(
            ProblemKind::Refused,
            format!("{name} of {repository} cannot be started by hand"),
        )
        .cause("it has no workflow_dispatch trigger")
        .hint("add 'workflow_dispatch:' below its 'on:'"));
    }
    warnings.extend(
        rest.iter()
            .map(|finding| SanitizedText::new(format!("{}; {}", finding.text, finding.remedy))),
    );
    Ok(())
}

/// Fails if GitHub would not accept the inputs, and names every invalid one.
fn filled(file: &WorkflowFile, inputs: &BTreeMap<String, String>) -> Result<(), Problem> {
    let form = file.form.as_deref().unwrap_or_default();
    let mut wrong: Vec<String> = inputs
        .keys()
        .filter(|name| !form.iter().any(|input| &input.name == *name))
        .map(|name| format!("{}: unknown input", SanitizedText::capped(name, 100)))
        .collect();
    wrong.extend(form.iter().filter_map(|input| {
        let why = match inputs.get(&input.name) {
            Some(value) => misfit(input, value),
            None if input.required && input.default.as_deref().unwrap_or_default().is_empty() => {
                Some("a value is required".to_owned())
            }
            None => None,
        };
        why.map(|why| format!("{}: {why}", SanitizedText::capped(&input.name, 100)))
    }));
    if inputs
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum::<usize>()
        > LONGEST
    {
        wrong.push(format!(
            "the inputs are longer than {LONGEST} characters together"
        ));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let mut problem = Problem::new(
        ProblemKind::Usage,
        format!("invalid inputs of {}; nothing started", file.file_name()),
    );
    for text in wrong {
        problem = problem.cause(text);
    }
    Err(problem.hint(format!("its inputs: {}", words(form))))
}

/// Returns why `value` is not valid for the input, if so.
fn misfit(input: &WorkflowInput, value: &str) -> Option<String> {
    if value.is_empty() && input.required {
        return Some("a value is required".to_owned());
    }
    if value.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Some("it contains control characters".to_owned());
    }
    let harmless = |c: char| c.is_ascii_alphanumeric() || " ._-+:/@,=".contains(c);
    if input.in_script && !value.chars().all(harmless) {
        return Some(
            "the workflow inserts it into a shell script, so only letters, digits, spaces and \
            ._-+:/@,= are allowed"
                .to_owned(),
        );
    }
    match &input.kind {
        InputKind::Choice(options) if !options.iter().any(|option| option == value) => {
            Some(format!("it must be one of {}", options.join(", ")))
        }
        InputKind::Boolean if !matches!(value, "true" | "false") => {
            Some("it must be true or false".to_owned())
        }
        InputKind::Number if value.parse::<f64>().is_err() => Some("it must be a number".to_owned()),
        _ => None,
    }
}

/// Returns the inputs in one line.
pub fn words(form: &[WorkflowInput]) -> String {
    if form.is_empty() {
        return "none".to_owned();
    }
    let words: Vec<String> = form
        .iter()
        .map(|input| {
            let kind = match &input.kind {
                InputKind::Text | InputKind::Environment => String::new(),
                InputKind::Boolean => " (true or false)".to_owned(),
                InputKind::Number => " (a number)".to_owned(),
                InputKind::Choice(options) => format!(" ({})", options.join(", ")),
            };
            let must = if input.required && input.default.is_none() {
                ", required"
            } else {
                ""
            };
            format!("{}{kind}{must}", SanitizedText::capped(&input.name, 100))
        })
        .collect();
    words.join("; ")
}

fn step(id: String, op: Op, target: String, before: String, after: String, undo: Undo) -> Step {
    Step {
        before: State::text(before),
        after: State::text(after),
        undo,
        ..Step::new(StepId(id), op, target)
    }
}

fn dispatch(
    repository: &GitHubRepository,
    seen: &RepositoryWorkflows,
    file: &WorkflowFile,
    inputs: &BTreeMap<String, String>,
    id: String,
) -> Step {
    let op = Op::Dispatch {
        repository: repository.clone(),
        workflow: file.file_name().to_owned(),
        branch: seen.default_branch.clone(),
        inputs: inputs.clone(),
    };
    let given: Vec<String> = inputs
        .iter()
        .map(|(name, value)| SanitizedText::capped(format!("{name}={value}"), 200).to_string())
        .collect();
    let with = if given.is_empty() {
        String::new()
    } else {
        format!(" with {}", given.join(", "))
    };
    let path = file.path.as_str();
    let last = seen.runs.iter().find(|run| run.workflow.as_str() == path);
    let before = last.map_or_else(
        || "no recent run".to_owned(),
        |run| format!("last run: {}", run.word()),
    );
    step(
        id,
        op,
        format!("{} of {repository}", file.file_name()),
        before,
        format!(
            "runs on {}{with}",
            SanitizedText::capped(&seen.default_branch, 100)
        ),
        Undo::impossible("'windlass workflow cancel' stops it; what it did before stays"),
    )
}

/// Fails if GitHub would refuse the rerun, or if it would certainly fail again.
fn repeatable(run: &WorkflowRun, snapshot: &Snapshot) -> Result<(), Problem> {
    let refused = |text: &str| Problem::new(ProblemKind::Refused, format!("run {}: {text}", run.id));
    if !run.ended() {
        return Err(refused("it is still in progress")
            .hint(format!("follow it: windlass workflow watch {}", run.id))
            .hint(format!("or stop it: windlass workflow cancel {}", run.id)));
    }
    if run.ended_well() {
        return Err(refused("no job failed, so there is nothing to rerun")
            .hint("start the workflow again: windlass workflow run"));
    }
    let mut failed = run.jobs.iter().filter(|job| job.failed());
    let gone = failed.find_map(|job| Some((job, lint::removed_image(&job.labels, snapshot.taken_at)?)));
    if let Some((job, (name, day))) = gone {
        return Err(refused("it would fail again; nothing started")
            .cause(format!(
                "its job {} uses the runner image {name}, which GitHub removed on {day}",
                job.name
            ))
            .hint(
                "change 'runs-on' in the workflow, then start it again: a rerun uses the old \
                file",
            ));
    }
    Ok(())
}

fn rerun(repository: &GitHubRepository, run: &WorkflowRun, id: String) -> Step {
    let op = Op::RerunWorkflow {
        repository: repository.clone(),
        run: run.id,
        attempt: run.attempt,
    };
    step(
        id,
        op,
        format!("run {} of {repository}", run.id),
        format!("attempt {}: {}", run.attempt, run.word()),
        format!("attempt {}", run.attempt + 1),
        Undo::impossible("'windlass workflow cancel' stops it; what it did before stays"),
    )
}

fn cancel(repository: &GitHubRepository, run: &WorkflowRun, id: String) -> Step {
    let op = Op::CancelWorkflow {
        repository: repository.clone(),
        run: run.id,
    };
    let mut step = step(
        id,
        op,
        format!("run {} of {repository}", run.id),
        run.word().to_owned(),
        "cancelled".to_owned(),
        Undo::by("windlass workflow rerun"),
    );
    if run.ended() {
        step.skip_reason = Some(SanitizedText::new(format!(
            "it has already ended: {}",
            run.word()
        )));
    }
    step
}
