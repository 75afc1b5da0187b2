//! GitHub's REST interface on real facts: git objects with real ids, sealed secrets, quotas.
//!
//! Owns the subset that a release console and `gh` use. Must not listen, log requests or play
//! faults: the demo's listeners wrap [`router`].

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::Duration;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::registry::Registry;
use crate::domain::{Kind, Problem};

mod actions;
mod contents;
mod git;
mod graphql;
mod manifests;
mod objects;
mod packages;
mod quota;
mod reply;
mod runs;
mod secrets;
mod seed;
mod shapes;
mod store;
#[cfg(test)]
mod tests;

use quota::Quota;
use reply::{Call, Payload, Reply};
use store::Store;

/// Name of the one account that the token belongs to.
pub const LOGIN: &str = "demo-operator";
/// Versions of the interface that are answered.
const VERSIONS: [&str; 2] = ["2022-11-28", "2026-03-10"];
const SCOPES: &str = "delete:packages, repo, workflow, write:packages";
/// Largest request body, bytes.
const LARGEST: usize = 40 << 20;

/// The demo's GitHub.
pub struct GitHub {
    store: Mutex<Store>,
    tokens: Mutex<Vec<SecretString>>,
    packages: Mutex<Option<Arc<Registry>>>,
    quota: Quota,
}

impl GitHub {
    /// Opens the GitHub kept in `dir`, or begins one from `seed`. `token` is the one token it
    /// knows.
    pub fn open(dir: &Path, seed: u64, token: &str) -> Result<Arc<GitHub>, Problem> {
        let store = Store::open(dir, seed).map_err(|error| {
            Problem::new(
                Kind::Machine,
                format!("the demo's GitHub cannot use {}", dir.display()),
            )
            .because(&error)
        })?;
        Ok(Arc::new(GitHub {
            store: Mutex::new(store),
            tokens: Mutex::new(vec![SecretString::from(token.to_owned())]),
            packages: Mutex::default(),
            quota: Quota::new(),
        }))
    }

    /// Shows the packages of `ghcr`, and takes `token` (the one for packages) as well.
    pub fn show_packages(&self, ghcr: Arc<Registry>, token: &str) {
        if let Ok(mut packages) = self.packages.lock() {
            *packages = Some(ghcr);
        }
        if let Ok(mut tokens) = self.tokens.lock() {
            tokens.push(SecretString::from(token.to_owned()));
        }
    }

    fn store(&self) -> Result<MutexGuard<'_, Store>, Reply> {
        self.store
            .lock()
            .map_err(|_| Reply::fail(500, "the demo's store is broken"))
    }

    /// `Ok(true)` signed in, `Ok(false)` anonymous, `Err` with a wrong credential.
    fn who(&self, headers: &HeaderMap) -> Result<bool, Reply> {
        let Some(given) = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
        else {
            return Ok(false);
        };
        let token = match given.split_once(' ') {
            Some((kind, token))
                if kind.eq_ignore_ascii_case("bearer") || kind.eq_ignore_ascii_case("token") =>
            {
                token.trim().to_owned()
            }
            Some((kind, login)) if kind.eq_ignore_ascii_case("basic") => {
                let login = STANDARD.decode(login.trim()).unwrap_or_default();
                let login = String::from_utf8_lossy(&login).into_owned();
                login
                    .split_once(':')
                    .map(|(_, password)| password.to_owned())
                    .unwrap_or_default()
            }
            _ => String::new(),
        };
        let known = self
            .tokens
            .lock()
            .is_ok_and(|tokens| tokens.iter().any(|known| known.expose_secret() == token));
        if known {
            Ok(true)
        } else {
            Err(Reply::fail(401, "Bad credentials"))
        }
    }

    async fn answer(&self, call: &Call) -> Reply {
        let decoded: Vec<String> = call.path.trim_matches('/').split('/').map(decode).collect();
        let parts: Vec<&str> = decoded.iter().map(String::as_str).collect();
        let ghcr = self.packages.lock().ok().and_then(|packages| packages.clone());
        match (parts.as_slice(), ghcr) {
            (["orgs" | "users", owner, "packages", rest @ ..], Some(ghcr)) => {
                packages::serve(&ghcr, call, owner, rest)
                    .await
                    .unwrap_or_else(|refused| refused)
            }
            (parts, _) => self.local(call, parts),
        }
    }

    fn local(&self, call: &Call, parts: &[&str]) -> Reply {
        let answered = match parts {
            [""] => Ok(Reply::ok(
                json!({"current_user_url": format!("{}/user", call.base)}),
            )),
            ["user"] => self.user(call),
            ["graphql"] if call.method == "POST" => {
                self.store().and_then(|store| graphql::serve(&store, call))
            }
            ["rate_limit"] => Ok(Reply::ok(self.quota.document(call.signed_in))),
            ["repos", owner, name, rest @ ..] => self.repository(call, owner, name, rest),
            _ => Err(Reply::not_found()),
        };
        answered.unwrap_or_else(|refused| refused)
    }

    fn user(&self, call: &Call) -> Result<Reply, Reply> {
        if !call.signed_in {
            return Err(Reply::fail(401, "Requires authentication"));
        }
        let mut body = shapes::account(&call.base, LOGIN);
        let born = shapes::time(self.store()?.born());
        if let (Some(body), serde_json::Value::Object(rest)) = (
            body.as_object_mut(),
            json!({
                "name": "Demo Operator", "company": null, "blog": "", "location": null, "email": null,
                "hireable": null, "bio": null, "twitter_username": null, "public_repos": 0,
                "public_gists": 0, "followers": 0, "following": 0, "created_at": born, "updated_at": born,
            }),
        ) {
            body.extend(rest);
        }
        Ok(Reply::ok(body))
    }

    fn repository(&self, call: &Call, owner: &str, name: &str, rest: &[&str]) -> Result<Reply, Reply> {
        let mut store = self.store()?;
        let name = store.name_of(owner, name).ok_or_else(Reply::not_found)?;
        let reads = matches!(call.method.as_str(), "GET" | "HEAD");
        if !reads {
            if !call.signed_in {
                return Err(Reply::fail(401, "Requires authentication"));
            }
            if !Store::writable(&name) {
                return Err(Reply::fail(403, "Must have admin rights to Repository."));
            }
        }
        let repo_url = format!("{}/repos/{name}", call.base);
        match rest {
            [] if reads => {
                let repo = store.repo(&name).ok_or_else(Reply::not_found)?;
                let branch = repo.default_branch();
                let pushed = repo
                    .objects
                    .refs
                    .values()
                    .filter_map(|id| repo.objects.commit(id))
                    .map(|commit| commit.committer.at)
                    .max()
                    .unwrap_or_default();
                let rights = call.signed_in.then(|| Store::writable(&name));
                Ok(Reply::ok(shapes::repository(
                    &call.base, &name, branch, pushed, rights,
                )))
            }
            ["git", rest @ ..] if reads => git::read(
                store.repo(&name).ok_or_else(Reply::not_found)?,
                &repo_url,
                call,
                rest,
            ),
            ["git", rest @ ..] => git::write(&mut store, &name, &repo_url, call, rest),
            ["contents", path @ ..] if call.method == "PUT" => {
                contents::put(&mut store, &name, &repo_url, call, &path.join("/"))
            }
            ["actions", "secrets", rest @ ..] => secrets::serve(&mut store, &name, call, rest),
            ["actions", rest @ ..] => actions::serve(&mut store, &name, &repo_url, call, rest),
            rest if reads => contents::read(
                store.repo(&name).ok_or_else(Reply::not_found)?,
                &repo_url,
                call,
                rest,
            ),
            _ => Err(Reply::not_found()),
        }
    }
}

/// The routes of the REST interface.
pub fn router(github: Arc<GitHub>) -> Router {
    Router::new().fallback(serve).with_state(github)
}

async fn serve(State(github): State<Arc<GitHub>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let headers = head.headers;
    if !headers.contains_key(header::USER_AGENT) {
        return finished(
            StatusCode::FORBIDDEN,
            "text/html",
            b"Request forbidden by administrative rules.".to_vec(),
        );
    }
    let who = github.who(&headers);
    let signed_in = matches!(who, Ok(true));
    let version = headers
        .get("x-github-api-version")
        .and_then(|value| value.to_str().ok());
    let reply = match (who, version, to_bytes(body, LARGEST).await) {
        (Err(refused), _, _) => refused,
        (_, Some(version), _) if !VERSIONS.contains(&version) => {
            Reply::fail(400, "The API version in X-GitHub-Api-Version is not supported.")
        }
        (_, _, Err(_)) => Reply::fail(413, "Payload too large"),
        (Ok(_), _, Ok(_)) if head.uri.path() != "/rate_limit" && !github.quota.has_left(signed_in) => {
            Reply::fail(403, "API rate limit exceeded for 127.0.0.1.")
        }
        (Ok(_), _, Ok(bytes)) => {
            let call = Call::new(
                head.method.clone(),
                &head.uri,
                &headers,
                signed_in,
                bytes.to_vec(),
            );
            github.answer(&call).await
        }
    };
    let free = head.uri.path() == "/rate_limit";
    finish(
        &github,
        reply,
        &headers,
        head.method == "GET" || head.method == "HEAD",
        signed_in,
        free,
        version,
    )
}

/// Turns a reply into HTTP: validators, quota and the headers every answer carries.
fn finish(
    github: &GitHub,
    reply: Reply,
    request: &HeaderMap,
    reads: bool,
    signed_in: bool,
    free: bool,
    version: Option<&str>,
) -> Response {
    let (kind, bytes) = match reply.payload {
        Payload::None => ("", Vec::new()),
        Payload::Json(body) => ("application/json; charset=utf-8", body.to_string().into_bytes()),
        Payload::Raw(bytes, kind) => (kind, bytes),
    };
    let mut status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut headers = reply.headers;
    let mut body = bytes;
    if reads && status == StatusCode::OK && !free {
        let hash: [u8; 32] = Sha256::digest(&body).into();
        let etag = format!("W/\"{}\"", hex::encode(hash));
        let known = request
            .get(header::IF_NONE_MATCH)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|given| {
                let bare = etag.trim_start_matches("W/");
                given
                    .split(',')
                    .any(|one| one.trim() == "*" || one.trim().trim_start_matches("W/") == bare)
            });
        if known {
            status = StatusCode::NOT_MODIFIED;
            body = Vec::new();
        }
        headers.push(("etag", etag));
        let visibility = if signed_in { "private" } else { "public" };
        headers.push(("cache-control", format!("{visibility}, max-age=60, s-maxage=60")));
        headers.push((
            "vary",
            "Accept, Authorization, Cookie, X-GitHub-OTP,Accept-Encoding, Accept".into(),
        ));
    }
    if !free && status != StatusCode::NOT_MODIFIED && status != StatusCode::UNAUTHORIZED {
        github.quota.count(signed_in);
    }
    headers.extend(github.quota.headers(signed_in));
    if signed_in {
        headers.push(("x-oauth-scopes", SCOPES.into()));
        headers.push(("x-accepted-oauth-scopes", "repo".into()));
        if let Ok(store) = github.store.lock() {
            let end = store.born() + Duration::days(60);
            headers.push((
                "github-authentication-token-expiration",
                end.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
            ));
        }
    }
    let version = version
        .filter(|version| VERSIONS.contains(version))
        .unwrap_or(VERSIONS[0]);
    headers.push(("x-github-api-version-selected", version.into()));
    headers.push(("x-github-media-type", "github.v3; format=json".into()));
    let mut response = finished(status, kind, body);
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
    }
    response
}

fn finished(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let id = uuid::Uuid::new_v4().simple().to_string().to_uppercase();
    let id = format!("{}:{}:{}", &id[..4], &id[4..10], &id[10..18]);
    if let Ok(id) = id.parse() {
        response.headers_mut().insert("x-github-request-id", id);
    }
    response
        .headers_mut()
        .insert(header::SERVER, HeaderValue::from_static("github.com"));
    if !kind.is_empty() && status != StatusCode::NOT_MODIFIED {
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    response
}

/// Percent-decodes one part of a path.
fn decode(part: &str) -> String {
    let bytes = part.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| part.get(at + 1..at + 3)).flatten();
        if let Some(byte) = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            out.push(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
