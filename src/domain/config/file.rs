//! Opens every file that windlass reads, and reads whole files of a bounded size.
//!
//! Pipes and devices are refused: opening a pipe blocks until a writer opens it, and some devices
//! never end.

use std::fs::{File, OpenOptions};
use std::io::{Error, Read as _, Result};
use std::path::Path;

/// Maximum size of settings, logins and tokens, in bytes.
pub const SMALL: u64 = 1 << 20;
/// Maximum size of a file in windlass's cache, in bytes.
pub const STATE: u64 = 64 << 20;

/// Opens a regular file. `/dev/null` counts as an empty file.
pub fn open_plain(path: &Path) -> Result<File> {
    check_plain(path)?;
    File::open(path)
}

/// Opens a regular file for reading and writing, to lock it; creates it for its owner only. A
/// symbolic link is not followed.
pub fn open_to_lock(path: &Path) -> Result<File> {
    match check_plain(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
        options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    }
    options.open(path)
}

/// Copies a regular file.
pub fn copy_plain(from: &Path, to: &Path) -> Result<()> {
    check_plain(from)?;
    std::fs::copy(from, to).map(drop)
}

/// Refuses what is not a regular file, without opening it: closing a file ends the locks that
/// SQLite has on it.
pub fn check_plain(path: &Path) -> Result<()> {
    let kind = std::fs::metadata(path)?.file_type();
    if kind.is_file() || path == Path::new("/dev/null") {
        return Ok(());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return Err(Error::other("it is a pipe, not a file"));
        }
        if kind.is_char_device() || kind.is_block_device() {
            return Err(Error::other("it is a device, not a file"));
        }
    }
    Err(Error::other(if kind.is_dir() {
        "it is a directory, not a file"
    } else {
        "it is not a regular file"
    }))
}

/// Reads a regular file of at most `most` bytes.
pub fn read_within(path: &Path, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = open_plain(path)?
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if read as u64 > most {
        let most = match most >> 20 {
            0 => format!("{most} bytes"),
            mebibytes => format!("{mebibytes} MiB"),
        };
        return Err(Error::other(format!("it is larger than {most}")));
    }
    Ok(bytes)
}

/// Reads a text file as [`read_within`] does.
pub fn text_within(path: &Path, most: u64) -> Result<String> {
    String::from_utf8(read_within(path, most)?).map_err(|_| Error::other("it is not valid UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn only_plain_files_up_to_their_bound_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, large) = (folder.path().join("pipe"), folder.path().join("large"));
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, mode).unwrap();
        File::create(&large).unwrap().set_len(1 << 40).unwrap();
        for (path, why) in [
            (pipe.as_path(), "a pipe"),
            (Path::new("/dev/zero"), "a device"),
            (folder.path(), "a directory"),
            (large.as_path(), "larger than 1 MiB"),
        ] {
            let error = read_within(path, SMALL).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
        for (path, why) in [(pipe.as_path(), "a pipe"), (Path::new("/dev/zero"), "a device")] {
            let copy = folder.path().join("copy");
            for error in [
                open_to_lock(path).map(drop).unwrap_err(),
                copy_plain(path, &copy).unwrap_err(),
            ] {
                assert!(error.to_string().contains(why), "{error}");
            }
        }
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&large, &link).unwrap();
        open_to_lock(&link).unwrap_err();
        std::fs::write(&large, b"text").unwrap();
        assert_eq!(text_within(&large, 4).unwrap(), "text");
        assert!(
            read_within(&large, 3)
                .unwrap_err()
                .to_string()
                .contains("3 bytes")
        );
        std::fs::write(&large, b"\xff").unwrap();
        assert!(
            text_within(&large, SMALL)
                .unwrap_err()
                .to_string()
                .contains("UTF-8")
        );
        assert_eq!(read_within(Path::new("/dev/null"), SMALL).unwrap(), b"");
    }
}
