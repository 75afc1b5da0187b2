//! Packs a bundle into the zip file that the store accepts, and computes the digest that the store
//! lists for it.
//!
//! The same files always make the same bytes: members are sorted by name, stored without
//! compression and have one fixed date. A plan recognises an earlier upload by that.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use sha3::{Digest as _, Sha3_384};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

use super::FileBytes;
use crate::domain::problem::{Problem, ProblemKind};

/// Returns the zip archive of `files`, by path inside it. Fails only if a name is too long for zip.
pub fn archive(files: &BTreeMap<String, FileBytes>) -> Result<Vec<u8>, Problem> {
    packed(files).map_err(|error| {
        Problem::new(ProblemKind::Internal, "cannot create the bundle archive").because(&error)
    })
}

fn packed(files: &BTreeMap<String, FileBytes>) -> zip::result::ZipResult<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        // 1 January 1980: the earliest date that zip supports.
        .last_modified_time(DateTime::DEFAULT)
        // The bytes must not depend on the operating system.
        .system(System::Unix)
        .unix_permissions(0o644);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes) in files {
        writer.start_file(path.as_str(), options)?;
        writer.write_all(&bytes.0)?;
    }
    Ok(writer.finish()?.into_inner())
}

/// Returns the sha3-384 digest as the store lists it for a revision: 96 hexadecimal digits.
pub fn sha3_384(bytes: &[u8]) -> String {
    hex::encode(Sha3_384::digest(bytes))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn files(members: &[(&str, &str)]) -> BTreeMap<String, FileBytes> {
        let bytes = |text: &str| FileBytes(text.as_bytes().to_vec());
        members
            .iter()
            .map(|(path, text)| ((*path).to_owned(), bytes(text)))
            .collect()
    }

    #[test]
    fn the_same_files_make_the_same_archive_whenever_and_wherever() {
        let made = archive(&files(&[("bundle.yaml", "name: x\n"), ("README.md", "# x\n")])).unwrap();
        let again = archive(&files(&[("README.md", "# x\n"), ("bundle.yaml", "name: x\n")])).unwrap();
        assert_eq!(made, again);
        // If a new version of the library packed differently, every bundle would be uploaded again.
        assert_eq!(
            sha3_384(&made),
            "d26f339c76a44419cb323bde8218513d7b46fb80fd5fd114f830311ab51098f238f7b1607372d44205cf40e85d6ac6a3"
        );
        let other = archive(&files(&[("bundle.yaml", "name: y\n"), ("README.md", "# x\n")])).unwrap();
        assert_ne!(sha3_384(&other), sha3_384(&made));
    }

    #[test]
    fn what_was_packed_is_found_again() {
        let made = archive(&files(&[("bundle.yaml", "name: x\n"), ("icon.svg", "<svg/>")])).unwrap();
        let mut read = zip::ZipArchive::new(Cursor::new(made)).unwrap();
        let names: Vec<String> = read.file_names().map(|name| name.unwrap().into_owned()).collect();
        assert_eq!(names, ["bundle.yaml", "icon.svg"]);
        let mut text = String::new();
        read.by_name("bundle.yaml")
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "name: x\n");
    }

    #[test]
    fn the_digest_is_the_one_that_the_store_lists() {
        // `printf '' | openssl dgst -sha3-384`
        assert_eq!(
            sha3_384(b""),
            "0c63a75b845e4f7d01107d852e4c2485c51a50aaaa94fc61995e71bbee983a2ac3713831264adb47fb6bd1e058d5f004"
        );
    }
}
