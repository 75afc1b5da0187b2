//! Reads and writes the zip archives that charms and bundles are.
//!
//! Must not trust a length that it reads.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use crate::domain::bundle::archive::archive;
use crate::domain::{FileBytes, Problem};

/// Largest unpacked member: a bundle is a few kilobytes of text.
const CAP: u64 = 1 << 20;

/// Returns the bytes of member `name`, `None` if there is none or the archive is damaged.
pub fn member(archive: &[u8], name: &str) -> Option<Vec<u8>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).ok()?;
    let member = archive.by_name(name).ok()?;
    let mut bytes = Vec::new();
    member.take(CAP).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Returns an archive of stored members, the same bytes for the same members.
pub fn stored(members: &[(&str, &[u8])]) -> Result<Vec<u8>, Problem> {
    let files: BTreeMap<String, FileBytes> = members
        .iter()
        .map(|(name, bytes)| ((*name).to_owned(), FileBytes(bytes.to_vec())))
        .collect();
    archive(&files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_found_again() {
        let archive = stored(&[("a.txt", b"one"), ("bundle.yaml", b"name: x\n")]).unwrap();
        assert_eq!(
            member(&archive, "bundle.yaml").as_deref(),
            Some(&b"name: x\n"[..])
        );
        assert_eq!(member(&archive, "a.txt").as_deref(), Some(&b"one"[..]));
        assert_eq!(member(&archive, "b"), None);
        assert_eq!(member(&archive[..archive.len() - 30], "a.txt"), None);
    }
}
