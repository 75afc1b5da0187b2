//! Signs in with Ubuntu One: a root macaroon, its discharge, the exchange for a store token.
//!
//! Sends the three requests of charmcraft 4.4 and later and interprets their refusals. The
//! password is sent to the configured sign-on host only, appears in no message, and is wiped from
//! the request's body once that was sent; copies in the connection's own buffers (the HTTP and TLS
//! layers) cannot be wiped. Must not store a token.

use bytes::Bytes;
use libmacaroon::{Caveat, Format};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

use super::credential::macaroon;
use super::{ErrorBody, StoreToken, at, json_of, problem_of};
use crate::domain::credential::TokenScope;
use crate::domain::{Problem, ProblemKind, SanitizedText};
use crate::services::http::json::forms_of;
use crate::services::http::{self, Answer, Http, Written, host_of};

/// Holds the login of the account that signs in.
#[derive(Clone)]
pub struct Login {
    /// Email address of the Ubuntu One account.
    pub email: String,
    /// Password of the account.
    pub password: SecretString,
    /// The one-time password, if one was requested.
    pub otp: Option<SecretString>,
}

/// Holds an authenticated sign-in before its exchange: the root and its discharge, not bound.
#[derive(Clone)]
pub struct SignedOn {
    root: SecretString,
    discharge: SecretString,
}

#[cfg(any(test, feature = "testing"))]
impl SignedOn {
    /// A sign-in that proves nothing.
    pub fn blank() -> Self {
        Self {
            root: SecretString::default(),
            discharge: SecretString::default(),
        }
    }
}

impl std::fmt::Debug for SignedOn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignedOn")
    }
}

/// How Ubuntu One answers a login.
#[derive(Debug)]
pub enum SignOnAnswer {
    /// The login was accepted.
    Signed(SignedOn),
    /// A one-time password is needed and none was given: ask for it, then start again with it.
    OtpWanted,
}

/// Signs in for a new store token.
#[derive(Clone)]
pub struct SignOn {
    http: Http,
    api: Url,
    sso: Url,
}

/// Pauses before a sign-in that got no answer is started again.
const PAUSES: [std::time::Duration; 2] = [
    std::time::Duration::from_millis(300),
    std::time::Duration::from_secs(1),
];

/// The source of a token that was just issued.
const SOURCE: &str = "the sign-in";

#[derive(Serialize)]
struct Wish<'a> {
    permissions: &'a [String],
    ttl: u64,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    channels: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    packages: &'a [crate::domain::credential::ScopedPackage],
}

#[derive(Serialize)]
struct Proof<'a> {
    email: &'a str,
    password: &'a str,
    caveat_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    otp: Option<&'a str>,
}

#[derive(Deserialize)]
struct Minted {
    #[serde(deserialize_with = "secret")]
    macaroon: SecretString,
}

#[derive(Deserialize)]
struct Discharged {
    #[serde(deserialize_with = "secret")]
    discharge_macaroon: SecretString,
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

impl SignOn {
    /// Returns a client that signs in at `sso` for the store at `api`.
    pub const fn new(http: Http, api: Url, sso: Url) -> Self {
        Self { http, api, sso }
    }

    /// Asks the store for a root with this scope and has Ubuntu One discharge it for `login`. No
    /// token is issued, so repeating it does no harm.
    pub async fn discharge(&self, scope: &TokenScope, login: &Login) -> Result<SignOnAnswer, Problem> {
        for pause in PAUSES {
            match self.prove(self.root(scope).await?, login).await {
                Err(problem) if matches!(problem.kind, ProblemKind::Network | ProblemKind::Service) => {
                    tokio::time::sleep(pause).await;
                }
                told => return told,
            }
        }
        self.prove(self.root(scope).await?, login).await
    }

    /// Has Ubuntu One discharge `root` for `login`. Without an answer everything is started again;
    /// a one-time password that was used up by the lost request is then refused, and the problem
    /// mentions it.
    async fn prove(&self, root: SecretString, login: &Login) -> Result<SignOnAnswer, Problem> {
        let caveat_id = self.caveat_id(&root)?;
        let url = at(&self.sso, &["api", "v2", "tokens", "discharge"]);
        let what = "signing in";
        let body = proof(&Proof {
            email: &login.email,
            password: login.password.expose_secret(),
            caveat_id: &caveat_id,
            otp: login.otp.as_ref().map(ExposeSecret::expose_secret),
        })?;
        let client = self.http.confined(&url)?;
        // A request for the same root that may have arrived is not sent again.
        let answer = self
            .http
            .send_until_taken(|| {
                client
                    .post(url.clone())
                    .header(CONTENT_TYPE, "application/json")
                    .header("Accept", "application/json")
                    .body(body.clone())
            })
            .await
            .map_err(|failure| failure.problem(what, &url))?;
        if !answer.ok() {
            return self.refused(&answer, login);
        }
        let discharged: Discharged = json_of(&answer, what, None)?;
        let discharge = discharged.discharge_macaroon;
        self.check_discharge(&discharge, &caveat_id)?;
        Ok(SignOnAnswer::Signed(SignedOn { root, discharge }))
    }

    /// Exchanges an authenticated sign-in for a store token; `description` is shown in the list of
    /// sessions. Never sent twice: if the answer is lost, a token may exist that no client holds,
    /// and the list of sessions shows it.
    pub async fn exchange(
        &self,
        signed: &SignedOn,
        description: &str,
    ) -> Result<Written<StoreToken>, Problem> {
        let what = "exchanging the sign-in for a Charmhub token";
        let url = at(&self.api, &["v1", "tokens", "usso", "exchange"]);
        let bound = bound(&signed.root, &signed.discharge)?;
        let credential = Zeroizing::new(format!(
            "Macaroon root={}, discharge={}",
            signed.root.expose_secret(),
            bound.expose_secret()
        ));
        let mut credential = HeaderValue::from_str(&credential).map_err(|_| senseless(what, &self.api))?;
        credential.set_sensitive(true);
        let body = serde_json::json!({"client-description": description});
        let client = self.http.confined(&url)?;
        let sent = self
            .http
            .send_until_taken(|| {
                client
                    .post(url.clone())
                    .header("Accept", "application/json")
                    .header(AUTHORIZATION, credential.clone())
                    .json(&body)
            })
            .await;
        let problem = |answer: &Answer| match answer.status {
            400 | 401 | 403 => told(
                Problem::new(
                    ProblemKind::Credentials,
                    format!("{} rejects the sign-in", host_of(&self.api)),
                ),
                answer,
                None,
            )
            .hint("sign in again: a sign-in expires after a few minutes"),
            _ => problem_of(answer, what, None),
        };
        Ok(Written::of(sent, what, &url, problem)?.and_then(|answer| {
            let minted: Minted = json_of(&answer, what, None)?;
            if minted.macaroon.expose_secret().trim().is_empty() {
                return Err(senseless(what, &self.api));
            }
            Ok(StoreToken::from_token(minted.macaroon, SOURCE))
        }))
    }

    async fn root(&self, scope: &TokenScope) -> Result<SecretString, Problem> {
        let what = "requesting a Charmhub token";
        let url = at(&self.api, &["v1", "tokens", "usso"]);
        let wish = Wish {
            permissions: &scope.permissions,
            ttl: scope.ttl,
            channels: &scope.channels,
            packages: &scope.packages,
        };
        let client = self.http.confined(&url)?;
        // A root without a discharge has no effect: requesting another does no harm.
        let answer = self
            .http
            .read(|| {
                client
                    .post(url.clone())
                    .header("Accept", "application/json")
                    .json(&wish)
            })
            .await
            .map_err(|failure| failure.problem(what, &url))?;
        if matches!(answer.status, 400..=404 | 422) {
            let host = host_of(&self.api);
            return Err(told(
                Problem::new(
                    ProblemKind::Refused,
                    format!("{host} refuses to issue this token"),
                ),
                &answer,
                None,
            )
            .hint(format!(
                "requested: {} on {}",
                scope.permissions.join(", "),
                packages(scope)
            ))
            .hint(
                "use the permissions of charmcraft login --permission, packages that are registered to or \
                shared with this account, and a lifetime of at least 10 seconds",
            ));
        }
        json_of::<Minted>(&answer, what, None).map(|minted| minted.macaroon)
    }

    /// Returns the id of the caveat that Ubuntu One is to discharge, chosen as charmcraft does:
    /// the only one; else the one at the sign-on host; else the first with a location; else the
    /// first. Unlike charmcraft, one for another host is refused: the password is for the
    /// configured host alone.
    fn caveat_id(&self, root: &SecretString) -> Result<Zeroizing<String>, Problem> {
        let what = "requesting a Charmhub token";
        let root = macaroon(root.expose_secret()).ok_or_else(|| senseless(what, &self.api))?;
        let found: Vec<_> = root.caveats().iter().filter_map(Caveat::as_third_party).collect();
        let chosen = found
            .iter()
            .find(|caveat| found.len() == 1 || self.is_sso(caveat.location()))
            .or_else(|| found.iter().find(|caveat| !caveat.location().is_empty()))
            .or_else(|| found.first());
        let Some(chosen) = chosen else {
            return Err(Problem::new(
                ProblemKind::Service,
                format!("{} does not offer sign-in with Ubuntu One", host_of(&self.api)),
            )
            .hint(
                "check that CHARMCRAFT_STORE_API_URL is the Charmhub API; sign-in with Candid is not \
                supported",
            ));
        };
        self.check_host("Charmhub requires a sign-in at", chosen.location())?;
        String::from_utf8(chosen.id().to_vec())
            .map(Zeroizing::new)
            .map_err(|_| senseless(what, &self.api))
    }

    /// Checks that a discharge is for our caveat and from the host that was asked.
    fn check_discharge(&self, discharge: &SecretString, caveat_id: &str) -> Result<(), Problem> {
        let discharge =
            macaroon(discharge.expose_secret()).ok_or_else(|| senseless("signing in", &self.sso))?;
        self.check_host(
            "the proof of sign-in is from",
            discharge.location().unwrap_or_default(),
        )?;
        if discharge.identifier() == caveat_id.as_bytes() {
            return Ok(());
        }
        Err(Problem::new(
            ProblemKind::Refused,
            format!("{} returned the proof of another sign-in", host_of(&self.sso)),
        )
        .hint("check for a proxy, then sign in again"))
    }

    fn is_sso(&self, location: &str) -> bool {
        self.address(location)
            .is_some_and(|url| host_of(&url) == host_of(&self.sso))
    }

    /// Parses a location as an address: a bare host gets the scheme of the sign-on host.
    fn address(&self, location: &str) -> Option<Url> {
        if location.contains("://") {
            return Url::parse(location).ok();
        }
        Url::parse(&format!("{}://{location}/", self.sso.scheme())).ok()
    }

    fn check_host(&self, what: &str, location: &str) -> Result<(), Problem> {
        let ours = host_of(&self.sso);
        if location.is_empty() {
            return Ok(());
        }
        let shown = SanitizedText::capped(location, 200);
        let url = self.address(location);
        match &url {
            Some(url) if http::check(url).is_err() => Err(Problem::new(
                ProblemKind::Refused,
                format!("{what} {shown}, which is not allowed: use https, or http on loopback"),
            )
            .cause(format!("the configured sign-on host is {ours}"))
            .hint("nothing was sent; report it to Charmhub")),
            Some(url) if host_of(url) == ours => Ok(()),
            _ => {
                let theirs = url.as_ref().map_or_else(|| shown.to_string(), host_of);
                Err(Problem::new(
                    ProblemKind::Refused,
                    format!("{what} {theirs}, but the configured sign-on host is {ours}"),
                )
                .hint(
                    "if that host is correct, set CHARMCRAFT_STORE_SSO_URL to it; otherwise the \
                    connection may be intercepted",
                ))
            }
        }
    }

    /// Interprets Ubuntu One's refusal.
    fn refused(&self, answer: &Answer, login: &Login) -> Result<SignOnAnswer, Problem> {
        let host = host_of(&self.sso);
        if !matches!(answer.status, 400..=404 | 422) {
            let kind = if answer.status == 429 {
                ProblemKind::RateLimited
            } else {
                ProblemKind::Service
            };
            let mut problem = Problem::new(kind, format!("signing in: {host} returned {}", answer.status))
                .hint("the sign-on service is having problems: sign in again in a minute");
            problem.retry_after = problem_of(answer, "signing in", None).retry_after;
            return Err(scrubbed(problem, login));
        }
        let items = ErrorBody::items_at_any_level(answer);
        let coded = |parts: &[&str]| {
            items.iter().filter_map(|item| item.code.as_deref()).any(|code| {
                let code = code.to_ascii_lowercase().replace('_', "-");
                parts.iter().any(|part| code.contains(part))
            })
        };
        let wants_otp = coded(&["twofactor-required"])
            || items
                .iter()
                .filter_map(|item| item.message.as_deref())
                .any(|message| message.to_ascii_lowercase().contains("otp required"));
        if wants_otp && login.otp.is_none() {
            return Ok(SignOnAnswer::OtpWanted);
        }
        let (summary, hint) = if wants_otp || coded(&["twofactor", "otp"]) {
            (
                format!("{host} rejects the one-time password"),
                "wait for the next code, as each is valid once and for 30 seconds; if none works, check \
                the clock of the device that generates them",
            )
        } else if coded(&["invalid-credentials"]) {
            (
                format!("{host} does not know this email and password"),
                "check both and sign in again; reset a forgotten password at \
                https://login.ubuntu.com/+forgot_password",
            )
        } else if coded(&[
            "suspended",
            "deactivated",
            "locked",
            "too-many",
            "invalidated",
            "policy",
            "reset",
        ]) {
            (
                format!("{host} does not allow this account to sign in"),
                "open https://login.ubuntu.com in a browser and follow its instructions; a lock after \
                wrong passwords expires by itself",
            )
        } else {
            (
                format!("{host} refuses the sign-in ({})", answer.status),
                "fix the cause, then sign in again",
            )
        };
        Err(told(
            Problem::new(ProblemKind::Credentials, summary),
            answer,
            Some(login),
        )
        .hint(hint))
    }
}

fn packages(scope: &TokenScope) -> String {
    if scope.packages.is_empty() {
        return "every package".to_owned();
    }
    let names: Vec<&str> = scope
        .packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    names.join(", ")
}

/// Adds the service's message to `problem`, with the login's secrets removed.
fn told(problem: Problem, answer: &Answer, login: Option<&Login>) -> Problem {
    let items = ErrorBody::items(answer);
    let said = items
        .iter()
        .filter_map(|item| item.message.as_ref().or(item.code.as_ref()));
    let mut problem = said.fold(problem, Problem::cause);
    problem.request_id = answer.header("x-request-id").map(SanitizedText::new);
    match login {
        Some(login) => scrubbed(problem, login),
        None => problem,
    }
}

/// Removes secrets that a service repeats. Stars in place of a short secret would reveal it, so
/// the whole sentence is removed; what is shorter than any password may stay.
fn scrubbed(mut problem: Problem, login: &Login) -> Problem {
    const SHORTEST: usize = 6;
    for secret in [Some(&login.password), login.otp.as_ref()].into_iter().flatten() {
        let secret = secret.expose_secret();
        for cause in &mut problem.causes {
            let repeats = |form: &String| cause.as_str().contains(form.as_str());
            if secret.len() >= SHORTEST && forms_of(secret).iter().any(repeats) {
                *cause = SanitizedText::new("the response repeats the typed text and is not shown");
            }
        }
    }
    problem
}

/// Returns the body of a login, wiped when the last request that holds it is dropped.
fn proof(proof: &Proof<'_>) -> Result<Bytes, Problem> {
    // Large enough that it is never moved while it grows: a moved buffer leaves a copy behind.
    let room = 512
        + 6 * (proof.email.len() + proof.password.len() + proof.caveat_id.len())
        + 6 * proof.otp.map_or(0, str::len);
    let mut body = Zeroizing::new(Vec::with_capacity(room));
    serde_json::to_writer(&mut *body, proof).map_err(|error| {
        Problem::new(ProblemKind::Internal, "cannot encode the sign-in as JSON").because(&error)
    })?;
    Ok(Bytes::from_owner(Wiped(body)))
}

/// Bytes that are wiped when dropped.
struct Wiped(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Binds the discharge to its root, so that it cannot be used with another: its signature becomes
/// HMAC(0, HMAC(0, root's) ‖ HMAC(0, its own)) with SHA-256.
fn bound(root: &SecretString, discharge: &SecretString) -> Result<SecretString, Problem> {
    let read = |text: &SecretString| {
        macaroon(text.expose_secret()).ok_or_else(|| {
            Problem::new(ProblemKind::Service, "the sign-in contains no macaroon").hint("sign in again")
        })
    };
    let (root, mut bound) = (read(root)?, read(discharge)?);
    root.bind(&mut bound);
    let format = if discharge.expose_secret().starts_with("MDA") {
        Format::V1
    } else {
        Format::V2
    };
    let text = bound.serialize(format).map(Zeroizing::new).map_err(|error| {
        Problem::new(ProblemKind::Internal, "cannot bind the discharge macaroon").because(&error)
    })?;
    Ok(SecretString::from(text.trim_end_matches('=')))
}

fn senseless(what: &str, host: &Url) -> Problem {
    Problem::new(
        ProblemKind::Service,
        format!("{what}: unexpected response from {}", host_of(host)),
    )
    .hint("check for a proxy or a login page; otherwise try again later")
}

#[cfg(test)]
mod tests;
