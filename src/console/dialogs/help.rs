//! The help dialog: the actions available here, grouped, and the signs of the screen; searched by
//! key or word.

use ratatui::Frame;
use tui_input::Input;

use super::search_view;
use super::signs::{SIGNS, Sign};
use crate::console::Model;
use crate::console::actions::{ActionId, ActionSpec, Availability, Key, Scope};
use crate::console::components::{Dialog, List, form};
use crate::console::listing::window;
use crate::console::view::Drawn;

/// The state of the help dialog.
#[derive(Clone, Debug)]
pub struct Help {
    /// The search text.
    pub filter: Input,
    /// The scopes that were active below the dialog.
    pub scopes: Vec<Scope>,
    /// The selected entry, and the first line shown.
    pub list: List,
}

/// A line of the list.
pub enum HelpLine {
    /// A heading of the next lines.
    Heading(String),
    /// An action, with its index among the entries.
    Action(usize, &'static ActionSpec),
    /// A sign, with its index among the entries.
    Sign(usize, &'static Sign),
}

impl HelpLine {
    /// Returns its index among the entries; `None` for a heading.
    pub const fn entry(&self) -> Option<usize> {
        match self {
            Self::Heading(_) => None,
            Self::Action(at, _) | Self::Sign(at, _) => Some(*at),
        }
    }
}

impl Help {
    /// Returns the help for `scopes`.
    pub fn new(scopes: Vec<Scope>) -> Self {
        Self {
            filter: Input::default(),
            scopes,
            list: List::default(),
        }
    }

    /// Clamps the selection to `lines` and scrolls to it; the heading above the first entry of a
    /// group is shown with it.
    fn scroll_to(&mut self, lines: &[HelpLine], height: usize) {
        let entries = count(lines);
        self.list.at = self.list.at.min(entries.saturating_sub(1));
        let selected = |line: &HelpLine| line.entry() == Some(self.list.at);
        let at = lines.iter().position(selected).unwrap_or(0);
        let headed = at.checked_sub(1).and_then(|above| lines.get(above));
        let top = match headed {
            Some(HelpLine::Heading(_)) if height > 1 => at - 1,
            _ => at,
        };
        self.list.offset = window(self.list.offset, at, height, lines.len()).min(top);
    }
}

impl Dialog for Help {
    fn scope(&self) -> Scope {
        Scope::HELP
    }

    fn boxed(&self) -> Box<dyn Dialog> {
        Box::new(self.clone())
    }

    fn draw(&self, model: &Model, frame: &mut Frame, drawn: &mut Drawn) {
        search_view::draw_help(model, self, frame, drawn);
    }

    fn fit(&mut self, model: &Model) {
        let lines = lines(model, self);
        self.scroll_to(&lines, usize::from(search_view::height(model)));
    }

    fn move_by(&mut self, model: &Model, steps: isize) {
        let entries = count(&lines(model, self));
        self.list.step_in(steps, entries);
    }

    fn pick(&mut self, _: &Model, line: usize) {
        self.list.at = line;
    }

    fn typed(&mut self, _: &Model, key: Key) {
        if form::edit(&mut self.filter, key) {
            self.list.at = 0;
        }
    }

    fn double_click(&self) -> Option<ActionId> {
        Some(ActionId::HELP_RUN)
    }
}

/// Returns the number of entries in `lines`.
fn count(lines: &[HelpLine]) -> usize {
    lines.iter().filter(|line| line.entry().is_some()).count()
}

/// Returns the selected action.
pub fn chosen(model: &Model, help: &Help) -> Option<&'static ActionSpec> {
    lines(model, help).into_iter().find_map(|line| match line {
        HelpLine::Action(at, spec) if at == help.list.at => Some(spec),
        _ => None,
    })
}

/// Returns the lines that match the filter: first actions with the typed key, then the rest, scope
/// by scope, and the signs.
pub fn lines(model: &Model, help: &Help) -> Vec<HelpLine> {
    let wanted = help.filter.value().trim();
    let specs: Vec<&'static ActionSpec> = model
        .setting
        .keymap
        .in_scopes(&help.scopes)
        .filter(|spec| (spec.availability)(model) != Availability::Hidden)
        .collect();
    let mut groups: Vec<(String, Vec<&'static ActionSpec>)> = Vec::new();
    let by_key = with_key(model, &specs, wanted);
    let others = specs
        .into_iter()
        .filter(|spec| !by_key.iter().any(|other| other.id == spec.id) && says(spec, wanted));
    let rest: Vec<&'static ActionSpec> = others.collect();
    if !by_key.is_empty() {
        groups.push((format!("The key {wanted}"), by_key));
    }
    for spec in rest {
        let title = spec.scope.title().to_owned();
        match groups.last_mut() {
            Some((last, specs)) if *last == title => specs.push(spec),
            _ => groups.push((title, vec![spec])),
        }
    }
    let mut lines = Vec::new();
    let mut at = 0;
    for (title, specs) in groups {
        lines.push(HelpLine::Heading(title));
        for spec in specs {
            lines.push(HelpLine::Action(at, spec));
            at += 1;
        }
    }
    let look = &model.setting.look;
    let signs = SIGNS.iter().filter(|sign| sign.matches(look, wanted));
    let mut signs = signs
        .zip(at..)
        .map(|(sign, at)| HelpLine::Sign(at, sign))
        .peekable();
    if signs.peek().is_some() {
        lines.push(HelpLine::Heading("Signs".to_owned()));
        lines.extend(signs);
    }
    lines
}

/// Returns the actions whose key is `wanted`, or whose keys have it as a prefix. Lower and upper
/// case are different keys; if no key matches exactly, case is ignored.
fn with_key(model: &Model, specs: &[&'static ActionSpec], wanted: &str) -> Vec<&'static ActionSpec> {
    if wanted.is_empty() {
        return Vec::new();
    }
    let find = |same: &dyn Fn(&str, &str) -> bool| -> Vec<&'static ActionSpec> {
        let has = |spec: &&&'static ActionSpec| {
            model.setting.keymap.keys(spec.id).iter().any(|chord| {
                let begins = chord.prefix.is_some_and(|key| same(&key.to_string(), wanted));
                begins || same(&chord.to_string(), wanted)
            })
        };
        specs.iter().filter(has).copied().collect()
    };
    let exact = find(&|key, wanted| key == wanted);
    if exact.is_empty() {
        find(&|key, wanted| key.eq_ignore_ascii_case(wanted))
    } else {
        exact
    }
}

/// Returns true if the title, the name, the help sentence or the command contains every typed word.
fn says(spec: &ActionSpec, wanted: &str) -> bool {
    let twin = spec.twin.unwrap_or_default();
    let text = format!("{} {} {} {twin}", spec.title, spec.id.name(), spec.help).to_lowercase();
    wanted
        .split_whitespace()
        .all(|word| text.contains(&word.to_lowercase()))
}
