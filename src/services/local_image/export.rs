//! Reads an engine's export once, as a stream.
//!
//! Predicts what the next entry is: the layers of an image are known before, so one whose
//! compressed form is known is only hashed. The hash reveals a wrong prediction; then the export
//! is read once more without predictions. Independent of the layout inside.

use std::io::{self, BufRead, BufReader, Read};

use bytes::Bytes;

use super::archive::{bad_header, sparse};
use super::compress::{
    CompressedLayer, Compression, DOCKER_LAYER, DOCKER_LAYER_ZSTD, Layer, LayerCompressor, cut_short,
    unreadable,
};
use super::image_source::{CAP, ImageFiles, too_large, wrong_length};
use super::layer_cache::{CachedLayer, hash};
use super::tar_index::Entries;
use super::worker::{ExactReader, MonitoredReader};
use crate::config::file;
use crate::domain::{Digest, Problem, ProblemKind};
use crate::services::registry::{Blob, BlobLocation};

/// Total size of the documents that are kept in memory, in bytes.
const DOCUMENTS: u64 = 2 * CAP;
/// Smaller entries are not archives.
const BLOCK: u64 = 512;

/// The result of reading an entry.
enum SpooledEntry {
    Small(Bytes),
    /// An uncompressed layer; `None` if it was only hashed because of a wrong prediction.
    Layer(Digest, Option<Layer>),
    /// Bytes that were already compressed.
    PreparedImage(CachedLayer, Compression, BlobLocation),
}

/// Holds an export that was read to its end.
pub(super) struct Export {
    what: String,
    entries: Entries<SpooledEntry>,
    pub(super) compressor: LayerCompressor,
    /// True if something was skipped that is needed: it must be read again.
    pub(super) again: bool,
}

/// Predicts the next layer.
struct Prediction {
    layers: Vec<Digest>,
    next: usize,
}

impl Prediction {
    fn of(layers: &[Digest]) -> Self {
        let mut unique: Vec<Digest> = Vec::new();
        for layer in layers {
            // The same layer twice is exported once, with a link.
            if !unique.contains(layer) {
                unique.push(*layer);
            }
        }
        Self {
            layers: unique,
            next: 0,
        }
    }

    /// Predicts by name if the name is a diff id, else by position.
    fn next(&mut self, name: &str) -> Option<Digest> {
        let by_name =
            digest_in(name).and_then(|digest| self.layers.iter().position(|layer| *layer == digest));
        let turn = by_name.unwrap_or(self.next);
        self.next = turn + 1;
        self.layers.get(turn).copied()
    }
}

/// Returns the digest in an entry's name: `blobs/sha256/<hex>`, `<hex>.tar`.
fn digest_in(name: &str) -> Option<Digest> {
    let last = name.rsplit('/').next().unwrap_or(name);
    let digits = last.split('.').next().unwrap_or(last);
    format!("sha256:{digits}").parse().ok()
}

impl Export {
    /// Reads all of `input`. `layers` are the diff ids that the engine listed; without them there
    /// are no predictions.
    pub(super) fn read(
        what: &str,
        input: impl Read,
        compressor: LayerCompressor,
        layers: &[Digest],
    ) -> Result<Self, Problem> {
        let watched = MonitoredReader::new(input, compressor.worker.clone(), None);
        let seen = watched.seen();
        let mut export = Self {
            what: what.to_owned(),
            entries: Entries::of(what),
            compressor,
            again: false,
        };
        let mut prediction = Prediction::of(layers);
        let mut documents = 0;
        let mut end = 0;
        let mut archive = tar::Archive::new(watched);
        let broken = |error: &io::Error| {
            if seen.ended() {
                cut_short(what)
            } else {
                bad_header(what, error, seen.bytes())
            }
        };
        for entry in archive.entries().map_err(|error| broken(&error))? {
            let mut entry = entry.map_err(|error| broken(&error))?;
            let name = export.entries.name(&entry.path_bytes())?;
            sparse(what, &name, &mut entry)?;
            let kind = entry.header().entry_type();
            let size = entry.size();
            end = entry
                .raw_file_position()
                .saturating_add(size.next_multiple_of(BLOCK));
            if kind.is_file() || kind.is_contiguous() {
                let input = BufReader::with_capacity(256 * 1024, ExactReader::new(&mut entry, size));
                let stored = export.store(&name, size, input, &mut prediction, &mut documents)?;
                export.entries.put(name, stored);
            } else if (kind.is_symlink() || kind.is_hard_link())
                && let Some(target) = entry.link_name_bytes()
            {
                export.entries.link(name, &target, kind.is_symlink())?;
            }
        }
        // Every archive has an end marker; one without it may lack more than that.
        if seen.bytes() <= end {
            return Err(cut_short(what));
        }
        Ok(export)
    }

    fn store(
        &mut self,
        name: &str,
        size: u64,
        mut input: impl BufRead,
        prediction: &mut Prediction,
        documents: &mut u64,
    ) -> Result<SpooledEntry, Problem> {
        let what = &self.what;
        let head = input.fill_buf().map_err(|error| unreadable(what, &error))?;
        let form = Compression::of(head);
        if form != Compression::Plain {
            return self.store_packed(name, size, input, form);
        }
        let document = size < BLOCK || (matches!(head.first(), Some(b'{' | b'[')) && size <= CAP);
        if document && *documents + size <= DOCUMENTS {
            *documents += size;
            let mut bytes = Vec::new();
            input
                .read_to_end(&mut bytes)
                .map_err(|error| unreadable(what, &error))?;
            return Ok(SpooledEntry::Small(bytes.into()));
        }
        let expected = prediction.next(name);
        let pressed = self.compressor.compress(&self.what, &mut input, expected)?;
        Ok(SpooledEntry::Layer(pressed.diff, pressed.layer))
    }

    /// Stores what is already compressed, unless the destination has it.
    fn store_packed(
        &mut self,
        name: &str,
        size: u64,
        mut input: impl BufRead,
        form: Compression,
    ) -> Result<SpooledEntry, Problem> {
        if let Some(digest) = digest_in(name) {
            let known = CachedLayer { digest, size };
            let asked = Blob {
                digest,
                size,
                media_type: DOCKER_LAYER.to_owned(),
                foreign: false,
                urls: Vec::new(),
            };
            if self
                .compressor
                .worker
                .present_at_destination(vec![asked])?
                .contains(&digest)
            {
                let found = hash(&mut input).map_err(|error| unreadable(&self.what, &error))?;
                if found == digest {
                    return Ok(SpooledEntry::PreparedImage(known, form, BlobLocation::Elsewhere));
                }
                return Err(Problem::new(
                    ProblemKind::Invalid,
                    format!("blob {digest} of {} has another digest: {found}", self.what),
                )
                .hint("remove the image from the engine and pull or build it again"));
            }
        }
        let (known, place) = self.compressor.keep(&self.what, &mut input)?;
        Ok(SpooledEntry::PreparedImage(known, form, place))
    }
}

impl ImageFiles for Export {
    fn what(&self) -> &str {
        &self.what
    }

    fn name(&self, raw: &str) -> Result<String, Problem> {
        self.entries.name(raw.as_bytes())
    }

    fn small(&mut self, name: &str) -> Result<Option<Bytes>, Problem> {
        match self.entries.get(name) {
            Some(SpooledEntry::Small(bytes)) => Ok(Some(bytes.clone())),
            Some(SpooledEntry::PreparedImage(known, ..)) => Err(too_large(&self.what, name, known.size)),
            Some(SpooledEntry::Layer(..)) | None => Ok(None),
        }
    }

    fn blob(&mut self, name: &str, size: u64) -> Result<Option<BlobLocation>, Problem> {
        let (length, place) = match self.entries.get(name) {
            Some(SpooledEntry::Small(bytes)) => (bytes.len() as u64, BlobLocation::Bytes(bytes.clone())),
            Some(SpooledEntry::PreparedImage(known, _, place)) => (known.size, place.clone()),
            Some(SpooledEntry::Layer(..)) | None => return Ok(None),
        };
        if length != size {
            return Err(wrong_length(&self.what, name, length, size));
        }
        Ok(Some(place))
    }

    fn cached(&mut self, _: &[Digest]) -> Result<(), Problem> {
        // Everything was already read.
        Ok(())
    }

    fn layer(&mut self, name: &str, diff: Digest) -> Result<Option<CompressedLayer>, Problem> {
        let Some(stored) = self.entries.get(name) else {
            return Ok(None);
        };
        match stored {
            SpooledEntry::Layer(found, layer) => {
                // It may have been read under another name since.
                let layer = layer.clone().or_else(|| self.compressor.known(*found).cloned());
                self.again |= layer.is_none();
                Ok(Some(CompressedLayer { diff: *found, layer }))
            }
            SpooledEntry::Small(bytes) => {
                let bytes = bytes.clone();
                self.compressor
                    .compress(&self.what, &mut &bytes[..], Some(diff))
                    .map(Some)
            }
            SpooledEntry::PreparedImage(known, form, place) => {
                let media_type = if *form == Compression::Gzip {
                    DOCKER_LAYER
                } else {
                    DOCKER_LAYER_ZSTD
                };
                let layer = Layer {
                    digest: known.digest,
                    size: known.size,
                    media_type,
                    place: place.clone(),
                };
                let found = match (form, place) {
                    (form, BlobLocation::File { path, .. }) => file::open_plain(path)
                        .and_then(|mut file| form.unpacked(&mut file))
                        .map_err(|error| unreadable(&self.what, &error))?,
                    _ => diff,
                };
                Ok(Some(CompressedLayer {
                    diff: found,
                    layer: Some(layer),
                }))
            }
        }
    }
}
