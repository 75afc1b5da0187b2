//! Handles logins, challenges and tokens.
//!
//! A login is sent only to the host it belongs to, a token only for one address, service, login
//! and set of scopes. Must not log or name a secret, and must not read any login before a registry
//! asks for one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use docker_credential::DockerCredential;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use super::Registries;
use super::docker_config::{self, Docker};
use super::request::{RepositoryEndpoint, ScopedEndpoint, refused};
use crate::domain::{Problem, ProblemKind, SanitizedText};
use crate::services::http;
use crate::services::http::json::forms_of;

/// Lifetime of a token whose registry names none (the protocol's default), in seconds.
const USUAL_LIFE: u64 = 60;

/// Holds a login, possibly anonymous.
pub(super) struct Login {
    id: u64,
    how: LoginMethod,
}

enum LoginMethod {
    Anonymous,
    Password(String, SecretString),
    /// A token that is exchanged for others, as cloud registries issue.
    Identity(SecretString),
}

impl Login {
    fn new(how: LoginMethod) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = match how {
            LoginMethod::Anonymous => 0,
            _ => NEXT.fetch_add(1, Ordering::Relaxed),
        };
        Self { id, how }
    }

    /// Returns a login of a user name and its password or access token.
    pub(super) fn password(user: String, password: SecretString) -> Self {
        Self::new(LoginMethod::Password(user, password))
    }

    /// Returns true without a login.
    pub(super) const fn anonymous(&self) -> bool {
        matches!(self.how, LoginMethod::Anonymous)
    }

    /// Returns its password or access token; an identity token is exchanged at its own registry
    /// only.
    pub(super) const fn secret(&self) -> Option<&SecretString> {
        match &self.how {
            LoginMethod::Password(_, secret) => Some(secret),
            LoginMethod::Anonymous | LoginMethod::Identity(_) => None,
        }
    }

    /// Returns true if both are the same login.
    pub(super) const fn same(&self, other: &Self) -> bool {
        self.id == other.id
    }

    /// Returns `text` without this login's secret, in case a service repeats it.
    pub(super) fn scrub(&self, text: &str) -> String {
        match &self.how {
            LoginMethod::Anonymous => text.to_owned(),
            LoginMethod::Password(_, secret) | LoginMethod::Identity(secret) => {
                let secret = secret.expose_secret();
                if secret.is_empty() {
                    text.to_owned()
                } else {
                    let hidden = |text: String, form: String| text.replace(&form, "***");
                    forms_of(secret).into_iter().fold(text.to_owned(), hidden)
                }
            }
        }
    }

    fn basic(&self) -> Option<HeaderValue> {
        let LoginMethod::Password(user, password) = &self.how else {
            return None;
        };
        let pair = format!("{user}:{}", password.expose_secret());
        let text = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
        sensitive(&text)
    }
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The authentication that a registry requires.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Challenge {
    Basic,
    Bearer { realm: Url, service: String },
}

struct Token {
    header: HeaderValue,
    until: Instant,
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    origin: String,
    service: String,
    login: u64,
    scopes: String,
}

/// One slot per token; its lock lets only one request fetch it.
type TokenSlot = Arc<tokio::sync::Mutex<Option<Token>>>;

/// Holds challenges, logins and tokens.
#[derive(Default)]
pub(super) struct Tokens {
    challenges: Mutex<HashMap<String, Challenge>>,
    logins: tokio::sync::Mutex<HashMap<String, Arc<Login>>>,
    slots: Mutex<HashMap<Key, TokenSlot>>,
}

impl Tokens {
    /// Forgets every login, so that it is read again when it is next needed.
    pub(super) async fn forget_logins(&self) {
        self.logins.lock().await.clear();
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl Registries {
    /// Returns the login that belongs to a site.
    pub(super) async fn login(&self, site: &RepositoryEndpoint) -> Result<Arc<Login>, Problem> {
        if let Some(login) = &site.given {
            return Ok(Arc::clone(login));
        }
        let host = http::host_of(&site.address);
        let ghcr = site.name == "ghcr.io" && (host == "ghcr.io" || http::is_loopback(&site.address));
        let key = if ghcr {
            format!("ghcr.io {host}")
        } else {
            host.clone()
        };
        let mut logins = self.shared.tokens.logins.lock().await;
        if let Some(login) = logins.get(&key) {
            return Ok(Arc::clone(login));
        }
        let login = match &self.shared.ghcr_token {
            token @ Some(_) if ghcr => of_variable(token.as_ref()),
            _ => docker_login(self.shared.docker.clone(), docker_config::names(&host), host).await?,
        };
        let login = Arc::new(login);
        logins.insert(key, Arc::clone(&login));
        Ok(login)
    }

    /// Returns the `Authorization` for a request, as far as the registry is known to require one.
    pub(super) async fn authorization(
        &self,
        access: &ScopedEndpoint,
    ) -> Result<Option<HeaderValue>, Problem> {
        let origin = access.site.origin();
        let challenge = self
            .shared
            .tokens
            .challenges
            .lock()
            .ok()
            .and_then(|known| known.get(&origin).cloned());
        match challenge {
            None => Ok(None),
            Some(Challenge::Basic) => Ok(self.login(&access.site).await?.basic()),
            Some(Challenge::Bearer { realm, service }) => {
                let login = self.login(&access.site).await?;
                let slot = self.slot(access, &service, &login);
                let mut held = slot.lock().await;
                if let Some(token) = held.as_ref().filter(|token| token.until > Instant::now()) {
                    return Ok(Some(token.header.clone()));
                }
                let token = self.fetch_token(access, &realm, &service, &login).await?;
                let header = token.header.clone();
                *held = Some(token);
                Ok(Some(header))
            }
        }
    }

    /// Learns from a 401. `used` is what was sent and is not sent again. Returns false if nothing
    /// better can be sent.
    pub(super) async fn learn(
        &self,
        access: &ScopedEndpoint,
        headers: &HeaderMap,
        used: Option<&HeaderValue>,
    ) -> Result<bool, Problem> {
        let Some(challenge) = challenge(&access.site, headers)? else {
            return Ok(false);
        };
        let login = self.login(&access.site).await?;
        let better = match &challenge {
            Challenge::Basic => used.is_none() && !login.anonymous(),
            Challenge::Bearer { service, .. } => {
                let slot = self.slot(access, service, &login);
                let mut held = slot.lock().await;
                // Another request may have fetched a new one meanwhile: that one is kept.
                if held.as_ref().is_some_and(|token| Some(&token.header) == used) {
                    *held = None;
                }
                true
            }
        };
        if let Ok(mut known) = self.shared.tokens.challenges.lock() {
            known.insert(access.site.origin(), challenge);
        }
        Ok(better)
    }

    fn slot(&self, access: &ScopedEndpoint, service: &str, login: &Login) -> TokenSlot {
        let key = Key {
            origin: access.site.origin(),
            service: service.to_owned(),
            login: login.id,
            scopes: access.scopes.join(" "),
        };
        self.shared
            .tokens
            .slots
            .lock()
            .map(|mut slots| Arc::clone(slots.entry(key).or_default()))
            .unwrap_or_default()
    }

    async fn fetch_token(
        &self,
        access: &ScopedEndpoint,
        realm: &Url,
        service: &str,
        login: &Login,
    ) -> Result<Token, Problem> {
        // An identity token is sent in the body: to the token service and nowhere else.
        let client = match login.how {
            LoginMethod::Identity(_) => self.shared.http.confined(realm)?,
            LoginMethod::Anonymous | LoginMethod::Password(..) => self.shared.http.client(realm)?,
        };
        let what = format!("a token for {}", access.site);
        let asked = Instant::now();
        let answer = self
            .shared
            .http
            .read(|| {
                if let LoginMethod::Identity(token) = &login.how {
                    return client.post(realm.clone()).form(&[
                        ("grant_type", "refresh_token"),
                        ("client_id", "windlass"),
                        ("service", service),
                        ("scope", &access.scopes.join(" ")),
                        ("refresh_token", token.expose_secret()),
                    ]);
                }
                let scopes = access.scopes.iter().map(|scope| ("scope", scope.as_str()));
                let named = (!service.is_empty()).then_some(("service", service));
                let query: Vec<(&str, &str)> = named.into_iter().chain(scopes).collect();
                let request = client.get(realm.clone()).query(&query);
                match login.basic() {
                    Some(basic) => request.header(AUTHORIZATION, basic),
                    None => request,
                }
            })
            .await
            .map_err(|failure| failure.problem(&what, realm))?;
        if (300..400).contains(&answer.status) {
            return Err(Problem::new(
                ProblemKind::Service,
                format!("{what}: {} redirects elsewhere", http::host_of(realm)),
            )
            .cause(format!(
                "it returned {}; the login was not forwarded",
                answer.status
            ))
            .hint(format!("log in again: docker login {}", access.site.name)));
        }
        if !answer.ok() {
            // A refusal by a token service applies to the whole repository.
            let status = if matches!(answer.status, 400 | 404) {
                403
            } else {
                answer.status
            };
            return Err(
                refused(access, login, &what, status, &answer.headers, &answer.body)
                    .cause(format!("{} issues the tokens", http::host_of(realm))),
            );
        }
        let broken = |why: &str| {
            Problem::new(ProblemKind::Service, format!("could not obtain {what}"))
                .cause(format!("{} returned {why}", http::host_of(realm)))
                .hint("try again later, and check the status page of the registry")
        };
        let parsed: TokenAnswer = answer.json().map_err(|_| broken("an invalid token response"))?;
        let token = parsed
            .token
            .filter(|token| !token.is_empty())
            .or(parsed.access_token)
            .ok_or_else(|| broken("a response without a token"))?;
        let header =
            sensitive(&format!("Bearer {token}")).ok_or_else(|| broken("a token with invalid characters"))?;
        let life = parsed.expires_in.unwrap_or(USUAL_LIFE).min(24 * 3600);
        // A tenth early, so that it does not expire in transit.
        let life = Duration::from_secs(life).mul_f64(0.9);
        Ok(Token {
            header,
            until: asked + life,
        })
    }
}

/// Returns the login of a token from the environment; anonymous without one.
pub(super) fn of_variable(token: Option<&SecretString>) -> Login {
    token.map_or_else(
        || Login::new(LoginMethod::Anonymous),
        // GitHub reads only the token; the user name must merely not be empty.
        |token| Login::password("windlass".to_owned(), token.clone()),
    )
}

/// Returns the login that Docker stores under exactly this name; anonymous if there is none.
pub(super) async fn kept_under(docker: Docker, name: String) -> Result<Login, Problem> {
    docker_login(docker, vec![name.clone()], name).await
}

/// Returns the login that Docker's configuration holds for `host` under one of `names`; anonymous
/// if there is none.
async fn docker_login(docker: Docker, names: Vec<String>, host: String) -> Result<Login, Problem> {
    // Helpers are programs and may block.
    let found = tokio::task::spawn_blocking(move || {
        names
            .iter()
            .find_map(|name| docker.get(name).transpose())
            .transpose()
    })
    .await
    .map_err(|error| Problem::new(ProblemKind::Internal, "cannot look up the login").because(&error))?;
    match found {
        Ok(Some(DockerCredential::UsernamePassword(user, password))) => {
            Ok(Login::password(user, password.into()))
        }
        Ok(Some(DockerCredential::IdentityToken(token))) => {
            Ok(Login::new(LoginMethod::Identity(token.into())))
        }
        Ok(None) => Ok(Login::new(LoginMethod::Anonymous)),
        Err(docker_config::Unreadable) => Err(unreadable(&host)),
    }
}

fn unreadable(host: &str) -> Problem {
    Problem::new(
        ProblemKind::Credentials,
        format!("cannot read the login for {host} in the Docker configuration"),
    )
    .hint(format!("write it again with: docker login {host}"))
}

fn challenge(site: &RepositoryEndpoint, headers: &HeaderMap) -> Result<Option<Challenge>, Problem> {
    let mut basic = false;
    for value in headers.get_all(WWW_AUTHENTICATE) {
        let Ok(text) = value.to_str() else { continue };
        let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            basic = true;
        } else if scheme.eq_ignore_ascii_case("bearer") {
            let parameters = parameters(rest);
            let Some(realm) = parameters.get("realm") else {
                continue;
            };
            let realm = Url::parse(realm).map_err(|error| {
                Problem::new(
                    ProblemKind::Service,
                    format!(
                        "{site} requests a token from '{}'",
                        SanitizedText::capped(realm, 200)
                    ),
                )
                .because(&error)
            })?;
            site.check_redirect(&realm)?;
            return Ok(Some(Challenge::Bearer {
                realm,
                service: parameters.get("service").cloned().unwrap_or_default(),
            }));
        }
    }
    Ok(basic.then_some(Challenge::Basic))
}

/// Parses `key="value"` pairs, with commas inside the quotes.
fn parameters(text: &str) -> HashMap<String, String> {
    let mut found = HashMap::new();
    let mut rest = text;
    while let Some((key, after)) = rest.split_once('=') {
        let key = key.trim_matches([' ', ',', '\t']).to_ascii_lowercase();
        let (value, left) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        found.insert(key, value.trim().to_owned());
        rest = left;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_with_commas_in_quotes() {
        let found = parameters(
            r#"realm="https://auth.example/token",service="registry", scope="repository:a/b:pull,push",error=x"#,
        );
        assert_eq!(found["realm"], "https://auth.example/token");
        assert_eq!(found["scope"], "repository:a/b:pull,push");
        assert_eq!(found["error"], "x");
    }
}
