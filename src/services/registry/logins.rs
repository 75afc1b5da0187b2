//! Manages logins of registries: verifies them, stores them where `docker login` does, lists and
//! removes them.
//!
//! Also decides which name a login is stored under. Must not show a secret.

use std::sync::Arc;

use futures_util::StreamExt as _;
use reqwest::Method;
use secrecy::SecretString;

use super::auth::{self, Login};
use super::docker_config::{self, HUB};
use super::request::{RepositoryEndpoint, RequestSpec, ScopedEndpoint};
use super::{Docker, Registries};
use crate::domain::{Problem, ProblemKind, SanitizedText};
use crate::services::github::GitHub;
use crate::services::http;

/// Holds a stored login, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryLogin {
    /// The registry's host, `docker.io` for Docker Hub.
    pub registry: SanitizedText,
    /// The user, if known.
    pub user: Option<SanitizedText>,
    /// Where it is stored: a file, a helper, a variable.
    pub source: SanitizedText,
}

/// A login, and the scopes of its token or why it could not be verified.
pub type Proven = (RegistryLogin, Result<Vec<SanitizedText>, Problem>);

/// Manages the logins of all registries.
#[derive(Clone)]
pub struct RegistryLogins {
    registries: Registries,
    github: GitHub,
}

impl RegistryLogins {
    /// Returns the logins that `registries` uses; `github` reads the scopes of tokens for its own
    /// registry.
    pub const fn new(registries: Registries, github: GitHub) -> Self {
        Self { registries, github }
    }

    /// Verifies a login at the registry called `host` without storing it. Returns the scopes of
    /// its token, if they are reported (by GitHub for ghcr.io).
    pub async fn check(
        &self,
        host: &str,
        user: &str,
        secret: &SecretString,
    ) -> Result<Vec<SanitizedText>, Problem> {
        let shown = SanitizedText::capped(host, 200);
        let what = format!("logging in to {shown}");
        if user.is_empty() || user.contains(':') {
            return Err(
                Problem::new(ProblemKind::Usage, format!("{what}: invalid user name"))
                    .hint("use the account name; for a GitHub token, any name works"),
            );
        }
        let login = Login::password(user.to_owned(), secret.clone());
        self.accepted(host, Arc::new(login)).await
    }

    /// Verifies every login of [`RegistryLogins::list`], all at once: the scopes of its token if
    /// they are reported, or why it could not be verified ([`ProblemKind::Credentials`] if the registry
    /// or the helper refuses it). Also returns why Docker's own logins could not be listed.
    pub async fn prove(&self) -> (Vec<Proven>, Option<Problem>) {
        let (kept, unread) = match self.kept().await {
            Ok(kept) => (kept, None),
            Err(problem) => (Vec::new(), Some(problem)),
        };
        let variable = self.variable().into_iter().map(|login| (None, login));
        let kept = kept.into_iter().map(|(name, login)| (Some(name), login));
        let proven = futures_util::stream::iter(variable.chain(kept))
            .map(|(name, login)| async move {
                let proof = self.prove_one(name, login.registry.as_str()).await;
                (login, proof)
            })
            .buffered(8)
            .collect()
            .await;
        (proven, unread)
    }

    /// Verifies one login: the variable's, or the one that Docker stores under `name`.
    async fn prove_one(&self, name: Option<String>, host: &str) -> Result<Vec<SanitizedText>, Problem> {
        let address = self.address(host)?;
        let spoken_to = http::host_of(&address);
        let ours = match &name {
            None => spoken_to == host || http::is_loopback(&address),
            Some(name) => docker_config::names(&spoken_to).contains(name),
        };
        if !ours {
            return Err(Problem::new(
                ProblemKind::Refused,
                format!(
                    "this login does not belong to {spoken_to}, the mirror of {host}: it is not sent there"
                ),
            )
            .hint(format!("store one for it: windlass login --registry {host}")));
        }
        let login = match name {
            None => auth::of_variable(self.registries.shared.ghcr_token.as_ref()),
            Some(name) => auth::kept_under(self.docker(), name).await?,
        };
        if login.anonymous() {
            return Err(Problem::new(
                ProblemKind::Machine,
                format!("the login for {host} is listed, but not available"),
            )
            .hint("unlock the keyring of Docker's credential helper"));
        }
        self.accepted(host, Arc::new(login)).await
    }

    /// Sends `login` to the registry called `host`.
    async fn accepted(&self, host: &str, login: Arc<Login>) -> Result<Vec<SanitizedText>, Problem> {
        let shown = SanitizedText::capped(host, 200);
        let what = format!("logging in to {shown}");
        let address = self.address(host)?;
        let access = ScopedEndpoint {
            site: RepositoryEndpoint {
                name: host.to_owned(),
                address: address.clone(),
                path: String::new(),
                given: Some(Arc::clone(&login)),
            },
            scopes: Vec::new(),
        };
        let url = address
            .join("/v2/")
            .map_err(|error| Problem::new(ProblemKind::Usage, &what).because(&error))?;
        let client = self.registries.shared.http.client(&url)?;
        let open = self
            .registries
            .shared
            .http
            .read(|| client.get(url.clone()))
            .await
            .map_err(|failure| failure.problem(&what, &url))?;
        if open.ok() {
            return Err(Problem::new(
                ProblemKind::Refused,
                format!("{shown} does not request a login, so the login cannot be checked"),
            )
            .hint("check the registry name; it can be used without a login"));
        }
        let refused = |problem: Problem| {
            if problem.kind != ProblemKind::Credentials {
                return problem;
            }
            let mut refused = Problem::new(ProblemKind::Credentials, format!("{shown} rejects this login"));
            refused.causes = problem.causes;
            refused.hint(if host == "ghcr.io" {
                "use a classic token with read:packages (write:packages to push) instead of a password"
            } else {
                "check the user and the password or access token"
            })
        };
        let ask = RequestSpec::new(Method::GET, url);
        let answer = self
            .registries
            .ask(&access, &what, &ask)
            .await
            .map_err(|trouble| refused(trouble.problem))?;
        if !answer.ok() {
            let trouble = self.registries.refusal(&access, &what, &answer).await;
            return Err(refused(trouble.problem));
        }
        match login.secret() {
            Some(secret) if host == "ghcr.io" => {
                Ok(self.github.account_of(secret, "this login").await?.scopes)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Stores a login for the registry called `host` where `docker login` would, replacing an
    /// older one: with Docker's credential helper if one is configured, else in its `config.json`,
    /// which then only its owner can read.
    pub async fn keep(&self, host: &str, user: &str, secret: &SecretString) -> Result<(), Problem> {
        let name = self.names(host)?.swap_remove(0);
        let (docker, user, secret) = (self.docker(), user.to_owned(), secret.clone());
        blocking(move || docker.put(&name, &user, &secret)).await?;
        self.look_again().await;
        Ok(())
    }

    /// Removes the login for the registry called `host`; returns true if there was one.
    pub async fn forget(&self, host: &str) -> Result<bool, Problem> {
        let (docker, names) = (self.docker(), self.names(host)?);
        let found = blocking(move || docker.erase(&names)).await?;
        self.look_again().await;
        Ok(found)
    }

    /// Returns every login that Docker stores, and the token for ghcr.io from the environment.
    pub async fn list(&self) -> Result<Vec<RegistryLogin>, Problem> {
        let kept = self.kept().await?.into_iter().map(|(_, login)| login);
        Ok(self.variable().into_iter().chain(kept).collect())
    }

    /// Returns the token for ghcr.io from the environment.
    fn variable(&self) -> Option<RegistryLogin> {
        self.registries.shared.ghcr_token.as_ref().map(|_| RegistryLogin {
            registry: SanitizedText::new("ghcr.io"),
            user: None,
            source: SanitizedText::new("CR_PAT"),
        })
    }

    /// Returns Docker's own logins, with the names that they are stored under.
    async fn kept(&self) -> Result<Vec<(String, RegistryLogin)>, Problem> {
        let docker = self.docker();
        let kept = blocking(move || docker.all()).await?;
        let login = |(name, user, source): (String, Option<String>, String)| {
            let login = RegistryLogin {
                registry: SanitizedText::new(registry_of(&name)),
                user: user.map(SanitizedText::new),
                source: SanitizedText::new(source),
            };
            (name, login)
        };
        // Docker Desktop stores its own tokens below Docker Hub's name: they are not registry
        // logins.
        let opens = |name: &str| name == HUB || !name.starts_with(HUB);
        Ok(kept
            .into_iter()
            .filter(|(name, ..)| opens(name))
            .map(login)
            .collect())
    }

    #[cfg(test)]
    pub(super) const fn registries(&self) -> &Registries {
        &self.registries
    }

    fn docker(&self) -> Docker {
        self.registries.shared.docker.clone()
    }

    fn address(&self, host: &str) -> Result<url::Url, Problem> {
        let address = self.registries.shared.endpoints.registry(host)?;
        http::check(&address)?;
        Ok(address)
    }

    /// Returns the names for the host that is actually contacted, because a login belongs to it.
    fn names(&self, host: &str) -> Result<Vec<String>, Problem> {
        Ok(docker_config::names(&http::host_of(&self.address(host)?)))
    }

    /// Forgets logins that were read before.
    async fn look_again(&self) {
        self.registries.shared.tokens.forget_logins().await;
    }
}

/// Returns `ghcr.io` for `https://ghcr.io/v2/`.
fn registry_of(name: &str) -> &str {
    if name == HUB {
        return "docker.io";
    }
    let name = name
        .strip_prefix("https://")
        .or_else(|| name.strip_prefix("http://"))
        .unwrap_or(name);
    match name.split('/').next().unwrap_or(name) {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        host => host,
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Problem::new(ProblemKind::Internal, "cannot read the logins").because(&error))?
}
