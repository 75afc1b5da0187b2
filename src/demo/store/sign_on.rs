//! Ubuntu One sign-on: root macaroon, discharge, exchange for a store token.
//!
//! Owns the three requests of charmcraft 4.4 and later. Must not accept a discharge that was not
//! bound to its root. The operator's one-time password never changes: a toy.

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
use super::state::{Session, State};
use super::tokens::{self, LOCATION};
use crate::demo::environment::{EMAIL, OTP, PASSWORD};

/// What a sign-on asks for.
#[derive(Deserialize)]
struct Wish {
    permissions: Vec<String>,
    ttl: i64,
    #[serde(default)]
    channels: Option<Vec<String>>,
    #[serde(default)]
    packages: Option<Vec<WishedPackage>>,
}

#[derive(Deserialize)]
struct WishedPackage {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    id: Option<String>,
}

/// Every permission there is.
const PERMISSIONS: [&str; 18] = [
    "account-manage-keys",
    "account-manage-metadata",
    "account-register-package",
    "account-view-packages",
    "package-manage",
    "package-manage-acl",
    "package-manage-library",
    "package-manage-metadata",
    "package-manage-releases",
    "package-manage-revisions",
    "package-view",
    "package-view-acl",
    "package-view-metadata",
    "package-view-metrics",
    "package-view-releases",
    "package-view-revisions",
    "store-manage",
    "store-view",
];

fn broken(_: libmacaroon::MacaroonError) -> Refusal {
    Refusal::api_error("Invalid macaroon")
}

fn root_key(state: &State) -> MacaroonKey {
    MacaroonKey::generate(format!("{} root", state.root_secret).as_bytes())
}

fn caveat_key(state: &State, caveat_id: &str) -> MacaroonKey {
    MacaroonKey::generate(format!("{} caveat {caveat_id}", state.root_secret).as_bytes())
}

/// `POST /v1/tokens/usso`: a root macaroon with one caveat for the sign-on.
pub async fn root(With(store): With<Arc<Charmhub>>, body: Bytes) -> Answer {
    let wish: Wish = parsed(&body)?;
    if wish.permissions.is_empty() || wish.ttl < 10 {
        return Err(Refusal::api_error(
            "permissions must not be empty and ttl must be at least 10",
        ));
    }
    if let Some(unknown) = wish
        .permissions
        .iter()
        .find(|p| !PERMISSIONS.contains(&p.as_str()))
    {
        return Err(Refusal::api_error(format!("Invalid permission: '{unknown}'")));
    }
    let sso = store.endpoints.sso.clone();
    store.change(|state| {
        let packages = match wish.packages {
            None => None,
            Some(wished) => Some(
                wished
                    .iter()
                    .map(|wished| named(state, wished))
                    .collect::<Result<_, _>>()?,
            ),
        };
        let lifetime = Duration::try_seconds(wish.ttl)
            .filter(|ttl| *ttl < Duration::days(3660))
            .ok_or_else(|| Refusal::api_error("ttl is too long"))?;
        let session = tokens::session(wish.permissions, packages, wish.channels, lifetime);
        let caveat_id = json!({"secret": Uuid::new_v4().simple().to_string(), "version": 1}).to_string();
        let micros = |at: chrono::DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let key = root_key(state);
        let mut macaroon = Macaroon::create(Some(LOCATION), &key, session.id.as_str()).map_err(broken)?;
        for caveat in [
            format!("time-before {}", micros(session.valid_until)),
            format!("time-since {}", micros(session.valid_since)),
            format!("session-id {}", session.id),
        ] {
            macaroon.add_first_party_caveat(caveat).map_err(broken)?;
        }
        let caveat_key = caveat_key(state, &caveat_id);
        macaroon
            .add_third_party_caveat(&sso, &caveat_key, caveat_id.as_str())
            .map_err(broken)?;
        let text = macaroon.serialize(Format::V2).map_err(broken)?;
        state.pending.push(session);
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

/// `POST {sso}/api/v2/tokens/discharge`.
pub async fn discharge(With(store): With<Arc<Charmhub>>, body: Bytes) -> Answer {
    let login: Login = parsed(&body)?;
    let refused = |body: Value| Err(Refusal::plain(StatusCode::UNAUTHORIZED, &body));
    if login.email != EMAIL || login.password != PASSWORD {
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

/// `POST /v1/tokens/usso/exchange`, `Authorization: Macaroon root=…, discharge=…`.
pub async fn exchange(With(store): With<Arc<Charmhub>>, headers: HeaderMap, body: Bytes) -> Answer {
    let wanted: Exchange = if body.is_empty() {
        Exchange::default()
    } else {
        parsed(&body)?
    };
    let (root, discharge) = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Macaroon "))
        .and_then(pair)
        .ok_or_else(Refusal::unauthorized)?;
    let root = Macaroon::deserialize(root).map_err(broken)?;
    let discharge = Macaroon::deserialize(discharge).map_err(broken)?;
    store.change(|state| {
        let mut verifier = Verifier::default();
        verifier.satisfy_general(|_| true);
        verifier
            .verify(&root, &root_key(state), &[discharge])
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
            description: wanted.client_description,
            ..pending
        };
        let token =
            tokens::mint(state, session).map_err(|problem| Refusal::api_error(problem.to_string()))?;
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
