//! Defines the source that an image is assembled from: a folder, an archive, an export.
//!
//! Contains the trait that the two layouts use, and its implementation for a plain folder.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::compress::CompressedLayer;
use crate::config::file;
use crate::domain::{Digest, Problem, ProblemKind, SanitizedText};
use crate::services::registry::BlobLocation;

/// Largest document that is read into memory, in bytes.
pub(super) const CAP: u64 = 8 * 1024 * 1024;

/// Reads entries by name.
pub(super) trait ImageFiles {
    /// Returns the source's name in messages.
    fn what(&self) -> &str;

    /// Returns the normalised name of an entry that a document names.
    fn name(&self, raw: &str) -> Result<String, Problem>;

    /// Reads a document; `None` if there is no such entry.
    fn small(&mut self, name: &str) -> Result<Option<Bytes>, Problem>;

    /// Returns where the unchanged bytes of a blob of this length are.
    fn blob(&mut self, name: &str, size: u64) -> Result<Option<BlobLocation>, Problem>;

    /// Finds out which layers need no compression.
    fn cached(&mut self, diffs: &[Digest]) -> Result<(), Problem>;

    /// Reads a compressed layer whose diff id should be `diff`.
    fn layer(&mut self, name: &str, diff: Digest) -> Result<Option<CompressedLayer>, Problem>;
}

/// Returns the problem for a document that exceeds the limit.
pub(super) fn too_large(what: &str, name: &str, size: u64) -> Problem {
    let shown = SanitizedText::capped(name, 200);
    Problem::new(
        ProblemKind::Invalid,
        format!("{shown} in {what} has {size} bytes"),
    )
    .cause(format!("the limit for such a document is {CAP}"))
    .hint("create the archive or directory again")
}

/// Returns the problem for a blob whose length differs from that in its manifest.
pub(super) fn wrong_length(what: &str, name: &str, size: u64, expected: u64) -> Problem {
    let shown = SanitizedText::capped(name, 200);
    Problem::new(
        ProblemKind::Invalid,
        format!("{shown} in {what} has {size} bytes, its manifest says {expected}"),
    )
    .hint("create the archive or directory again")
}

/// Holds a folder in the OCI image layout.
pub(super) struct Folder {
    what: String,
    path: PathBuf,
}

impl Folder {
    /// Opens the folder at `path`, if it is one.
    pub(super) fn open(what: &str, path: &Path) -> Result<Self, Problem> {
        let facts = fs::metadata(path).map_err(|error| missing(path, &error))?;
        if !facts.is_dir() {
            let shown = SanitizedText::new(path.display().to_string());
            return Err(
                Problem::new(ProblemKind::Invalid, format!("{shown} is not a directory")).hint(format!(
                    "use oci-archive:{shown} or docker-archive:{shown} for an archive"
                )),
            );
        }
        Ok(Self {
            what: what.to_owned(),
            path: path.to_path_buf(),
        })
    }

    fn facts(&self, name: &str) -> Result<Option<(PathBuf, u64)>, Problem> {
        let path = self.path.join(name);
        match fs::metadata(&path) {
            Ok(facts) if facts.is_file() => Ok(Some((path, facts.len()))),
            Ok(_) => {
                let shown = SanitizedText::new(path.display().to_string());
                Err(
                    Problem::new(ProblemKind::Invalid, format!("{shown} is not a regular file"))
                        .hint("create the directory again"),
                )
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(missing(&path, &error)),
        }
    }
}

/// Returns the problem for a file or folder that cannot be read.
pub(super) fn missing(path: &Path, error: &io::Error) -> Problem {
    let shown = SanitizedText::new(path.display().to_string());
    if error.kind() == io::ErrorKind::NotFound {
        return Problem::new(ProblemKind::NotFound, format!("{shown} not found"))
            .hint("check the path; relative paths start at the current directory");
    }
    Problem::new(ProblemKind::Machine, format!("cannot read {shown}"))
        .because(error)
        .hint("check the permissions of the file and its parent directories")
}

impl ImageFiles for Folder {
    fn what(&self) -> &str {
        &self.what
    }

    fn name(&self, raw: &str) -> Result<String, Problem> {
        Ok(raw.to_owned())
    }

    fn small(&mut self, name: &str) -> Result<Option<Bytes>, Problem> {
        let Some((path, size)) = self.facts(name)? else {
            return Ok(None);
        };
        if size > CAP {
            return Err(too_large(&self.what, name, size));
        }
        let mut bytes = Vec::new();
        file::open_plain(&path)
            .and_then(|file| file.take(CAP).read_to_end(&mut bytes))
            .map_err(|error| missing(&path, &error))?;
        Ok(Some(bytes.into()))
    }

    fn blob(&mut self, name: &str, size: u64) -> Result<Option<BlobLocation>, Problem> {
        let Some((path, length)) = self.facts(name)? else {
            return Ok(None);
        };
        if length != size {
            return Err(wrong_length(&self.what, name, length, size));
        }
        Ok(Some(BlobLocation::File { path, offset: 0 }))
    }

    fn cached(&mut self, _: &[Digest]) -> Result<(), Problem> {
        Ok(())
    }

    fn layer(&mut self, _: &str, _: Digest) -> Result<Option<CompressedLayer>, Problem> {
        Ok(None)
    }
}
