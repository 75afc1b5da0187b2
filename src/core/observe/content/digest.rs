//! Finds an image by digest: in the store's registry, else in an engine of this machine.
//!
//! Also words the errors for a digest that is not found or is ambiguous.

use crate::domain::{LocalSource, ManifestDigest, Problem, ProblemKind, Repository, SanitizedText, Snapshot};
use crate::observe::Observer;
use crate::plan::UploadIntent;
use crate::services::engine::{DigestQuery, EngineImage};
use crate::services::registry::Registries;

/// Where an image was found.
pub(super) enum Found {
    /// In the store's registry.
    There(ManifestDigest),
    /// In an engine of this machine.
    Here(LocalSource),
}

impl Observer {
    /// Finds the image that `text` means; `known` are the images behind the resource.
    pub(super) async fn by_digest(
        &self,
        text: &str,
        known: &[ManifestDigest],
        registries: &Registries,
        repository: &Repository,
    ) -> Result<Found, Problem> {
        let wanted = DigestQuery::parse(text)?;
        let (candidates, held) = match &wanted {
            DigestQuery::Full(digest) => {
                if registries
                    .head(&repository.at(ManifestDigest(*digest)))
                    .await?
                    .is_some()
                {
                    return Ok(Found::There(ManifestDigest(*digest)));
                }
                (Vec::new(), self.services.engines.find(&wanted).await)
            }
            DigestQuery::Short(short) => {
                let mut held = self.services.engines.find(&wanted).await;
                let mut candidates: Vec<ManifestDigest> = known
                    .iter()
                    .filter(|digest| digest.0.hex().starts_with(short))
                    .copied()
                    .collect();
                candidates.sort();
                candidates.dedup();
                if let Ok(found) = &mut held {
                    // An image that is both held here and behind a revision counts once.
                    let also = |digest: &ManifestDigest| found.iter().any(|one| one.matched == digest.0);
                    candidates.retain(|digest| !also(digest));
                    if found.len() + candidates.len() > 1 {
                        return Err(ambiguous(short, found, &candidates));
                    }
                    candidates.extend(found.iter().map(|one| ManifestDigest(one.matched)));
                } else if candidates.len() > 1 {
                    return Err(ambiguous(short, &[], &candidates));
                }
                (candidates, held)
            }
        };
        for digest in candidates {
            if registries.head(&repository.at(digest)).await?.is_some() {
                return Ok(Found::There(digest));
            }
        }
        let here = match &held {
            Ok(found) => found.first().map(|one| one.source.clone()),
            Err(_) => None,
        };
        here.map(Found::Here)
            .ok_or_else(|| nowhere(text, &wanted, repository, held.err()))
    }
}

/// Returns the images that the resource's revisions hold, as far as they are known.
pub(super) fn behind(snapshot: &Snapshot, intent: &UploadIntent) -> Vec<ManifestDigest> {
    let facts = snapshot
        .charms
        .get(&intent.charm)
        .and_then(|seen| seen.value.as_ref());
    facts
        .and_then(|facts| facts.resources.get(&intent.resource))
        .into_iter()
        .flatten()
        .filter_map(|one| snapshot.image_behind(&intent.charm, &intent.resource, one.revision))
        .map(|behind| behind.digest)
        .collect()
}

fn ambiguous(short: &str, held: &[EngineImage], known: &[ManifestDigest]) -> Problem {
    let mut problem = Problem::new(
        ProblemKind::NotFound,
        format!("{short} matches {} images", held.len() + known.len()),
    );
    for one in held {
        let names: Vec<String> = one.names.iter().map(ToString::to_string).collect();
        problem = problem.cause(format!("{} {}", one.matched, names.join(", ")));
    }
    for digest in known {
        problem = problem.cause(format!("{digest}, used by a revision of the resource"));
    }
    problem.hint("give all 64 digits")
}

fn nowhere(text: &str, wanted: &DigestQuery, repository: &Repository, engines: Option<Problem>) -> Problem {
    let mut problem = Problem::new(
        ProblemKind::NotFound,
        format!(
            "image {} not found in Canonical's registry or in a local engine",
            SanitizedText::capped(text, 80)
        ),
    )
    .cause(format!(
        "checked the repository {repository} in Canonical's registry"
    ));
    problem = match engines {
        None => problem.cause("checked the local engine for an image id and a digest"),
        Some(engine) => {
            let mut problem = problem.cause(&engine.summary);
            for cause in &engine.causes {
                problem = problem.cause(cause);
            }
            problem.hints.extend(engine.hints);
            problem
        }
    };
    if matches!(wanted, DigestQuery::Short(_)) {
        problem = problem.hint("a registry cannot be searched by short digest: give all 64 digits");
    }
    problem.hint("pull or build the image, or give its location with --from REFERENCE")
}
