//! The mark that the demo's tour was finished or dropped: an empty file beside its journal.

use std::fs::File;
use std::io;
use std::path::Path;

const NAME: &str = "tour-ended";

/// True where the mark is set in `folder`.
pub fn is_set(folder: &Path) -> bool {
    folder.join(NAME).exists()
}

/// Sets it.
pub fn set(folder: &Path) -> io::Result<()> {
    File::create(folder.join(NAME)).map(drop)
}
