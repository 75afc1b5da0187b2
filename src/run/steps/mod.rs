//! How each operation of a plan is done.
//!
//! Owns the pattern of every write: look whether it is so, do it, and where the answer was lost
//! look again before anything is repeated. Only these rooms hold writers. Must not decide what is
//! done.

mod copy_image;
mod create_track;
mod release;
mod upload_resource;
mod verify;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::runner::Telling;
use super::session::Session;
use crate::domain::{Kind, Outside, Problem, ResourceRevision};
use crate::journal::{Made, StepOutcome};
use crate::plan::{Op, Step, StepId};
use crate::services::Services;
use crate::services::charmhub::{Publisher, StoreWriter, writer::Written};

/// What steps are done with. Made only for a run, and a run only where writing is allowed.
pub struct Tools {
    services: Services,
    publisher: Publisher,
    writer: StoreWriter,
}

impl Tools {
    /// The writers of `session`.
    pub async fn new(session: &Session) -> Result<Self, Problem> {
        if session.read_only {
            return Err(Problem::new(Kind::Refused, "this session is read-only"));
        }
        let services = session.observer.services().clone();
        let publisher = services.publisher().await?;
        let writer = StoreWriter::new(publisher.clone(), services.endpoints.storage.clone());
        Ok(Self {
            services,
            publisher,
            writer,
        })
    }
}

/// One step at work.
pub struct Work<'a> {
    /// The step.
    pub step: &'a Step,
    /// What earlier attempts brought.
    pub made: Made,
    /// Writes into the journal what it has brought so far.
    pub keep: &'a (dyn Fn(&Made) -> Result<(), Problem> + Sync),
    /// The resource revision that another step brought.
    pub revision_of: &'a (dyn Fn(&StepId) -> Option<ResourceRevision> + Sync),
    /// Tells what happens.
    pub telling: &'a Telling,
    /// Asks to stop.
    pub cancel: &'a CancellationToken,
}

/// How a step ended.
pub struct Ended {
    /// The outcome.
    pub outcome: StepOutcome,
    /// What it brought.
    pub made: Made,
    /// Why it did not end well.
    pub problem: Option<Problem>,
}

impl Ended {
    const fn done(made: Made) -> Self {
        Self {
            outcome: StepOutcome::Done,
            made,
            problem: None,
        }
    }

    const fn skipped(made: Made) -> Self {
        Self {
            outcome: StepOutcome::Skipped,
            made,
            problem: None,
        }
    }

    const fn cancelled(made: Made) -> Self {
        Self {
            outcome: StepOutcome::Cancelled,
            made,
            problem: None,
        }
    }

    const fn failed(made: Made, problem: Problem) -> Self {
        Self {
            outcome: StepOutcome::Failed,
            made,
            problem: Some(problem),
        }
    }

    fn unknown(made: Made, problem: Problem) -> Self {
        let problem =
            problem.hint("it may or may not have happened: 'windlass resume' looks before it does anything");
        Self {
            outcome: StepOutcome::Unknown,
            made,
            problem: Some(problem),
        }
    }
}

/// Does one step.
pub async fn perform(tools: &Tools, work: Work<'_>) -> Ended {
    match work.step.op.clone() {
        Op::CreateTrack { charm, track } => create_track::perform(tools, work, charm, track).await,
        Op::CopyImage {
            charm,
            resource,
            source,
            digest,
        } => copy_image::perform(tools, work, charm, resource, source, digest).await,
        Op::UploadResource {
            charm,
            resource,
            digest,
            architectures,
        } => upload_resource::perform(tools, work, charm, resource, digest, architectures).await,
        Op::Release { charm, moves } => release::perform(tools, work, charm, moves).await,
        Op::Verify { charm, moves } => verify::perform(tools, work, charm, moves).await,
    }
}

/// What a guarded write came to.
enum Settled<T> {
    /// It was so before anything was done.
    Already(T),
    /// It is so now.
    Now(T),
    /// It is not so, and the service said why.
    Refused(Problem),
    /// Nobody can say.
    Unknown(Problem),
}

/// Waits between a lost answer and the next look.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// The pattern of every write: look, write, and after a lost answer look again before writing
/// again. A look that fails means that nothing may be written.
async fn guarded<T, Look, Write, LookAnswer, WriteAnswer>(look: Look, write: Write) -> Settled<T>
where
    Look: Fn() -> LookAnswer,
    LookAnswer: Future<Output = Result<Option<T>, Problem>>,
    Write: Fn() -> WriteAnswer,
    WriteAnswer: Future<Output = Result<Written<()>, Problem>>,
{
    match look().await {
        Ok(Some(found)) => return Settled::Already(found),
        Ok(None) => {}
        Err(problem) => return Settled::Refused(problem),
    }
    let mut lost: Option<Problem> = None;
    for attempt in 0..=PAUSES.len() {
        match write().await {
            Ok(Written::Answered(())) => lost = None,
            Ok(Written::Lost(problem)) => lost = Some(problem),
            // Refused after an earlier try was lost: that try may be why (it exists already).
            Err(problem) => {
                return match look().await {
                    Ok(Some(found)) => Settled::Now(found),
                    _ => Settled::Refused(problem),
                };
            }
        }
        if let (Some(_), Some(pause)) = (&lost, PAUSES.get(attempt)) {
            tokio::time::sleep(*pause).await;
        }
        match look().await {
            Ok(Some(found)) => return Settled::Now(found),
            Ok(None) if lost.is_none() => {
                return Settled::Refused(
                    Problem::new(Kind::Service, "the service said yes, but nothing has changed")
                        .hint("look again in a minute: windlass status"),
                );
            }
            Ok(None) => {}
            Err(problem) => return Settled::Unknown(lost.unwrap_or(problem)),
        }
    }
    match lost {
        // The service itself answered that it failed, and the look agrees.
        Some(problem) if problem.kind != Kind::Network => Settled::Refused(problem),
        Some(problem) => Settled::Unknown(problem),
        None => Settled::Refused(Problem::new(Kind::Internal, "a write ended without a word")),
    }
}

/// A note for the picture of a step.
fn note(work: &Work<'_>, phase: super::progress::Phase, text: &str) {
    work.telling.step(&work.step.id, |p| {
        p.phase = phase;
        p.note = Some(Outside::new(text));
    });
}
