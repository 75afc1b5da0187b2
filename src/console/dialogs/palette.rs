//! The palette: everything that can be done from here, found by a few letters; Enter runs one.
//!
//! Owns what is typed and selected, and the order. Must not run anything.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use tui_input::Input;

use crate::console::Model;
use crate::console::actions::{self, ActionId, ActionSpec, Availability};
use crate::console::command::{self, Offer};
use crate::console::listing::window;

/// The dialog.
#[derive(Clone, Debug, Default)]
pub struct Palette {
    /// What is searched for.
    pub input: Input,
    /// The selected entry.
    pub at: usize,
    /// First entry shown.
    pub offset: usize,
}

impl Palette {
    /// The palette with `line` in its field.
    pub fn with(line: String) -> Self {
        Self {
            input: Input::new(line),
            ..Self::default()
        }
    }

    /// Moves the selection.
    pub fn move_by(&mut self, steps: isize, entries: usize) {
        self.at = self
            .at
            .saturating_add_signed(steps)
            .min(entries.saturating_sub(1));
    }

    /// Keeps selection and window inside.
    pub fn settle(&mut self, entries: usize, height: usize) {
        self.at = self.at.min(entries.saturating_sub(1));
        self.offset = window(self.offset, self.at, height, entries);
    }
}

/// What is listed.
#[derive(Clone)]
pub enum PaletteEntry {
    /// An action on what is selected.
    Action(&'static ActionSpec),
    /// An action with words.
    Command(Box<Offer>),
}

/// What is listed: once the name of an action that takes words is followed by a space, the words
/// that can follow; else the actions.
pub fn listed(model: &Model, palette: &Palette) -> Vec<PaletteEntry> {
    let line = palette.input.value();
    if !command::typed(line).is_empty() {
        let offers = command::offers(model, line).into_iter();
        return offers
            .map(|offer| PaletteEntry::Command(Box::new(offer)))
            .collect();
    }
    entries(model, palette)
        .into_iter()
        .map(PaletteEntry::Action)
        .collect()
}

/// What the field leaves of everything that can be reached, and of what acts on rows of other panes,
/// the best match first; without a word what can be done now before what cannot.
pub fn entries(model: &Model, palette: &Palette) -> Vec<&'static ActionSpec> {
    let mut specs = actions::reachable(model);
    specs.retain(|spec| spec.id != ActionId::Palette);
    let wanted = palette.input.value().trim();
    if wanted.is_empty() {
        specs.sort_by_key(|spec| spec.standing(model) != Availability::Enabled);
        return specs;
    }
    // Who knows its name need not know where it is.
    specs.extend(actions::elsewhere(model));
    let pattern = Pattern::parse(wanted, CaseMatching::Ignore, Normalization::Smart);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut found: Vec<(u32, &'static ActionSpec)> = specs
        .into_iter()
        .filter_map(|spec| Some((score(spec, wanted, &pattern, &mut matcher)?, spec)))
        .collect();
    // Stable: where two are as good, the narrower scope comes first.
    found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    found.into_iter().map(|(_, spec)| spec).collect()
}

/// How well `spec` matches: its title in full before all, then title or name by letters, then, last,
/// beginnings of words of its sentence.
fn score(spec: &ActionSpec, wanted: &str, pattern: &Pattern, matcher: &mut Matcher) -> Option<u32> {
    if spec.title.eq_ignore_ascii_case(wanted) {
        return Some(u32::MAX);
    }
    let mut buffer = Vec::new();
    let name = spec.id.name().replace('-', " ");
    let by_letters = [spec.title, name.as_str()]
        .into_iter()
        .filter_map(|text| pattern.score(Utf32Str::new(text, &mut buffer), matcher))
        .max();
    let says = || {
        let help = spec.help.to_lowercase();
        let begins = |word: &str| {
            let mut words = help.split(|sign: char| !sign.is_alphanumeric());
            words.any(|its| its.starts_with(word))
        };
        let mut words = wanted.split_whitespace();
        words.all(|word| begins(&word.to_lowercase())).then_some(0)
    };
    by_letters.map(|score| score.saturating_add(1)).or_else(says)
}
