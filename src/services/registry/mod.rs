//! Container registries: resolving references, tokens and the copy engine.
//!
//! Owns the distribution protocol as a client: challenges and tokens, manifests checked against
//! their digests, blobs mounted, skipped or streamed. Must not plan, journal or print, and must
//! never hand a credential to another host than the one it belongs to.

mod attached;
mod auth;
mod blob;
mod cache;
mod consistency;
mod copy;
mod cut;
mod detail;
mod docker;
mod download;
mod foreign;
mod hosts;
mod job;
mod local;
mod logins;
mod look;
mod manifest;
mod referrers;
mod resolve;
mod send;
mod sessions;
mod settle;
mod shelf;
mod tags;
#[cfg(test)]
mod test_attached;
#[cfg(test)]
mod test_copy;
#[cfg(test)]
mod test_local;
#[cfg(test)]
mod test_logins;
#[cfg(test)]
mod test_resolve;
#[cfg(test)]
mod test_resume;
#[cfg(test)]
mod test_server;
mod upload;
mod verify;
mod wire;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use url::Url;

pub use attached::COSIGN;
pub use cache::ManifestCache;
pub use consistency::LayerMismatch;
pub use detail::local_detail;
pub use docker::Docker;
pub use job::{Copied, CopyJob, CopyProgress, CopySource, Lacking, TagBefore};
pub use local::{LocalAttachment, LocalImage, Place};
pub use logins::{Proven, RegistryLogin, RegistryLogins};
pub use manifest::{Blob, Child, Content, Manifest};
pub use referrers::stand_in;

use super::endpoints::Endpoints;
use super::http::Http;
use crate::domain::image::{Platform, Reference, Repository, ResolvedImage};
use crate::domain::tags::TagList;
use crate::domain::{Digest, ImageDetail, ManifestDigest, Problem};
use auth::{Login, Tokens};

/// The name that the store's image names carry for Canonical's registry.
const CANONICAL: &str = "registry.jujucharms.com";

/// Every registry, behind one shared memory of tokens, manifests and quotas. Cheap to clone.
#[derive(Clone)]
pub struct Registries {
    shared: Arc<Shared>,
    given: Arc<Vec<Given>>,
}

struct Shared {
    http: Http,
    endpoints: Endpoints,
    cache: ManifestCache,
    ghcr_token: Option<SecretString>,
    docker: Docker,
    tokens: Tokens,
    hosts: hosts::Hosts,
    sessions: sessions::Sessions,
    quotas: Mutex<HashMap<String, Quota>>,
}

/// A credential and address that hold for one repository only.
#[derive(Clone)]
struct Given {
    repository: Repository,
    at: Option<Url>,
    login: Arc<Login>,
}

/// What a HEAD says about a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Digest of the manifest or index.
    pub digest: ManifestDigest,
    /// Its media type.
    pub media_type: String,
    /// Its length in bytes (of the manifest, not of the image).
    pub size: u64,
}

/// The last seen pull allowance of a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Pulls allowed in one window.
    pub limit: u64,
    /// Pulls left in this window.
    pub remaining: u64,
    /// Length of the window, in seconds.
    pub window: u64,
}

impl Registries {
    /// All registries through `http`. Logins are read from `docker`'s configuration when a registry
    /// first asks for one.
    pub fn new(
        http: Http,
        endpoints: &Endpoints,
        cache: ManifestCache,
        ghcr_token: Option<SecretString>,
        docker: Docker,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                http,
                endpoints: endpoints.clone(),
                sessions: sessions::Sessions::new(cache.uploads()),
                hosts: hosts::Hosts::default(),
                cache,
                ghcr_token,
                docker,
                tokens: Tokens::default(),
                quotas: Mutex::default(),
            }),
            given: Arc::default(),
        }
    }

    /// The same registries with a credential for one repository, spoken to at `at` where given
    /// (the store hands out a user and password per package and resource).
    pub fn with_credential(
        &self,
        repository: &Repository,
        at: Option<Url>,
        user: String,
        password: SecretString,
    ) -> Self {
        let mut given: Vec<Given> = self
            .given
            .iter()
            .filter(|given| given.repository != *repository)
            .cloned()
            .collect();
        given.push(Given {
            repository: repository.clone(),
            at,
            login: Arc::new(Login::password(user, password)),
        });
        Self {
            shared: Arc::clone(&self.shared),
            given: Arc::new(given),
        }
    }

    /// True where no login is known for `repository`.
    pub async fn is_anonymous(&self, repository: &Repository) -> Result<bool, Problem> {
        let site = self.site(repository)?;
        Ok(self.login(&site).await?.anonymous())
    }

    /// The digest behind a reference; `None` where it is not there. Never spends pull quota where
    /// the registry names the digest in its answer, as all of today do.
    pub async fn head(&self, reference: &Reference) -> Result<Option<Head>, Problem> {
        resolve::head(self, reference).await
    }

    /// As [`Registries::head`], as somebody who is going to write there.
    pub async fn head_to_write(&self, reference: &Reference) -> Result<Option<Head>, Problem> {
        look::head_to_write(self, reference).await
    }

    /// The tags of a repository; of very many not all.
    ///
    /// # Errors
    /// [`crate::domain::Kind::NotFound`] where there is no such repository.
    pub async fn tags(&self, repository: &Repository) -> Result<TagList, Problem> {
        tags::tags(self, repository).await
    }

    /// Everything about an image. A tag is pinned by HEAD first, and manifests are read by digest,
    /// once ever. [`crate::domain::Kind::NotFound`] names a reference that is not there.
    pub async fn resolve(&self, reference: &Reference) -> Result<ResolvedImage, Problem> {
        resolve::resolve(self, reference).await
    }

    /// One manifest by digest, verified, from the cache where it is there.
    pub async fn manifest(
        &self,
        repository: &Repository,
        digest: ManifestDigest,
    ) -> Result<Manifest, Problem> {
        resolve::manifest(self, repository, digest).await
    }

    /// The pull allowance that `registry` (a name such as `docker.io`) last spoke of.
    pub fn quota(&self, registry: &str) -> Option<Quota> {
        self.shared.quotas.lock().ok()?.get(registry).copied()
    }

    /// An image looked at closely: what [`Registries::resolve`] says, and the configs and layers.
    pub async fn detail(&self, reference: &Reference) -> Result<ImageDetail, Problem> {
        detail::of_registry(self, reference).await
    }

    /// The digest that arrives where only `platforms` of the image go: one manifest alone, or a
    /// smaller index that is the same every time. `None` where the whole image goes.
    pub async fn cut(
        &self,
        source: &CopySource,
        index: ManifestDigest,
        platforms: &[Platform],
    ) -> Result<Option<ManifestDigest>, Problem> {
        cut::cut(self, source, index, platforms).await
    }

    /// How many bytes of the image at `source` the repository `destination` has not got yet.
    pub async fn missing(&self, source: &Reference, destination: &Repository) -> Result<u64, Problem> {
        look::missing(self, source, destination).await
    }

    /// Which blobs of an image `destination` has, and which would be sent. `digest` may be what
    /// [`Registries::cut`] made. Where the image is known to be `absent` there, it is not asked for
    /// again.
    pub async fn lacking(
        &self,
        source: &CopySource,
        digest: ManifestDigest,
        destination: &Repository,
        absent: bool,
    ) -> Result<Lacking, Problem> {
        look::lacking(self, source, digest, destination, absent).await
    }

    /// How many signatures and other attachments of the manifests `subjects` at `source` the
    /// repository `destination` does not hold.
    pub async fn attachments_missing(
        &self,
        source: &CopySource,
        subjects: Vec<ManifestDigest>,
        destination: &Repository,
    ) -> Result<usize, Problem> {
        attached::missing(self, source, subjects, destination).await
    }

    /// Which of `blobs` the repository `destination` has.
    pub async fn present(
        &self,
        destination: &Repository,
        blobs: Vec<Blob>,
    ) -> Result<HashSet<Digest>, Problem> {
        look::present(self, destination, blobs).await
    }

    /// Makes the image of `job` stand at its destination: children before the index, blobs before
    /// manifests, every byte verified on its way. What is there is left alone, so doing it twice
    /// is harmless.
    pub async fn copy(
        &self,
        job: &CopyJob,
        progress: &(dyn Fn(CopyProgress) + Send + Sync),
        cancel: &CancellationToken,
    ) -> Result<Copied, Problem> {
        copy::copy(self, job, progress, cancel).await
    }
}
