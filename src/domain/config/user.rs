//! Reads the user's settings: `windlass/config.toml` under the configuration folder.
//!
//! The file holds no secrets.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::appearance::{Colors, Glyphs, ThemeName};
use super::keys::{KeyTable, KeyWish};
use super::place::{self, Place};
use crate::config::file;
use crate::domain::problem::combined;
use crate::domain::{Problem, ProblemKind, SanitizedText};

/// One week, in minutes.
const LONGEST_REFRESH: u64 = 7 * 24 * 60;

/// The person to name in records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// Full name.
    pub name: Option<String>,
    /// Email address.
    pub email: Option<String>,
}

/// When to send a terminal notification that a run has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Notify {
    /// For every run of some length.
    Always,
    /// Only if the terminal does not have the focus.
    #[default]
    Unfocused,
    /// Never.
    Never,
}

/// The user's configuration file. Every key is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct UserConfig {
    /// The workspace to use by default.
    pub workspace: Option<String>,
    /// Minutes between automatic refreshes of the console; 0 disables them. Default 5.
    pub refresh_minutes: Option<u64>,
    /// Whether the console uses the mouse. Default true.
    pub mouse: Option<bool>,
    /// Whether names and addresses on screen are links. Default true if the terminal supports them.
    pub links: Option<bool>,
    /// Whether text is copied through the terminal. Default true.
    pub clipboard: Option<bool>,
    /// When to send a terminal notification that a run has ended. Default `unfocused`.
    pub notify: Option<Notify>,
    /// The person to name in records.
    #[serde(default)]
    pub operator: Operator,
    /// Colour theme of the console.
    #[serde(default)]
    pub theme: ThemeName,
    /// Character set of the console's symbols.
    #[serde(default)]
    pub glyphs: Glyphs,
    /// Colours that replace those of the theme.
    #[serde(default)]
    pub colors: Colors,
    /// Keys of the console, by name of the action.
    #[serde(default)]
    pub keys: KeyTable,
    /// The same keys with their positions in the file.
    #[serde(skip)]
    pub key_wishes: Vec<KeyWish>,
}

/// One problem for all faults of the user's `file`.
pub(super) fn all_wrong(faults: Vec<Problem>, file: &str) -> Option<Problem> {
    combined(faults, |count| format!("{count} settings in {file} are invalid"))
}

impl UserConfig {
    /// Reads `text`, which lies at `file`.
    ///
    /// # Errors
    /// All of its faults as one.
    pub fn parse(text: &str, file: &str) -> Result<Self, Problem> {
        let (config, faults) = Self::parse_all(text, file);
        all_wrong(faults, file).map_or(Ok(config), Err)
    }

    /// What can be used of `text`, which lies at `file`, and every fault.
    pub(super) fn parse_all(text: &str, file: &str) -> (Self, Vec<Problem>) {
        let (config, mut faults) = place::parse::<Self>(text, file);
        let mut config = config.unwrap_or_default();
        config.key_wishes = config.keys.wishes(text, file);
        faults.extend(config.faults(text, file));
        (config, faults)
    }

    /// Values that no later reader could use.
    fn faults(&self, text: &str, file: &str) -> Vec<Problem> {
        let mut faults = Vec::new();
        if let Some(minutes) = self.refresh_minutes.filter(|minutes| *minutes > LONGEST_REFRESH) {
            let at = text.find("refresh-minutes").unwrap_or_default();
            faults.push(Place::of(text, file, at).problem(format!(
                "refresh-minutes = {minutes} is longer than a week ({LONGEST_REFRESH} minutes)"
            )));
        }
        let Operator { name, email } = &self.operator;
        let visible = |value: &String| !value.chars().any(char::is_control) && !value.trim().is_empty();
        for (key, value) in [("workspace", &self.workspace), ("name", name), ("email", email)] {
            if let Some(value) = value.as_ref().filter(|value| !visible(value)) {
                let place = Place::of_value(text, file, key, value);
                faults.push(place.problem(format!("{key} contains characters that are not visible")));
            }
        }
        let address = |email: &String| {
            let (name, host) = email.split_once('@')?;
            let sound = !name.is_empty() && !host.is_empty() && !host.contains('@');
            (sound && !email.contains(char::is_whitespace)).then_some(())
        };
        let email = email.as_ref().filter(|email| visible(email));
        if let Some(email) = email.filter(|email| address(email).is_none()) {
            let what = format!("'{}' is not an email address", SanitizedText::capped(email, 100));
            faults.push(Place::of_value(text, file, "email", email).problem(what));
        }
        faults
    }

    /// Reads `path`; a file that is not there is an empty one.
    ///
    /// # Errors
    /// Where the file cannot be read, and all of its faults as one.
    pub fn read(path: &Path) -> Result<Self, Problem> {
        let (config, faults) = Self::read_all(path)?;
        let shown = SanitizedText::new(path.display().to_string());
        all_wrong(faults, shown.as_str()).map_or(Ok(config), Err)
    }

    /// As [`UserConfig::parse_all`], of `path`.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub(super) fn read_all(path: &Path) -> Result<(Self, Vec<Problem>), Problem> {
        match file::text_within(path, file::SMALL) {
            Ok(text) => Ok(Self::parse_all(
                &text,
                SanitizedText::new(path.display().to_string()).as_str(),
            )),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Default::default()),
            Err(error) => Err(Problem::new(
                ProblemKind::Config,
                format!("cannot read {}", SanitizedText::new(path.display().to_string())),
            )
            .because(&error)
            .hint("check its permissions, or move it away")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The only fault of `text`.
    fn fault(text: &str) -> String {
        let (_, faults) = UserConfig::parse_all(text, "config.toml");
        let [fault] = &faults[..] else {
            panic!("{faults:?}");
        };
        fault.to_string()
    }

    #[test]
    fn every_fault_is_named_whatever_else_is_wrong() {
        let text = "theme = \"drak\"\nnotify = \"sometimes\"\nnosuchkey = 1\nmouse = true\n\
                    refresh-minutes = 99999999\n[operator]\nname = 3\nemail = \"ann\"\n\
                    [colors]\nnocolor = \"red\"\n[nosuchtable]\na = 1\n[keys]\npublish = 3\nbrowse = \"b\"\n";
        let (config, faults) = UserConfig::parse_all(text, "config.toml");
        let all: Vec<String> = faults.iter().map(ToString::to_string).collect();
        for (line, word) in [
            (1, "drak"),
            (2, "sometimes"),
            (3, "nosuchkey"),
            (5, "week"),
            (7, "string"),
            (8, "email address"),
            (10, "nocolor"),
            (11, "nosuchtable"),
            (14, "a list of keys"),
        ] {
            let place = format!("line {line}, column");
            let named = all
                .iter()
                .any(|fault| fault.contains(&place) && fault.contains(word));
            assert!(named, "line {line}, {word}: {all:#?}");
        }
        assert_eq!(all.len(), 9, "{all:#?}");
        assert_eq!(config.mouse, Some(true));
        assert_eq!(config.key_wishes.len(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_and_an_endless_file_are_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("config.toml");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, mode).unwrap();
        for (path, why) in [(pipe.as_path(), "a pipe"), (Path::new("/dev/zero"), "a device")] {
            let problem = UserConfig::read(path).unwrap_err();
            assert!(problem.to_string().contains("cannot read"), "{problem}");
            assert!(
                problem.causes.iter().any(|cause| cause.as_str().contains(why)),
                "{problem:?}"
            );
        }
        assert!(UserConfig::read(Path::new("/dev/null")).is_ok());
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place() {
        let text = fault("workspace = \"x\"\nwrokspace = 1\n");
        assert!(text.contains("config.toml, line 2, column 1"), "{text}");
        assert!(text.contains("wrokspace"), "{text}");
    }

    #[test]
    fn values_that_nothing_can_use_are_refused_with_their_place() {
        for (bad, place, word) in [
            (
                "[operator]\nemail = \"ann\"\n",
                "line 2, column 9",
                "email address",
            ),
            (
                "[operator]\nname = \"a\\u001bb\"\n",
                "line 2, column 8",
                "visible",
            ),
            (
                "mouse = true\nrefresh-minutes = 99999999\n",
                "line 2, column 1",
                "week",
            ),
        ] {
            let text = fault(bad);
            assert!(text.contains(place) && text.contains(word), "{text}");
        }
        let good = "refresh-minutes = 0\n[operator]\nname = \"Ann\"\nemail = \"ann@example.com\"\n";
        assert_eq!(UserConfig::parse_all(good, "config.toml").1, []);
    }

    #[test]
    fn what_a_key_cannot_be_is_said_with_its_place() {
        let good = "mouse = false\nlinks = true\nclipboard = false\nnotify = \"always\"\n";
        let read = UserConfig::parse(good, "config.toml").unwrap();
        assert_eq!((read.mouse, read.notify), (Some(false), Some(Notify::Always)));
        for (bad, place, word) in [
            ("mouse = \"off\"\n", "line 1, column 9", "boolean"),
            (
                "links = true\nnotify = \"loud\"\n",
                "line 2, column 10",
                "unfocused",
            ),
            ("\nclipboard = 1\n", "line 2, column 13", "boolean"),
        ] {
            let text = fault(bad);
            assert!(text.contains(place) && text.contains(word), "{text}");
        }
    }

    #[test]
    fn keys_are_one_or_a_list_and_keep_their_place() {
        let text =
            "refresh-minutes = 3\n\n[keys]\npublish = \"P\"\ncopy = [\"y\", \"ctrl-y\"]\nbrowse = []\n";
        let config = UserConfig::parse(text, "config.toml").unwrap();
        let said: Vec<(&str, usize)> = config
            .key_wishes
            .iter()
            .map(|wish| (wish.action.as_str(), wish.keys.len()))
            .collect();
        assert_eq!(said, [("publish", 1), ("copy", 2), ("browse", 0)]);
        let problem = config.key_wishes[1].place.problem("wrong").to_string();
        assert!(
            problem.contains("config.toml, line 5, column 1: wrong"),
            "{problem}"
        );
        let shown = serde_json::to_value(&config).unwrap();
        assert_eq!(shown["keys"]["copy"][1], "ctrl-y");
        assert_eq!(shown["keys"]["publish"], "P");
    }

    #[test]
    fn a_key_that_is_no_text_is_named_with_its_place() {
        let text = fault("[keys]\npublish = 3\n");
        assert!(text.contains("config.toml, line 2, column 11"), "{text}");
        assert!(text.contains("a list of keys"), "{text}");
    }
}
