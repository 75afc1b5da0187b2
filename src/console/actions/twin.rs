//! Builds the command equivalent to an action, filled with the selected names.
//!
//! Words of a command without a known value stay as they are in the table.

use super::ActionSpec;
use crate::console::Model;

/// Returns the equivalent command of `spec` for the current state.
pub fn twin(model: &Model, spec: &ActionSpec) -> Option<String> {
    let command = spec.twin?;
    if let Some(whole) = (spec.fill)(model, command) {
        return Some(whole);
    }
    let words = command
        .split(' ')
        .map(|word| (spec.fill)(model, word).unwrap_or_else(|| word.to_owned()));
    Some(words.collect::<Vec<_>>().join(" "))
}
