//! Tests the action table: keys that parse and do not conflict, equivalent commands, texts.

use std::collections::{BTreeMap, BTreeSet};

use crate::console::actions::{ActionId, Chord, Keymap, Scope, aliases};
use crate::console::registry;
use crate::plan::Risk;

#[test]
fn every_usual_key_can_be_written_and_means_one_thing() {
    for spec in registry::all() {
        // Rarely used actions are found only in the palette.
        assert!(
            !spec.keys.is_empty() || spec.scope == Scope::EVERYWHERE,
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
        for spec in registry::all().filter(|spec| scopes.contains(&spec.scope)) {
            if let Some(other) = titled.insert(spec.title, spec.id) {
                let turns = Keymap::default().take_turns(other, spec.id);
                assert!(turns, "{} in {scope:?}", spec.title);
            }
        }
    }
}

#[test]
fn whatever_writes_has_a_command_that_does_the_same() {
    for spec in registry::all().filter(|spec| spec.risk != Risk::Read) {
        assert!(spec.twin.is_some(), "{:?}", spec.id);
    }
}

#[test]
fn every_action_is_said_once_and_well() {
    let ids: BTreeSet<_> = registry::all().map(|spec| spec.id).collect();
    assert_eq!(ids.len(), registry::all().count());
    for spec in registry::all() {
        assert!(spec.help.ends_with('.'), "{:?}", spec.id);
        assert!(spec.title.len() <= 16, "{:?}", spec.id);
        assert!(spec.help.len() <= 94, "{:?} {}", spec.id, spec.help.len());
    }
}

#[test]
fn scopes_have_titles_of_their_own_and_know_all_that_are_active_with_them() {
    let all: Vec<Scope> = registry::FEATURES
        .iter()
        .flat_map(|part| part.scopes)
        .copied()
        .collect();
    let titles: BTreeSet<&str> = all.iter().map(|scope| scope.title()).collect();
    assert_eq!(titles.len(), all.len());
    for scope in &all {
        for wider in scope.wider() {
            let missing: Vec<_> = wider
                .wider()
                .iter()
                .filter(|one| !scope.wider().contains(one))
                .collect();
            assert!(missing.is_empty(), "{scope:?} lacks {missing:?}");
            assert!(all.contains(wider), "{wider:?} is not listed");
        }
    }
    for spec in registry::all() {
        assert!(all.contains(&spec.scope), "{:?} is in no listed scope", spec.id);
    }
}

#[test]
fn earlier_names_stand_for_present_actions() {
    let names: BTreeSet<&str> = registry::all().map(|spec| spec.id.name()).collect();
    let mut seen = BTreeSet::new();
    for (current, old) in aliases::OLD {
        assert!(names.contains(current), "{current}");
        for name in old {
            assert!(!names.contains(name), "{name} is still in use");
            assert!(seen.insert(*name), "{name} is listed twice");
        }
    }
}
