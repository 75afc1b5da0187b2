//! Serves the Candid sign-in: what charmcraft up to 4.3.1 does in a browser.
//!
//! Handles `POST /v1/tokens` (and an anonymous `GET`), its exchange, and the identity service
//! below `/identity` of the sign-on's listener. Macaroons are sent as JSON here. No consent is
//! asked for: a client that waits for the browser gets the operator's consent at once, visited or
//! not.

use std::sync::Arc;

use axum::extract::{Query, RawForm, State as With};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use bytes::Bytes;
use chrono::{Duration, SecondsFormat, Utc};
use libmacaroon::{Caveat, Macaroon, MacaroonKey};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::Charmhub;
use super::answer::{Answer, Refusal, json_ok, json_with, parsed};
use super::sign_on::{Wish, WishedPackage, begun, broken, described, finished, key_for, rooted};
use super::state::State;

/// Path of the identity service below the sign-on's address.
const IDENTITY: &str = "/identity";
/// The default permissions: those that charmcraft asks for by default.
const PERMISSIONS: [&str; 4] = [
    "account-register-package",
    "account-view-packages",
    "package-manage",
    "package-view",
];
/// Default lifetime of a token in seconds: a year.
const TTL: i64 = 365 * 24 * 3600;
/// How long a discharge may be used.
const DISCHARGE: Duration = Duration::minutes(10);

/// The body of `POST /v1/tokens`; every field is optional.
#[derive(Deserialize, Default)]
struct Asked {
    permissions: Option<Vec<String>>,
    description: Option<String>,
    ttl: Option<i64>,
    channels: Option<Vec<String>>,
    packages: Option<Vec<WishedPackage>>,
}

/// Handles `POST /v1/tokens`: a root macaroon with one caveat for the identity service.
pub async fn root(With(store): With<Arc<Charmhub>>, body: Bytes) -> Answer {
    let asked = if body.is_empty() {
        Asked::default()
    } else {
        parsed(&body)?
    };
    begin(&store, asked)
}

/// Handles `GET /v1/tokens` without a token: the same as requesting one with all defaults.
pub fn root_for_strangers(store: &Charmhub) -> Answer {
    begin(store, Asked::default())
}

fn begin(store: &Charmhub, asked: Asked) -> Answer {
    described(asked.description.as_deref())?;
    let wish = Wish {
        permissions: asked
            .permissions
            .unwrap_or_else(|| PERMISSIONS.map(str::to_owned).to_vec()),
        ttl: asked.ttl.unwrap_or(TTL),
        channels: asked.channels,
        packages: asked.packages,
    };
    let location = format!("{}{IDENTITY}", store.endpoints.sso);
    store.change(|state| {
        let mut session = wish.session(state)?;
        session.description = asked.description;
        let caveat_id = format!("cav-{}", Uuid::new_v4().simple());
        let caveat_key = caveat_key(state, &caveat_id);
        let key = key_for(state, "candid root");
        let macaroon = rooted(&key, &session, &location, &caveat_key, &caveat_id)?;
        begun(state, session);
        // Text that holds JSON, not JSON.
        Ok(json_ok(&json!({"macaroon": as_json(&macaroon).to_string()})))
    })
}

fn caveat_key(state: &State, caveat_id: &str) -> MacaroonKey {
    key_for(state, &format!("candid caveat {caveat_id}"))
}

/// Derives a value from `text` with this environment's secret.
fn derived(state: &State, purpose: &str, text: &str) -> String {
    let digest = Sha256::digest(format!("{} {purpose} {text}", state.root_secret));
    hex::encode(digest).chars().take(32).collect()
}

/// Returns the number of the interaction in which the caveat is discharged.
fn interaction(state: &State, caveat_id: &str) -> String {
    derived(state, "interaction", caveat_id)
}

/// Returns the token that the visit in the browser gives.
fn consent(state: &State, interaction: &str) -> String {
    derived(state, "consent", interaction)
}

/// Handles `POST /identity/discharge`, a form: without a token the address for the browser, with
/// the token from there the discharge.
pub async fn discharge(With(store): With<Arc<Charmhub>>, RawForm(form): RawForm) -> Answer {
    let field = |name: &str| {
        url::form_urlencoded::parse(&form)
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    let decoded = |text: String| {
        STANDARD
            .decode(&text)
            .or_else(|_| URL_SAFE_NO_PAD.decode(&text))
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
    };
    let caveat_id = field("id").or_else(|| field("id64").and_then(decoded));
    let Some(caveat_id) = caveat_id.filter(|id| id.starts_with("cav-")) else {
        let body = json!({"Code": "bad request", "Message": "no caveat of this identity service"});
        return Err(Refusal::plain(StatusCode::BAD_REQUEST, &body));
    };
    let state = store.read();
    let interaction = interaction(&state, &caveat_id);
    let token = field("token").or_else(|| field("token64").and_then(decoded));
    let Some(token) = token else {
        return Ok(to_the_browser(&store.endpoints.sso, &interaction));
    };
    if token != consent(&state, &interaction) {
        let body = json!({"Code": "unauthorized", "Message": "invalid token"});
        return Err(Refusal::plain(StatusCode::UNAUTHORIZED, &body));
    }
    let key = caveat_key(&state, &caveat_id);
    let mut macaroon = Macaroon::create(None, &key, caveat_id.as_str()).map_err(broken)?;
    let end = (Utc::now() + DISCHARGE).to_rfc3339_opts(SecondsFormat::Micros, true);
    for caveat in [
        "declared username legend-releaser@external".to_owned(),
        format!("time-before {end}"),
    ] {
        macaroon.add_first_party_caveat(caveat).map_err(broken)?;
    }
    let body = json!({"Macaroon": {"m": as_json(&macaroon), "v": 3, "ns": "std:"}});
    Ok(json_ok(&body))
}

fn to_the_browser(sso: &str, interaction: &str) -> Response {
    let at = |what: &str| format!("{sso}{IDENTITY}/{what}?did={interaction}");
    let body = json!({
        "Code": "interaction required",
        "Message": "macaroon discharge required: authentication required",
        "Info": {
            "InteractionMethods": {
                "browser-window": {"VisitURL": at("login"), "WaitTokenURL": at("wait-token")},
            },
            "VisitURL": at("login"),
            "WaitURL": at("wait-token"),
        },
    });
    let mut response = json_with(StatusCode::UNAUTHORIZED, &body);
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Macaroon"));
    response
}

/// Holds the query of the pages of an interaction.
#[derive(Deserialize)]
pub struct Visit {
    did: String,
}

/// Handles `GET /identity/login?did=…`: the page in the browser.
pub async fn visit() -> Response {
    Html("<!doctype html><title>Demo sign-in</title><p>You are signed in. Close this page.</p>\n")
        .into_response()
}

/// Handles `GET /identity/wait-token?did=…`: answers at once, without asking for consent.
pub async fn wait_token(With(store): With<Arc<Charmhub>>, Query(visit): Query<Visit>) -> Response {
    let token = consent(&store.read(), &visit.did);
    json_ok(&json!({"kind": "macaroon", "token64": STANDARD.encode(token)}))
}

/// Handles `POST /v1/tokens/exchange`, `Macaroons: base64([root, discharge…])`.
pub async fn exchange(With(store): With<Arc<Charmhub>>, headers: HeaderMap) -> Answer {
    let given = headers
        .get("macaroons")
        .ok_or_else(Refusal::unauthorized)?
        .as_bytes();
    let list: Option<Vec<Value>> = URL_SAFE
        .decode(given)
        .or_else(|_| URL_SAFE_NO_PAD.decode(given))
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok());
    let list = list.ok_or_else(|| Refusal::api_error("Invalid macaroon"))?;
    let mut macaroons = Vec::new();
    for one in list {
        macaroons.push(from_json(one)?);
    }
    if macaroons.is_empty() {
        return Err(Refusal::api_error("Invalid macaroon"));
    }
    let root = macaroons.remove(0);
    if macaroons.iter().any(is_over) {
        return Err(Refusal::unauthorized());
    }
    store.change(|state| {
        let key = key_for(state, "candid root");
        let token = finished(state, &key, &root, &macaroons, None)?;
        Ok(json_ok(&json!({"macaroon": token})))
    })
}

/// Returns true for an expired discharge.
fn is_over(macaroon: &Macaroon) -> bool {
    let now = Utc::now();
    macaroon.first_party_caveats().iter().any(|caveat| {
        let Caveat::FirstParty(caveat) = caveat else {
            return false;
        };
        String::from_utf8_lossy(caveat.predicate())
            .strip_prefix("time-before ")
            .and_then(|end| chrono::DateTime::parse_from_rfc3339(end).ok())
            .is_some_and(|end| end <= now)
    })
}

/// Returns a macaroon in the JSON of the store and the bakery: no version, no null values.
fn as_json(macaroon: &Macaroon) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let caveats: Vec<Value> = macaroon
        .caveats()
        .iter()
        .map(|caveat| match caveat {
            Caveat::FirstParty(caveat) => json!({"i": text(caveat.predicate())}),
            Caveat::ThirdParty(caveat) => json!({
                "i": text(caveat.id()),
                "v64": URL_SAFE_NO_PAD.encode(caveat.verifier_id()),
                "l": caveat.location(),
            }),
        })
        .collect();
    let mut body = json!({
        "i": text(macaroon.identifier()),
        "s64": URL_SAFE_NO_PAD.encode(macaroon.signature()),
        "c": caveats,
    });
    if let Some(location) = macaroon.location() {
        body["l"] = json!(location);
    }
    body
}

/// Parses a macaroon that a client sent as JSON, with or without its version.
fn from_json(mut value: Value) -> Result<Macaroon, Refusal> {
    if let Some(fields) = value.as_object_mut() {
        fields.insert("v".to_owned(), json!(2));
        fields.entry("c").or_insert_with(|| json!([]));
    }
    Macaroon::deserialize(value.to_string()).map_err(broken)
}
