//! Searches a long text line by line, ignoring case; the view scrolls to the selected match.
//!
//! All texts share it: details, problems, images, workflow runs, the log of a run.

use tui_input::Input;

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
    pub from: usize,
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
    pub fn search(&mut self, matches: &[usize]) {
        let after = matches.iter().find(|line| **line >= self.from);
        self.at = after.or_else(|| matches.first()).copied();
    }

    /// Selects the match `steps` further on, wrapping around.
    pub fn step(&mut self, matches: &[usize], steps: isize) {
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
