//! Formats a waiting plan: what it waits for, or why it needs confirmation again, and what can be
//! done.
//!
//! Lines are cut by the view, to its width.

use super::{Stands, Waiting, Why};
use crate::console::actions::ActionId;
use crate::console::components::Line;
use crate::console::view::look::Tone;
use crate::console::view::piece::Piece;
use crate::console::{Model, words};
use crate::journal::Outcome;

/// Describes what it waits for.
pub fn behind(model: &Model, one: &Waiting) -> String {
    if let Some(before) = model.queue().before(&one.place) {
        return format!("queued behind {}", model.short_title(&before.plan.title));
    }
    let goes_on = model.live().values().find(|live| !live.ended);
    goes_on.map_or_else(
        || "starts next".to_owned(),
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
                "This plan starts once the run ahead of it has succeeded. It is planned again \
                first, and starts only if it still makes the changes you confirmed. Otherwise it \
                needs another review.",
                Tone::Plain,
            );
            text(
                &keymap.hint(ActionId::RUN_TAKE_OUT, "remove it from the queue"),
                Tone::Accent,
            );
        }
        Stands::Looking(_) => text(
            "Planning again to check that the changes are still the same.",
            Tone::Plain,
        ),
        Stands::Starting(_) => text("The run is starting.", Tone::Plain),
        Stands::Asks(why) => {
            match why {
                Why::Before { title, outcome } => text(
                    &format!(
                        "Not started: '{}' {}. The current state may have changed.",
                        model.short_title(title),
                        ended(*outcome)
                    ),
                    Tone::Warn,
                ),
                Why::Changed(list) => {
                    text(
                        "Not started: the new plan differs from the one you confirmed.",
                        Tone::Warn,
                    );
                    for line in list {
                        text(&format!("- {line}"), Tone::Plain);
                    }
                }
                Why::Refused(problem) => {
                    text("Not started:", Tone::Warn);
                    for line in Line::problem(problem) {
                        text(&format!("{}{}", line.label, line.text), line.tone);
                    }
                }
            }
            let again = keymap.hint(ActionId::RUN_AGAIN, "plan it again");
            let remove = keymap.hint(ActionId::RUN_TAKE_OUT, "remove it");
            text(&format!("{again}, {remove}"), Tone::Accent);
        }
    }
    page
}

const fn ended(outcome: Option<Outcome>) -> &'static str {
    match outcome {
        Some(Outcome::Failed) => "failed",
        Some(Outcome::Cancelled) => "was cancelled",
        Some(Outcome::Unknown) => "ended with an unknown outcome",
        Some(Outcome::Done | Outcome::Partly) => "ended",
        None => "did not start",
    }
}
