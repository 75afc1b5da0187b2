//! Talks to Charmhub: the publisher's API, the storage of uploads and the public API.
//!
//! Defines the wire shapes of the store and maps its answers. Reading and writing are two types,
//! so that a read-only session never constructs a writer. Must not retry by itself: the only retry
//! policy is that of the HTTP module.

pub mod bundle;
pub mod credential;
pub mod public;
pub mod publisher;
mod sessions;
pub mod sign_on;
mod storage;
mod wire;
pub mod writer;

use secrecy::ExposeSecret;
use url::Url;

use super::http::{Answer, Http, Limit, host_of, retry_after};
use crate::domain::{Problem, ProblemKind, Remedy, SanitizedText};
pub use credential::StoreToken;
pub use public::PublicStore;
pub use publisher::{Publisher, PushTarget};
pub use sign_on::{Login, SignOn, SignOnAnswer, SignedOn};
pub use writer::StoreWriter;

/// The message for every credential that the store does not accept (any more), in charmcraft's own
/// words, so that a search for the sentence finds the same remedy.
pub const EXPIRED: &str =
    "Provided credentials are no longer valid for Charmhub. Regenerate them and try again.";

/// The remedy for a credential that is missing, unreadable or too narrow.
pub const NEW_TOKEN: &str = "sign in: windlass login (in the console: 'sign in'); or create a credential \
    elsewhere: charmcraft login --export FILE --ttl 15780000, then export CHARMCRAFT_AUTH=\"$(cat FILE)\"";

/// The remedies for [`EXPIRED`].
const RENEW: [&str; 3] = [
    "sign in again: windlass login (in the console: 'sign in')",
    "renew a token that is stored in repository secrets: windlass rotate",
    "CHARMCRAFT_AUTH takes precedence over all other credentials: unset it, or renew it with charmcraft \
    login --export FILE --ttl 15780000",
];

/// Joins `base` with path segments, each escaped.
pub(super) fn at(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// Adds the credential to a request.
fn signed(request: reqwest::RequestBuilder, token: &StoreToken) -> reqwest::RequestBuilder {
    let mut value =
        reqwest::header::HeaderValue::from_str(&format!("Macaroon {}", token.secret().expose_secret()))
            .unwrap_or_else(|_| reqwest::header::HeaderValue::from_static("Macaroon unreadable"));
    value.set_sensitive(true);
    request.header(reqwest::header::AUTHORIZATION, value)
}

#[derive(serde::Deserialize, Default)]
struct ErrorBody {
    #[serde(rename = "error-list", alias = "error_list", default)]
    list: Option<Vec<ErrorItem>>,
    /// Ubuntu One and older parts of the store put it at the top level.
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

impl ErrorBody {
    /// Returns every error that an answer holds.
    fn items(answer: &Answer) -> Vec<ErrorItem> {
        let body = answer.json::<Self>().unwrap_or_default();
        let top = (body.code.is_some() || body.message.is_some()).then_some(ErrorItem {
            code: body.code,
            message: body.message,
        });
        let list = body.list.unwrap_or_default();
        if list.is_empty() {
            top.into_iter().collect()
        } else {
            list
        }
    }

    /// Returns the same as [`ErrorBody::items`], with the error at the top level in addition to
    /// the list.
    fn items_at_any_level(answer: &Answer) -> Vec<ErrorItem> {
        let mut body = answer.json::<Self>().unwrap_or_default();
        let top = ErrorItem {
            code: body.code.take(),
            message: body.message.take(),
        };
        body.list.into_iter().flatten().chain([top]).collect()
    }
}

#[derive(serde::Deserialize)]
struct ErrorItem {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

/// Returns the store's refusal as a problem about `what`. `source` is where the credential came
/// from.
pub(super) fn problem_of(answer: &Answer, what: &str, source: Option<&SanitizedText>) -> Problem {
    let host = host_of(&answer.url);
    let items = ErrorBody::items(answer);
    let said: Vec<String> = items
        .iter()
        .map(|item| match (&item.code, &item.message) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (_, Some(message)) => message.clone(),
            (Some(code), None) => code.clone(),
            (None, None) => String::new(),
        })
        .collect();
    let mut problem = if no_longer_valid(answer, &items) {
        let from = source.map_or_else(
            || "no credential was sent".to_owned(),
            |source| format!("the credential is from {source}"),
        );
        let problem = Problem::new(ProblemKind::Credentials, EXPIRED)
            .with_expired_credential()
            .cause(format!("{what}: refused by {host} ({})", answer.status))
            .cause(from);
        RENEW.into_iter().fold(problem, Problem::hint)
    } else {
        let kind = match answer.status {
            403 => ProblemKind::Credentials,
            404 => ProblemKind::NotFound,
            408 | 500..=599 => ProblemKind::Service,
            429 => ProblemKind::RateLimited,
            400..=499 if !said.is_empty() => ProblemKind::Refused,
            _ => ProblemKind::Service,
        };
        let problem = Problem::new(kind, format!("{what}: {host} returned {}", answer.status));
        match kind {
            ProblemKind::Credentials => source
                .map_or(problem.clone(), |source| {
                    problem.cause(format!("the credential is from {source}"))
                })
                .hint(
                    "use a credential for this package with the permissions package-manage and \
                    package-view-revisions",
                )
                .remedy(&[Remedy::SignIn], NEW_TOKEN),
            ProblemKind::RateLimited => problem.hint("wait, then run the same command again"),
            ProblemKind::Service => {
                problem.hint("Charmhub is having problems: run the same command again later")
            }
            ProblemKind::NotFound => {
                problem.hint("check the names in the workspace file and the packages of the credential")
            }
            ProblemKind::Refused => problem.hint("fix the cause, then run the same command again"),
            _ => problem,
        }
    };
    for text in said {
        problem = problem.cause(text);
    }
    if problem.causes.is_empty() && !answer.body.is_empty() && answer.status != 401 {
        problem = problem.cause(format!(
            "the response is not from Charmhub: {}",
            answer.described()
        ));
    }
    problem.request_id = answer.header("x-request-id").map(SanitizedText::new);
    problem.retry_after = retry_after(&answer.headers)
        .and_then(|wait| chrono::TimeDelta::from_std(wait).ok())
        .map(|wait| chrono::Utc::now() + wait);
    problem
}

/// Returns true if the answer means that the credential is expired, revoked, cut short or of
/// another store. The store has many forms for this: any 401 (with an error list, as a bakery's
/// discharge request, with `WWW-Authenticate: Macaroon needs_refresh=1`, or bare), 400 for a
/// macaroon that it cannot read, and codes that its older parts send with 403.
fn no_longer_valid(answer: &Answer, items: &[ErrorItem]) -> bool {
    let coded = |codes: &[&str]| {
        items
            .iter()
            .filter_map(|item| item.code.as_deref())
            .any(|code| codes.contains(&code.to_ascii_lowercase().as_str()))
    };
    match answer.status {
        401 => true,
        400 => items.iter().any(|item| {
            let text = item.message.as_deref().or(item.code.as_deref());
            text.is_some_and(|text| text.to_ascii_lowercase().contains("macaroon"))
        }),
        403 => {
            coded(&[
                "macaroon-authorization-required",
                "macaroon-permission-required",
                "macaroon-needs-refresh",
            ]) || answer
                .header("www-authenticate")
                .is_some_and(|wanted| wanted.contains("needs_refresh=1"))
        }
        _ => false,
    }
}

/// Parses the answer as JSON. The error describes what it was instead.
pub(super) fn json_of<T: serde::de::DeserializeOwned>(
    answer: &Answer,
    what: &str,
    source: Option<&SanitizedText>,
) -> Result<T, Problem> {
    if !answer.ok() {
        return Err(problem_of(answer, what, source));
    }
    answer.json().map_err(|error| {
        Problem::new(
            ProblemKind::Service,
            format!(
                "{what}: cannot read the response of {} ({})",
                host_of(&answer.url),
                answer.described()
            ),
        )
        .because(&error)
        .hint("check for a proxy or a login page; otherwise try again later")
    })
}

/// Reads `url`, with the credential if there is one.
async fn get(http: &Http, url: &Url, token: Option<&StoreToken>, what: &str) -> Result<Answer, Problem> {
    let client = http.client(url)?;
    let request = || {
        let request = client.get(url.clone()).header("Accept", "application/json");
        match token {
            Some(token) => signed(request, token),
            None => request,
        }
    };
    http.limited(Limit::LIST)
        .read(request)
        .await
        .map_err(|failure| failure.problem(what, url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, header: Option<(&'static str, &'static str)>, body: &str) -> Answer {
        let mut headers = reqwest::header::HeaderMap::new();
        if let Some((name, value)) = header {
            headers.insert(name, value.parse().unwrap());
        }
        Answer {
            status,
            headers,
            body: bytes::Bytes::from(body.to_owned()),
            url: Url::parse("https://api.charmhub.io/v1/charm/x").unwrap(),
        }
    }

    #[test]
    fn every_shape_of_an_expired_credential_is_one_sentence() {
        let bakery = r#"{"Code":"macaroon discharge required","Message":"discharge required","Info":{"Macaroon":{},"MacaroonPath":"/"}}"#;
        let list = |code: &str, message: &str| {
            format!(r#"{{"error-list":[{{"code":"{code}","message":"{message}"}}]}}"#)
        };
        let source = SanitizedText::new("CHARMCRAFT_AUTH");
        for shape in [
            answer(401, Some(("www-authenticate", "Macaroon")), bakery),
            answer(401, Some(("www-authenticate", "Macaroon needs_refresh=1")), ""),
            answer(401, None, "<html>no</html>"),
            answer(401, None, &list("macaroon-authorization-required", "x")),
            answer(401, None, &list("permission-required", "x")),
            answer(403, None, &list("macaroon-permission-required", "x")),
            answer(403, None, &list("macaroon-authorization-required", "x")),
            answer(
                403,
                None,
                r#"{"error_list":[{"code":"macaroon-authorization-required"}]}"#,
            ),
            answer(403, Some(("www-authenticate", "Macaroon needs_refresh=1")), ""),
            answer(400, None, &list("api-error", "Invalid macaroon")),
        ] {
            let problem = problem_of(&shape, "reading the channels of x", Some(&source));
            assert_eq!(problem.kind, ProblemKind::Credentials);
            assert_eq!(
                problem.summary.as_str(),
                "Provided credentials are no longer valid for Charmhub. Regenerate them and try again."
            );
            let first = problem.causes[0].as_str();
            assert!(
                first.contains("reading the channels of x") && first.contains("api.charmhub.io"),
                "{first}"
            );
            assert!(
                problem.causes[1].as_str().contains("CHARMCRAFT_AUTH"),
                "{problem:?}"
            );
            assert!(
                problem.hints[0].as_str().contains("windlass login"),
                "{problem:?}"
            );
            assert!(
                problem.hints[1].as_str().contains("windlass rotate"),
                "{problem:?}"
            );
        }
    }

    #[test]
    fn a_credential_that_is_only_too_narrow_is_not_called_expired() {
        let body = r#"{"error-list":[{"code":"permission-required","message":"Package access not allowed: this token does not cover x"}]}"#;
        let problem = problem_of(
            &answer(403, None, body),
            "reading x",
            Some(&SanitizedText::new("the keyring")),
        );
        assert_eq!(problem.kind, ProblemKind::Credentials);
        assert!(!problem.credential_expired, "{problem}");
        assert!(problem.to_string().contains("does not cover x"), "{problem}");
        assert!(problem.hints[0].as_str().contains("permission"), "{problem:?}");
        let bad = answer(
            400,
            None,
            r#"{"error-list":[{"code":"api-error","message":"Invalid name"}]}"#,
        );
        assert_eq!(problem_of(&bad, "x", None).kind, ProblemKind::Refused);
    }
}
