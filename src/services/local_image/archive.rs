//! Reads a tar archive on disk through an index of its entries.
//!
//! Every layer is read once. Independent of the layout inside.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::compress::{
    CompressedLayer, Compression, DOCKER_LAYER, DOCKER_LAYER_ZSTD, Hashing, Layer, LayerCompressor, copy,
    cut_short, unreadable,
};
use super::image_source::{CAP, ImageFiles, missing, too_large, wrong_length};
use super::tar_index::Entries;
use super::worker::{ExactReader, MonitoredReader};
use crate::config::file;
use crate::domain::{Digest, Problem, ProblemKind, SanitizedText};
use crate::services::registry::BlobLocation;

/// Where an entry's bytes are.
#[derive(Clone, Copy, Debug)]
struct EntryPosition {
    offset: u64,
    size: u64,
}

/// Holds an archive and the index of its entries.
pub(super) struct Archive {
    what: String,
    path: PathBuf,
    file: MonitoredReader<File>,
    entries: Entries<EntryPosition>,
    pub(super) compressor: LayerCompressor,
    /// Layers that were already read, by offset.
    done: HashMap<u64, (Digest, Layer)>,
}

/// Opens a plain file for reading. The error for anything else names its type.
pub(super) fn plain_file(path: &Path) -> Result<(File, u64), Problem> {
    use std::os::unix::fs::FileTypeExt as _;
    let facts = fs::metadata(path).map_err(|error| missing(path, &error))?;
    let shown = SanitizedText::new(path.display().to_string());
    let kind = facts.file_type();
    let is = |what: &str| Problem::new(ProblemKind::Invalid, format!("{shown} is {what}, not an archive"));
    match () {
        () if kind.is_file() => {}
        () if kind.is_dir() => {
            return Err(is("a directory").hint(format!("use oci:{shown} for a directory in the OCI layout")));
        }
        () if kind.is_fifo() => return Err(is("a pipe").hint("write the archive to a file first")),
        () => return Err(is("not a regular file").hint("use a regular file")),
    }
    if facts.len() == 0 {
        return Err(is("empty").hint("create the archive again"));
    }
    let file = file::open_plain(path).map_err(|error| missing(path, &error))?;
    Ok((file, facts.len()))
}

/// Returns the problem for an unreadable header in the middle of an archive. The library's message
/// is not shown: it quotes the bytes of the header.
pub(super) fn bad_header(what: &str, error: &io::Error, at: u64) -> Problem {
    if matches!(error.kind(), io::ErrorKind::Other | io::ErrorKind::InvalidData) {
        return Problem::new(ProblemKind::Invalid, format!("cannot read {what} to the end"))
            .cause(format!("no tar header at byte {at}"))
            .hint("create it again, and check the disk or the engine it is from");
    }
    unreadable(what, error)
}

/// Refuses a sparse entry, which is stored without its holes: GNU's own type of entry, and GNU's
/// records in a pax header.
pub(super) fn sparse<R: Read>(what: &str, name: &str, entry: &mut tar::Entry<'_, R>) -> Result<(), Problem> {
    let mut holes = entry.header().entry_type().is_gnu_sparse();
    if let Ok(Some(records)) = entry.pax_extensions() {
        holes |= records
            .flatten()
            .any(|record| record.key_bytes().starts_with(b"GNU.sparse."));
    }
    if !holes {
        return Ok(());
    }
    let shown = SanitizedText::capped(name, 200);
    Err(Problem::new(
        ProblemKind::Invalid,
        format!("{what} contains a sparse entry: {shown}"),
    )
    .cause("it was created by tar --sparse, which leaves out blocks of zeros")
    .hint("unpack it and pack it again without --sparse"))
}

impl Archive {
    /// Reads the index of the archive at `path`; `what` is its name in messages.
    pub(super) fn open(what: &str, path: &Path, compressor: LayerCompressor) -> Result<Self, Problem> {
        let (file, length) = plain_file(path)?;
        let mut entries = Entries::of(what);
        let mut end = 0;
        let mut archive = tar::Archive::new(file);
        let cut = |error: &io::Error, end: u64| {
            // The library's message quotes the bytes that it could not read.
            if end == 0 {
                return Problem::new(ProblemKind::Invalid, format!("{what} is not a tar archive"))
                    .cause("it does not begin with a tar header")
                    .hint("use a file written by docker save, podman save, skopeo or rockcraft");
            }
            bad_header(what, error, end)
        };
        let listed = archive.entries_with_seek().map_err(|error| cut(&error, 0))?;
        for entry in listed {
            let mut entry = entry.map_err(|error| {
                // An incomplete header is the end of a truncated file.
                if length < end + 512 {
                    cut_short(what)
                } else {
                    cut(&error, end)
                }
            })?;
            let name = entries.name(&entry.path_bytes())?;
            sparse(what, &name, &mut entry)?;
            let at = EntryPosition {
                offset: entry.raw_file_position(),
                size: entry.size(),
            };
            end = at.offset.saturating_add(at.size.next_multiple_of(512));
            let kind = entry.header().entry_type();
            if at.offset.saturating_add(at.size) > length {
                return Err(cut_short(what));
            }
            if kind.is_file() || kind.is_contiguous() {
                entries.put(name, at);
            } else if (kind.is_symlink() || kind.is_hard_link())
                && let Some(target) = entry.link_name_bytes()
            {
                entries.link(name, &target, kind.is_symlink())?;
            }
        }
        // Every archive has an end marker; one without it may lack more than that.
        if length <= end {
            return Err(cut_short(what));
        }
        let file = archive.into_inner();
        Ok(Self {
            what: what.to_owned(),
            path: path.to_path_buf(),
            file: MonitoredReader::new(file, compressor.worker.clone(), Some(length)),
            entries,
            compressor,
            done: HashMap::new(),
        })
    }

    fn reader(&mut self, at: EntryPosition) -> Result<ExactReader<&mut MonitoredReader<File>>, Problem> {
        let what = &self.what;
        self.file
            .inner
            .seek(SeekFrom::Start(at.offset))
            .map_err(|error| unreadable(what, &error))?;
        Ok(ExactReader::new(&mut self.file, at.size))
    }

    fn bytes(&mut self, at: EntryPosition, most: u64) -> Result<Vec<u8>, Problem> {
        let mut bytes = Vec::new();
        let at = EntryPosition {
            size: at.size.min(most),
            ..at
        };
        let read = self.reader(at)?.read_to_end(&mut bytes);
        read.map_err(|error| unreadable(&self.what, &error))?;
        Ok(bytes)
    }

    /// Keeps a layer that is already compressed as it is.
    fn as_it_is(&mut self, at: EntryPosition, form: Compression) -> Result<(Digest, Layer), Problem> {
        let place = BlobLocation::File {
            path: self.path.clone(),
            offset: at.offset,
        };
        let what = self.what.clone();
        let mut packed = Hashing {
            inner: self.reader(at)?,
            hasher: Sha256::new(),
        };
        let diff = form
            .unpacked(&mut packed)
            .map_err(|error| unreadable(&what, &error))?;
        copy(&mut packed, &mut io::sink()).map_err(|error| unreadable(&what, &error))?;
        let digest = Digest::from_bytes(packed.hasher.finalize().into());
        let media_type = if form == Compression::Gzip {
            DOCKER_LAYER
        } else {
            DOCKER_LAYER_ZSTD
        };
        let layer = Layer {
            digest,
            size: at.size,
            media_type,
            place,
        };
        Ok((diff, layer))
    }
}

impl ImageFiles for Archive {
    fn what(&self) -> &str {
        &self.what
    }

    fn name(&self, raw: &str) -> Result<String, Problem> {
        self.entries.name(raw.as_bytes())
    }

    fn small(&mut self, name: &str) -> Result<Option<Bytes>, Problem> {
        let Some(at) = self.entries.get(name).copied() else {
            return Ok(None);
        };
        if at.size > CAP {
            return Err(too_large(&self.what, name, at.size));
        }
        self.bytes(at, CAP).map(|bytes| Some(bytes.into()))
    }

    fn blob(&mut self, name: &str, size: u64) -> Result<Option<BlobLocation>, Problem> {
        let Some(at) = self.entries.get(name).copied() else {
            return Ok(None);
        };
        if at.size != size {
            return Err(wrong_length(&self.what, name, at.size, size));
        }
        Ok(Some(BlobLocation::File {
            path: self.path.clone(),
            offset: at.offset,
        }))
    }

    fn cached(&mut self, diffs: &[Digest]) -> Result<(), Problem> {
        self.compressor.cached(diffs)
    }

    fn layer(&mut self, name: &str, diff: Digest) -> Result<Option<CompressedLayer>, Problem> {
        let Some(at) = self.entries.get(name).copied() else {
            return Ok(None);
        };
        if let Some((diff, layer)) = self.done.get(&at.offset) {
            return Ok(Some(CompressedLayer {
                diff: *diff,
                layer: Some(layer.clone()),
            }));
        }
        let form = Compression::of(&self.bytes(at, 4)?);
        let pressed = if form == Compression::Plain {
            self.file
                .inner
                .seek(SeekFrom::Start(at.offset))
                .map_err(|error| unreadable(&self.what, &error))?;
            let mut input = ExactReader::new(&mut self.file, at.size);
            self.compressor.compress(&self.what, &mut input, Some(diff))?
        } else {
            let (diff, layer) = self.as_it_is(at, form)?;
            CompressedLayer {
                diff,
                layer: Some(layer),
            }
        };
        if let Some(layer) = &pressed.layer {
            self.done.insert(at.offset, (pressed.diff, layer.clone()));
        }
        Ok(Some(pressed))
    }
}
