//! Prepares images of this machine for a copy: exports and archives are read once, and layers are
//! compressed so that the same layer always gives the same bytes.
//!
//! Reads engines' exports, `docker save` archives, OCI layouts and their archives, and keeps the
//! folder of compressed layers until they are pushed. Content of an archive is never written to a
//! path that the archive names.

mod archive;
mod attachments;
mod choice;
mod compress;
mod docker_archive;
mod export;
mod gzip;
mod image_source;
mod layer_cache;
mod oci_layout;
mod tar_index;
#[cfg(test)]
mod test_archives;
#[cfg(test)]
mod test_choice;
#[cfg(test)]
mod test_engines;
#[cfg(test)]
mod test_images;
mod unpack;
mod worker;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio_util::io::{StreamReader, SyncIoBridge};
use tokio_util::sync::CancellationToken;

use super::engine::{Engines, Inspected};
use super::registry::{Blob, LocalImage};
use crate::domain::image::Platform;
use crate::domain::{ConfigDigest, Digest, ImageId, LocalSource, Problem, ProblemKind};
use archive::Archive;
use choice::ImageSelector;
use compress::LayerCompressor;
use docker_archive::Assembled;
use export::Export;
use image_source::{Folder, ImageFiles};
use layer_cache::{LayerCache, ScratchFile};
use oci_layout::LayoutResult;
use worker::{Message, WorkerHandle, cancelled};

/// Returns which of these blobs the destination has.
pub type BlobLookup<'a> =
    dyn Fn(Vec<Blob>) -> BoxFuture<'a, Result<HashSet<Digest>, Problem>> + Send + Sync + 'a;

/// Prepares images of this machine. Cheap to clone.
#[derive(Clone)]
pub struct ImagePreparer {
    engines: Engines,
    folder: Option<PathBuf>,
}

/// How far the preparation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrepareProgress {
    /// Reading the export or archive.
    Exporting {
        /// Bytes read so far.
        bytes: u64,
        /// Bytes in all; unknown for an export.
        total: Option<u64>,
    },
    /// A layer is ready.
    Layer {
        /// Its diff id.
        diff: Digest,
        /// Its compressed length.
        size: u64,
        /// True if it was not compressed again.
        known: bool,
    },
}

/// Holds an image that is ready.
#[derive(Debug)]
pub struct PreparedImage {
    /// What is copied.
    pub image: Arc<LocalImage>,
    /// The engine's id of the image.
    pub id: Option<ImageId>,
    /// Its config, if it is one image and not an index.
    pub config: Option<ConfigDigest>,
    /// Platforms that its index names and that the engine does not hold.
    pub left_out: Vec<Platform>,
    /// The digest that identifies it at its source, if a platform selected it from several images.
    pub pinned: Option<Digest>,
    /// Layers that were compressed for it.
    pub compressed: usize,
    /// Layers whose compressed form was already stored.
    pub known: usize,
    /// Files that live as long as this value: the image must not outlive it.
    _kept: (Arc<LayerCache>, Option<ScratchFile>),
}

impl PreparedImage {
    /// Returns `source`, with the digest of this image if a platform selected it.
    pub fn pinned_in(&self, source: &LocalSource) -> LocalSource {
        match self.pinned {
            Some(digest) => source.clone().named(digest.to_string()),
            None => source.clone(),
        }
    }
}

/// The result of the reading thread; an export may have to be read again.
enum Read {
    Done(Box<Assembled>, usize),
    Again,
}

fn digest_of(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

impl ImagePreparer {
    /// Stores compressed layers and their records in `folder`; without a folder everything is
    /// removed together with the result of [`ImagePreparer::open`].
    pub fn new(engines: Engines, folder: Option<PathBuf>) -> Self {
        Self { engines, folder }
    }

    /// Prepares the image at `source`. `present_at_destination` returns which blobs the destination has: a layer
    /// whose compressed digest is recorded and exists there is not compressed again. `platforms`
    /// select an image if the source holds several.
    pub async fn open(
        &self,
        source: &LocalSource,
        platforms: &[Platform],
        there: &BlobLookup<'_>,
        progress: &(dyn Fn(PrepareProgress) + Send + Sync),
        cancel: &CancellationToken,
    ) -> Result<PreparedImage, Problem> {
        let stop = cancel.child_token();
        // Dropping this future stops the thread.
        let _stopping = stop.clone().drop_guard();
        let work = self.read(source, platforms, there, progress, &stop);
        let done = tokio::select! {
            done = work => done,
            () = cancel.cancelled() => Err(cancelled(&source.to_string())),
        };
        done.map_err(|problem| {
            if cancel.is_cancelled() {
                cancelled(&source.to_string())
            } else {
                problem
            }
        })
    }

    async fn read(
        &self,
        source: &LocalSource,
        platforms: &[Platform],
        there: &BlobLookup<'_>,
        progress: &(dyn Fn(PrepareProgress) + Send + Sync),
        stop: &CancellationToken,
    ) -> Result<PreparedImage, Problem> {
        let what = source.to_string();
        let worker = ReadingTask {
            there,
            progress,
            stop,
        };
        let folder = self.folder.clone();
        let cache = worker
            .serve(move |_| LayerCache::open(folder.as_deref()).map(Arc::new))
            .await?;
        match source {
            LocalSource::DockerDaemon { .. } | LocalSource::ContainersStorage { .. } => {
                self.read_export(source, &worker, cache).await
            }
            LocalSource::Oci { path, name } => {
                let (path, name, platforms) = (PathBuf::from(path), name.clone(), platforms.to_vec());
                let work = move |_| {
                    let (name, platforms) = (name.as_deref(), &platforms[..]);
                    oci_layout::assemble(
                        &mut Folder::open(&what, &path)?,
                        ImageSelector { name, platforms },
                    )
                };
                let assembled = worker.serve(work).await?;
                Ok(packed(assembled, 0, None, cache, None))
            }
            LocalSource::OciArchive { path, name } => {
                let assemble =
                    |files: &mut Archive, wanted: ImageSelector<'_>| oci_layout::assemble(files, wanted);
                let wanted = (name.clone(), platforms.to_vec());
                read_archive(&worker, cache, what, path, wanted, assemble).await
            }
            LocalSource::DockerArchive { path, name } => {
                let assemble = |files: &mut Archive, wanted: ImageSelector<'_>| put_together(files, wanted);
                let wanted = (name.clone(), platforms.to_vec());
                read_archive(&worker, cache, what, path, wanted, assemble).await
            }
        }
    }

    async fn read_export(
        &self,
        source: &LocalSource,
        worker: &ReadingTask<'_, '_>,
        cache: Arc<LayerCache>,
    ) -> Result<PreparedImage, Problem> {
        let Inspected { id, layers } = self.engines.inspect(source).await?;
        let (what, kept) = (source.to_string(), Arc::clone(&cache));
        if let Some(assembled) = worker
            .serve(move |worker| remembered(&what, id, kept, worker))
            .await?
        {
            return Ok(packed(assembled, 0, Some(id), cache, None));
        }
        for predicted in [layers, Vec::new()] {
            let export = self.engines.export(source, id).await?;
            let export = export.take_until(worker.stop.clone().cancelled_owned());
            let input = SyncIoBridge::new(StreamReader::new(Box::pin(export)));
            let (what, kept) = (source.to_string(), Arc::clone(&cache));
            let read = worker
                .serve(move |worker| {
                    let mut compressor = LayerCompressor::new(kept, worker);
                    compressor.cached(&predicted)?;
                    let mut export = Export::read(&what, input, compressor, &predicted)?;
                    match put_together(&mut export, ImageSelector::default()) {
                        Ok(assembled) => {
                            let compressed = export.compressor.compressed;
                            remember(&what, id, &assembled, &mut export.compressor);
                            Ok(Read::Done(Box::new(assembled), compressed))
                        }
                        Err(_) if export.again => Ok(Read::Again),
                        Err(problem) => Err(problem),
                    }
                })
                .await?;
            if let Read::Done(assembled, compressed) = read {
                return Ok(packed(*assembled, compressed, Some(id), cache, None));
            }
        }
        Err(Problem::new(
            ProblemKind::Service,
            format!("each export of {source} is different"),
        )
        .hint("make sure that the image does not change, then run the same command again"))
    }
}

/// Returns the image that its engine names by its config, if that config is recorded and every
/// layer is known: then no export is needed.
fn remembered(
    what: &str,
    id: ImageId,
    cache: Arc<LayerCache>,
    worker: WorkerHandle,
) -> Result<Option<Assembled>, Problem> {
    let Some(config) = cache.config(id.0) else {
        return Ok(None);
    };
    docker_archive::recalled(what, config, &mut LayerCompressor::new(cache, worker))
}

/// Records the config of an image that was exported, if the shortcut leads to the very same
/// manifest: not if its engine names it by another digest, nor if its layers were already
/// compressed.
fn remember(what: &str, id: ImageId, assembled: &Assembled, compressor: &mut LayerCompressor) {
    let Some(config) = assembled.text.clone().filter(|text| digest_of(text) == id.0) else {
        return;
    };
    let again = docker_archive::recalled(what, config.clone(), compressor);
    if again.is_ok_and(|again| again.is_some_and(|again| again.image.root() == assembled.image.root())) {
        compressor.cache.remember_config(id.0, &config);
    }
}

/// Reads the content of a `docker save` archive or of an export.
fn put_together(files: &mut dyn ImageFiles, wanted: ImageSelector<'_>) -> Result<Assembled, Problem> {
    // A position counts in manifest.json; index.json may list the same image once per tag.
    let place = wanted.name.and_then(choice::position_in);
    if place.is_some() && docker_archive::saved(files)?.is_some() {
        return docker_archive::assemble(files, wanted);
    }
    match oci_layout::take(files, wanted)? {
        LayoutResult::Taken(assembled) => Ok(*assembled),
        LayoutResult::Unfit | LayoutResult::Nothing => docker_archive::assemble(files, wanted),
    }
}

async fn read_archive(
    worker: &ReadingTask<'_, '_>,
    cache: Arc<LayerCache>,
    what: String,
    path: &str,
    (name, platforms): (Option<String>, Vec<Platform>),
    assemble: fn(&mut Archive, ImageSelector<'_>) -> Result<Assembled, Problem>,
) -> Result<PreparedImage, Problem> {
    let (path, kept) = (PathBuf::from(path), Arc::clone(&cache));
    let (assembled, compressed, scratch) = worker
        .serve(move |worker| {
            let scratch = unpack::unpacked(&what, &path, &kept, &worker)?;
            let plain = scratch.as_ref().map_or(path.as_path(), ScratchFile::path);
            let mut archive = Archive::open(&what, plain, LayerCompressor::new(kept, worker))?;
            let (name, platforms) = (name.as_deref(), &platforms[..]);
            let assembled = assemble(&mut archive, ImageSelector { name, platforms })?;
            Ok((assembled, archive.compressor.compressed, scratch))
        })
        .await?;
    Ok(packed(assembled, compressed, None, cache, scratch))
}

fn packed(
    assembled: Assembled,
    compressed: usize,
    id: Option<ImageId>,
    cache: Arc<LayerCache>,
    scratch: Option<ScratchFile>,
) -> PreparedImage {
    PreparedImage {
        image: Arc::new(assembled.image),
        id,
        config: assembled.config,
        left_out: assembled.left_out,
        pinned: assembled.pinned,
        known: assembled.layers.saturating_sub(compressed),
        compressed,
        _kept: (cache, scratch),
    }
}

/// Holds the receiving side of the reading thread.
struct ReadingTask<'a, 'f> {
    there: &'a BlobLookup<'f>,
    progress: &'a (dyn Fn(PrepareProgress) + Send + Sync),
    stop: &'a CancellationToken,
}

impl ReadingTask<'_, '_> {
    /// Runs `work` on a thread of its own, passes its progress on and answers its questions.
    async fn serve<T: Send + 'static>(
        &self,
        work: impl FnOnce(WorkerHandle) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let (messages, mut heard) = mpsc::unbounded_channel();
        let worker = WorkerHandle {
            messages,
            cancel: self.stop.clone(),
        };
        let thread = tokio::task::spawn_blocking(move || work(worker));
        while let Some(message) = heard.recv().await {
            match message {
                Message::Progress(progress) => (self.progress)(progress),
                Message::BlobLookup(blobs, back) => drop(back.send((self.there)(blobs).await)),
            }
        }
        thread.await.map_err(|error| {
            Problem::new(ProblemKind::Internal, "an image was not read to the end").because(&error)
        })?
    }
}
