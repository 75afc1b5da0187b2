//! Files that nobody else may read, written whole or not at all.
//!
//! Owns the way there: beside the old one with 0600, brought to the disk, then renamed over it.
//! Must not know what is in them.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use uuid::Uuid;

use crate::domain::{Kind, Outside, Problem};

/// Writes `bytes` to `path`, over what is there. Its folder is made (0700) where it is missing.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    place(path, bytes, |fresh| std::fs::rename(fresh, path))
}

/// As [`write`], where nothing is there yet; a file that is there is kept and refused.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    // A link never replaces what is there, not even what appeared a moment ago.
    let link = |fresh: &Path| std::fs::hard_link(fresh, path).and_then(|()| std::fs::remove_file(fresh));
    place(path, bytes, link)
}

/// Says whether [`write`] would find `path` writable, without leaving anything but its folder:
/// asked before something is made that has no other place to go.
pub fn probe(path: &Path) -> Result<(), Problem> {
    if path.is_dir() {
        let shown = Outside::new(path.display().to_string());
        return Err(Problem::new(
            Kind::Machine,
            format!("{shown} cannot be written: it is a folder"),
        )
        .hint("name a file in it"));
    }
    place(path, b"", |fresh| std::fs::remove_file(fresh))
}

fn place(
    path: &Path,
    bytes: &[u8],
    placed: impl FnOnce(&Path) -> std::io::Result<()>,
) -> Result<(), Problem> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let fresh = path.with_file_name(format!(".{name}.{}", Uuid::new_v4().simple()));
    let written = make(folder)
        .and_then(|()| create(&fresh))
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| placed(&fresh));
    written.map_err(|error| {
        drop(std::fs::remove_file(&fresh));
        let shown = Outside::new(path.display().to_string());
        if error.kind() == std::io::ErrorKind::AlreadyExists && path.is_file() {
            return Problem::new(
                Kind::Refused,
                format!("{shown} is there already: it is not overwritten"),
            )
            .hint("name another file, or add --force");
        }
        Problem::new(Kind::Machine, format!("{shown} cannot be written"))
            .because(&error)
            .hint("check the folder's permissions and the space on its disk")
    })
}

fn make(folder: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

fn create(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nobody_else_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new").join("secret");
        write(&path, b"one").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert_eq!(write_new(&path, b"three").unwrap_err().kind, Kind::Refused);
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        write_new(&path.with_file_name("other"), b"three").unwrap();
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 2);
        probe(&path.with_file_name("third")).unwrap();
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 2);
        assert_eq!(probe(path.parent().unwrap()).unwrap_err().kind, Kind::Machine);
        // Where it cannot be written, nothing is left behind.
        let blocked = dir.path().join("new").join("secret").join("below");
        assert_eq!(probe(&blocked).unwrap_err().kind, Kind::Machine);
        assert_eq!(write(&blocked, b"x").unwrap_err().kind, Kind::Machine);
    }
}
