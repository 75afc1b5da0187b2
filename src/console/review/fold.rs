//! Where the cursor is in the review, and what is folded.
//!
//! Must not draw.

use super::{Entry, outline};
use crate::console::model::Screen;
use crate::console::msg::ReviewMsg;
use crate::console::{Model, layout};

fn seen(model: &Model) -> Option<(Vec<Entry>, usize)> {
    let Screen::Review(review) = &model.screen else {
        return None;
    };
    let width = usize::from(layout::layout(model).body.width.saturating_sub(2));
    let outline = outline(model, review, width);
    Some((outline.entries, outline.at))
}

/// The entry with the cursor.
pub fn selected(model: &Model) -> Option<Entry> {
    let (entries, at) = seen(model)?;
    entries.into_iter().nth(at)
}

fn go_to(model: &mut Model, key: String) {
    if let Screen::Review(review) = &mut model.screen {
        review.at = Some(key);
        review.follow = true;
    }
}

/// Moves by `steps` headings; beyond the first and the last by lines.
pub fn move_by(model: &mut Model, steps: isize) {
    let Some((entries, at)) = seen(model) else {
        return;
    };
    let next = at.saturating_add_signed(steps);
    match entries.into_iter().nth(next) {
        Some(entry) if next != at => go_to(model, entry.key),
        _ => {
            if let Screen::Review(review) = &mut model.screen {
                review.follow = false;
                review.offset = review.offset.saturating_add_signed(steps);
            }
        }
    }
}

/// Selects a heading; the one that is selected already is folded, or opened.
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
    match &model.screen {
        Screen::Review(review) => review.folds.open(&entry.key),
        _ => false,
    }
}

fn set(model: &mut Model, key: &str, open: bool) {
    if let Screen::Review(review) = &mut model.screen {
        review.folds.set(key, open);
    }
}

/// What the keys for folding do.
pub fn fold(model: &mut Model, msg: ReviewMsg) {
    let Some((entries, at)) = seen(model) else {
        return;
    };
    let Some(entry) = entries.get(at) else {
        return;
    };
    let enclosing = |key: &str| -> Option<String> {
        let inside = |one: &&Entry| {
            key.strip_prefix(one.key.as_str())
                .is_some_and(|rest| rest.starts_with('/'))
        };
        entries.iter().rfind(inside).map(|one| one.key.clone())
    };
    match msg {
        ReviewMsg::Fold if entry.folds && is_open(model, entry) => set(model, &entry.key, false),
        ReviewMsg::Fold => {
            if let Some(key) = enclosing(&entry.key) {
                go_to(model, key);
            }
        }
        ReviewMsg::Unfold if entry.folds => set(model, &entry.key, true),
        ReviewMsg::FoldAll | ReviewMsg::UnfoldAll => {
            let key = match msg {
                ReviewMsg::FoldAll => enclosing(&entry.key).unwrap_or_else(|| entry.key.clone()),
                _ => entry.key.clone(),
            };
            if let Screen::Review(review) = &mut model.screen {
                review.folds.set_all(msg == ReviewMsg::UnfoldAll);
            }
            go_to(model, key);
        }
        _ => {}
    }
}
