//! Builds the command equivalent to an action, filled with the selected names.
//!
//! Words of a command without a known value stay as they are in the table.

use super::{ActionSpec, Scope};
use crate::console::model::Screen;
use crate::console::panes::credentials;
use crate::console::{Model, promote};
use crate::plan::Risk;

/// Returns the equivalent command of `spec` for the current state.
pub fn twin(model: &Model, spec: &ActionSpec) -> Option<String> {
    let command = spec.twin?;
    if let Screen::Review(review) = &model.screen
        && spec.risk != Risk::Read
    {
        return Some(review.intent.command());
    }
    let words = command
        .split(' ')
        .map(|word| value(model, spec, word).unwrap_or_else(|| word.to_owned()));
    Some(words.collect::<Vec<_>>().join(" "))
}

/// Returns the current value of `word` in the command of `spec`.
fn value(model: &Model, spec: &ActionSpec, word: &str) -> Option<String> {
    match (&model.screen, word) {
        (Screen::Panes, "RELEASE") if spec.scope == Scope::CHANNELS => {
            let (release, track) = promote::source(model).ok()?;
            Some(release.map_or_else(|| format!("--track {track}"), |name| name.to_string()))
        }
        (Screen::Panes, "RELEASE") => model.panes.releases.selected().map(|row| row.name.to_string()),
        (Screen::Panes, "CHARM") if spec.scope == Scope::CHANNELS => {
            model.panes.channels.selected().map(|row| row.charm.to_string())
        }
        (Screen::Panes, "CHARM") => model.panes.charms.selected().map(|row| row.charm.to_string()),
        (Screen::Panes, "RESOURCE") => {
            let row = model.panes.charms.selected()?;
            row.resource().map(|(name, _)| name.to_string())
        }
        (Screen::Panes, "SESSION") => {
            let sessions = credentials::chosen_sessions(&model.panes.credentials);
            let ids: Vec<String> = sessions.map(|row| row.facts.id.to_string()).collect();
            (!ids.is_empty()).then(|| ids.join(" "))
        }
        (Screen::Panes, "RUN") => model.panes.activity.selected().map(|row| row.run.0.clone()),
        (Screen::Run(running), "RUN") => Some(running.run.0.clone()),
        (Screen::Review(review), "RELEASE") => review.publish().map(|wish| wish.release.to_string()),
        _ => None,
    }
}
