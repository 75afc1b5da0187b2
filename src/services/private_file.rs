//! Writes files that only their owner can read, completely or not at all.
//!
//! A file is written next to the old one with mode 0600, synced to disk, then renamed over it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use uuid::Uuid;

use crate::domain::{Problem, ProblemKind, SanitizedText};

/// Writes `bytes` to `path`, replacing an existing file. A missing folder is created (0700).
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    place(path, bytes, |fresh| std::fs::rename(fresh, path))
}

/// Writes as [`write`] does, but refuses to replace an existing file.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    // A link never replaces an existing file, not even one that appeared a moment ago.
    let link = |fresh: &Path| std::fs::hard_link(fresh, path).and_then(|()| std::fs::remove_file(fresh));
    place(path, bytes, link)
}

/// Checks whether [`write`] could write `path` in an existing folder, and leaves no file behind.
/// Called for a path that the user named, before something is created that could be stored nowhere
/// else.
pub fn probe(path: &Path) -> Result<(), Problem> {
    let folder = folder_of(path);
    if !folder.is_dir() {
        let shown = SanitizedText::new(folder.display().to_string());
        return Err(
            Problem::new(ProblemKind::Machine, format!("directory for {shown} not found"))
                .hint("create it first, or name another file"),
        );
    }
    place(path, b"", |fresh| std::fs::remove_file(fresh))
}

/// Refuses a path at which a rename would replace something other than a plain file: a device, a
/// pipe, a folder, a link.
fn check(path: &Path) -> Result<(), Problem> {
    use std::os::unix::fs::FileTypeExt as _;
    let Ok(facts) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    let kind = facts.file_type();
    let what = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => "a directory",
        () if kind.is_symlink() => "a link",
        () if kind.is_fifo() => "a pipe",
        () if kind.is_socket() => "a socket",
        () => "a device",
    };
    let shown = SanitizedText::new(path.display().to_string());
    Err(Problem::new(
        ProblemKind::Refused,
        format!("{shown} was not overwritten: it is {what}"),
    )
    .hint("name a regular file, or a file that does not exist"))
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."))
}

fn place(
    path: &Path,
    bytes: &[u8],
    placed: impl FnOnce(&Path) -> std::io::Result<()>,
) -> Result<(), Problem> {
    check(path)?;
    let folder = folder_of(path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let fresh = path.with_file_name(format!(".{name}.{}", Uuid::new_v4().simple()));
    let shown = SanitizedText::new(path.display().to_string());
    let broken = |error: &std::io::Error| {
        drop(std::fs::remove_file(&fresh));
        Problem::new(ProblemKind::Machine, format!("cannot write {shown}")).because_of_file(
            error,
            &shown,
            "check the permissions of the directory",
        )
    };
    make_folder(folder)
        .and_then(|()| create_new(&fresh))
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .map_err(|error| broken(&error))?;
    placed(&fresh).map_err(|error| {
        let problem = broken(&error);
        if error.kind() != std::io::ErrorKind::AlreadyExists {
            return problem;
        }
        Problem::new(
            ProblemKind::Refused,
            format!("{shown} already exists and was not overwritten"),
        )
        .hint("name another file, or add --force")
    })
}

/// Writes a cache file: by rename, so that a reader sees the old or the new file, and without a
/// sync to disk, because a loss costs only a request.
pub fn write_cached(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = folder_of(path);
    make_folder(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let fresh = path.with_file_name(format!(".{name}.{}", Uuid::new_v4().simple()));
    let written = create_new(&fresh).and_then(|mut file| file.write_all(bytes));
    written
        .and_then(|()| std::fs::rename(&fresh, path))
        .inspect_err(|_| {
            drop(std::fs::remove_file(&fresh));
        })
}

/// Creates a folder that only its owner can enter, and its parents.
pub fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

/// Creates a file that only its owner can read, if none exists.
pub fn create_new(path: &Path) -> std::io::Result<File> {
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
        assert_eq!(write_new(&path, b"three").unwrap_err().kind, ProblemKind::Refused);
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        write_new(&path.with_file_name("other"), b"three").unwrap();
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 2);
        probe(&path.with_file_name("third")).unwrap();
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 2);
        // If it cannot be written, no file is left behind.
        let blocked = dir.path().join("new").join("secret").join("below");
        assert_eq!(probe(&blocked).unwrap_err().kind, ProblemKind::Machine);
        assert_eq!(
            probe(&dir.path().join("gone").join("file")).unwrap_err().kind,
            ProblemKind::Machine
        );
        assert!(!dir.path().join("gone").exists());
        assert_eq!(write(&blocked, b"x").unwrap_err().kind, ProblemKind::Machine);
    }

    #[test]
    fn nothing_but_a_plain_file_is_replaced() {
        use std::os::unix::net::UnixListener;
        let dir = tempfile::tempdir().unwrap();
        let (link, socket) = (dir.path().join("link"), dir.path().join("socket"));
        std::fs::write(dir.path().join("plain"), b"one").unwrap();
        std::os::unix::fs::symlink(dir.path().join("plain"), &link).unwrap();
        let _open = UnixListener::bind(&socket).unwrap();
        for path in [&link, &socket, &dir.path().to_path_buf()] {
            for how in [write(path, b"two"), write_new(path, b"two"), probe(path)] {
                assert_eq!(how.unwrap_err().kind, ProblemKind::Refused, "{}", path.display());
            }
        }
        assert!(link.is_symlink());
        assert_eq!(std::fs::read(&link).unwrap(), b"one");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3);
    }
}
