//! Defines which images the demo's registries hold, and how each is made.
//!
//! Contains the recipes of Docker Hub's and ghcr.io's images, derived from the release manifests.
//! The registry makes the images.

use super::registry::Registry;
use super::registry::images::{Recipe, Shape};
use super::releases;

/// The family of base images on ghcr.io: package, and the version that its fixed tag names.
pub const FAMILY: [(&str, &str); 5] = [
    ("cfpb/regtech/sbl/alpine", "v3.18.0"),
    ("cfpb/regtech/sbl/python-alpine", "v3.12.0"),
    ("cfpb/regtech/sbl/nginx-alpine", "v1.27.0"),
    ("cfpb/regtech/sbl/node-js-alpine", "v3.20.0"),
    ("cfpb/regtech/sbl/python-ubi8", "v3.12.0"),
];

/// The private package that proves that a token may write.
pub const PROBE: &str = "cfpb/regtech/sbl/test";

/// Images before this release are small regardless of `--image-size`: they are history and are not
/// copied.
const LARGE_SINCE: &str = "2024-01-06";
const SMALL: u64 = 65_536;

/// Holds the parameters of all generated images.
#[derive(Clone, Copy, Debug)]
pub struct Drawing {
    /// The seed of random layers.
    pub seed: u64,
    /// Size of the large images, in bytes.
    pub image_size: u64,
}

impl Drawing {
    /// Returns the recipe of the Hub image that release `release` names as `repository:tag`.
    pub fn upstream(self, release: &str, repository: &str, tag: &str) -> Recipe {
        let large = release >= LARGE_SINCE;
        let shape = if tag == "13.16.0" {
            Shape::IndexWithAttestation
        } else if large {
            Shape::Oci
        } else {
            Shape::Schema2
        };
        Recipe {
            repository: qualified(repository),
            tag: tag.to_owned(),
            seed: self.seed,
            size: if large {
                self.image_size
            } else {
                self.image_size.min(SMALL)
            },
            shape,
        }
    }

    /// Returns the recipe of a small image that no release names.
    pub fn small(self, repository: &str, tag: &str) -> Recipe {
        Recipe {
            repository: repository.to_owned(),
            tag: tag.to_owned(),
            seed: self.seed,
            size: self.image_size.min(4096),
            shape: Shape::Schema2,
        }
    }
}

/// Returns the full name: `mongo` is `library/mongo` on Docker Hub.
pub fn qualified(repository: &str) -> String {
    if repository.contains('/') {
        repository.to_owned()
    } else {
        format!("library/{repository}")
    }
}

/// Offers every image that a release manifest names, and the one that the quota is read from.
pub fn stock_hub(hub: &Registry, drawing: Drawing) {
    let mut offered = std::collections::BTreeSet::new();
    for release in releases::all() {
        for (repository, tag) in &release.core {
            let recipe = drawing.upstream(&release.version, repository, tag);
            if offered.insert((recipe.repository.clone(), recipe.tag.clone())) {
                hub.offer(&recipe.repository.clone(), tag, recipe);
            }
        }
    }
    let probe = drawing.small("ratelimitpreview/test", "latest");
    hub.offer("ratelimitpreview/test", "latest", probe);
}

/// Offers the family of base images under its three tags, one earlier build and the test package.
pub fn stock_ghcr(ghcr: &Registry, drawing: Drawing) {
    for (package, version) in FAMILY {
        let build = format!("{version}_61.1");
        let newest = drawing.small(package, &build);
        for tag in [version, build.as_str(), "latest"] {
            ghcr.offer(package, tag, newest.clone());
        }
        let before = format!("{version}_60.1");
        ghcr.offer(package, &before, drawing.small(package, &before));
    }
    ghcr.offer(PROBE, "do_not_use", drawing.small(PROBE, "do_not_use"));
}
