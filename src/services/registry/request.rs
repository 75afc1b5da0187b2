//! Sends one request to one repository: its address, its scopes, and the meaning of the answer.
//!
//! Repeats a request once after a 401 and maps refusals to problems. `Authorization` is sent only
//! to the scheme, host and port of the site itself.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use backon::Retryable as _;
use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION};
use serde::Deserialize;
use url::Url;

use super::auth::Login;
use super::{CANONICAL, Quota, Registries};
use crate::domain::image::Repository;
use crate::domain::{Problem, ProblemKind, SanitizedText};
use crate::services::http::{self, Answer, Failure, Limit};

/// Holds a repository with its address.
#[derive(Clone)]
pub(super) struct RepositoryEndpoint {
    /// The registry's name.
    pub(super) name: String,
    /// The registry's address.
    pub(super) address: Url,
    /// Path of the repository.
    pub(super) path: String,
    /// The login that was issued for this repository.
    pub(super) given: Option<Arc<Login>>,
}

impl fmt::Display for RepositoryEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name, self.path)
    }
}

/// Returns scheme, host and port: what a credential is bound to.
pub(super) fn origin_of(url: &Url) -> String {
    url.origin().ascii_serialization()
}

impl RepositoryEndpoint {
    pub(super) fn origin(&self) -> String {
        origin_of(&self.address)
    }

    /// Returns an address below `/v2/<path>/`.
    pub(super) fn url(&self, tail: &str) -> Result<Url, Problem> {
        self.address
            .join(&format!("/v2/{}/{tail}", self.path))
            .map_err(|error| {
                Problem::new(ProblemKind::Usage, format!("{self} is not a valid URL")).because(&error)
            })
    }

    /// Refuses an address that this registry must not redirect to: plain HTTP outside of loopback,
    /// and loopback from outside.
    pub(super) fn check_redirect(&self, url: &Url) -> Result<(), Problem> {
        let inward = http::is_loopback(url) && !http::is_loopback(&self.address);
        match http::check(url) {
            Ok(()) if !inward => Ok(()),
            _ => Err(Problem::new(
                ProblemKind::Service,
                format!("{self} redirects to {}, which is not allowed", http::host_of(url)),
            )
            .hint("only https, or http on loopback for a registry on loopback, is allowed")),
        }
    }

    /// Returns access to read.
    pub(super) fn pull(&self) -> ScopedEndpoint {
        self.access(vec![format!("repository:{}:pull", self.path)])
    }

    /// Returns access to read and write.
    pub(super) fn push(&self) -> ScopedEndpoint {
        self.access(vec![format!("repository:{}:pull,push", self.path)])
    }

    /// Returns access to write here and read `source`, a repository of the same registry.
    pub(super) fn push_from(&self, source: &Self) -> ScopedEndpoint {
        let mut access = self.push();
        if source.path != self.path {
            access.scopes.push(format!("repository:{}:pull", source.path));
        }
        access
    }

    fn access(&self, scopes: Vec<String>) -> ScopedEndpoint {
        ScopedEndpoint {
            site: self.clone(),
            scopes,
        }
    }
}

/// Holds a site and the requested scopes, as its token service names them.
#[derive(Clone)]
pub(super) struct ScopedEndpoint {
    pub(super) site: RepositoryEndpoint,
    pub(super) scopes: Vec<String>,
}

/// Holds a request that can be sent again.
#[derive(Clone)]
pub(super) struct RequestSpec {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Bytes,
    /// True if a redirect or a web page is an answer like any other.
    pub(super) any_answer: bool,
}

impl RequestSpec {
    pub(super) fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: Vec::new(),
            body: Bytes::new(),
            any_answer: false,
        }
    }

    /// Marks a request to an optional endpoint: a redirect and a web page are answers, and no
    /// redirect is followed.
    pub(super) fn any_answer(mut self) -> Self {
        self.any_answer = true;
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    pub(super) fn body(mut self, body: Bytes) -> Self {
        self.body = body;
        self
    }
}

/// How often a request is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sending {
    Repeat,
    Once,
    Checked,
}

/// Holds a failed attempt, and whether a retry may succeed.
#[derive(Clone, Debug)]
pub(super) struct AttemptError {
    pub(super) problem: Problem,
    pub(super) again: bool,
    pub(super) wait: Option<Duration>,
    /// Blob bytes that were counted and are void now.
    pub(super) rolled_back: u64,
}

impl From<Problem> for AttemptError {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            again: false,
            wait: None,
            rolled_back: 0,
        }
    }
}

impl AttemptError {
    /// Returns a problem that may be temporary.
    pub(super) fn passing(problem: Problem) -> Self {
        Self {
            again: true,
            ..problem.into()
        }
    }

    pub(super) fn failed(failure: &Failure, what: &str, url: &Url) -> Self {
        Self {
            again: !failure.hopeless,
            ..failure.problem(what, url).into()
        }
    }
}

/// Retries within the policy; `again` is called for every retry with the pause before it.
pub(super) async fn retry<T, F, R>(attempt: F, again: impl Fn(&AttemptError, Duration)) -> Result<T, Problem>
where
    F: FnMut() -> R,
    R: Future<Output = Result<T, AttemptError>>,
{
    attempt
        .retry(http::policy())
        .when(|trouble: &AttemptError| {
            trouble.again && trouble.wait.is_none_or(|wait| wait <= http::LONGEST_WAIT)
        })
        .adjust(|trouble: &AttemptError, planned: Option<Duration>| {
            planned.map(|planned| trouble.wait.map_or(planned, |wait| wait.max(planned)))
        })
        .notify(|trouble: &AttemptError, pause| again(trouble, pause))
        .await
        .map_err(|trouble| trouble.problem)
}

impl Registries {
    /// Returns the address of a repository.
    pub(super) fn endpoint(&self, repository: &Repository) -> Result<RepositoryEndpoint, Problem> {
        let given = self.given.iter().find(|given| given.repository == *repository);
        let endpoints = &self.shared.endpoints;
        let address = match given.and_then(|given| given.at.clone()) {
            Some(at) => at,
            None if repository.registry == CANONICAL
                && endpoints.canonical_overridden
                && !endpoints.mirrors.contains_key(CANONICAL) =>
            {
                endpoints.canonical.clone()
            }
            None => endpoints.registry(&repository.registry)?,
        };
        http::check(&address)?;
        Ok(RepositoryEndpoint {
            name: repository.registry.clone(),
            address,
            path: repository.path.clone(),
            given: given.map(|given| Arc::clone(&given.login)),
        })
    }

    /// Sends a request that may be repeated, within the retry policy. Any status is an answer.
    pub(super) async fn ask(
        &self,
        access: &ScopedEndpoint,
        what: &str,
        ask: &RequestSpec,
    ) -> Result<Answer, AttemptError> {
        self.send(access, what, ask, Sending::Repeat).await
    }

    /// Sends a request once (twice after a 401). Any status is an answer.
    pub(super) async fn ask_once(
        &self,
        access: &ScopedEndpoint,
        what: &str,
        ask: &RequestSpec,
    ) -> Result<Answer, AttemptError> {
        self.send(access, what, ask, Sending::Once).await
    }

    /// Sends a request at once and only once, also after a 401: what it depends on is checked
    /// again before every try.
    pub(super) async fn ask_checked(
        &self,
        access: &ScopedEndpoint,
        what: &str,
        ask: &RequestSpec,
    ) -> Result<Answer, AttemptError> {
        self.send(access, what, ask, Sending::Checked).await
    }

    async fn send(
        &self,
        access: &ScopedEndpoint,
        what: &str,
        ask: &RequestSpec,
        sending: Sending,
    ) -> Result<Answer, AttemptError> {
        let http = self.shared.http.limited(Limit::LIST);
        let client = if ask.any_answer {
            http.confined(&ask.url)?
        } else {
            http.client(&ask.url)?
        };
        let ours = origin_of(&ask.url) == access.site.origin();
        let host = self.shared.hosts.of(&origin_of(&ask.url));
        let turn = host.requests.acquire().await;
        let _turn = turn.map_err(|error| {
            Problem::new(ProblemKind::Internal, format!("{what}: request limiter closed")).because(&error)
        })?;
        let mut learnt = false;
        loop {
            let authorization = if ours {
                self.authorization(access).await?
            } else {
                None
            };
            let build = || {
                let mut request = client.request(ask.method.clone(), ask.url.clone());
                for (name, value) in &ask.headers {
                    request = request.header(name.clone(), value.clone());
                }
                if let Some(value) = &authorization {
                    request = request.header(AUTHORIZATION, value.clone());
                }
                if ask.body.is_empty() {
                    request
                } else {
                    request.body(ask.body.clone())
                }
            };
            let answer = match sending {
                Sending::Repeat => http.read(build).await,
                Sending::Once => http.once(build()).await,
                Sending::Checked => http.write(&ask.url, build()).await,
            }
            .map_err(|failure| AttemptError::failed(&failure, what, &ask.url))?;
            self.note_quota(&access.site, &answer.headers);
            if answer.status == 401
                && ours
                && !learnt
                && self
                    .learn(access, &answer.headers, authorization.as_ref())
                    .await?
            {
                if sending == Sending::Checked {
                    let problem =
                        Problem::new(ProblemKind::Credentials, format!("{what}: the token expired"));
                    return Err(AttemptError::passing(problem));
                }
                learnt = true;
                continue;
            }
            if answer.ok() && is_page(&answer) && !ask.any_answer {
                return Err(Problem::new(
                    ProblemKind::Service,
                    format!("{what}: {} is not a registry", access.site.name),
                )
                .cause(format!("{} returned a web page", http::host_of(&answer.url)))
                .hint("check the address, and whether the network requires a sign-in page")
                .into());
            }
            return Ok(answer);
        }
    }

    /// Converts `answer` to a request about `what` at `access` to a problem.
    pub(super) async fn refusal(&self, access: &ScopedEndpoint, what: &str, answer: &Answer) -> AttemptError {
        match self.login(&access.site).await {
            Ok(login) => AttemptError {
                again: http::transient(answer.status),
                wait: http::retry_after(&answer.headers),
                ..refused(access, &login, what, answer.status, &answer.headers, &answer.body).into()
            },
            Err(problem) => problem.into(),
        }
    }

    pub(super) fn note_quota(&self, site: &RepositoryEndpoint, headers: &HeaderMap) {
        let read = |name: &str| {
            let text = headers.get(name)?.to_str().ok()?;
            let (count, rest) = text.split_once(';').unwrap_or((text, ""));
            let window = rest
                .split(';')
                .find_map(|part| part.trim().strip_prefix("w=")?.parse().ok());
            Some((count.trim().parse::<u64>().ok()?, window.unwrap_or(0)))
        };
        if let (Some((limit, window)), Some((remaining, _))) =
            (read("ratelimit-limit"), read("ratelimit-remaining"))
            && let Ok(mut quotas) = self.shared.quotas.lock()
        {
            quotas.insert(
                site.name.clone(),
                Quota {
                    limit,
                    remaining,
                    window,
                },
            );
        }
    }
}

/// Returns the absolute address in an answer's `Location`, if it may be followed.
pub(super) fn location(site: &RepositoryEndpoint, base: &Url, headers: &HeaderMap) -> Result<Url, Problem> {
    let missing = || {
        Problem::new(
            ProblemKind::Service,
            format!("{site} started an upload without a location"),
        )
        .hint("the registry violates the protocol; report it to the registry operator")
    };
    let text = headers
        .get(LOCATION)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(missing)?;
    let url = base.join(text).map_err(|error| missing().because(&error))?;
    site.check_redirect(&url)?;
    Ok(url)
}

pub(super) fn is_page(answer: &Answer) -> bool {
    answer
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("text/html"))
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    errors: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// Returns the registry's own message of a refusal, sanitised and without our secrets.
fn reasons(login: &Login, status: u16, body: &[u8]) -> Vec<SanitizedText> {
    let parsed: Option<Refusal> = serde_json::from_slice(body).ok();
    let mut found: Vec<SanitizedText> = parsed
        .into_iter()
        .flat_map(|refusal| refusal.errors)
        .take(3)
        .map(|reason| SanitizedText::capped(login.scrub(&format!("{} {}", reason.code, reason.message)), 300))
        .collect();
    if found.is_empty() {
        let page = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<');
        found.push(SanitizedText::new(if page {
            format!("it returned {status} with a web page")
        } else {
            format!("it returned {status}")
        }));
    }
    found
}

/// Interprets a refusal, with the next step.
pub(super) fn refused(
    access: &ScopedEndpoint,
    login: &Login,
    what: &str,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
) -> Problem {
    let site = &access.site;
    let host = http::host_of(&site.address);
    let place = if host == site.name {
        host.clone()
    } else {
        format!("{} (at {host})", site.name)
    };
    let mut problem = match status {
        401 | 403 => {
            let problem = Problem::new(
                ProblemKind::Credentials,
                if login.anonymous() {
                    format!("{what}: {site} does not exist or needs a login")
                } else {
                    format!("{what}: {site} does not exist or the login for {place} lacks permission")
                },
            );
            if site.given.is_some() {
                problem.hint("this login was issued by Charmhub; run the command again to get a new one")
            } else if site.name == "ghcr.io" {
                problem.hint("set CR_PAT to a token with read:packages (and write:packages to push), or: docker login ghcr.io")
            } else {
                problem.hint(format!(
                    "check the name; for a private repository: windlass login --registry {}",
                    site.name
                ))
            }
        }
        404 => Problem::new(ProblemKind::NotFound, format!("{what}: not found at {place}"))
            .hint("check the name and the tag or digest"),
        429 => {
            let mut problem = Problem::new(
                ProblemKind::RateLimited,
                format!("{what}: {place} limits the request rate"),
            );
            problem.retry_after = http::retry_after(headers)
                .and_then(|wait| chrono::Duration::from_std(wait).ok())
                .and_then(|wait| chrono::Utc::now().checked_add_signed(wait));
            if login.anonymous() {
                problem = problem.hint(format!(
                    "raise the limit with a login: windlass login --registry {}",
                    site.name
                ));
            }
            problem.hint("run the same command again later: completed work is kept")
        }
        400..=499 => Problem::new(
            ProblemKind::Service,
            format!("{what}: {place} refused the request"),
        ),
        _ => Problem::new(ProblemKind::Service, format!("{what}: {place} failed"))
            .hint("run the same command again later: completed work is kept"),
    };
    problem.causes.extend(reasons(login, status, body));
    problem
}
