//! Determines the pages to open and the texts to copy from the run screen.

use super::state::known;
use super::{Running, log, selected};
use crate::console::{Model, links};
use crate::journal::{RunId, StepOutput};
use crate::plan::{Op, Step};

/// Returns what step `step` of `run` created, according to the journal as last read.
fn made<'m>(model: &'m Model, run: &RunId, step: &Step) -> Option<&'m StepOutput> {
    model.record(run)?.step(&step.id).map(|written| &written.made)
}

/// Returns the page of the selected step.
pub fn page(model: &Model, running: &Running) -> Option<String> {
    let step = selected(model, running)?;
    let made = made(model, &running.run, step);
    let link = match &step.op {
        Op::Commit { repository, base, .. } => match made.and_then(|made| made.commit.as_ref()) {
            Some(commit) => links::github(repository, &format!("commit/{}", commit.as_str())),
            None => links::github(repository, &format!("tree/{base}")),
        },
        Op::CreateBranch {
            repository, branch, ..
        } => links::github(repository, &format!("tree/{branch}")),
        Op::SetHold { repository, .. } | Op::LiftHold { repository, .. } => links::github(repository, "tags"),
        Op::Dispatch {
            repository, workflow, ..
        } => match made.and_then(|made| made.workflow_run) {
            Some(number) => links::github(repository, &format!("actions/runs/{number}")),
            None => links::github(repository, &format!("actions/workflows/{workflow}")),
        },
        Op::RerunWorkflow { repository, run, .. } | Op::CancelWorkflow { repository, run } => {
            links::github(repository, &format!("actions/runs/{run}"))
        }
        Op::SetSecret { target, .. } | Op::DeleteSecret { target, .. } => {
            links::secrets(&target.repository.to_string())
        }
        Op::Copy { destination, .. } => match destination.registry.as_str() {
            "docker.io" => format!("https://hub.docker.com/r/{}", destination.path),
            "ghcr.io" => format!("https://ghcr.io/{}", destination.path),
            _ => return None,
        },
        other => links::charm(other.charm()?.as_str()),
    };
    Some(link).filter(|link| links::allowed(link))
}

/// Returns the text that `y` copies: the whole log if it has the focus, else the most relevant text
/// of the selected step: its problem, then what it sends, then its name.
pub fn copied(model: &Model, running: &Running) -> Option<String> {
    if running.in_log {
        return Some(log::text(model, &running.run));
    }
    let Some(step) = selected(model, running) else {
        return Some(running.run.0.clone());
    };
    let (live, record) = known(model, &running.run);
    let heard = live
        .and_then(|live| live.progress.as_ref()?.steps.get(&step.id))
        .and_then(|heard| heard.problem.as_ref());
    let written = record.and_then(|record| record.step(&step.id)?.problem.as_ref());
    if let Some(problem) = heard.or(written) {
        let mut text = problem.to_string();
        for cause in &problem.causes {
            text.push_str(&format!("\ncaused by: {cause}"));
        }
        if let Some(id) = &problem.request_id {
            text.push_str(&format!("\nrequest ID: {id}"));
        }
        return Some(text);
    }
    Some(match &step.op {
        Op::CopyImage { digest, .. } | Op::Copy { digest, .. } | Op::UploadResource { digest, .. } => {
            digest.to_string()
        }
        Op::UploadFile { digest, .. } => digest.to_string(),
        Op::Commit { .. } | Op::CreateBranch { .. } => made(model, &running.run, step)
            .and_then(|made| made.commit.as_ref())
            .map_or_else(|| step.id.to_string(), |commit| commit.as_str().to_owned()),
        _ => step.id.to_string(),
    })
}
