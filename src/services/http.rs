//! The one HTTP stack: clients, plain-HTTP rule, timeouts, the one retry policy, shared waits.
//!
//! Owns how a request is sent, when it is sent again and how a transport failure becomes a
//! [`Problem`]. Reads are repeated; a write is repeated only where it certainly did not arrive, so
//! that a caller with a lost answer must look before it does anything again. Must not know any
//! service's shapes or credentials, and must not log headers.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use reqwest::header::{AGE, DATE, HeaderMap, RETRY_AFTER};
use tokio::time::Instant;
use url::Url;

use crate::domain::{Kind, Outside, Problem};

/// Largest answer that is read into memory, in bytes. Images never pass through here.
const ANSWER_CAP: usize = 64 * 1024 * 1024;
/// Longest wait that a server may ask for before we give the wait to the person instead.
pub const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Wait of everybody for a host that asks for less without saying when.
const BREATHER: Duration = Duration::from_millis(500);

/// Slower answers tell nothing about a clock.
const QUICK: Duration = Duration::from_secs(2);

/// How long things may take. `WINDLASS_TIMEOUT` scales all of them.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Opening a connection.
    pub connect: Duration,
    /// One whole request and answer of an API.
    pub total: Duration,
    /// Silence inside a streamed body.
    pub idle: Duration,
}

impl Timeouts {
    /// The usual timeouts times `factor`.
    pub fn scaled(factor: f64) -> Self {
        let factor = if factor.is_finite() && factor > 0.0 {
            factor.min(1000.0)
        } else {
            1.0
        };
        let scale = |seconds: f64| Duration::from_secs_f64((seconds * factor).max(0.05));
        Self {
            connect: scale(5.0),
            total: scale(20.0),
            idle: scale(20.0),
        }
    }
}

/// A complete answer of any status.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers of the last hop.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// Where it came from after redirects.
    pub url: Url,
}

impl Answer {
    /// True for 2xx.
    pub const fn ok(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

/// A request that brought no answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// True where the request cannot have reached the service.
    pub not_sent: bool,
    /// True where nothing is gained by trying again (a refused address, a TLS failure).
    pub hopeless: bool,
    /// What happened, without the address.
    pub text: String,
}

impl Failure {
    /// What a transport error means.
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
            text,
        }
    }

    /// As a problem about `what` at `url`.
    pub fn problem(&self, what: &str, url: &Url) -> Problem {
        let host = host_of(url);
        Problem::new(Kind::Network, format!("{what}: {host} did not answer"))
            .cause(&self.text)
            .hint(format!(
                "check the network and that {host} is up, then run the same command again"
            ))
    }
}

/// What a write brought.
#[derive(Debug)]
pub enum Written<T> {
    /// The service answered.
    Answered(T),
    /// The request left, no answer came: look before doing it again.
    Lost(Problem),
}

impl<T> Written<T> {
    /// As it is, with what the answer holds turned into something else.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Written<U> {
        self.and_then(|held| Ok(change(held)))
    }

    /// As [`Written::map`]; an answer that cannot be understood does not say that nothing
    /// happened, so it counts as lost.
    pub fn and_then<U>(self, change: impl FnOnce(T) -> Result<U, Problem>) -> Written<U> {
        match self {
            Self::Answered(held) => match change(held) {
                Ok(changed) => Written::Answered(changed),
                Err(problem) => Written::Lost(problem),
            },
            Self::Lost(problem) => Written::Lost(problem),
        }
    }
}

impl Written<Answer> {
    /// Sorts the outcome of [`Http::write`] at `url`, done to do `what`: taken, lost, or (`Err`)
    /// certainly not taken. `problem_of` reads the service's own errors.
    pub fn of(
        sent: Result<Answer, Failure>,
        what: &str,
        url: &Url,
        problem_of: impl FnOnce(&Answer) -> Problem,
    ) -> Result<Self, Problem> {
        match sent {
            Ok(answer) if answer.ok() => Ok(Self::Answered(answer)),
            // A gateway that gave up says nothing about the service behind it.
            Ok(answer) if matches!(answer.status, 408 | 500..=599) => Ok(Self::Lost(problem_of(&answer))),
            Ok(answer) => Err(problem_of(&answer)),
            Err(failure) if failure.not_sent => Err(failure.problem(what, url)),
            Err(failure) => Ok(Self::Lost(failure.problem(what, url))),
        }
    }
}

/// Clients, waits and timeouts shared by every service.
#[derive(Clone)]
pub struct Http {
    clients: Arc<Clients>,
    timeouts: Timeouts,
    waits: Arc<Mutex<HashMap<String, Instant>>>,
    skews: Arc<Mutex<BTreeMap<String, i64>>>,
}

/// Clients for outside hosts and for loopback, each made when it is first needed: those for outside
/// read every certificate authority of this machine, which a command on loopback never misses.
#[derive(Default)]
struct Clients {
    usual: [OnceLock<reqwest::Client>; 2],
    /// For bodies that take longer to send than an answer may be silent: the idle timeout of a
    /// client counts from the first byte sent to the first byte answered.
    senders: [OnceLock<reqwest::Client>; 2],
    /// For requests that must not be led elsewhere.
    confined: [OnceLock<reqwest::Client>; 2],
}

/// `host:port` of a URL, for people.
pub fn host_of(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => url.scheme().to_owned(),
    }
}

/// True for `localhost`, 127.0.0.0/8 and `::1`, the only hosts that plain HTTP is spoken to.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(url::Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// Refuses an address that is neither HTTPS nor HTTP on loopback.
pub fn check(url: &Url) -> Result<(), Problem> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        _ => Err(Problem::new(
            Kind::Config,
            format!(
                "{} is refused: only https, or http on loopback, is spoken",
                Outside::new(url.as_str())
            ),
        )
        .hint("use an https address; plain http is for 127.0.0.0/8, ::1 and localhost only")),
    }
}

fn redirects() -> reqwest::redirect::Policy {
    reqwest::redirect::Policy::custom(|attempt| {
        if attempt.previous().len() > 8 {
            return attempt.error("too many redirects");
        }
        let from_loopback = attempt.previous().iter().all(is_loopback);
        let next = attempt.url();
        let fine = match next.scheme() {
            "https" => true,
            // Loopback may lead on to loopback; the outside may never lead inside.
            "http" => is_loopback(next) && from_loopback,
            _ => false,
        };
        if fine {
            attempt.follow()
        } else {
            attempt.error("redirect to an address that is not spoken to")
        }
    })
}

fn builder(timeouts: Timeouts) -> reqwest::ClientBuilder {
    unwatched(timeouts).read_timeout(timeouts.idle)
}

fn unwatched(timeouts: Timeouts) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("windlass/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(timeouts.connect)
        .tcp_nodelay(true)
        .pool_max_idle_per_host(16)
        .redirect(redirects())
}

/// The client of `slots` that speaks to `url`. A machine without certificate authorities can still
/// speak to loopback.
fn made<'a>(
    slots: &'a [OnceLock<reqwest::Client>; 2],
    url: &Url,
    builder: impl Fn() -> reqwest::ClientBuilder,
) -> Result<&'a reqwest::Client, Problem> {
    check(url)?;
    let inside = is_loopback(url);
    let slot = &slots[usize::from(inside)];
    if let Some(client) = slot.get() {
        return Ok(client);
    }
    let trusting_nobody = || builder().tls_certs_only(std::iter::empty());
    let built = if inside {
        trusting_nobody().no_proxy().build()
    } else {
        builder().build().or_else(|_| trusting_nobody().build())
    };
    let client = built
        .map_err(|error| Problem::new(Kind::Machine, "the HTTP client cannot be set up").because(&error))?;
    Ok(slot.get_or_init(|| client))
}

impl Http {
    /// Clients with these timeouts.
    pub fn new(timeouts: Timeouts) -> Self {
        Self {
            clients: Arc::default(),
            timeouts,
            waits: Arc::default(),
            skews: Arc::default(),
        }
    }

    /// The timeouts in force.
    pub const fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// The client that speaks to `url`: proxies of the environment are for outside hosts only.
    pub fn client(&self, url: &Url) -> Result<&reqwest::Client, Problem> {
        made(&self.clients.usual, url, || builder(self.timeouts))
    }

    /// The client for what must reach `url` and nobody else: a password, a secret, a change. It
    /// follows no redirect; one is an answer like any other.
    pub fn confined(&self, url: &Url) -> Result<&reqwest::Client, Problem> {
        let still = || builder(self.timeouts).redirect(reqwest::redirect::Policy::none());
        made(&self.clients.confined, url, still)
    }

    /// The client that sends long bodies to `url`. It has no idle timeout: who sends a stream
    /// watches its progress.
    pub fn sender(&self, url: &Url) -> Result<&reqwest::Client, Problem> {
        made(&self.clients.senders, url, || unwatched(self.timeouts))
    }

    /// A client whose every request goes to the Unix socket at `path`, whatever its address says.
    /// It follows no redirect and has no idle timeout: exports are long in coming.
    pub fn socket(&self, path: &std::path::Path) -> Result<reqwest::Client, Problem> {
        unwatched(self.timeouts)
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only(std::iter::empty())
            .unix_socket(path)
            .build()
            .map_err(|error| {
                Problem::new(Kind::Machine, "the client of a local engine cannot be set up").because(&error)
            })
    }

    /// Sends once and hands over the answer with its body unread, whatever its status. There is no
    /// limit on the whole; waits that the host asked for are kept and noted.
    pub async fn open(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, Failure> {
        let (host, response) = self.answered(request).await?;
        self.note_wait(&host, response.status().as_u16(), response.headers());
        Ok(response)
    }

    /// Sends once, after the wait that its host asked for; the host that was asked, and its answer's
    /// beginning.
    async fn answered(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<(String, reqwest::Response), Failure> {
        let (client, request) = request.build_split();
        let request = request.map_err(|error| Failure::of(&error))?;
        let host = host_of(request.url());
        self.wait_for(&host).await;
        let asked = Instant::now();
        let response = client
            .execute(request)
            .await
            .map_err(|error| Failure::of(&error))?;
        self.note_clock(&host_of(response.url()), asked.elapsed(), response.headers());
        Ok((host, response))
    }

    /// Sends once and reads the whole answer, whatever its status. Waits first if the host asked
    /// everybody to wait.
    pub async fn once(&self, request: reqwest::RequestBuilder) -> Result<Answer, Failure> {
        self.once_within(self.timeouts.total, request).await
    }

    async fn once_within(
        &self,
        limit: Duration,
        request: reqwest::RequestBuilder,
    ) -> Result<Answer, Failure> {
        let (host, response) = self.answered(request.timeout(limit)).await?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let url = response.url().clone();
        let mut body = BytesMut::new();
        let mut stream = response.bytes_stream();
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|error| Failure {
                not_sent: false,
                ..Failure::of(&error)
            })?;
            if body.len() + piece.len() > ANSWER_CAP {
                return Err(Failure {
                    not_sent: false,
                    hopeless: true,
                    text: format!("the answer is larger than {ANSWER_CAP} bytes"),
                });
            }
            body.extend_from_slice(&piece);
        }
        let answer = Answer {
            status,
            headers,
            body: body.freeze(),
            url,
        };
        self.note_wait(&host, answer.status, &answer.headers);
        Ok(answer)
    }

    /// Sends a request that changes nothing (or nothing twice), again and again within the one
    /// policy: connection failures, lost answers, 408, 429, 500, 502, 503 and 504.
    pub async fn read<F>(&self, request: F) -> Result<Answer, Failure>
    where
        F: Fn() -> reqwest::RequestBuilder,
    {
        self.read_within(Duration::ZERO, request).await
    }

    /// As [`Http::read`], for requests that need `more` than the usual time in all: long bodies.
    pub async fn read_within<F>(&self, more: Duration, request: F) -> Result<Answer, Failure>
    where
        F: Fn() -> reqwest::RequestBuilder,
    {
        let attempt = || async {
            match self.once_within(self.timeouts.total + more, request()).await {
                Ok(answer) if transient(answer.status) => Err(Trouble::Answered(answer)),
                Ok(answer) => Ok(answer),
                Err(failure) => Err(Trouble::Failed(failure)),
            }
        };
        settle(
            attempt
                .retry(policy())
                .when(Trouble::worth_another)
                .adjust(Trouble::adjust)
                .await,
        )
    }

    /// Sends a request that must not happen twice. It is sent again only where it certainly was
    /// not taken: no connection, or 429. `Err` with `not_sent == false` means: look first.
    pub async fn write<F>(&self, request: F) -> Result<Answer, Failure>
    where
        F: Fn() -> reqwest::RequestBuilder,
    {
        let attempt = || async {
            match self.once(request()).await {
                Ok(answer) if answer.status == 429 => Err(Trouble::Answered(answer)),
                Ok(answer) => Ok(answer),
                Err(failure) => Err(Trouble::Failed(failure)),
            }
        };
        let taken = |trouble: &Trouble| match trouble {
            Trouble::Failed(failure) => failure.not_sent && !failure.hopeless,
            Trouble::Answered(_) => true,
        };
        settle(
            attempt
                .retry(policy())
                .when(|trouble: &Trouble| taken(trouble) && trouble.worth_another())
                .adjust(Trouble::adjust)
                .await,
        )
    }

    /// Sleeps until `host` wants to be spoken to again. Whoever wakes looks again: the host may have
    /// asked for more meanwhile.
    pub async fn wait_for(&self, host: &str) {
        loop {
            let until = self.waits.lock().ok().and_then(|waits| waits.get(host).copied());
            match until {
                Some(until) if until > Instant::now() => tokio::time::sleep_until(until).await,
                _ => return,
            }
        }
    }

    /// Seconds that our clock is ahead of each host's (behind where negative), by `host:port`, as
    /// the `Date` of their latest quick answers tells. Whole seconds are all it can tell.
    pub fn skews(&self) -> BTreeMap<String, i64> {
        self.skews.lock().map(|skews| skews.clone()).unwrap_or_default()
    }

    /// Notes what `host`'s `Date` says about our clock. An answer that took longer than
    /// [`QUICK`] says nothing, nor does one that a cache has kept.
    pub fn note_clock(&self, host: &str, took: Duration, headers: &HeaderMap) {
        if took < QUICK
            && !headers.contains_key(AGE)
            && let Some(theirs) = headers.get(DATE).and_then(|date| date.to_str().ok())
            && let Ok(theirs) = chrono::DateTime::parse_from_rfc2822(theirs)
            && let Ok(mut skews) = self.skews.lock()
        {
            let ahead = chrono::Utc::now().timestamp() - theirs.timestamp();
            skews.insert(host.to_owned(), ahead);
        }
    }

    /// Notes that `host` asks everybody to wait: as long as it says, or [`BREATHER`] where it says
    /// no more than that there are too many of us. A shorter wait never cuts a longer one.
    pub fn note_wait(&self, host: &str, status: u16, headers: &HeaderMap) {
        let wait = match (status, retry_after(headers)) {
            (429 | 503, Some(wait)) if wait <= LONGEST_WAIT => wait,
            (429, None) => BREATHER,
            _ => return,
        };
        let until = Instant::now() + wait;
        if let Ok(mut waits) = self.waits.lock() {
            let known = waits.entry(host.to_owned()).or_insert(until);
            *known = until.max(*known);
        }
    }
}

/// The one retry policy: five attempts, from a fifth of a second, doubled, a little scattered.
pub fn policy() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(4)
        .with_jitter()
}

/// Statuses that a second try may mend.
pub const fn transient(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

/// `Retry-After` as a span: seconds, or an HTTP date against now.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    (at.to_utc() - chrono::Utc::now()).to_std().ok()
}

enum Trouble {
    Answered(Answer),
    Failed(Failure),
}

impl Trouble {
    fn worth_another(&self) -> bool {
        match self {
            Self::Answered(answer) => retry_after(&answer.headers).is_none_or(|wait| wait <= LONGEST_WAIT),
            Self::Failed(failure) => !failure.hopeless,
        }
    }

    fn adjust(&self, planned: Option<Duration>) -> Option<Duration> {
        let asked = match self {
            Self::Answered(answer) => retry_after(&answer.headers),
            Self::Failed(_) => None,
        };
        planned.map(|planned| asked.map_or(planned, |asked| asked.max(planned)))
    }
}

fn settle(result: Result<Answer, Trouble>) -> Result<Answer, Failure> {
    match result {
        Ok(answer) | Err(Trouble::Answered(answer)) => Ok(answer),
        Err(Trouble::Failed(failure)) => Err(failure),
    }
}

#[cfg(test)]
mod tests;
