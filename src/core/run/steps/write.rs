//! Performs a write: check, send, read the outcome. Every try goes through the check.
//!
//! A check has four answers: as wanted, as planned (the write may be sent), changed by another
//! client (nothing is sent), or unclear. Nothing below these functions sends a write twice.

use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::{StepContext, StepResult};
use crate::domain::{Problem, ProblemKind};
use crate::journal::StepOutput;
use crate::run::progress::Phase;
use crate::services::http::{LONGEST_WAIT, Written};

/// GitHub asks for a second between two writes.
const GITHUB_PAUSE: Duration = Duration::from_secs(1);

/// Pauses before a write is retried.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// What a check found.
pub(super) enum Checked<T, P = ()> {
    /// The state is what the step wants.
    Wanted(T),
    /// The state is what the plan previewed; holds what the write needs.
    Planned(P),
    /// Another client changed it: the write must not be sent.
    Changed(Problem),
    /// It changed at a time when an unanswered try of this run may have changed it, or another
    /// client.
    Unclear(Problem),
}

impl<T> Checked<T> {
    /// Returns `Wanted` if `found` holds something, else `Planned`.
    pub(super) fn from_found(found: Option<T>) -> Self {
        found.map_or(Self::Planned(()), Self::Wanted)
    }
}

/// The result of a write.
pub(super) enum WriteResult<T> {
    /// The state was as wanted before anything was sent.
    Already(T),
    /// The write was done.
    Done(T),
    /// The write was not done; the problem holds why.
    Refused(Problem),
    /// Whether the write was done is unknown.
    Unknown(Problem),
    /// The operator stopped the run before anything was sent.
    Cancelled,
}

impl<T> WriteResult<T> {
    /// Converts to the end of a step that produced `made`.
    pub(super) fn ended(self, made: StepOutput) -> StepResult {
        match self {
            Self::Already(_) => StepResult::skipped(made),
            Self::Done(_) => StepResult::done(made),
            Self::Refused(problem) => StepResult::failed(made, problem),
            Self::Unknown(problem) => StepResult::unknown(made, problem),
            Self::Cancelled => StepResult::cancelled(made),
        }
    }
}

/// The result of the tries of a write, before its outcome is read.
pub(super) enum Sent<T> {
    /// The service accepted it.
    Taken,
    /// A check made the result clear.
    Ended(WriteResult<T>),
}

/// Keeps the pause between two writes to one service.
#[derive(Default)]
pub(super) struct Pacer(Mutex<Option<Instant>>);

impl Pacer {
    /// Waits for its turn; the guard takes the time of the write.
    async fn turn(&self) -> MutexGuard<'_, Option<Instant>> {
        let last = self.0.lock().await;
        if let Some(last) = *last {
            tokio::time::sleep_until(last + GITHUB_PAUSE).await;
        }
        last
    }
}

/// Checks, writes and checks again; after a failed or lost try all of it again.
pub(super) async fn check_write_verify<T, P, Check, Write, CheckAnswer, WriteAnswer>(
    work: &StepContext<'_>,
    pacer: Option<&Pacer>,
    check: Check,
    write: Write,
) -> WriteResult<T>
where
    Check: Fn() -> CheckAnswer,
    CheckAnswer: Future<Output = Result<Checked<T, P>, Problem>>,
    Write: Fn(P) -> WriteAnswer,
    WriteAnswer: Future<Output = Result<Written<()>, Problem>>,
{
    match check_and_write(work, pacer, &check, write).await {
        Sent::Ended(result) => result,
        Sent::Taken => match check().await {
            Ok(Checked::Wanted(found)) => WriteResult::Done(found),
            Ok(Checked::Planned(_)) => WriteResult::Refused(
                Problem::new(
                    ProblemKind::Service,
                    "the service reported success, but nothing changed",
                )
                .hint("check again in a minute: windlass status"),
            ),
            Ok(Checked::Changed(problem)) => WriteResult::Refused(overwritten(problem)),
            Ok(Checked::Unclear(problem)) | Err(problem) => WriteResult::Unknown(problem),
        },
    }
}

/// Works as [`check_write_verify`] does, for a write whose outcome the caller reads.
pub(super) async fn check_and_write<T, P, Check, Write, CheckAnswer, WriteAnswer>(
    work: &StepContext<'_>,
    pacer: Option<&Pacer>,
    check: &Check,
    write: Write,
) -> Sent<T>
where
    Check: Fn() -> CheckAnswer,
    CheckAnswer: Future<Output = Result<Checked<T, P>, Problem>>,
    Write: Fn(P) -> WriteAnswer,
    WriteAnswer: Future<Output = Result<Written<()>, Problem>>,
{
    let mut lost: Option<Problem> = None;
    let mut attempt = 0;
    loop {
        // Every wait comes before the check, so that the checked state is the one written to.
        let mut turn = match pacer {
            Some(pacer) => Some(pacer.turn().await),
            None => None,
        };
        let planned = match judged(check().await, lost.as_ref()) {
            Ok(planned) => planned,
            Err(result) => return Sent::Ended(result),
        };
        if lost.is_none() && work.cancel.is_cancelled() {
            return Sent::Ended(WriteResult::Cancelled);
        }
        let written = write(planned).await;
        if let Some(turn) = &mut turn {
            **turn = Some(Instant::now());
        }
        drop(turn);
        let problem = match written {
            Ok(Written::Answered(())) => return Sent::Taken,
            Ok(Written::NotTaken(problem)) => problem,
            Ok(Written::Lost(problem)) => {
                lost = Some(problem.clone());
                problem
            }
            // An earlier, lost try or another client may be the cause: it already exists.
            Err(problem) => {
                return Sent::Ended(match check().await {
                    Ok(Checked::Wanted(found)) => WriteResult::Done(found),
                    Ok(Checked::Changed(changed)) => WriteResult::Refused(changed.cause(problem.summary)),
                    Ok(Checked::Unclear(unclear)) => WriteResult::Unknown(unclear),
                    Err(_) if lost.is_some() => WriteResult::Unknown(problem),
                    Ok(Checked::Planned(_)) | Err(_) => WriteResult::Refused(problem),
                });
            }
        };
        if !pause_before_retry(work, &problem, attempt, lost.is_none()).await {
            let result = match judged(check().await, lost.as_ref()) {
                Err(result) => result,
                // The service itself reported the failure, and the check agrees.
                Ok(_) if lost.is_none() || problem.kind != ProblemKind::Network => {
                    WriteResult::Refused(problem)
                }
                Ok(_) => WriteResult::Unknown(problem),
            };
            return Sent::Ended(result);
        }
        attempt += 1;
    }
}

/// Returns what the write needs if it may be sent; else its result. `lost` is an unanswered try.
fn judged<T, P>(
    checked: Result<Checked<T, P>, Problem>,
    lost: Option<&Problem>,
) -> Result<P, WriteResult<T>> {
    Err(match (checked, lost) {
        (Ok(Checked::Planned(planned)), _) => return Ok(planned),
        (Ok(Checked::Wanted(found)), Some(_)) => WriteResult::Done(found),
        (Ok(Checked::Wanted(found)), None) => WriteResult::Already(found),
        (Ok(Checked::Changed(problem)), Some(lost)) => WriteResult::Refused(
            problem.cause(format!("an earlier attempt got no response: {}", lost.summary)),
        ),
        (Ok(Checked::Unclear(problem)), _) => WriteResult::Unknown(problem),
        (Err(_), Some(lost)) => WriteResult::Unknown(lost.clone()),
        (Ok(Checked::Changed(problem)) | Err(problem), None) => WriteResult::Refused(problem),
    })
}

/// Rewrites `problem` of a check right after the service accepted the write.
fn overwritten(problem: Problem) -> Problem {
    let summary = "the service made the change, and another client changed it again right after";
    let mut changed = Problem::new(ProblemKind::Refused, summary);
    changed.causes = problem.causes;
    changed.hints = problem.hints;
    changed
}

/// Waits before a write is retried because of `problem`, and shows it; returns false if there is
/// no further try. If `stoppable`, a run that is stopped does not wait.
pub(super) async fn pause_before_retry(
    work: &StepContext<'_>,
    problem: &Problem,
    attempt: usize,
    stoppable: bool,
) -> bool {
    let Some(pause) = PAUSES.get(attempt) else {
        return false;
    };
    let asked = problem
        .retry_after
        .and_then(|at| (at - chrono::Utc::now()).to_std().ok())
        .unwrap_or_default();
    if asked > LONGEST_WAIT {
        return false;
    }
    let pause = asked.max(*pause);
    let mut before = Phase::Sending;
    work.telling.step(&work.step.id, |p| {
        before = std::mem::replace(&mut p.phase, Phase::Retrying);
        p.tries_again(problem, chrono::Utc::now() + pause);
    });
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        () = work.cancel.cancelled(), if stoppable => {}
    }
    work.telling.step(&work.step.id, |p| p.phase = before);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what follows from a check, without and with an unanswered try.
    fn both(checked: impl Fn() -> Result<Checked<()>, Problem>) -> [&'static str; 2] {
        let lost = Problem::new(ProblemKind::Network, "cut");
        [None, Some(&lost)].map(|lost| match judged(checked(), lost) {
            Ok(()) => "send",
            Err(WriteResult::Already(())) => "already",
            Err(WriteResult::Done(())) => "done",
            Err(WriteResult::Refused(_)) => "refused",
            Err(WriteResult::Unknown(_)) => "unknown",
            Err(WriteResult::Cancelled) => "cancelled",
        })
    }

    #[test]
    fn a_write_is_sent_only_where_things_are_as_planned() {
        let other = || Problem::new(ProblemKind::Refused, "changed");
        assert_eq!(both(|| Ok(Checked::Planned(()))), ["send", "send"]);
        assert_eq!(both(|| Ok(Checked::Wanted(()))), ["already", "done"]);
        assert_eq!(both(|| Ok(Checked::Changed(other()))), ["refused", "refused"]);
        assert_eq!(both(|| Ok(Checked::Unclear(other()))), ["unknown", "unknown"]);
        assert_eq!(both(|| Err(other())), ["refused", "unknown"]);
    }
}
