//! Moves the cursor of the review, folds sections and scrolls.
//!
//! The cursor moves with the lines, so that no key acts on something off screen.

use super::{Entry, Review, ReviewLine, outline};
use crate::console::{Model, layout};

/// The outline as shown on screen.
struct Seen {
    lines: Vec<ReviewLine>,
    entries: Vec<Entry>,
    at: usize,
    /// Lines that fit on screen.
    height: usize,
}

impl Seen {
    fn of(model: &Model) -> Option<Self> {
        let review = model.on::<Review>()?;
        let body = layout::layout(model).body;
        let outline = outline(model, review, usize::from(body.width.saturating_sub(2)));
        Some(Self {
            lines: outline.lines,
            entries: outline.entries,
            at: outline.at,
            height: usize::from(body.height.saturating_sub(2)),
        })
    }

    /// Returns the entries whose headings are visible from line `offset` on.
    fn shown(&self, offset: usize) -> impl DoubleEndedIterator<Item = usize> + '_ {
        let end = (offset + self.height).min(self.lines.len());
        let window = self.lines.get(offset.min(end)..end).unwrap_or_default();
        window.iter().filter_map(|line| line.entry)
    }

    /// Returns the entry being read if no heading is visible.
    fn around(&self, offset: usize) -> Option<usize> {
        let above = self.lines.get(..offset.min(self.lines.len())).unwrap_or_default();
        above.iter().rev().find_map(|line| line.entry)
    }
}

fn seen(model: &Model) -> Option<(Vec<Entry>, usize)> {
    let seen = Seen::of(model)?;
    Some((seen.entries, seen.at))
}

/// Scrolls by `steps` lines, or to an end if fewer are left; the cursor follows.
pub fn scroll(model: &mut Model, steps: isize) {
    let Some(seen) = Seen::of(model) else {
        return;
    };
    let Some(review) = model.on_mut::<Review>() else {
        return;
    };
    let end = seen.lines.len().saturating_sub(seen.height);
    let from = review.offset.min(end);
    let offset = from.saturating_add_signed(steps).min(end);
    review.offset = offset;
    review.follow = false;
    let further = if steps > 0 { offset == end } else { offset == 0 };
    let next = if from == offset || (further && steps.unsigned_abs() > seen.lines.len()) {
        // At the end: select the outermost heading, as in a list.
        if steps > 0 {
            seen.shown(offset).next_back()
        } else {
            seen.shown(offset).next()
        }
    } else if seen.shown(offset).any(|entry| entry == seen.at) {
        Some(seen.at)
    } else if steps > 0 {
        seen.shown(offset).next()
    } else {
        seen.shown(offset).next_back()
    };
    // At the top the cursor is where it was when the review opened, if that is visible.
    let first = super::outline::index(&seen.entries, None);
    let next = match next {
        _ if steps < 0 && offset == 0 && seen.shown(0).any(|entry| entry == first) => Some(first),
        next => next.or_else(|| seen.around(offset)),
    };
    if let Some(entry) = next.and_then(|at| seen.entries.into_iter().nth(at)) {
        review.at = Some(entry.key);
    }
}

/// Returns false if the heading with the cursor is off screen: it is scrolled into view, and a key
/// that changes the plan has no effect until it was visible.
pub fn in_sight(model: &mut Model) -> bool {
    let Some(seen) = Seen::of(model) else {
        return true;
    };
    let Some(review) = model.on_mut::<Review>() else {
        return true;
    };
    if seen.entries.is_empty() || seen.shown(review.offset).any(|entry| entry == seen.at) {
        return true;
    }
    review.follow = true;
    model.refuse("the selection was off screen; it is shown now, press again");
    false
}

/// Returns the entry with the cursor.
pub fn selected(model: &Model) -> Option<Entry> {
    let (entries, at) = seen(model)?;
    entries.into_iter().nth(at)
}

fn go_to(model: &mut Model, key: String) {
    if let Some(review) = model.on_mut::<Review>() {
        review.at = Some(key);
        review.follow = true;
    }
}

/// Moves by `steps` headings; beyond the first and the last, scrolls by lines.
pub fn move_by(model: &mut Model, steps: isize) {
    let Some((entries, at)) = seen(model) else {
        return;
    };
    let next = at.saturating_add_signed(steps);
    match entries.into_iter().nth(next) {
        Some(entry) if next != at => go_to(model, entry.key),
        _ => scroll(model, steps),
    }
}

/// Selects a heading; one that is already selected is folded or opened.
pub fn pick(model: &mut Model, at: usize) {
    let Some((entries, selected)) = seen(model) else {
        return;
    };
    let Some(entry) = entries.into_iter().nth(at) else {
        return;
    };
    if at == selected && entry.folds {
        let open = is_open(model, &entry);
        set(model, &entry.key, !open);
    }
    go_to(model, entry.key);
}

fn is_open(model: &Model, entry: &Entry) -> bool {
    model
        .on::<Review>()
        .is_some_and(|review| review.folds.open(&entry.key))
}

fn set(model: &mut Model, key: &str, open: bool) {
    if let Some(review) = model.on_mut::<Review>() {
        review.folds.set(key, open);
    }
}

/// Returns the key of the section that encloses `key`.
fn enclosing(entries: &[Entry], key: &str) -> Option<String> {
    let inside = |one: &&Entry| {
        key.strip_prefix(one.key.as_str())
            .is_some_and(|rest| rest.starts_with('/'))
    };
    entries.iter().rfind(inside).map(|one| one.key.clone())
}

/// Returns the headings, and the one with the cursor.
fn at_cursor(model: &Model) -> Option<(Vec<Entry>, Entry)> {
    let (entries, at) = seen(model)?;
    let entry = entries.get(at)?.clone();
    Some((entries, entry))
}

/// Folds the section at the cursor, or moves to the enclosing one.
pub(super) fn fold(model: &mut Model) {
    let Some((entries, entry)) = at_cursor(model) else {
        return;
    };
    if entry.folds && is_open(model, &entry) {
        set(model, &entry.key, false);
    } else if let Some(key) = enclosing(&entries, &entry.key) {
        go_to(model, key);
    }
}

/// Opens the section at the cursor.
pub(super) fn unfold(model: &mut Model) {
    if let Some((_, entry)) = at_cursor(model).filter(|(_, entry)| entry.folds) {
        set(model, &entry.key, true);
    }
}

/// Folds everything.
pub(super) fn fold_all(model: &mut Model) {
    if let Some((entries, entry)) = at_cursor(model) {
        set_all(model, false);
        go_to(model, enclosing(&entries, &entry.key).unwrap_or(entry.key));
    }
}

/// Opens everything.
pub(super) fn unfold_all(model: &mut Model) {
    if let Some((_, entry)) = at_cursor(model) {
        set_all(model, true);
        go_to(model, entry.key);
    }
}

fn set_all(model: &mut Model, open: bool) {
    if let Some(review) = model.on_mut::<Review>() {
        review.folds.set_all(open);
    }
}
