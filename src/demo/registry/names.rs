//! Parses addresses of the distribution protocol: repository names, tags, digests, and the
//! endpoint of a path.
//!
//! The syntax is defined in the specification's section "Pulling manifests".

use super::id::Id;

/// What a path below `/v2/` names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// `<name>/manifests/<reference>`
    Manifest(&'a str, &'a str),
    /// `<name>/blobs/<digest>`
    Blob(&'a str, &'a str),
    /// `<name>/blobs/uploads/`
    Uploads(&'a str),
    /// `<name>/blobs/uploads/<id>`
    Upload(&'a str, &'a str),
    /// `<name>/tags/list`
    Tags(&'a str),
    /// `<name>/referrers/<digest>`
    Referrers(&'a str, &'a str),
    /// `_catalog`
    Catalog,
}

impl<'a> Place<'a> {
    /// Parses the part of a path after `/v2/`.
    pub(super) fn parse(rest: &'a str) -> Option<Self> {
        if rest == "_catalog" {
            return Some(Self::Catalog);
        }
        if let Some(name) = rest.strip_suffix("/tags/list") {
            return Some(Self::Tags(name));
        }
        if let Some(name) = rest
            .strip_suffix("/blobs/uploads")
            .or(rest.strip_suffix("/blobs/uploads/"))
        {
            return Some(Self::Uploads(name));
        }
        let (before, last) = rest.rsplit_once('/')?;
        if let Some(name) = before.strip_suffix("/blobs/uploads") {
            return Some(Self::Upload(name, last));
        }
        let (name, kind) = before.rsplit_once('/')?;
        match kind {
            "manifests" => Some(Self::Manifest(name, last)),
            "blobs" => Some(Self::Blob(name, last)),
            "referrers" => Some(Self::Referrers(name, last)),
            _ => None,
        }
    }

    /// Returns the repository.
    pub(super) fn repository(&self) -> Option<&'a str> {
        match self {
            Self::Manifest(name, _)
            | Self::Blob(name, _)
            | Self::Uploads(name)
            | Self::Upload(name, _)
            | Self::Tags(name)
            | Self::Referrers(name, _) => Some(name),
            Self::Catalog => None,
        }
    }
}

/// The part after `manifests/`.
pub(super) enum Reference<'a> {
    /// A tag.
    Tag(&'a str),
    /// A digest.
    Digest(Id),
}

impl<'a> Reference<'a> {
    /// Parses a tag or a digest; `None` if it is neither.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        if text.contains(':') {
            return text.parse().ok().map(Self::Digest);
        }
        is_tag(text).then_some(Self::Tag(text))
    }
}

/// Returns true for `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
pub(super) fn is_tag(text: &str) -> bool {
    text.len() <= 128
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// Returns true for a repository name of the specification: path components of lower-case letters
/// and digits joined by `.`, `_`, `__` or dashes.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 255 && text.split('/').all(is_component)
}

fn is_component(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !text.starts_with(alphanumeric) || !text.ends_with(alphanumeric) {
        return false;
    }
    text.split(alphanumeric)
        .all(|between| matches!(between, "" | "." | "_" | "__") || between.chars().all(|c| c == '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_specification() {
        for good in [
            "a",
            "finos/legend-studio",
            "a__b/c--d",
            "charm/abc/engine-image",
            "0.1",
        ] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "A", "a/", "/a", "a..b", "a___b", "-a", "a-", "a//b", "a:b"] {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn paths_mean_endpoints() {
        assert_eq!(
            Place::parse("a/b/manifests/latest"),
            Some(Place::Manifest("a/b", "latest"))
        );
        assert_eq!(Place::parse("a/blobs/uploads/"), Some(Place::Uploads("a")));
        assert_eq!(Place::parse("a/blobs/uploads/1"), Some(Place::Upload("a", "1")));
        assert_eq!(
            Place::parse("manifests/blobs/x"),
            Some(Place::Blob("manifests", "x"))
        );
        assert_eq!(Place::parse("a/b"), None);
    }
}
