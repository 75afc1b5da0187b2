//! Starts, reruns and cancels workflow runs of GitHub.
//!
//! A start cannot be recognised by its result, so nothing is started twice. Before a start the
//! newest run is recorded in the journal. If the answer is lost or names no run, the one run that
//! came since, by the same account on the same branch, is ours. If two came, it is unknown which
//! is ours.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{TimeDelta, Utc};

use super::write::pause_before_retry;
use super::{Checked, StepClients, StepContext, StepResult, check_write_verify, note};
use crate::domain::workflow::WorkflowRun;
use crate::domain::{GitHubRepository, Problem, ProblemKind, SanitizedText};
use crate::journal::Dispatched;
use crate::run::progress::Phase;
use crate::services::github::{GitHub, GitHubWriter};
use crate::services::http::Written;

/// Pauses between two reads while looking for the run that a start has created.
const LOOKS: [Duration; 5] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(3),
    Duration::from_secs(4),
];
/// Time after which a run that a start created is certainly in GitHub's lists.
const SHOWN: TimeDelta = TimeDelta::seconds(60);
/// Reads of a run that is being cancelled, a second apart.
const STOPPING: u32 = 30;

/// Identifies what is to be started.
pub struct Wanted {
    /// The repository.
    pub repository: GitHubRepository,
    /// The file's name.
    pub workflow: String,
    /// The branch that it runs on.
    pub branch: String,
    /// Its inputs.
    pub inputs: BTreeMap<String, String>,
}

/// The runs that may be ours.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    None,
    One(u64),
    Several(Vec<u64>),
}

/// Starts a workflow.
pub async fn dispatch(tools: &StepClients, mut work: StepContext<'_>, wanted: Wanted) -> StepResult {
    let github = &tools.services().github;
    if work.made.workflow_run.is_some() {
        return StepResult::done(work.made);
    }
    note(&work, Phase::Looking, "reading the runs of the workflow");
    if let Some(mark) = work.made.dispatched.clone() {
        // An earlier try of this run got no answer.
        match ours(github, &wanted, &mark).await {
            Ok(Found::One(run)) => {
                work.made.workflow_run = Some(run);
                return StepResult::done(work.made);
            }
            Ok(Found::Several(runs)) => return StepResult::unknown(work.made, several(&runs)),
            Ok(Found::None) if Utc::now() - mark.at < SHOWN => {
                let problem = Problem::new(
                    ProblemKind::Network,
                    "the start may or may not have happened, and GitHub may not list the run yet",
                )
                .hint("wait a minute, then run: windlass resume");
                return StepResult::unknown(work.made, problem);
            }
            Ok(Found::None) => {}
            Err(problem) => return StepResult::unknown(work.made, problem),
        }
    }
    let account = github.account().await.ok().and_then(|facts| facts.account);
    let writer = GitHubWriter::new(github.clone());
    let mut attempt = 0;
    let (mark, sent) = loop {
        // Read before every try: a run that another client started meanwhile is not ours.
        let newest = match github.dispatched_runs(&wanted.repository, &wanted.workflow).await {
            Ok(runs) => runs.first().map_or(0, |run| run.id),
            Err(problem) => return StepResult::failed(work.made, problem),
        };
        if work.cancel.is_cancelled() {
            return StepResult::cancelled(work.made);
        }
        let mark = Dispatched {
            newest,
            account: account.clone(),
            at: Utc::now(),
        };
        work.made.dispatched = Some(mark.clone());
        if let Err(problem) = (work.keep)(&work.made) {
            work.made.dispatched = None;
            return StepResult::failed(work.made, problem);
        }
        note(&work, Phase::Sending, "starting");
        let sent = writer
            .dispatch(
                &wanted.repository,
                &wanted.workflow,
                &wanted.branch,
                &wanted.inputs,
            )
            .await;
        let Ok(Written::NotTaken(problem)) = sent else {
            break (mark, sent);
        };
        work.made.dispatched = None;
        if !pause_before_retry(&work, &problem, attempt, true).await {
            return StepResult::failed(work.made, problem);
        }
        attempt += 1;
    };
    match sent {
        Ok(Written::Answered(Some(run))) => {
            work.made.workflow_run = Some(run);
            StepResult::done(work.made)
        }
        Ok(Written::Answered(None)) => {
            note(&work, Phase::Processing, "looking up its run");
            match wait_for_ours(github, &wanted, &mark).await {
                Found::One(run) => work.made.workflow_run = Some(run),
                Found::Several(runs) => work.made.note = Some(several(&runs).summary),
                Found::None => {
                    work.made.note = Some(SanitizedText::new(
                        "the workflow was started, but GitHub does not list its run yet: windlass \
                        workflow list",
                    ));
                }
            }
            StepResult::done(work.made)
        }
        Ok(Written::Lost(problem)) => {
            note(&work, Phase::Processing, "checking whether it was started");
            match wait_for_ours(github, &wanted, &mark).await {
                Found::One(run) => {
                    work.made.workflow_run = Some(run);
                    StepResult::done(work.made)
                }
                Found::Several(runs) => StepResult::unknown(work.made, several(&runs)),
                Found::None => StepResult::unknown(work.made, problem),
            }
        }
        Ok(Written::NotTaken(problem)) | Err(problem) => {
            // Refused: a run that comes later is not ours.
            work.made.dispatched = None;
            StepResult::failed(work.made, problem)
        }
    }
}

fn several(runs: &[u64]) -> Problem {
    let runs: Vec<String> = runs.iter().map(ToString::to_string).collect();
    Problem::new(
        ProblemKind::Conflict,
        format!(
            "the workflow was started, but any of the runs {} may be the new one",
            runs.join(" and ")
        ),
    )
    .hint("check them: windlass workflow watch RUN")
}

/// Returns the runs that came since `mark` and may be ours.
async fn ours(github: &GitHub, wanted: &Wanted, mark: &Dispatched) -> Result<Found, Problem> {
    let runs = github
        .dispatched_runs(&wanted.repository, &wanted.workflow)
        .await?;
    Ok(fitting(&runs, &wanted.branch, mark))
}

/// Returns those of `runs` that were started by hand on `branch` since `mark`, by its account.
fn fitting(runs: &[WorkflowRun], branch: &str, mark: &Dispatched) -> Found {
    let same = |run: &&WorkflowRun| {
        run.id > mark.newest
            && run.event.as_str() == "workflow_dispatch"
            && run.branch.as_str() == branch
            && mark.account.as_ref().is_none_or(|account| *account == run.actor)
    };
    let found: Vec<u64> = runs.iter().filter(same).map(|run| run.id).collect();
    match found.as_slice() {
        [] => Found::None,
        [one] => Found::One(*one),
        _ => Found::Several(found),
    }
}

/// Reads until the same single run is seen twice, or the time is up.
async fn wait_for_ours(github: &GitHub, wanted: &Wanted, mark: &Dispatched) -> Found {
    let mut last = Found::None;
    for pause in LOOKS {
        tokio::time::sleep(pause).await;
        let Ok(found) = ours(github, wanted, mark).await else {
            continue;
        };
        match (&last, &found) {
            (Found::One(before), Found::One(now)) if before == now => return found,
            (_, Found::Several(_)) => return found,
            _ => last = found,
        }
    }
    last
}

/// Reruns the failed jobs of a run, once.
pub async fn rerun(
    tools: &StepClients,
    mut work: StepContext<'_>,
    repository: GitHubRepository,
    run: u64,
    attempt: u64,
) -> StepResult {
    let github = &tools.services().github;
    let writer = GitHubWriter::new(github.clone());
    let check = || async {
        let now = github.workflow_run(&repository, run).await?;
        Ok(Checked::from_found((now.attempt > attempt).then_some(())))
    };
    let write = |()| {
        note(&work, Phase::Sending, "rerunning the failed jobs");
        writer.rerun_failed(&repository, run)
    };
    let result = check_write_verify(&work, Some(&tools.pacer), check, write).await;
    work.made.workflow_run = Some(run);
    result.ended(work.made)
}

/// Cancels a run. A second request does no harm.
pub async fn cancel(
    tools: &StepClients,
    mut work: StepContext<'_>,
    repository: GitHubRepository,
    run: u64,
) -> StepResult {
    let github = &tools.services().github;
    work.made.workflow_run = Some(run);
    let writer = GitHubWriter::new(github.clone());
    let mut first_attempt = None;
    let mut tries = 0;
    let sent = loop {
        // Read before every try: a run that another client started again must not be cancelled.
        match github.workflow_run(&repository, run).await {
            Ok(now) if now.ended() => return ended_before(work, &now),
            Ok(now) if *first_attempt.get_or_insert(now.attempt) != now.attempt => {
                let summary = format!("run {run} was started again by another client: it was not cancelled");
                return StepResult::failed(work.made, Problem::new(ProblemKind::Refused, summary));
            }
            Ok(_) => {}
            Err(problem) => return StepResult::failed(work.made, problem),
        }
        if work.cancel.is_cancelled() {
            return StepResult::cancelled(work.made);
        }
        note(&work, Phase::Sending, "stopping");
        let sent = writer.cancel_run(&repository, run).await;
        let Ok(Written::NotTaken(problem)) = &sent else {
            break sent;
        };
        if !pause_before_retry(&work, problem, tries, true).await {
            break sent;
        }
        tries += 1;
    };
    let (mut lost, mut refused) = (None, None);
    match sent {
        Ok(Written::Answered(())) => {}
        Ok(Written::Lost(problem)) => lost = Some(problem),
        Ok(Written::NotTaken(problem)) | Err(problem) => refused = Some(problem),
    }
    note(&work, Phase::Processing, "waiting for GitHub to cancel it");
    for _ in 0..STOPPING {
        match github.workflow_run(&repository, run).await {
            // Only a run that has ended can be started again: the attempt to cancel has ended.
            Ok(now) if first_attempt.is_some_and(|attempt| attempt != now.attempt) => {
                work.made.note = Some(SanitizedText::new(format!(
                    "another client started run {run} again after it was cancelled or had finished"
                )));
                return StepResult::done(work.made);
            }
            // It was refused because the run had ended in between, or came too late.
            Ok(now) if now.ended() && (refused.is_some() || !now.was_cancelled()) => {
                return ended_before(work, &now);
            }
            Ok(now) if now.ended() => {
                work.made.note = Some(SanitizedText::new(format!("run {run} finished: {}", now.word())));
                return StepResult::done(work.made);
            }
            Ok(_) => {}
            Err(problem) if lost.is_some() => return StepResult::unknown(work.made, problem),
            Err(_) => {}
        }
        if let Some(problem) = refused.take() {
            return StepResult::failed(work.made, problem);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    if let Some(problem) = lost {
        return StepResult::unknown(work.made, problem);
    }
    work.made.note = Some(SanitizedText::new(
        "GitHub accepted the cancellation and is still stopping the run",
    ));
    StepResult::done(work.made)
}

fn ended_before(mut work: StepContext<'_>, run: &WorkflowRun) -> StepResult {
    work.made.note = Some(SanitizedText::new(format!(
        "run {} had already finished: {}",
        run.id,
        run.word()
    )));
    StepResult::skipped(work.made)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn run(id: u64) -> WorkflowRun {
        WorkflowRun {
            id,
            workflow: ".github/workflows/ci.yaml".into(),
            title: "CI".into(),
            number: 1,
            attempt: 1,
            event: "workflow_dispatch".into(),
            branch: "main".into(),
            status: "queued".into(),
            conclusion: None,
            actor: "somebody".into(),
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
            url: SanitizedText::default(),
            jobs: Vec::new(),
        }
    }

    #[test]
    fn only_a_run_that_can_be_ours_is_and_of_two_none() {
        let mark = Dispatched {
            newest: 10,
            account: Some("somebody".into()),
            at: DateTime::UNIX_EPOCH,
        };
        let found = |runs: &[WorkflowRun]| fitting(runs, "main", &mark);
        let other = |change: &dyn Fn(&mut WorkflowRun)| {
            let mut run = run(12);
            change(&mut run);
            run
        };
        let strangers = [
            run(9),
            run(10),
            other(&|run| run.event = "schedule".into()),
            other(&|run| run.branch = "edge".into()),
            other(&|run| run.actor = "another".into()),
        ];
        assert_eq!(found(&strangers), Found::None);
        assert_eq!(found(&[&strangers[..], &[run(11)]].concat()), Found::One(11));
        assert_eq!(found(&[run(13), run(11)]), Found::Several(vec![13, 11]));
        // The token's owner is unknown: then a run of any account may be ours.
        let anybody = Dispatched {
            account: None,
            ..mark
        };
        assert_eq!(fitting(&strangers, "main", &anybody), Found::One(12));
    }
}
