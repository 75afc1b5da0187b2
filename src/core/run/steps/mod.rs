//! Performs each operation of a plan.
//!
//! Every write goes through [`write`]: check, send, read the outcome. Only these modules hold
//! writers. What is done was decided by the plan.

mod check_token;
pub(super) mod close;
pub(super) mod commit;
pub(super) mod copy_image;
mod create_branch;
mod create_track;
mod delete_secret;
mod hold;
mod keep_token;
mod push;
pub(super) mod release;
pub(super) mod release_bundle;
mod revoke_session;
mod seal_secrets;
mod set_organisation_secret;
mod set_secret;
mod sign_in;
mod upload_bundle;
mod upload_file;
mod upload_resource;
mod verify;
mod workflow;
mod write;

use std::sync::{Mutex, PoisonError};

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::means::RunSecrets;
use super::progress::Phase;
use super::runner::ProgressSender;
use super::session::Session;
use crate::domain::{FileFacts, Problem, ProblemKind, SanitizedText};
use crate::journal::{RunId, StepOutcome, StepOutput};
use crate::plan::{Op, Plan, Step, StepId};
use crate::services::Services;
use crate::services::charmhub::{Publisher, StoreWriter};
use crate::services::github::NewCommit;
use crate::services::registry::TagBefore;
pub use set_secret::account;
pub(in crate::run) use set_secret::{may_be_ours, seconds_ahead};
use write::{Checked, Pacer, WriteResult, check_write_verify};

/// Holds the clients and writers that steps use. Made only for a run, and only if writing is
/// allowed.
pub struct StepClients {
    session: Session,
    run: RunId,
    means: RunSecrets,
    /// The value of this run, once a sign-in or the operator has supplied it.
    hand: Mutex<Option<SecretString>>,
    /// Keeps the pause that GitHub asks for between two writes.
    pacer: Pacer,
    store: Option<StoreTools>,
}

/// Holds what steps at the store use.
pub struct StoreTools {
    services: Services,
    publisher: Publisher,
    writer: StoreWriter,
}

impl StoreTools {
    fn new(services: &Services, publisher: Publisher) -> Self {
        Self {
            writer: StoreWriter::new(publisher.clone(), services.endpoints.storage.clone()),
            services: services.clone(),
            publisher,
        }
    }
}

impl StepClients {
    /// Makes the writers of `session` that `plan` needs.
    pub async fn new(
        session: &Session,
        run: &RunId,
        plan: &Plan,
        means: RunSecrets,
    ) -> Result<Self, Problem> {
        if session.read_only {
            return Err(Problem::new(ProblemKind::Refused, "this session is read-only"));
        }
        let services = session.observer.services();
        let store = if plan.steps.iter().any(|step| step.op.charm().is_some()) {
            Some(StoreTools::new(services, services.publisher().await?))
        } else {
            None
        };
        Ok(Self {
            session: session.clone(),
            run: run.clone(),
            hand: Mutex::new(means.brought.clone()),
            pacer: Pacer::default(),
            means,
            store,
        })
    }

    const fn services(&self) -> &Services {
        self.session.observer.services()
    }

    /// Returns the value of this run.
    fn value(&self) -> Result<SecretString, Problem> {
        let hand = self.hand.lock().unwrap_or_else(PoisonError::into_inner);
        hand.clone().ok_or_else(|| {
            Problem::new(
                ProblemKind::Internal,
                "the value of this run is no longer available",
            )
            .hint("run the same command again to sign in again")
        })
    }

    fn take(&self, value: SecretString) {
        *self.hand.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
    }
}

/// Holds one step being performed.
pub struct StepContext<'a> {
    /// The step.
    pub step: &'a Step,
    /// The plan that the step belongs to.
    pub plan: &'a Plan,
    /// What earlier attempts produced.
    pub made: StepOutput,
    /// Writes what the step has produced so far to the journal.
    pub keep: &'a (dyn Fn(&StepOutput) -> Result<(), Problem> + Sync),
    /// Returns what another step produced.
    pub made_of: &'a (dyn Fn(&StepId) -> Option<StepOutput> + Sync),
    /// Reports progress.
    pub telling: &'a ProgressSender,
    /// Requests cancellation.
    pub cancel: &'a CancellationToken,
}

/// Holds how a step ended.
pub struct StepResult {
    /// The outcome.
    pub outcome: StepOutcome,
    /// What the step produced.
    pub made: StepOutput,
    /// Why the step did not succeed.
    pub problem: Option<Problem>,
}

impl StepResult {
    const fn done(made: StepOutput) -> Self {
        Self {
            outcome: StepOutcome::Done,
            made,
            problem: None,
        }
    }

    const fn skipped(made: StepOutput) -> Self {
        Self {
            outcome: StepOutcome::Skipped,
            made,
            problem: None,
        }
    }

    const fn cancelled(made: StepOutput) -> Self {
        Self {
            outcome: StepOutcome::Cancelled,
            made,
            problem: None,
        }
    }

    const fn failed(made: StepOutput, problem: Problem) -> Self {
        Self {
            outcome: StepOutcome::Failed,
            made,
            problem: Some(problem),
        }
    }

    fn unknown(made: StepOutput, problem: Problem) -> Self {
        let problem = problem.hint("the outcome is unknown: 'windlass resume' checks it before continuing");
        Self {
            outcome: StepOutcome::Unknown,
            made,
            problem: Some(problem),
        }
    }
}

/// Performs one step.
pub async fn perform(tools: &StepClients, work: StepContext<'_>) -> StepResult {
    match work.step.op.clone() {
        Op::SignIn { scope } => sign_in::perform(tools, work, scope).await,
        Op::KeepToken { keep } => keep_token::perform(tools, work, keep).await,
        Op::CheckToken { credential, needs } => check_token::perform(tools, work, credential, needs).await,
        Op::SealSecrets {
            targets,
            organisations,
        } => seal_secrets::perform(tools, work, targets, organisations).await,
        Op::SetOrganisationSecret {
            secret,
            repositories,
            before,
        } => set_organisation_secret::perform(tools, work, secret, repositories, before).await,
        Op::DeleteSecret { target, before } => delete_secret::perform(tools, work, target, before).await,
        Op::SetSecret { target, before } => set_secret::perform(tools, work, target, before).await,
        Op::RevokeSession {
            session,
            repositories,
        } => revoke_session::perform(tools, work, session, repositories).await,
        Op::Copy {
            source,
            digest,
            cut,
            destination,
            tag,
            before,
            over,
        } => {
            let wanted = copy_image::Wanted { source, digest, cut };
            let place = copy_image::Place {
                repository: destination,
                tag,
                before: TagBefore::planned(before, over),
            };
            copy_image::to_a_registry(tools.services(), work, wanted, place).await
        }
        Op::Commit {
            repository,
            base,
            parent,
            files,
            message,
            author,
            at,
        } => {
            let new = NewCommit {
                parent: &parent,
                files: &files,
                message: &message,
                author: &author,
                at,
            };
            commit::perform(tools, work, commit::Place { repository, base }, new).await
        }
        Op::CreateBranch {
            repository,
            branch,
            from,
        } => create_branch::perform(tools, work, repository, branch, from).await,
        Op::SetHold {
            repository,
            release,
            at,
        } => hold::set(tools, work, repository, release, at).await,
        Op::LiftHold { repository, release } => hold::lift(tools, work, repository, release).await,
        Op::Dispatch {
            repository,
            workflow,
            branch,
            inputs,
        } => {
            let wanted = workflow::Wanted {
                repository,
                workflow,
                branch,
                inputs,
            };
            workflow::dispatch(tools, work, wanted).await
        }
        Op::RerunWorkflow {
            repository,
            run,
            attempt,
        } => workflow::rerun(tools, work, repository, run, attempt).await,
        Op::CancelWorkflow { repository, run } => workflow::cancel(tools, work, repository, run).await,
        at_the_store => match &tools.store {
            Some(store) => perform_at_store(store, work, at_the_store).await,
            None => StepResult::failed(
                work.made,
                Problem::new(ProblemKind::Internal, "no Charmhub client"),
            ),
        },
    }
}

async fn perform_at_store(tools: &StoreTools, work: StepContext<'_>, op: Op) -> StepResult {
    match op {
        Op::CreateTrack { charm, track } => create_track::perform(tools, work, charm, track).await,
        Op::CopyImage {
            charm,
            resource,
            source,
            digest,
            cut,
        } => {
            let wanted = copy_image::Wanted { source, digest, cut };
            copy_image::to_the_store(tools, work, charm, resource, wanted).await
        }
        Op::UploadFile {
            charm,
            resource,
            path,
            digest,
            size,
            architectures,
        } => {
            let file = FileFacts { path, size, digest };
            upload_file::perform(tools, work, charm, resource, file, architectures).await
        }
        Op::Close {
            charm,
            channel,
            before,
        } => close::perform(tools, work, charm, channel, before).await,
        Op::UploadResource {
            charm,
            resource,
            digest,
            architectures,
        } => upload_resource::perform(tools, work, charm, resource, digest, architectures).await,
        Op::Release { charm, moves } => release::perform(tools, work, charm, moves).await,
        Op::UploadBundle { bundle, files } => upload_bundle::perform(tools, work, bundle, files).await,
        Op::ReleaseBundle {
            bundle,
            channel,
            from,
            before,
        } => release_bundle::perform(tools, work, bundle, channel, from, before).await,
        Op::Verify { charm, moves } => verify::perform(tools, work, charm, moves).await,
        _ => StepResult::failed(
            work.made,
            Problem::new(ProblemKind::Internal, "the step belongs to another service"),
        ),
    }
}

/// Returns the refusal for channels that another client changed since the preview; `changes` name
/// what was previewed and what is there now.
pub(super) fn changed_since(summary: String, changes: impl IntoIterator<Item = String>) -> Problem {
    let problem = Problem::new(ProblemKind::Refused, summary);
    let problem = changes.into_iter().fold(problem, Problem::cause);
    problem.hint("check recent releases, then plan again")
}

/// Shows a note in the progress of a step.
fn note(work: &StepContext<'_>, phase: Phase, text: &str) {
    work.telling.step(&work.step.id, |p| {
        p.phase = phase;
        p.note = Some(SanitizedText::new(text));
    });
}
