//! Sends a sealed value to one repository, reads back when GitHub says it was set, and records
//! whose value it is.
//!
//! A sealed value may be sent again: it puts the same value in place. So where an answer was lost
//! it is sent until GitHub answers, and what is recorded is certain.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{Ended, PAUSES, Tools, Work, note};
use crate::domain::secret::{LineageRecord, SealedValue};
use crate::domain::{Kind, Outside, Problem, SecretTarget};
use crate::journal::{RunRecord, StepOutcome};
use crate::plan::{Op, Plan, StepId, rotate};
use crate::run::progress::Phase;
use crate::services::github::GitHubWriter;
use crate::services::http::Written;

/// GitHub asks for a second between two writes.
const PAUSE: Duration = Duration::from_secs(1);

pub async fn perform(
    tools: &Tools,
    mut work: Work<'_>,
    target: SecretTarget,
    before: Option<DateTime<Utc>>,
) -> Ended {
    let seals = (work.made_of)(&StepId(rotate::SEAL_STEP.to_owned())).unwrap_or_default();
    let Some(sealed) = seals.sealed.iter().find(|sealed| sealed.target == target) else {
        return Ended::failed(
            work.made,
            Problem::new(Kind::Internal, format!("nothing was sealed for {target}"))
                .hint("run the same command again"),
        );
    };
    note(&work, Phase::Looking, "looking at the secret");
    let now = match tools.services().github.secret(&target).await {
        Ok(now) => now.map(|facts| facts.updated_at),
        Err(problem) => return Ended::failed(work.made, problem),
    };
    // A try of ours that died may be the change; the first try stops at anybody's.
    if work.tries == 0 && now != before {
        return Ended::failed(
            work.made,
            Problem::new(
                Kind::Refused,
                format!("{target} was set by somebody else since the preview: it is left as it is"),
            )
            .hint("find out who rotates at the same time, then run the same command again"),
        );
    }
    if work.cancel.is_cancelled() {
        return Ended::cancelled(work.made);
    }
    match send(tools, &work, sealed).await {
        Sent::Taken => {}
        Sent::Refused(problem) => return Ended::failed(work.made, problem),
        Sent::Unknown(problem) => {
            // Answered with a failure every time and unchanged: it did not happen.
            let after = tools.services().github.secret(&target).await;
            return match after {
                Ok(after) if after.map(|facts| facts.updated_at) == now && problem.kind != Kind::Network => {
                    Ended::failed(work.made, problem)
                }
                _ => Ended::unknown(work.made, problem),
            };
        }
    }
    note(&work, Phase::Processing, "reading back");
    let updated_at = match tools.services().github.secret(&target).await {
        Ok(Some(facts)) => facts.updated_at,
        Ok(None) => {
            let problem = Problem::new(
                Kind::Service,
                format!("GitHub took {target}, but does not list it"),
            )
            .hint("look at the repository's settings, then run the same command again");
            return Ended::failed(work.made, problem);
        }
        // It is set; only when is not known. The next run sends the same seal again and reads.
        Err(problem) => return Ended::unknown(work.made, problem),
    };
    work.made.updated_at = Some(updated_at);
    let record = LineageRecord {
        target: target.clone(),
        updated_at,
        fingerprint: match seals.fingerprint.clone() {
            Some(fingerprint) => fingerprint,
            None => {
                return Ended::failed(
                    work.made,
                    Problem::new(Kind::Internal, "a seal without fingerprint"),
                );
            }
        },
        session: seals.session.clone(),
        expires_at: seals.expires_at,
        run: Outside::new(tools.run.to_string()),
        at: Utc::now(),
    };
    match tools.session.journal.record_lineage(&record) {
        Ok(()) => Ended::done(work.made),
        Err(problem) => Ended::unknown(work.made, problem),
    }
}

enum Sent {
    Taken,
    Refused(Problem),
    Unknown(Problem),
}

async fn send(tools: &Tools, work: &Work<'_>, sealed: &SealedValue) -> Sent {
    let writer = GitHubWriter::new(tools.services().github.clone());
    let mut lost = None;
    for attempt in 0..=PAUSES.len() {
        {
            let mut last = tools.sent.lock().await;
            if let Some(last) = *last {
                tokio::time::sleep_until(last + PAUSE).await;
            }
            note(work, Phase::Sending, "sending the seal");
            let written = writer.put_secret(sealed).await;
            *last = Some(tokio::time::Instant::now());
            match written {
                Ok(Written::Answered(())) => return Sent::Taken,
                Ok(Written::Lost(problem)) => lost = Some(problem),
                // Refused after a lost try: the lost one may have been taken.
                Err(problem) if lost.is_some() => return Sent::Unknown(problem),
                Err(problem) => return Sent::Refused(problem),
            }
        }
        if let Some(pause) = PAUSES.get(attempt) {
            work.telling.step(&work.step.id, |p| p.retries += 1);
            tokio::time::sleep(*pause).await;
        }
    }
    Sent::Unknown(lost.unwrap_or_else(|| Problem::new(Kind::Internal, "a write ended without a word")))
}

/// `problem` of a run that set secrets, with an account of which hold the new value and which do
/// not. Another run's problem is given back as it is.
pub fn account(plan: &Plan, record: Option<&RunRecord>, problem: Problem) -> Problem {
    let Some(record) = record else { return problem };
    let mut held: Vec<String> = Vec::new();
    let mut old: Vec<String> = Vec::new();
    let mut open: Vec<String> = Vec::new();
    for step in &plan.steps {
        let Op::SetSecret { target, .. } = &step.op else {
            continue;
        };
        let into = match record.step(&step.id).and_then(|step| step.outcome) {
            Some(StepOutcome::Done | StepOutcome::Skipped) => &mut held,
            Some(StepOutcome::Unknown) => &mut open,
            _ => &mut old,
        };
        into.push(target.to_string());
    }
    if held.is_empty() && open.is_empty() {
        return problem;
    }
    let total = held.len() + old.len() + open.len();
    let mut whole = problem.within(format!("{} of {total} secrets hold the new value", held.len()));
    if !held.is_empty() {
        whole = whole.cause(format!("new value in {}", held.join(", ")));
    }
    if !old.is_empty() {
        whole = whole.cause(format!("old value in {}", old.join(", ")));
    }
    if !open.is_empty() {
        whole = whole.cause(format!("nobody knows of {}", open.join(", ")));
    }
    whole.hint("run the same command again: it sends what is missing and mints nothing")
}
