//! Parses the digest that selects an image of an engine: whole, or its first twelve digits.
//!
//! Compares it with the digests that engines report, always from the first digit on.

use std::fmt;

use crate::domain::{Digest, ImageId, Problem, ProblemKind, SanitizedText};

/// Digits of the short form.
const SHORT: usize = 12;

/// Holds a digest as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DigestQuery {
    /// The whole digest.
    Full(Digest),
    /// Its first hexadecimal digits, lower case.
    Short(String),
}

impl DigestQuery {
    /// Parses `[sha256:]` and 12 or 64 hexadecimal digits. Everything else is refused: a name or a
    /// tag may mean another image later.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let refused = |why: String| {
            Problem::new(
                ProblemKind::Usage,
                format!("'{}' is not a digest", SanitizedText::capped(text, 200)),
            )
            .cause(why)
            .hint("use all 64 hexadecimal digits of the digest or its first 12, optionally after sha256:")
            .hint("use --from for an image name, tag or file")
        };
        if let Some((algorithm, digits)) = text.split_once(':')
            && algorithm.starts_with("sha")
            && algorithm != "sha256"
            && digits.len() >= SHORT
            && digits.chars().all(|c| c.is_ascii_hexdigit())
        {
            return Err(refused(format!(
                "only sha256 is supported for images, not {}",
                SanitizedText::new(algorithm)
            )));
        }
        let digits = text.strip_prefix("sha256:").unwrap_or(text).to_ascii_lowercase();
        if !digits.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(refused(
                "names, tags and addresses are not accepted here".to_owned(),
            ));
        }
        match digits.len() {
            SHORT => Ok(Self::Short(digits)),
            64 => format!("sha256:{digits}")
                .parse()
                .map(Self::Full)
                .map_err(|error| refused(format!("{error}"))),
            length => Err(refused(format!("it has {length} digits"))),
        }
    }

    /// Returns true if `digest` is this digest, or begins with its digits.
    pub fn matches(&self, digest: Digest) -> bool {
        match self {
            Self::Full(wanted) => *wanted == digest,
            Self::Short(digits) => digest.hex().starts_with(digits.as_str()),
        }
    }

    /// Returns which of an image's digests matches: its id, else one under which a registry knows
    /// it.
    pub(super) fn among(&self, id: ImageId, repo_digests: impl Iterator<Item = Digest>) -> Option<Digest> {
        std::iter::once(id.0)
            .chain(repo_digests)
            .find(|digest| self.matches(*digest))
    }
}

impl fmt::Display for DigestQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(digest) => fmt::Display::fmt(digest, f),
            Self::Short(digits) => f.write_str(digits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lengths_are_taken_with_and_without_the_algorithm() {
        let full = "0123456789abcdef".repeat(4);
        for text in [full.clone(), format!("sha256:{full}")] {
            assert!(
                matches!(DigestQuery::parse(&text).unwrap(), DigestQuery::Full(digest) if digest.hex() == full)
            );
        }
        for text in ["0123456789ab", "sha256:0123456789ab", "0123456789AB"] {
            assert_eq!(
                DigestQuery::parse(text).unwrap(),
                DigestQuery::Short("0123456789ab".to_owned())
            );
        }
    }

    #[test]
    fn everything_else_is_sent_to_from() {
        let long = "a".repeat(63);
        let sha512 = format!("sha512:{}", "a".repeat(128));
        for text in [
            "",
            "sha256:",
            "mongo",
            "mongo:4.0",
            "latest",
            "docker.io/a/b@sha256:0123456789ab",
            "https://ghcr.io/a/b",
            "docker-daemon:a/b:1",
            "0123456789a",
            "0123456789abc",
            long.as_str(),
            sha512.as_str(),
        ] {
            let problem = DigestQuery::parse(text).unwrap_err();
            assert_eq!(problem.kind, ProblemKind::Usage, "{text}");
            assert!(
                problem.hints.iter().any(|hint| hint.as_str().contains("--from")),
                "{text}"
            );
        }
        assert!(
            DigestQuery::parse(&sha512)
                .unwrap_err()
                .to_string()
                .contains("only sha256")
        );
    }

    #[test]
    fn digits_in_the_middle_do_not_match() {
        let digest: Digest = format!("sha256:ffff{}0000", "0123456789ab".repeat(5)[..56].to_owned())
            .parse()
            .unwrap();
        assert!(!DigestQuery::parse("0123456789ab").unwrap().matches(digest));
        assert!(DigestQuery::parse("ffff01234567").unwrap().matches(digest));
    }
}
