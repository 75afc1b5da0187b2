//! Waits until the released revisions are publicly visible. Only reads.

use std::collections::BTreeMap;
use std::time::Duration;

use super::release::{changed_after, targets};
use super::{StepContext, StepResult, StoreTools, note};
use crate::domain::charm::ChannelRow;
use crate::domain::{CharmName, Problem, ProblemKind};
use crate::plan::ChannelUpdate;
use crate::run::progress::Phase;

/// Reads of the public view before the wait is given up: about three minutes.
const LOOKS: usize = 60;

pub async fn perform(
    tools: &StoreTools,
    work: StepContext<'_>,
    charm: CharmName,
    moves: Vec<ChannelUpdate>,
) -> StepResult {
    let targets = match targets(work.made_of, &moves) {
        Ok(targets) => targets,
        Err(problem) => return StepResult::failed(work.made, problem),
    };
    note(&work, Phase::Looking, "checking the public API");
    // If the run is resumed later, another client may have released something else since: then
    // waiting is useless.
    match tools.publisher.rows(&charm).await {
        Ok(rows) => {
            let moved: Vec<String> = targets.iter().filter_map(|target| target.lost(&rows)).collect();
            if !moved.is_empty() {
                let problem = changed_after(&charm, moved);
                let hint = "check recent releases, then plan again";
                return StepResult::failed(work.made, problem.hint(hint));
            }
        }
        Err(problem) => return StepResult::unknown(work.made, problem),
    }
    let mut failure = None;
    for look in 0..LOOKS {
        match served(tools, &charm).await {
            Ok(rows) if targets.iter().all(|target| target.served_by(&rows)) => {
                return StepResult::done(work.made);
            }
            Ok(_) => {
                failure = None;
                note(
                    &work,
                    Phase::Processing,
                    "released, not yet visible to the public",
                );
            }
            // Reads are retried by the client: a failure here is final.
            Err(problem) => {
                failure = Some(problem);
                break;
            }
        }
        let pause = Duration::from_millis(if look < 5 { 300 } else { 3000 });
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = work.cancel.cancelled() => return StepResult::cancelled(work.made),
        }
    }
    let problem = failure.unwrap_or_else(|| {
        Problem::new(
            ProblemKind::Service,
            format!("{charm} is released, but not yet visible to the public"),
        )
    });
    StepResult::unknown(work.made, problem)
}

async fn served(tools: &StoreTools, charm: &CharmName) -> Result<Vec<ChannelRow>, Problem> {
    let public = &tools.services.public;
    let mut maps = BTreeMap::from([(charm.clone(), public.map(charm).await?)]);
    public.resources(&mut maps).await?;
    Ok(maps.remove(charm).map(|map| map.rows).unwrap_or_default())
}
