//! Defines the error type of the program: what failed, why, and what to do next.
//!
//! Every module converts its own errors to a [`Problem`]. The kind decides the exit code. Text from
//! outside is always wrapped in [`SanitizedText`].

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::remedy::{Hint, Remedy};
use super::space::NoSpace;
use super::text::SanitizedText;

/// Kind of a problem. It decides the exit code if the run has not started yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// The command line is invalid. Exit code 2.
    Usage,
    /// A workspace or user file is invalid. Exit code 2.
    Config,
    /// Refused by a safety rule: read-only, not confirmed, a precondition changed, a downgrade.
    /// Exit code 3.
    Refused,
    /// A credential is missing, expired, malformed or lacks permissions. Exit code 4.
    Credentials,
    /// Another process holds the lock, or another run is unfinished. Exit code 5.
    Conflict,
    /// The network did not respond. Exit code 6.
    Network,
    /// A service returned an unusable response. Exit code 6.
    Service,
    /// A service asks to retry later. Exit code 6.
    RateLimited,
    /// The requested item was not found. Exit code 1.
    NotFound,
    /// The input or a response contradicts itself: a digest, a length, a manifest. Exit code 1.
    Invalid,
    /// A failure on this machine: disk, permissions, terminal, keyring. Exit code 3: nothing was
    /// started.
    Machine,
    /// A bug in windlass. Exit code 1.
    Internal,
}

impl ProblemKind {
    /// Returns the exit code of this kind while nothing has been written yet.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Usage | Self::Config => 2,
            Self::Refused | Self::Machine => 3,
            Self::Credentials => 4,
            Self::Conflict => 5,
            Self::Network | Self::Service | Self::RateLimited => 6,
            Self::NotFound | Self::Invalid | Self::Internal => 1,
        }
    }
}

/// A problem to show to the user: its subject, its causes (outermost first) and the next step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Kind of the problem.
    pub kind: ProblemKind,
    /// One sentence that names the subject.
    pub summary: SanitizedText,
    /// Causes, outermost first.
    #[serde(default)]
    pub causes: Vec<SanitizedText>,
    /// Hints how to resolve it, most useful first.
    #[serde(default)]
    pub hints: Vec<Hint>,
    /// The service's id of the failed request, if it returned one.
    #[serde(default)]
    pub request_id: Option<SanitizedText>,
    /// True if the store no longer accepts the credential: it is expired or revoked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub credential_expired: bool,
    /// True if there is no credential: nothing was sent that a service could refuse.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub credential_missing: bool,
    /// Earliest time at which the service accepts a retry.
    #[serde(default)]
    pub retry_after: Option<DateTime<Utc>>,
}

impl Problem {
    /// Creates a problem of `kind` with its one-sentence summary.
    pub fn new(kind: ProblemKind, summary: impl AsRef<str>) -> Self {
        Self {
            kind,
            summary: SanitizedText::new(summary),
            causes: Vec::new(),
            hints: Vec::new(),
            request_id: None,
            credential_expired: false,
            credential_missing: false,
            retry_after: None,
        }
    }

    /// Marks that the store no longer accepts the credential.
    #[must_use]
    pub const fn with_expired_credential(mut self) -> Self {
        self.credential_expired = true;
        self
    }

    /// Marks that there is no credential.
    #[must_use]
    pub const fn with_missing_credential(mut self) -> Self {
        self.credential_missing = true;
        self
    }

    /// Adds a cause after the existing ones.
    #[must_use]
    pub fn cause(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(SanitizedText::new(cause.to_string()));
        self
    }

    /// Adds the chain of `error` and its sources as causes.
    #[must_use]
    pub fn because(mut self, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = SanitizedText::new(error.to_string());
            if self.causes.last() != Some(&text) {
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }

    /// Adds the cause of a file operation that failed at `place`, and the hint to free space if
    /// there is none, otherwise `hint`.
    #[must_use]
    pub fn because_of_file(
        self,
        error: &std::io::Error,
        place: &SanitizedText,
        hint: impl AsRef<str>,
    ) -> Self {
        let problem = self.because(error);
        match NoSpace::of(error) {
            Some(space) => problem.hint(space.hint(place, "run the same command again")),
            None => problem.hint(hint),
        }
    }

    /// Adds a hint: what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl AsRef<str>) -> Self {
        self.hints.push(Hint::new(hint, &[]));
        self
    }

    /// Adds a hint that offers `remedies`.
    #[must_use]
    pub fn remedy(mut self, remedies: &[Remedy], hint: impl AsRef<str>) -> Self {
        self.hints.push(Hint::new(hint, remedies));
        self
    }

    /// True where signing in to Charmhub gets past it.
    pub fn wants_sign_in(&self) -> bool {
        self.credential_expired || self.offers(Remedy::SignIn)
    }

    /// True where one of its hints offers `remedy`.
    pub fn offers(&self, remedy: Remedy) -> bool {
        self.hints.iter().any(|hint| hint.offers(remedy))
    }

    /// Adds all of another problem behind the causes.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.causes.push(other.summary);
        self.causes.extend(other.causes);
        for hint in other.hints {
            if !self.hints.contains(&hint) {
                self.hints.push(hint);
            }
        }
        self
    }

    /// Puts a wider sentence in front; the old summary becomes the first cause.
    #[must_use]
    pub fn within(mut self, summary: impl AsRef<str>) -> Self {
        let inner = std::mem::replace(&mut self.summary, SanitizedText::new(summary));
        self.causes.insert(0, inner);
        self
    }
}

/// Combines `problems` into one: a single one is returned unchanged; of several, each summary
/// becomes a cause of `summary`. Hints are kept without duplicates; hints that all problems share
/// come last. Returns `None` if `problems` is empty.
pub fn combined(mut problems: Vec<Problem>, summary: impl FnOnce(usize) -> String) -> Option<Problem> {
    let count = problems.len();
    let first = problems.first()?;
    if count == 1 {
        return problems.pop();
    }
    let mut whole = Problem::new(first.kind, summary(count));
    let of_all = |hint: &Hint| problems.iter().all(|one| one.hints.contains(hint));
    let hints = problems.iter().flat_map(|one| &one.hints);
    let (last, own): (Vec<&Hint>, Vec<&Hint>) = hints.partition(|hint| of_all(hint));
    for hint in own.into_iter().chain(last) {
        if !whole.hints.contains(hint) {
            whole.hints.push(hint.clone());
        }
    }
    whole.causes = problems.into_iter().map(|one| one.summary).collect();
    Some(whole)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.summary)?;
        for cause in &self.causes {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_the_documented_ones() {
        assert_eq!(ProblemKind::Usage.exit_code(), 2);
        assert_eq!(ProblemKind::Refused.exit_code(), 3);
        assert_eq!(ProblemKind::Credentials.exit_code(), 4);
        assert_eq!(ProblemKind::Conflict.exit_code(), 5);
        assert_eq!(ProblemKind::Network.exit_code(), 6);
        assert_eq!(ProblemKind::Machine.exit_code(), 3);
        assert_eq!(ProblemKind::NotFound.exit_code(), 1);
    }

    #[test]
    fn several_problems_are_one_with_every_summary_and_each_hint_once() {
        let wrong = |line: usize| {
            Problem::new(ProblemKind::Config, format!("file, line {line}: wrong"))
                .cause("text of that line")
                .hint("correct it")
        };
        let summary = |count: usize| format!("{count} things are wrong");
        assert_eq!(combined(Vec::new(), summary), None);
        assert_eq!(combined(vec![wrong(1)], summary), Some(wrong(1)));
        let whole = combined(vec![wrong(1), wrong(2)], summary).unwrap();
        assert_eq!(
            whole.to_string(),
            "2 things are wrong: file, line 1: wrong: file, line 2: wrong"
        );
        assert_eq!((whole.kind, whole.hints.len()), (ProblemKind::Config, 1));
    }

    #[test]
    fn causes_keep_their_order() {
        let problem = Problem::new(ProblemKind::Network, "inner")
            .cause("socket")
            .within("outer");
        assert_eq!(problem.to_string(), "outer: inner: socket");
    }
}
