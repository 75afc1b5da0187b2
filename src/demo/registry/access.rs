//! Checks access: credentials, opaque tokens, challenges.
//!
//! Implements the token endpoint (Docker token authentication, GET and the OAuth2-like POST).
//! Tokens are kept in memory for [`LIFETIME`]; nothing here is written to disk or logged.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};

use super::answer::{document, fail};

/// How long a token is valid.
const LIFETIME: Duration = Duration::from_secs(300);

/// The right that a request needs on a repository.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Pull,
    Push,
    Delete,
}

impl Need {
    fn actions(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "pull,push",
            Self::Delete => "delete",
        }
    }
}

#[derive(PartialEq)]
struct Grant {
    user: String,
    password: String,
    prefix: String,
    push: bool,
}

struct Token {
    access: Vec<(String, Vec<&'static str>)>,
    until: Instant,
}

/// Holds credentials and valid tokens of one registry.
#[derive(Default)]
pub(super) struct Access {
    grants: Mutex<Vec<Grant>>,
    tokens: Mutex<HashMap<String, Token>>,
}

/// Holds a request to the token endpoint.
#[derive(Default)]
pub(super) struct Asked {
    scopes: Vec<String>,
    pub(super) login: Option<(String, String)>,
}

impl Asked {
    /// Parses a query or form, and the Authorization header.
    pub(super) fn parse(query: &str, authorization: Option<&str>) -> Self {
        let mut asked = Self {
            login: authorization.and_then(basic),
            ..Self::default()
        };
        let mut user = None;
        let mut password = None;
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "scope" => asked.scopes.extend(value.split(' ').map(str::to_owned)),
                "username" => user = Some(value.into_owned()),
                "password" | "refresh_token" => password = Some(value.into_owned()),
                _ => {}
            }
        }
        if let Some(password) = password {
            asked.login = Some((user.unwrap_or_default(), password));
        }
        asked
    }
}

/// Holds how a registry answers anonymous clients.
pub(super) struct Manner<'a> {
    /// Token endpoint; if empty, no token is required.
    pub realm: &'a str,
    /// Name of the service in challenges.
    pub service: &'a str,
    /// Anonymous clients may pull.
    pub anonymous_pull: bool,
    /// The scope of a challenge is an example (as GHCR's is): clients build their own.
    pub placeholder: bool,
    /// Refuse anonymous clients at the token endpoint (as GHCR does) if they may pull nothing.
    pub deny_early: bool,
}

impl Access {
    pub(super) fn grant(&self, user: &str, password: &str, prefix: &str, push: bool) {
        if let Ok(mut grants) = self.grants.lock() {
            let grant = Grant {
                user: user.into(),
                password: password.into(),
                prefix: prefix.into(),
                push,
            };
            if !grants.contains(&grant) {
                grants.push(grant);
            }
        }
    }

    /// Answers requests to the token endpoint. `public` returns whether anonymous clients may pull
    /// a repository.
    pub(super) fn token(
        &self,
        asked: &Asked,
        manner: &Manner<'_>,
        public: impl Fn(&str) -> bool,
    ) -> Response {
        let Ok(grants) = self.grants.lock() else {
            return denied();
        };
        let mine: Vec<&Grant> = match &asked.login {
            None if !manner.anonymous_pull => return wrong_login(),
            None => Vec::new(),
            Some((user, password)) => {
                let mine: Vec<&Grant> = grants
                    .iter()
                    .filter(|grant| {
                        (grant.user.is_empty() || grant.user == *user) && grant.password == *password
                    })
                    .collect();
                if mine.is_empty() {
                    return wrong_login();
                }
                mine
            }
        };
        let mut access = Vec::new();
        for scope in &asked.scopes {
            let Some((name, actions)) = repository_scope(scope) else {
                continue;
            };
            let covers = |push: bool| {
                mine.iter()
                    .any(|grant| name.starts_with(&grant.prefix) && (!push || grant.push))
            };
            let pull = covers(false) || (manner.anonymous_pull && public(name));
            let mut given = Vec::new();
            for action in actions {
                match action {
                    "pull" if pull => given.push("pull"),
                    "push" if covers(true) => given.push("push"),
                    "delete" if covers(true) => given.push("delete"),
                    "*" if covers(true) => given.extend(["pull", "push", "delete"]),
                    _ => {}
                }
            }
            access.push((name.to_owned(), given));
        }
        let nothing = !access.is_empty() && access.iter().all(|(_, given)| given.is_empty());
        if manner.deny_early && nothing {
            return denied();
        }
        let token = format!(
            "{}{}",
            uuid::Uuid::new_v4().simple(),
            uuid::Uuid::new_v4().simple()
        );
        let now = Instant::now();
        if let Ok(mut tokens) = self.tokens.lock() {
            tokens.retain(|_, token| token.until > now);
            tokens.insert(
                token.clone(),
                Token {
                    access,
                    until: now + LIFETIME,
                },
            );
        }
        document(
            StatusCode::OK,
            Vec::new(),
            &json!({
                "token": token,
                "access_token": token,
                "expires_in": LIFETIME.as_secs(),
                "issued_at": Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
            }),
        )
    }

    /// Returns true if the request's token allows `need` on `repository`.
    pub(super) fn allows(&self, headers: &HeaderMap, repository: &str, need: Need) -> bool {
        let Some(bearer) = bearer(headers) else {
            return false;
        };
        let wanted: &[&str] = match need {
            Need::Pull => &["pull"],
            Need::Push => &["push"],
            Need::Delete => &["delete"],
        };
        let known = self.tokens.lock().is_ok_and(|tokens| {
            tokens.get(bearer).is_some_and(|token| {
                token.until > Instant::now()
                    && wanted.iter().all(|action| {
                        token
                            .access
                            .iter()
                            .any(|(name, given)| name == repository && given.contains(action))
                    })
            })
        });
        known || self.password_as_bearer(bearer, repository, need)
    }

    /// Returns true if the request carries a valid token, whatever it allows.
    pub(super) fn knows(&self, headers: &HeaderMap) -> bool {
        bearer(headers).is_some_and(|bearer| {
            self.tokens.lock().is_ok_and(|tokens| {
                tokens
                    .get(bearer)
                    .is_some_and(|token| token.until > Instant::now())
            }) || self.password_as_bearer(bearer, "", Need::Pull)
        })
    }

    /// Accepts the shortcut that GHCR offers: `Bearer base64(personal access token)`.
    fn password_as_bearer(&self, bearer: &str, repository: &str, need: Need) -> bool {
        let Some(password) = STANDARD
            .decode(bearer)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
        else {
            return false;
        };
        self.grants.lock().is_ok_and(|grants| {
            grants.iter().any(|grant| {
                grant.user.is_empty()
                    && grant.password == password
                    && repository.starts_with(&grant.prefix)
                    && (need == Need::Pull || grant.push)
            })
        })
    }

    /// Returns 401 with the challenge that names `wanted`, every access that the request needs.
    pub(super) fn challenge(
        &self,
        manner: &Manner<'_>,
        headers: &HeaderMap,
        wanted: &[(&str, Need)],
    ) -> Response {
        let mut challenge = format!("Bearer realm=\"{}\",service=\"{}\"", manner.realm, manner.service);
        let scopes: Vec<String> = wanted
            .iter()
            .map(|(name, need)| format!("repository:{name}:{}", need.actions()))
            .collect();
        if manner.placeholder {
            challenge.push_str(",scope=\"repository:user/image:pull\"");
        } else if !scopes.is_empty() {
            challenge.push_str(&format!(",scope=\"{}\"", scopes.join(" ")));
        }
        let detail: Vec<Value> = wanted
            .iter()
            .flat_map(|(name, need)| need.actions().split(',').map(move |action| (name, action)))
            .map(|(name, action)| json!({"Type": "repository", "Class": "", "Name": name, "Action": action}))
            .collect();
        let detail = if detail.is_empty() {
            Value::Null
        } else {
            Value::Array(detail)
        };
        if self.knows(headers) {
            challenge.push_str(",error=\"insufficient_scope\"");
        } else if headers.contains_key(header::AUTHORIZATION) {
            challenge.push_str(",error=\"invalid_token\"");
        }
        let mut response = fail(
            StatusCode::UNAUTHORIZED,
            "UNAUTHORIZED",
            "authentication required",
            detail,
        );
        if let Ok(value) = challenge.parse() {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
        }
        response
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (kind, token) = value.split_once(' ')?;
    kind.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn basic(authorization: &str) -> Option<(String, String)> {
    let (kind, login) = authorization.split_once(' ')?;
    if !kind.eq_ignore_ascii_case("basic") {
        return None;
    }
    let login = String::from_utf8(STANDARD.decode(login.trim()).ok()?).ok()?;
    let (user, password) = login.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// Parses `repository:<name>:<actions>`; a name may contain a colon only before a host's port.
fn repository_scope(scope: &str) -> Option<(&str, std::str::Split<'_, char>)> {
    let (name, actions) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
    Some((name, actions.split(',')))
}

fn wrong_login() -> Response {
    fail(
        StatusCode::UNAUTHORIZED,
        "UNAUTHORIZED",
        "authentication required: incorrect username or password",
        Value::Null,
    )
}

fn denied() -> Response {
    fail(
        StatusCode::FORBIDDEN,
        "DENIED",
        "requested access to the resource is denied",
        Value::Null,
    )
}
