//! Hashes a layer, and compresses it unless its compressed form is known.
//!
//! A layer is known if its compressed digest is recorded and the bytes are in the spool or at the
//! destination. Predictions are not trusted: a layer is identified by its own hash.

use std::collections::HashMap;
use std::io::{self, BufReader, Read, Write};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use super::PrepareProgress;
use super::gzip;
use super::layer_cache::{CachedLayer, LayerCache, hash};
use super::unpack::Zstd;
use super::worker::WorkerHandle;
use crate::domain::{Digest, Problem, ProblemKind};
use crate::services::registry::{Blob, BlobLocation};

/// Docker's media type of a gzipped layer.
pub(super) const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
/// Docker's media type of a layer compressed with zstd.
pub(super) const DOCKER_LAYER_ZSTD: &str = "application/vnd.docker.image.rootfs.diff.tar.zstd";

/// Holds a compressed layer.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) media_type: &'static str,
    pub(super) place: BlobLocation,
}

/// The compression of some bytes, detected from the first few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Plain,
    Gzip,
    Zstd,
}

impl Compression {
    pub(super) fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

impl Compression {
    /// Returns the digest of the unpacked content of `packed`.
    pub(super) fn unpacked(self, packed: &mut dyn Read) -> io::Result<Digest> {
        match self {
            Self::Plain => hash(packed),
            Self::Gzip => hash(&mut MultiGzDecoder::new(packed)),
            Self::Zstd => hash(&mut Zstd::new(BufReader::new(packed))),
        }
    }
}

/// Holds a layer that was read to its end.
pub(super) struct CompressedLayer {
    pub(super) diff: Digest,
    /// `None` if it was only hashed and is not known.
    pub(super) layer: Option<Layer>,
}

/// Compresses layers.
pub(super) struct LayerCompressor {
    pub(super) cache: Arc<LayerCache>,
    pub(super) worker: WorkerHandle,
    known: HashMap<Digest, Layer>,
    /// Number of layers compressed so far.
    pub(super) compressed: usize,
}

/// Returns the problem for an archive that failed to be read.
pub(super) fn unreadable(what: &str, error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => return cut_short(what),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::TimedOut => {
            return Problem::new(
                ProblemKind::Service,
                format!("the export of {what} was interrupted"),
            )
            .because(error)
            .hint(
                "check that the engine is running and its disk is not full, then run the same command \
                    again",
            );
        }
        _ => {}
    }
    Problem::new(ProblemKind::Invalid, format!("cannot read {what} to the end"))
        .because(error)
        .hint("create it again, and check the disk or the engine it is from")
}

/// Returns the problem for an archive that ends too early.
pub(super) fn cut_short(what: &str) -> Problem {
    Problem::new(ProblemKind::Invalid, format!("{what} is incomplete"))
        .cause("the archive is truncated")
        .hint("create it again; check for a full disk or an interrupted download")
}

impl LayerCompressor {
    pub(super) fn new(cache: Arc<LayerCache>, worker: WorkerHandle) -> Self {
        Self {
            cache,
            worker,
            known: HashMap::new(),
            compressed: 0,
        }
    }

    /// Finds out which of these layers need no compression.
    pub(super) fn cached(&mut self, diffs: &[Digest]) -> Result<(), Problem> {
        let recalled: Vec<(Digest, CachedLayer)> = diffs
            .iter()
            .filter(|diff| !self.known.contains_key(*diff))
            .filter_map(|diff| Some((*diff, self.cache.cached(*diff)?)))
            .collect();
        let blobs = recalled.iter().map(|(_, known)| Blob {
            digest: known.digest,
            size: known.size,
            media_type: DOCKER_LAYER.to_owned(),
            foreign: false,
            urls: Vec::new(),
        });
        let there = self.worker.present_at_destination(blobs.collect())?;
        for (diff, known) in recalled {
            let place = if there.contains(&known.digest) {
                // The bytes are not needed, but their place is recorded if they are stored here.
                self.cache.held(known).map_or(BlobLocation::Elsewhere, file)
            } else if let Some(path) = self.cache.sound(known) {
                file(path)
            } else {
                continue;
            };
            self.known.insert(diff, layer_of(known, place));
        }
        Ok(())
    }

    /// Returns a layer that needs no compression.
    pub(super) fn known(&self, diff: Digest) -> Option<&Layer> {
        self.known.get(&diff)
    }

    /// Reads one uncompressed layer to its end. It is only hashed if it is `expected` to be a
    /// known one.
    pub(super) fn compress(
        &mut self,
        what: &str,
        input: &mut dyn Read,
        expected: Option<Digest>,
    ) -> Result<CompressedLayer, Problem> {
        if let Some(expected) = expected.filter(|diff| self.known.contains_key(diff)) {
            let diff = hash(input).map_err(|error| unreadable(what, &error))?;
            let layer = self.known.get(&diff).cloned();
            if let Some(layer) = layer.as_ref().filter(|_| diff == expected) {
                self.tell(diff, layer, true);
            }
            return Ok(CompressedLayer { diff, layer });
        }
        let mut part = self.cache.part()?;
        let mut tee = Hashing {
            inner: input,
            hasher: Sha256::new(),
        };
        let done = gzip::compress(&mut tee, &mut part, gzip::workers());
        let diff = Digest::from_bytes(tee.hasher.finalize().into());
        if let Err(error) = done {
            return Err(match part.failure() {
                Some(error) => self.cache.unwritable(&error),
                None => unreadable(what, &error),
            });
        }
        let (known, path) = part.keep(&self.cache)?;
        self.cache.remember(diff, known);
        self.compressed += 1;
        let layer = layer_of(known, file(path));
        self.known.insert(diff, layer.clone());
        self.tell(diff, &layer, false);
        Ok(CompressedLayer {
            diff,
            layer: Some(layer),
        })
    }

    /// Copies bytes into the spool unchanged.
    pub(super) fn keep(
        &self,
        what: &str,
        input: &mut dyn Read,
    ) -> Result<(CachedLayer, BlobLocation), Problem> {
        let mut part = self.cache.part()?;
        if let Err(error) = copy(input, &mut part) {
            return Err(match part.failure() {
                Some(error) => self.cache.unwritable(&error),
                None => unreadable(what, &error),
            });
        }
        let (known, path) = part.keep(&self.cache)?;
        Ok((known, file(path)))
    }

    fn tell(&self, diff: Digest, layer: &Layer, known: bool) {
        self.worker.tell(PrepareProgress::Layer {
            diff,
            size: layer.size,
            known,
        });
    }
}

pub(super) fn copy(input: &mut dyn Read, output: &mut dyn Write) -> io::Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => output.write_all(&buffer[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn file(path: std::path::PathBuf) -> BlobLocation {
    BlobLocation::File { path, offset: 0 }
}

fn layer_of(known: CachedLayer, place: BlobLocation) -> Layer {
    Layer {
        digest: known.digest,
        size: known.size,
        media_type: DOCKER_LAYER,
        place,
    }
}

/// A reader that hashes the bytes that pass through it.
pub(super) struct Hashing<R> {
    pub(super) inner: R,
    pub(super) hasher: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}
