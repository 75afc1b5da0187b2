//! Talks to container registries: resolves references, obtains tokens and copies images.
//!
//! Implements the client side of the distribution protocol: challenges and tokens, manifests
//! checked against their digests, blobs mounted, skipped or streamed. Must never send a credential
//! to another host than the one it belongs to.

mod attached;
mod auth;
mod blob;
mod blob_transfer;
mod blob_upload;
mod cache;
mod consistency;
mod copy;
mod copy_types;
mod detail;
mod docker_config;
mod download;
mod foreign;
mod host_limits;
mod local_image;
mod logins;
mod manifest;
mod manifest_push;
mod manifest_source;
mod platform_filter;
mod presence;
mod referrers;
mod request;
mod resolve;
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
mod upload_sessions;
mod verified_stream;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use url::Url;

pub use attached::COSIGN;
pub use cache::ManifestCache;
pub use consistency::LayerMismatch;
pub use copy_types::{BlobDiff, Copied, CopyJob, CopyProgress, CopySource, TagBefore};
pub use detail::local_detail;
pub use docker_config::Docker;
pub use local_image::{BlobLocation, LocalAttachment, LocalImage};
pub use logins::{Proven, RegistryLogin, RegistryLogins};
pub use manifest::{Blob, Child, Content, Manifest};
pub use referrers::stand_in;

use super::endpoints::Endpoints;
use super::http::Http;
use crate::domain::image::{Platform, Reference, Repository, ResolvedImage};
use crate::domain::tags::TagList;
use crate::domain::{Digest, ImageDetail, ManifestDigest, Problem};
use auth::{Login, Tokens};

/// The name of Canonical's registry in the store's image names.
const CANONICAL: &str = "registry.jujucharms.com";

/// Holds every registry, with one shared memory of tokens, manifests and quotas. Cheap to clone.
#[derive(Clone)]
pub struct Registries {
    shared: Arc<Shared>,
    given: Arc<Vec<IssuedLogins>>,
}

struct Shared {
    http: Http,
    endpoints: Endpoints,
    cache: ManifestCache,
    ghcr_token: Option<SecretString>,
    docker: Docker,
    tokens: Tokens,
    hosts: host_limits::HostLimits,
    sessions: upload_sessions::Sessions,
    quotas: Mutex<HashMap<String, Quota>>,
}

/// Holds a credential and address that apply to one repository only.
#[derive(Clone)]
struct IssuedLogins {
    repository: Repository,
    at: Option<Url>,
    login: Arc<Login>,
}

/// Holds what a HEAD returns about a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Digest of the manifest or index.
    pub digest: ManifestDigest,
    /// Its media type.
    pub media_type: String,
    /// Its length in bytes (of the manifest, not of the image).
    pub size: u64,
}

/// Holds the last seen pull allowance of a registry.
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
    /// Returns all registries through `http`. Logins are read from `docker_config`'s configuration when a
    /// registry first asks for one.
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
                sessions: upload_sessions::Sessions::new(cache.uploads()),
                hosts: host_limits::HostLimits::default(),
                cache,
                ghcr_token,
                docker,
                tokens: Tokens::default(),
                quotas: Mutex::default(),
            }),
            given: Arc::default(),
        }
    }

    /// Returns the same registries with a credential for one repository, reached at `at` if given
    /// (the store issues a user and password per package and resource).
    pub fn with_credential(
        &self,
        repository: &Repository,
        at: Option<Url>,
        user: String,
        password: SecretString,
    ) -> Self {
        let mut given: Vec<IssuedLogins> = self
            .given
            .iter()
            .filter(|given| given.repository != *repository)
            .cloned()
            .collect();
        given.push(IssuedLogins {
            repository: repository.clone(),
            at,
            login: Arc::new(Login::password(user, password)),
        });
        Self {
            shared: Arc::clone(&self.shared),
            given: Arc::new(given),
        }
    }

    /// Returns true if no login is known for `repository`.
    pub async fn is_anonymous(&self, repository: &Repository) -> Result<bool, Problem> {
        let site = self.endpoint(repository)?;
        Ok(self.login(&site).await?.anonymous())
    }

    /// Returns the digest of a reference; `None` if it does not exist. Spends no pull quota if the
    /// registry names the digest in its answer, as all known ones do.
    pub async fn head(&self, reference: &Reference) -> Result<Option<Head>, Problem> {
        resolve::head(self, reference).await
    }

    /// Works as [`Registries::head`] does, with the right to write requested.
    pub async fn head_to_write(&self, reference: &Reference) -> Result<Option<Head>, Problem> {
        presence::head_to_write(self, reference).await
    }

    /// Returns the tags of a repository; the list of a very large one is incomplete.
    ///
    /// # Errors
    /// [`crate::domain::ProblemKind::NotFound`] if there is no such repository.
    pub async fn tags(&self, repository: &Repository) -> Result<TagList, Problem> {
        tags::tags(self, repository).await
    }

    /// Reads everything about an image. A tag is pinned by HEAD first, and manifests are read by
    /// digest, only once.
    ///
    /// # Errors
    /// [`crate::domain::ProblemKind::NotFound`] if the reference does not exist.
    pub async fn resolve(&self, reference: &Reference) -> Result<ResolvedImage, Problem> {
        resolve::resolve(self, reference).await
    }

    /// Returns one manifest by digest, verified, from the cache if it is there.
    pub async fn manifest(
        &self,
        repository: &Repository,
        digest: ManifestDigest,
    ) -> Result<Manifest, Problem> {
        resolve::manifest(self, repository, digest).await
    }

    /// Returns the pull allowance that `registry` (a name such as `docker.io`) last reported.
    pub fn quota(&self, registry: &str) -> Option<Quota> {
        self.shared.quotas.lock().ok()?.get(registry).copied()
    }

    /// Reads an image in detail: what [`Registries::resolve`] returns, with the configs and
    /// layers.
    pub async fn detail(&self, reference: &Reference) -> Result<ImageDetail, Problem> {
        detail::of_registry(self, reference).await
    }

    /// Returns the digest of the image reduced to `platforms`: a single manifest, or a smaller
    /// index that is the same every time. `None` if the whole image is copied.
    pub async fn cut(
        &self,
        source: &CopySource,
        index: ManifestDigest,
        platforms: &[Platform],
    ) -> Result<Option<ManifestDigest>, Problem> {
        platform_filter::cut(self, source, index, platforms).await
    }

    /// Returns how many bytes of the image at `source` the repository `destination` lacks.
    pub async fn missing(&self, source: &Reference, destination: &Repository) -> Result<u64, Problem> {
        presence::missing(self, source, destination).await
    }

    /// Returns which blobs of an image `destination` has, and which would be sent. `digest` may be
    /// a result of [`Registries::cut`]. If the image is known to be `absent` there, it is not
    /// requested again.
    pub async fn lacking(
        &self,
        source: &CopySource,
        digest: ManifestDigest,
        destination: &Repository,
        absent: bool,
    ) -> Result<BlobDiff, Problem> {
        presence::lacking(self, source, digest, destination, absent).await
    }

    /// Returns how many signatures and other attachments of the manifests `subjects` at `source`
    /// the repository `destination` lacks.
    pub async fn attachments_missing(
        &self,
        source: &CopySource,
        subjects: Vec<ManifestDigest>,
        destination: &Repository,
    ) -> Result<usize, Problem> {
        attached::missing(self, source, subjects, destination).await
    }

    /// Returns which of `blobs` the repository `destination` has.
    pub async fn present(
        &self,
        destination: &Repository,
        blobs: Vec<Blob>,
    ) -> Result<HashSet<Digest>, Problem> {
        presence::present(self, destination, blobs).await
    }

    /// Copies the image of `job` to its destination: children before the index, blobs before
    /// manifests, every byte verified on its way. What exists is left alone, so a second copy does
    /// no harm.
    pub async fn copy(
        &self,
        job: &CopyJob,
        progress: &(dyn Fn(CopyProgress) + Send + Sync),
        cancel: &CancellationToken,
    ) -> Result<Copied, Problem> {
        copy::copy(self, job, progress, cancel).await
    }
}
