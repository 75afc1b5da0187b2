//! Reads images in the OCI layout: `index.json` and blobs named by their digest.
//!
//! Selects one of several images. An export of an engine is copied unchanged if its manifest names
//! compressed layers only. Manifests are verified here, blobs while they are sent. Must not change
//! a byte of any of them.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;

use super::attachments::attachments;
use super::choice::{Candidate, ImageSelector};
use super::docker_archive::{Assembled, chosen, invalid, platform_of};
use super::image_source::{CAP, ImageFiles};
use crate::domain::image::Platform;
use crate::domain::{ConfigDigest, Digest, ManifestDigest, Problem, SanitizedText, first_of};
use crate::services::registry::{BlobLocation, Content, LayerMismatch, LocalImage, Manifest};

/// Deepest nesting of indexes that is accepted.
const DEPTH: usize = 4;
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The full name, as containerd and Docker record it.
const IMAGE_NAME: &str = "io.containerd.image.name";

#[derive(Deserialize)]
pub(super) struct Index {
    pub(super) manifests: Option<Vec<Descriptor>>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub(super) media_type: String,
    pub(super) digest: String,
    #[serde(default)]
    platform: Option<Platform>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

impl Descriptor {
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        let annotations = self.annotations.as_ref();
        [IMAGE_NAME, REF_NAME]
            .into_iter()
            .filter_map(move |key| annotations.and_then(|held| held.get(key)))
    }
}

/// The result of reading an engine's export as a layout.
pub(super) enum LayoutResult {
    /// An image to be sent as it is.
    Taken(Box<Assembled>),
    /// Layers are not compressed, or the layout does not identify the image.
    Unfit,
    /// Not an OCI layout.
    Nothing,
}

#[derive(Default)]
pub(super) struct Tree {
    manifests: HashMap<ManifestDigest, Manifest>,
    places: HashMap<Digest, BlobLocation>,
    /// What is named and missing.
    lacking: Vec<String>,
    whole: HashSet<ManifestDigest>,
}

/// Assembles an image from `oci:` or `oci-archive:`.
pub(super) fn assemble(files: &mut dyn ImageFiles, wanted: ImageSelector<'_>) -> Result<Assembled, Problem> {
    let Some(index) = index(files)? else {
        return Err(invalid(
            files.what(),
            "index.json is missing, which an OCI layout requires",
        )
        .hint("use docker-archive:FILE for an archive written by docker save"));
    };
    let (descriptor, pinned) = choose(files, &index, wanted)?;
    let (root, mut tree) = load(files, &descriptor)?;
    if !tree.whole.contains(&root) {
        return Err(not_whole(files, &tree));
    }
    if let Some((manifest, mismatch)) = mismatched(files, &tree, root)? {
        let problem = mismatch.problem(files.what(), manifest);
        return Err(if files.small("manifest.json")?.is_some() {
            let reader = files.what().replacen("oci-archive:", "docker-archive:", 1);
            problem.hint(format!("it was written by docker save: use {reader}"))
        } else {
            problem
        });
    }
    let attached = attachments(files, &index, &mut tree, root)?;
    let mut assembled = finish(root, tree, Vec::new(), pinned)?;
    assembled.image = assembled.image.with_attachments(attached);
    Ok(assembled)
}

/// Returns the first image below `root` whose config and manifest disagree about its layers.
fn mismatched(
    files: &mut dyn ImageFiles,
    tree: &Tree,
    root: ManifestDigest,
) -> Result<Option<(ManifestDigest, LayerMismatch)>, Problem> {
    for manifest in tree.reach(root) {
        let Content::Image { config, layers } = &manifest.content else {
            continue;
        };
        if config.size > CAP {
            continue;
        }
        if let Some(text) = files.small(&name_of(config.digest))?
            && let Some(mismatch) = LayerMismatch::of(&config.media_type, &text, layers.len())
        {
            return Ok(Some((manifest.digest, mismatch)));
        }
    }
    Ok(None)
}

/// Copies an engine's export unchanged, if possible.
pub(super) fn take(files: &mut dyn ImageFiles, wanted: ImageSelector<'_>) -> Result<LayoutResult, Problem> {
    let Some(index) = index(files)? else {
        return Ok(LayoutResult::Nothing);
    };
    let saved = files.small("manifest.json")?.is_some();
    let (descriptor, pinned) = match choose(files, &index, wanted) {
        Ok(chosen) => chosen,
        // The other document may identify the image, or else list the names.
        Err(_) if saved => return Ok(LayoutResult::Unfit),
        Err(problem) => return Err(problem),
    };
    let (root, tree) = load(files, &descriptor)?;
    let fit = tree.reach(root).iter().all(|manifest| manifest.fit());
    if saved && !fit {
        return Ok(LayoutResult::Unfit);
    }
    match mismatched(files, &tree, root)? {
        Some(_) if saved => return Ok(LayoutResult::Unfit),
        Some((manifest, mismatch)) => return Err(mismatch.problem(files.what(), manifest)),
        None => {}
    }
    if tree.whole.contains(&root) {
        let assembled = finish(root, tree, Vec::new(), pinned)?;
        return Ok(LayoutResult::Taken(Box::new(assembled)));
    }
    // An index of which this machine holds only a part.
    let mut runnable: Vec<(ManifestDigest, Option<Platform>)> = Vec::new();
    let mut left_out = Vec::new();
    for child in tree
        .manifests
        .get(&root)
        .map(Manifest::children)
        .unwrap_or_default()
    {
        if child.attestation {
            continue;
        }
        if tree.whole.contains(&child.digest) {
            runnable.push((child.digest, child.platform.clone()));
        } else {
            left_out.extend(child.platform.clone());
        }
    }
    let one = match &runnable[..] {
        [] => return Err(not_whole(files, &tree)),
        [(one, _)] => *one,
        several => {
            // The engine names the one that runs here.
            let config = chosen(files, wanted)?
                .map(|(saved, _)| saved.config)
                .unwrap_or_default();
            let found = several.iter().find(|(digest, _)| {
                let held = tree.manifests.get(digest).and_then(config_of);
                held.is_some_and(|held| config.contains(&held.0.hex()))
            });
            let Some((one, _)) = found else {
                return Err(not_whole(files, &tree));
            };
            let one = *one;
            let others = several.iter().filter(|(digest, _)| *digest != one);
            left_out.extend(others.filter_map(|(_, platform)| platform.clone()));
            one
        }
    };
    let assembled = finish(one, tree, left_out, pinned)?;
    Ok(LayoutResult::Taken(Box::new(assembled)))
}

trait FitsExport {
    fn fit(&self) -> bool;
}

impl FitsExport for Manifest {
    /// Returns true if it can be sent as it is: an image without uncompressed layers.
    fn fit(&self) -> bool {
        match &self.content {
            Content::Index(_) => true,
            Content::Image { layers, .. } => {
                let bare = |kind: &str| kind.rsplit('.').next() == Some("tar");
                !layers.is_empty() && !layers.iter().any(|layer| bare(&layer.media_type))
            }
        }
    }
}

fn config_of(manifest: &Manifest) -> Option<ConfigDigest> {
    match &manifest.content {
        Content::Image { config, .. } => Some(ConfigDigest(config.digest)),
        Content::Index(_) => None,
    }
}

fn index(files: &mut dyn ImageFiles) -> Result<Option<Index>, Problem> {
    let Some(bytes) = files.small("index.json")? else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| invalid(files.what(), format!("index.json: {error}")))
}

/// Returns the selected descriptor, and its digest if a platform selected it.
fn choose(
    files: &mut dyn ImageFiles,
    index: &Index,
    wanted: ImageSelector<'_>,
) -> Result<(Descriptor, Option<Digest>), Problem> {
    let manifests = index.manifests.as_deref().unwrap_or_default();
    if manifests.is_empty() {
        let problem = invalid(files.what(), "index.json lists no image");
        return Err(if files.small("manifest.json")?.is_some() {
            problem.hint("it contains manifest.json: use docker-archive:FILE")
        } else {
            problem
        });
    }
    let several = manifests.len() > 1;
    let mut candidates = Vec::with_capacity(manifests.len());
    for (position, one) in manifests.iter().enumerate() {
        candidates.push(Candidate {
            position,
            names: one.names().cloned().collect(),
            digest: one.digest.parse().ok(),
            platform: match &one.platform {
                None if several => platform_below(files, one)?,
                platform => platform.clone(),
            },
        });
    }
    let choice = super::choice::choose(files.what(), &candidates, wanted)?;
    match manifests.get(choice.position) {
        Some(one) => Ok((one.clone(), choice.pinned)),
        None => Err(invalid(files.what(), "index.json lists no image")),
    }
}

/// Returns the platform of the image behind a descriptor, from its config; `None` for an index.
fn platform_below(files: &mut dyn ImageFiles, descriptor: &Descriptor) -> Result<Option<Platform>, Problem> {
    let Ok(digest) = descriptor.digest.parse::<Digest>() else {
        return Ok(None);
    };
    let Some(bytes) = files.small(&name_of(digest))? else {
        return Ok(None);
    };
    let manifest = Manifest::parse(files.what(), Some(&descriptor.media_type), bytes);
    Ok(match manifest.map(|manifest| manifest.content) {
        Ok(Content::Image { config, .. }) if config.size <= CAP => {
            let config = files.small(&name_of(config.digest))?;
            config.as_deref().and_then(platform_of)
        }
        _ => None,
    })
}

fn load(files: &mut dyn ImageFiles, descriptor: &Descriptor) -> Result<(ManifestDigest, Tree), Problem> {
    let what = files.what().to_owned();
    let root: ManifestDigest = descriptor
        .digest
        .parse()
        .map_err(|error| invalid(&what, format!("index.json: {error}")))?;
    let mut tree = Tree::default();
    tree.load(files, root, Some(&descriptor.media_type), 0)?;
    Ok((root, tree))
}

pub(super) fn name_of(digest: Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

impl Tree {
    /// Reads a manifest and everything it names; returns true if all of it exists.
    pub(super) fn load(
        &mut self,
        files: &mut dyn ImageFiles,
        digest: ManifestDigest,
        served_as: Option<&str>,
        depth: usize,
    ) -> Result<bool, Problem> {
        if self.manifests.contains_key(&digest) {
            return Ok(self.whole.contains(&digest));
        }
        let what = files.what().to_owned();
        if depth > DEPTH {
            return Err(invalid(&what, "its indexes refer to one another in a loop"));
        }
        let Some(bytes) = files.small(&name_of(digest.0))? else {
            self.lacking.push(format!("manifest {digest}"));
            return Ok(false);
        };
        let manifest = Manifest::parse(&what, served_as, bytes)?;
        if manifest.digest != digest {
            return Err(invalid(
                &what,
                format!("manifest {digest} has another digest: {}", manifest.digest),
            )
            .hint("do not use it: create it again"));
        }
        self.manifests.insert(digest, manifest.clone());
        let mut whole = true;
        for child in manifest.children() {
            whole &= self.load(files, child.digest, None, depth + 1)?;
        }
        for blob in manifest.blobs() {
            if self.places.contains_key(&blob.digest) {
                continue;
            }
            if let Some(place) = files.blob(&name_of(blob.digest), blob.size)? {
                self.places.insert(blob.digest, place);
            } else {
                whole = false;
                self.lacking.push(format!("blob {}", blob.digest));
            }
        }
        if whole {
            self.whole.insert(digest);
        }
        Ok(whole)
    }

    /// Returns a manifest and every manifest below it that exists here.
    pub(super) fn reach(&self, root: ManifestDigest) -> Vec<&Manifest> {
        let mut reached: Vec<&Manifest> = self.manifests.get(&root).into_iter().collect();
        let mut next = 0;
        while let Some(manifest) = reached.get(next).copied() {
            next += 1;
            for child in manifest.children() {
                if let Some(held) = self.manifests.get(&child.digest)
                    && !reached.iter().any(|other| other.digest == held.digest)
                {
                    reached.push(held);
                }
            }
        }
        reached
    }
}

pub(super) fn not_whole(files: &dyn ImageFiles, tree: &Tree) -> Problem {
    let missing = SanitizedText::new(first_of(&tree.lacking, 3));
    invalid(files.what(), format!("missing: {missing}"))
        .hint("create it again with all platforms (skopeo copy --all), or use the image in a registry")
}

fn finish(
    root: ManifestDigest,
    tree: Tree,
    left_out: Vec<Platform>,
    pinned: Option<Digest>,
) -> Result<Assembled, Problem> {
    let config = tree.manifests.get(&root).and_then(config_of);
    let mut layers = HashSet::new();
    for manifest in tree.reach(root) {
        if let Content::Image { layers: named, .. } = &manifest.content {
            layers.extend(
                named
                    .iter()
                    .filter(|layer| !layer.foreign)
                    .map(|layer| layer.digest),
            );
        }
    }
    // An incomplete image is not sent.
    let whole = tree.manifests.into_values();
    let reached: Vec<Manifest> = whole.filter(|one| tree.whole.contains(&one.digest)).collect();
    Ok(Assembled {
        image: LocalImage::new(root, reached, tree.places)?,
        config,
        left_out,
        layers: layers.len(),
        text: None,
        pinned,
    })
}
