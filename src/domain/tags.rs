//! Sorts the tags of a repository in a registry.

use super::image::Target;

/// The tags that a registry lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagList {
    /// Valid tags, newest version first, then those that are not versions by name.
    pub tags: Vec<String>,
    /// True if the registry has more tags than were read.
    pub cut: bool,
}

impl TagList {
    /// Creates a list from the valid tags of `listed`, sorted and without duplicates.
    pub fn new(listed: impl IntoIterator<Item = String>, cut: bool) -> Self {
        let valid = |tag: &String| matches!(tag.parse(), Ok(Target::Tag(_)));
        let mut tags: Vec<String> = listed.into_iter().filter(valid).collect();
        tags.sort_by_cached_key(|tag| (std::cmp::Reverse(version(tag)), tag.clone()));
        tags.dedup();
        Self { tags, cut }
    }
}

/// Sort key of a version: its numbers, whether it is final, and the suffix.
type Version = (Vec<u64>, bool, Vec<u64>, String);

/// Parses `tag` as a version: numbers with dots, an optional `v` before them, and a suffix. A
/// suffix after a hyphen sorts before the version without one, as in semantic versioning.
fn version(tag: &str) -> Option<Version> {
    let text = tag.strip_prefix('v').unwrap_or(tag);
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (numbers, suffix) = text.split_at(end);
    let numbers: Vec<u64> = numbers
        .trim_end_matches('.')
        .split('.')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    // A single number is a version only if it is the whole tag; otherwise it may be part of a
    // digest.
    if numbers.len() < 2 && !suffix.is_empty() {
        return None;
    }
    let parts = suffix.split(|c: char| !c.is_ascii_digit());
    let builds = parts.filter_map(|part| part.parse().ok()).collect();
    Some((numbers, !suffix.starts_with('-'), builds, suffix.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_comes_first_and_what_is_none_follows_by_name() {
        let listed = [
            "latest",
            "4.9.0",
            "4.10.0-rc.2",
            "4.10.0-rc.10",
            "4.10.0",
            "v5.0.0_9.1",
            "v5.0.0_10.1",
            "v5.0.0",
            "10b3c2",
            "edge",
            "4.9.0",
            "3",
            "-bad",
            "also bad",
        ];
        let list = TagList::new(listed.map(str::to_owned), false);
        assert_eq!(
            list.tags,
            [
                "v5.0.0_10.1",
                "v5.0.0_9.1",
                "v5.0.0",
                "4.10.0",
                "4.10.0-rc.10",
                "4.10.0-rc.2",
                "4.9.0",
                "3",
                "10b3c2",
                "edge",
                "latest",
            ]
        );
    }

    proptest::proptest! {
        #[test]
        fn no_tag_is_lost_or_invented(tags in proptest::collection::btree_set("[a-z0-9][a-z0-9._-]{0,12}", 0..40)) {
            let mut sorted = TagList::new(tags.iter().cloned(), false).tags;
            sorted.sort();
            proptest::prop_assert_eq!(sorted, tags.into_iter().collect::<Vec<_>>());
        }
    }
}
