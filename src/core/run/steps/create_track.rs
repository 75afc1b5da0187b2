//! Creates a track of a charm.

use super::{Checked, StepContext, StepResult, StoreTools, WriteResult, check_write_verify, note};
use crate::domain::{CharmName, Track};
use crate::run::progress::Phase;
use crate::services::charmhub::bundle::no_longer_accepted;

pub async fn perform(
    tools: &StoreTools,
    work: StepContext<'_>,
    charm: CharmName,
    track: Track,
) -> StepResult {
    note(&work, Phase::Sending, "creating the track");
    let check = || async {
        let tracks = tools.publisher.tracks(&charm).await?;
        Ok(Checked::from_found(tracks.contains(&track).then_some(())))
    };
    let write = |()| tools.writer.create_track(&charm, &track);
    match check_write_verify(&work, None, check, write).await {
        WriteResult::Refused(problem) => {
            // Only a bundle's track may be missing.
            let mut made = work.made;
            made.no_longer_accepted = work.step.optional && no_longer_accepted(&problem);
            StepResult::failed(made, problem)
        }
        other => other.ended(work.made),
    }
}
