//! The user's own keys of the console, each with the place where it is wished.
//!
//! Owns their form in the file. Must not know which actions there are; the console's keymap does.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::place::Place;

/// The `[keys]` table: an action's name and the keys it shall have, in place of its usual ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyTable(BTreeMap<Spanned<String>, KeyTexts>);

/// One key or a list of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a key such as \"P\" or a list of keys such as [\"P\", \"ctrl-p\"] was expected"
)]
enum KeyTexts {
    One(String),
    Many(Vec<String>),
}

/// The wish that an action has these keys and no others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyWish {
    /// The action's name as written.
    pub action: String,
    /// The keys as written; none unbinds the action.
    pub keys: Vec<String>,
    /// Where it stands.
    pub place: Place,
}

impl KeyTable {
    /// The wishes in the order of the file `text`, which lies at `file`.
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
