//! Makes deterministic layers: real tar archives of pseudo-random files, gzipped, hashed while
//! written.
//!
//! Layers are written to memory or to a folder of blobs. Must not use real randomness, because the
//! same seed has to give the same digest.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

use crate::domain::Digest;

/// Largest file inside a layer, in bytes.
const FILE: u64 = 4 << 20;

/// Holds the content of one layer.
pub(super) struct Layer {
    /// Everything that determines the content, as one text.
    pub key: String,
    /// Folder of the files inside the image.
    pub folder: &'static str,
    /// Bytes of content before tar and gzip.
    pub size: u64,
}

/// Holds a written layer.
pub(super) struct Packed {
    /// Digest of the gzipped bytes.
    pub digest: Digest,
    /// Digest of the tar inside.
    pub diff_id: Digest,
    /// Size of the gzipped bytes.
    pub size: u64,
    /// The bytes, if they were kept in memory.
    pub bytes: Option<Vec<u8>>,
}

/// Where blobs are written.
#[derive(Clone, Copy)]
pub(super) enum Keep<'a> {
    /// To [`Packed::bytes`].
    Memory,
    /// To this folder, one file per blob, named by the hexadecimal digits.
    Folder(&'a Path),
}

/// Writes `layer` as tar and gzip.
pub(super) fn pack(layer: &Layer, keep: Keep<'_>) -> io::Result<Packed> {
    written(keep, Compression::none(), |out| archive(layer, out))
}

/// Compresses the tar inside the gzipped `layer` in another way: different digest, same diff id.
pub(super) fn repack(layer: &[u8]) -> io::Result<Packed> {
    written(Keep::Memory, Compression::fast(), |out| {
        io::copy(&mut GzDecoder::new(layer), out).map(drop)
    })
}

/// Returns the digest of `bytes`.
pub(super) fn digest_of(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

/// Returns a number that depends only on `text`.
pub(super) fn number_of(text: &str) -> u64 {
    let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    hash.iter()
        .take(8)
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

fn written(
    keep: Keep<'_>,
    level: Compression,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<Packed> {
    match keep {
        Keep::Memory => {
            let (bytes, digest, diff_id, size) = through(Vec::new(), level, fill)?;
            Ok(Packed {
                digest,
                diff_id,
                size,
                bytes: Some(bytes),
            })
        }
        Keep::Folder(folder) => {
            let draft = folder.join(format!(".{}", uuid::Uuid::new_v4().simple()));
            let out = BufWriter::with_capacity(1 << 20, File::create(&draft)?);
            let (mut out, digest, diff_id, size) = through(out, level, fill)?;
            out.flush()?;
            std::fs::rename(&draft, folder.join(digest.hex()))?;
            Ok(Packed {
                digest,
                diff_id,
                size,
                bytes: None,
            })
        }
    }
}

fn through<W: Write>(
    out: W,
    level: Compression,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<(W, Digest, Digest, u64)> {
    let mut tar = Hashing::new(GzEncoder::new(Hashing::new(out), level));
    fill(&mut tar)?;
    let (gzip, diff_id, _) = tar.done();
    let (out, digest, size) = gzip.finish()?.done();
    Ok((out, digest, diff_id, size))
}

fn archive(layer: &Layer, out: &mut dyn Write) -> io::Result<()> {
    let mut tar = tar::Builder::new(out);
    let mut stream = Stream::new(number_of(&layer.key));
    let mut folder = tar::Header::new_gnu();
    folder.set_entry_type(tar::EntryType::Directory);
    folder.set_mode(0o755);
    folder.set_size(0);
    folder.set_mtime(1_600_000_000);
    tar.append_data(&mut folder, format!("{}/", layer.folder), io::empty())?;
    let mut left = layer.size;
    let mut count = 0;
    while left > 0 {
        let size = left.min(FILE);
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(size);
        header.set_mtime(1_600_000_000);
        tar.append_data(
            &mut header,
            format!("{}/part-{count:04}.bin", layer.folder),
            (&mut stream).take(size),
        )?;
        left -= size;
        count += 1;
    }
    tar.into_inner().map(drop)
}

/// Counts and hashes the bytes that pass through it.
struct Hashing<W> {
    inner: W,
    hash: Sha256,
    size: u64,
}

impl<W: Write> Hashing<W> {
    fn new(inner: W) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
            size: 0,
        }
    }

    fn done(self) -> (W, Digest, u64) {
        (
            self.inner,
            Digest::from_bytes(self.hash.finalize().into()),
            self.size,
        )
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.inner.write(bytes)?;
        self.hash.update(&bytes[..taken]);
        self.size += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The splitmix64 sequence as bytes: fast, incompressible, the same on every machine.
struct Stream(u64);

impl Stream {
    fn new(seed: u64) -> Self {
        Self(seed)
    }
}

impl Read for Stream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        for chunk in out.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            chunk.copy_from_slice(&z.to_le_bytes()[..chunk.len()]);
        }
        Ok(out.len())
    }
}
