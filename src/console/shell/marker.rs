//! The marker that the demo's tour was finished or ended: an empty file beside its journal.

use std::fs::File;
use std::io;
use std::path::Path;

const NAME: &str = "tour-ended";

/// Returns true if the marker exists in `folder`.
pub fn is_set(folder: &Path) -> bool {
    folder.join(NAME).exists()
}

/// Creates the marker.
pub fn set(folder: &Path) -> io::Result<()> {
    File::create(folder.join(NAME)).map(drop)
}
