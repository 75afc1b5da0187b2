//! Parses NAME=VALUE and NAME:VALUE arguments: a name, a separator, a value, and no name twice.
//!
//! The caller parses names and values; channels and numbers are parsed here, so that an error names
//! the argument.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::domain::{Channel, Problem, ProblemKind, SanitizedText};

/// Longest part of the input that an error repeats, in characters.
const SHOWN: usize = 100;

/// How pairs of one kind are written.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// What precedes each pair: `--with `, or empty for positional arguments.
    pub before: &'static str,
    /// The form, as help shows it: `CHARM=CHANNEL`.
    pub shape: &'static str,
    /// The separator of name and value.
    pub sign: char,
}

impl Form {
    /// Parses every pair of `texts` with `read`, which gets name and value. The first separator
    /// counts, so a value may contain more of them.
    pub fn read<Name: Ord + Display, Value>(
        self,
        texts: &[String],
        read: impl Fn(&str, &str) -> Result<(Name, Value), Problem>,
    ) -> Result<BTreeMap<Name, Value>, Problem> {
        let mut pairs = BTreeMap::new();
        for text in texts {
            let bad = |what: String| {
                Problem::new(
                    ProblemKind::Usage,
                    format!("{}{} {what}", self.before, SanitizedText::capped(text, SHOWN)),
                )
                .hint(format!("use {}{}", self.before, self.shape))
            };
            let (name, value) = text
                .split_once(self.sign)
                .ok_or_else(|| bad(format!("is missing '{}'", self.sign)))?;
            if name.is_empty() {
                return Err(bad(format!("is missing a name before '{}'", self.sign)));
            }
            let (name, value) = read(name, value)?;
            if pairs.contains_key(&name) {
                let shown = SanitizedText::capped(name.to_string(), SHOWN);
                return Err(bad(format!("repeats {shown}")).hint("remove one of the two"));
            }
            pairs.insert(name, value);
        }
        Ok(pairs)
    }
}

/// Parses a number; revisions may have an `r` prefix.
pub fn number(text: &str, what: &str) -> Result<u64, Problem> {
    text.strip_prefix('r').unwrap_or(text).parse().map_err(|_| {
        Problem::new(
            ProblemKind::Usage,
            format!("{what} {} is not a number", SanitizedText::capped(text, SHOWN)),
        )
        .hint("write a revision as 42 or r42")
    })
}

/// Parses the channel that was given at `place`: `--channel`, `CHANNEL`.
pub fn channel(text: &str, place: &str) -> Result<Channel, Problem> {
    text.parse()
        .map_err(|problem: Problem| problem.within(format!("{place} names no channel")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Form = Form {
        before: "--image ",
        shape: "NAME=TAG",
        sign: '=',
    };

    fn read(texts: &[&str]) -> Result<BTreeMap<String, String>, Problem> {
        let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
        FORM.read(&texts, |name, value| Ok((name.to_owned(), value.to_owned())))
    }

    #[test]
    fn the_first_sign_parts_name_and_value() {
        let pairs = read(&["a=1", "b==x=y", "c="]).unwrap();
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(pairs, [("a", "1"), ("b", "=x=y"), ("c", "")]);
    }

    #[test]
    fn a_name_that_is_missing_or_given_twice_is_told_with_the_shape() {
        for (texts, said) in [
            (&["plain"][..], "--image plain is missing '='"),
            (&["=1"], "--image =1 is missing a name before '='"),
            (&["a=1", "b=1", "a=2"], "--image a=2 repeats a"),
            // The same value is an error too: a repeated name is a mistake.
            (&["a=1", "a=1"], "--image a=1 repeats a"),
        ] {
            let problem = read(texts).unwrap_err();
            assert_eq!(problem.kind, ProblemKind::Usage);
            assert_eq!(problem.summary.as_str(), said);
            assert_eq!(problem.hints[0].as_str(), "use --image NAME=TAG");
        }
    }

    #[test]
    fn a_misspelled_channel_is_told_with_its_place() {
        assert_eq!(channel("beta", "--channel").unwrap().to_string(), "latest/beta");
        let problem = channel("Beta", "--channel").unwrap_err();
        assert_eq!(
            problem.to_string(),
            "--channel names no channel: 'Beta' is not a channel"
        );
        assert!(
            problem.hints[0].as_str().contains("did you mean beta?"),
            "{problem:?}"
        );
    }

    #[test]
    fn revisions_are_numbers_with_or_without_their_letter() {
        assert_eq!(number("42", "--revision").unwrap(), 42);
        assert_eq!(number("r42", "--revision").unwrap(), 42);
        for bad in ["rr42", "", "r", "-1", "4x"] {
            assert_eq!(
                number(bad, "--revision").unwrap_err().kind,
                ProblemKind::Usage,
                "{bad}"
            );
        }
    }
}
