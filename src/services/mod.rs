//! Talks to the remotes, one module for each: Charmhub, GitHub, registries, the keyring; all share
//! HTTP.
//!
//! Defines the wire shapes, finds the credentials in use and maps every answer to a fact or a
//! [`crate::domain::Problem`]. Must not plan, journal or print.

pub mod charmhub;
mod commit_author;
pub mod credential_file;
pub mod endpoints;
pub mod engine;
pub mod github;
pub mod http;
pub mod keyring;
pub mod local_image;
pub mod opened_images;
pub mod private_file;
pub mod registry;
pub mod sealed_box;
#[cfg(test)]
mod test_secrets;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

use crate::config::Operator;
use crate::domain::{Author, Problem, ProblemKind, Reference, Remedy, Repository, SanitizedText};
use charmhub::{NEW_TOKEN, PublicStore, Publisher, PushTarget, SignOn, StoreToken};
use commit_author::Surroundings;
use credential_file::CredentialFile;
use endpoints::Endpoints;
use engine::Engines;
use github::GitHub;
use http::{Http, Timeouts};
use local_image::ImagePreparer;
use opened_images::LocalImages;
use registry::{Docker, ManifestCache, Registries, RegistryLogins};

/// Returns a hash that identifies `parts` without revealing a secret among them.
pub fn scope_of(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let hash: [u8; 32] = hash.finalize().into();
    hex::encode(&hash[..16])
}

/// Holds every service, with the credentials found.
#[derive(Clone)]
pub struct Services {
    /// The address of every service.
    pub endpoints: Arc<Endpoints>,
    /// The HTTP clients.
    pub http: Http,
    /// The public side of the store.
    pub public: PublicStore,
    /// GitHub.
    pub github: GitHub,
    /// All registries.
    pub registries: Registries,
    /// The engines of this machine.
    pub engines: Engines,
    /// Images of this machine.
    pub local: LocalImages,
    surroundings: Surroundings,
    operator: Operator,
    variable: Option<String>,
    keyring: bool,
    fallback: Option<Fallback>,
    /// The credential that was found; a new cell searches again.
    token: Arc<Mutex<Found>>,
}

type Found = Arc<OnceCell<Result<StoreToken, Problem>>>;

/// Asks for the passphrase of the encrypted file; it may block. `None` if it is not available.
pub type AskPassphrase = Arc<dyn Fn() -> Option<SecretString> + Send + Sync>;

#[derive(Clone)]
struct Fallback {
    folder: PathBuf,
    passphrase: AskPassphrase,
}

/// Parses the factor of `WINDLASS_TIMEOUT`.
fn timeout_factor(text: &str) -> Result<f64, Problem> {
    let factor: Option<f64> = text.trim().parse().ok();
    factor
        .filter(|factor| factor.is_finite() && *factor > 0.0)
        .ok_or_else(|| {
            Problem::new(
                ProblemKind::Config,
                format!(
                    "WINDLASS_TIMEOUT is '{}', which is not a number above 0",
                    SanitizedText::capped(text, 60)
                ),
            )
            .hint("set WINDLASS_TIMEOUT=3 to wait three times as long, or unset it")
        })
}

impl Services {
    /// Returns the services that `variable` (an environment) describes. Immutable content is
    /// cached under `cache`. The keyring is read only if `keyring` allows it, and only once the
    /// store's credential is needed.
    pub fn new(
        variable: &dyn Fn(&str) -> Option<String>,
        cache: Option<PathBuf>,
        keyring: bool,
    ) -> Result<Self, Problem> {
        let endpoints = Endpoints::from_env(variable)?;
        let set = |name: &str| variable(name).filter(|text| !text.is_empty());
        let factor = set("WINDLASS_TIMEOUT").map_or(Ok(1.0), |text| timeout_factor(&text))?;
        let http = Http::new(Timeouts::scaled(factor));
        let github_token = ["GH_TOKEN", "GITHUB_TOKEN"]
            .into_iter()
            .find_map(|name| set(name).map(|value| (SecretString::from(value), name)));
        let token_from = github_token.as_ref().map(|(_, name)| *name);
        let ghcr_token = set("CR_PAT").map(SecretString::from);
        let engines = Engines::from_env(variable, &http);
        let preparer = cache.as_ref().map(|cache| cache.join("packing"));
        Ok(Self {
            public: PublicStore::new(http.clone(), endpoints.charmhub.clone()),
            github: GitHub::new(http.clone(), endpoints.github.clone(), github_token)
                .with_cache(cache.as_ref().map(|cache| cache.join("github")).as_deref()),
            registries: Registries::new(
                http.clone(),
                &endpoints,
                ManifestCache::new(cache),
                ghcr_token,
                Docker::from_env(variable),
            ),
            local: LocalImages::new(ImagePreparer::new(engines.clone(), preparer)),
            surroundings: Surroundings::from_env(variable, token_from),
            operator: Operator::default(),
            engines,
            variable: set("CHARMCRAFT_AUTH"),
            keyring,
            fallback: None,
            token: Arc::default(),
            http,
            endpoints: Arc::new(endpoints),
        })
    }

    /// Adds the encrypted file in `folder` as the last source of the store's credential.
    /// `passphrase` is called only if that file exists and no other credential was found.
    pub fn with_passphrase(mut self, folder: PathBuf, passphrase: AskPassphrase) -> Self {
        self.fallback = Some(Fallback { folder, passphrase });
        self
    }

    /// Sets the operator from the user's configuration file, who takes precedence as the author of
    /// commits.
    pub fn with_operator(mut self, operator: Operator) -> Self {
        self.operator = operator;
        self
    }

    /// Returns the author of what is committed now.
    pub async fn author(&self) -> Result<Author, Problem> {
        commit_author::author(&self.github, &self.surroundings, &self.operator).await
    }

    /// Returns true if `CHARMCRAFT_AUTH` is set: then stored credentials are ignored.
    pub const fn has_variable_token(&self) -> bool {
        self.variable.is_some()
    }

    /// Identifies the store credential in use without searching for it: a hash of the variable's,
    /// and one name for everything that is stored.
    pub fn store_scope(&self) -> String {
        let variable = self.variable.as_deref();
        variable.map_or_else(|| "kept".to_owned(), |value| scope_of(&["store", value]))
    }

    /// Returns true if the keyring is used.
    pub const fn uses_keyring(&self) -> bool {
        self.keyring
    }

    /// Forgets the credential that was found, so that it is searched again: after a login or a
    /// logout.
    pub fn forget_token(&self) {
        if let Ok(mut token) = self.token.lock() {
            *token = Found::default();
        }
    }

    /// Uses `token` from now on in this process, whatever is set or stored: after a sign-in.
    pub fn use_token(&self, token: StoreToken) {
        if let Ok(mut found) = self.token.lock() {
            *found = Arc::new(OnceCell::new_with(Some(Ok(token))));
        }
    }

    /// Returns the store's credential: `CHARMCRAFT_AUTH`, else charmcraft's keyring entry, else
    /// the encrypted file. Searched once.
    pub async fn store_token(&self) -> Result<StoreToken, Problem> {
        let found = self
            .token
            .lock()
            .map(|found| Arc::clone(&found))
            .unwrap_or_default();
        found.get_or_init(|| self.look_for_token()).await.clone()
    }

    async fn look_for_token(&self) -> Result<StoreToken, Problem> {
        if let Some(value) = &self.variable {
            return StoreToken::from_variable(value);
        }
        let api = &self.endpoints.charmhub;
        if self.keyring
            && let Some(token) = keyring::charmcraft_token(api).await
        {
            return Ok(token);
        }
        let standing = if self.keyring {
            keyring::standing().await
        } else {
            keyring::Keyring::Absent("it is not read here".into())
        };
        let why = match standing {
            keyring::Keyring::Usable => {
                "CHARMCRAFT_AUTH is not set, and the keyring contains no charmcraft credential".to_owned()
            }
            keyring::Keyring::Locked => {
                "CHARMCRAFT_AUTH is not set, and the keyring is locked: unlock it to use its credential"
                    .to_owned()
            }
            keyring::Keyring::Absent(why) => {
                format!("CHARMCRAFT_AUTH is not set, and no keyring is available ({why})")
            }
        };
        let none = Problem::new(ProblemKind::Credentials, "no Charmhub credential found")
            .with_missing_credential()
            .cause(why);
        let Some(Fallback { folder, passphrase }) = self.fallback.clone() else {
            return Err(none.remedy(&[Remedy::SignIn], NEW_TOKEN));
        };
        let file = CredentialFile::in_folder(&folder);
        if !file.exists() {
            return Err(none.remedy(&[Remedy::SignIn], NEW_TOKEN));
        }
        let api = api.clone();
        let unopened = none.clone();
        // Asking waits for the user, and opening is slow on purpose.
        let opened = tokio::task::spawn_blocking(move || match passphrase() {
            Some(passphrase) => file.open(&passphrase, &api),
            None => Err(unopened
                .cause("no passphrase was given for the encrypted file")
                .hint("give it with --passphrase-file FILE")),
        })
        .await
        .map_err(|error| {
            Problem::new(ProblemKind::Internal, "the encrypted file was not opened").because(&error)
        })?;
        opened?.ok_or_else(|| {
            none.cause("the encrypted file contains no credential for this store")
                .remedy(&[Remedy::SignIn], NEW_TOKEN)
        })
    }

    /// Returns the client that signs in for a new store token.
    pub fn sign_on(&self) -> SignOn {
        SignOn::new(
            self.http.clone(),
            self.endpoints.charmhub.clone(),
            self.endpoints.sso.clone(),
        )
    }

    /// Returns the registry logins, as Docker stores them.
    pub fn registry_logins(&self) -> RegistryLogins {
        RegistryLogins::new(self.registries.clone(), self.github.clone())
    }

    /// Returns the registry that the store named for the images of a resource, with the login it
    /// gave.
    pub fn resource_registry(&self, target: PushTarget) -> Result<(Repository, Registries), Problem> {
        let repository = Reference::parse(&target.image_name)?.repository;
        let at = self
            .endpoints
            .canonical_overridden
            .then(|| self.endpoints.canonical.clone());
        let registries = self
            .registries
            .with_credential(&repository, at, target.user, target.password);
        Ok((repository, registries))
    }

    /// Returns the publisher's side of the store.
    pub async fn publisher(&self) -> Result<Publisher, Problem> {
        let token = self.store_token().await?;
        Ok(Publisher::new(
            self.http.clone(),
            self.endpoints.charmhub.clone(),
            token,
        ))
    }
}
