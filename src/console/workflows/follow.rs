//! Follows the workflow runs that windlass started: their status, jobs and steps, on the screen of
//! the windlass run. Leaving the screen stops nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::lines;
use crate::console::effect::Effect;
use crate::console::notification::told_elsewhere;
use crate::console::state::state;
use crate::console::view::look::{Glyph, Tone};
use crate::console::view::piece::Piece;
use crate::console::{Model, running, words};
use crate::domain::workflow::WorkflowRun;
use crate::domain::{GitHubRepository, Problem};
use crate::journal::{Outcome, RunId, RunRecord};
use crate::plan::{Intent, Op, WorkflowAction};

/// How long a workflow run may take: GitHub ends a job after 6 hours at the latest.
const RECENT: TimeDelta = TimeDelta::hours(24);

/// A followed workflow run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// The last answer.
    pub seen: Option<WorkflowRun>,
    /// Why it is no longer followed.
    pub problem: Option<Problem>,
}

/// Workflow runs that windlass runs started.
#[derive(Clone, Debug, Default)]
pub struct FollowedRuns(BTreeMap<RunId, Followed>);

state!(FollowedRuns);

/// Returns the workflow run that `record` started, if it started one.
fn started(record: &RunRecord) -> Option<(&GitHubRepository, u64)> {
    if record.outcome != Some(Outcome::Done) {
        return None;
    }
    record.plan.steps.iter().find_map(|step| {
        let made = &record.step(&step.id)?.made;
        match &step.op {
            Op::Dispatch { repository, .. } => Some((repository, made.workflow_run?)),
            Op::RerunWorkflow { repository, run, .. } => Some((repository, *run)),
            _ => None,
        }
    })
}

/// Follows what `run` started, unless it is already followed or has ended.
pub fn follow(model: &mut Model, run: &RunId) -> Vec<Effect> {
    if model.setting.offline
        || model
            .state::<FollowedRuns>()
            .0
            .get(run)
            .is_some_and(|one| one.problem.is_none())
    {
        return Vec::new();
    }
    let Some((repository, number)) = model.record(run).and_then(started) else {
        return Vec::new();
    };
    let effect = Effect::FollowWorkflow {
        run: run.clone(),
        repository: repository.clone(),
        number,
    };
    model
        .state_mut::<FollowedRuns>()
        .0
        .entry(run.clone())
        .or_default()
        .problem = None;
    vec![effect]
}

/// Follows what runs of the last day started, here or in another windlass, so that their rows show
/// how it ended. A workflow run that was asked about before is not asked about again.
pub fn follow_recent(model: &mut Model) -> Vec<Effect> {
    let since = model.now - RECENT;
    let is_new = |run: &&RunRecord| {
        run.finished_at.is_some_and(|at| at > since) && !model.state::<FollowedRuns>().0.contains_key(&run.id)
    };
    let recent: Vec<RunId> = model
        .runs
        .iter()
        .filter(is_new)
        .map(|run| run.id.clone())
        .collect();
    recent.iter().flat_map(|run| follow(model, run)).collect()
}

/// Stores an answer about the workflow run that `run` started.
pub fn followed(
    model: &mut Model,
    run: &RunId,
    at: DateTime<Utc>,
    answer: Result<WorkflowRun, Problem>,
) -> Vec<Effect> {
    model.now = model.now.max(at);
    let Some(followed) = model.state_mut::<FollowedRuns>().0.get_mut(run) else {
        return Vec::new();
    };
    let ended_before = followed.seen.as_ref().is_some_and(WorkflowRun::ended);
    match answer {
        Ok(seen) => followed.seen = Some(seen),
        Err(problem) => followed.problem = Some(problem),
    }
    let ended = followed
        .seen
        .as_ref()
        .filter(|seen| seen.ended() && !ended_before);
    let Some(text) = ended.map(|seen| format!("{}: {}", result_word(seen), lines::title(seen))) else {
        return Vec::new();
    };
    // Its own screen already shows it.
    if running::shown(model).as_ref() != Some(run) {
        model.say(text.clone());
    }
    match model.record(run).cloned() {
        Some(record) => told_elsewhere(model, &record, &text),
        None => Vec::new(),
    }
}

/// Describes how a workflow run ended.
fn result_word(run: &WorkflowRun) -> String {
    if run.ended_well() {
        "succeeded".to_owned()
    } else if run.word() == "failure" {
        "failed".to_owned()
    } else {
        run.word().replace('_', " ")
    }
}

/// Returns label, sign and tone of a windlass run that started a workflow run; `None` for any
/// other.
pub fn standing(model: &Model, record: &RunRecord) -> Option<(String, Glyph, Tone)> {
    let dispatch = matches!(
        &record.plan.intent,
        Intent::Workflow(intent) if !matches!(intent.action, WorkflowAction::Cancel { .. })
    );
    if !dispatch || record.outcome != Some(Outcome::Done) {
        return None;
    }
    let seen = model
        .state::<FollowedRuns>()
        .0
        .get(&record.id)
        .and_then(|one| one.seen.as_ref());
    Some(match seen {
        None => ("dispatched".to_owned(), Glyph::Done, Tone::Accent),
        Some(run) if run.ended() => {
            let (glyph, tone) = lines::mark(run);
            (result_word(run), glyph, tone)
        }
        Some(run) => {
            let word = format!("dispatched, {}", run.word().replace('_', " "));
            (word, Glyph::Running, Tone::Accent)
        }
    })
}

/// Returns how long the workflow run took, or has been running.
pub fn lasted(model: &Model, run: &RunId) -> Option<String> {
    let seen = model.state::<FollowedRuns>().0.get(run)?.seen.as_ref()?;
    let (until, word) = if seen.ended() {
        (seen.updated_at, "took")
    } else {
        (model.now.max(seen.created_at), "for")
    };
    let seconds = (until - seen.created_at).num_seconds().max(0);
    Some(format!("{word} {}", words::lasted(seconds)))
}

/// Returns what is known about the workflow run that `record` started: its page, jobs and steps.
pub fn section(model: &Model, record: &RunRecord, width: usize) -> Vec<Vec<Piece>> {
    let Some((repository, number)) = started(record) else {
        return Vec::new();
    };
    let mut all: Vec<Vec<Piece>> = Vec::new();
    let room = width.saturating_sub(4);
    let mut put = |indent: usize, sign: &str, text: &str, tone: Tone| {
        let own = indent + words::width(sign) + 1;
        for (at, line) in words::wrap(text, (room + 3).saturating_sub(own))
            .into_iter()
            .enumerate()
        {
            let before = if at == 0 {
                format!("{}{sign} ", " ".repeat(indent))
            } else {
                " ".repeat(own)
            };
            all.push(vec![Piece::new(before, tone), Piece::new(line, tone)]);
        }
    };
    let followed = model.state::<FollowedRuns>().0.get(&record.id);
    let seen = followed.and_then(|one| one.seen.as_ref());
    let title = seen.map_or_else(|| format!("run {number}"), lines::title);
    put(0, "", &format!("Workflow {title} of {repository}"), Tone::Strong);
    let page = seen.map(|run| run.url.to_string()).filter(|url| !url.is_empty());
    let page =
        page.unwrap_or_else(|| crate::console::links::github(repository, &format!("actions/runs/{number}")));
    put(2, "", &page, Tone::Dim);
    match (followed, seen) {
        (
            Some(Followed {
                problem: Some(problem),
                ..
            }),
            _,
        ) => {
            put(2, "", &format!("status no longer updated: {problem}"), Tone::Warn);
        }
        (Some(_), None) => put(2, "", "reading GitHub …", Tone::Dim),
        (None, _) => put(2, "", "status not updated offline", Tone::Dim),
        _ => {}
    }
    for job in seen.into_iter().flat_map(|run| &run.jobs) {
        let (glyph, tone) = lines::job_mark(&job.status, job.conclusion.as_ref());
        let word = job
            .conclusion
            .as_ref()
            .unwrap_or(&job.status)
            .as_str()
            .replace('_', " ");
        put(
            3,
            model.setting.look.glyph(glyph),
            &format!("{}  {word}", job.name),
            tone,
        );
        for step in &job.steps {
            let (glyph, tone) = lines::job_mark(&step.status, step.conclusion.as_ref());
            put(5, model.setting.look.glyph(glyph), step.name.as_str(), tone);
        }
        for line in &job.log_tail {
            put(5, "|", line.as_str(), Tone::Dim);
        }
    }
    let ended = seen.is_some_and(WorkflowRun::ended);
    if !ended && followed.is_some_and(|one| one.problem.is_none()) {
        let leave = model
            .setting
            .keymap
            .hint(crate::console::actions::ActionId::BACK, "leave");
        put(
            2,
            "",
            &format!("{leave}; the workflow continues at GitHub"),
            Tone::Dim,
        );
    }
    all
}
