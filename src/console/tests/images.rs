//! Image fixtures for the console.

use chrono::TimeDelta;

use super::world::{digest, now};
use crate::console::image::{Seen, There, Wanted};
use crate::domain::detail::{Layer, PlatformDetail};
use crate::domain::image::{Platform, PlatformImage};
use crate::domain::{ConfigDigest, ImageDetail, ImageSource, ManifestDigest, Reference, SanitizedText};

/// Returns the single platform of the image for `seed`.
pub(super) fn on_amd64(seed: &str) -> PlatformImage {
    PlatformImage {
        platform: Platform {
            os: "linux".into(),
            architecture: "amd64".into(),
            variant: None,
        },
        digest: ManifestDigest(digest(seed)),
        config_digest: ConfigDigest(digest(&format!("config {seed}"))),
        size: 335_000_000,
    }
}

/// Returns an image of two layers, one of which all images share.
pub(super) fn detail(source: &ImageSource) -> ImageDetail {
    let seed = source.to_string();
    let layer = |seed: &str, size: u64| Layer {
        digest: digest(seed),
        size,
        media_type: SanitizedText::new("application/vnd.oci.image.layer.v1.tar+gzip"),
        foreign: false,
        urls: Vec::new(),
    };
    let layers = vec![layer("base", 28_000_000), layer(&seed, 307_000_000)];
    ImageDetail {
        source: source.clone(),
        digest: ManifestDigest(digest(&seed)),
        media_type: "application/vnd.oci.image.manifest.v1+json".into(),
        size: 335_000_000,
        platforms: vec![PlatformDetail {
            image: on_amd64(&seed),
            created: Some(now() - TimeDelta::days(40)),
            labels: [(
                "version".to_owned(),
                SanitizedText::new(seed.rsplit(':').next().unwrap()),
            )]
            .into(),
            env: vec![SanitizedText::new(format!("SEED={seed}"))],
            entrypoint: vec![SanitizedText::new("java"), SanitizedText::new("-jar")],
            command: Vec::new(),
            layers,
            config_layers: None,
        }],
        attestations: vec![ManifestDigest(digest("attestation"))],
        missing: Vec::new(),
        moved: None,
    }
}

/// Returns the result of reading an image; if it has a destination, the shared layer is there.
pub(super) fn seen(image: &Wanted, goes: bool) -> Seen {
    let source = match image {
        Wanted::From(source) => source.clone(),
        other => {
            let reference = "registry.jujucharms.com/charm/x/image:1";
            let mut source = Reference::parse(reference).unwrap();
            source.target = crate::domain::Target::Tag(format!("{other:?}").len().to_string());
            ImageSource::Registry(source)
        }
    };
    let there = if goes {
        There::Layers([digest("base")].into())
    } else {
        There::NotAsked
    };
    Seen {
        detail: detail(&source),
        there,
    }
}
