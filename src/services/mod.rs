//! One room a remote: Charmhub, GitHub, registries, the keyring; HTTP shared by all of them.
//!
//! Owns wire shapes, credentials in use and the mapping of every answer to a fact or a
//! [`crate::domain::Problem`]. Must not plan, journal or print.

pub mod charmhub;
pub mod endpoints;
pub mod github;
pub mod http;
pub mod keyring;
pub mod registry;
pub mod seal;

use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;
use tokio::sync::OnceCell;

use crate::domain::{Kind, Problem};
use charmhub::{NEW_TOKEN, PublicStore, Publisher, SignOn, StoreToken};
use endpoints::Endpoints;
use github::GitHub;
use http::{Http, Timeouts};
use registry::{ManifestCache, Registries};

/// Everything that can be asked, with the credentials found.
#[derive(Clone)]
pub struct Services {
    /// Where everything stands.
    pub endpoints: Arc<Endpoints>,
    /// The HTTP stack.
    pub http: Http,
    /// The store as everybody sees it.
    pub public: PublicStore,
    /// GitHub.
    pub github: GitHub,
    /// Every registry.
    pub registries: Registries,
    variable: Option<String>,
    keyring: bool,
    token: Arc<OnceCell<Result<StoreToken, Problem>>>,
}

impl Services {
    /// Services of the world that `variable` (an environment) describes. Immutable content is
    /// cached under `cache`. The keyring is looked at only where `keyring` allows it, and only
    /// once somebody needs the store's credential.
    pub fn new(
        variable: &dyn Fn(&str) -> Option<String>,
        cache: Option<PathBuf>,
        keyring: bool,
    ) -> Result<Self, Problem> {
        let endpoints = Endpoints::from_env(variable)?;
        let set = |name: &str| variable(name).filter(|text| !text.is_empty());
        let factor = set("WINDLASS_TIMEOUT")
            .and_then(|text| text.parse().ok())
            .unwrap_or(1.0);
        let http = Http::new(Timeouts::scaled(factor))?;
        let github_token = ["GH_TOKEN", "GITHUB_TOKEN"]
            .into_iter()
            .find_map(|name| set(name).map(|value| (SecretString::from(value), name)));
        let ghcr_token = set("CR_PAT").map(SecretString::from);
        Ok(Self {
            public: PublicStore::new(http.clone(), endpoints.charmhub.clone()),
            github: GitHub::new(http.clone(), endpoints.github.clone(), github_token)?,
            registries: Registries::new(http.clone(), &endpoints, ManifestCache::new(cache), ghcr_token),
            variable: set("CHARMCRAFT_AUTH"),
            keyring,
            token: Arc::default(),
            http,
            endpoints: Arc::new(endpoints),
        })
    }

    /// The store's credential: `CHARMCRAFT_AUTH`, else charmcraft's keyring entry.
    pub async fn store_token(&self) -> Result<StoreToken, Problem> {
        self.token
            .get_or_init(|| async {
                if let Some(value) = &self.variable {
                    return StoreToken::from_variable(value);
                }
                let kept = if self.keyring {
                    keyring::charmcraft_token(&self.endpoints.charmhub).await
                } else {
                    None
                };
                kept.ok_or_else(|| {
                    Problem::new(Kind::Credentials, "there is no Charmhub credential")
                        .cause("CHARMCRAFT_AUTH is not set, and charmcraft keeps none in the keyring")
                        .hint(NEW_TOKEN)
                })
            })
            .await
            .clone()
    }

    /// The way to a new store token.
    pub fn sign_on(&self) -> SignOn {
        SignOn::new(
            self.http.clone(),
            self.endpoints.charmhub.clone(),
            self.endpoints.sso.clone(),
        )
    }

    /// The store as its publisher.
    pub async fn publisher(&self) -> Result<Publisher, Problem> {
        let token = self.store_token().await?;
        Ok(Publisher::new(
            self.http.clone(),
            self.endpoints.charmhub.clone(),
            token,
        ))
    }
}
