//! Interprets GitHub's refusals: its statuses and the headers that qualify them.

use chrono::{DateTime, TimeDelta, Utc};

use super::{GitHub, Reply};
use crate::domain::{Problem, ProblemKind, Remedy, SanitizedText};
use crate::services::http::{host_of, retry_after};

/// Seconds to wait after a secondary limit that names no time.
const SECONDARY_WAIT: i64 = 60;

#[derive(serde::Deserialize, Default)]
struct Said {
    #[serde(default)]
    message: Option<String>,
}

/// The content of `X-GitHub-SSO`.
pub(super) enum Sso<'a> {
    /// Nothing is shown until the token is authorised for the organisation, at this address.
    Required(&'a str),
    /// Lists leave out what belongs to these organisations, by number.
    Partial(&'a str),
}

/// Parses `required; url=…` and `partial-results; organizations=…`.
pub(super) fn sso(reply: &Reply) -> Option<Sso<'_>> {
    let (word, rest) = reply.header("x-github-sso")?.split_once(';')?;
    let value = |name: &str| rest.trim().strip_prefix(name);
    match word.trim() {
        "required" => value("url=").map(Sso::Required),
        "partial-results" => value("organizations=").map(Sso::Partial),
        _ => None,
    }
}

impl GitHub {
    pub(super) fn problem_of(&self, reply: &Reply, what: &str) -> Problem {
        let host = host_of(&self.api);
        let said = serde_json::from_slice::<Said>(&reply.body)
            .unwrap_or_default()
            .message;
        let spent = reply.header("x-ratelimit-remaining") == Some("0");
        let secondary = said.as_deref().is_some_and(|said| {
            let said = said.to_ascii_lowercase();
            said.contains("secondary rate limit") || said.contains("abuse detection")
        });
        let asked_to_wait = reply.header("retry-after").is_some();
        let limited = reply.status == 429 || (reply.status == 403 && (spent || secondary || asked_to_wait));
        let kind = match reply.status {
            _ if limited => ProblemKind::RateLimited,
            401 | 403 => ProblemKind::Credentials,
            404 => ProblemKind::NotFound,
            400 | 409 | 422 => ProblemKind::Refused,
            300..=399 => ProblemKind::Refused,
            _ => ProblemKind::Service,
        };
        let mut problem = Problem::new(kind, format!("{what}: {host} returned {}", reply.status));
        if let Some(said) = said {
            problem = problem.cause(said);
        }
        problem = match kind {
            ProblemKind::RateLimited if secondary => {
                problem.hint("GitHub requests a pause: wait a minute, then run the same command again")
            }
            ProblemKind::RateLimited if self.token_from.is_some() => {
                problem.hint("wait until the quota resets, then run the same command again")
            }
            ProblemKind::RateLimited => problem.hint(
                "wait until the quota resets, or set GH_TOKEN for 5,000 instead of 60 requests an hour",
            ),
            ProblemKind::Credentials => self.narrow(problem, reply),
            ProblemKind::NotFound if self.token_from.is_none() => {
                problem.hint("if it is private, set GH_TOKEN to a token with read access")
            }
            ProblemKind::NotFound => {
                problem.hint("check the name in the workspace file and the access of the token")
            }
            ProblemKind::Refused if reply.status < 400 => {
                problem.hint("it was renamed or transferred: use its new name in the workspace file")
            }
            ProblemKind::Refused => problem.hint("fix the cause, then run the same command again"),
            _ => problem.hint("GitHub is having problems, or a proxy interferes: try again later"),
        };
        problem.request_id = reply.header("x-github-request-id").map(SanitizedText::new);
        problem.retry_after = retry_after(&reply.headers)
            .and_then(|wait| TimeDelta::from_std(wait).ok())
            .map(|wait| Utc::now() + wait)
            .or_else(|| {
                let reset = reply.header("x-ratelimit-reset").filter(|_| limited && spent)?;
                DateTime::from_timestamp(reset.parse().ok()?, 0)
            })
            .or_else(|| secondary.then(|| Utc::now() + TimeDelta::seconds(SECONDARY_WAIT)));
        problem
    }

    /// Describes a token that is wrong, expired, not authorised for an organisation, or too
    /// narrow.
    fn narrow(&self, mut problem: Problem, reply: &Reply) -> Problem {
        let from = self.token_from.as_ref().map_or_else(
            || "no token is set".to_owned(),
            |from| format!("the token is from {from}"),
        );
        problem = problem.cause(from);
        if let Some(Sso::Required(link)) = sso(reply) {
            return problem
                .cause("the organisation requires tokens authorised for single sign-on")
                .hint(format!("authorise the token within the hour: {link}"));
        }
        if reply.status == 401 {
            return problem.hint("GH_TOKEN is wrong or expired: set a valid token, or unset it");
        }
        if let Some(wanted) = reply
            .header("x-accepted-github-permissions")
            .filter(|w| !w.is_empty())
        {
            return problem
                .cause(format!("a fine-grained token needs one of: {wanted}"))
                .hint("grant the token that permission on this repository, in GitHub's settings");
        }
        if let (Some(held), Some(wanted)) = (
            reply.header("x-oauth-scopes"),
            reply.header("x-accepted-oauth-scopes").filter(|w| !w.is_empty()),
        ) {
            return problem
                .cause(format!(
                    "the token has the scopes '{held}', one of '{wanted}' is needed"
                ))
                .remedy(
                    &[Remedy::WidenGitHubToken],
                    "gh auth refresh --scopes, or a new token with that scope",
                );
        }
        problem.hint("GH_TOKEN or the account lacks access here: use one that has it")
    }

    /// Refuses without a token, because secrets cannot be read then.
    pub(super) fn needs_token(&self, what: &str) -> Result<(), Problem> {
        if self.token_from.is_some() {
            return Ok(());
        }
        Err(Problem::new(ProblemKind::Credentials, format!("{what}: no GitHub token is set"))
            .with_missing_credential()
            .hint("set GH_TOKEN to a classic token with the scope repo, or a fine-grained one with Secrets: read and write"))
    }
}
