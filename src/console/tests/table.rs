//! The action table: keys that parse and do not conflict, twins, words.

use std::collections::{BTreeMap, BTreeSet};

use crate::console::actions::{self, Key, Scope};
use crate::console::panes::PaneId;
use crate::console::review::Sort;
use crate::plan::Risk;

/// Scopes that are active together.
fn together() -> Vec<Vec<Scope>> {
    let mut sets: Vec<Vec<Scope>> = [
        Scope::Filter,
        Scope::Help,
        Scope::Text,
        Scope::Prompt,
        Scope::SignIn,
        Scope::Upload,
        Scope::Release,
        Scope::Promote,
        Scope::Workflows,
        Scope::Form,
        Scope::Choose,
        Scope::Image,
        Scope::Stop,
        Scope::Leave,
    ]
    .into_iter()
    .map(|scope| vec![scope, Scope::Always])
    .collect();
    sets.push(vec![Scope::Run, Scope::Everywhere, Scope::Always]);
    for sort in Sort::ALL {
        sets.push(vec![
            Scope::ReviewOf(sort),
            Scope::Review,
            Scope::Everywhere,
            Scope::Always,
        ]);
    }
    for pane in PaneId::ALL {
        sets.push(vec![
            Scope::Pane(pane),
            Scope::Panes,
            Scope::Everywhere,
            Scope::Always,
        ]);
    }
    sets
}

#[test]
fn keys_parse_and_mean_one_thing() {
    for scopes in together() {
        let mut bound: BTreeMap<String, &str> = BTreeMap::new();
        for spec in actions::all().filter(|spec| scopes.contains(&spec.scope)) {
            assert!(!spec.keys.is_empty(), "{:?}", spec.id);
            for text in spec.keys {
                let key = Key::parse(text).unwrap_or_else(|| panic!("{text} is no key"));
                assert_eq!(key.to_string(), *text);
                // A pane of its own may say what Enter opens: the general one hides there.
                if let Some(other) = bound.insert(text.to_string(), spec.title) {
                    assert_eq!(other, spec.title, "{text} in {scopes:?}");
                }
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
