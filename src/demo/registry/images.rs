//! Makes images of the demo environment from recipes: manifests, configs and layers, always the
//! same.
//!
//! Produces the forms that real registries hold (Docker schema 2, OCI, OCI index with an
//! attestation child). Nothing is stored except in a given folder of blobs.

use std::io;
use std::path::Path;

use chrono::{DateTime, Duration, SecondsFormat};
use serde_json::{Value, json};

use super::layers::{Keep, Layer, Packed, digest_of, number_of, pack, repack};
use crate::domain::Digest;

/// Media type of a Docker schema 2 manifest.
pub const SCHEMA2: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Media type of a Docker manifest list.
pub const MANIFEST_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Media type of an OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an OCI index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const SCHEMA2_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const SCHEMA2_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const IN_TOTO: &str = "application/vnd.in-toto+json";

/// The type of manifest that an image is published with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One Docker schema 2 manifest: what `docker push` made until 2025.
    Schema2,
    /// One OCI image manifest.
    Oci,
    /// An OCI index with one linux/amd64 image and one `unknown/unknown` attestation: what buildx
    /// and Docker 29 make.
    IndexWithAttestation,
}

/// Holds everything that determines the bytes of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Name without registry host, e.g. `finos/legend-studio`.
    pub repository: String,
    /// Tag; two tags of one repository share their lower layers.
    pub tag: String,
    /// The environment's seed.
    pub seed: u64,
    /// Approximate compressed size of all layers together, in bytes.
    pub size: u64,
    /// The type of manifest.
    pub shape: Shape,
}

/// Holds an image: the manifest's exact bytes and everything it refers to.
#[derive(Clone, Debug)]
pub struct Image {
    /// Exact bytes of the manifest or index.
    pub manifest: Vec<u8>,
    /// Its media type.
    pub media_type: &'static str,
    /// Its digest.
    pub digest: Digest,
    /// Digest of the config; for an index that of its linux/amd64 child.
    pub config_digest: Digest,
    /// Config and layers. Without the layers if the image was written directly to a folder.
    pub blobs: Vec<(Digest, Vec<u8>)>,
    /// Children of an index, in its order.
    pub children: Vec<Image>,
}

/// Makes the image of `recipe` in memory.
///
/// # Panics
/// Never: writing to memory does not fail.
#[allow(clippy::expect_used, reason = "tar and gzip into memory do not fail")]
pub fn make(recipe: &Recipe) -> Image {
    build(recipe, Keep::Memory).expect("memory takes every write")
}

/// Makes the image of `recipe` with its layers written directly to `folder`, one file per blob.
pub(super) fn make_in(recipe: &Recipe, folder: &Path) -> io::Result<Image> {
    build(recipe, Keep::Folder(folder))
}

/// Returns the same image after the old pipeline: `docker save` and gzip again. Same config
/// digest, different layer and manifest digests, always one schema 2 manifest. Needs an image made
/// in memory.
///
/// # Panics
/// Never: the layers were made here, and writing to memory does not fail.
#[allow(clippy::expect_used, reason = "gzip of our own bytes in memory does not fail")]
pub fn repacked(image: &Image) -> Image {
    let image = image
        .children
        .iter()
        .find(|child| child.config_digest == image.config_digest)
        .unwrap_or(image);
    let mut blobs = Vec::new();
    let mut layers = Vec::new();
    let mut config_size = 0;
    for (digest, bytes) in &image.blobs {
        if *digest == image.config_digest {
            config_size = bytes.len() as u64;
            blobs.push((*digest, bytes.clone()));
        } else {
            let mut packed = repack(bytes).expect("our own layer");
            blobs.push((packed.digest, packed.bytes.take().unwrap_or_default()));
            layers.push(packed);
        }
    }
    manifest_of(Shape::Schema2, image.config_digest, config_size, &layers, blobs)
}

fn build(recipe: &Recipe, keep: Keep<'_>) -> io::Result<Image> {
    let mut packed = Vec::new();
    for layer in layers_of(recipe) {
        packed.push(pack(&layer, keep)?);
    }
    let config = text(&config_of(recipe, &packed));
    let config_digest = digest_of(&config);
    let config_size = config.len() as u64;
    let mut blobs = vec![(config_digest, config)];
    for layer in &mut packed {
        if let Some(bytes) = layer.bytes.take() {
            blobs.push((layer.digest, bytes));
        }
    }
    let image = manifest_of(recipe.shape, config_digest, config_size, &packed, blobs);
    Ok(match recipe.shape {
        Shape::Schema2 | Shape::Oci => image,
        Shape::IndexWithAttestation => index_of(recipe, image),
    })
}

fn layers_of(recipe: &Recipe) -> Vec<Layer> {
    let shared = format!("{} {}", recipe.seed, recipe.repository);
    let own = format!("{shared} {}", recipe.tag);
    let part = |percent: u64| (recipe.size * percent / 100).max(512);
    vec![
        Layer {
            key: format!("{shared} base {}", recipe.size),
            folder: "usr",
            size: part(40),
        },
        Layer {
            key: format!("{shared} runtime {}", recipe.size),
            folder: "opt/java",
            size: part(25),
        },
        Layer {
            key: format!("{own} application {}", recipe.size),
            folder: "app/bin",
            size: part(34),
        },
        Layer {
            key: format!("{own} entrypoint"),
            folder: "app/etc",
            size: part(1).min(4096),
        },
    ]
}

fn config_of(recipe: &Recipe, layers: &[Packed]) -> Value {
    // Between February 2021 and February 2025, as the releases are.
    let minutes = number_of(&format!("{} {} created", recipe.repository, recipe.tag)) % (4 * 365 * 24 * 60);
    let start = DateTime::UNIX_EPOCH + Duration::days(18_660);
    let created = (start + Duration::minutes(minutes as i64)).to_rfc3339_opts(SecondsFormat::Secs, true);
    let short = recipe.repository.rsplit('/').next().unwrap_or_default();
    let history: Vec<Value> = [
        "ADD rootfs.tar.gz /",
        "COPY jdk /opt/java",
        "COPY bin /app/bin",
        "COPY etc /app/etc",
    ]
    .iter()
    .map(|by| json!({"created": created, "created_by": format!("/bin/sh -c #(nop) {by}")}))
    .collect();
    json!({
        "architecture": "amd64",
        "config": {
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "Entrypoint": [format!("/app/bin/{short}")],
            "WorkingDir": "/app",
            "Labels": {
                "org.opencontainers.image.title": short,
                "org.opencontainers.image.version": recipe.tag,
            },
        },
        "created": created,
        "history": history,
        "os": "linux",
        "rootfs": {
            "type": "layers",
            "diff_ids": layers.iter().map(|layer| layer.diff_id.to_string()).collect::<Vec<_>>(),
        },
    })
}

fn manifest_of(
    shape: Shape,
    config_digest: Digest,
    config_size: u64,
    layers: &[Packed],
    blobs: Vec<(Digest, Vec<u8>)>,
) -> Image {
    let (media_type, config_type, layer_type) = match shape {
        Shape::Schema2 => (SCHEMA2, SCHEMA2_CONFIG, SCHEMA2_LAYER),
        Shape::Oci | Shape::IndexWithAttestation => (OCI_MANIFEST, OCI_CONFIG, OCI_LAYER),
    };
    let layers: Vec<Value> = layers
        .iter()
        .map(|layer| descriptor(layer_type, layer.digest, layer.size))
        .collect();
    let manifest = text(&json!({
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": descriptor(config_type, config_digest, config_size),
        "layers": layers,
    }));
    let digest = digest_of(&manifest);
    Image {
        manifest,
        media_type,
        digest,
        config_digest,
        blobs,
        children: Vec::new(),
    }
}

fn index_of(recipe: &Recipe, image: Image) -> Image {
    let attestation = attestation_of(recipe, &image);
    let mut of_image = descriptor(OCI_MANIFEST, image.digest, image.manifest.len() as u64);
    of_image["platform"] = json!({"architecture": "amd64", "os": "linux"});
    let mut of_attestation = descriptor(
        OCI_MANIFEST,
        attestation.digest,
        attestation.manifest.len() as u64,
    );
    of_attestation["annotations"] = json!({
        "vnd.docker.reference.digest": image.digest.to_string(),
        "vnd.docker.reference.type": "attestation-manifest",
    });
    of_attestation["platform"] = json!({"architecture": "unknown", "os": "unknown"});
    let manifest = text(&json!({
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [of_image, of_attestation],
    }));
    Image {
        digest: digest_of(&manifest),
        manifest,
        media_type: OCI_INDEX,
        config_digest: image.config_digest,
        blobs: Vec::new(),
        children: vec![image, attestation],
    }
}

fn attestation_of(recipe: &Recipe, image: &Image) -> Image {
    let statement = text(&json!({
        "_type": "https://in-toto.io/Statement/v1",
        "predicateType": "https://slsa.dev/provenance/v1",
        "subject": [{
            "name": format!("pkg:docker/{}@{}?platform=linux%2Famd64", recipe.repository, recipe.tag),
            "digest": {"sha256": image.digest.hex()},
        }],
        "predicate": {
            "buildDefinition": {
                "buildType": "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
                "externalParameters": {}, "internalParameters": {},
            },
            "runDetails": {"builder": {"id": format!("https://github.com/{}/actions", recipe.repository)}},
        },
    }));
    let layer = digest_of(&statement);
    let config = text(&json!({
        "architecture": "unknown", "os": "unknown", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [layer.to_string()]},
    }));
    let config_digest = digest_of(&config);
    let mut of_layer = descriptor(IN_TOTO, layer, statement.len() as u64);
    of_layer["annotations"] = json!({"in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"});
    let manifest = text(&json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(OCI_CONFIG, config_digest, config.len() as u64),
        "layers": [of_layer],
    }));
    Image {
        digest: digest_of(&manifest),
        manifest,
        media_type: OCI_MANIFEST,
        config_digest,
        blobs: vec![(config_digest, config), (layer, statement)],
        children: Vec::new(),
    }
}

fn descriptor(media_type: &str, digest: Digest, size: u64) -> Value {
    json!({"mediaType": media_type, "digest": digest.to_string(), "size": size})
}

fn text(document: &Value) -> Vec<u8> {
    document.to_string().into_bytes()
}
