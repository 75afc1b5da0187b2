//! Creates a track of a charm.

use super::{Ended, Settled, StoreTools, Work, guarded, note};
use crate::domain::{CharmName, Track};
use crate::run::progress::Phase;
use crate::services::charmhub::bundle::no_longer_accepted;

pub async fn perform(tools: &StoreTools, work: Work<'_>, charm: CharmName, track: Track) -> Ended {
    note(&work, Phase::Sending, "asking for the track");
    let look = || async {
        let tracks = tools.publisher.tracks(&charm).await?;
        Ok(tracks.contains(&track).then_some(()))
    };
    let settled = guarded(&work, look, || tools.writer.create_track(&charm, &track)).await;
    match settled {
        Settled::Already(()) => Ended::skipped(work.made),
        Settled::Now(()) => Ended::done(work.made),
        Settled::Refused(problem) => {
            // Only a bundle's track may be missing.
            let mut made = work.made;
            made.no_longer_accepted = work.step.optional && no_longer_accepted(&problem);
            Ended::failed(made, problem)
        }
        Settled::Unknown(problem) => Ended::unknown(work.made, problem),
    }
}
