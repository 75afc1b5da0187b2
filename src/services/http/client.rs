//! Makes the clients: which addresses they connect to, where redirects may lead, how long they
//! wait.

use std::net::IpAddr;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use url::Url;

use super::{Http, Timeouts};
use crate::domain::{Problem, ProblemKind, SanitizedText};

/// Holds clients for outside hosts, for plain HTTP on loopback and for HTTPS on loopback, each
/// made when it is first needed: those for HTTPS read every certificate authority of this machine
/// (or `SSL_CERT_FILE`), which plain HTTP does not need.
#[derive(Default)]
pub(super) struct Clients {
    usual: [OnceLock<reqwest::Client>; 3],
    /// For bodies that take longer to send than an answer may be silent: the idle timeout of a
    /// client counts from the first byte sent to the first byte answered.
    senders: [OnceLock<reqwest::Client>; 3],
    /// For requests that must not be redirected.
    confined: [OnceLock<reqwest::Client>; 3],
}

/// Returns `host:port` of a URL, for messages.
pub fn host_of(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => url.scheme().to_owned(),
    }
}

/// Returns true for `localhost`, 127.0.0.0/8 and `::1`, the only hosts that plain HTTP is used
/// with.
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
            ProblemKind::Config,
            format!(
                "{} is refused: only https, or http on loopback, is allowed",
                SanitizedText::new(url.as_str())
            ),
        )
        .hint("use an https URL; http is allowed for 127.0.0.0/8, ::1 and localhost only")),
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
            // Loopback may redirect to loopback; an outside host never may.
            "http" => is_loopback(next) && from_loopback,
            _ => false,
        };
        if fine {
            attempt.follow()
        } else {
            attempt.error("redirect to an address that is not allowed")
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

/// Returns the client of `slots` that connects to `url`. A machine without certificate authorities
/// can still connect to loopback.
fn made<'a>(
    slots: &'a [OnceLock<reqwest::Client>; 3],
    url: &Url,
    builder: impl Fn() -> reqwest::ClientBuilder,
) -> Result<&'a reqwest::Client, Problem> {
    check(url)?;
    let inside = is_loopback(url);
    let plain = url.scheme() == "http";
    let slot = match (inside, plain) {
        (false, _) => &slots[0],
        (true, true) => &slots[1],
        (true, false) => &slots[2],
    };
    if let Some(client) = slot.get() {
        return Ok(client);
    }
    let direct = || if inside { builder().no_proxy() } else { builder() };
    let trusting_nobody = || direct().tls_certs_only(std::iter::empty());
    let built = if inside && plain {
        trusting_nobody().build()
    } else {
        direct().build().or_else(|_| trusting_nobody().build())
    };
    let client = built.map_err(|error| {
        Problem::new(ProblemKind::Machine, "cannot set up the HTTP client").because(&error)
    })?;
    Ok(slot.get_or_init(|| client))
}

impl Http {
    /// Refuses a request to `url` if requests are not allowed.
    fn allowed(&self, url: &Url) -> Result<(), Problem> {
        if !self.offline.load(Ordering::Relaxed) {
            return Ok(());
        }
        let host = host_of(url);
        Err(Problem::new(
            ProblemKind::Network,
            format!("offline: no request was sent to {host}"),
        )
        .hint("run it without --offline"))
    }

    /// Returns the client that connects to `url`: proxies of the environment are for outside hosts
    /// only.
    pub fn client(&self, url: &Url) -> Result<&reqwest::Client, Problem> {
        self.allowed(url)?;
        made(&self.clients.usual, url, || builder(self.timeouts))
    }

    /// Returns the client for what must reach only `url`: a password, a secret, a change. It
    /// follows no redirect; a redirect is returned like any other answer.
    pub fn confined(&self, url: &Url) -> Result<&reqwest::Client, Problem> {
        self.allowed(url)?;
        let still = || builder(self.timeouts).redirect(reqwest::redirect::Policy::none());
        made(&self.clients.confined, url, still)
    }

    /// Returns the client that sends long bodies to `url` and nowhere else. It has no idle
    /// timeout: the caller that sends a stream monitors its progress.
    pub fn sender(&self, url: &Url) -> Result<&reqwest::Client, Problem> {
        self.allowed(url)?;
        let still = || unwatched(self.timeouts).redirect(reqwest::redirect::Policy::none());
        made(&self.clients.senders, url, still)
    }

    /// Returns a client whose every request is sent to the Unix socket at `path`, whatever its
    /// address. It follows no redirect and has no idle timeout: exports may take long to begin.
    pub fn socket(&self, path: &std::path::Path) -> Result<reqwest::Client, Problem> {
        unwatched(self.timeouts)
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only(std::iter::empty())
            .unix_socket(path)
            .build()
            .map_err(|error| {
                Problem::new(ProblemKind::Machine, "cannot set up the client for local engines")
                    .because(&error)
            })
    }
}
