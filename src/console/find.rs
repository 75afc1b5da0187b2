//! Searches a long text line by line, ignoring case; the view scrolls to the selected match.
//!
//! All texts share it: details, problems, images, workflow runs, the log of a run.

use tui_input::Input;

use super::actions::Key;
use super::components::{Text, form, text};
use super::model::Screen;
use super::{Model, layout, running};

/// The search in one text.
#[derive(Clone, Debug, Default)]
pub struct Find {
    /// The input field, while words are being typed.
    pub typing: Option<Input>,
    /// The search words; empty if no search is active.
    pub words: String,
    /// The line of the selected match.
    pub at: Option<usize>,
    /// The line at which the search began.
    from: usize,
}

impl Find {
    /// Returns the lines with a match.
    pub fn matches<'a>(&self, lines: impl Iterator<Item = &'a str>) -> Vec<usize> {
        let words = self.words.to_lowercase();
        if words.is_empty() {
            return Vec::new();
        }
        lines
            .enumerate()
            .filter(|(_, line)| line.to_lowercase().contains(&words))
            .map(|(at, _)| at)
            .collect()
    }

    /// Returns the words and the number of the selected match, for the title of a text.
    pub fn note<'a>(&self, lines: impl Iterator<Item = &'a str>) -> Option<String> {
        if self.typing.is_none() && self.words.is_empty() {
            return None;
        }
        let matches = self.matches(lines);
        let place = self.at.and_then(|at| matches.iter().position(|line| *line == at));
        let count = match (place, matches.len()) {
            (_, 0) if self.words.is_empty() => return Some("/".to_owned()),
            (_, 0) => "no match".to_owned(),
            (Some(place), all) => format!("{} of {all}", place + 1),
            (None, all) => all.to_string(),
        };
        Some(format!("/{} ({count})", self.words))
    }

    /// Selects the first match at or after the line where the search began, else the first of all.
    fn search(&mut self, matches: &[usize]) {
        let after = matches.iter().find(|line| **line >= self.from);
        self.at = after.or_else(|| matches.first()).copied();
    }

    /// Selects the match `steps` further on, wrapping around.
    fn step(&mut self, matches: &[usize], steps: isize) {
        let count = matches.len() as isize;
        if count == 0 {
            self.at = None;
            return;
        }
        let place = self.at.and_then(|at| matches.iter().position(|line| *line == at));
        let next = place.map_or(0, |place| (place as isize + steps).rem_euclid(count));
        self.at = matches.get(next as usize).copied();
    }
}

/// Returns the visible text, if it can be searched.
fn text(model: &Model) -> Option<&Text> {
    model.modal.as_deref()?.text()
}

fn text_mut(model: &mut Model) -> Option<&mut Text> {
    model.modal.as_deref_mut()?.text_mut()
}

/// Returns the search of the visible text.
pub fn find(model: &Model) -> Option<&Find> {
    match (&model.modal, &model.screen) {
        (None, Screen::Run(run)) => Some(&run.find),
        _ => text(model).map(|text| &text.find),
    }
}

fn find_mut(model: &mut Model) -> Option<&mut Find> {
    if model.modal.is_some() {
        return text_mut(model).map(|text| &mut text.find);
    }
    match &mut model.screen {
        Screen::Run(run) => Some(&mut run.find),
        Screen::Panes | Screen::Review(_) => None,
    }
}

/// Returns true while search words are being typed.
pub fn is_typing(model: &Model) -> bool {
    find(model).is_some_and(|find| find.typing.is_some())
}

/// Returns the searchable lines and the index of the first one on screen.
fn lines(model: &Model) -> (Vec<String>, usize) {
    match (&model.modal, &model.screen) {
        (None, Screen::Run(run)) => {
            let (lines, first) = running::log_lines(model, run, inside(model));
            (lines, first)
        }
        _ => text(model).map_or_else(Default::default, |text| {
            let lines = text
                .lines
                .iter()
                .map(|line| format!("{}{}", line.label, line.text));
            (lines.collect(), text.offset)
        }),
    }
}

/// Returns the columns and lines inside the border of a screen.
fn inside(model: &Model) -> (usize, usize) {
    let body = layout::layout(model).body;
    (
        usize::from(body.width.saturating_sub(2)),
        usize::from(body.height.saturating_sub(2)),
    )
}

/// Starts typing search words.
pub fn begin(model: &mut Model) {
    let logged = matches!((&model.modal, &model.screen), (None, Screen::Run(_)));
    if logged {
        running::show_log(model);
    }
    let (_, first) = lines(model);
    if let Some(find) = find_mut(model) {
        *find = Find {
            typing: Some(Input::default()),
            from: first,
            ..Find::default()
        };
    }
}

/// Keeps the words.
pub fn keep(model: &mut Model) {
    if let Some(find) = find_mut(model) {
        find.typing = None;
    }
}

/// Ends the search.
pub fn clear(model: &mut Model) {
    if let Some(find) = find_mut(model) {
        *find = Find::default();
    }
}

/// Selects another match, by steps.
pub fn step(model: &mut Model, steps: isize) {
    select(model, |find, matches| find.step(matches, steps));
}

/// Applies `key` to the search field.
pub fn typed(model: &mut Model, key: Key) {
    let Some(find) = find_mut(model) else {
        return;
    };
    if let Some(input) = &mut find.typing
        && form::edit(input, key)
    {
        find.words = input.value().to_owned();
        select(model, Find::search);
    }
}

/// Selects a match and scrolls the text to it.
fn select(model: &mut Model, choose: impl Fn(&mut Find, &[usize])) {
    let (lines, _) = lines(model);
    let Some(find) = find_mut(model) else {
        return;
    };
    let matches = find.matches(lines.iter().map(String::as_str));
    choose(find, &matches);
    let Some(at) = find.at else {
        return;
    };
    if model.modal.is_some() {
        let (_, height) = text::size(model);
        if let Some(text) = text_mut(model)
            && !(text.offset..text.offset + height).contains(&at)
        {
            text.offset = at.saturating_sub(height / 3);
        }
    } else {
        running::show_log_line(model, at, inside(model));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: [&str; 4] = ["Upload begun", "upload done", "release begun", "Release DONE"];

    fn searched(words: &str) -> (Find, Vec<usize>) {
        let find = Find {
            words: words.to_owned(),
            ..Find::default()
        };
        let matches = find.matches(LINES.into_iter());
        (find, matches)
    }

    #[test]
    fn matches_are_found_whatever_their_case_and_gone_through_round_and_round() {
        let (mut find, matches) = searched("done");
        assert_eq!(matches, [1, 3]);
        find.search(&matches);
        assert_eq!(find.note(LINES.into_iter()).unwrap(), "/done (1 of 2)");
        find.step(&matches, 1);
        assert_eq!(find.at, Some(3));
        find.step(&matches, 1);
        assert_eq!(find.at, Some(1));
        find.step(&matches, -1);
        assert_eq!(find.note(LINES.into_iter()).unwrap(), "/done (2 of 2)");
    }

    #[test]
    fn the_search_begins_where_the_text_is_read() {
        let (mut find, matches) = searched("begun");
        find.from = 1;
        find.search(&matches);
        assert_eq!(find.at, Some(2));
        find.from = 3;
        find.search(&matches);
        assert_eq!(find.at, Some(0));
    }

    #[test]
    fn words_that_are_nowhere_are_said_to_be_nowhere() {
        let (mut find, matches) = searched("x");
        find.step(&matches, 1);
        assert_eq!(find.at, None);
        assert_eq!(find.note(LINES.into_iter()).unwrap(), "/x (no match)");
        assert_eq!(Find::default().note(LINES.into_iter()), None);
    }
}
