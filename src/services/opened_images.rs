//! Opens images of this machine once and keeps them open, so that what was previewed is what is
//! sent.
//!
//! Also checks that an image opened again is still the same. [`super::local_image`] reads the images.
//! Must not write to a registry.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::local_image::{ImagePreparer, PrepareProgress, PreparedImage};
use super::registry::{Blob, Registries};
use crate::domain::image::Platform;
use crate::domain::{Digest, LocalSource, ManifestDigest, Problem, ProblemKind, Repository};

/// Holds opened images of this machine. Cheap to clone.
#[derive(Clone)]
pub struct LocalImages {
    preparer: ImagePreparer,
    opened: Arc<Mutex<HashMap<LocalSource, Arc<PreparedImage>>>>,
}

type Answer<'a> = BoxFuture<'a, Result<HashSet<Digest>, Problem>>;

/// Returns a query for the blobs that `destination` has. Without a destination nothing will be
/// sent.
fn asking<'a>(
    registries: &'a Registries,
    destination: Option<&'a Repository>,
) -> impl Fn(Vec<Blob>) -> Answer<'a> + Send + Sync + 'a {
    move |blobs| match destination {
        Some(destination) => registries.present(destination, blobs).boxed(),
        None => std::future::ready(Ok(blobs.iter().map(|blob| blob.digest).collect())).boxed(),
    }
}

impl LocalImages {
    /// Returns images read by `local_image`.
    pub fn new(preparer: ImagePreparer) -> Self {
        Self {
            preparer,
            opened: Arc::default(),
        }
    }

    /// Opens the image of `source`. `expected` is the digest that it had when it was previewed.
    /// `platforms` select an image if the source holds several. What `destination` already has is
    /// not packed again; without a destination nothing is packed that is only read.
    ///
    /// # Errors
    /// [`ProblemKind::Refused`] if the image has changed since the preview.
    #[allow(
        clippy::too_many_arguments,
        reason = "each is a fact of its own about this one image"
    )]
    pub async fn open(
        &self,
        source: &LocalSource,
        platforms: &[Platform],
        expected: Option<ManifestDigest>,
        registries: &Registries,
        destination: Option<&Repository>,
        progress: &(dyn Fn(PrepareProgress) + Send + Sync),
        cancel: &CancellationToken,
    ) -> Result<Arc<PreparedImage>, Problem> {
        if let (Some(expected), Some(known)) = (expected, self.known(source))
            && known.image.root() == expected
        {
            return Ok(known);
        }
        let there = asking(registries, destination);
        let preparer = self.preparer.open(source, platforms, &there, progress, cancel);
        let packed = Arc::new(preparer.await?);
        let root = packed.image.root();
        if let Some(expected) = expected.filter(|expected| *expected != root) {
            return Err(Problem::new(
                ProblemKind::Refused,
                format!("{source} has changed since the preview"),
            )
            .cause(format!("it was {expected} and is {root} now"))
            .hint("run the same command again to use the current image"));
        }
        if destination.is_some() {
            let source = packed.pinned_in(source);
            self.lock().insert(source, Arc::clone(&packed));
        }
        Ok(packed)
    }

    /// Drops an image that was sent.
    pub fn release(&self, source: &LocalSource) {
        drop(self.lock().remove(source));
    }

    fn known(&self, source: &LocalSource) -> Option<Arc<PreparedImage>> {
        self.lock().get(source).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<LocalSource, Arc<PreparedImage>>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
