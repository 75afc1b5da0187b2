//! Reads images in detail, in a registry or on this machine.
//!
//! Also defines what is read of configs. Artifacts have configs of another format: they contribute
//! nothing, which is not an error.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;

use super::Registries;
use super::consistency::layers_of;
use super::local_image::LocalImage;
use super::manifest::{Blob, Content, Manifest};
use super::manifest_source::ManifestSource;
use super::resolve::{PARALLEL, Tree, absent, fits, head_at, is_of_size, tree_there, unique};
use crate::domain::detail::{Layer, MovedTag, PlatformDetail};
use crate::domain::image::{Platform, PlatformImage, Reference};
use crate::domain::{ConfigDigest, ImageDetail, ImageSource, ManifestDigest, Problem, SanitizedText};

/// Longest value that is kept of a config, in characters.
const VALUE: usize = 4096;

/// Holds the fields of a config that are used.
#[derive(Deserialize, Default)]
pub(super) struct Config {
    #[serde(default)]
    os: Option<String>,
    #[serde(default)]
    architecture: Option<String>,
    #[serde(default)]
    variant: Option<String>,
    #[serde(default)]
    created: Option<String>,
    #[serde(default)]
    config: Option<Run>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Run {
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    env: Option<Vec<String>>,
    #[serde(default)]
    entrypoint: Option<Vec<String>>,
    #[serde(default)]
    cmd: Option<Vec<String>>,
}

impl Config {
    pub(super) fn parse(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_default()
    }

    pub(super) fn platform(&self) -> Platform {
        let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        Platform {
            os: said(&self.os).unwrap_or_else(|| "unknown".to_owned()),
            architecture: said(&self.architecture).unwrap_or_else(|| "unknown".to_owned()),
            variant: said(&self.variant),
        }
    }
}

pub(super) async fn of_registry(
    registries: &Registries,
    reference: &Reference,
) -> Result<ImageDetail, Problem> {
    let access = registries.endpoint(&reference.repository)?.pull();
    let head = head_at(registries, &access, reference).await?;
    let head = head.ok_or_else(|| absent(reference))?;
    fits(&reference.to_string(), head.size)?;
    let manifests = registries.manifest_source(access, &reference.repository);
    let root = manifests.manifest(head.digest).await?;
    is_of_size(&reference.to_string(), &root, head.size)?;
    let moved = moved_tag(registries, reference, head.digest).await?;
    let found = detail(&manifests, ImageSource::Registry(reference.clone()), root).await?;
    Ok(ImageDetail { moved, ..found })
}

/// Returns the tag that was given along with a digest, if it points to something else.
async fn moved_tag(
    registries: &Registries,
    reference: &Reference,
    digest: ManifestDigest,
) -> Result<Option<MovedTag>, Problem> {
    let Some(tag) = &reference.beside else {
        return Ok(None);
    };
    let access = registries.endpoint(&reference.repository)?.pull();
    let head = head_at(registries, &access, &reference.repository.tagged(tag)).await?;
    let now = head.map(|head| head.digest);
    Ok((now != Some(digest)).then(|| MovedTag {
        tag: SanitizedText::new(tag),
        now,
    }))
}

/// Reads an image on this machine in detail. `source` is how it was named.
pub async fn local_detail(source: &ImageSource, image: &LocalImage) -> Result<ImageDetail, Problem> {
    let manifests = ManifestSource::Local(Arc::new(image.clone()), None);
    let root = manifests.manifest(image.root()).await?;
    detail(&manifests, source.clone(), root).await
}

async fn detail(
    stored: &ManifestSource,
    source: ImageSource,
    root: Manifest,
) -> Result<ImageDetail, Problem> {
    let (digest, media_type) = (root.digest, root.media_type.clone());
    let Tree { manifests, missing } = tree_there(stored, root, false).await?;
    let by_digest: HashMap<ManifestDigest, &Manifest> = manifests
        .iter()
        .map(|manifest| (manifest.digest, manifest))
        .collect();
    let platforms: Vec<Option<PlatformDetail>> = stream::iter(order(digest, &manifests))
        .map(|(digest, platform)| {
            let image = by_digest.get(&digest).copied();
            async move {
                match image.map(|image| (image, &image.content)) {
                    Some((image, Content::Image { config, layers })) => {
                        let text = stored.config(config).await?;
                        let named = layers_of(&config.media_type, &text);
                        let read = Config::parse(&text);
                        Ok(Some(one(image, platform, config, layers, read, named)))
                    }
                    _ => Ok::<_, Problem>(None),
                }
            }
        })
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    Ok(ImageDetail {
        source,
        digest,
        media_type,
        size: unique(&manifests).iter().map(|blob| blob.size).sum(),
        platforms: platforms.into_iter().flatten().collect(),
        attestations: attestations(&manifests),
        missing,
        moved: None,
    })
}

/// Returns the runnable manifests below `root` with the platform that their index names, each
/// once.
pub(super) fn order(root: ManifestDigest, manifests: &[Manifest]) -> Vec<(ManifestDigest, Option<Platform>)> {
    let mut seen = std::collections::HashSet::new();
    let mut order: Vec<(ManifestDigest, Option<Platform>)> = manifests
        .iter()
        .flat_map(Manifest::children)
        .filter(|child| !child.attestation)
        .filter(|child| seen.insert((child.digest, child.platform.as_ref().map(Platform::to_string))))
        .map(|child| (child.digest, child.platform.clone()))
        .collect();
    if order.is_empty() {
        order.push((root, None));
    }
    order
}

/// Returns the attestations that the indexes among `manifests` name.
pub(super) fn attestations(manifests: &[Manifest]) -> Vec<ManifestDigest> {
    manifests
        .iter()
        .flat_map(Manifest::children)
        .filter(|child| child.attestation)
        .map(|child| child.digest)
        .collect()
}

/// Returns the platform's image, with the bytes of config and layers as stored, without foreign
/// layers.
pub(super) fn platform_image(image: &Manifest, platform: Platform, config: &Blob) -> PlatformImage {
    PlatformImage {
        platform,
        digest: image.digest,
        config_digest: ConfigDigest(config.digest),
        size: image.blobs().map(|blob| blob.size).sum(),
    }
}

fn one(
    image: &Manifest,
    platform: Option<Platform>,
    config: &Blob,
    layers: &[Blob],
    read: Config,
    config_layers: Option<usize>,
) -> PlatformDetail {
    let words = |words: Option<Vec<String>>| -> Vec<SanitizedText> {
        words
            .into_iter()
            .flatten()
            .map(|word| SanitizedText::capped(word, VALUE))
            .collect()
    };
    let platform = platform.unwrap_or_else(|| read.platform());
    let created = read
        .created
        .and_then(|text| chrono::DateTime::parse_from_rfc3339(&text).ok())
        .map(|at| at.to_utc());
    let run = read.config.unwrap_or_default();
    PlatformDetail {
        image: platform_image(image, platform, config),
        created,
        labels: run
            .labels
            .into_iter()
            .flatten()
            .map(|(name, value)| {
                let name = SanitizedText::capped(name, VALUE).as_str().to_owned();
                (name, SanitizedText::capped(value, VALUE))
            })
            .collect(),
        env: words(run.env),
        entrypoint: words(run.entrypoint),
        command: words(run.cmd),
        layers: layers
            .iter()
            .map(|layer| Layer {
                digest: layer.digest,
                size: layer.size,
                media_type: SanitizedText::new(&layer.media_type),
                foreign: layer.foreign,
                urls: layer
                    .urls
                    .iter()
                    .map(|url| SanitizedText::capped(url, VALUE))
                    .collect(),
            })
            .collect(),
        config_layers,
    }
}
