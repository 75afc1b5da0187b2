//! Defines faults: which request of the demo environment fails, and how.
//!
//! Parses the faults file (TOML, `[[fault]]` tables) and counts matching requests, per fault and
//! from the server's start. `server.rs` applies the faults.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use crate::domain::{Problem, ProblemKind};

/// The services that a fault may name.
pub const SERVICES: [&str; 7] = ["charmhub", "storage", "sso", "github", "hub", "canonical", "ghcr"];

/// Largest faults file, in bytes.
const MOST: u64 = 1 << 20;

/// How a request fails.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Reset as soon as the head is read; for half a second new connections to the service too.
    Refuse,
    /// The body is read, then the connection is reset; the request is not handled.
    ResetBefore,
    /// Handled, but the answer is never sent.
    ResetAfter,
    /// Headers and half of the body, then the end.
    Truncate,
    /// This answer instead of handling.
    Answer(Arc<CannedAnswer>),
    /// Handled; the answer's body is sent byte by byte, with this pause after each.
    Drip(Duration),
    /// 429 with `Retry-After` of this many seconds.
    RateLimit(u64),
    /// Held for this long before it is handled; not handled if the client disconnects meanwhile.
    Hold(Duration),
}

/// Holds an answer that the faults file defines in full.
#[derive(Clone, Debug, PartialEq)]
pub struct CannedAnswer {
    /// HTTP status.
    pub status: u16,
    /// Headers in addition to the usual ones or instead of them.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: CannedBody,
}

/// The body of such an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum CannedBody {
    /// An HTML page instead of JSON.
    Page,
    /// This text.
    Text(String),
    /// This text, repeated without end.
    Endless(String),
    /// The request's own body.
    Echo,
}

/// Holds a change that another client makes while the request of a fault waits.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Change {
    /// The service; the one of the fault if absent.
    pub service: Option<String>,
    /// HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The body. A repository secret that is set without one gets a value of the other client.
    pub body: Option<String>,
    /// Path whose answer is sent as the body, with its type: a manifest for another tag.
    pub body_of: Option<String>,
}

/// Holds the faults that apply to one request.
#[derive(Debug, Default, PartialEq)]
pub struct Strike {
    /// How the request fails, if it does.
    pub effect: Option<Effect>,
    /// What another client does meanwhile.
    pub meanwhile: Vec<Arc<Change>>,
}

#[derive(Debug)]
enum When {
    Nth(u64),
    Every,
}

#[derive(Debug)]
struct Fault {
    service: String,
    method: String,
    path: String,
    when: When,
    effect: Option<Effect>,
    meanwhile: Vec<Arc<Change>>,
    seen: AtomicU64,
}

/// Holds all faults of an environment, with their counters.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    fault: Vec<Spanned<RawFault>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawFault {
    service: String,
    method: String,
    path: String,
    nth: Option<u64>,
    every: Option<bool>,
    action: Option<String>,
    status: Option<u16>,
    body: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    endless: bool,
    #[serde(default)]
    echo: bool,
    drip: Option<f64>,
    rate_limit: Option<u64>,
    hang: Option<f64>,
    latency: Option<f64>,
    #[serde(default)]
    meanwhile: Vec<Change>,
}

/// Reads the text of a plain file; a pipe or a device may never end.
fn text_of(path: &Path) -> std::io::Result<String> {
    let facts = std::fs::metadata(path)?;
    if !facts.is_file() || facts.len() > MOST {
        return Err(std::io::Error::other("it is not a regular file of at most 1 MiB"));
    }
    std::fs::read_to_string(path)
}

impl Faults {
    /// Parses a faults file. An invalid one is a [`ProblemKind::Config`] problem that names file and
    /// line.
    pub fn load(path: &Path) -> Result<Self, Problem> {
        let name = path.display().to_string();
        let text = text_of(path).map_err(|error| {
            Problem::new(ProblemKind::Config, format!("cannot read the faults file {name}")).because(&error)
        })?;
        Self::parse(&text, &name)
    }

    /// Parses as [`Faults::load`] does, from text; `name` is its name in errors.
    pub fn parse(text: &str, name: &str) -> Result<Self, Problem> {
        let bad = |at: usize, message: &str| {
            let line = text[..at.min(text.len())].matches('\n').count() + 1;
            Problem::new(ProblemKind::Config, format!("{name}, line {line}: {message}")).hint(
                "each [[fault]] needs service, method and path, nth = N or every = true, and one of \
                action, status (with body, headers, endless = true or echo = true), drip, rate-limit, \
                hang, latency; meanwhile = [{ service, method, path, body or body-of }] lists changes by \
                another client, with or without one of them",
            )
        };
        let raw: RawFile = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            bad(at, error.message())
        })?;
        let mut faults = Vec::with_capacity(raw.fault.len());
        for spanned in raw.fault {
            let at = spanned.span().start;
            faults.push(checked(spanned.into_inner()).map_err(|message| bad(at, &message))?);
        }
        Ok(Self(faults))
    }

    /// Counts this request and returns the faults that apply to it. If there are several, the
    /// effect of the first in the file applies, and every change of another client.
    pub fn strike(&self, service: &str, method: &str, path: &str) -> Strike {
        let mut struck = Strike::default();
        for fault in &self.0 {
            let method_fits = fault.method == "*" || fault.method.eq_ignore_ascii_case(method);
            if fault.service != service || !method_fits || !glob(&fault.path, path) {
                continue;
            }
            let count = fault.seen.fetch_add(1, Ordering::SeqCst) + 1;
            let strikes = match fault.when {
                When::Every => true,
                When::Nth(nth) => count == nth,
            };
            if strikes {
                struck.meanwhile.extend(fault.meanwhile.iter().cloned());
                struck.effect = struck.effect.or_else(|| fault.effect.clone());
            }
        }
        struck
    }
}

fn checked(raw: RawFault) -> Result<Fault, String> {
    let others = raw.meanwhile.iter().filter_map(|change| change.service.as_ref());
    for service in others.chain([&raw.service]) {
        if !SERVICES.contains(&service.as_str()) {
            let known = SERVICES.join(", ");
            return Err(format!("unknown service '{service}'; use one of {known}"));
        }
    }
    for change in &raw.meanwhile {
        if !change.path.starts_with('/') {
            return Err(format!("'{}' of another client is not a path", change.path));
        }
    }
    let when = match (raw.nth, raw.every) {
        (Some(nth), None) if nth > 0 => When::Nth(nth),
        (Some(_), None) => return Err("nth starts at 1".to_owned()),
        (None, Some(true)) => When::Every,
        _ => return Err("give exactly one of nth = N and every = true".to_owned()),
    };
    let mut effects = Vec::new();
    if let Some(action) = &raw.action {
        effects.push(match action.as_str() {
            "refuse" => Effect::Refuse,
            "reset-before" => Effect::ResetBefore,
            "reset-after" => Effect::ResetAfter,
            "truncate" => Effect::Truncate,
            other => {
                return Err(format!(
                    "unknown action '{other}'; use refuse, reset-before, reset-after or truncate"
                ));
            }
        });
    }
    if let Some(status) = raw.status {
        if !(200..=599).contains(&status) {
            return Err(format!("status {status} is not between 200 and 599"));
        }
        let body = match (raw.body, raw.endless, raw.echo) {
            (None, false, false) => CannedBody::Page,
            (None, false, true) => CannedBody::Echo,
            (Some(text), false, false) => CannedBody::Text(text),
            (text, true, false) => CannedBody::Endless(text.unwrap_or_else(|| " ".to_owned())),
            _ => return Err("echo cannot be combined with body or endless".to_owned()),
        };
        effects.push(Effect::Answer(Arc::new(CannedAnswer {
            status,
            headers: raw.headers,
            body,
        })));
    } else if raw.body.is_some() || !raw.headers.is_empty() || raw.endless || raw.echo {
        return Err("body, headers, endless and echo require status".to_owned());
    }
    let seconds = |seconds| {
        Duration::try_from_secs_f64(seconds).map_err(|_| format!("{seconds} is not a number of seconds"))
    };
    if let Some(pause) = raw.drip {
        effects.push(Effect::Drip(seconds(pause)?));
    }
    if let Some(seconds) = raw.rate_limit {
        effects.push(Effect::RateLimit(seconds));
    }
    for hold in [raw.hang, raw.latency].into_iter().flatten() {
        effects.push(Effect::Hold(seconds(hold)?));
    }
    let found = effects.len();
    let effect = match (found, effects.pop()) {
        (1, effect) => effect,
        (0, _) if !raw.meanwhile.is_empty() => None,
        _ => {
            return Err(format!(
                "give exactly one of action, status, drip, rate-limit, hang, latency; found {found}"
            ));
        }
    };
    Ok(Fault {
        service: raw.service,
        method: raw.method,
        path: raw.path,
        when,
        effect,
        meanwhile: raw.meanwhile.into_iter().map(Arc::new).collect(),
        seen: AtomicU64::new(0),
    })
}

/// Returns true if `text` matches `pattern`; `*` stands for any characters, including `/`.
fn glob(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        let Some(at) = rest.find(piece) else {
            return false;
        };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(body: &str) -> Result<Faults, Problem> {
        Faults::parse(&format!("[[fault]]\n{body}\n"), "faults.toml")
    }

    #[test]
    fn the_nth_match_fails_and_no_other() {
        let faults = fault("service = 'hub'\nmethod = 'GET'\npath = '/v2/*'\nnth = 2\nstatus = 503").unwrap();
        let status = |service, path| match faults.strike(service, "GET", path).effect {
            Some(Effect::Answer(answer)) => Some(answer.status),
            _ => None,
        };
        assert_eq!(status("hub", "/v2/a/b"), None);
        assert_eq!(status("ghcr", "/v2/a/b"), None);
        assert_eq!(status("hub", "/v2/"), Some(503));
        assert_eq!(status("hub", "/v2/"), None);
    }

    #[test]
    fn a_status_comes_with_a_body_and_headers() {
        let answer = |rest: &str| {
            let fault = fault(&format!(
                "service = 'charmhub'\nmethod = 'POST'\npath = '*'\nevery = true\n{rest}"
            ));
            match fault.unwrap().strike("charmhub", "POST", "/v1").effect {
                Some(Effect::Answer(answer)) => (answer.body.clone(), answer.headers.clone()),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(
            answer("status = 400\nbody = '{}'").0,
            CannedBody::Text("{}".into())
        );
        assert_eq!(answer("status = 201\necho = true").0, CannedBody::Echo);
        assert_eq!(
            answer("status = 200\nendless = true").0,
            CannedBody::Endless(" ".into())
        );
        let (body, headers) = answer("status = 307\nheaders = { Location = 'http://localhost/' }");
        assert_eq!(
            (body, headers["Location"].as_str()),
            (CannedBody::Page, "http://localhost/")
        );
    }

    #[test]
    fn another_client_acts_beside_a_failure_or_alone() {
        let one = "service = 'charmhub'\nmethod = 'POST'\npath = '*'\nnth = 1\n\
                   meanwhile = [{ method = 'POST', path = '/v1/a', body = '[]' }]";
        let text =
            format!("[[fault]]\n{one}\nrate-limit = 2\n[[fault]]\n{one}\nhang = 1\n[[fault]]\n{one}\n");
        let faults = Faults::parse(&text, "faults.toml").unwrap();
        let struck = faults.strike("charmhub", "POST", "/v1");
        assert_eq!(struck.effect, Some(Effect::RateLimit(2)));
        assert_eq!(struck.meanwhile.len(), 3);
        assert_eq!(faults.strike("charmhub", "POST", "/v1"), Strike::default());
    }

    #[test]
    fn globs_cross_slashes() {
        assert!(glob("*", "/a/b"));
        assert!(glob("/v1/*/releases", "/v1/charm/x/releases"));
        assert!(!glob("/v1/*/releases", "/v1/charm/x/release"));
        assert!(glob("/a", "/a") && !glob("/a", "/ab"));
        assert!(glob("*aba*ba", "aba-ba") && !glob("*ab*b", "ab"));
    }

    #[test]
    fn a_bad_file_names_its_line() {
        let problem =
            fault("service = 'nobody'\nmethod = 'GET'\npath = '*'\nevery = true\nhang = 1").unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Config);
        assert!(problem.summary.as_str().contains("line 1"), "{problem}");
        for body in [
            "service = 'hub'\nmethod = 'GET'\npath = '*'\nevery = true",
            "service = 'hub'\nmethod = 'GET'\npath = '*'\nhang = 1",
            "service = 'hub'\nmethod = 'GET'\npath = '*'\nnth = 1\nhang = 1\nlatency = 1",
            "service = 'hub'\nmethod = 'GET'\npath = '*'\nnth = 1\nlatency = -1",
            "service = 'hub'\nmethod = 'GET'\npath = '*'\nnth = 1\naction = 'explode'",
            "service = 'hub'\nmethod = 'GET'\npath = '*'\nnth = 1\nhang = 1\nbody = 'x'",
            "service = 'hub'\nmethod = 'GET'\npath = '*'\nnth = 1\nmeanwhile = [{ method = 'PUT', path = 'v2' }]",
            "service = 'hub'\nmethod = 'GET'\npath = '*'\nnth = 1\nmeanwhile = [{ service = 'x', method = 'PUT', path = '/' }]",
            "service = 'hub'\nnonsense = 1",
        ] {
            assert_eq!(fault(body).unwrap_err().kind, ProblemKind::Config, "{body}");
        }
    }
}
