//! Makes stored bytes a revision of a resource or of a bundle, and follows the store's review to
//! its end.
//!
//! The store lists the digest of every revision, so a revision that already holds the bytes is
//! found before anything is sent, with or without a journal.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Checked, StepContext, StepResult, StoreTools, WriteResult, check_write_verify, note};
use crate::domain::{CharmName, CharmRevision, Digest, Problem, ProblemKind, ResourceName, ResourceRevision};
use crate::journal::{StepOutcome, StepOutput};
use crate::run::progress::Phase;
use crate::services::charmhub::bundle::no_longer_accepted;
use crate::services::charmhub::writer::{ResourceKind, ReviewState, Written};

/// Pauses between reads of a review, in milliseconds; the last one is repeated.
const PACE: [u64; 7] = [150, 300, 500, 1000, 1000, 2000, 3000];
/// Reads of a review before it is left to the store: about ten minutes.
const LOOKS: usize = 200;

/// Identifies what becomes a revision of what.
pub struct Push {
    /// The charm or bundle.
    pub charm: CharmName,
    /// sha-256 of what is sent to storage: an earlier upload counts for these bytes only.
    pub sha256: Digest,
    /// What the upload becomes.
    pub becomes: Becomes,
}

/// What an upload becomes a revision of.
pub enum Becomes {
    /// A revision of a resource; the store lists the sha-256 of each.
    Resource {
        /// The resource.
        resource: ResourceName,
        /// The type of the resource.
        kind: ResourceKind,
        /// Architectures by the store's names.
        architectures: Vec<String>,
    },
    /// A revision of the bundle itself; the store lists the sha3-384 of each.
    Bundle {
        /// sha3-384 of what is sent, hexadecimal.
        sha3: String,
    },
}

impl Push {
    /// Returns the revision that already holds the bytes.
    async fn find(&self, tools: &StoreTools) -> Result<Option<u64>, Problem> {
        match &self.becomes {
            Becomes::Resource { resource, .. } => {
                let list = tools.publisher.resource(&self.charm, resource).await?;
                let found = list.iter().find(|facts| facts.sha256 == self.sha256);
                Ok(found.map(|facts| facts.revision.0))
            }
            Becomes::Bundle { sha3 } => {
                let list = tools.publisher.revisions(&self.charm).await?;
                let found = list
                    .iter()
                    .find(|facts| facts.releasable() && facts.sha3.as_ref() == Some(sha3));
                Ok(found.map(|facts| facts.revision.0))
            }
        }
    }

    async fn push(&self, tools: &StoreTools, upload_id: &str) -> Result<Written<()>, Problem> {
        match &self.becomes {
            Becomes::Resource {
                resource,
                kind,
                architectures,
            } => {
                tools
                    .writer
                    .push_resource(&self.charm, resource, upload_id, *kind, architectures)
                    .await
            }
            Becomes::Bundle { .. } => tools.writer.push_bundle(&self.charm, upload_id).await,
        }
    }

    /// Records the revision in what the step produced.
    fn brought(&self, made: &mut StepOutput, revision: Option<u64>) {
        match self.becomes {
            Becomes::Resource { .. } => made.resource_revision = revision.map(ResourceRevision),
            Becomes::Bundle { .. } => made.bundle_revision = revision.map(CharmRevision),
        }
    }

    /// Returns the end of a step that the store refused.
    fn refused(&self, mut made: StepOutput, problem: Problem) -> StepResult {
        let ended = matches!(self.becomes, Becomes::Bundle { .. }) && no_longer_accepted(&problem);
        made.no_longer_accepted = ended;
        let problem = if ended {
            problem.within(format!(
                "Charmhub no longer accepts bundles: {} was not changed",
                self.charm
            ))
        } else {
            problem
        };
        StepResult::failed(made, problem)
    }
}

impl std::fmt::Display for Push {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.becomes {
            Becomes::Resource { resource, .. } => write!(f, "{resource} of {}", self.charm),
            Becomes::Bundle { .. } => write!(f, "{}", self.charm),
        }
    }
}

/// Stores the bytes by `store` unless a revision holds them, and follows the review to its end.
pub async fn perform_push<Store, Stored>(
    tools: &StoreTools,
    work: StepContext<'_>,
    push: Push,
    store: Store,
) -> StepResult
where
    Store: FnOnce() -> Stored,
    Stored: Future<Output = Result<String, Problem>>,
{
    let mut made = work.made.clone();
    made.no_longer_accepted = false;
    if made.uploaded != Some(push.sha256) {
        // An upload of an earlier attempt that was for other bytes.
        made.upload_id = None;
        push.brought(&mut made, None);
        made.created = false;
    }
    match push.find(tools).await {
        Ok(Some(revision)) => {
            let created = made.upload_id.is_some();
            push.brought(&mut made, Some(revision));
            made.created = created;
            return if created {
                StepResult::done(made)
            } else {
                StepResult::skipped(made)
            };
        }
        Ok(None) => {}
        Err(problem) => return StepResult::failed(made, problem),
    }
    // Only an upload of an earlier attempt can already be under review: a store's answer about an
    // id that it has not received yet means nothing.
    let fresh = AtomicBool::new(made.upload_id.is_none());
    if made.upload_id.is_none() {
        if work.cancel.is_cancelled() {
            return StepResult::cancelled(made);
        }
        let stored = tokio::select! {
            stored = store() => stored,
            () = work.cancel.cancelled() => return StepResult::cancelled(made),
        };
        match stored {
            Ok(id) => {
                made.upload_id = Some(id);
                made.uploaded = Some(push.sha256);
            }
            Err(problem) => return push.refused(made, problem),
        }
        if let Err(problem) = (work.keep)(&made) {
            return StepResult::failed(made, problem);
        }
    }
    let upload_id = made.upload_id.clone().unwrap_or_default();
    let check = || async {
        if fresh.swap(false, Ordering::Relaxed) {
            return Ok(Checked::Planned(()));
        }
        if let Some(state) = tools.writer.review(&push.charm, &upload_id).await? {
            return Ok(Checked::Wanted(Taken::Review(state)));
        }
        let found = push.find(tools).await?.map(Taken::Revision);
        Ok(Checked::from_found(found))
    };
    let result = check_write_verify(&work, None, check, |()| push.push(tools, &upload_id)).await;
    match result {
        WriteResult::Already(taken) | WriteResult::Done(taken) => {
            let ended = review(tools, &work, made, &push, taken).await;
            confirm(tools, ended, &push).await
        }
        WriteResult::Refused(problem) => {
            // The store may have dropped an old upload: the next attempt sends it again.
            made.upload_id = None;
            push.refused(made, problem)
        }
        other => other.ended(made),
    }
}

/// Checks in the store's list that the revision of the review holds what was uploaded.
async fn confirm(tools: &StoreTools, ended: StepResult, push: &Push) -> StepResult {
    if ended.outcome != StepOutcome::Done {
        return ended;
    }
    let mut made = ended.made;
    for millis in PACE {
        match push.find(tools).await {
            Ok(Some(listed)) => {
                push.brought(&mut made, Some(listed));
                return StepResult::done(made);
            }
            // The list may lag behind the review.
            Ok(None) => tokio::time::sleep(Duration::from_millis(millis)).await,
            Err(problem) => return StepResult::unknown(made, problem),
        }
    }
    let problem = Problem::new(
        ProblemKind::Service,
        format!("Charmhub approved an upload for {push}, but lists no revision with it"),
    );
    StepResult::failed(
        made,
        problem.hint("nothing was released; run the same command again"),
    )
}

enum Taken {
    Review(ReviewState),
    Revision(u64),
}

async fn review(
    tools: &StoreTools,
    work: &StepContext<'_>,
    mut made: StepOutput,
    push: &Push,
    taken: Taken,
) -> StepResult {
    let charm = &push.charm;
    let upload_id = made.upload_id.clone().unwrap_or_default();
    let mut state = match taken {
        Taken::Revision(revision) => ReviewState::Approved(revision),
        Taken::Review(state) => state,
    };
    for look in 0..LOOKS {
        match state {
            ReviewState::Approved(revision) => {
                push.brought(&mut made, Some(revision));
                made.created = true;
                return StepResult::done(made);
            }
            ReviewState::Rejected(reasons) => {
                made.upload_id = None;
                // Another push of the same bytes came first: the store rejects the second.
                if let Ok(Some(revision)) = push.find(tools).await {
                    push.brought(&mut made, Some(revision));
                    made.created = false;
                    return StepResult::skipped(made);
                }
                let mut problem = Problem::new(
                    ProblemKind::Refused,
                    format!("Charmhub rejected the upload for {charm}"),
                );
                for reason in reasons {
                    problem = problem.cause(reason);
                }
                return push.refused(
                    made,
                    problem.hint("nothing was released; fix the cause and publish again"),
                );
            }
            ReviewState::Pending(word) => {
                note(
                    work,
                    Phase::Processing,
                    &format!("in review at Charmhub ({word})"),
                );
            }
        }
        let pace = PACE.get(look).or(PACE.last()).copied().unwrap_or(3000);
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(pace)) => {}
            () = work.cancel.cancelled() => {
                let problem = Problem::new(ProblemKind::Refused, format!("stopped while Charmhub reviews an \
                    upload of {charm}"));
                return StepResult::unknown(made, problem);
            }
        }
        state = match tools.writer.review(charm, &upload_id).await {
            Ok(Some(state)) => state,
            Ok(None) => {
                let problem = Problem::new(
                    ProblemKind::Service,
                    format!("Charmhub no longer lists an upload of {charm}"),
                );
                return StepResult::unknown(made, problem);
            }
            Err(problem) => return StepResult::unknown(made, problem),
        };
    }
    let problem = Problem::new(
        ProblemKind::Service,
        format!("an upload of {charm} is still in review at Charmhub"),
    );
    StepResult::unknown(made, problem)
}
