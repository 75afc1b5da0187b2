//! Handles the answers of a refresh: each source as it arrives, then the whole snapshot.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::console::effect::RequestId;
use crate::console::{Model, image, panes};
use crate::domain::{Snapshot, SourceUpdate};

/// A refresh was started.
pub(super) fn started(model: &mut Model, id: RequestId, at: DateTime<Utc>) {
    model.now = model.now.max(at);
    if model.refresh.in_flight == Some(id) {
        model.refresh.started_at = Some(model.now);
    }
}

/// One source answered.
pub(super) fn source_read(model: &mut Model, id: RequestId, at: DateTime<Utc>, update: SourceUpdate) {
    model.now = model.now.max(at);
    if model.refresh.in_flight != Some(id) {
        return;
    }
    if let SourceUpdate::Complete(source) = update {
        model.refresh.complete.insert(source);
        return;
    }
    let snapshot = Arc::make_mut(&mut model.snapshot);
    snapshot.taken_at = snapshot.taken_at.max(at);
    snapshot.apply(update);
    panes::rebuild(model);
}

/// Every source answered.
pub(super) fn observed(model: &mut Model, id: RequestId, at: DateTime<Utc>, snapshot: Arc<Snapshot>) {
    model.now = model.now.max(at);
    if model.refresh.in_flight != Some(id) {
        return;
    }
    model.refresh.in_flight = None;
    let whole = !std::mem::take(&mut model.refresh.part);
    // Not `at`: after the clock was set back, a refresh would be due again at once, forever.
    if whole {
        model.refresh.answered_at = Some(model.now);
    }
    // If a publish has read newer data meanwhile, that is kept; the next refresh starts from it.
    if snapshot.taken_at >= model.snapshot.taken_at {
        model.snapshot = image::with_known(model, snapshot);
    }
    panes::rebuild(model);
}
