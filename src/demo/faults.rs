//! Faults on request: which request of the demo world fails, and how.
//!
//! Owns the faults file (TOML, `[[fault]]` tables) and the counting of matching requests, per
//! fault and from the server's start. Must not touch a socket: `server.rs` carries faults out.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use crate::domain::{Kind, Problem};

/// The services a fault may name.
pub const SERVICES: [&str; 7] = ["charmhub", "storage", "sso", "github", "hub", "canonical", "ghcr"];

/// How a request fails.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Reset as soon as the head is read; new connections to the service too, for half a second.
    Refuse,
    /// The body is read, then the connection is reset; nothing was handled.
    ResetBefore,
    /// Handled, but the answer never leaves.
    ResetAfter,
    /// Headers and half of the body, then the end.
    Truncate,
    /// This status instead of handling, with this body where one is given.
    Status(u16, Option<Arc<str>>),
    /// 429 with `Retry-After` of so many seconds.
    RateLimit(u64),
    /// Held so long before it is handled; not handled if the client leaves meanwhile.
    Hold(Duration),
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
    effect: Effect,
    seen: AtomicU64,
}

/// All faults of a world, with what they have seen so far.
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
    rate_limit: Option<u64>,
    hang: Option<f64>,
    latency: Option<f64>,
}

impl Faults {
    /// Reads a faults file. A bad one is a [`Kind::Config`] problem that names file and line.
    pub fn load(path: &Path) -> Result<Self, Problem> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Problem::new(Kind::Config, format!("Cannot read the faults file {name}")).because(&error)
        })?;
        Self::parse(&text, &name)
    }

    /// As [`Faults::load`] from text; `name` is what errors call it.
    pub fn parse(text: &str, name: &str) -> Result<Self, Problem> {
        let bad = |at: usize, message: &str| {
            let line = text[..at.min(text.len())].matches('\n').count() + 1;
            Problem::new(Kind::Config, format!("{name}, line {line}: {message}")).hint(
                "each [[fault]] names service, method and path, nth = N or every = true, and one of \
                 action, status (with body where one is wanted), rate-limit, hang, latency",
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

    /// Counts this request and says how it fails, if it does. Where several faults strike the
    /// same request, the first in the file decides.
    pub fn strike(&self, service: &str, method: &str, path: &str) -> Option<Effect> {
        let mut effect = None;
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
            if strikes && effect.is_none() {
                effect = Some(fault.effect.clone());
            }
        }
        effect
    }
}

fn checked(raw: RawFault) -> Result<Fault, String> {
    if !SERVICES.contains(&raw.service.as_str()) {
        return Err(format!(
            "no service '{}'; there are {}",
            raw.service,
            SERVICES.join(", ")
        ));
    }
    let when = match (raw.nth, raw.every) {
        (Some(nth), None) if nth > 0 => When::Nth(nth),
        (Some(_), None) => return Err("nth counts from 1".to_owned()),
        (None, Some(true)) => When::Every,
        _ => return Err("exactly one of nth = N and every = true is needed".to_owned()),
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
                    "no action '{other}'; there are refuse, reset-before, reset-after, truncate"
                ));
            }
        });
    }
    if let Some(status) = raw.status {
        if !(200..=599).contains(&status) {
            return Err(format!("status {status} is not between 200 and 599"));
        }
        effects.push(Effect::Status(status, raw.body.as_deref().map(Arc::from)));
    } else if raw.body.is_some() {
        return Err("body goes with status".to_owned());
    }
    if let Some(seconds) = raw.rate_limit {
        effects.push(Effect::RateLimit(seconds));
    }
    for seconds in [raw.hang, raw.latency].into_iter().flatten() {
        let hold = Duration::try_from_secs_f64(seconds)
            .map_err(|_| format!("{seconds} is not a number of seconds"))?;
        effects.push(Effect::Hold(hold));
    }
    let found = effects.len();
    let (1, Some(effect)) = (found, effects.pop()) else {
        return Err(format!(
            "exactly one of action, status, rate-limit, hang, latency is needed, there are {found}"
        ));
    };
    Ok(Fault {
        service: raw.service,
        method: raw.method,
        path: raw.path,
        when,
        effect,
        seen: AtomicU64::new(0),
    })
}

/// True where `text` fits `pattern`; `*` stands for any characters, `/` among them.
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
        assert_eq!(faults.strike("hub", "GET", "/v2/a/b"), None);
        assert_eq!(faults.strike("ghcr", "GET", "/v2/a/b"), None);
        assert_eq!(
            faults.strike("hub", "GET", "/v2/"),
            Some(Effect::Status(503, None))
        );
        assert_eq!(faults.strike("hub", "GET", "/v2/"), None);
    }

    #[test]
    fn a_status_may_come_with_words() {
        let faults = fault(
            "service = 'charmhub'\nmethod = 'POST'\npath = '*'\nevery = true\nstatus = 400\nbody = '{}'",
        );
        let effect = faults.unwrap().strike("charmhub", "POST", "/v1");
        assert_eq!(effect, Some(Effect::Status(400, Some(Arc::from("{}")))));
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
        assert_eq!(problem.kind, Kind::Config);
        assert!(problem.summary.as_str().contains("line 1"), "{problem}");
        for body in [
            "service = 'hub'\nmethod = 'GET'\npath = '*'\nevery = true",
            "service = 'hub'\nmethod = 'GET'\npath = '*'\nhang = 1",
            "service = 'hub'\nmethod = 'GET'\npath = '*'\nnth = 1\nhang = 1\nlatency = 1",
            "service = 'hub'\nmethod = 'GET'\npath = '*'\nnth = 1\nlatency = -1",
            "service = 'hub'\nmethod = 'GET'\npath = '*'\nnth = 1\naction = 'explode'",
            "service = 'hub'\nmethod = 'GET'\npath = '*'\nnth = 1\nhang = 1\nbody = 'x'",
            "service = 'hub'\nnonsense = 1",
        ] {
            assert_eq!(fault(body).unwrap_err().kind, Kind::Config, "{body}");
        }
    }
}
