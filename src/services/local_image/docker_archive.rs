//! Reads images as `docker save` writes them: `manifest.json`, a config and layers.
//!
//! Selects one of several images of an archive and writes the text of the manifest, which is the
//! same for the same image wherever and however it was saved: the text that charmcraft 1.1 to 3.0
//! pushed, with separators and order of Python's `json.dumps`. Must not change the config.

use std::collections::HashMap;

use bytes::Bytes;
use serde::Deserialize;

use super::choice::{Candidate, ImageSelector, choose};
use super::compress::{Layer, LayerCompressor};
use super::image_source::ImageFiles;
use crate::domain::image::{Platform, Reference};
use crate::domain::{ConfigDigest, Digest, Problem, ProblemKind, SanitizedText, count};
use crate::services::registry::{BlobLocation, Content, LocalImage, Manifest};

/// Docker's media type of a config.
const CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// Docker's media type of a manifest, schema 2.
const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// Holds an image with all its parts.
pub(super) struct Assembled {
    pub(super) image: LocalImage,
    pub(super) config: Option<ConfigDigest>,
    /// Platforms that its index names and that are not on this machine.
    pub(super) left_out: Vec<Platform>,
    /// Number of its layers, each counted once.
    pub(super) layers: usize,
    /// The text of its config, if the manifest was written here.
    pub(super) text: Option<Bytes>,
    /// The digest that identifies it among several images, if a platform selected it.
    pub(super) pinned: Option<Digest>,
}

/// Holds one image of `manifest.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Saved {
    pub(super) config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Config {
    rootfs: Option<RootFs>,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Option<Vec<String>>,
}

/// Returns the problem for `what` with its cause.
pub(super) fn invalid(what: &str, why: impl std::fmt::Display) -> Problem {
    Problem::new(ProblemKind::Invalid, format!("{what} is not a readable image"))
        .cause(why)
        .hint("create it again with docker save or skopeo copy, then run the same command again")
}

/// Returns true if both texts name the same image, with or without `docker.io/library/` and
/// `:latest`.
pub(super) fn same_name(a: &str, b: &str) -> bool {
    a == b || matches!((Reference::parse(a), Reference::parse(b)), (Ok(a), Ok(b)) if a == b)
}

/// Returns the selected image of `manifest.json`, and the digest that identifies it if a platform
/// selected it; `None` if there is no such document.
pub(super) fn chosen(
    files: &mut dyn ImageFiles,
    wanted: ImageSelector<'_>,
) -> Result<Option<(Saved, Option<Digest>)>, Problem> {
    let Some(saved) = saved(files)? else {
        return Ok(None);
    };
    if saved.is_empty() {
        return Err(invalid(files.what(), "manifest.json lists no image"));
    }
    if let ([one], None) = (&saved[..], wanted.name) {
        return Ok(Some((one.clone(), None)));
    }
    let mut candidates = Vec::with_capacity(saved.len());
    for (position, one) in saved.iter().enumerate() {
        let name = files.name(&one.config)?;
        let config = files.small(&name)?;
        candidates.push(Candidate {
            position,
            names: one.repo_tags.clone().unwrap_or_default(),
            digest: config.as_deref().map(super::digest_of),
            platform: config.as_deref().and_then(platform_of),
        });
    }
    let choice = choose(files.what(), &candidates, wanted)?;
    let found = saved.get(choice.position).cloned();
    Ok(found.map(|found| (found, choice.pinned)))
}

/// Returns all images that `manifest.json` lists; `None` if there is no such document.
pub(super) fn saved(files: &mut dyn ImageFiles) -> Result<Option<Vec<Saved>>, Problem> {
    let Some(bytes) = files.small("manifest.json")? else {
        return Ok(None);
    };
    let saved: Option<Vec<Saved>> = serde_json::from_slice(&bytes)
        .map_err(|error| invalid(files.what(), format!("manifest.json: {error}")))?;
    Ok(Some(saved.unwrap_or_default()))
}

/// Returns the platform that a config names.
pub(super) fn platform_of(config: &[u8]) -> Option<Platform> {
    serde_json::from_slice(config).ok()
}

/// Assembles the image and compresses its layers.
pub(super) fn assemble(files: &mut dyn ImageFiles, wanted: ImageSelector<'_>) -> Result<Assembled, Problem> {
    let Some((saved, pinned)) = chosen(files, wanted)? else {
        return Err(
            invalid(files.what(), "manifest.json is missing, which docker save writes").hint(
                "use oci-archive:FILE for an archive of an OCI layout (a rock), oci:DIR for a directory",
            ),
        );
    };
    let lacking = |files: &dyn ImageFiles, name: &str| {
        let shown = SanitizedText::capped(name, 200);
        invalid(
            files.what(),
            format!("manifest.json lists {shown}, which is missing"),
        )
        .hint("create the archive again")
    };
    let name = files.name(&saved.config)?;
    let Some(config) = files.small(&name)? else {
        return Err(lacking(files, &name));
    };
    let diffs = diff_ids(files.what(), &config)?;
    let names = saved.layers.unwrap_or_default();
    if names.len() != diffs.len() {
        let why = format!(
            "it has {}, its config lists {}",
            count(names.len(), "layer", "layers"),
            diffs.len()
        );
        return Err(invalid(files.what(), why));
    }
    files.cached(&diffs)?;
    let mut layers = Vec::with_capacity(diffs.len());
    for (raw, diff) in names.iter().zip(&diffs) {
        let name = files.name(raw)?;
        let Some(pressed) = files.layer(&name, *diff)? else {
            return Err(lacking(files, &name));
        };
        let shown = SanitizedText::capped(raw, 200);
        if pressed.diff != *diff {
            return Err(Problem::new(
                ProblemKind::Invalid,
                format!("layer {shown} of {} does not match its config", files.what()),
            )
            .cause(format!("its digest is {}, the config lists {diff}", pressed.diff))
            .hint("do not use it: save or build the image again"));
        }
        layers.push(pressed.layer.ok_or_else(|| {
            Problem::new(
                ProblemKind::Internal,
                format!("layer {shown} of {} was skipped", files.what()),
            )
        })?);
    }
    let assembled = put_together(files.what(), config, layers)?;
    Ok(Assembled { pinned, ..assembled })
}

/// Returns the image of a config whose layers are all known: the same as from an export.
pub(super) fn recalled(
    what: &str,
    config: Bytes,
    compressor: &mut LayerCompressor,
) -> Result<Option<Assembled>, Problem> {
    let diffs = diff_ids(what, &config)?;
    compressor.cached(&diffs)?;
    let layers = diffs.iter().map(|diff| compressor.known(*diff).cloned());
    let Some(layers) = layers.collect::<Option<Vec<Layer>>>() else {
        return Ok(None);
    };
    put_together(what, config, layers).map(Some)
}

fn diff_ids(what: &str, config: &[u8]) -> Result<Vec<Digest>, Problem> {
    let config: Config =
        serde_json::from_slice(config).map_err(|error| invalid(what, format!("its config: {error}")))?;
    let diff_ids = config.rootfs.and_then(|rootfs| rootfs.diff_ids);
    diff_ids
        .unwrap_or_default()
        .iter()
        .map(|text| {
            text.parse()
                .map_err(|error| invalid(what, format!("its config: {error}")))
        })
        .collect()
}

fn put_together(what: &str, config: Bytes, layers: Vec<Layer>) -> Result<Assembled, Problem> {
    let digest = super::digest_of(&config);
    let written = manifest(digest, config.len() as u64, &layers);
    let manifest = Manifest::parse(what, None, written.into())?;
    let text = Some(config.clone());
    let mut places: HashMap<Digest, BlobLocation> = HashMap::from([(digest, BlobLocation::Bytes(config))]);
    places.extend(layers.into_iter().map(|layer| (layer.digest, layer.place)));
    let config = match &manifest.content {
        Content::Image { config, .. } => Some(ConfigDigest(config.digest)),
        Content::Index(_) => None,
    };
    Ok(Assembled {
        layers: places.len() - 1,
        image: LocalImage::new(manifest.digest, vec![manifest], places)?,
        config,
        left_out: Vec::new(),
        text,
        pinned: None,
    })
}

/// Returns the manifest as Python's `json.dumps` writes it.
pub(super) fn manifest(config: Digest, size: u64, layers: &[Layer]) -> String {
    let blob = |digest: Digest, kind: &str, size: u64| {
        format!(r#"{{"digest": "{digest}", "mediaType": "{kind}", "size": {size}}}"#)
    };
    let layers: Vec<String> = layers
        .iter()
        .map(|layer| blob(layer.digest, layer.media_type, layer.size))
        .collect();
    format!(
        r#"{{"mediaType": "{MANIFEST}", "schemaVersion": 2, "config": {}, "layers": [{}]}}"#,
        blob(config, CONFIG, size),
        layers.join(", ")
    )
}
