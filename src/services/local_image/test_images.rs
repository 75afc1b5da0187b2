//! One image in every form in which tools save it, made by hand.

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write as _;

use super::digest_of;
use crate::domain::Digest;

/// The type of one entry of an archive.
#[derive(Clone)]
pub(super) enum Item {
    File(Vec<u8>),
    Symlink(String),
    Hard(String),
}

/// An archive before it is written.
pub(super) type Tree = Vec<(String, Item)>;

pub(super) fn file(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> (String, Item) {
    (name.into(), Item::File(bytes.into()))
}

/// Writes an archive; names are written unchanged, even invalid ones.
pub(super) fn tar_of(tree: &Tree) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, item) in tree {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        let (kind, bytes, target) = match item {
            Item::File(bytes) => (tar::EntryType::Regular, &bytes[..], None),
            Item::Symlink(target) => (tar::EntryType::Symlink, &[][..], Some(target)),
            Item::Hard(target) => (tar::EntryType::Link, &[][..], Some(target)),
        };
        header.set_entry_type(kind);
        header.set_size(bytes.len() as u64);
        let old = header.as_old_mut();
        old.name[..name.len()].copy_from_slice(name.as_bytes());
        if let Some(target) = target {
            old.linkname[..target.len()].copy_from_slice(target.as_bytes());
        }
        header.set_cksum();
        builder.append(&header, bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

pub(super) fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An image: its config and its uncompressed layers.
#[derive(Clone)]
pub(super) struct Image {
    pub(super) config: Vec<u8>,
    pub(super) layers: Vec<Vec<u8>>,
    pub(super) tags: Option<Vec<String>>,
}

/// A layer with one file, of `size` bytes that compress somewhat.
pub(super) fn layer(seed: u8, size: usize) -> Vec<u8> {
    let text = format!("layer {seed}: all work and no play\n");
    let body: Vec<u8> = text.bytes().cycle().take(size).collect();
    tar_of(&vec![file(format!("etc/file-{seed}"), body)])
}

impl Image {
    pub(super) fn of(layers: Vec<Vec<u8>>) -> Self {
        let diffs: Vec<String> = layers.iter().map(|raw| digest_of(raw).to_string()).collect();
        let config = json!({
            "architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": diffs},
        });
        Self {
            config: config.to_string().into_bytes(),
            layers,
            tags: Some(vec!["acme/img:v1".to_owned()]),
        }
    }

    /// Three layers, the first of more than one block.
    pub(super) fn usual() -> Self {
        Self::of(vec![layer(1, 1_500_000), layer(2, 3000), layer(3, 10)])
    }

    pub(super) fn id(&self) -> Digest {
        digest_of(&self.config)
    }

    pub(super) fn diffs(&self) -> Vec<Digest> {
        self.layers.iter().map(|raw| digest_of(raw)).collect()
    }

    fn saved(&self, config: String, layers: Vec<String>) -> Value {
        json!({"Config": config, "RepoTags": self.tags, "Layers": layers})
    }

    /// Docker up to 24.
    pub(super) fn legacy(&self) -> Tree {
        let mut tree = Tree::new();
        let mut names: Vec<String> = Vec::new();
        for (turn, raw) in self.layers.iter().enumerate() {
            let v1 = digest_of(format!("v1 {turn}").as_bytes()).hex();
            tree.push(file(format!("{v1}/VERSION"), "1.0"));
            tree.push(file(format!("{v1}/json"), r#"{"id":"x"}"#));
            let name = format!("{v1}/layer.tar");
            let same = self.layers.iter().position(|other| other == raw).unwrap();
            tree.push(if same < turn {
                (name.clone(), Item::Symlink(format!("../{}", names[same])))
            } else {
                file(name.clone(), raw.clone())
            });
            names.push(name);
        }
        let config = format!("{}.json", self.id().hex());
        tree.push(file(config.clone(), self.config.clone()));
        let saved = json!([self.saved(config, names)]).to_string();
        tree.push(file("manifest.json", saved));
        tree.push(file("repositories", r#"{"acme/img":{"v1":"x"}}"#));
        tree
    }

    /// Podman and skopeo.
    pub(super) fn flat(&self) -> Tree {
        let mut tree = Tree::new();
        let mut names = Vec::new();
        for (turn, raw) in self.layers.iter().enumerate() {
            let name = format!("{}.tar", digest_of(raw).hex());
            if !names.contains(&name) {
                tree.push(file(name.clone(), raw.clone()));
            }
            let v1 = digest_of(format!("v1 {turn}").as_bytes()).hex();
            tree.push(file(format!("{v1}/VERSION"), "1.0"));
            tree.push(file(format!("{v1}/json"), r#"{"id":"x"}"#));
            tree.push((format!("{v1}/layer.tar"), Item::Symlink(format!("../{name}"))));
            names.push(name);
        }
        let config = format!("{}.json", self.id().hex());
        tree.push(file(config.clone(), self.config.clone()));
        let saved = json!([self.saved(config, names)]).to_string();
        tree.push(file("manifest.json", saved));
        tree
    }

    /// Docker 25 and later with its own store.
    pub(super) fn classic(&self) -> Tree {
        let named = self.layers.iter().map(|raw| (raw.clone(), "tar"));
        self.layout(&named.collect::<Vec<_>>(), false).0
    }

    /// Docker 25 and later with containerd's store: an index with an attestation, layers
    /// compressed. Also the digest of the index and of the manifest.
    pub(super) fn containerd(&self) -> (Tree, Digest, Digest) {
        let named = self.layers.iter().map(|raw| (gzipped(raw), "tar+gzip"));
        self.layout(&named.collect::<Vec<_>>(), true)
    }

    fn layout(&self, blobs: &[(Vec<u8>, &str)], index: bool) -> (Tree, Digest, Digest) {
        let mut tree = Tree::new();
        let blob = |tree: &mut Tree, bytes: &[u8]| {
            let name = format!("blobs/sha256/{}", digest_of(bytes).hex());
            if !tree.iter().any(|(held, _)| *held == name) {
                tree.push(file(name.clone(), bytes));
            }
            name
        };
        let config = blob(&mut tree, &self.config);
        let mut names = Vec::new();
        let mut layers = Vec::new();
        for (bytes, kind) in blobs {
            names.push(blob(&mut tree, bytes));
            layers.push(json!({
                "mediaType": format!("application/vnd.oci.image.layer.v1.{kind}"),
                "digest": digest_of(bytes), "size": bytes.len(),
            }));
        }
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                       "digest": self.id(), "size": self.config.len()},
            "layers": layers,
        })
        .to_string()
        .into_bytes();
        blob(&mut tree, &manifest);
        let platform = json!({"os": "linux", "architecture": "amd64"});
        let mut root = (manifest.clone(), "manifest");
        if index {
            let empty = b"{}".to_vec();
            blob(&mut tree, &empty);
            let statement = br#"{"_type": "https://in-toto.io/Statement/v0.1"}"#.to_vec();
            blob(&mut tree, &statement);
            let attestation = json!({
                "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                           "digest": digest_of(&empty), "size": empty.len()},
                "layers": [{"mediaType": "application/vnd.in-toto+json",
                            "digest": digest_of(&statement), "size": statement.len()}],
            })
            .to_string()
            .into_bytes();
            blob(&mut tree, &attestation);
            let whole = json!({
                "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                "manifests": [
                    {"mediaType": "application/vnd.oci.image.manifest.v1+json",
                     "digest": digest_of(&manifest), "size": manifest.len(), "platform": platform},
                    {"mediaType": "application/vnd.oci.image.manifest.v1+json",
                     "digest": digest_of(&attestation), "size": attestation.len(),
                     "platform": {"os": "unknown", "architecture": "unknown"},
                     "annotations": {"vnd.docker.reference.type": "attestation-manifest",
                                     "vnd.docker.reference.digest": digest_of(&manifest)}},
                ],
            });
            root = (whole.to_string().into_bytes(), "index");
            blob(&mut tree, &root.0);
        }
        let (bytes, kind) = &root;
        tree.push(file("oci-layout", r#"{"imageLayoutVersion": "1.0.0"}"#));
        tree.push(file(
            "index.json",
            json!({"schemaVersion": 2, "manifests": [{
                "mediaType": format!("application/vnd.oci.image.{kind}.v1+json"),
                "digest": digest_of(bytes), "size": bytes.len(),
                "annotations": {"io.containerd.image.name": "docker.io/acme/img:v1",
                                "org.opencontainers.image.ref.name": "v1"},
            }]})
            .to_string(),
        ));
        let saved = json!([self.saved(config, names)]).to_string();
        tree.push(file("manifest.json", saved));
        (tree, digest_of(bytes), digest_of(&manifest))
    }
}

/// Removes entry `name`.
pub(super) fn without(mut tree: Tree, name: &str) -> Tree {
    let before = tree.len();
    tree.retain(|(held, _)| held != name);
    assert_eq!(tree.len(), before - 1, "{name}");
    tree
}

/// Replaces the bytes of entry `name`.
pub(super) fn with(tree: Tree, name: &str, bytes: impl Into<Vec<u8>>) -> Tree {
    let mut tree = without(tree, name);
    tree.push(file(name, bytes));
    tree
}

/// Parses the document `name`.
pub(super) fn document(tree: &Tree, name: &str) -> Value {
    let item = tree.iter().find(|(held, _)| held == name);
    match item {
        Some((_, Item::File(bytes))) => serde_json::from_slice(&Bytes::copy_from_slice(bytes)).unwrap(),
        _ => panic!("no {name}"),
    }
}

/// Writes the files of an archive into a folder.
pub(super) fn unpack(tree: &Tree, folder: &std::path::Path) {
    for (name, item) in tree {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        if let Item::File(bytes) = item {
            std::fs::write(path, bytes).unwrap();
        }
    }
}
