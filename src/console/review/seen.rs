//! Formats what a plan relies on, and how long ago each fact was read.

use chrono::{DateTime, Utc};

use super::Review;
use super::outline::{Entry, Page};
use crate::console::view::look::{Glyph, Tone};
use crate::console::view::piece::Piece;
use crate::console::words;
use crate::domain::{KeyId, Snapshot};
use crate::plan::{Assumption, Op, Plan};

/// Returns when each assumption of `plan`, made from `snapshot`, was read.
pub(super) fn seen(snapshot: &Snapshot, plan: &Plan) -> Vec<Option<DateTime<Utc>>> {
    let one = |assumption: &Assumption| seen_at(snapshot, plan, assumption);
    plan.assumptions.iter().map(one).collect()
}

fn seen_at(snapshot: &Snapshot, plan: &Plan, assumption: &Assumption) -> Option<DateTime<Utc>> {
    let step = assumption.step.as_ref().and_then(|id| plan.step(id));
    match step.map(|step| &step.op) {
        None => snapshot.images.get(assumption.what.as_str())?.read_at,
        Some(Op::Commit { .. }) => snapshot.bundle.read_at,
        Some(Op::CopyImage { .. } | Op::Copy { .. } | Op::UploadFile { .. }) => snapshot.content.read_at,
        Some(Op::SealSecrets { .. }) => {
            // The value is the id of a key: it belongs to one repository or organisation.
            let is_it = |key: &KeyId| key.0 == assumption.value.as_str();
            let own = snapshot.secrets.values();
            let own = own.filter(|seen| seen.value.as_ref().is_some_and(|facts| is_it(&facts.key_id)));
            let shared = snapshot.organisations.values();
            let shared = shared.filter(|seen| seen.value.as_ref().is_some_and(|facts| is_it(&facts.key_id)));
            let own = own.filter_map(|seen| seen.read_at);
            own.chain(shared.filter_map(|seen| seen.read_at)).min()
        }
        Some(op) => snapshot.charms.get(op.charm()?)?.read_at,
    }
}

/// Adds the section of assumptions, with the age of the oldest.
pub(super) fn section(review: &Review, plan: &Plan, now: DateTime<Utc>, page: &mut Page) {
    if plan.assumptions.is_empty() {
        return;
    }
    let known = || review.seen.iter().flatten();
    let oldest = match known().min() {
        Some(at) if known().count() == plan.assumptions.len() => {
            format!("oldest read {}", words::age(now, *at))
        }
        Some(at) => format!("oldest known read {}", words::age(now, *at)),
        None => "age unknown".to_owned(),
    };
    let entry = Entry {
        key: "assumed".to_owned(),
        folds: true,
        item: None,
        orphan: None,
    };
    let pieces = vec![
        Piece::new("Preconditions, checked again before each step", Tone::Strong),
        Piece::new(format!("  {}, {oldest}", plan.assumptions.len()), Tone::Dim),
    ];
    page.gap();
    if !page.section(0, entry, pieces) {
        return;
    }
    let dot = page.look.glyph(Glyph::Dot);
    for (at, assumption) in plan.assumptions.iter().enumerate() {
        let age = match review.seen.get(at).copied().flatten() {
            Some(at) => format!("read {}", words::age(now, at)),
            None => "age unknown".to_owned(),
        };
        let text = format!("{} = {}  {dot} {age}", assumption.what, assumption.value);
        page.item(3, dot, &text, Tone::Plain);
    }
}
