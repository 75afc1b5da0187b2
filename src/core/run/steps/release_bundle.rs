//! Releases an uploaded bundle, only if its channel serves what was previewed.

use super::{
    Checked, StepContext, StepResult, StoreTools, WriteResult, changed_since, check_write_verify, note,
};
use crate::domain::bundle::archive::{archive, sha3_384};
use crate::domain::charm::{ChannelRow, bundle_serves};
use crate::domain::{Channel, CharmName, CharmRevision, Problem, ProblemKind};
use crate::journal::{Released, StepOutput};
use crate::plan::{Op, Plan, StepId};
use crate::run::progress::Phase;
use crate::services::charmhub::bundle::no_longer_accepted;
use crate::services::charmhub::writer::ReleaseItem;

/// Describes how `channel` differs from its state when this was planned.
pub fn changed(rows: &[ChannelRow], channel: &Channel, before: Option<CharmRevision>) -> Option<String> {
    let now = bundle_serves(rows, channel);
    let word = |revision: Option<CharmRevision>| {
        revision.map_or_else(|| "closed".to_owned(), |revision| revision.to_string())
    };
    (now != before).then(|| {
        format!(
            "{channel} was {} at the preview and is {} now",
            word(before),
            word(now)
        )
    })
}

pub async fn perform(
    tools: &StoreTools,
    work: StepContext<'_>,
    bundle: CharmName,
    channel: Channel,
    from: StepId,
    before: Option<CharmRevision>,
) -> StepResult {
    let uploaded = (work.made_of)(&from).unwrap_or_default();
    let mut made = work.made.clone();
    made.no_longer_accepted = false;
    note(&work, Phase::Looking, "checking the channel");
    let revision = match uploaded.bundle_revision {
        Some(revision) => Ok(revision),
        None => listed(tools, work.plan, &bundle, &from).await,
    };
    let revision = match revision {
        Ok(revision) => revision,
        Err(problem) => return StepResult::failed(made, problem),
    };
    let items = [ReleaseItem {
        revision: Some(revision),
        channel: channel.clone(),
        resources: Vec::new(),
    }];
    let check = || async {
        let rows = tools.publisher.rows(&bundle).await?;
        Ok(if bundle_serves(&rows, &channel) == Some(revision) {
            Checked::Wanted(())
        } else if let Some(text) = changed(&rows, &channel, before) {
            let summary = format!("{bundle} has changed since the preview: it was not released");
            Checked::Changed(changed_since(summary, [text]))
        } else {
            Checked::Planned(())
        })
    };
    let write = |()| {
        note(&work, Phase::Sending, "releasing the bundle");
        tools.writer.release(&bundle, &items)
    };
    let released = |mut made: StepOutput| {
        made.bundle_revision = Some(revision);
        made.released = vec![Released {
            charm: bundle.clone(),
            channel: channel.clone(),
            revision,
            resources: Vec::new(),
        }];
        made
    };
    match check_write_verify(&work, None, check, write).await {
        WriteResult::Already(()) => StepResult::skipped(released(made)),
        WriteResult::Done(()) => StepResult::done(released(made)),
        WriteResult::Refused(problem) => {
            made.no_longer_accepted = no_longer_accepted(&problem);
            StepResult::failed(made, problem)
        }
        other => other.ended(made),
    }
}

/// Returns the revision that holds what `from` was to upload: an upload that the plan left out,
/// because the store had it, produced no number.
async fn listed(
    tools: &StoreTools,
    plan: &Plan,
    bundle: &CharmName,
    from: &StepId,
) -> Result<CharmRevision, Problem> {
    let missing = || {
        Problem::new(
            ProblemKind::Internal,
            format!("step {from} created no revision of {bundle}"),
        )
    };
    let step = plan
        .steps
        .iter()
        .find(|step| &step.id == from)
        .ok_or_else(missing)?;
    let Op::UploadBundle { files, .. } = &step.op else {
        return Err(missing());
    };
    let sha3 = sha3_384(&archive(files)?);
    let list = tools.publisher.revisions(bundle).await?;
    let found = list
        .iter()
        .find(|facts| facts.releasable() && facts.sha3.as_ref() == Some(&sha3));
    found
        .map(|facts| facts.revision)
        .ok_or_else(|| missing().hint("Charmhub no longer lists it: run the same command again to upload it"))
}
