//! Parses the user's own keys of the console, each with its position in the file.
//!
//! Whether an action exists is checked by the console's keymap.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::place::Place;

/// The `[keys]` table: names of actions and the keys that replace their default ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyTable(BTreeMap<Spanned<String>, KeyTexts>);

/// A single key or a list of keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a key such as \"P\" or a list of keys such as [\"P\", \"ctrl-p\"]"
)]
enum KeyTexts {
    One(String),
    Many(Vec<String>),
}

/// A binding of an action to exactly these keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyWish {
    /// Name of the action as written.
    pub action: String,
    /// Keys as written; an empty list unbinds the action.
    pub keys: Vec<String>,
    /// Position in the file.
    pub place: Place,
}

impl KeyTable {
    /// Returns the bindings in the order of `text`, read from `file`.
    pub(super) fn wishes(&self, text: &str, file: &str) -> Vec<KeyWish> {
        let mut entries: Vec<_> = self.0.iter().collect();
        entries.sort_by_key(|(action, _)| action.span().start);
        entries
            .into_iter()
            .map(|(action, keys)| KeyWish {
                action: action.get_ref().clone(),
                keys: match keys {
                    KeyTexts::One(key) => vec![key.clone()],
                    KeyTexts::Many(keys) => keys.clone(),
                },
                place: Place::of(text, file, action.span().start),
            })
            .collect()
    }
}
