//! Tests the action table: keys that parse and do not conflict, equivalent commands, texts.

use std::collections::{BTreeMap, BTreeSet};

use crate::console::actions::{self, ActionId, Chord, Keymap, Scope, TURNS};
use crate::plan::Risk;

#[test]
fn every_usual_key_can_be_written_and_means_one_thing() {
    for spec in actions::all() {
        // Rarely used actions are found only in the palette.
        assert!(
            !spec.keys.is_empty() || spec.scope == Scope::Everywhere,
            "{:?}",
            spec.id
        );
        for text in spec.keys {
            let chord = Chord::parse(text).unwrap_or_else(|| panic!("{text} is no key"));
            assert_eq!(chord.to_string(), *text);
        }
    }
    assert_eq!(Keymap::default().conflicts(), []);
}

#[test]
fn titles_of_what_is_active_together_differ() {
    for scope in Scope::narrowest() {
        let scopes = scope.with_wider();
        let mut titled: BTreeMap<&str, ActionId> = BTreeMap::new();
        for spec in actions::all().filter(|spec| scopes.contains(&spec.scope)) {
            if let Some(other) = titled.insert(spec.title, spec.id) {
                let pair = (other, spec.id);
                let turns = TURNS.contains(&pair) || TURNS.contains(&(pair.1, pair.0));
                assert!(turns, "{} in {scope:?}", spec.title);
            }
        }
    }
}

#[test]
fn whatever_writes_has_a_command_that_does_the_same() {
    for spec in actions::all().filter(|spec| spec.risk != Risk::Read) {
        assert!(spec.twin.is_some(), "{:?}", spec.id);
    }
}

#[test]
fn every_action_is_said_once_and_well() {
    let ids: BTreeSet<_> = actions::all().map(|spec| spec.id).collect();
    assert_eq!(ids.len(), actions::all().count());
    for spec in actions::all() {
        assert!(spec.help.ends_with('.'), "{:?}", spec.id);
        assert!(spec.title.len() <= 16, "{:?}", spec.id);
        assert!(spec.help.len() <= 94, "{:?} {}", spec.id, spec.help.len());
    }
}
