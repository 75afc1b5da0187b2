//! Compresses with gzip so that the bytes are the same on every machine and day.
//!
//! The recipe: a fixed header (no name, no time, XFL 0, system 255), then blocks of 1 MiB, each
//! deflated separately by zlib-rs at level 6 and ended at a byte boundary (sync flush), then one
//! last block with the rest, which may be empty, and the trailer. A block whose samples hardly
//! shrink (archives of classes, pictures, noise) is stored as it is: deflating it would take
//! nearly all of the time and save nothing. It is one member and one deflate stream: every gunzip
//! reads it. Because no block refers to another one, several cores work on one layer and the bytes
//! do not depend on their number. zlib-rs hashes and matches in the same way on every processor;
//! its version is pinned in `Cargo.toml`, and a test here pins its bytes.
//!
//! The digests differ from those of charmcraft 2.7.4 for the same image: its header holds the name
//! and the time of the export's entry, and CPython's zlib at level 9 makes other bytes. An image
//! that it pushed is found by its config digest instead. [`RECIPE`] must be renamed whenever the
//! bytes would change.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// The name under which digests of compressed layers are recorded.
pub(super) const RECIPE: &str = "windlass-gzip-2";
/// Bytes per compressed block.
const BLOCK: usize = 1024 * 1024;
/// Compression level of a block that shrinks.
const LEVEL: u32 = 6;
/// Number of samples that decide whether a block shrinks, and the bytes of each.
const SAMPLES: usize = 8;
const SAMPLE: usize = 4096;
/// Bytes that the samples must save together for their block to be deflated: a 32nd.
const WORTH: usize = SAMPLES * SAMPLE / 32;
/// More workers would exceed the memory limit of a session.
const WORKERS: usize = 4;
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// Holds a block for a worker, and the channel for its result.
struct Job {
    raw: Vec<u8>,
    last: bool,
    done: SyncSender<Done>,
}

struct Done {
    packed: io::Result<Vec<u8>>,
    crc: Crc,
}

/// Returns the number of workers for this machine.
pub(super) fn workers() -> usize {
    thread::available_parallelism().map_or(1, |count| count.get().min(WORKERS))
}

/// Compresses all of `input` to `output` on `workers` threads. At most a few blocks per worker are
/// in memory.
pub(super) fn compress(
    input: &mut dyn Read,
    output: &mut (dyn Write + Send),
    workers: usize,
) -> io::Result<()> {
    let workers = workers.max(1);
    let (jobs, work) = sync_channel::<Job>(workers);
    let work = &Mutex::new(work);
    // Number of blocks in flight: one for each worker, and some more to keep them busy.
    let (order, finished) = sync_channel::<Receiver<Done>>(workers);
    let (spare, used) = channel();
    thread::scope(move |scope| {
        for _ in 0..workers {
            let spare: Sender<Vec<u8>> = spare.clone();
            thread::Builder::new()
                .name("gzip".to_owned())
                .spawn_scoped(scope, move || work_off(work, &spare))?;
        }
        drop(spare);
        let writer = thread::Builder::new()
            .name("gzip-out".to_owned())
            .spawn_scoped(scope, move || write_out(output, &finished))?;
        let fed = feed(input, &jobs, &order, &used);
        drop((jobs, order));
        let written = writer
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the compressor stopped")));
        // A failure to write is the cause of the failure to feed.
        written.and(fed)
    })
}

/// Reads blocks and distributes them in order.
fn feed(
    input: &mut dyn Read,
    jobs: &SyncSender<Job>,
    order: &SyncSender<Receiver<Done>>,
    used: &Receiver<Vec<u8>>,
) -> io::Result<()> {
    let broken = || io::Error::other("the compressor stopped");
    loop {
        let mut raw: Vec<u8> = used.try_recv().unwrap_or_default();
        raw.clear();
        raw.reserve_exact(BLOCK);
        io::Read::take(&mut *input, BLOCK as u64).read_to_end(&mut raw)?;
        let last = raw.len() < BLOCK;
        let (done, waiting) = sync_channel(1);
        order.send(waiting).map_err(|_| broken())?;
        jobs.send(Job { raw, last, done }).map_err(|_| broken())?;
        if last {
            return Ok(());
        }
    }
}

fn work_off(work: &Mutex<Receiver<Job>>, spare: &Sender<Vec<u8>>) {
    let mut compressor = LayerCompressor::new();
    loop {
        let job = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { raw, last, done }) = job else {
            return;
        };
        let mut crc = Crc::new();
        crc.update(&raw);
        let packed = compressor.block(&raw, last);
        // A writer that has ended reports its own error; blocks are processed to the end.
        drop(done.send(Done { packed, crc }));
        drop(spare.send(raw));
    }
}

/// Holds the buffers that one worker reuses for every block.
struct LayerCompressor {
    deflate: Compress,
    sampled: Vec<u8>,
}

impl LayerCompressor {
    fn new() -> Self {
        Self {
            deflate: Compress::new(Compression::new(LEVEL), false),
            sampled: Vec::new(),
        }
    }

    fn block(&mut self, raw: &[u8], last: bool) -> io::Result<Vec<u8>> {
        let flush = if last {
            FlushCompress::Finish
        } else {
            FlushCompress::Sync
        };
        if self.shrinks(raw)? {
            let mut packed = Vec::with_capacity(raw.len() / 2 + 4096);
            run(&mut self.deflate, raw, flush, &mut packed)?;
            Ok(packed)
        } else {
            Ok(stored(raw, last))
        }
    }

    /// Returns whether deflating is worth its time. Depends on the bytes alone; always true for a
    /// short block.
    fn shrinks(&mut self, raw: &[u8]) -> io::Result<bool> {
        if raw.len() < 2 * SAMPLES * SAMPLE {
            return Ok(true);
        }
        let mut left = 0;
        for sample in raw.chunks_exact(raw.len() / SAMPLES).take(SAMPLES) {
            self.sampled.clear();
            let sample = sample.get(..SAMPLE).unwrap_or(sample);
            run(
                &mut self.deflate,
                sample,
                FlushCompress::Finish,
                &mut self.sampled,
            )?;
            left += self.sampled.len();
        }
        Ok(left + WORTH <= SAMPLES * SAMPLE)
    }
}

/// Returns `raw` in stored blocks (RFC 1951, 3.2.4). zlib is not used for this: the blocks it
/// makes at level 0 depend on the size of its output buffer.
fn stored(raw: &[u8], last: bool) -> Vec<u8> {
    let pieces = raw.chunks(usize::from(u16::MAX));
    let count = pieces.len();
    let mut out = Vec::with_capacity(raw.len() + 5 * count);
    for (number, piece) in pieces.enumerate() {
        let length = u16::try_from(piece.len()).unwrap_or(u16::MAX);
        out.push(u8::from(last && number + 1 == count));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(piece);
    }
    out
}

/// Compresses all of `raw` and appends it to `packed`.
fn run(deflate: &mut Compress, raw: &[u8], flush: FlushCompress, packed: &mut Vec<u8>) -> io::Result<()> {
    deflate.reset();
    let all_out = matches!(flush, FlushCompress::Finish);
    loop {
        let taken = usize::try_from(deflate.total_in()).unwrap_or(usize::MAX);
        packed.reserve(raw.len() / 2 + 4096);
        let status = deflate.compress_vec(raw.get(taken..).unwrap_or_default(), packed, flush)?;
        // Free capacity means that all output was written.
        let room = packed.len() < packed.capacity();
        match status {
            Status::StreamEnd => return Ok(()),
            Status::Ok | Status::BufError if room && !all_out => return Ok(()),
            _ => {}
        }
    }
}

fn write_out(output: &mut (dyn Write + Send), finished: &Receiver<Receiver<Done>>) -> io::Result<()> {
    let mut crc = Crc::new();
    output.write_all(&HEADER)?;
    while let Ok(waiting) = finished.recv() {
        let Ok(done) = waiting.recv() else {
            return Err(io::Error::other("the compressor stopped"));
        };
        output.write_all(&done.packed?)?;
        crc.combine(&done.crc);
    }
    output.write_all(&crc.sum().to_le_bytes())?;
    output.write_all(&crc.amount().to_le_bytes())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::MultiGzDecoder;
    use sha2::{Digest as _, Sha256};

    use super::*;

    /// Two and a half blocks: text that repeats itself, then noise, then both.
    fn sample() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        for line in 0..60_000_u64 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            match line % 3 {
                0 => bytes
                    .extend_from_slice(format!("usr/share/doc/package-{}/copyright\n", line / 7).as_bytes()),
                1 => bytes.extend_from_slice(&state.to_le_bytes().repeat(3)),
                _ => bytes.extend((0..91).map(|shift| (state.rotate_left(shift) % 64) as u8)),
            }
        }
        bytes.truncate(5 * BLOCK / 2);
        assert_eq!(bytes.len(), 5 * BLOCK / 2);
        bytes
    }

    /// One incompressible block.
    fn noise() -> Vec<u8> {
        let pieces = (0..BLOCK as u64 / 32).flat_map(|number| Sha256::digest(number.to_le_bytes()));
        pieces.collect()
    }

    fn packed(raw: &[u8], workers: usize) -> Vec<u8> {
        let mut out = Vec::new();
        compress(&mut &raw[..], &mut out, workers).unwrap();
        out
    }

    #[test]
    fn the_bytes_are_pinned() {
        // These change only together with RECIPE: images pushed before would be pushed again.
        let digests = [sample(), noise(), Vec::new(), vec![0; 1024]]
            .map(|raw| hex::encode(Sha256::digest(packed(&raw, 2))));
        assert_eq!(
            digests,
            [
                "5b460acb23fdb94342bd3f8d6e3307aa28c2bc9064b4c2026a31fcd0ef2f5de9",
                "d6515e80b4aa6b86c0b9e9e7125c9dad958e19548d45568ec0b263ca126c0f2c",
                "ac73670af3abed54ac6fb4695131f4099be9fbe39d6076c5d0264a6bbdae9d83",
                "75eb48369c0d0b1260b7db5c5f831d5f8b1b9b322b64191c96cb147437e7f404"
            ]
        );
        assert_eq!(RECIPE, "windlass-gzip-2");
    }

    #[test]
    fn the_number_of_workers_does_not_show_and_all_comes_back() {
        let sample = sample();
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, sample.len()] {
            let raw = &sample[..length];
            let one = packed(raw, 1);
            assert_eq!(one, packed(raw, 3), "{length}");
            let mut back = Vec::new();
            MultiGzDecoder::new(&one[..]).read_to_end(&mut back).unwrap();
            assert_eq!(back, raw, "{length}");
            // One member: nothing follows the first one.
            let mut first = flate2::bufread::GzDecoder::new(&one[..]);
            let mut back = Vec::new();
            first.read_to_end(&mut back).unwrap();
            assert_eq!((back.len(), first.into_inner().len()), (length, 0));
        }
    }

    #[test]
    fn what_was_compressed_before_does_not_show() {
        let (sample, noise) = (sample(), noise());
        let mut used = LayerCompressor::new();
        used.block(&sample[BLOCK..], true).unwrap();
        used.block(&noise, false).unwrap();
        for raw in [&sample[..BLOCK], &noise[..]] {
            assert_eq!(
                used.block(raw, false).unwrap(),
                LayerCompressor::new().block(raw, false).unwrap()
            );
        }
    }

    #[test]
    fn what_does_not_shrink_is_stored_and_nothing_else() {
        let (noise, text) = (noise(), sample());
        let mut compressor = LayerCompressor::new();
        let stored = compressor.block(&noise, false).unwrap();
        assert!(stored.len() > noise.len(), "{}", stored.len());
        assert!(stored.windows(64).any(|piece| piece == &noise[..64]));
        // Half of the entropy, and noise with some text in it, are worth deflating.
        let nibbles: Vec<u8> = noise.iter().map(|byte| byte & 0x3f).collect();
        let mut mixed = noise.clone();
        mixed[..BLOCK / 4].copy_from_slice(&text[..BLOCK / 4]);
        for raw in [&nibbles, &mixed] {
            let packed = compressor.block(raw, false).unwrap();
            assert!(packed.len() < raw.len() * 9 / 10, "{}", packed.len());
        }
        // Both types in one stream, the last block stored too.
        let all = [&text[..BLOCK], &noise[..], &noise[..BLOCK / 2]].concat();
        let mut back = Vec::new();
        MultiGzDecoder::new(&packed(&all, 2)[..])
            .read_to_end(&mut back)
            .unwrap();
        assert!(back == all);
    }

    #[test]
    fn the_header_says_nothing_and_an_error_gets_out() {
        struct Broken(usize);
        impl io::Read for Broken {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0 = self.0.checked_sub(1).ok_or_else(|| io::Error::other("torn"))?;
                buffer.fill(1);
                Ok(buffer.len())
            }
        }
        struct Full;
        impl io::Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        assert_eq!(packed(b"x", 1)[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
        let error = compress(&mut Broken(500), &mut Vec::new(), 2).unwrap_err();
        assert_eq!(error.to_string(), "torn");
        let error = compress(&mut Broken(usize::MAX), &mut Full, 2).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
