//! Reads a file of this machine once, to hash it.

use std::io::Read;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::config::file::open_plain;
use crate::domain::{Digest, FileFacts, Problem, ProblemKind, SanitizedText};

/// Reads a regular file once and hashes it.
pub(super) async fn read(path: String) -> Result<FileFacts, Problem> {
    let shown = SanitizedText::capped(&path, 300);
    let refused = |why: &str| {
        Problem::new(ProblemKind::Usage, format!("{shown} {why}"))
            .hint("--filepath requires a readable regular file")
    };
    // Checked before it is opened: opening a FIFO blocks until there is a writer.
    let metadata = std::fs::metadata(&path).map_err(|error| refused("cannot be accessed").because(&error))?;
    if !metadata.is_file() {
        return Err(refused("is not a file"));
    }
    if metadata.len() == 0 {
        return Err(refused("is empty"));
    }
    let reading = tokio::task::spawn_blocking(move || {
        let mut opened = open_plain(Path::new(&path))?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 256 * 1024];
        let mut size = 0;
        loop {
            let count = opened.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            size += count as u64;
            hash.update(buffer.get(..count).unwrap_or_default());
        }
        Ok::<_, std::io::Error>(FileFacts {
            path,
            size,
            digest: Digest::from_bytes(hash.finalize().into()),
        })
    });
    match reading.await {
        Ok(Ok(facts)) => Ok(facts),
        Ok(Err(error)) => Err(refused("cannot be read").because(&error)),
        Err(error) => Err(Problem::new(ProblemKind::Internal, "the file was not read").because(&error)),
    }
}
