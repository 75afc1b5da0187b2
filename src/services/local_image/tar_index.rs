//! Resolves the names in an archive.
//!
//! Refuses names that lead outside and follows links: entries are found by name and never written
//! anywhere.

use std::collections::HashMap;

use crate::domain::{Problem, ProblemKind, SanitizedText};

/// Number of links that are followed from one name.
const LINKS: usize = 8;

/// Holds entries by name.
#[derive(Debug)]
pub(super) struct Entries<T> {
    what: String,
    entries: HashMap<String, Entry<T>>,
}

#[derive(Debug)]
enum Entry<T> {
    Regular(T),
    Link(String),
}

impl<T> Entries<T> {
    pub(super) fn of(what: &str) -> Self {
        Self {
            what: what.to_owned(),
            entries: HashMap::new(),
        }
    }

    /// Returns the normalised name of an entry.
    pub(super) fn name(&self, raw: &[u8]) -> Result<String, Problem> {
        let text = String::from_utf8_lossy(raw);
        if text.starts_with('/') {
            return Err(self.trick(&text, "its path is absolute"));
        }
        inside("", &text).ok_or_else(|| self.trick(&text, "its path leaves the archive"))
    }

    fn trick(&self, name: &str, why: &str) -> Problem {
        let shown = SanitizedText::capped(name, 200);
        Problem::new(
            ProblemKind::Invalid,
            format!("{} contains an unsafe entry: {shown}", self.what),
        )
        .cause(why)
        .hint("do not trust this archive; create one with docker save, podman save or skopeo")
    }

    /// Adds a file.
    pub(super) fn put(&mut self, name: String, held: T) {
        self.entries.insert(name, Entry::Regular(held));
    }

    /// Adds a link: a symbolic one is relative to its folder, a hard one to the top.
    pub(super) fn link(&mut self, name: String, target: &[u8], symbolic: bool) -> Result<(), Problem> {
        let text = String::from_utf8_lossy(target);
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let leads_to = if text.starts_with('/') {
            None
        } else {
            inside(if symbolic { folder } else { "" }, &text)
        };
        let Some(leads_to) = leads_to else {
            return Err(self.trick(
                &format!("{name} -> {text}"),
                "its link target is outside the archive",
            ));
        };
        self.entries.insert(name, Entry::Link(leads_to));
        Ok(())
    }

    /// Returns the name of the file that `name` resolves to.
    pub(super) fn settle<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let mut name = name;
        for _ in 0..LINKS {
            match self.entries.get(name)? {
                Entry::Regular(_) => return Some(name),
                Entry::Link(target) => name = target,
            }
        }
        None
    }

    /// Returns the entry that `name` resolves to.
    pub(super) fn get(&self, name: &str) -> Option<&T> {
        match self.entries.get(self.settle(name)?)? {
            Entry::Regular(held) => Some(held),
            Entry::Link(_) => None,
        }
    }
}

/// Resolves `path` relative to `folder`, without dots; `None` if it leads outside.
fn inside(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    let inner = parts.is_empty();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            // An entry's own name must not contain `..`; a link may go up as far as its depth.
            ".." if inner => return None,
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_inside_only() {
        let mut entries = Entries::of("a.tar");
        entries.put("aa.tar".to_owned(), 1);
        entries
            .link("v1/layer.tar".to_owned(), b"../aa.tar", true)
            .unwrap();
        entries
            .link("v2/layer.tar".to_owned(), b"v1/layer.tar", false)
            .unwrap();
        entries.link("loop".to_owned(), b"loop", true).unwrap();
        assert_eq!(entries.get("v2/layer.tar"), Some(&1));
        assert_eq!(entries.settle("v1/layer.tar"), Some("aa.tar"));
        assert_eq!(entries.get("loop"), None);
        for target in ["../../etc/passwd", "/etc/passwd", "../.."] {
            let problem = entries
                .link("v1/evil".to_owned(), target.as_bytes(), true)
                .unwrap_err();
            assert_eq!(problem.kind, ProblemKind::Invalid);
            assert!(problem.summary.as_str().contains("v1/evil"), "{problem}");
        }
    }

    #[test]
    fn names_are_plain_or_refused() {
        let entries = Entries::<()>::of("a.tar");
        assert_eq!(entries.name(b"./blobs//sha256/aa").unwrap(), "blobs/sha256/aa");
        for bad in ["../x", "a/../../x", "a/../b", "/etc/passwd"] {
            let problem = entries.name(bad.as_bytes()).unwrap_err();
            assert!(problem.to_string().contains("a.tar"), "{problem}");
            assert!(problem.to_string().contains(bad), "{problem}");
        }
    }
}
