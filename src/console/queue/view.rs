//! Formats a waiting plan: what it waits for, or why it needs confirmation again, and what can be
//! done.
//!
//! Lines are cut by the view, to its width.

use super::{Stands, Waiting, Why};
use crate::console::actions::ActionId;
use crate::console::dialogs::Line;
use crate::console::view::look::Tone;
use crate::console::view::piece::Piece;
use crate::console::{Model, words};
use crate::journal::Outcome;

/// Describes what it waits for.
pub fn behind(model: &Model, one: &Waiting) -> String {
    if let Some(before) = model.queue.before(&one.place) {
        return format!("queued behind {}", model.short_title(&before.plan.title));
    }
    let goes_on = model.live.values().find(|live| !live.ended);
    goes_on.map_or_else(
        || "its turn has come".to_owned(),
        |live| {
            let percent = live
                .percent()
                .map_or_else(String::new, |percent| format!(" ({percent}%)"));
            format!("queued behind {}{percent}", model.short_title(&live.plan.title))
        },
    )
}

/// Returns all lines about it, above its steps.
pub fn lines(model: &Model, one: &Waiting, width: usize) -> Vec<Vec<Piece>> {
    let keymap = &model.setting.keymap;
    let mut page = Vec::new();
    let mut text = |text: &str, tone: Tone| {
        for line in words::wrap(text, width.saturating_sub(4)) {
            page.push(vec![Piece::new(format!("   {line}"), tone)]);
        }
    };
    match &one.stands {
        Stands::Behind => {
            text(
                "It starts by itself once what stands before it ended well: then it is made anew, and only \
                 where it still does the same as what was confirmed. Otherwise it asks again.",
                Tone::Plain,
            );
            text(
                &format!(
                    "{}.",
                    keymap.hint(ActionId::RunTakeOut, "removes it from the queue")
                ),
                Tone::Accent,
            );
        }
        Stands::Looking(_) => text(
            "Its turn has come: it is looked at and planned anew, to see that it is still the same.",
            Tone::Plain,
        ),
        Stands::Starting(_) => text("It is being started.", Tone::Plain),
        Stands::Asks(why) => {
            match why {
                Why::Before { title, outcome } => text(
                    &format!(
                        "Nothing was started: what came first, {}, {}. The world may have changed.",
                        model.short_title(title),
                        ended(*outcome)
                    ),
                    Tone::Warn,
                ),
                Why::Changed(list) => {
                    text(
                        "Nothing was started: made anew, the plan is no longer the one that was confirmed.",
                        Tone::Warn,
                    );
                    for line in list {
                        text(&format!("- {line}"), Tone::Plain);
                    }
                }
                Why::Refused(problem) => {
                    text("Nothing was started:", Tone::Warn);
                    for line in Line::problem(problem) {
                        text(&format!("{}{}", line.label, line.text), line.tone);
                    }
                }
            }
            let again = keymap.hint(ActionId::RunAgain, "plans it again for review");
            let remove = keymap.hint(ActionId::RunTakeOut, "removes it");
            text(&format!("{again}; {remove}."), Tone::Accent);
        }
    }
    page
}

const fn ended(outcome: Option<Outcome>) -> &'static str {
    match outcome {
        Some(Outcome::Failed) => "failed",
        Some(Outcome::Cancelled) => "was stopped",
        Some(Outcome::Unknown) => "ended without a certain answer",
        Some(Outcome::Done | Outcome::Partly) => "ended",
        None => "was not started",
    }
}
