//! Stores git objects with their real ids: blobs, trees, commits, and the branches that point to
//! them.
//!
//! Holds one repository's objects in memory; `store` saves them.

use std::collections::BTreeMap;
use std::io::Write as _;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha1::{Digest as _, Sha1};

/// The types of object that the demo environment needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ObjectKind {
    Blob,
    Tree,
    Commit,
}

impl ObjectKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Tree => "tree",
            Self::Commit => "commit",
        }
    }
}

/// Holds a stored object: what `git cat-file` would print, as bytes.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Object {
    pub kind: ObjectKind,
    #[serde(with = "as_base64")]
    pub data: Vec<u8>,
}

/// Holds one entry of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub mode: String,
    pub name: String,
    pub id: String,
}

impl Entry {
    pub(super) fn is_tree(&self) -> bool {
        self.mode == "040000"
    }
}

/// Holds the author or committer of a commit, and the time.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub name: String,
    pub email: String,
    pub at: DateTime<Utc>,
}

/// Holds a parsed commit.
#[derive(Clone, Debug)]
pub(super) struct Commit {
    pub tree: String,
    pub parents: Vec<String>,
    pub author: Person,
    pub committer: Person,
    pub message: String,
}

/// Holds a repository's objects and branches.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Objects {
    /// Full ref name (`refs/heads/main`) to commit id.
    pub refs: BTreeMap<String, String>,
    objects: BTreeMap<String, Object>,
}

impl Objects {
    /// Stores an object and returns its id.
    pub(super) fn add(&mut self, kind: ObjectKind, data: Vec<u8>) -> String {
        let mut hash = Sha1::new();
        hash.update(format!("{} {}\0", kind.name(), data.len()));
        hash.update(&data);
        let id = hex::encode(hash.finalize());
        self.objects.insert(id.clone(), Object { kind, data });
        id
    }

    pub(super) fn get(&self, id: &str, kind: ObjectKind) -> Option<&[u8]> {
        self.objects
            .get(id)
            .filter(|object| object.kind == kind)
            .map(|object| &object.data[..])
    }

    /// Returns the size of a blob in bytes.
    pub(super) fn size(&self, id: &str) -> usize {
        self.objects.get(id).map_or(0, |object| object.data.len())
    }

    /// Returns an object as git stores it in a file: its header and its bytes, compressed.
    pub(super) fn loose(&self, id: &str) -> Option<Vec<u8>> {
        let object = self.objects.get(id)?;
        let level = flate2::Compression::fast();
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), level);
        let head = format!("{} {}\0", object.kind.name(), object.data.len());
        packed.write_all(head.as_bytes()).ok()?;
        packed.write_all(&object.data).ok()?;
        packed.finish().ok()
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.objects.contains_key(id)
    }

    /// Returns the entries of a tree.
    pub(super) fn tree(&self, id: &str) -> Option<Vec<Entry>> {
        let mut rest = self.get(id, ObjectKind::Tree)?;
        let mut entries = Vec::new();
        while !rest.is_empty() {
            let end = rest.iter().position(|byte| *byte == 0)?;
            let head = std::str::from_utf8(&rest[..end]).ok()?;
            let (mode, name) = head.split_once(' ')?;
            let id = rest.get(end + 1..end + 21)?;
            entries.push(Entry {
                mode: format!("{mode:0>6}"),
                name: name.to_owned(),
                id: hex::encode(id),
            });
            rest = &rest[end + 21..];
        }
        Some(entries)
    }

    /// Stores one level of a tree.
    pub(super) fn add_tree(&mut self, mut entries: Vec<Entry>) -> String {
        // git sorts a folder as if its name ended in a slash.
        entries.sort_by_key(|entry| {
            if entry.is_tree() {
                format!("{}/", entry.name)
            } else {
                entry.name.clone()
            }
        });
        let mut data = Vec::new();
        for entry in entries {
            data.extend(format!("{} {}\0", entry.mode.trim_start_matches('0'), entry.name).into_bytes());
            data.extend(hex::decode(&entry.id).unwrap_or_default());
        }
        self.add(ObjectKind::Tree, data)
    }

    /// Collects all files and folders below a tree, folders first as `git ls-tree -rt` prints
    /// them.
    pub(super) fn walk(&self, id: &str, prefix: &str, into: &mut Vec<(String, Entry)>) {
        for entry in self.tree(id).unwrap_or_default() {
            let path = format!("{prefix}{}", entry.name);
            let below = entry.is_tree().then(|| entry.id.clone());
            into.push((path.clone(), entry));
            if let Some(below) = below {
                self.walk(&below, &format!("{path}/"), into);
            }
        }
    }

    /// Returns the entry at `path` (empty = the tree itself).
    pub(super) fn at(&self, tree: &str, path: &str) -> Option<Entry> {
        let mut found = Entry {
            mode: "040000".into(),
            name: String::new(),
            id: tree.to_owned(),
        };
        for part in path.split('/').filter(|part| !part.is_empty()) {
            found = self
                .tree(&found.id)?
                .into_iter()
                .find(|entry| entry.name == part)?;
        }
        Some(found)
    }

    /// Returns `tree` with the entry at `path` replaced, or removed for `None`. Empty folders are
    /// removed.
    pub(super) fn with(
        &mut self,
        tree: Option<&str>,
        path: &str,
        new: Option<(&str, &str)>,
    ) -> Option<String> {
        let mut entries = tree.and_then(|tree| self.tree(tree)).unwrap_or_default();
        let (first, rest) = path
            .split_once('/')
            .map_or((path, None), |(first, rest)| (first, Some(rest)));
        let old = entries
            .iter()
            .position(|entry| entry.name == first)
            .map(|at| entries.remove(at));
        let entry = match rest {
            None => new.map(|(mode, id)| (mode.to_owned(), id.to_owned())),
            Some(rest) => {
                let below = old.filter(Entry::is_tree).map(|old| old.id);
                self.with(below.as_deref(), rest, new)
                    .map(|id| ("040000".to_owned(), id))
            }
        };
        if let Some((mode, id)) = entry {
            entries.push(Entry {
                mode,
                name: first.to_owned(),
                id,
            });
        }
        (!entries.is_empty()).then(|| self.add_tree(entries))
    }

    /// Stores a commit.
    pub(super) fn add_commit(&mut self, commit: &Commit) -> String {
        let mut text = format!("tree {}\n", commit.tree);
        for parent in &commit.parents {
            text.push_str(&format!("parent {parent}\n"));
        }
        for (role, person) in [("author", &commit.author), ("committer", &commit.committer)] {
            text.push_str(&format!(
                "{role} {} <{}> {} +0000\n",
                person.name,
                person.email,
                person.at.timestamp()
            ));
        }
        text.push('\n');
        text.push_str(&commit.message);
        self.add(ObjectKind::Commit, text.into_bytes())
    }

    /// Parses a commit.
    pub(super) fn commit(&self, id: &str) -> Option<Commit> {
        let text = std::str::from_utf8(self.get(id, ObjectKind::Commit)?).ok()?;
        let (head, message) = text.split_once("\n\n")?;
        let fields = |key: &str| {
            let key = format!("{key} ");
            head.lines()
                .filter_map(move |line| line.strip_prefix(&key).map(str::to_owned))
                .collect::<Vec<_>>()
        };
        Some(Commit {
            tree: fields("tree").pop()?,
            parents: fields("parent"),
            author: person(&fields("author").pop()?)?,
            committer: person(&fields("committer").pop()?)?,
            message: message.to_owned(),
        })
    }

    /// Returns the commit of a branch, full ref or commit id.
    pub(super) fn resolve(&self, name: &str) -> Option<String> {
        if self.get(name, ObjectKind::Commit).is_some() {
            return Some(name.to_owned());
        }
        ["", "refs/", "refs/heads/"]
            .iter()
            .find_map(|prefix| self.refs.get(&format!("{prefix}{name}")).cloned())
    }

    /// Returns commits from `start` back along first parents; with `path` only those that changed
    /// it.
    pub(super) fn log(&self, start: &str, path: Option<&str>) -> Vec<(String, Commit)> {
        let mut found = Vec::new();
        let mut next = Some(start.to_owned());
        while let Some((id, commit)) = next
            .take()
            .and_then(|id| self.commit(&id).map(|commit| (id, commit)))
        {
            next = commit.parents.first().cloned();
            let changed = path.is_none_or(|path| {
                let before = next
                    .as_ref()
                    .and_then(|id| self.commit(id))
                    .and_then(|old| self.at(&old.tree, path));
                before.map(|entry| entry.id) != self.at(&commit.tree, path).map(|entry| entry.id)
            });
            if changed {
                found.push((id, commit));
            }
        }
        found
    }
}

fn person(text: &str) -> Option<Person> {
    let (name, rest) = text.split_once(" <")?;
    let (email, rest) = rest.split_once("> ")?;
    let seconds = rest.split(' ').next()?.parse().ok()?;
    Some(Person {
        name: name.into(),
        email: email.into(),
        at: DateTime::from_timestamp(seconds, 0)?,
    })
}

mod as_base64 {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(data: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(data))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        STANDARD
            .decode(String::deserialize(from)?)
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_git() {
        let mut objects = Objects::default();
        // `printf hello | git hash-object --stdin` and the well-known empty tree.
        assert_eq!(
            objects.add(ObjectKind::Blob, b"hello".to_vec()),
            "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0"
        );
        assert_eq!(
            objects.add_tree(Vec::new()),
            "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
        );
    }

    #[test]
    fn paths_are_set_found_and_removed() {
        let mut objects = Objects::default();
        let blob = objects.add(ObjectKind::Blob, b"x".to_vec());
        let one = objects.with(None, "a/b/c", Some(("100644", &blob))).unwrap();
        let two = objects.with(Some(&one), "a/d", Some(("100644", &blob))).unwrap();
        assert_eq!(objects.at(&two, "a/b/c").unwrap().id, blob);
        let three = objects.with(Some(&two), "a/b/c", None).unwrap();
        assert!(objects.at(&three, "a/b").is_none());
        assert!(objects.at(&three, "a/d").is_some());
        assert_eq!(objects.with(Some(&three), "a/d", None), None);
    }
}
