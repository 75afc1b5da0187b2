//! Makes an image in the store's registry, or what is stored by another step, a revision of a
//! resource.
//!
//! The store lists the sha-256 of every revision's text, so whether it is there already can be
//! told before anything is sent, with or without a journal.

use std::time::Duration;

use super::{Ended, Settled, StoreTools, Work, guarded, note};
use crate::domain::{CharmName, Digest, Kind, ManifestDigest, Problem, ResourceName, ResourceRevision};
use crate::journal::{Made, StepOutcome};
use crate::run::progress::Phase;
use crate::services::charmhub::writer::{ResourceKind, ReviewState};

/// Pauses between looks at a review, in milliseconds; the last one is repeated.
const PACE: [u64; 7] = [150, 300, 500, 1000, 1000, 2000, 3000];
/// Looks at a review before it is left to the store: about ten minutes.
const LOOKS: usize = 200;

/// What is made a revision of which resource.
pub struct Push {
    /// The charm.
    pub charm: CharmName,
    /// The resource.
    pub resource: ResourceName,
    /// sha-256 of what is sent to storage: what the store lists for the revision that holds it.
    pub sha256: Digest,
    /// What the resource is made of.
    pub kind: ResourceKind,
    /// Architectures in the store's words.
    pub architectures: Vec<String>,
}

/// An image that lies in the store's registry, by its descriptor.
pub async fn perform(
    tools: &StoreTools,
    work: Work<'_>,
    charm: CharmName,
    resource: ResourceName,
    digest: ManifestDigest,
    architectures: Vec<String>,
) -> Ended {
    let descriptor = match tools.writer.descriptor(&charm, &resource, digest).await {
        Ok(descriptor) => descriptor,
        Err(problem) => return Ended::failed(work.made, problem),
    };
    let push = Push {
        charm,
        resource,
        sha256: descriptor.sha256(),
        kind: ResourceKind::Image,
        architectures,
    };
    note(&work, Phase::Sending, "sending the descriptor");
    perform_push(tools, work, push, || {
        tools.writer.store("image-resource.json", &descriptor)
    })
    .await
}

/// Stores the bytes by `store` unless a revision holds them, and follows the review to its end.
pub async fn perform_push<Store, Stored>(
    tools: &StoreTools,
    work: Work<'_>,
    push: Push,
    store: Store,
) -> Ended
where
    Store: FnOnce() -> Stored,
    Stored: Future<Output = Result<String, Problem>>,
{
    let Push {
        charm,
        resource,
        sha256,
        kind,
        architectures,
    } = push;
    let mut made = work.made.clone();
    if made.uploaded != Some(sha256) {
        // An upload of an earlier attempt that was for something else.
        made.upload_id = None;
        made.resource_revision = None;
        made.created = false;
    }
    match find(tools, &charm, &resource, sha256).await {
        Ok(Some(revision)) => {
            let created = made.upload_id.is_some();
            made.resource_revision = Some(revision);
            made.created = created;
            return if created {
                Ended::done(made)
            } else {
                Ended::skipped(made)
            };
        }
        Ok(None) => {}
        Err(problem) => return Ended::failed(made, problem),
    }
    if made.upload_id.is_none() {
        if work.cancel.is_cancelled() {
            return Ended::cancelled(made);
        }
        let stored = tokio::select! {
            stored = store() => stored,
            () = work.cancel.cancelled() => return Ended::cancelled(made),
        };
        match stored {
            Ok(id) => {
                made.upload_id = Some(id);
                made.uploaded = Some(sha256);
            }
            Err(problem) => return Ended::failed(made, problem),
        }
        if let Err(problem) = (work.keep)(&made) {
            return Ended::failed(made, problem);
        }
    }
    let upload_id = made.upload_id.clone().unwrap_or_default();
    let look = || async {
        if let Some(state) = tools.writer.review(&charm, &upload_id).await? {
            return Ok(Some(Taken::Review(state)));
        }
        Ok(find(tools, &charm, &resource, sha256).await?.map(Taken::Revision))
    };
    let write = || {
        tools
            .writer
            .push_resource(&charm, &resource, &upload_id, kind, &architectures)
    };
    let settled = guarded(look, write).await;
    match settled {
        Settled::Already(taken) | Settled::Now(taken) => {
            let ended = review(tools, &work, made, &charm, taken).await;
            confirm(tools, ended, &charm, &resource, sha256).await
        }
        Settled::Refused(problem) => {
            // The store may have dropped an old upload: the next attempt sends it anew.
            made.upload_id = None;
            Ended::failed(made, problem)
        }
        Settled::Unknown(problem) => Ended::unknown(made, problem),
    }
}

/// The revision that the store speaks of must hold what was uploaded: its list says so.
async fn confirm(
    tools: &StoreTools,
    ended: Ended,
    charm: &CharmName,
    resource: &ResourceName,
    sha256: Digest,
) -> Ended {
    if ended.outcome != StepOutcome::Done {
        return ended;
    }
    for millis in PACE {
        match find(tools, charm, resource, sha256).await {
            Ok(Some(listed)) => {
                let made = Made {
                    resource_revision: Some(listed),
                    ..ended.made
                };
                return Ended::done(made);
            }
            // The list may be a moment behind the review.
            Ok(None) => tokio::time::sleep(Duration::from_millis(millis)).await,
            Err(problem) => return Ended::unknown(ended.made, problem),
        }
    }
    let problem = Problem::new(
        Kind::Service,
        format!(
            "the store approved an upload for {resource} of {charm}, but lists no revision that holds it"
        ),
    );
    Ended::failed(
        ended.made,
        problem.hint("nothing was released; run the same command again"),
    )
}

enum Taken {
    Review(ReviewState),
    Revision(ResourceRevision),
}

async fn find(
    tools: &StoreTools,
    charm: &CharmName,
    resource: &ResourceName,
    sha256: Digest,
) -> Result<Option<ResourceRevision>, Problem> {
    let list = tools.publisher.resource(charm, resource).await?;
    Ok(list
        .iter()
        .find(|facts| facts.sha256 == sha256)
        .map(|facts| facts.revision))
}

async fn review(
    tools: &StoreTools,
    work: &Work<'_>,
    mut made: Made,
    charm: &CharmName,
    taken: Taken,
) -> Ended {
    let upload_id = made.upload_id.clone().unwrap_or_default();
    let mut state = match taken {
        Taken::Revision(revision) => ReviewState::Approved(revision),
        Taken::Review(state) => state,
    };
    for look in 0..LOOKS {
        match state {
            ReviewState::Approved(revision) => {
                made.resource_revision = Some(revision);
                made.created = true;
                return Ended::done(made);
            }
            ReviewState::Rejected(reasons) => {
                made.upload_id = None;
                let mut problem = Problem::new(
                    Kind::Refused,
                    format!("the store rejected the upload for {charm}"),
                );
                for reason in reasons {
                    problem = problem.cause(reason);
                }
                return Ended::failed(
                    made,
                    problem.hint("nothing was released; mend the cause and publish again"),
                );
            }
            ReviewState::Pending(word) => {
                note(work, Phase::Processing, &format!("the store reviews it ({word})"));
            }
        }
        let pace = PACE.get(look).or(PACE.last()).copied().unwrap_or(3000);
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(pace)) => {}
            () = work.cancel.cancelled() => {
                let problem = Problem::new(Kind::Refused, format!("stopped while the store reviews an upload of {charm}"));
                return Ended::unknown(made, problem);
            }
        }
        state = match tools.writer.review(charm, &upload_id).await {
            Ok(Some(state)) => state,
            Ok(None) => {
                let problem = Problem::new(
                    Kind::Service,
                    format!("the store no longer knows an upload of {charm}"),
                );
                return Ended::unknown(made, problem);
            }
            Err(problem) => return Ended::unknown(made, problem),
        };
    }
    let problem = Problem::new(
        Kind::Service,
        format!("the store still reviews an upload of {charm}"),
    );
    Ended::unknown(made, problem)
}
