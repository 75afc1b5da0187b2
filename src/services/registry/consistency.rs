//! Checks whether a manifest and its config agree about the layers of an image.
//!
//! Docker 25.0 wrote layouts whose manifest names no layer although the config does: such an image
//! can be uploaded everywhere and runs nowhere.

use serde::Deserialize;

use super::manifest::{Content, Manifest};
use super::manifest_source::ManifestSource;
use crate::domain::{ManifestDigest, Problem, ProblemKind};

/// Media types of configs that list the layers of their image.
const CONFIGS: [&str; 2] = [
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
];

/// Holds the layer counts of a config that disagrees with its manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerMismatch {
    /// Layers that the config names.
    pub config: usize,
    /// Layers that the manifest names.
    pub manifest: usize,
}

#[derive(Deserialize)]
struct Config {
    rootfs: Option<RootFs>,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Option<Vec<serde::de::IgnoredAny>>,
}

/// Returns the number of layers that a config of this media type names; `None` if it does not name
/// any number.
pub(super) fn layers_of(media_type: &str, config: &[u8]) -> Option<usize> {
    if !CONFIGS.contains(&media_type) {
        return None;
    }
    let config: Config = serde_json::from_slice(config).ok()?;
    Some(config.rootfs?.diff_ids.map_or(0, |ids| ids.len()))
}

impl LayerMismatch {
    /// Compares the text of a config with the number of layers of its manifest.
    pub fn of(media_type: &str, config: &[u8], layers: usize) -> Option<Self> {
        let named = layers_of(media_type, config)?;
        (named != layers).then_some(Self {
            config: named,
            manifest: layers,
        })
    }

    /// Refuses the image `what`.
    pub fn problem(self, what: &str, manifest: ManifestDigest) -> Problem {
        let count = |layers: usize| match layers {
            0 => "no layer".to_owned(),
            1 => "1 layer".to_owned(),
            more => format!("{more} layers"),
        };
        Problem::new(ProblemKind::Invalid, format!("{what} is not a complete image"))
            .cause(format!(
                "its config lists {}, its manifest {manifest} lists {}",
                count(self.config),
                count(self.manifest)
            ))
            .hint("build or save the image again (Docker 25.0 wrote such layouts)")
    }
}

/// Refuses an image without layers whose config names some. Only configs of manifests without
/// layers are read: no request is spent on any other image.
pub(super) async fn check_layerless(source: &ManifestSource, manifests: &[Manifest]) -> Result<(), Problem> {
    for manifest in manifests {
        if let Content::Image { config, layers } = &manifest.content
            && layers.is_empty()
            && CONFIGS.contains(&config.media_type.as_str())
            && let Some(mismatch) = LayerMismatch::of(&config.media_type, &source.config(config).await?, 0)
        {
            return Err(mismatch.problem(&source.name(manifest.digest), manifest.digest));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_configs_of_images_count_layers() {
        let text = br#"{"rootfs": {"type": "layers", "diff_ids": ["sha256:00"]}}"#;
        let [oci, docker] = CONFIGS;
        assert_eq!(
            LayerMismatch::of(oci, text, 0),
            Some(LayerMismatch {
                config: 1,
                manifest: 0
            })
        );
        assert_eq!(LayerMismatch::of(docker, text, 1), None);
        assert!(LayerMismatch::of(docker, text, 2).is_some());
        assert_eq!(
            LayerMismatch::of("application/vnd.oci.empty.v1+json", b"{}", 3),
            None
        );
        assert_eq!(LayerMismatch::of(oci, b"{}", 1), None);
        assert_eq!(
            LayerMismatch::of(oci, br#"{"rootfs": {"diff_ids": null}}"#, 0),
            None
        );
    }
}
