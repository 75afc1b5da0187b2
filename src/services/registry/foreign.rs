//! Explains the refusal of an image because of layers that no registry holds.

use super::manifest::{Content, Manifest};
use super::request::AttemptError;
use crate::domain::{Problem, ProblemKind, SanitizedText};
use crate::services::http::Answer;

/// Explains `refusal` of a manifest that names foreign layers: the registry is configured not to
/// accept them, whatever its status, and a retry changes nothing. Other refusals are returned
/// unchanged.
pub(super) fn explained(
    manifest: &Manifest,
    what: &str,
    answer: &Answer,
    refusal: AttemptError,
) -> AttemptError {
    let Content::Image { layers, .. } = &manifest.content else {
        return refusal;
    };
    let elsewhere: Vec<_> = layers.iter().filter(|layer| layer.foreign).collect();
    if elsewhere.is_empty() || !matches!(answer.status, 400 | 404 | 405 | 415 | 422 | 500) {
        return refusal;
    }
    let mut problem = Problem::new(
        ProblemKind::Refused,
        format!("{what}: the registry rejects an image with external layers"),
    );
    for layer in elsewhere.iter().take(5) {
        let at = layer.urls.first().map_or("an unknown address", String::as_str);
        problem = problem.cause(format!(
            "layer {} is at {}",
            layer.digest,
            SanitizedText::capped(at, 300)
        ));
    }
    problem.causes.extend(refusal.problem.causes);
    problem
        .hint(
            "allow these addresses in the registry: validation.manifests.urls.allow in the configuration \
            of distribution",
        )
        .hint("or build the image with its base layers pushed, and copy that image")
        .into()
}
