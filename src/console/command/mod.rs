//! Parses palette actions with arguments: `publish 2025-01-06`, `close CHARM CHANNEL`.
//!
//! The action table defines the parameters of an action; completions come from what the panes show.
//! A command ends as its action does: in the review of a plan.

mod known;
mod run;

pub use known::{Known, holds_images};
pub use run::run;

use super::Model;
pub use super::actions::Param;
use super::actions::{ActionSpec, Keymap};

/// An action with the arguments typed after its name.
#[derive(Clone)]
pub struct Typed {
    /// The action.
    pub spec: &'static ActionSpec,
    /// Its name as typed.
    pub name: String,
    /// The words that are complete.
    pub done: Vec<String>,
    /// The word under the cursor; may be empty.
    pub current: String,
}

impl Typed {
    /// Returns the parameter under the cursor; `None` if the action takes no more arguments.
    pub fn param(&self) -> Option<Param> {
        self.spec.takes.get(self.done.len()).copied()
    }

    /// Returns true if the argument under the cursor is the last one.
    pub fn is_last(&self) -> bool {
        self.done.len() + 1 == self.spec.takes.len()
    }

    /// Returns the whole line with `word` in place of the word under the cursor.
    pub fn with(&self, word: &str) -> String {
        let mut words = vec![self.name.as_str()];
        words.extend(self.done.iter().map(String::as_str));
        words.push(word);
        words.join(" ")
    }
}

/// A completion offered for the line.
#[derive(Clone)]
pub struct Offer {
    /// The parsed line.
    pub typed: Typed,
    /// The word that replaces the one under the cursor.
    pub word: String,
    /// Its description.
    pub about: String,
}

impl Offer {
    /// Returns every word of the command.
    pub fn words(&self) -> Vec<String> {
        let mut words = self.typed.done.clone();
        words.push(self.word.clone());
        words
    }
}

/// Returns the names that `spec` can be typed by: its title, and the command's own name.
fn names(spec: &ActionSpec) -> impl Iterator<Item = String> {
    let command = spec.twin.and_then(|twin| {
        let mut words = twin.split(' ').skip(1);
        let first = words.next()?;
        if first == "plan" {
            words.next()
        } else {
            Some(first)
        }
    });
    std::iter::once(spec.title)
        .chain(command.filter(move |word| *word != spec.title))
        .map(str::to_owned)
}

/// Returns the actions that `line` names, with the arguments after the name; empty before a space
/// is typed.
pub fn typed(keymap: &Keymap, line: &str) -> Vec<Typed> {
    let line = line.trim_start();
    let takes = |spec: &&'static ActionSpec| !spec.takes.is_empty();
    let mut found = Vec::new();
    for spec in keymap.all().filter(takes) {
        // The start of a title of several words is not a name followed by arguments.
        let begun = line.trim_end();
        let title = spec.title.get(..begun.len());
        if title.is_some_and(|title| title.eq_ignore_ascii_case(begun))
            && !line.starts_with(&format!("{} ", spec.title))
        {
            continue;
        }
        let name = names(spec).find(|name| {
            let start = line.get(..name.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(name)) && line[name.len()..].starts_with(' ')
        });
        let Some(name) = name else { continue };
        found.push(split(spec, &name, line.get(name.len()..).unwrap_or_default()));
    }
    found
}

fn split(spec: &'static ActionSpec, name: &str, rest: &str) -> Typed {
    let mut done = Vec::new();
    let mut rest = rest.trim_start();
    // The last argument takes the rest of the line: a path may contain spaces.
    while done.len() + 1 < spec.takes.len() {
        let Some((word, more)) = rest.split_once(' ') else {
            break;
        };
        // Options of the command line are positional here.
        if !word.starts_with("--") {
            done.push(word.to_owned());
        }
        rest = more.trim_start();
    }
    let options = rest.starts_with("--");
    let current = rest
        .split_once(' ')
        .filter(|_| options)
        .map_or(rest, |(_, word)| word);
    Typed {
        spec,
        name: name.to_owned(),
        done,
        current: current.to_owned(),
    }
}

/// Returns the completions of `line`: known words that match the one under the cursor, prefix
/// matches first; if there are none, the line as typed.
pub fn offers(model: &Model, line: &str) -> Vec<Offer> {
    let mut offers = Vec::new();
    let mut as_typed = Vec::new();
    for typed in typed(&model.setting.keymap, line) {
        let wanted = typed.current.trim_end().to_lowercase();
        let mut found: Vec<(bool, Known)> = known::known(model, &typed)
            .into_iter()
            .filter(|one| {
                one.word.to_lowercase().contains(&wanted) || one.about.to_lowercase().contains(&wanted)
            })
            .map(|one| (!one.word.to_lowercase().starts_with(&wanted), one))
            .collect();
        found.sort_by_key(|(later, _)| *later);
        if found.is_empty() && !wanted.is_empty() {
            as_typed.push(Offer {
                word: typed.current.trim_end().to_owned(),
                about: "as typed".to_owned(),
                typed,
            });
            continue;
        }
        offers.extend(found.into_iter().map(|(_, one)| Offer {
            typed: typed.clone(),
            word: one.word,
            about: one.about,
        }));
    }
    if offers.is_empty() { as_typed } else { offers }
}
