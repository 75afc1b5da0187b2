//! Images of this machine, opened once and kept open: what was previewed is what is sent.
//!
//! Owns the memory of opened images and the check that one opened again is still the same. How an
//! image is read is the business of [`super::packing`]. Must not write to a registry.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::packing::{PackProgress, Packed, Packing};
use super::registry::{Blob, Registries};
use crate::domain::image::Platform;
use crate::domain::{Digest, Kind, LocalSource, ManifestDigest, Problem, Repository};

/// Opened images of this machine. Cheap to clone.
#[derive(Clone)]
pub struct LocalImages {
    packing: Packing,
    opened: Arc<Mutex<HashMap<LocalSource, Arc<Packed>>>>,
}

type Answer<'a> = BoxFuture<'a, Result<HashSet<Digest>, Problem>>;

/// Asks which blobs `destination` has. Without one nobody is going to send anything.
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
    /// Images read by `packing`.
    pub fn new(packing: Packing) -> Self {
        Self {
            packing,
            opened: Arc::default(),
        }
    }

    /// The image of `source`. `expected` is the digest that it had when it was previewed:
    /// [`Kind::Refused`] where it is another one by now. `platforms` choose where the source holds
    /// several images. What `destination` has already is not
    /// packed again; without one nothing is packed that is only looked at.
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
        progress: &(dyn Fn(PackProgress) + Send + Sync),
        cancel: &CancellationToken,
    ) -> Result<Arc<Packed>, Problem> {
        if let (Some(expected), Some(known)) = (expected, self.known(source))
            && known.image.root() == expected
        {
            return Ok(known);
        }
        let there = asking(registries, destination);
        let packing = self.packing.open(source, platforms, &there, progress, cancel);
        let packed = Arc::new(packing.await?);
        let root = packed.image.root();
        if let Some(expected) = expected.filter(|expected| *expected != root) {
            return Err(
                Problem::new(Kind::Refused, format!("{source} has changed since the preview"))
                    .cause(format!("it was {expected} and is {root} now"))
                    .hint("run the same command again to see what it is now"),
            );
        }
        if destination.is_some() {
            let source = packed.pinned_in(source);
            self.lock().insert(source, Arc::clone(&packed));
        }
        Ok(packed)
    }

    /// Lets go of an image that was sent.
    pub fn release(&self, source: &LocalSource) {
        drop(self.lock().remove(source));
    }

    fn known(&self, source: &LocalSource) -> Option<Arc<Packed>> {
        self.lock().get(source).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<LocalSource, Arc<Packed>>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
