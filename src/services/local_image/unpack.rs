//! Unpacks archives that are compressed as a whole: gzip, zstd and xz into the spool. The error
//! for any other format names the command that unpacks it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek as _};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::StreamingDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};

use super::archive::plain_file;
use super::compress::{copy, unreadable};
use super::layer_cache::{LayerCache, ScratchFile};
use super::worker::{MonitoredReader, WorkerHandle};
use crate::domain::{Problem, ProblemKind};

/// Largest xz dictionary that is accepted, in bytes: it is held in memory.
const DICTIONARY: u64 = 256 * 1024 * 1024;

/// The compression format of a whole file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ArchiveCompression {
    None,
    Gzip,
    Zstd,
    Xz,
    /// Another format, and how to unpack it.
    Other(&'static str, &'static str),
}

impl ArchiveCompression {
    fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Other("bzip2", "bzip2 -d"),
            [0x04, 0x22, 0x4d, 0x18, ..] => Self::Other("lz4", "lz4 -d"),
            [b'P', b'K', 3 | 5, 4 | 6, ..] => Self::Other("zip", "unzip"),
            [b'h', b's', b'q', b's', ..] => Self::Other("squashfs", "unsquashfs"),
            _ => Self::None,
        }
    }
}

/// Unpacks an archive that is compressed as a whole into the spool; `None` if it is not
/// compressed.
pub(super) fn unpacked(
    what: &str,
    path: &Path,
    cache: &LayerCache,
    worker: &WorkerHandle,
) -> Result<Option<ScratchFile>, Problem> {
    let (mut file, length) = plain_file(path)?;
    let broken = |error: &io::Error| unreadable(what, error);
    let mut head = Vec::new();
    io::Read::by_ref(&mut file)
        .take(32)
        .read_to_end(&mut head)
        .map_err(|error| broken(&error))?;
    file.rewind().map_err(|error| broken(&error))?;
    let wrapping = ArchiveCompression::of(&head);
    let watched = |file: File| MonitoredReader::new(file, worker.clone(), Some(length));
    let mut input: Box<dyn Read> = match wrapping {
        ArchiveCompression::None => return Ok(None),
        ArchiveCompression::Other(name, command) => return Err(other(what, name, command)),
        ArchiveCompression::Gzip => Box::new(MultiGzDecoder::new(watched(file))),
        ArchiveCompression::Zstd => Box::new(Zstd::new(BufReader::new(watched(file)))),
        ArchiveCompression::Xz => {
            if dictionary(&head).is_some_and(|size| size > DICTIONARY) {
                return Err(
                    Problem::new(ProblemKind::Invalid, format!("{what} cannot be unpacked here"))
                        .cause("its xz dictionary is larger than 256 MiB")
                        .hint("unpack it first: xz -d"),
                );
            }
            Box::new(XzReader::new(BufReader::new(watched(file)), true))
        }
    };
    let mut part = cache.part()?;
    if let Err(error) = copy(&mut input, &mut part) {
        return Err(match part.failure() {
            Some(error) => cache.unwritable(&error),
            None => broken(&error),
        });
    }
    Ok(Some(part.nameless()))
}

fn other(what: &str, name: &str, command: &str) -> Problem {
    Problem::new(ProblemKind::Invalid, format!("{what} is a {name} file"))
        .cause("supported are plain tar archives, and gzip, zstd and xz compression")
        .hint(format!("unpack it first: {command}"))
}

/// Returns the dictionary size of the first block of an xz stream, in bytes (xz file format,
/// section 5.3.1).
fn dictionary(head: &[u8]) -> Option<u64> {
    // 12 bytes of stream header, then: header size, flags, optional sizes (which no writer that
    // cannot seek sets), filter id 0x21, size of properties, the property.
    let block = head.get(12..)?;
    let (flags, filter) = (*block.get(1)?, block.get(2..5)?);
    let bits = match filter {
        [0x21, 1, bits] if flags & 0xc3 == 0 => u32::from(*bits),
        _ => return None,
    };
    Some(if bits >= 40 {
        u64::from(u32::MAX)
    } else {
        u64::from(2 | (bits & 1)) << (bits / 2 + 11)
    })
}

/// Reads all frames of a zstd file; skippable ones are skipped.
pub(super) struct Zstd<R: BufRead> {
    input: Option<R>,
    frame: Option<StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>,
}

impl<R: BufRead> Zstd<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input: Some(input),
            frame: None,
        }
    }

    /// Opens the next frame; returns false at the end of the file.
    fn next_frame(&mut self) -> io::Result<bool> {
        while let Some(mut input) = self.input.take() {
            let head = input.fill_buf()?;
            if head.is_empty() {
                return Ok(false);
            }
            if let [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] = head {
                let mut header = [0; 8];
                input.read_exact(&mut header)?;
                let [.., a, b, c, d] = header;
                let length = u64::from(u32::from_le_bytes([a, b, c, d]));
                if io::copy(&mut input.by_ref().take(length), &mut io::sink())? < length {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                self.input = Some(input);
                continue;
            }
            self.frame = Some(StreamingDecoder::new(input).map_err(|error| match error {
                FrameDecoderError::ReadFrameHeaderError(
                    ReadFrameHeaderError::MagicNumberReadError(error)
                    | ReadFrameHeaderError::FrameDescriptorReadError(error),
                ) => error,
                other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
            })?);
            return Ok(true);
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.frame {
                match frame.read(buffer)? {
                    0 => self.input = self.frame.take().map(StreamingDecoder::into_inner),
                    count => return Ok(count),
                }
            } else if !self.next_frame()? {
                return Ok(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        assert_eq!(
            ArchiveCompression::of(b"BZh91AY&SY"),
            ArchiveCompression::Other("bzip2", "bzip2 -d")
        );
        assert_eq!(
            ArchiveCompression::of(b"PK\x03\x04"),
            ArchiveCompression::Other("zip", "unzip")
        );
        assert_eq!(ArchiveCompression::of(b"\xfd7zXZ\0"), ArchiveCompression::Xz);
        assert_eq!(ArchiveCompression::of(b"manifest.json"), ArchiveCompression::None);
        assert_eq!(ArchiveCompression::of(b""), ArchiveCompression::None);
    }

    #[test]
    fn a_huge_xz_dictionary_is_seen_before_it_is_made() {
        let head = |bits: u8| {
            let mut head = b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4\x46".to_vec();
            head.extend([2, 0, 0x21, 1, bits, 0, 0, 0]);
            head
        };
        assert_eq!(dictionary(&head(22)), Some(8 * 1024 * 1024));
        assert_eq!(dictionary(&head(40)), Some(u64::from(u32::MAX)));
        assert_eq!(dictionary(b"\xfd7zXZ\0"), None);
    }
}
