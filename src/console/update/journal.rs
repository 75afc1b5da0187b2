//! Handles the runs read from the journal. What a run of another windlass changed is read again once
//! that run has ended.

use chrono::{DateTime, Utc};

use crate::console::effect::{Effect, RequestId};
use crate::console::{Model, panes, refresh, workflows};
use crate::domain::Problem;
use crate::journal::RunRecord;

/// Stores the runs, newest first.
pub(super) fn runs_read(
    model: &mut Model,
    id: RequestId,
    at: DateTime<Utc>,
    result: Result<Vec<RunRecord>, Problem>,
) -> Vec<Effect> {
    model.now = model.now.max(at);
    if model.journal.in_flight != Some(id) {
        return Vec::new();
    }
    model.journal.in_flight = None;
    let first = model.journal.answered_at.replace(model.now).is_none();
    match result {
        Ok(mut runs) => {
            runs.sort_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
            // The first time, the first refresh reads everything.
            if !first && !model.setting.offline {
                let ended: Vec<_> = runs.iter().filter(|run| has_ended(model, run)).collect();
                for run in ended {
                    model.changed.add(run.plan.changes());
                }
            }
            model.runs = runs;
            model.journal.problem = None;
        }
        Err(problem) => model.journal.problem = Some(problem),
    }
    panes::rebuild_activity(model);
    let mut effects = workflows::follow_recent(model);
    effects.extend(refresh::refresh_changed(model));
    effects
}

/// Returns true if `run` has ended since the journal was last read, in another windlass. The end of
/// a run of this console is reported by itself and followed by a whole refresh.
fn has_ended(model: &Model, run: &RunRecord) -> bool {
    let here = model.live().get(&run.id).is_some_and(|live| !live.ended);
    if run.running || here {
        return false;
    }
    model.record(&run.id).is_none_or(|known| {
        known.running || (known.outcome, known.finished_at) != (run.outcome, run.finished_at)
    })
}
