//! Formats what a plan relies on, and how long ago each fact was read.

use chrono::{DateTime, Utc};

use super::Review;
use super::outline::{Entry, Page};
use crate::console::view::look::{Glyph, Tone};
use crate::console::view::piece::Piece;
use crate::console::words;
use crate::domain::Snapshot;
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
            let named = |name: &dyn std::fmt::Display| format!("key of {name}") == assumption.what.as_str();
            let own = snapshot.secrets.iter().find(|(repository, _)| named(repository));
            let read_at = own.and_then(|(_, observed)| observed.read_at);
            read_at.or_else(|| {
                let shared = snapshot
                    .organisations
                    .values()
                    .filter_map(|observed| observed.read_at);
                shared.min()
            })
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
            format!("the oldest was seen {}", words::age(now, *at))
        }
        Some(at) => format!("the oldest known was seen {}", words::age(now, *at)),
        None => "nobody knows when it was seen".to_owned(),
    };
    let entry = Entry {
        key: "assumed".to_owned(),
        folds: true,
        item: None,
        orphan: None,
    };
    let pieces = vec![
        Piece::new("Assumed, and looked at again before it counts", Tone::Strong),
        Piece::new(format!("  {}, {oldest}", plan.assumptions.len()), Tone::Dim),
    ];
    page.gap();
    if !page.section(0, entry, pieces) {
        return;
    }
    let dot = page.look.glyph(Glyph::Dot);
    for (at, assumption) in plan.assumptions.iter().enumerate() {
        let age = match review.seen.get(at).copied().flatten() {
            Some(at) => format!("seen {}", words::age(now, at)),
            None => "when it was seen is not known".to_owned(),
        };
        let text = format!("{} = {}  {dot} {age}", assumption.what, assumption.value);
        page.item(3, dot, &text, Tone::Plain);
    }
}
