//! The command palette: every available action, searched by a few letters; Enter runs one.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::Frame;
use tui_input::Input;

use super::search_view;
use crate::console::Model;
use crate::console::actions::{self, ActionId, ActionSpec, Availability, Key, Scope};
use crate::console::command::{self, Offer};
use crate::console::components::{Dialog, List, form};
use crate::console::view::Drawn;

/// The state of the palette.
#[derive(Clone, Debug, Default)]
pub struct Palette {
    /// The search text.
    pub input: Input,
    /// The selected entry.
    pub list: List,
}

impl Palette {
    /// Returns the palette with `line` in its field.
    pub fn with(line: String) -> Self {
        Self {
            input: Input::new(line),
            ..Self::default()
        }
    }
}

impl Dialog for Palette {
    fn scope(&self) -> Scope {
        Scope::PALETTE
    }

    fn boxed(&self) -> Box<dyn Dialog> {
        Box::new(self.clone())
    }

    fn draw(&self, model: &Model, frame: &mut Frame, drawn: &mut Drawn) {
        search_view::draw_palette(model, self, frame, drawn);
    }

    fn fit(&mut self, model: &Model) {
        let count = listed(model, self).len();
        self.list.fit(usize::from(search_view::height(model)), count);
    }

    fn move_by(&mut self, model: &Model, steps: isize) {
        self.list.step_in(steps, listed(model, self).len());
    }

    fn pick(&mut self, _: &Model, line: usize) {
        self.list.at = line;
    }

    fn typed(&mut self, _: &Model, key: Key) {
        if form::edit(&mut self.input, key) {
            self.list.at = 0;
        }
    }

    fn typed_path(&self, model: &Model) -> Option<(String, Option<bool>)> {
        command::typed(&model.setting.keymap, self.input.value())
            .into_iter()
            .find(|typed| typed.param() == Some(command::Param::Content))
            .map(|typed| {
                let images = command::holds_images(model, &typed);
                (typed.current, images)
            })
    }
}

/// An entry of the palette.
#[derive(Clone)]
pub enum PaletteEntry {
    /// An action on what is selected.
    Action(&'static ActionSpec),
    /// An action with arguments.
    Command(Box<Offer>),
}

/// Returns the entries: once the name of an action with parameters is followed by a space, the
/// completions of its arguments; else the actions.
pub fn listed(model: &Model, palette: &Palette) -> Vec<PaletteEntry> {
    let line = palette.input.value();
    if !command::typed(&model.setting.keymap, line).is_empty() {
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

/// Returns the actions that match the search, including actions on rows of other panes, best match
/// first; without a search text the available ones first.
pub fn entries(model: &Model, palette: &Palette) -> Vec<&'static ActionSpec> {
    let mut specs = actions::reachable(model);
    specs.retain(|spec| spec.id != ActionId::PALETTE);
    let wanted = palette.input.value().trim();
    if wanted.is_empty() {
        specs.sort_by_key(|spec| spec.standing(model) != Availability::Enabled);
        return specs;
    }
    // A user who knows the name does not need to know the pane.
    specs.extend(actions::elsewhere(model));
    let pattern = Pattern::parse(wanted, CaseMatching::Ignore, Normalization::Smart);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut found: Vec<(u32, &'static ActionSpec)> = specs
        .into_iter()
        .filter_map(|spec| Some((score(spec, wanted, &pattern, &mut matcher)?, spec)))
        .collect();
    // Stable sort: of equal matches the narrower scope comes first.
    found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    found.into_iter().map(|(_, spec)| spec).collect()
}

/// Returns the match score of `spec`: its full title first, then title or name by letters, then
/// word prefixes of its help sentence.
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
