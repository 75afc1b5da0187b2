//! Serves the Ubuntu One sign-on: root macaroon, discharge, exchange for a store token.
//!
//! Implements the three requests of charmcraft 4.4 and later, and the limits on what a sign-on may
//! ask for. Must not accept a discharge that was not bound to its root. The operator's one-time
//! password never changes.

use std::sync::Arc;

use axum::extract::State as With;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use chrono::{Duration, SecondsFormat, Utc};
use libmacaroon::{Format, Macaroon, MacaroonKey, Verifier};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Charmhub;
use super::answer::{Answer, Refusal, json_ok, parsed};
use super::lockout::LOCKED;
use super::state::{Session, State};
use super::tokens::{self, LOCATION};
use crate::demo::environment::{EMAIL, OTP, PASSWORD};
use crate::domain::credential::PERMISSIONS;

/// Longest description of a token, in characters.
const LONGEST_DESCRIPTION: usize = 255;
/// Sign-ons that may be under way at once; beyond that the oldest are dropped.
const MOST_PENDING: usize = 200;

/// Holds what a sign-on asks for.
#[derive(Deserialize)]
pub(super) struct Wish {
    pub permissions: Vec<String>,
    /// Lifetime in seconds.
    pub ttl: i64,
    #[serde(default)]
    pub channels: Option<Vec<String>>,
    #[serde(default)]
    pub packages: Option<Vec<WishedPackage>>,
}

#[derive(Deserialize)]
pub(super) struct WishedPackage {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    id: Option<String>,
}

/// Returns 400 for an invalid macaroon.
pub(super) fn broken(_: libmacaroon::MacaroonError) -> Refusal {
    Refusal::api_error("Invalid macaroon")
}

/// Returns the store's own key for `purpose`: a signature for one purpose is invalid for another.
pub(super) fn key_for(state: &State, purpose: &str) -> MacaroonKey {
    MacaroonKey::generate(format!("{} {purpose}", state.root_secret).as_bytes())
}

fn caveat_key(state: &State, caveat_id: &str) -> MacaroonKey {
    key_for(state, &format!("caveat {caveat_id}"))
}

impl Wish {
    /// Returns the session for this request, or why it is refused.
    pub(super) fn session(self, state: &State) -> Result<Session, Refusal> {
        let empty = |list: Option<usize>| list == Some(0);
        if self.permissions.is_empty()
            || self.ttl < 10
            || empty(self.channels.as_ref().map(Vec::len))
            || empty(self.packages.as_ref().map(Vec::len))
        {
            return Err(Refusal::api_error(
                "permissions, channels and packages must not be empty and ttl must be at least 10",
            ));
        }
        let unknown = |permission: &&String| !PERMISSIONS.contains(&permission.as_str());
        if let Some(unknown) = self.permissions.iter().find(unknown) {
            return Err(Refusal::api_error(format!("Invalid permission: '{unknown}'")));
        }
        let packages = match self.packages {
            None => None,
            Some(wished) => Some(
                wished
                    .iter()
                    .map(|wished| named(state, wished))
                    .collect::<Result<_, _>>()?,
            ),
        };
        let lifetime = Duration::try_seconds(self.ttl)
            .filter(|ttl| *ttl < Duration::days(3660))
            .ok_or_else(|| Refusal::api_error("ttl is too long"))?;
        Ok(tokens::session(
            self.permissions,
            packages,
            self.channels,
            lifetime,
        ))
    }
}

/// Refuses a description that is too long.
pub(super) fn described(text: Option<&str>) -> Result<(), Refusal> {
    if text.is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION) {
        return Err(Refusal::api_error(format!(
            "A description has at most {LONGEST_DESCRIPTION} characters"
        )));
    }
    Ok(())
}

/// Returns the root macaroon of a sign-on for `session`: its own caveats, and one for `location`
/// to discharge.
pub(super) fn rooted(
    key: &MacaroonKey,
    session: &Session,
    location: &str,
    caveat_key: &MacaroonKey,
    caveat_id: &str,
) -> Result<Macaroon, Refusal> {
    let micros = |at: chrono::DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, true);
    let mut macaroon = Macaroon::create(Some(LOCATION), key, session.id.as_str()).map_err(broken)?;
    for caveat in [
        format!("time-before {}", micros(session.valid_until)),
        format!("time-since {}", micros(session.valid_since)),
        format!("session-id {}", session.id),
    ] {
        macaroon.add_first_party_caveat(caveat).map_err(broken)?;
    }
    macaroon
        .add_third_party_caveat(location, caveat_key, caveat_id)
        .map_err(broken)?;
    Ok(macaroon)
}

/// Records a sign-on that was started.
pub(super) fn begun(state: &mut State, session: Session) {
    let now = Utc::now();
    state.pending.retain(|pending| pending.valid_until > now);
    let over = (state.pending.len() + 1).saturating_sub(MOST_PENDING);
    state.pending.drain(..over);
    state.pending.push(session);
}

/// Completes a sign-on: returns the token for the session that `root`, signed with `key`, and its
/// `discharges` belong to. A root is exchanged once.
pub(super) fn finished(
    state: &mut State,
    key: &MacaroonKey,
    root: &Macaroon,
    discharges: &[Macaroon],
    description: Option<String>,
) -> Result<String, Refusal> {
    let mut verifier = Verifier::default();
    verifier.satisfy_general(|_| true);
    verifier
        .verify(root, key, discharges)
        .map_err(|_| Refusal::unauthorized())?;
    let at = state
        .pending
        .iter()
        .position(|session| session.id.as_bytes() == root.identifier())
        .ok_or_else(Refusal::unauthorized)?;
    let pending: Session = state.pending.remove(at);
    if pending.valid_until <= Utc::now() {
        return Err(Refusal::unauthorized());
    }
    let session = Session {
        description: description.or(pending.description),
        ..pending
    };
    tokens::mint(state, session).map_err(|problem| Refusal::api_error(problem.to_string()))
}

/// Handles `POST /v1/tokens/usso`: a root macaroon with one caveat for the sign-on.
pub async fn root(With(store): With<Arc<Charmhub>>, body: Bytes) -> Answer {
    let wish: Wish = parsed(&body)?;
    let sso = store.endpoints.sso.clone();
    store.change(|state| {
        let session = wish.session(state)?;
        let caveat_id = json!({"secret": Uuid::new_v4().simple().to_string(), "version": 1}).to_string();
        let caveat_key = caveat_key(state, &caveat_id);
        let macaroon = rooted(&key_for(state, "root"), &session, &sso, &caveat_key, &caveat_id)?;
        let text = macaroon.serialize(Format::V2).map_err(broken)?;
        begun(state, session);
        Ok(json_ok(&json!({"macaroon": text.trim_end_matches('=')})))
    })
}

fn named(state: &State, wished: &WishedPackage) -> Result<String, Refusal> {
    let found = state.packages.values().find(|package| {
        wished.name.as_ref() == Some(&package.name) || wished.id.as_ref() == Some(&package.id)
    });
    let name = wished.name.as_ref().or(wished.id.as_ref());
    found.map(|package| package.name.clone()).ok_or_else(|| {
        Refusal::not_found(format!(
            "Name {} not found in the charm namespace",
            name.map_or("", String::as_str)
        ))
    })
}

#[derive(Deserialize)]
struct Login {
    email: String,
    password: String,
    caveat_id: String,
    #[serde(default)]
    otp: Option<String>,
}

/// Handles `POST {sso}/api/v2/tokens/discharge`.
pub async fn discharge(With(store): With<Arc<Charmhub>>, body: Bytes) -> Answer {
    let login: Login = parsed(&body)?;
    let refused = |body: Value| Err(Refusal::plain(StatusCode::UNAUTHORIZED, &body));
    if store.lockout.is_locked() {
        let body = json!({
            "code": "TOO_MANY_REQUESTS",
            "message": format!(
                "Too many failed login attempts. Wait {} seconds and try again.",
                LOCKED.as_secs()
            ),
            "extra": {},
        });
        return Err(Refusal::plain(StatusCode::FORBIDDEN, &body));
    }
    let right = login.email == EMAIL && login.password == PASSWORD;
    store.lockout.tried(right);
    if !right {
        return refused(json!({
            "code": "INVALID_CREDENTIALS",
            "message": "Provided email/password is not correct.",
            "extra": {},
        }));
    }
    match login.otp.as_deref() {
        Some(OTP) => {}
        Some(_) => {
            return refused(json!({
                "code": "TWOFACTOR_FAILURE",
                "message": "The provided 2-factor key is not recognised.",
                "extra": {},
            }));
        }
        None => {
            return refused(json!({
                "code": "TWOFACTOR_REQUIRED",
                "message": "2-factor authentication required.",
                "extra": {},
                "error_list": [{
                    "code": "twofactor-required",
                    "message": "2-factor authentication required.",
                }],
            }));
        }
    }
    let key = caveat_key(&store.read(), &login.caveat_id);
    let macaroon =
        Macaroon::create(Some(&store.endpoints.sso), &key, login.caveat_id.as_str()).map_err(broken)?;
    let text = macaroon.serialize(Format::V2).map_err(broken)?;
    Ok(json_ok(
        &json!({"discharge_macaroon": text.trim_end_matches('=')}),
    ))
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
struct Exchange {
    #[serde(default)]
    client_description: Option<String>,
}

/// Handles `POST /v1/tokens/usso/exchange`, `Authorization: Macaroon root=…, discharge=…`.
pub async fn exchange(With(store): With<Arc<Charmhub>>, headers: HeaderMap, body: Bytes) -> Answer {
    let wanted: Exchange = if body.is_empty() {
        Exchange::default()
    } else {
        parsed(&body)?
    };
    described(wanted.client_description.as_deref())?;
    let (root, discharge) = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Macaroon "))
        .and_then(pair)
        .ok_or_else(Refusal::unauthorized)?;
    let root = Macaroon::deserialize(root).map_err(broken)?;
    let discharge = Macaroon::deserialize(discharge).map_err(broken)?;
    store.change(|state| {
        let key = key_for(state, "root");
        let token = finished(state, &key, &root, &[discharge], wanted.client_description)?;
        Ok(json_ok(&json!({"macaroon": token})))
    })
}

fn pair(text: &str) -> Option<(&str, &str)> {
    let (root, discharge) = text.split_once(',')?;
    Some((
        root.trim().strip_prefix("root=")?,
        discharge.trim().strip_prefix("discharge=")?,
    ))
}
