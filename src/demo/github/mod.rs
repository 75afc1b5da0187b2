//! Serves GitHub's REST API: git objects with real ids, sealed secrets, quotas.
//!
//! Implements the subset that a release console and `gh` use. The demo's listeners wrap
//! [`router`]; they log requests and apply faults.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::registry::Registry;
use crate::domain::{Problem, ProblemKind};

mod access;
mod actions;
mod clone;
mod contents;
mod git;
mod graphql;
mod graphql_types;
mod manifests;
mod objects;
mod organizations;
mod packages;
mod query;
mod quota;
mod reply;
mod run_files;
mod runs;
mod secrets;
mod seed;
mod settings;
mod shapes;
mod store;
#[cfg(test)]
mod test_access;
#[cfg(test)]
mod tests;
mod vaults;

use access::{Token, Tokens};
use quota::Quota;
use reply::{Call, Payload, Reply};
use store::Store;

/// Name of the one account that the token belongs to.
pub const LOGIN: &str = "demo-operator";
/// Versions of the API that are accepted.
const VERSIONS: [&str; 2] = ["2022-11-28", "2026-03-10"];
/// Largest request body, in bytes.
const LARGEST: usize = 40 << 20;

/// Holds what the initial state of the GitHub server contains.
pub struct Planted<'a> {
    /// The operator's token for GitHub.
    pub token: &'a str,
    /// The token for packages.
    pub packages_token: &'a str,
    /// The store credential in most `CHARMHUB_TOKEN` secrets, as charmcraft exports it.
    pub credential: &'a str,
    /// The one in the secret that was replaced since.
    pub older_credential: &'a str,
}

/// The demo's GitHub server.
pub struct GitHub {
    store: Mutex<Store>,
    tokens: Tokens,
    packages: Mutex<Option<Arc<Registry>>>,
    quota: Quota,
}

impl GitHub {
    /// Opens the state in `dir`, or creates it from `seed` and `planted`.
    pub fn open(dir: &Path, seed: u64, planted: &Planted<'_>) -> Result<Arc<GitHub>, Problem> {
        let broken = |error: std::io::Error| {
            Problem::new(
                ProblemKind::Machine,
                format!("the demo's GitHub cannot use {}", dir.display()),
            )
            .because(&error)
        };
        let store = Store::open(dir, seed, planted).map_err(broken)?;
        let tokens = access::open(dir, store.born(), planted.token, planted.packages_token);
        Ok(Arc::new(GitHub {
            store: Mutex::new(store),
            tokens: tokens.map_err(broken)?,
            packages: Mutex::default(),
            quota: Quota::new(),
        }))
    }

    /// Shows the packages of `ghcr`.
    pub fn show_packages(&self, ghcr: Arc<Registry>) {
        if let Ok(mut packages) = self.packages.lock() {
            *packages = Some(ghcr);
        }
    }

    /// Gives `owner`, a repository by full name (`finos/legend-juju-bundle`) or an organization, a
    /// new key to seal secrets for. Seals for the earlier key are refused from then on.
    pub fn rotate_key(&self, owner: &str) -> Result<(), Problem> {
        let lost = || {
            Problem::new(
                ProblemKind::Machine,
                format!("cannot rotate the demo's key of {owner}"),
            )
        };
        let mut store = self.store.lock().map_err(|_| lost())?;
        store.reread().map_err(|error| lost().because(&error))?;
        if !store.vaults.rotate(owner) {
            return Err(Problem::new(
                ProblemKind::Usage,
                format!("the demo has no repository or organization {owner}"),
            ));
        }
        store.save_secrets().map_err(|error| lost().because(&error))
    }

    fn store(&self) -> Result<MutexGuard<'_, Store>, Reply> {
        let mut store = self
            .store
            .lock()
            .map_err(|_| Reply::fail(500, "the demo's store is broken"))?;
        store
            .reread()
            .map_err(|error| Reply::fail(500, &format!("cannot read github.json: {error}")))?;
        Ok(store)
    }

    /// Returns the token of a request, `None` for an anonymous one, `Err` for a wrong credential.
    fn who(&self, headers: &HeaderMap) -> Result<Option<Token>, Reply> {
        let Some(given) = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
        else {
            return Ok(None);
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
        let known = self.tokens.get(&token).cloned();
        known.map(Some).ok_or_else(|| Reply::fail(401, "Bad credentials"))
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
            [""] => Ok(Reply::ok(shapes::root(&call.base))),
            ["user"] => self.user(call),
            ["graphql"] if call.method == "POST" => {
                self.store().and_then(|store| graphql::serve(&store, call))
            }
            ["rate_limit"] => Ok(Reply::ok(self.quota.document(call.signed_in))),
            ["user", "orgs"] if call.signed_in => {
                let mine = vec![shapes::organization(&call.base, store::ORGANIZATION)];
                Ok(Reply::list(call, mine))
            }
            ["user", "orgs"] => Err(Reply::fail(401, "Requires authentication")),
            ["users", login] if login.eq_ignore_ascii_case(LOGIN) => self.account(call),
            ["orgs", org] if org.eq_ignore_ascii_case(store::ORGANIZATION) => self.organization(call),
            ["repos", owner, name, rest @ ..] => self.repository(call, owner, name, rest),
            [owner, name, rest @ ..] if name.strip_suffix(".git").is_some() && call.method == "GET" => {
                self.store().and_then(|store| {
                    let full = store.name_of(owner, name.trim_end_matches(".git"));
                    let repo = full.and_then(|full| store.repo(&full));
                    clone::serve(repo.ok_or_else(Reply::not_found)?, rest)
                })
            }
            ["repositories", id, rest @ ..] => self.numbered(call, id, rest),
            ["orgs", org, "actions", "secrets", rest @ ..] => self
                .store()
                .and_then(|mut store| organizations::serve(&mut store, org, call, rest)),
            _ => Err(Reply::not_found()),
        };
        answered.unwrap_or_else(|refused| refused)
    }

    fn user(&self, call: &Call) -> Result<Reply, Reply> {
        if !call.signed_in {
            return Err(Reply::fail(401, "Requires authentication"));
        }
        self.account(call)
    }

    /// Returns the operator's public profile.
    fn account(&self, call: &Call) -> Result<Reply, Reply> {
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

    fn organization(&self, call: &Call) -> Result<Reply, Reply> {
        if let Some(token) = &call.token {
            token.enters(store::ORGANIZATION)?;
        }
        let store = self.store()?;
        let count = store.names().count();
        Ok(Reply::ok(shapes::whole_organization(
            &call.base,
            store::ORGANIZATION,
            count,
            store.born(),
        )))
    }

    /// Answers for a repository by its number, which stays the same when it is renamed.
    fn numbered(&self, call: &Call, id: &str, rest: &[&str]) -> Result<Reply, Reply> {
        let name = id.parse().ok().and_then(|id| self.store().ok()?.numbered(id));
        let name = name.ok_or_else(Reply::not_found)?;
        let (owner, name) = name.split_once('/').ok_or_else(Reply::not_found)?;
        self.repository(call, owner, name, rest)
    }

    fn repository(&self, call: &Call, owner: &str, name: &str, rest: &[&str]) -> Result<Reply, Reply> {
        let mut store = self.store()?;
        if let Some(token) = &call.token {
            token.enters(owner)?;
        }
        let Some(name) = store.name_of(owner, name) else {
            let new = Store::moved(owner, name);
            return Err(new.map_or_else(Reply::not_found, |id| Reply::moved(call, id)));
        };
        let reads = matches!(call.method.as_str(), "GET" | "HEAD");
        if !reads {
            let Some(token) = &call.token else {
                return Err(Reply::fail(401, "Requires authentication"));
            };
            let permission = match rest {
                ["actions", "secrets", ..] => "secrets",
                ["actions", "variables", ..] => "actions_variables",
                ["actions", ..] => "actions",
                _ => "contents",
            };
            token.may("repo", permission)?;
            if !Store::writable(&name) {
                return Err(Reply::fail(403, "Must have admin rights to Repository."));
            }
        }
        let repo_url = format!("{}/repos/{name}", call.base);
        match rest {
            [] if reads => {
                let repo = store.repo(&name).ok_or_else(Reply::not_found)?;
                let branch = repo.default_branch();
                let rights = call.signed_in.then(|| Store::writable(&name));
                Ok(Reply::ok(shapes::repository(
                    &call.base,
                    &name,
                    branch,
                    repo.pushed(),
                    rights,
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
            ["actions", "organization-secrets"] if reads => {
                let token = call.token.as_ref().ok_or_else(Reply::not_found)?;
                token.may("repo", "secrets")?;
                Ok(organizations::seen_by(&mut store, &name, call))
            }
            ["actions", "variables", rest @ ..] => settings::variables(&mut store, &name, call, rest),
            ["collaborators", rest @ ..] if reads => settings::collaborators(&name, call, rest),
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

/// Returns the routes of the REST API.
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
    let token = who.as_ref().ok().cloned().flatten();
    let signed_in = token.is_some();
    let version = headers
        .get("x-github-api-version")
        .and_then(|value| value.to_str().ok());
    let reply = match (who, version, to_bytes(body, LARGEST).await) {
        (Err(refused), _, _) => refused,
        (_, Some(version), _) if !VERSIONS.contains(&version) => {
            Reply::fail(400, "The API version in X-GitHub-Api-Version is not supported.")
        }
        (_, _, Err(_)) => Reply::fail(413, "Payload too large"),
        (Ok(_), _, Ok(_)) if is_counted(head.uri.path()) && !github.quota.has_left(signed_in) => {
            Reply::fail(403, "API rate limit exceeded for 127.0.0.1.")
        }
        (Ok(_), _, Ok(bytes)) => {
            let call = Call::new(
                head.method.clone(),
                &head.uri,
                &headers,
                token.clone(),
                bytes.to_vec(),
            );
            github.answer(&call).await
        }
    };
    let asked = Asked {
        headers: &headers,
        reads: head.method == "GET" || head.method == "HEAD",
        path: head.uri.path(),
        token,
        version,
    };
    finish(&github, reply, &asked)
}

/// Holds the parts of a request that affect the form of its answer.
struct Asked<'a> {
    headers: &'a HeaderMap,
    reads: bool,
    path: &'a str,
    token: Option<Token>,
    version: Option<&'a str>,
}

/// Returns true if a request counts against the quota: git's own transport and the storage of logs
/// do not.
fn is_counted(path: &str) -> bool {
    path != "/rate_limit" && !path.contains(".git/") && !path.contains("/blob/")
}

/// Returns the scopes that suffice for `path`, as `x-accepted-oauth-scopes` names them.
fn accepted(path: &str) -> &'static str {
    match path.trim_matches('/').split('/').collect::<Vec<_>>()[..] {
        ["orgs" | "users", _, "packages", ..] => "read:packages",
        ["orgs", ..] => "admin:org",
        ["repos" | "repositories", ..] => "repo",
        _ => "",
    }
}

/// Converts a reply to HTTP: validators, quota and the headers that every answer carries.
fn finish(github: &GitHub, reply: Reply, asked: &Asked<'_>) -> Response {
    let signed_in = asked.token.is_some();
    let free = !is_counted(asked.path);
    let (kind, bytes) = match reply.payload {
        Payload::None => ("", Vec::new()),
        Payload::Json(body) => ("application/json; charset=utf-8", body.to_string().into_bytes()),
        Payload::Raw(bytes, kind) => (kind, bytes),
    };
    let mut status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut headers = reply.headers;
    let mut body = bytes;
    if asked.reads && status == StatusCode::OK && !free {
        let hash: [u8; 32] = Sha256::digest(&body).into();
        let etag = format!("W/\"{}\"", hex::encode(hash));
        let known = asked
            .headers
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
    if let Some(token) = &asked.token {
        headers.extend(token.headers(accepted(asked.path)));
    }
    let version = asked
        .version
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

/// Percent-decodes one segment of a path.
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
