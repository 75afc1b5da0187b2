//! Describes an image in detail: its config, its layers, and the differences between two images.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::digest::{ConfigDigest, Digest, ManifestDigest};
use super::image::{Platform, PlatformImage};
use super::problem::{Problem, ProblemKind};
use super::source::ImageSource;
use super::text::{SanitizedText, count};

/// Details of one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageDetail {
    /// The source that was requested.
    pub source: ImageSource,
    /// Digest of the manifest, or of the index if there is one. For an image in an engine or a
    /// docker archive: the digest that it will have in a registry.
    pub digest: ManifestDigest,
    /// Media type of the manifest or index that `digest` names.
    pub media_type: String,
    /// Total bytes of the configs and layers of all platforms, each blob counted once.
    pub size: u64,
    /// Runnable manifests, in the index's order. One entry for a plain manifest.
    pub platforms: Vec<PlatformDetail>,
    /// Attestation manifests of the index.
    pub attestations: Vec<ManifestDigest>,
    /// Manifests that the index names but the registry no longer has.
    #[serde(default)]
    pub missing: Vec<MissingManifest>,
    /// Set if the image was named by tag and digest and the tag names another digest or does not
    /// exist.
    #[serde(default)]
    pub moved: Option<MovedTag>,
}

/// A manifest that an index names but the registry does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingManifest {
    /// Digest of the manifest.
    pub digest: ManifestDigest,
    /// Platform, if the index names it.
    pub platform: Option<Platform>,
}

/// A tag that does not name the requested digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedTag {
    /// The tag.
    pub tag: SanitizedText,
    /// The digest that the tag names now; `None` if the tag does not exist.
    pub now: Option<ManifestDigest>,
}

impl std::fmt::Display for MissingManifest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.platform {
            Some(platform) => write!(f, "{platform} ({})", self.digest),
            None => std::fmt::Display::fmt(&self.digest, f),
        }
    }
}

/// One runnable manifest of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformDetail {
    /// The facts that a registry returns about it.
    #[serde(flatten)]
    pub image: PlatformImage,
    /// Build time in the config.
    pub created: Option<DateTime<Utc>>,
    /// Labels of the config.
    pub labels: BTreeMap<String, SanitizedText>,
    /// Environment of the config, `NAME=VALUE`.
    pub env: Vec<SanitizedText>,
    /// Entrypoint.
    pub entrypoint: Vec<SanitizedText>,
    /// Default arguments of the entrypoint.
    pub command: Vec<SanitizedText>,
    /// Layers, lowest first.
    pub layers: Vec<Layer>,
    /// Number of layers in the config, if the config lists them.
    #[serde(default)]
    pub config_layers: Option<usize>,
}

/// A layer of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Digest of the layer as stored.
    pub digest: Digest,
    /// Size in bytes as stored.
    pub size: u64,
    /// Media type.
    pub media_type: SanitizedText,
    /// True for a foreign layer, which registries do not store.
    pub foreign: bool,
    /// URLs of a foreign layer.
    #[serde(default)]
    pub urls: Vec<SanitizedText>,
}

impl ImageDetail {
    /// Returns an error if the config lists other layers than the manifest: such an image can be
    /// copied but not run.
    pub fn check_layers(&self) -> Result<(), Problem> {
        let differs =
            |one: &&PlatformDetail| one.config_layers.is_some_and(|named| named != one.layers.len());
        let Some(one) = self.platforms.iter().find(differs) else {
            return Ok(());
        };
        Err(Problem::new(
            ProblemKind::Invalid,
            format!("image {} is not complete", self.source),
        )
        .cause(format!(
            "the config of {} lists {}, its manifest {} lists {}",
            one.image.platform,
            count(one.config_layers.unwrap_or_default(), "layer", "layers"),
            one.image.digest,
            one.layers.len()
        ))
        .hint("build or save the image again (Docker 25.0 wrote such layouts)"))
    }

    /// Returns remarks to show before this image is copied or uploaded: layers that are not copied,
    /// and a tag that names another digest than the requested one.
    pub fn remarks(&self) -> Vec<SanitizedText> {
        let mut remarks = Vec::new();
        if let Some(moved) = &self.moved {
            let now = moved.now.map_or_else(
                || "no longer exists".to_owned(),
                |now| format!("now points to {now}"),
            );
            remarks.push(SanitizedText::new(format!(
                "tag {} {now}: using the digest {}",
                moved.tag, self.digest
            )));
        }
        let mut seen = HashSet::new();
        for layer in self.platforms.iter().flat_map(|one| &one.layers) {
            if layer.foreign && seen.insert(layer.digest) {
                let at = layer.urls.first().map_or_else(
                    || "an address that is not in its manifest".to_owned(),
                    ToString::to_string,
                );
                remarks.push(SanitizedText::new(format!(
                    "layer {} ({} bytes) is not sent: it remains at {at}",
                    layer.digest, layer.size
                )));
            }
        }
        remarks
    }

    /// Returns the store's architecture names of its linux platforms, sorted, without duplicates.
    pub fn store_architectures(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .platforms
            .iter()
            .map(|platform| &platform.image.platform)
            .filter(|platform| platform.os == "linux")
            .filter_map(Platform::store_architecture)
            .map(str::to_owned)
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Returns the config digest of linux/amd64, or of the first platform if there is none for
    /// linux/amd64.
    pub fn config_digest(&self) -> Option<ConfigDigest> {
        let amd64 = |platform: &&PlatformDetail| {
            platform.image.platform.os == "linux" && platform.image.platform.architecture == "amd64"
        };
        self.platforms
            .iter()
            .find(amd64)
            .or_else(|| self.platforms.first())
            .map(|platform| platform.image.config_digest)
    }
}

/// Differences between two images, platform by platform.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImageDiff {
    /// True if both are the same manifest or index.
    pub same: bool,
    /// Platforms that only the first image has.
    pub only_before: Vec<Platform>,
    /// Platforms that only the second image has.
    pub only_after: Vec<Platform>,
    /// Changes of the platforms that both have.
    pub platforms: Vec<PlatformDiff>,
}

/// Differences between two images for one platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlatformDiff {
    /// The platform.
    pub platform: Platform,
    /// True if both have the same config: it is the same image, even if its layers are packed
    /// differently.
    pub same_config: bool,
    /// Layers that both have.
    pub shared: Vec<Layer>,
    /// Layers that only the first has.
    pub removed: Vec<Layer>,
    /// Layers that only the second has.
    pub added: Vec<Layer>,
    /// Variables of the environment: name, before, after.
    pub env: Vec<Change>,
    /// Labels: name, before, after.
    pub labels: Vec<Change>,
    /// Entrypoint, if it changed.
    pub entrypoint: Option<Change>,
    /// Default arguments, if they changed.
    pub command: Option<Change>,
}

/// A named value before and after; `None` if it does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Name of the value.
    pub name: SanitizedText,
    /// Old value.
    pub before: Option<SanitizedText>,
    /// New value.
    pub after: Option<SanitizedText>,
}

/// Returns the differences between `before` and `after`.
pub fn diff(before: &ImageDetail, after: &ImageDetail) -> ImageDiff {
    let find = |image: &ImageDetail, platform: &Platform| {
        image
            .platforms
            .iter()
            .find(|one| &one.image.platform == platform)
            .cloned()
    };
    let platforms_of = |image: &ImageDetail| -> Vec<Platform> {
        image
            .platforms
            .iter()
            .map(|one| one.image.platform.clone())
            .collect()
    };
    let mut result = ImageDiff {
        same: before.digest == after.digest,
        ..ImageDiff::default()
    };
    for platform in platforms_of(before) {
        match (find(before, &platform), find(after, &platform)) {
            (Some(one), Some(other)) => result.platforms.push(of_platform(&one, &other)),
            _ => result.only_before.push(platform),
        }
    }
    result.only_after = platforms_of(after)
        .into_iter()
        .filter(|platform| find(before, platform).is_none())
        .collect();
    result
}

fn of_platform(before: &PlatformDetail, after: &PlatformDetail) -> PlatformDiff {
    let digests = |image: &PlatformDetail| -> HashSet<Digest> {
        image.layers.iter().map(|layer| layer.digest).collect()
    };
    let (had, has) = (digests(before), digests(after));
    let part = |image: &PlatformDetail, other: &HashSet<Digest>, both: bool| -> Vec<Layer> {
        image
            .layers
            .iter()
            .filter(|layer| other.contains(&layer.digest) == both)
            .cloned()
            .collect()
    };
    let env = |image: &PlatformDetail| -> BTreeMap<String, SanitizedText> {
        image
            .env
            .iter()
            .map(|text| {
                let (name, value) = text.as_str().split_once('=').unwrap_or((text.as_str(), ""));
                (name.to_owned(), SanitizedText::new(value))
            })
            .collect()
    };
    let words = |name: &str, before: &[SanitizedText], after: &[SanitizedText]| {
        let text = |words: &[SanitizedText]| {
            let words: Vec<&str> = words.iter().map(SanitizedText::as_str).collect();
            (!words.is_empty()).then(|| SanitizedText::new(words.join(" ")))
        };
        (before != after).then(|| Change {
            name: SanitizedText::new(name),
            before: text(before),
            after: text(after),
        })
    };
    PlatformDiff {
        platform: before.image.platform.clone(),
        same_config: before.image.config_digest == after.image.config_digest,
        shared: part(before, &has, true),
        removed: part(before, &has, false),
        added: part(after, &had, false),
        env: changes(&env(before), &env(after)),
        labels: changes(&before.labels, &after.labels),
        entrypoint: words("entrypoint", &before.entrypoint, &after.entrypoint),
        command: words("command", &before.command, &after.command),
    }
}

fn changes(before: &BTreeMap<String, SanitizedText>, after: &BTreeMap<String, SanitizedText>) -> Vec<Change> {
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| Change {
            name: SanitizedText::new(name),
            before: before.get(name).cloned(),
            after: after.get(name).cloned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::image::Reference;

    fn digest(byte: u8) -> Digest {
        Digest::from_bytes([byte; 32])
    }

    fn layer(byte: u8) -> Layer {
        Layer {
            digest: digest(byte),
            size: u64::from(byte),
            media_type: SanitizedText::new("x"),
            foreign: false,
            urls: Vec::new(),
        }
    }

    fn image(root: u8, architecture: &str, layers: &[u8], env: &[&str]) -> ImageDetail {
        ImageDetail {
            source: ImageSource::Registry(Reference::parse("a/b:c").unwrap()),
            digest: ManifestDigest(digest(root)),
            media_type: "m".into(),
            size: 1,
            platforms: vec![PlatformDetail {
                image: PlatformImage {
                    platform: Platform {
                        os: "linux".into(),
                        architecture: architecture.into(),
                        variant: None,
                    },
                    digest: ManifestDigest(digest(root)),
                    config_digest: ConfigDigest(digest(root)),
                    size: 1,
                },
                created: None,
                labels: BTreeMap::new(),
                env: env.iter().map(SanitizedText::new).collect(),
                entrypoint: Vec::new(),
                command: Vec::new(),
                layers: layers.iter().map(|byte| layer(*byte)).collect(),
                config_layers: None,
            }],
            attestations: Vec::new(),
            missing: Vec::new(),
            moved: None,
        }
    }

    #[test]
    fn what_is_shared_added_and_gone() {
        let found = diff(
            &image(1, "amd64", &[10, 11], &["A=1", "B=2"]),
            &image(2, "amd64", &[10, 12], &["A=1", "B=3", "C="]),
        );
        let one = &found.platforms[0];
        assert!(!found.same && !one.same_config);
        assert_eq!(one.shared, [layer(10)]);
        assert_eq!(one.removed, [layer(11)]);
        assert_eq!(one.added, [layer(12)]);
        let env: Vec<_> = one.env.iter().map(|change| change.name.as_str()).collect();
        assert_eq!(env, ["B", "C"]);
        assert_eq!(one.env[1].before, None);
    }

    #[test]
    fn a_config_that_names_more_layers_is_refused() {
        let mut found = image(1, "amd64", &[], &[]);
        assert!(found.check_layers().is_ok());
        found.platforms[0].config_layers = Some(1);
        let problem = found.check_layers().unwrap_err();
        assert!(format!("{problem:?}").contains("lists 1 layer,"), "{problem:?}");
        found.platforms[0].layers = vec![layer(1)];
        assert!(found.check_layers().is_ok());
    }

    #[test]
    fn layers_that_stay_and_tags_that_moved_are_remarked() {
        let mut found = image(1, "amd64", &[1, 2], &[]);
        assert!(found.remarks().is_empty());
        found.platforms[0].layers[1].foreign = true;
        found.platforms[0].layers[1].urls = vec![SanitizedText::new("https://example.org/base.tar.gz")];
        let tag = SanitizedText::new("1.0");
        found.moved = Some(MovedTag { tag, now: None });
        let remarks = found.remarks();
        assert!(
            remarks[0].as_str().contains("tag 1.0 no longer exists"),
            "{remarks:?}"
        );
        let stays = remarks[1].as_str();
        assert!(
            stays.contains("is not sent: it remains at https://example.org/base.tar.gz"),
            "{stays}"
        );
    }

    #[test]
    fn platforms_are_matched_and_never_mixed() {
        let found = diff(&image(1, "amd64", &[1], &[]), &image(1, "arm64", &[1], &[]));
        assert!(found.platforms.is_empty());
        assert_eq!(found.only_before[0].architecture, "amd64");
        assert_eq!(found.only_after[0].architecture, "arm64");
    }
}
