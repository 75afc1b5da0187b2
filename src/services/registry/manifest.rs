//! Parses manifests: the raw bytes as registries hold them, and what they contain.
//!
//! Knows the four media types, limits the size, and distinguishes platforms, attestations and
//! foreign layers. Must not change a byte: a manifest is pushed as it was read.

use bytes::Bytes;
use serde::Deserialize;

use super::cache::digest_of;
use crate::domain::image::Platform;
use crate::domain::{Digest, ManifestDigest, Problem, ProblemKind, SanitizedText};
use crate::services::http::json::json;

/// OCI image index.
pub(super) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// OCI image manifest.
pub(super) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Docker's manifest list.
pub(super) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Docker's manifest, schema 2.
pub(super) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Every type that is understood, for `Accept`: a registry that is not offered the index type
/// answers that the tag does not exist.
pub(super) const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json";
/// Largest manifest that is read, in bytes.
pub(super) const CAP: usize = 8 * 1024 * 1024;

/// Holds a verified manifest or index.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Digest of `bytes`.
    pub digest: ManifestDigest,
    /// Media type to push it under.
    pub media_type: String,
    /// The exact bytes.
    pub bytes: Bytes,
    /// Its parsed content.
    pub content: Content,
}

/// What a manifest names.
#[derive(Clone, Debug)]
pub enum Content {
    /// Other manifests, in order.
    Index(Vec<Child>),
    /// One image: a config and layers, in order.
    Image {
        /// The config blob.
        config: Blob,
        /// The layers.
        layers: Vec<Blob>,
    },
}

/// Holds a manifest that an index names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// Its digest.
    pub digest: ManifestDigest,
    /// Its length in bytes.
    pub size: u64,
    /// Its platform, if the index names one.
    pub platform: Option<Platform>,
    /// The manifest that this one attests, if it is an attestation that names one.
    pub subject: Option<ManifestDigest>,
    /// True for provenance and bills of materials, which are not platforms.
    pub attestation: bool,
}

/// Holds a blob that a manifest names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Its media type.
    pub media_type: String,
    /// True for layers that registries do not hold; they are not copied.
    pub foreign: bool,
    /// Addresses of such a layer, from its manifest.
    pub urls: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    schema_version: u8,
    media_type: Option<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    #[serde(default, deserialize_with = "null_is_empty")]
    layers: Option<Vec<Descriptor>>,
}

/// Parses a list; `null` counts as an empty one, because only its absence decides the type of
/// document.
fn null_is_empty<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<Vec<T>>::deserialize(deserializer).map(|list| Some(list.unwrap_or_default()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: u64,
    platform: Option<Platform>,
    annotations: Option<std::collections::BTreeMap<String, String>>,
    urls: Option<Vec<String>>,
}

impl Manifest {
    /// Parses verified bytes. `served_as` is the registry's Content-Type, which counts only if the
    /// document does not name its own type. `what` names the image in problems.
    pub fn parse(what: &str, served_as: Option<&str>, bytes: Bytes) -> Result<Self, Problem> {
        let broken = |why: String| {
            Problem::new(
                ProblemKind::Invalid,
                format!("the manifest of {what} is not usable"),
            )
            .cause(why)
        };
        let document: Document =
            json(&bytes).map_err(|error| broken(format!("it is not a manifest: {error}")))?;
        let served_as = served_as.map(|text| text.split(';').next().unwrap_or_default().trim());
        if document.schema_version == 1
            || served_as
                .is_some_and(|kind| kind.contains("manifest.v1+") && kind.contains("docker.distribution"))
        {
            return Err(
                broken("it is a Docker schema 1 manifest, which has no config".to_owned())
                    .hint("push the image again with a current tool, then use its new digest"),
            );
        }
        let known = |kind: &&str| [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST].contains(kind);
        // The document's own type takes precedence; a Content-Type that is not an image type is
        // ignored.
        let strange = document
            .media_type
            .as_deref()
            .filter(|kind| !known(kind))
            .or(served_as.filter(|kind| {
                document.media_type.is_none()
                    && !known(kind)
                    && (kind.starts_with("application/vnd.") || kind.contains("docker"))
            }));
        if let Some(strange) = strange {
            return Err(broken(format!(
                "it has the media type {}",
                SanitizedText::capped(strange, 200)
            ))
            .hint("supported are OCI and Docker (schema 2) manifests, indexes and manifest lists"));
        }
        let media_type = document
            .media_type
            .as_deref()
            .or(served_as.filter(known))
            .unwrap_or(if document.manifests.is_some() {
                OCI_INDEX
            } else {
                OCI_MANIFEST
            });
        let index = matches!(media_type, OCI_INDEX | DOCKER_LIST);
        // Go writes an empty list as null; a document that names its type and lacks the list is
        // treated alike.
        let named = document.media_type.is_some();
        let manifests = document.manifests;
        let manifests = manifests.or_else(|| (index && named).then(Vec::new));
        let layers = document.layers;
        let layers = layers.or_else(|| (!index && named && document.config.is_some()).then(Vec::new));
        let content = match (manifests, document.config, layers) {
            (Some(manifests), _, None) if index => Content::Index(
                manifests
                    .into_iter()
                    .map(|descriptor| descriptor.child().map_err(broken))
                    .collect::<Result<_, _>>()?,
            ),
            (None, Some(config), Some(layers)) if !index => Content::Image {
                config: config.blob().map_err(broken)?,
                layers: layers
                    .into_iter()
                    .map(|descriptor| descriptor.blob().map_err(broken))
                    .collect::<Result<_, _>>()?,
            },
            _ => {
                return Err(broken(format!("its fields do not match {media_type}")));
            }
        };
        Ok(Self {
            digest: ManifestDigest(digest_of(&bytes)),
            media_type: media_type.to_owned(),
            bytes,
            content,
        })
    }

    /// Returns the children of an index; empty for an image.
    pub fn children(&self) -> &[Child] {
        match &self.content {
            Content::Index(children) => children,
            Content::Image { .. } => &[],
        }
    }

    /// Returns config and layers that registries hold; empty for an index.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        let (config, layers) = match &self.content {
            Content::Index(_) => (None, &[][..]),
            Content::Image { config, layers } => (Some(config), &layers[..]),
        };
        config.into_iter().chain(layers).filter(|blob| !blob.foreign)
    }
}

impl Descriptor {
    fn parsed(&self) -> Result<Digest, String> {
        self.digest.parse().map_err(|error| format!("{error}"))
    }

    fn child(self) -> Result<Child, String> {
        let nowhere = self
            .platform
            .as_ref()
            .is_some_and(|platform| platform.os == "unknown" && platform.architecture == "unknown");
        let annotations = self.annotations.clone().unwrap_or_default();
        let said = annotations
            .get("vnd.docker.reference.type")
            .is_some_and(|kind| kind == "attestation-manifest");
        Ok(Child {
            digest: ManifestDigest(self.parsed()?),
            size: self.size,
            subject: annotations
                .get("vnd.docker.reference.digest")
                .and_then(|text| text.parse().ok()),
            attestation: nowhere || said,
            platform: self.platform,
        })
    }

    fn blob(self) -> Result<Blob, String> {
        let digest = self.parsed()?;
        Ok(Blob {
            digest,
            size: self.size,
            foreign: self.media_type.contains(".foreign.") || self.media_type.contains(".nondistributable."),
            media_type: SanitizedText::capped(&self.media_type, 200).as_str().to_owned(),
            urls: self.urls.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(digit: char) -> String {
        format!("sha256:{}", digit.to_string().repeat(64))
    }

    fn parse(document: &serde_json::Value) -> Result<Manifest, Problem> {
        Manifest::parse("x/y:z", None, document.to_string().into())
    }

    #[test]
    fn media_types_are_those_of_the_library() {
        use oci_distribution::manifest;
        assert_eq!(OCI_INDEX, manifest::OCI_IMAGE_INDEX_MEDIA_TYPE);
        assert_eq!(OCI_MANIFEST, manifest::OCI_IMAGE_MEDIA_TYPE);
        assert_eq!(DOCKER_LIST, manifest::IMAGE_MANIFEST_LIST_MEDIA_TYPE);
        assert_eq!(DOCKER_MANIFEST, manifest::IMAGE_MANIFEST_MEDIA_TYPE);
    }

    #[test]
    fn attestations_are_no_platforms() {
        let manifest = parse(&serde_json::json!({
            "schemaVersion": 2, "mediaType": OCI_INDEX,
            "manifests": [
                {"mediaType": OCI_MANIFEST, "digest": hex('a'), "size": 1,
                 "platform": {"os": "linux", "architecture": "arm", "variant": "v7"}},
                {"mediaType": OCI_MANIFEST, "digest": hex('b'), "size": 2,
                 "platform": {"os": "unknown", "architecture": "unknown"},
                 "annotations": {"vnd.docker.reference.type": "attestation-manifest",
                                 "vnd.docker.reference.digest": hex('a')}},
            ]
        }))
        .unwrap();
        let children = manifest.children();
        assert!(!children[0].attestation);
        assert!(children[1].attestation);
        assert_eq!(children[1].subject, Some(children[0].digest));
    }

    #[test]
    fn foreign_layers_are_not_counted_and_schema_1_is_refused() {
        let manifest = parse(&serde_json::json!({
            "schemaVersion": 2,
            "config": {"mediaType": "c", "digest": hex('c'), "size": 3},
            "layers": [
                {"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "digest": hex('d'), "size": 4},
                {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": hex('e'), "size": 5},
            ]
        }))
        .unwrap();
        assert_eq!(manifest.media_type, OCI_MANIFEST);
        assert_eq!(manifest.blobs().map(|blob| blob.size).sum::<u64>(), 8);
        let old = parse(&serde_json::json!({"schemaVersion": 1, "fsLayers": []})).unwrap_err();
        assert!(old.to_string().contains("schema 1"), "{old}");
    }

    #[test]
    fn null_is_an_empty_list() {
        let index = parse(&serde_json::json!({
            "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": null, "annotations": null
        }))
        .unwrap();
        assert!(index.children().is_empty());
        let untyped = parse(&serde_json::json!({"schemaVersion": 2, "manifests": null})).unwrap();
        assert_eq!(untyped.media_type, OCI_INDEX);
        let config = serde_json::json!({
            "mediaType": "c", "digest": hex('c'), "size": 3, "annotations": null, "urls": null, "platform": null
        });
        for document in [
            serde_json::json!({"schemaVersion": 2, "config": config, "layers": null}),
            serde_json::json!({"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": config}),
        ] {
            let image = parse(&document).unwrap();
            assert!(matches!(&image.content, Content::Image { layers, .. } if layers.is_empty()));
        }
    }

    #[test]
    fn a_media_type_that_nobody_knows_is_named() {
        let strange = "application/vnd.acme.bundle+json";
        let document = |named: Option<&str>| {
            let blob = serde_json::json!({"digest": hex('c'), "size": 3});
            serde_json::json!({"schemaVersion": 2, "mediaType": named, "config": blob, "layers": []})
                .to_string()
        };
        for (named, served) in [(Some(strange), None), (None, Some(strange))] {
            let problem = Manifest::parse("x", served, document(named).into()).unwrap_err();
            assert!(problem.to_string().contains(strange), "{problem}");
        }
        let served = Some("application/json");
        assert!(Manifest::parse("x", served, document(None).into()).is_ok());
    }

    #[test]
    fn digests_of_another_algorithm_are_named() {
        let other = format!("sha512:{}", "a".repeat(128));
        let problem = parse(&serde_json::json!({
            "schemaVersion": 2, "config": {"digest": other, "size": 3}, "layers": []
        }))
        .unwrap_err();
        assert!(
            problem.to_string().contains("only sha256 is supported"),
            "{problem}"
        );
    }

    #[test]
    fn a_document_that_is_two_things_is_refused() {
        let both = serde_json::json!({
            "schemaVersion": 2, "manifests": [],
            "config": {"digest": hex('c'), "size": 3}, "layers": []
        });
        assert_eq!(parse(&both).unwrap_err().kind, ProblemKind::Invalid);
        assert!(parse(&serde_json::json!({"errors": []})).is_err());
        assert!(Manifest::parse("x", None, Bytes::from_static(b"<html>")).is_err());
    }
}
