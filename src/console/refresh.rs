//! Requests refreshes of the services and reads of the journal.

use super::Model;
use super::effect::Effect;
use crate::observe::View;
use crate::plan::Changed;

/// Requests a refresh of every source. If one is pending it is enough; one that reads only a part
/// is followed by a whole one.
pub fn refresh(model: &mut Model) -> Vec<Effect> {
    if model.refresh.in_flight.is_some() {
        model.refresh.again |= model.refresh.part;
        return Vec::new();
    }
    model.changed = Changed::default();
    request(model, None)
}

/// Requests what runs of another windlass changed, once no refresh is pending.
pub fn refresh_changed(model: &mut Model) -> Vec<Effect> {
    if model.refresh.in_flight.is_some() || model.changed.is_empty() {
        return Vec::new();
    }
    let changed = std::mem::take(&mut model.changed);
    request(model, Some(changed))
}

fn request(model: &mut Model, changed: Option<Changed>) -> Vec<Effect> {
    let id = model.next_id();
    model.refresh.in_flight = Some(id);
    model.refresh.started_at = None;
    model.refresh.part = changed.is_some();
    // The other sources are not being read.
    let all = View::Console.sources().iter().copied();
    let others = all.filter(|source| changed.as_ref().is_some_and(|one| !one.sources.contains(source)));
    model.refresh.complete = others.collect();
    vec![Effect::Refresh {
        id,
        previous: model.snapshot.clone(),
        changed,
    }]
}

/// Refreshes after a change; if a refresh is pending, once more after it.
pub fn refresh_after_change(model: &mut Model) -> Vec<Effect> {
    model.refresh.again = model.refresh.in_flight.is_some();
    refresh(model)
}

/// Requests the journal's runs; only the newest request counts.
pub fn read_runs(model: &mut Model) -> Vec<Effect> {
    let id = model.next_id();
    model.journal.in_flight = Some(id);
    vec![Effect::ReadRuns { id }]
}
