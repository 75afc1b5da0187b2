//! Selects an image of an archive or a layout that holds several.
//!
//! An image is selected by name, by position (`@0`, as skopeo writes it), by digest or by
//! platform.

use super::docker_archive::same_name;
use crate::domain::image::Platform;
use crate::domain::{Digest, Problem, ProblemKind, SanitizedText};

/// Holds what the operator asks for.
#[derive(Clone, Copy, Default)]
pub(super) struct ImageSelector<'a> {
    /// The part after the path: a name, `@POSITION` or a digest.
    pub(super) name: Option<&'a str>,
    /// Platforms; they select only if the name leaves several images.
    pub(super) platforms: &'a [Platform],
}

/// Holds one image that may be selected.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// Its position.
    pub(super) position: usize,
    /// All of its names.
    pub(super) names: Vec<String>,
    /// Its digest: of the manifest or index in a layout, of the config in a Docker archive.
    pub(super) digest: Option<Digest>,
    /// Its platform, if known.
    pub(super) platform: Option<Platform>,
}

/// Holds the selected image.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    /// Position of the image.
    pub(super) position: usize,
    /// The digest that identifies it, if a platform selected it.
    pub(super) pinned: Option<Digest>,
}

/// Parses a name that is a digest, with or without a leading `@`.
pub(super) fn digest_in(name: &str) -> Option<Digest> {
    name.strip_prefix('@').unwrap_or(name).parse().ok()
}

/// Parses a name that is a position: `@0`.
pub(super) fn position_in(name: &str) -> Option<usize> {
    name.strip_prefix('@')?.parse().ok()
}

/// Selects one of the `candidates` of `what`.
pub(super) fn choose(
    what: &str,
    candidates: &[Candidate],
    wanted: ImageSelector<'_>,
) -> Result<Chosen, Problem> {
    let by_name = |one: &&Candidate| match wanted.name {
        None => true,
        Some(name) => match (position_in(name), digest_in(name)) {
            (Some(position), _) => one.position == position,
            (_, Some(digest)) => one.digest == Some(digest),
            _ => one.names.iter().any(|known| same_name(known, name)),
        },
    };
    let named: Vec<&Candidate> = candidates.iter().filter(by_name).collect();
    if let Some(first) = only(&named) {
        return Ok(Chosen {
            position: first.position,
            pinned: None,
        });
    }
    let by_platform = |one: &&&Candidate| {
        let has = one.platform.as_ref();
        has.is_some_and(|has| wanted.platforms.iter().any(|platform| platform.covers(has)))
    };
    let running: Vec<&Candidate> = named.iter().filter(by_platform).copied().collect();
    if let Some(first) = only(&running) {
        return Ok(Chosen {
            position: first.position,
            pinned: first.digest,
        });
    }
    let shown = |name: &str| SanitizedText::capped(name, 200);
    let problem = match wanted.name {
        Some(name) if named.is_empty() => Problem::new(
            ProblemKind::NotFound,
            format!("{what} contains no image {}", shown(name)),
        ),
        Some(name) => Problem::new(
            ProblemKind::Usage,
            format!("{what} contains several images named {}", shown(name)),
        ),
        None => Problem::new(ProblemKind::Usage, format!("{what} contains several images")),
    };
    Err(listed(
        problem,
        if named.is_empty() {
            candidates.iter().collect()
        } else {
            named
        },
    ))
}

/// Returns the image if all of these are the same one.
fn only<'a>(candidates: &[&'a Candidate]) -> Option<&'a Candidate> {
    let (first, rest) = candidates.split_first()?;
    let same = |other: &&Candidate| first.digest.is_some() && other.digest == first.digest;
    rest.iter().all(same).then_some(*first)
}

/// Adds the possible choices to `problem`.
fn listed(problem: Problem, candidates: Vec<&Candidate>) -> Problem {
    const MOST: usize = 20;
    // Offered only where it means one of them.
    let alone = |has: &dyn Fn(&Candidate) -> bool| candidates.iter().filter(|one| has(one)).count() == 1;
    let names = candidates.iter().flat_map(|one| &one.names);
    let named = names.clone().any(|name| alone(&|one| one.names.contains(name)));
    let platforms = candidates.iter().filter_map(|one| one.platform.as_ref());
    let told_apart = platforms
        .clone()
        .any(|platform| alone(&|one| one.platform.as_ref() == Some(platform)));
    let more = candidates.len().saturating_sub(MOST);
    let mut problem = candidates.into_iter().take(MOST).fold(problem, |problem, one| {
        let mut words = vec![format!("@{}", one.position)];
        words.extend(
            one.names
                .iter()
                .map(|name| SanitizedText::capped(name, 200).to_string()),
        );
        words.extend(one.platform.as_ref().map(ToString::to_string));
        words.extend(one.digest.map(|digest| digest.to_string()));
        problem.cause(words.join("  "))
    });
    if more > 0 {
        problem = problem.cause(format!("and {more} more"));
    }
    let name = if named { "its name, " } else { "" };
    let platform = if told_apart {
        "; or select its --platform"
    } else {
        ""
    };
    problem.hint(format!(
        "select one after the path and a colon: {name}@POSITION or digest{platform}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(position: usize, name: &str, architecture: &str) -> Candidate {
        let digit = position.to_string();
        Candidate {
            position,
            names: (!name.is_empty()).then(|| name.to_owned()).into_iter().collect(),
            digest: format!("sha256:{}", digit.repeat(64)).parse().ok(),
            platform: Platform::parse(architecture).ok(),
        }
    }

    fn pick(candidates: &[Candidate], name: Option<&str>, platforms: &[&str]) -> Result<Chosen, Problem> {
        let platforms: Vec<Platform> = platforms
            .iter()
            .map(|text| Platform::parse(text).unwrap())
            .collect();
        let platforms = &platforms[..];
        choose("a.tar", candidates, ImageSelector { name, platforms })
    }

    #[test]
    fn position_digest_name_and_platform_choose() {
        let all = [
            candidate(0, "a:1", "amd64"),
            candidate(1, "a:1", "arm64"),
            candidate(2, "", "s390x"),
        ];
        let digest = all[2].digest.unwrap().to_string();
        assert_eq!(pick(&all, Some("@2"), &[]).unwrap().position, 2);
        assert_eq!(pick(&all, Some(&digest), &[]).unwrap().position, 2);
        assert_eq!(pick(&all, Some(&format!("@{digest}")), &[]).unwrap().position, 2);
        let chosen = pick(&all, Some("a:1"), &["linux/arm64"]).unwrap();
        assert_eq!((chosen.position, chosen.pinned), (1, all[1].digest));
        assert_eq!(pick(&all, None, &["s390x"]).unwrap().position, 2);
    }

    #[test]
    fn what_may_be_meant_is_listed_with_digest_and_platform() {
        let all = [candidate(0, "a:1", "amd64"), candidate(1, "a:1", "arm64")];
        for (name, platforms, kind) in [
            (None, &[][..], ProblemKind::Usage),
            (Some("a:1"), &[], ProblemKind::Usage),
            (Some("a:1"), &["amd64", "arm64"], ProblemKind::Usage),
            (Some("b:1"), &[], ProblemKind::NotFound),
            (Some("@7"), &[], ProblemKind::NotFound),
        ] {
            let problem = pick(&all, name, platforms).unwrap_err();
            assert_eq!(problem.kind, kind, "{problem}");
            let text = format!("{problem:?}");
            for word in [
                "@0",
                "@1",
                "linux/arm64",
                "a:1",
                &all[0].digest.unwrap().to_string(),
            ] {
                assert!(text.contains(word), "{word} is missing: {text}");
            }
        }
    }

    #[test]
    fn only_what_tells_the_images_apart_is_offered() {
        let hint = |candidates: &[Candidate]| {
            let problem = pick(candidates, None, &[]).unwrap_err();
            problem.hints[0].as_str().to_owned()
        };
        let offers = |hint: &str| (hint.contains("its name"), hint.contains("--platform"));
        let same_name = [candidate(0, "a:1", "amd64"), candidate(1, "a:1", "arm64")];
        assert_eq!(offers(&hint(&same_name)), (false, true));
        let same_platform = [candidate(0, "a:1", "amd64"), candidate(1, "a:2", "amd64")];
        assert_eq!(offers(&hint(&same_platform)), (true, false));
        let untagged = [candidate(0, "", "amd64"), candidate(1, "", "amd64")];
        assert_eq!(offers(&hint(&untagged)), (false, false));
        assert!(hint(&untagged).contains("@POSITION"));
    }

    #[test]
    fn one_image_with_two_names_is_one_image() {
        let mut twice = candidate(1, "a:2", "amd64");
        twice.digest = candidate(0, "", "amd64").digest;
        let all = [candidate(0, "a:1", "amd64"), twice];
        assert_eq!(
            pick(&all, None, &[]).unwrap(),
            Chosen {
                position: 0,
                pinned: None
            }
        );
    }
}
