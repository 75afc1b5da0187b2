//! Verifies git objects against their ids, which are hashes of their content.
//!
//! Ids of 40 digits are SHA-1, of 64 SHA-256. A name that is not such an id (a branch,
//! `branch:path`) refers to content that changes, and proves nothing.

use std::collections::BTreeMap;

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::TreeEntry;

/// Returns true for an object id, which identifies one content only.
pub fn is_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Returns the id of an object of `kind` (`blob`, `tree`), with as many digits as `like` has.
fn id(kind: &str, content: &[u8], like: &str) -> String {
    let head = format!("{kind} {}\0", content.len());
    if like.len() == 64 {
        hex::encode(Sha256::new().chain_update(head).chain_update(content).finalize())
    } else {
        hex::encode(Sha1::new().chain_update(head).chain_update(content).finalize())
    }
}

/// Returns true if `content` is that of the blob `sha`.
pub fn is_blob(sha: &str, content: &[u8]) -> bool {
    is_id(sha) && id("blob", content, sha).eq_ignore_ascii_case(sha)
}

/// Returns true if `entries` are those of the folder `sha`, without what is below them.
pub fn is_folder(sha: &str, entries: &[TreeEntry]) -> bool {
    let mut lines: Vec<(Vec<u8>, Vec<u8>)> = Vec::with_capacity(entries.len());
    for entry in entries {
        let Ok(object) = hex::decode(&entry.sha) else {
            return false;
        };
        let mut line = format!("{} {}\0", entry.mode.trim_start_matches('0'), entry.path).into_bytes();
        line.extend(object);
        // git sorts folders as if their names ended in a slash.
        let mut key = entry.path.clone().into_bytes();
        if entry.kind == "tree" {
            key.push(b'/');
        }
        lines.push((key, line));
    }
    lines.sort();
    let content: Vec<u8> = lines.into_iter().flat_map(|(_, line)| line).collect();
    is_id(sha) && id("tree", &content, sha).eq_ignore_ascii_case(sha)
}

/// Returns true if `entries`, which include every subfolder, are those of the tree `sha`.
pub fn is_tree(sha: &str, entries: &[TreeEntry]) -> bool {
    let mut folders: BTreeMap<&str, Vec<TreeEntry>> = BTreeMap::new();
    let mut ids = BTreeMap::from([("", sha)]);
    for entry in entries {
        let (folder, name) = entry.path.rsplit_once('/').unwrap_or(("", &entry.path));
        folders.entry(folder).or_default().push(TreeEntry {
            path: name.to_owned(),
            ..entry.clone()
        });
        if entry.kind == "tree" {
            ids.insert(&entry.path, &entry.sha);
        }
    }
    let listed = |folder: &&str| ids.contains_key(folder);
    folders.keys().all(listed)
        && ids
            .iter()
            .all(|(folder, sha)| is_folder(sha, folders.get(folder).map_or(&[], Vec::as_slice)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(mode: &str, path: &str, sha: &str) -> TreeEntry {
        TreeEntry {
            path: path.to_owned(),
            mode: mode.to_owned(),
            kind: if mode == "040000" { "tree" } else { "blob" }.to_owned(),
            sha: sha.to_owned(),
            size: 0,
        }
    }

    /// Made with git: `printf hello > hello.txt; mkdir hello; printf x > hello/x; git add .`, then
    /// `git write-tree` and `git ls-tree -r -t`.
    const ROOT: &str = "bf03575b13538a6a408ca2515ec8235a69d8096d";

    #[test]
    fn blobs_are_what_git_calls_them() {
        assert!(is_blob("b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0", b"hello"));
        assert!(!is_blob("b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0", b"hell"));
        assert!(is_blob("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", b""));
        assert!(is_blob(
            "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
            b""
        ));
        assert!(!is_blob("main", b"hello"));
    }

    #[test]
    fn trees_are_what_git_calls_them_and_folders_sort_with_a_slash() {
        let entries = [
            entry("040000", "hello", "f115c6d5cfb15ca1a72429900dcaca0fd1057951"),
            entry("100644", "hello.txt", "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0"),
            entry("100644", "hello/x", "c1b0730e0133447badcfd47fd144e254807b06e1"),
        ];
        assert!(is_tree(ROOT, &entries));
        let mut wrong = entries.clone();
        wrong[2].sha = "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0".to_owned();
        assert!(!is_tree(ROOT, &wrong));
        assert!(!is_tree(ROOT, &entries[..2]));
        assert!(!is_tree(ROOT, &entries[1..]));
    }
}
