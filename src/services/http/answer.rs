//! Defines the result of a request: an answer or a failure, and what both mean for a write.

use bytes::Bytes;
use reqwest::header::HeaderMap;
use url::Url;

use super::json::{Unreadable, json, without_secrets};
use super::{LONGEST_WAIT, host_of, retry_after};
use crate::domain::{Problem, ProblemKind};

/// Holds a complete answer of any status.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers of the last hop.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// Its address after redirects.
    pub url: Url,
}

impl Answer {
    /// Returns the answer with `secret`, which the request's body carried, removed from its body.
    #[must_use]
    pub fn without(&self, secret: &str) -> Self {
        Self {
            body: without_secrets(self.body.clone(), std::iter::once(secret)),
            ..self.clone()
        }
    }

    /// Returns true for 2xx.
    pub const fn ok(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// Returns a header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Parses the body as JSON.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Unreadable> {
        json(&self.body)
    }
}

/// Holds why a request got no answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// True if the request cannot have reached the service.
    pub not_sent: bool,
    /// True if a retry is useless (a refused address, a TLS failure).
    pub hopeless: bool,
    /// True if an answer began and was not read to its end.
    pub began: bool,
    /// What happened, without the address.
    pub text: String,
}

impl Failure {
    /// Interprets a transport error.
    pub fn of(error: &reqwest::Error) -> Self {
        let mut text = if error.is_timeout() {
            "timed out".to_owned()
        } else {
            String::new()
        };
        let mut source = std::error::Error::source(error);
        while let Some(inner) = source {
            text = inner.to_string();
            source = inner.source();
        }
        if text.is_empty() {
            text = error.to_string();
        }
        Self {
            not_sent: error.is_connect(),
            hopeless: error.is_redirect() || error.is_builder(),
            began: false,
            text,
        }
    }

    /// Returns the failure for an answer that is not read to its end, because of `why`; a retry
    /// does not help.
    pub const fn unread(why: String) -> Self {
        Self {
            not_sent: false,
            hopeless: true,
            began: true,
            text: why,
        }
    }

    /// Returns the failure for a connection that broke off with `error`, worded by its innermost
    /// cause.
    pub fn broke_off(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut inner = error;
        while let Some(source) = inner.source() {
            inner = source;
        }
        Self {
            not_sent: false,
            hopeless: false,
            began: false,
            text: inner.to_string(),
        }
    }

    /// Converts to a problem about `what` at `url`.
    pub fn problem(&self, what: &str, url: &Url) -> Problem {
        let host = host_of(url);
        if self.began {
            return Problem::new(
                ProblemKind::Service,
                format!("{what}: the response of {host} is incomplete"),
            )
            .cause(&self.text)
            .hint("check for a proxy, then run the same command again");
        }
        Problem::new(ProblemKind::Network, format!("{what}: {host} did not respond"))
            .cause(&self.text)
            .hint(format!(
                "check the network and {host}, then run the same command again"
            ))
    }
}

/// The result of a write.
#[derive(Debug)]
pub enum Written<T> {
    /// The service answered.
    Answered(T),
    /// The request was certainly not accepted, and may be sent again after a wait: the one that
    /// the problem names, if any.
    NotTaken(Problem),
    /// The request was sent, no answer came: check before sending it again.
    Lost(Problem),
}

impl<T> Written<T> {
    /// Maps the content of the answer.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Written<U> {
        self.and_then(|held| Ok(change(held)))
    }

    /// Maps as [`Written::map`] does; an answer that cannot be parsed does not mean that nothing
    /// happened, so it counts as lost.
    pub fn and_then<U>(self, change: impl FnOnce(T) -> Result<U, Problem>) -> Written<U> {
        match self {
            Self::Answered(held) => match change(held) {
                Ok(changed) => Written::Answered(changed),
                Err(problem) => Written::Lost(problem),
            },
            Self::NotTaken(problem) => Written::NotTaken(problem),
            Self::Lost(problem) => Written::Lost(problem),
        }
    }
}

impl Written<Answer> {
    /// Classifies the outcome of [`Http::write`](super::Http::write) at `url`, sent to do `what`:
    /// answered, lost, not accepted for now, or (`Err`) refused. `problem_of` parses the service's
    /// own errors.
    pub fn of(
        sent: Result<Answer, Failure>,
        what: &str,
        url: &Url,
        problem_of: impl FnOnce(&Answer) -> Problem,
    ) -> Result<Self, Problem> {
        match sent {
            Ok(answer) if answer.ok() => Ok(Self::Answered(answer)),
            // A gateway timeout or error does not show what the service behind it did.
            Ok(answer) if matches!(answer.status, 408 | 500..=599) => Ok(Self::Lost(problem_of(&answer))),
            Ok(answer) if answer.status == 429 => match retry_after(&answer.headers) {
                Some(wait) if wait > LONGEST_WAIT => Err(problem_of(&answer)),
                wait => {
                    let mut problem = problem_of(&answer);
                    problem.retry_after = wait.map(|wait| chrono::Utc::now() + wait);
                    Ok(Self::NotTaken(problem))
                }
            },
            Ok(answer) => Err(problem_of(&answer)),
            Err(failure) if failure.not_sent && failure.hopeless => Err(failure.problem(what, url)),
            Err(failure) if failure.not_sent => Ok(Self::NotTaken(failure.problem(what, url))),
            Err(failure) => Ok(Self::Lost(failure.problem(what, url))),
        }
    }
}
