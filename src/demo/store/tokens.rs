//! Issues and checks store tokens: real macaroons, and the sessions with the rights of each.
//!
//! Also serves the endpoints under `/v1/tokens` that need a token. Must not accept a token that is
//! expired, revoked or signed by another environment.

use axum::extract::{Query, RawForm, State as With};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use libmacaroon::{Format, Macaroon, MacaroonKey, Verifier};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

use super::answer::{Answer, Refusal, json_ok, parsed};
use super::packages::package;
use super::resources::still_pushes;
use super::state::{Session, State};
use super::{Charmhub, candid, publisher_json};
use crate::demo::registry::Registry;
use crate::domain::{Problem, ProblemKind};

/// The location in tokens.
pub const LOCATION: &str = "api.charmhub.io";
/// Lifetime of the operator's token, and the remaining days at which a new one is minted at start.
const OPERATOR_DAYS: (i64, i64) = (90, 30);
/// How long before the environment's creation the older token was issued, and how long after it
/// the token expires, in days: half a year in all, as the documented command asks for.
const OLDER_DAYS: (i64, i64) = (170, 12);

/// Mints a token for `session` and stores the session.
pub fn mint(state: &mut State, session: Session) -> Result<String, Problem> {
    let token = serialized(&signing_key(state), &session)
        .map_err(|error| Problem::new(ProblemKind::Internal, "cannot create a demo token").because(&error))?;
    state.sessions.push(session);
    Ok(token)
}

/// Returns a session that starts now.
pub fn session(
    permissions: Vec<String>,
    packages: Option<Vec<String>>,
    channels: Option<Vec<String>>,
    lifetime: Duration,
) -> Session {
    let now = Utc::now();
    Session {
        id: Uuid::new_v4().to_string(),
        description: None,
        permissions,
        packages,
        channels,
        valid_since: now,
        valid_until: now + lifetime,
        revoked_at: None,
    }
}

/// Makes sure that the operator's token is valid for another 30 days.
pub fn refresh_operator(state: &mut State, packages: Vec<String>) -> Result<(), Problem> {
    let soon = Utc::now() + Duration::days(OPERATOR_DAYS.1);
    let lasts = session_of(state, &state.operator_token)
        .is_ok_and(|session| session.valid_until > soon && session.revoked_at.is_none());
    if lasts {
        return Ok(());
    }
    let first = state.operator_token.is_empty();
    let mut session = session(
        publishing(),
        Some(packages),
        None,
        Duration::days(OPERATOR_DAYS.0),
    );
    session.description = Some("windlass demo".to_owned());
    if first {
        // Repositories have held it since then.
        session.valid_since -= Duration::days(crate::demo::PLANTED_DAYS.0);
    }
    state.operator_token = mint(state, session)?;
    Ok(())
}

/// Mints, once, the token that an old charmcraft was issued half a year ago for all packages.
pub fn plant_older(state: &mut State) -> Result<(), Problem> {
    if !state.older_token.is_empty() {
        return Ok(());
    }
    let mut session = session(publishing(), None, None, Duration::days(OLDER_DAYS.1));
    session.valid_since -= Duration::days(OLDER_DAYS.0);
    session.description = Some("charmcraft@buildhost".to_owned());
    state.older_token = mint(state, session)?;
    Ok(())
}

fn publishing() -> Vec<String> {
    ["package-manage", "package-view-revisions"]
        .map(str::to_owned)
        .to_vec()
}

fn signing_key(state: &State) -> MacaroonKey {
    MacaroonKey::generate(state.root_secret.as_bytes())
}

fn serialized(key: &MacaroonKey, session: &Session) -> libmacaroon::Result<String> {
    let micros = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, true);
    let mut macaroon = Macaroon::create(Some(LOCATION), key, session.id.as_str())?;
    macaroon.add_first_party_caveat(format!("time-before {}", micros(session.valid_until)))?;
    macaroon.add_first_party_caveat(format!("time-since {}", micros(session.valid_since)))?;
    macaroon.add_first_party_caveat(format!("session-id {}", session.id))?;
    Ok(macaroon.serialize(Format::V2)?.trim_end_matches('=').to_owned())
}

/// Returns the session that `token` belongs to, whatever its age.
fn session_of<'a>(state: &'a State, token: &str) -> Result<&'a Session, Refusal> {
    let macaroon = Macaroon::deserialize(token).map_err(|_| Refusal::api_error("Invalid macaroon"))?;
    let mut verifier = Verifier::default();
    verifier.satisfy_general(|caveat| {
        let caveat = String::from_utf8_lossy(caveat);
        ["time-before ", "time-since ", "session-id "]
            .iter()
            .any(|prefix| caveat.starts_with(prefix))
    });
    verifier
        .verify(&macaroon, &signing_key(state), &[])
        .map_err(|_| Refusal::unauthorized())?;
    // A holder may add stricter caveats: the earliest expiry counts.
    let now = Utc::now();
    for caveat in macaroon
        .first_party_caveats()
        .iter()
        .filter_map(|c| c.as_first_party())
    {
        let text = String::from_utf8_lossy(caveat.predicate());
        if let Some(end) = text.strip_prefix("time-before ")
            && DateTime::parse_from_rfc3339(end).is_ok_and(|end| end < now)
        {
            return Err(Refusal::unauthorized());
        }
    }
    let id = macaroon.identifier();
    state
        .sessions
        .iter()
        .find(|session| session.id.as_bytes() == id)
        .ok_or_else(Refusal::unauthorized)
}

/// Returns the live session of a request, from its `Authorization: Macaroon …`.
pub fn authorized(state: &State, headers: &HeaderMap) -> Result<Session, Refusal> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Macaroon "))
        .ok_or_else(Refusal::unauthorized)?;
    let session = session_of(state, token.trim())?;
    if !session.is_live() {
        return Err(Refusal::unauthorized());
    }
    Ok(session.clone())
}

/// Returns the live session of a request that needs `permission` on package `name`. A missing
/// package is 404 for every session.
pub fn permitted(
    state: &State,
    headers: &HeaderMap,
    permission: &str,
    name: &str,
) -> Result<Session, Refusal> {
    let session = authorized(state, headers)?;
    package(state, name)?;
    session.require(permission, Some(name))?;
    Ok(session)
}

impl Session {
    /// Returns true until it is revoked or expired.
    pub fn is_live(&self) -> bool {
        self.revoked_at.is_none() && self.valid_until > Utc::now()
    }

    /// Refuses unless this session has `permission`, on `package` if one is given.
    pub fn require(&self, permission: &str, package: Option<&str>) -> Result<(), Refusal> {
        let held = self.permissions.iter().any(|held| implies(held, permission));
        if !held {
            return Err(Refusal::permission(format!(
                "This token lacks the permission {permission}"
            )));
        }
        match (package, &self.packages) {
            (Some(package), Some(allowed)) if !allowed.iter().any(|name| name == package) => {
                Err(Refusal::permission(format!(
                    "Package access not allowed: this token does not cover {package}"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Refuses unless this session may release to `channel` (in full).
    pub fn require_channel(&self, channel: &str) -> Result<(), Refusal> {
        let Some(allowed) = &self.channels else {
            return Ok(());
        };
        let covers = |text: &String| super::state::full_channel(text, "latest").as_deref() == Some(channel);
        if allowed.iter().any(covers) {
            return Ok(());
        }
        Err(Refusal::permission(format!(
            "Channel access not allowed: this token does not cover {channel}"
        )))
    }

    fn json(&self) -> Value {
        let micros = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, true);
        json!({
            "session-id": self.id,
            "description": self.description,
            "valid-since": micros(self.valid_since),
            "valid-until": micros(self.valid_until),
            "revoked-at": self.revoked_at.map(micros),
            "revoked-by": self.revoked_at.map(|_| super::ACCOUNT_ID),
        })
    }
}

/// Returns true if `held` covers `wanted`: `package-manage` covers all `package-manage-…`
/// permissions and viewing; `package-view` covers all viewing.
fn implies(held: &str, wanted: &str) -> bool {
    held == wanted
        || (held == "package-manage"
            && (wanted.starts_with("package-manage-") || wanted.starts_with("package-view")))
        || (held == "package-view" && wanted.starts_with("package-view-"))
}

/// Handles `GET /v1/tokens/whoami`, also `/v1/whoami`.
pub async fn whoami(With(store): With<Arc<Charmhub>>, headers: HeaderMap) -> Answer {
    let state = store.read();
    let session = authorized(&state, &headers)?;
    let packages = session.packages.as_ref().map(|names| {
        names
            .iter()
            .map(|name| {
                let kind = state
                    .packages
                    .get(name)
                    .map_or("charm", |package| package.kind.as_str());
                json!({"name": name, "type": kind})
            })
            .collect::<Vec<_>>()
    });
    Ok(json_ok(&json!({
        "account": publisher_json(),
        "permissions": session.permissions,
        "packages": packages,
        "channels": session.channels,
    })))
}

/// Handles `GET /v1/tokens[?include-inactive=true]`: the account's sessions. A request without a
/// token gets the start of a sign-in.
pub async fn list(
    With(store): With<Arc<Charmhub>>,
    headers: HeaderMap,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answer {
    if !headers.contains_key(header::AUTHORIZATION) {
        return candid::root_for_strangers(&store);
    }
    let state = store.read();
    authorized(&state, &headers)?;
    let all = query.get("include-inactive").is_some_and(|value| value == "true");
    let macaroons: Vec<Value> = state
        .sessions
        .iter()
        .filter(|session| all || session.is_live())
        .map(Session::json)
        .collect();
    Ok(json_ok(&json!({"macaroons": macaroons})))
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Revocation {
    session_id: String,
}

/// Handles `POST /v1/tokens/revoke` `{"session-id"}`. Every token of the account may, except one
/// that is limited to channels: whether the real store asks for more is not known.
pub async fn revoke(With(store): With<Arc<Charmhub>>, headers: HeaderMap, body: Bytes) -> Answer {
    let wanted: Revocation = parsed(&body)?;
    store.change(|state| {
        if authorized(state, &headers)?.channels.is_some() {
            return Err(Refusal::permission(
                "A token limited to channels may not revoke tokens",
            ));
        }
        let session = state
            .sessions
            .iter_mut()
            .find(|session| session.id == wanted.session_id)
            .ok_or_else(|| Refusal::not_found(format!("No session {}", wanted.session_id)))?;
        if session.revoked_at.is_none() {
            session.revoked_at = Some(Utc::now());
        }
        Ok(json_ok(&json!({"macaroons": [session.json()]})))
    })
}

/// Handles `GET|POST /v1/tokens/docker-registry`: the token endpoint of the canonical registry. A
/// POST sends in its form what a GET sends in its query. Push passwords expire with the session
/// that they were issued to.
pub async fn registry(
    With(store): With<Arc<Charmhub>>,
    headers: HeaderMap,
    RawForm(asked): RawForm,
) -> Response {
    let authorization = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let asked = String::from_utf8_lossy(&asked);
    if let Some(password) = Registry::password(&asked, authorization)
        && !still_pushes(&store.read(), &password)
    {
        return Refusal::unauthorized().into_response();
    }
    store.registry.token(&asked, authorization)
}
