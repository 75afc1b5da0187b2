//! Charmhub: the publisher's API, the storage of uploads and the anonymous side.
//!
//! Owns the wire shapes of the store and the mapping of its answers. Reading and writing are two
//! types, so that a read-only session never constructs a writer. Must not plan or retry on its
//! own: the one retry policy is HTTP's.

pub mod credential;
pub mod public;
pub mod publisher;
mod wire;
pub mod writer;

use secrecy::ExposeSecret;
use url::Url;

use super::http::{Answer, Http, host_of, retry_after};
use crate::domain::{Kind, Outside, Problem};
pub use credential::StoreToken;
pub use public::PublicStore;
pub use publisher::Publisher;
pub use writer::StoreWriter;

/// The remedy for every credential that the store does not take.
pub const NEW_TOKEN: &str = "make a new one: charmcraft login --export FILE --ttl 15780000, then export CHARMCRAFT_AUTH=\"$(cat FILE)\"";

/// `base` joined with path segments, each escaped.
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

#[derive(serde::Deserialize)]
struct ErrorBody {
    #[serde(rename = "error-list", alias = "error_list", default)]
    list: Option<Vec<ErrorItem>>,
}

#[derive(serde::Deserialize)]
struct ErrorItem {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

/// What the store said, as a problem about `what`. `source` is where the credential came from.
pub(super) fn problem_of(answer: &Answer, what: &str, source: Option<&Outside>) -> Problem {
    let host = host_of(&answer.url);
    let items = answer
        .json::<ErrorBody>()
        .ok()
        .and_then(|body| body.list)
        .unwrap_or_default();
    let said: Vec<String> = items
        .iter()
        .map(|item| match (&item.code, &item.message) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (_, Some(message)) => message.clone(),
            (Some(code), None) => code.clone(),
            (None, None) => String::new(),
        })
        .collect();
    let invalid_macaroon = answer.status == 400
        && said
            .iter()
            .any(|text| text.to_ascii_lowercase().contains("macaroon"));
    let mut problem = if answer.status == 401 || invalid_macaroon {
        let from = source.map_or_else(
            || "none was given".to_owned(),
            |source| format!("it came from {source}"),
        );
        Problem::new(
            Kind::Credentials,
            format!("{what}: {host} does not accept the Charmhub credential ({from}): it is expired, revoked, cut short or of another store"),
        )
        .hint(NEW_TOKEN)
    } else {
        let kind = match answer.status {
            403 => Kind::Credentials,
            404 => Kind::NotFound,
            408 | 500..=599 => Kind::Service,
            429 => Kind::RateLimited,
            400..=499 if !said.is_empty() => Kind::Refused,
            _ => Kind::Service,
        };
        let problem = Problem::new(kind, format!("{what}: {host} answered {}", answer.status));
        match kind {
            Kind::Credentials => problem
                .hint("the credential must name this package and the permissions package-manage and package-view-revisions")
                .hint(NEW_TOKEN),
            Kind::RateLimited => problem.hint("wait as long as it says, then run the same command again"),
            Kind::Service => problem.hint("the store is in trouble: run the same command again later"),
            Kind::NotFound => problem
                .hint("check the names in the workspace file, and that the credential may see the package"),
            Kind::Refused => problem.hint("the store says why: mend that, then run the same command again"),
            _ => problem,
        }
    };
    for text in said {
        problem = problem.cause(text);
    }
    if problem.causes.is_empty() && !answer.body.is_empty() && answer.status != 401 {
        problem = problem.cause(format!("the answer is {}", describe(answer)));
    }
    problem.request_id = answer.header("x-request-id").map(Outside::new);
    problem.retry_after = retry_after(&answer.headers)
        .and_then(|wait| chrono::TimeDelta::from_std(wait).ok())
        .map(|wait| chrono::Utc::now() + wait);
    problem
}

/// The answer as JSON, or a problem that says what it was instead.
pub(super) fn json_of<T: serde::de::DeserializeOwned>(
    answer: &Answer,
    what: &str,
    source: Option<&Outside>,
) -> Result<T, Problem> {
    if !answer.ok() {
        return Err(problem_of(answer, what, source));
    }
    answer.json().map_err(|error| {
        Problem::new(
            Kind::Service,
            format!(
                "{what}: {} answered {} that makes no sense",
                host_of(&answer.url),
                describe(answer)
            ),
        )
        .cause(error)
        .hint("is a proxy or login page in the way? Otherwise the store is in trouble: try again later")
    })
}

fn describe(answer: &Answer) -> String {
    let kind = answer
        .header("content-type")
        .unwrap_or("something without a type");
    let start: String = String::from_utf8_lossy(&answer.body).chars().take(60).collect();
    format!("{} ({})", Outside::capped(kind, 60), Outside::new(start))
}

/// Reads `url` with the credential where there is one.
async fn get(http: &Http, url: &Url, token: Option<&StoreToken>, what: &str) -> Result<Answer, Problem> {
    let client = http.client(url)?;
    let request = || {
        let request = client.get(url.clone()).header("Accept", "application/json");
        match token {
            Some(token) => signed(request, token),
            None => request,
        }
    };
    http.read(request)
        .await
        .map_err(|failure| failure.problem(what, url))
}
