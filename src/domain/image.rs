//! Parses image references (`docker://host/name:tag`, `@digest`) and platforms, and describes
//! resolved images.
//!
//! The grammar of a reference is in [`super::grammar`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::digest::{ConfigDigest, Digest, ManifestDigest};
use super::grammar;
use super::problem::{Problem, ProblemKind};
use super::text::SanitizedText;

/// The name of Docker Hub in references. The transport maps it to the host that is contacted.
pub const DOCKER_HUB: &str = "docker.io";

/// A repository in a registry: `docker.io` + `finos/legend-engine-server`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Repository {
    /// Name of the registry, with its port if it has one: `docker.io`, `127.0.0.1:5000`.
    pub registry: String,
    /// Path inside the registry, in lower case.
    pub path: String,
}

impl Repository {
    /// Parses `[docker://][host/]path` without tag or digest.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        Reference::parse(text).map(|reference| reference.repository)
    }

    /// Returns a reference to `tag` in this repository.
    pub fn tagged(&self, tag: &str) -> Reference {
        Reference {
            repository: self.clone(),
            target: Target::Tag(tag.to_owned()),
            beside: None,
        }
    }

    /// Returns a reference to `digest` in this repository.
    pub fn at(&self, digest: ManifestDigest) -> Reference {
        Reference {
            repository: self.clone(),
            target: Target::Digest(digest),
            beside: None,
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

/// What a reference names inside its repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// A tag, which may move.
    Tag(String),
    /// A digest, which cannot change.
    Digest(ManifestDigest),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => f.write_str(tag),
            Self::Digest(digest) => fmt::Display::fmt(digest, f),
        }
    }
}

impl FromStr for Target {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        if text.contains(':') {
            return text
                .parse()
                .map(Self::Digest)
                .map_err(|error: super::digest::NotADigest| {
                    Problem::new(ProblemKind::Usage, error.to_string())
                });
        }
        let valid = !text.is_empty()
            && text.len() <= 128
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
            && !text.starts_with(['.', '-']);
        if valid {
            Ok(Self::Tag(text.to_owned()))
        } else {
            Err(Problem::new(
                ProblemKind::Usage,
                format!(
                    "'{}' is neither a tag nor a digest",
                    SanitizedText::capped(text, 140)
                ),
            )
            .hint(
                "a tag consists of letters, digits, _ . - (at most 128); a digest is sha256: and 64 hex \
                digits",
            ))
        }
    }
}

/// An image in a registry, by tag or by digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Reference {
    /// The repository.
    pub repository: Repository,
    /// Tag or digest.
    pub target: Target,
    /// The tag of `NAME:TAG@DIGEST`. The digest selects the image; the tag is only compared with
    /// it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<String>,
}

impl Reference {
    /// Parses `[docker://][host/]path[:tag|@digest]`; without either the tag is `latest`, and
    /// without a host the registry is Docker Hub (`mongo` is `docker.io/library/mongo`).
    pub fn parse(text: &str) -> Result<Self, Problem> {
        #[cfg(any(test, feature = "testing"))]
        counted::one_more();
        let bare = text.strip_prefix("docker://").unwrap_or(text);
        let fail = |why: String| {
            Problem::new(
                ProblemKind::Usage,
                format!("'{}' is not an image reference", SanitizedText::capped(text, 200)),
            )
            .cause(why)
            .hint(
                "use HOST/NAME:TAG or HOST/NAME@sha256:DIGEST, for example \
                docker.io/finos/legend-studio:13.16.0",
            )
        };
        if bare.contains("://") {
            return Err(fail("only docker:// refers to a registry".to_owned()));
        }
        let parts = grammar::split(bare).map_err(fail)?;
        let (target, beside) = match (parts.digest, parts.tag) {
            (Some(digest), tag) => {
                let digest: Digest = digest.parse().map_err(|error| fail(format!("{error}")))?;
                (Target::Digest(ManifestDigest(digest)), tag.map(str::to_owned))
            }
            (None, Some(tag)) => (Target::Tag(tag.to_owned()), None),
            (None, None) => (Target::Tag("latest".to_owned()), None),
        };
        Ok(Self {
            repository: Repository {
                registry: parts.registry.to_owned(),
                path: parts.path,
            },
            target,
            beside,
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.target, &self.beside) {
            (Target::Tag(tag), _) => write!(f, "{}:{tag}", self.repository),
            (Target::Digest(digest), Some(tag)) => write!(f, "{}:{tag}@{digest}", self.repository),
            (Target::Digest(digest), None) => write!(f, "{}@{digest}", self.repository),
        }
    }
}

/// Platform of a manifest, as registries name it (`linux`, `arm`, `v7`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// Operating system.
    pub os: String,
    /// Architecture as Go names it.
    pub architecture: String,
    /// Variant such as `v7`.
    #[serde(default)]
    pub variant: Option<String>,
}

impl Platform {
    /// Parses `[OS/]ARCHITECTURE[/VARIANT]`; the default system is linux.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let parts: Vec<&str> = text.split('/').collect();
        let (os, architecture, variant) = match parts[..] {
            [architecture] => ("linux", architecture, None),
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(variant)),
            _ => ("", "", None),
        };
        let sound =
            |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !sound(os) || !sound(architecture) || variant.is_some_and(|variant| !sound(variant)) {
            return Err(Problem::new(
                ProblemKind::Usage,
                format!("'{}' is not a platform", SanitizedText::capped(text, 60)),
            )
            .hint("use linux/amd64, linux/arm64 or linux/arm/v7"));
        }
        Ok(Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.map(str::to_owned),
        })
    }

    /// Returns true if this requested platform matches `has`; without a variant it matches any
    /// variant.
    pub fn covers(&self, has: &Self) -> bool {
        self.os == has.os
            && self.architecture == has.architecture
            && (self.variant.is_none() || self.variant == has.variant)
    }

    /// Returns the store's (Debian's) name of this architecture; `None` if the store does not have
    /// it.
    pub fn store_architecture(&self) -> Option<&'static str> {
        Some(match (self.architecture.as_str(), self.variant.as_deref()) {
            ("amd64", _) => "amd64",
            ("arm64", _) => "arm64",
            ("arm", _) => "armhf",
            ("ppc64le", _) => "ppc64el",
            ("riscv64", _) => "riscv64",
            ("s390x", _) => "s390x",
            _ => return None,
        })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}",
            SanitizedText::new(&self.os),
            SanitizedText::new(&self.architecture)
        )?;
        match &self.variant {
            Some(variant) => write!(f, "/{}", SanitizedText::new(variant)),
            None => Ok(()),
        }
    }
}

/// One runnable manifest of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformImage {
    /// Platform that it runs on.
    pub platform: Platform,
    /// Digest of the manifest.
    pub digest: ManifestDigest,
    /// Digest of the config, which identifies the same image in other registries.
    pub config_digest: ConfigDigest,
    /// Size of config and layers as stored, in bytes.
    pub size: u64,
}

/// The facts that a registry returns about one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedImage {
    /// The requested reference.
    pub reference: Reference,
    /// Digest of the manifest, or of the index if there is one.
    pub digest: ManifestDigest,
    /// Media type of the manifest or index that `digest` names.
    pub media_type: String,
    /// Total bytes of the configs and layers of all platforms, each blob counted once.
    pub size: u64,
    /// Runnable manifests, in the index's order. One entry for a plain manifest.
    pub platforms: Vec<PlatformImage>,
    /// Attestation manifests of the index.
    #[serde(default)]
    pub attestations: Vec<ManifestDigest>,
}

impl ResolvedImage {
    /// Returns the config digest of linux/amd64, or of the first platform if there is none for
    /// linux/amd64.
    pub fn config_digest(&self) -> Option<ConfigDigest> {
        self.platforms
            .iter()
            .find(|p| p.platform.os == "linux" && p.platform.architecture == "amd64")
            .or_else(|| self.platforms.first())
            .map(|p| p.config_digest)
    }

    /// Returns the config digest of every platform.
    pub fn config_digests(&self) -> impl Iterator<Item = ConfigDigest> + '_ {
        self.platforms.iter().map(|p| p.config_digest)
    }

    /// Returns the store's architecture names of its linux platforms, sorted, without duplicates.
    pub fn store_architectures(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .platforms
            .iter()
            .filter(|p| p.platform.os == "linux")
            .filter_map(|p| p.platform.store_architecture())
            .map(str::to_owned)
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

/// Counts the references that this thread parsed, so that a test can check that none is parsed
/// before the first frame.
#[cfg(any(test, feature = "testing"))]
pub mod counted {
    use std::cell::Cell;

    thread_local!(static PARSED: Cell<usize> = const { Cell::new(0) });

    pub(super) fn one_more() {
        PARSED.set(PARSED.get() + 1);
    }

    /// Returns the current count.
    pub fn parsed() -> usize {
        PARSED.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_mean_docker_hub() {
        let reference = Reference::parse("mongo:4.0").unwrap();
        assert_eq!(reference.to_string(), "docker.io/library/mongo:4.0");
        let reference = Reference::parse("docker://finos/legend-studio").unwrap();
        assert_eq!(reference.to_string(), "docker.io/finos/legend-studio:latest");
    }

    #[test]
    fn ports_digests_and_tags_are_told_apart() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let reference = Reference::parse(&format!("127.0.0.1:5000/a/b@{digest}")).unwrap();
        assert_eq!(reference.repository.registry, "127.0.0.1:5000");
        assert_eq!(reference.target.to_string(), digest);
        assert!(matches!("1.2.3".parse(), Ok(Target::Tag(_))));
        assert!(matches!(digest.parse(), Ok(Target::Digest(_))));
        assert!("sha256:12".parse::<Target>().is_err());
        assert!("-x".parse::<Target>().is_err());
    }

    #[test]
    fn a_tag_beside_a_digest_is_kept() {
        let text = format!("docker.io/a/b:1.0@sha256:{}", "ab".repeat(32));
        let reference = Reference::parse(&text).unwrap();
        assert!(matches!(reference.target, Target::Digest(_)));
        assert_eq!(reference.beside.as_deref(), Some("1.0"));
        assert_eq!(reference.to_string(), text);
    }

    #[test]
    fn a_registry_without_a_repository_is_a_usage_error() {
        for text in ["localhost:5871", "docker://ghcr.io", "127.0.0.1:5000"] {
            for problem in [
                Reference::parse(text).unwrap_err(),
                Repository::parse(text).unwrap_err(),
            ] {
                assert_eq!(problem.kind, ProblemKind::Usage, "{text}");
                assert!(
                    problem.to_string().contains("the repository is missing"),
                    "{problem}"
                );
            }
        }
    }

    #[test]
    fn nonsense_is_named() {
        for bad in ["", "UPPER/case", "http://x/y:z", "a:b:c"] {
            let problem = Reference::parse(bad).unwrap_err();
            assert_eq!(problem.kind, ProblemKind::Usage, "{bad}");
        }
    }

    #[test]
    fn digests_of_another_algorithm_are_named() {
        let digest = format!("sha512:{}", "ab".repeat(64));
        let problem = Reference::parse(&format!("a/b@{digest}")).unwrap_err();
        assert!(problem.to_string().contains("only sha256"), "{problem}");
        let problem = digest.parse::<Target>().unwrap_err();
        assert!(problem.to_string().contains("only sha256"), "{problem}");
    }

    #[test]
    fn go_architectures_become_the_stores() {
        let arm = Platform {
            os: "linux".into(),
            architecture: "arm".into(),
            variant: Some("v7".into()),
        };
        assert_eq!(arm.store_architecture(), Some("armhf"));
        let ppc = Platform {
            os: "linux".into(),
            architecture: "ppc64le".into(),
            variant: None,
        };
        assert_eq!(ppc.store_architecture(), Some("ppc64el"));
    }
}
