//! Makes an upload a revision of a bundle, and recognises that the store no longer accepts
//! bundles.
//!
//! This is the only place that recognises it. It decides whether a publish may continue without
//! its bundle, so the match is narrow: any other error about a bundle is a failure.

use regex::Regex;

use super::at;
use super::writer::{StoreWriter, Written};
use crate::domain::{CharmName, Problem};

/// Codes that mean it by themselves. `refresh-bundle-not-supported` is what the public side
/// answers about bundles today (the list of codes in Juju's source); the other is the same without
/// its endpoint.
const CODES: [&str; 2] = ["refresh-bundle-not-supported", "bundle-not-supported"];

/// Words that mean it. What the store will answer once it accepts no bundles is not known: it
/// ended their registration (a banner on bundle pages since June 2026, first announced for
/// November 2024) and charmcraft 4 their packing, both in these words. "Bundles" must be in the
/// plural, or be the type of the package: a complaint about `bundle.yaml` is a different error.
const WORDS: &str = r"(?x)
      \b(?:bundles | bundle\ (?:packages? | uploads? | revisions? | registrations? | type))\b
      .* \b(?:no\ longer | not\ (?:be\ )?(?:supported | accepted) | unsupported | sunset
            | retired | discontinued | ended | closed)\b
    | \b(?:no\ longer | does\ not | cannot)\b .* \b(?:accepts? | supports? | takes?)\b .* \bbundles\b";

/// Returns true if `problem`, or a review quoted in it, means that the store no longer accepts
/// bundles.
pub fn no_longer_accepted(problem: &Problem) -> bool {
    let words = Regex::new(WORDS).ok();
    problem.causes.iter().any(|cause| {
        let text = cause.as_str().to_ascii_lowercase();
        let code = text.split(':').next().unwrap_or_default();
        CODES.contains(&code) || words.as_ref().is_some_and(|words| words.is_match(&text))
    })
}

impl StoreWriter {
    /// Makes a stored upload a revision of a bundle; it is under review afterwards.
    pub async fn push_bundle(&self, bundle: &CharmName, upload_id: &str) -> Result<Written<()>, Problem> {
        let url = at(
            &self.publisher.api,
            &["v1", "charm", bundle.as_str(), "revisions"],
        );
        let what = format!("creating a revision of {bundle} from the upload");
        self.push(&url, &serde_json::json!({"upload-id": upload_id}), &what)
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ProblemKind;

    fn said(text: &str) -> bool {
        no_longer_accepted(&Problem::new(ProblemKind::Refused, "pushing").cause(text))
    }

    #[test]
    fn the_end_of_bundles_is_recognised() {
        for text in [
            "api-error: Bundles are no longer supported",
            "api-error: Uploading bundles is no longer supported.",
            "forbidden: Registration of bundles is closed",
            "api-error: New bundle revisions are not accepted",
            "api-error: Charmhub no longer accepts bundles",
            "bundle-not-supported: see the forum",
            "refresh-bundle-not-supported: x",
        ] {
            assert!(said(text), "{text}");
        }
    }

    #[test]
    fn other_complaints_about_a_bundle_are_failures() {
        for text in [
            "review-error: bundle.yaml: key 'x' is not supported",
            "review-error: The bundle is not valid: unsupported series",
            "review-error: bundle.yaml names a channel that is closed",
            "permission-required: Package access not allowed: this token does not cover finos-legend-bundle",
            "api-error: Invalid macaroon",
            "review-error: Cannot insert package. An upload with that digest (SHA3-384: 'a') already exists in the database.",
            "resource-not-found: Name finos-legend-bundle not found in the charm namespace",
        ] {
            assert!(!said(text), "{text}");
        }
    }
}
