//! Removes possible secrets from a text of unknown content.
//!
//! The rules mask too much rather than too little: text in quotes, what follows a keyword such as
//! "token", long words that look like tokens, and the values of variables with such names. Texts
//! known to be clean should not be redacted: it makes them less useful.

use crate::domain::SanitizedText;

/// Words after which a secret may follow.
const TELLING: [&str; 9] = [
    "password",
    "passphrase",
    "passwd",
    "token",
    "secret",
    "authorization",
    "bearer",
    "otp",
    "macaroon",
];
/// A word of letters and digits of at least this length is taken for a token.
const LONG: usize = 20;
/// Variable values shorter than this are too common to be searched for.
const SHORT: usize = 8;
const MASK: &str = "[masked]";

/// Returns `text` without possible secrets; its lines are kept. `environment` provides the values
/// to remove.
pub fn redact(text: &str, environment: impl IntoIterator<Item = (String, String)>) -> String {
    let mut text = text.to_owned();
    for (name, value) in environment {
        let name = name.to_lowercase();
        let telling = ["auth", "key"]
            .iter()
            .chain(&TELLING)
            .any(|word| name.contains(word));
        if telling && value.len() >= SHORT {
            text = text.replace(&value, MASK);
        }
    }
    text.lines()
        .map(|line| format!("{}\n", SanitizedText::new(masked(line))))
        .collect()
}

/// Like [`redact`], for a backtrace, which contains no values: only what looks like a token is
/// removed.
pub fn functions(text: &str) -> String {
    text.lines()
        .map(|line| format!("{}\n", SanitizedText::new(line)))
        .collect()
}

fn masked(line: &str) -> String {
    let line = unquoted(line);
    let mut out = String::new();
    let mut telling = false;
    for word in line.split_inclusive([' ', '\t']) {
        let bare = word.trim_end();
        let lower = bare.to_lowercase();
        let tells = TELLING.iter().any(|one| lower.contains(one));
        let value = bare
            .split_once(['=', ':'])
            .is_some_and(|(_, rest)| !rest.is_empty());
        if telling && !tells && !bare.is_empty() && !matches!(bare, "=" | ":" | "is") {
            out.push_str(MASK);
            telling = false;
        } else if tells && value {
            out.push_str(MASK);
        } else {
            telling |= tells;
            out.push_str(&without_tokens(bare));
        }
        out.push_str(&word[bare.len()..]);
    }
    out
}

/// Removes text in double quotes: a value printed by some code.
fn unquoted(line: &str) -> String {
    let mut out = String::new();
    let (mut inside, mut escaped) = (false, false);
    for c in line.chars() {
        match c {
            '"' if !escaped => {
                inside = !inside;
                if inside {
                    out.push_str(MASK);
                }
            }
            _ if inside => escaped = c == '\\' && !escaped,
            _ => out.push(c),
        }
    }
    out
}

fn without_tokens(word: &str) -> String {
    // User information in a URL comes before an @.
    let word = match word.split_once("://") {
        Some((scheme, rest)) if rest.split('/').next().is_some_and(|host| host.contains('@')) => {
            let after = rest.split_once('@').map_or("", |(_, after)| after);
            format!("{scheme}://{MASK}@{after}")
        }
        _ => word.to_owned(),
    };
    let part_of = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '=' | '_' | '-');
    let mut out = String::new();
    let mut run = String::new();
    for c in word.chars().chain(std::iter::once('\0')) {
        if part_of(c) {
            run.push(c);
            continue;
        }
        let token = run.len() >= LONG && run.bytes().any(|byte| byte.is_ascii_digit());
        out.push_str(if token { MASK } else { &run });
        run.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_may_be_secret_goes_and_the_rest_can_be_read() {
        let environment = [
            ("CHARMCRAFT_AUTH".to_owned(), "sesame-open-up".to_owned()),
            ("HOME".to_owned(), "/home/rita".to_owned()),
        ];
        let text = redact(
            "called `Result::unwrap()` on an `Err` value: Login { password: \"open \\\" it\" }\n\
             index out of bounds: the len is 3 but the index is 7\n\
             with sesame-open-up in /home/rita\n\
             Authorization: Bearer abc def\n\
             otp=123456 and ghp_16C7e42F292c6912E7710c838347Ae178B4a.\n\
             https://rita:pw@charmhub.io/x \u{1b}[31m",
            environment,
        );
        for secret in [
            "open \\", "it\"", "sesame", "abc", "123456", "ghp_", "pw@", "\u{1b}",
        ] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        assert!(text.contains("the len is 3 but the index is 7"), "{text}");
        assert!(
            text.contains("/home/rita") && text.contains("@charmhub.io/x"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 6);
    }
}
