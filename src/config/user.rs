//! The user's own settings: `windlass/config.toml` under the configuration folder.
//!
//! Owns its keys and defaults. Must not hold secrets.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::keys::{KeyTable, KeyWish};
use super::place;
use crate::domain::{Kind, Outside, Problem};

/// Who acts, for records that carry a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// Full name.
    pub name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
}

/// The user's file. Every key is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct UserConfig {
    /// The workspace to use where nothing else names one.
    pub workspace: Option<String>,
    /// Minutes between automatic refreshes of the console; 0 switches them off. Default 5.
    pub refresh_minutes: Option<u64>,
    /// Who acts.
    #[serde(default)]
    pub operator: Operator,
    /// Keys of the console, by the name of the action.
    #[serde(default)]
    pub keys: KeyTable,
    /// The same keys, each with its place.
    #[serde(skip)]
    pub key_wishes: Vec<KeyWish>,
}

impl UserConfig {
    /// Reads `text`, which lies at `file`.
    pub fn parse(text: &str, file: &str) -> Result<Self, Problem> {
        let mut config: Self = place::parse(text, file)?;
        config.key_wishes = config.keys.wishes(text, file);
        Ok(config)
    }

    /// Reads `path`; a file that is not there is an empty one.
    pub fn read(path: &Path) -> Result<Self, Problem> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, &Outside::new(path.display().to_string()).to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Problem::new(
                Kind::Config,
                format!("{} cannot be read", Outside::new(path.display().to_string())),
            )
            .because(&error)
            .hint("check its permissions, or move it away")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_named_with_its_place() {
        let problem =
            place::parse::<UserConfig>("workspace = \"x\"\nwrokspace = 1\n", "config.toml").unwrap_err();
        let text = problem.to_string();
        assert!(text.contains("config.toml, line 2, column 1"), "{text}");
        assert!(text.contains("wrokspace"), "{text}");
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
        let problem = UserConfig::parse("[keys]\npublish = 3\n", "config.toml").unwrap_err();
        let text = problem.to_string();
        assert!(text.contains("config.toml, line 2, column 11"), "{text}");
        assert!(text.contains("a list of keys"), "{text}");
    }
}
