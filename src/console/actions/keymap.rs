//! The keymap: which keys every action has now, and what keys mean where.
//!
//! Owns the joining of the action table with the user's own keys, and the rule that keys mean one
//! thing wherever one is. The only place that answers questions about keys. Must not do anything.

use std::collections::{BTreeMap, BTreeSet};

use tui_input::Input;

use super::key::WRITTEN;
use super::{ActionId, ActionSpec, Chord, Key, Scope, all, in_scopes};
use crate::config::{KeyWish, Place};
use crate::console::dialogs;
use crate::domain::problem::combined;
use crate::domain::{Outside, Problem};

/// Pairs of actions that may have the same key, because one of the two is always hidden.
pub const TURNS: [(ActionId, ActionId); 2] = [
    (ActionId::OpenRun, ActionId::Open),
    (ActionId::Unfilter, ActionId::GoBack),
];

/// Fewest letters in common, from 0 to 1, for a name to be offered in place of another.
const ALIKE: f64 = 0.7;

/// The keymap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keymap {
    keys: BTreeMap<ActionId, Vec<Chord>>,
}

impl Default for Keymap {
    /// The keys of the action table.
    fn default() -> Self {
        let usual = |spec: &ActionSpec| spec.keys.iter().filter_map(|text| Chord::parse(text)).collect();
        Self {
            keys: all().map(|spec| (spec.id, usual(spec))).collect(),
        }
    }
}

impl Keymap {
    /// The keys of the action table, with those that the user sets in their place.
    ///
    /// # Errors
    /// [`crate::domain::Kind::Config`] with every fault and its place, where an entry names no
    /// action or no key, leaves something without the key that it needs, or lets a key mean two
    /// things at once.
    pub fn with(wishes: &[KeyWish]) -> Result<Self, Problem> {
        let mut keymap = Self::default();
        let mut wished: BTreeMap<ActionId, &Place> = BTreeMap::new();
        let mut faults = Vec::new();
        for wish in wishes {
            let spec = match named(wish) {
                Ok(spec) => spec,
                Err(fault) => {
                    faults.push(fault);
                    continue;
                }
            };
            let mut keys = Vec::new();
            for text in &wish.keys {
                match read(wish, spec, text) {
                    Ok(chord) => keys.push(chord),
                    Err(fault) => faults.push(fault),
                }
            }
            if wish.keys.is_empty() && needed(spec.id) {
                let name = spec.id.name();
                faults.push(
                    wish.place
                        .problem(format!("{name} cannot be left without a key"))
                        .hint("without it there would be no way on or out; name another key instead"),
                );
            }
            keymap.keys.insert(spec.id, keys);
            wished.insert(spec.id, &wish.place);
        }
        let mut blamed = BTreeSet::new();
        for conflict in keymap.conflicts() {
            let (one, other) = conflict.actions;
            // The usual keys do not conflict, so one of the two is the user's.
            let own = [other, one].into_iter().find(|id| wished.contains_key(id));
            if own.is_some_and(|own| !blamed.insert(own)) {
                continue;
            }
            let text = conflict.to_string();
            let fault = match own.and_then(|own| wished.get(&own)) {
                Some(place) => place.problem(text),
                None => Problem::new(crate::domain::Kind::Internal, text),
            };
            faults.push(fault.hint(format!(
                "give {} or {} another key, or none: {} = []",
                one.name(),
                other.name(),
                one.name()
            )));
        }
        let several = |count| format!("{count} faults in [keys]");
        combined(faults, several).map_or(Ok(keymap), Err)
    }

    /// The keys of an action, the one shown first.
    pub fn keys(&self, id: ActionId) -> &[Chord] {
        self.keys.get(&id).map_or(&[], Vec::as_slice)
    }

    /// The key shown for an action; empty where it has none.
    pub fn first(&self, id: ActionId) -> String {
        self.keys(id).first().map(Chord::to_string).unwrap_or_default()
    }

    /// Every key of an action, for a line of help.
    pub fn shown(&self, id: ActionId) -> String {
        let keys: Vec<String> = self.keys(id).iter().map(Chord::to_string).collect();
        keys.join(", ")
    }

    /// What an action's key does, in a few words: `esc leaves`. An action without a key goes by its
    /// title, as in the palette.
    pub fn hint(&self, id: ActionId, does: &str) -> String {
        match self.keys(id).first() {
            Some(chord) => format!("{chord} {does}"),
            None => format!("'{}' {does}", super::spec(id).map_or("", |spec| spec.title)),
        }
    }

    /// The actions of `scopes` that `chord` means, the narrowest first; more than one only where
    /// all others are hidden.
    pub fn meaning<'a>(
        &'a self,
        scopes: &'a [Scope],
        chord: Chord,
    ) -> impl Iterator<Item = &'static ActionSpec> + 'a {
        in_scopes(scopes).filter(move |spec| self.keys(spec.id).contains(&chord))
    }

    /// What can follow `prefix` in `scopes`, in the order of the table.
    pub fn following<'a>(
        &'a self,
        scopes: &'a [Scope],
        prefix: Key,
    ) -> impl Iterator<Item = (Key, &'static ActionSpec)> + 'a {
        in_scopes(scopes).flat_map(move |spec| {
            let keys = self.keys(spec.id).iter();
            keys.filter(move |chord| chord.prefix == Some(prefix))
                .map(move |chord| (chord.key, spec))
        })
    }

    /// The pairs of actions that one key would mean, wherever they can be met together; each pair
    /// once.
    pub fn conflicts(&self) -> Vec<Conflict> {
        let mut conflicts: Vec<Conflict> = Vec::new();
        for scope in Scope::narrowest() {
            let scopes = scope.with_wider();
            let bound: Vec<(Chord, ActionId)> = in_scopes(&scopes)
                .flat_map(|spec| self.keys(spec.id).iter().map(|chord| (*chord, spec.id)))
                .collect();
            for (at, (chord, one)) in bound.iter().enumerate() {
                for (with, other) in bound.iter().skip(at + 1) {
                    let actions = (*one, *other);
                    if one == other
                        || take_turns(*one, *other)
                        || conflicts.iter().any(|known| known.actions == actions)
                    {
                        continue;
                    }
                    if let Some(kind) = clash(*chord, *with) {
                        conflicts.push(Conflict { actions, kind, scope });
                    }
                }
            }
        }
        conflicts
    }
}

/// Two actions that one key would mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The two.
    pub actions: (ActionId, ActionId),
    kind: Clash,
    scope: Scope,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clash {
    Same(Chord),
    Prefix(Key),
}

fn clash(one: Chord, other: Chord) -> Option<Clash> {
    if one == other {
        return Some(Clash::Same(one));
    }
    match (one.prefix, other.prefix) {
        (Some(prefix), None) if prefix == other.key => Some(Clash::Prefix(prefix)),
        (None, Some(prefix)) if prefix == one.key => Some(Clash::Prefix(prefix)),
        _ => None,
    }
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (one, other) = (self.actions.0.name(), self.actions.1.name());
        let place = self.scope.title();
        match self.kind {
            Clash::Same(chord) => {
                write!(f, "the key {chord} would mean both {one} and {other} ({place})")
            }
            Clash::Prefix(prefix) => write!(
                f,
                "the key {prefix} cannot both mean something alone and begin another key: {one} and {other} \
                 ({place})"
            ),
        }
    }
}

fn take_turns(one: ActionId, other: ActionId) -> bool {
    TURNS.contains(&(one, other)) || TURNS.contains(&(other, one))
}

/// The action that a wish names.
fn named(wish: &KeyWish) -> Result<&'static ActionSpec, Problem> {
    if let Some(spec) = all().find(|spec| spec.id.name() == wish.action) {
        return Ok(spec);
    }
    let mut near: Vec<(f64, String)> = all()
        .map(|spec| spec.id.name())
        .map(|name| (strsim::jaro_winkler(&name, &wish.action), name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let names: Vec<String> = near.into_iter().take(3).map(|(_, name)| name).collect();
    let problem = wish
        .place
        .problem(format!("there is no action '{}'", Outside::new(&wish.action)));
    let all = "'windlass generate keys' lists every action with its name";
    Err(if names.is_empty() {
        problem.hint(all)
    } else {
        problem.hint(format!("nearest: {}; {all}", names.join(", ")))
    })
}

/// The keys that a wish names for `spec`.
fn read(wish: &KeyWish, spec: &ActionSpec, text: &str) -> Result<Chord, Problem> {
    let Some(chord) = Chord::parse(text) else {
        return Err(wish
            .place
            .problem(format!("no key is called '{}'", Outside::new(text)))
            .hint(WRITTEN));
    };
    let types = |key: Key| dialogs::edit(&mut Input::default(), key);
    if spec.scope.takes_text() && (chord.prefix.is_some() || types(chord.key)) {
        let name = spec.id.name();
        return Err(wish
            .place
            .problem(format!("{chord} cannot mean {name}: it is typed into a field there"))
            .hint("take enter, esc, tab, shift-tab, up, down, pgup, pgdn, f1 to f12 or a ctrl- key that edits nothing"));
    }
    Ok(chord)
}

/// True for what cannot be without a key: leaving, and the ways on and out of every dialog and
/// screen.
pub const fn needed(id: ActionId) -> bool {
    use ActionId as Id;
    matches!(
        id,
        Id::Interrupt
            | Id::FilterAccept
            | Id::FilterDrop
            | Id::FindAccept
            | Id::FindDrop
            | Id::PaletteRun
            | Id::PaletteClose
            | Id::HelpRun
            | Id::HelpClose
            | Id::TextClose
            | Id::PromptAccept
            | Id::PromptClose
            | Id::SignInAccept
            | Id::SignInClose
            | Id::UploadAccept
            | Id::UploadClose
            | Id::TagsClose
            | Id::ReleaseAccept
            | Id::ReleaseClose
            | Id::PromoteAccept
            | Id::PromoteClose
            | Id::WorkflowsOpen
            | Id::WorkflowsClose
            | Id::FormAccept
            | Id::FormClose
            | Id::ChooseAccept
            | Id::ChooseClose
            | Id::ImageClose
            | Id::StopYes
            | Id::StopNo
            | Id::LeaveYes
            | Id::LeaveNo
            | Id::ReviewBack
            | Id::RunBack
    )
}
