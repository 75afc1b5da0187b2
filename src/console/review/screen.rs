//! What the review screen does while it is visible.

use ratatui::Frame;

use super::actions::scope;
use super::{Review, ReviewLine, fold, outline, view};
use crate::console::Model;
use crate::console::actions::Availability;
use crate::console::layout::layout;
use crate::console::listing::window;
use crate::console::screen::{Screen, ScreenSpec};
use crate::console::view::Drawn;

static SPEC: ScreenSpec = ScreenSpec {
    scope: |model| match model.on::<Review>() {
        Some(review) => scope(review.kind()),
        None => crate::console::actions::Scope::REVIEW,
    },
    draw,
    fit: settle,
    move_by: fold::move_by,
    scroll: fold::scroll,
    page_height: |model| usize::from(layout(model).body.height.saturating_sub(3)),
    wheel: |model, _, steps| fold::scroll(model, steps),
    pick: fold::pick,
    double_click: |_| None,
    copied: |model| Some(model.on::<Review>()?.intent.command()),
    page: |_| None,
    can_browse: |_| Availability::Hidden,
    pager: |_| None,
    search: None,
};

impl Screen for Review {
    fn spec(&self) -> &'static ScreenSpec {
        &SPEC
    }

    fn boxed(&self) -> Box<dyn Screen> {
        Box::new(self.clone())
    }
}

fn draw(model: &Model, frame: &mut Frame, drawn: &mut Drawn) {
    if let Some(review) = model.on() {
        view::draw(model, review, layout(model).body, frame, drawn);
    }
}

/// Clamps the scroll position.
pub fn settle(model: &mut Model, width: usize, height: usize) {
    let Some(review) = model.on::<Review>() else {
        return;
    };
    let outline = outline(model, review, width);
    let on = |line: &ReviewLine| line.entry == Some(outline.at);
    let at = outline.lines.iter().position(on);
    let last = outline.lines.len();
    // The lines under a heading belong to it: show a few of them too.
    let own = at.map_or(0, |at| {
        let after = outline.lines.iter().skip(at + 1);
        after.take_while(|line| line.entry.is_none()).take(4).count()
    });
    let Some(review) = model.on_mut::<Review>() else {
        return;
    };
    if let Some(at) = at.filter(|_| review.follow) {
        review.offset = window(review.offset, at + own, height, last);
        review.offset = window(review.offset, at, height, last);
        // The first heading is shown together with the lines above it.
        if outline.at == 0 && at < height {
            review.offset = 0;
        }
    }
    review.offset = review.offset.min(last.saturating_sub(height));
}
