//! Notifies through the terminal that a run ended.

use chrono::TimeDelta;

use super::Model;
use super::effect::Effect;
use crate::config::Notify;
use crate::domain::SanitizedText;
use crate::journal::RunRecord;

/// A shorter run needs no notification.
const A_WHILE: TimeDelta = TimeDelta::seconds(10);
/// Notifies that a run ended, if configured, while the window has no focus.
pub fn told_elsewhere(model: &Model, record: &RunRecord, words: &str) -> Vec<Effect> {
    let wished = match model.setting.wishes.notify {
        Notify::Always => true,
        Notify::Unfocused => !model.in_focus,
        Notify::Never => false,
    };
    let ended = record.finished_at.unwrap_or(model.now);
    if !wished || ended - record.started_at < A_WHILE {
        return Vec::new();
    }
    vec![Effect::Notify(SanitizedText::capped(words, 200).to_string())]
}
