//! The keymap: the current keys of every action, and the meaning of keys in each scope.
//!
//! Merges the action table with custom keys and checks that a key has only one meaning in every
//! scope. All questions about keys are answered here.

use std::collections::{BTreeMap, BTreeSet};

use tui_input::Input;

use super::aliases;
use super::id::ActionId;
use super::key::WRITTEN;
use super::key::{Chord, Key};
use super::scope::Scope;
use super::spec::{ActionSpec, FeatureActions, narrowest};
use crate::config::{KeyWish, Place};
use crate::console::components::form;
use crate::domain::problem::combined;
use crate::domain::{Problem, SanitizedText};

/// Lowest similarity, from 0 to 1, at which a name is suggested in place of another.
const ALIKE: f64 = 0.7;

/// The keymap.
#[derive(Clone)]
pub struct Keymap {
    parts: &'static [&'static FeatureActions],
    keys: BTreeMap<ActionId, Vec<Chord>>,
}

impl std::fmt::Debug for Keymap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(&self.keys).finish()
    }
}

impl Keymap {
    /// Returns the default keys of the actions in `parts`.
    pub fn of(parts: &'static [&'static FeatureActions]) -> Self {
        let usual = |spec: &ActionSpec| spec.keys.iter().filter_map(|text| Chord::parse(text)).collect();
        let all = parts.iter().flat_map(|part| part.actions);
        Self {
            parts,
            keys: all.map(|spec| (spec.id, usual(spec))).collect(),
        }
    }

    /// Returns every action.
    pub fn all(&self) -> impl Iterator<Item = &'static ActionSpec> + use<> {
        self.parts.iter().flat_map(|part| part.actions)
    }

    /// Returns the action with this id.
    pub fn spec(&self, id: ActionId) -> Option<&'static ActionSpec> {
        self.all().find(|spec| spec.id == id)
    }

    /// Returns the actions of `scopes`, scope by scope.
    pub fn in_scopes<'a>(&self, scopes: &'a [Scope]) -> impl Iterator<Item = &'static ActionSpec> + use<'a> {
        let parts = self.parts;
        scopes.iter().flat_map(move |scope| {
            let all = parts.iter().flat_map(|part| part.actions);
            all.filter(move |spec| spec.scope == *scope)
        })
    }

    /// Returns these keys, replaced by those that the user configured.
    ///
    /// # Errors
    /// [`crate::domain::ProblemKind::Config`] with every error and its position, if an entry names no
    /// known action or no valid key, leaves a required action without a key, or gives a key two
    /// meanings in one scope.
    pub fn replace(self, wishes: &[KeyWish]) -> Result<Self, Problem> {
        let mut keymap = self;
        let mut wished: BTreeMap<ActionId, &Place> = BTreeMap::new();
        let mut faults = Vec::new();
        for wish in wishes {
            let spec = match keymap.named(wish) {
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
            // Several earlier names may stand for one action: it gets the keys of all.
            let known = wished.insert(spec.id, &wish.place).is_some();
            let own = keymap.keys.entry(spec.id).or_default();
            if !known {
                own.clear();
            }
            own.extend(keys);
        }
        faults.extend(
            wished
                .iter()
                .filter_map(|(id, place)| keymap.unusable(*id, place)),
        );
        let mut blamed = BTreeSet::new();
        for conflict in keymap.conflicts() {
            let (one, other) = conflict.actions;
            // The default keys do not conflict, so at least one of the two is custom.
            let own = [other, one].into_iter().find(|id| wished.contains_key(id));
            if own.is_some_and(|own| !blamed.insert(own)) {
                continue;
            }
            let text = conflict.to_string();
            let fault = match own.and_then(|own| wished.get(&own)) {
                Some(place) => place.problem(text),
                None => Problem::new(crate::domain::ProblemKind::Internal, text),
            };
            faults.push(fault.hint(format!(
                "change the key of {} or {}, or remove one: {} = []",
                one.name(),
                other.name(),
                one.name()
            )));
        }
        let several = |count| format!("{count} problems in [keys]");
        combined(faults, several).map_or(Ok(keymap), Err)
    }

    /// Returns the keys of an action, the displayed one first.
    pub fn keys(&self, id: ActionId) -> &[Chord] {
        self.keys.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Returns the displayed key of an action; empty if it has none.
    pub fn first(&self, id: ActionId) -> String {
        self.keys(id).first().map(Chord::to_string).unwrap_or_default()
    }

    /// Returns all keys of an action, for a line of help.
    pub fn shown(&self, id: ActionId) -> String {
        let keys: Vec<String> = self.keys(id).iter().map(Chord::to_string).collect();
        keys.join(", ")
    }

    /// Returns how to use an action: `press esc to leave`. An action without a key is named by its
    /// title, as in the palette.
    pub fn hint(&self, id: ActionId, does: &str) -> String {
        match self.keys(id).first() {
            Some(chord) => format!("press {chord} to {does}"),
            None => format!("use '{}' to {does}", self.spec(id).map_or("", |spec| spec.title)),
        }
    }

    /// Returns the same in fewer columns: `esc: leave`.
    pub fn brief(&self, id: ActionId, does: &str) -> String {
        match self.keys(id).first() {
            Some(chord) => format!("{chord}: {does}"),
            None => format!("'{}': {does}", self.spec(id).map_or("", |spec| spec.title)),
        }
    }

    /// Returns the actions of `scopes` bound to `chord`, the narrowest scope first; more than one
    /// only if all others are hidden.
    pub fn meaning<'a>(
        &'a self,
        scopes: &'a [Scope],
        chord: Chord,
    ) -> impl Iterator<Item = &'static ActionSpec> + 'a {
        let typed = types_in(scopes, chord);
        self.in_scopes(scopes)
            .filter(move |spec| !typed && self.keys(spec.id).contains(&chord))
    }

    /// Returns what can follow `prefix` in `scopes`, in the order of the table.
    pub fn following<'a>(
        &'a self,
        scopes: &'a [Scope],
        prefix: Key,
    ) -> impl Iterator<Item = (Key, &'static ActionSpec)> + 'a {
        self.in_scopes(scopes).flat_map(move |spec| {
            let keys = self.keys(spec.id).iter();
            keys.filter(move |chord| chord.prefix == Some(prefix) && !types_in(scopes, **chord))
                .map(move |chord| (chord.key, spec))
        })
    }

    /// Returns the pairs of actions that share a key in scopes active together; each pair once.
    pub fn conflicts(&self) -> Vec<Conflict> {
        let mut conflicts: Vec<Conflict> = Vec::new();
        for scope in narrowest(self.parts) {
            let scopes = scope.with_wider();
            let bound: Vec<(Chord, ActionId)> = self
                .in_scopes(&scopes)
                .flat_map(|spec| self.keys(spec.id).iter().map(|chord| (*chord, spec.id)))
                .filter(|(chord, _)| !types_in(&scopes, *chord))
                .collect();
            for (at, (chord, one)) in bound.iter().enumerate() {
                for (with, other) in bound.iter().skip(at + 1) {
                    let actions = (*one, *other);
                    if one == other
                        || self.take_turns(*one, *other)
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

    /// Returns true if the two may share a key.
    pub fn take_turns(&self, one: ActionId, other: ActionId) -> bool {
        let shares = |id, with| self.spec(id).is_some_and(|spec| spec.shares == Some(with));
        shares(one, other) || shares(other, one)
    }

    /// Returns why the configured keys of an action that needs one are not enough.
    fn unusable(&self, id: ActionId, place: &Place) -> Option<Problem> {
        let spec = self.spec(id).filter(|spec| spec.needed)?;
        let keys = self.keys(id);
        let name = id.name();
        if keys.is_empty() {
            let problem = place.problem(format!("action {name} needs a key"));
            return Some(problem.hint("name at least one key"));
        }
        let scopes = narrowest(self.parts).map(Scope::with_wider);
        let stuck = scopes
            .filter(|scopes| scopes.contains(&spec.scope))
            .find(|scopes| keys.iter().all(|chord| types_in(scopes, *chord)))?;
        let title = stuck.first().map_or("", |scope| scope.title());
        let first = keys.first().copied()?;
        let problem = place.problem(format!(
            "{first} cannot be the only key of {name}: it edits the text field ({title})"
        ));
        let usual = spec.keys.first().copied().unwrap_or_default();
        Some(problem.hint(format!("add a key: {name} = [\"{usual}\", \"{first}\"]")))
    }

    /// Returns the action that a configured key names.
    fn named(&self, wish: &KeyWish) -> Result<&'static ActionSpec, Problem> {
        let name = aliases::current(&wish.action).unwrap_or(&wish.action);
        if let Some(spec) = self.all().find(|spec| spec.id.name() == name) {
            return Ok(spec);
        }
        let mut near: Vec<(f64, &str)> = self
            .all()
            .map(|spec| spec.id.name())
            .map(|name| (strsim::jaro_winkler(name, &wish.action), name))
            .filter(|(likeness, _)| *likeness >= ALIKE)
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        let names: Vec<&str> = near.into_iter().take(3).map(|(_, name)| name).collect();
        let problem = wish
            .place
            .problem(format!("unknown action '{}'", SanitizedText::new(&wish.action)));
        let all = "list all actions: windlass generate keys";
        Err(if names.is_empty() {
            problem.hint(all)
        } else {
            problem.hint(format!("did you mean {}? {all}", names.join(", ")))
        })
    }
}

/// Returns true if the narrowest of `scopes` takes text and `chord` is typed into its field.
fn types_in(scopes: &[Scope], chord: Chord) -> bool {
    let takes_text = scopes.first().is_some_and(|scope| scope.takes_text());
    takes_text && types(chord)
}

fn types(chord: Chord) -> bool {
    chord.prefix.is_some() || form::edit(&mut Input::default(), chord.key)
}

/// Two actions that share a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The two actions.
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
                write!(f, "key {chord} is used by both {one} and {other} ({place})")
            }
            Clash::Prefix(prefix) => write!(
                f,
                "key {prefix} is used alone and as the start of another key: {one} and {other} \
                ({place})"
            ),
        }
    }
}

/// Returns the keys configured for `spec`.
fn read(wish: &KeyWish, spec: &ActionSpec, text: &str) -> Result<Chord, Problem> {
    let Some(chord) = Chord::parse(text) else {
        return Err(wish
            .place
            .problem(format!("invalid key '{}'", SanitizedText::new(text)))
            .hint(WRITTEN));
    };
    if spec.scope.takes_text() && types(chord) {
        let name = spec.id.name();
        return Err(wish
            .place
            .problem(format!(
                "{chord} cannot be the key of {name}: it edits the text field"
            ))
            .hint(
                "use enter, esc, tab, shift-tab, up, down, pgup, pgdn, f1 to f12 or a ctrl- key \
                that edits nothing",
            ));
    }
    Ok(chord)
}
