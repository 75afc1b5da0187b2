//! Images in the OCI layout: `index.json` and blobs named by their digest.
//!
//! Owns the choice among several images and the rule by which an export of an engine is taken as it
//! is: where its manifest names compressed layers only. Manifests are verified here, blobs while
//! they are sent. Must not change a byte of any of them.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;

use super::docker::{Assembled, chosen, invalid, same_name, which};
use super::shelf::Shelf;
use crate::domain::image::Platform;
use crate::domain::{ConfigDigest, Digest, ManifestDigest, Outside, Problem};
use crate::services::registry::{Content, LocalImage, Manifest, Place};

/// An index of indexes of indexes is no image.
const DEPTH: usize = 4;
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The whole name, as containerd and Docker note it.
const IMAGE_NAME: &str = "io.containerd.image.name";

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

impl Descriptor {
    fn names(&self) -> impl Iterator<Item = &String> {
        let annotations = self.annotations.as_ref();
        [IMAGE_NAME, REF_NAME]
            .into_iter()
            .filter_map(move |key| annotations.and_then(|held| held.get(key)))
    }
}

/// What there is.
pub(super) enum Found {
    /// An image to be sent as it is.
    Taken(Box<Assembled>),
    /// Layers are not compressed, or the layout does not tell which image is meant.
    Unfit,
    /// No OCI layout.
    Nothing,
}

#[derive(Default)]
struct Tree {
    manifests: HashMap<ManifestDigest, Manifest>,
    places: HashMap<Digest, Place>,
    /// What is named and not there.
    lacking: Vec<String>,
    whole: HashSet<ManifestDigest>,
}

/// Puts an image together that was made for the OCI layout: `oci:` and `oci-archive:`.
pub(super) fn assemble(shelf: &mut dyn Shelf, wanted: Option<&str>) -> Result<Assembled, Problem> {
    let Some(index) = index(shelf)? else {
        return Err(invalid(
            shelf.what(),
            "there is no index.json in it, which the OCI layout begins with",
        )
        .hint("what docker save wrote is named docker-archive:FILE"));
    };
    let descriptor = choose(shelf.what(), &index, wanted)?;
    let (root, tree) = load(shelf, &descriptor)?;
    if !tree.whole.contains(&root) {
        return Err(not_whole(shelf, &tree));
    }
    finish(root, tree, Vec::new())
}

/// Takes an engine's export as it is, where that can be.
pub(super) fn take(shelf: &mut dyn Shelf, wanted: Option<&str>) -> Result<Found, Problem> {
    let Some(index) = index(shelf)? else {
        return Ok(Found::Nothing);
    };
    let saved = shelf.small("manifest.json")?.is_some();
    let descriptor = match choose(shelf.what(), &index, wanted) {
        Ok(descriptor) => descriptor,
        // The other document may know better, and else tells the names.
        Err(_) if saved => return Ok(Found::Unfit),
        Err(problem) => return Err(problem),
    };
    let (root, tree) = load(shelf, &descriptor)?;
    let fit = tree.reach(root).iter().all(|manifest| manifest.fit());
    if saved && !fit {
        return Ok(Found::Unfit);
    }
    if tree.whole.contains(&root) {
        return finish(root, tree, Vec::new()).map(Box::new).map(Found::Taken);
    }
    // An index of which this machine has a part only.
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
        [] => return Err(not_whole(shelf, &tree)),
        [(one, _)] => *one,
        several => {
            // The engine names the one that runs here.
            let config = chosen(shelf, wanted)?
                .map(|saved| saved.config)
                .unwrap_or_default();
            let found = several.iter().find(|(digest, _)| {
                let held = tree.manifests.get(digest).and_then(config_of);
                held.is_some_and(|held| config.contains(&held.0.hex()))
            });
            let Some((one, _)) = found else {
                return Err(not_whole(shelf, &tree));
            };
            let one = *one;
            let others = several.iter().filter(|(digest, _)| *digest != one);
            left_out.extend(others.filter_map(|(_, platform)| platform.clone()));
            one
        }
    };
    finish(one, tree, left_out).map(Box::new).map(Found::Taken)
}

trait Fit {
    fn fit(&self) -> bool;
}

impl Fit for Manifest {
    /// True where it can be sent as it is: an image with no layer that is a bare tar.
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

fn index(shelf: &mut dyn Shelf) -> Result<Option<Index>, Problem> {
    let Some(bytes) = shelf.small("index.json")? else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| invalid(shelf.what(), format!("index.json: {error}")))
}

fn choose(what: &str, index: &Index, wanted: Option<&str>) -> Result<Descriptor, Problem> {
    let names = || {
        index
            .manifests
            .iter()
            .flat_map(Descriptor::names)
            .cloned()
            .collect()
    };
    let mut fitting = index
        .manifests
        .iter()
        .filter(|one| wanted.is_none_or(|wanted| one.names().any(|name| same_name(name, wanted))));
    match (fitting.next(), wanted) {
        (Some(first), _) if fitting.all(|other| other.digest == first.digest) => Ok(first.clone()),
        (None, None) => Err(invalid(what, "index.json names no image")),
        (None, Some(_)) => Err(which(what, wanted, names())),
        (Some(_), _) => Err(which(what, None, names())),
    }
}

fn load(shelf: &mut dyn Shelf, descriptor: &Descriptor) -> Result<(ManifestDigest, Tree), Problem> {
    let what = shelf.what().to_owned();
    let root: ManifestDigest = descriptor
        .digest
        .parse()
        .map_err(|error| invalid(&what, format!("index.json: {error}")))?;
    let mut tree = Tree::default();
    tree.load(shelf, root, Some(&descriptor.media_type), 0)?;
    Ok((root, tree))
}

fn name_of(digest: Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

impl Tree {
    /// Reads a manifest and all that it names; true where all of it is there.
    fn load(
        &mut self,
        shelf: &mut dyn Shelf,
        digest: ManifestDigest,
        served_as: Option<&str>,
        depth: usize,
    ) -> Result<bool, Problem> {
        if self.manifests.contains_key(&digest) {
            return Ok(self.whole.contains(&digest));
        }
        let what = shelf.what().to_owned();
        if depth > DEPTH {
            return Err(invalid(&what, "its indexes name one another without an end"));
        }
        let Some(bytes) = shelf.small(&name_of(digest.0))? else {
            self.lacking.push(format!("manifest {digest}"));
            return Ok(false);
        };
        let manifest = Manifest::parse(&what, served_as, bytes)?;
        if manifest.digest != digest {
            return Err(invalid(
                &what,
                format!("manifest {digest} has other bytes: {}", manifest.digest),
            )
            .hint("do not use it: make it anew"));
        }
        self.manifests.insert(digest, manifest.clone());
        let mut whole = true;
        for child in manifest.children() {
            whole &= self.load(shelf, child.digest, None, depth + 1)?;
        }
        for blob in manifest.blobs() {
            if self.places.contains_key(&blob.digest) {
                continue;
            }
            if let Some(place) = shelf.blob(&name_of(blob.digest), blob.size)? {
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

    /// A manifest and all below it that are here.
    fn reach(&self, root: ManifestDigest) -> Vec<&Manifest> {
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

fn not_whole(shelf: &dyn Shelf, tree: &Tree) -> Problem {
    let mut lacking = tree.lacking.clone();
    let more = lacking.len().saturating_sub(3);
    lacking.truncate(3);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    invalid(
        shelf.what(),
        format!("it lacks {}{more}", Outside::new(lacking.join(", "))),
    )
    .hint("make it anew, with all platforms (skopeo copy --all), or take the image from a registry")
}

fn finish(root: ManifestDigest, tree: Tree, left_out: Vec<Platform>) -> Result<Assembled, Problem> {
    let manifests: Vec<Manifest> = tree.reach(root).into_iter().cloned().collect();
    let config = tree.manifests.get(&root).and_then(config_of);
    let mut layers = HashSet::new();
    for manifest in &manifests {
        if let Content::Image { layers: named, .. } = &manifest.content {
            layers.extend(
                named
                    .iter()
                    .filter(|layer| !layer.foreign)
                    .map(|layer| layer.digest),
            );
        }
    }
    Ok(Assembled {
        image: LocalImage::new(root, manifests, tree.places)?,
        config,
        left_out,
        layers: layers.len(),
        text: None,
    })
}
