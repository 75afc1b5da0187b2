//! Reads and lists what refers to an image: signatures, bills of materials, provenance.
//!
//! Referrers are found at the source and listed at the destination, by the registry's own list or,
//! if there is none, by the fallback tag. "None", "no such list" and "unknown" are three answers:
//! the last is a failure.

use std::sync::atomic::Ordering;

use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::{Value, json};

use super::manifest::{Manifest, OCI_INDEX};
use super::manifest_push::put;
use super::request::{RequestSpec, ScopedEndpoint, is_page};
use super::resolve::{fetch, head_at};
use super::{Registries, TagBefore};
use crate::domain::image::Repository;
use crate::domain::{Digest, ManifestDigest, Problem, ProblemKind};
use crate::services::http::json::json as read_json;

/// Number of referrers of one image beyond which it is refused.
const MOST: usize = 256;
/// Longest list of referrers, in bytes.
const LONGEST: usize = 1024 * 1024;

/// Holds one entry of a list, with its JSON.
pub(super) struct Descriptor {
    pub(super) digest: ManifestDigest,
    words: Value,
}

impl Descriptor {
    /// Returns the entry of `digest` with this JSON.
    pub(super) const fn new(digest: ManifestDigest, words: Value) -> Self {
        Self { digest, words }
    }
}

/// Returns the fallback tag with the list of referrers of `subject`.
pub fn stand_in(subject: ManifestDigest) -> String {
    format!("sha256-{}", subject.0.hex())
}

pub(super) async fn list(
    registries: &Registries,
    repository: &Repository,
    subject: ManifestDigest,
) -> Result<Vec<Descriptor>, Problem> {
    let access = registries.endpoint(repository)?.pull();
    match listed(registries, &access, repository, subject).await? {
        Some(found) => Ok(found),
        None => by_tag(registries, &access, repository, subject).await,
    }
}

/// Reads the registry's own list; `None` if it keeps none.
async fn listed(
    registries: &Registries,
    access: &ScopedEndpoint,
    repository: &Repository,
    subject: ManifestDigest,
) -> Result<Option<Vec<Descriptor>>, Problem> {
    let host = registries.shared.hosts.of(&access.site.origin());
    if host.lists_no_referrers.load(Ordering::Relaxed) {
        return Ok(None);
    }
    let what = format!("the referrers of {}", repository.at(subject));
    let ask = RequestSpec::new(Method::GET, access.site.url(&format!("referrers/{subject}"))?)
        .header(ACCEPT, OCI_INDEX)
        .any_answer();
    let answer = registries.ask(access, &what, &ask).await;
    let answer = answer.map_err(|trouble| trouble.problem)?;
    match answer.status {
        200 if !is_page(&answer) => read(&what, &answer.body).map(Some),
        // ghcr.io redirects to a web page.
        200 | 300..=399 | 400 | 404 | 405 | 501 => {
            host.lists_no_referrers.store(true, Ordering::Relaxed);
            Ok(None)
        }
        _ => Err(registries.refusal(access, &what, &answer).await.problem),
    }
}

/// Reads the list under the fallback tag.
async fn by_tag(
    registries: &Registries,
    access: &ScopedEndpoint,
    repository: &Repository,
    subject: ManifestDigest,
) -> Result<Vec<Descriptor>, Problem> {
    let reference = repository.tagged(&stand_in(subject));
    match fetch(registries, access, &reference).await {
        Ok(index) => read(&reference.to_string(), &index.bytes),
        Err(problem) if problem.kind == ProblemKind::NotFound => Ok(Vec::new()),
        Err(problem) => Err(problem),
    }
}

fn read(what: &str, bytes: &[u8]) -> Result<Vec<Descriptor>, Problem> {
    let broken = |why: String| Problem::new(ProblemKind::Invalid, format!("cannot read {what}")).cause(why);
    if bytes.len() > LONGEST {
        return Err(broken(format!("it is larger than {LONGEST} bytes")));
    }
    let document: Value = read_json(bytes).map_err(|error| broken(error.to_string()))?;
    let rows = match document.get("manifests") {
        Some(Value::Null) => &Vec::new(),
        Some(Value::Array(rows)) => rows,
        _ => return Err(broken("it has no manifests".to_owned())),
    };
    if rows.len() > MOST {
        return Err(broken(format!("it has more than {MOST} manifests")));
    }
    rows.iter()
        .map(|row| {
            let digest = row.get("digest").and_then(Value::as_str).unwrap_or_default();
            let digest: Digest = digest.parse().map_err(|error| broken(format!("{error}")))?;
            Ok(Descriptor {
                digest: ManifestDigest(digest),
                words: row.clone(),
            })
        })
        .collect()
}

/// Makes the destination list them: registries with their own list do so themselves, for others
/// they are added to the list under the fallback tag.
pub(super) async fn add_to_referrers(
    registries: &Registries,
    destination: &Repository,
    subject: ManifestDigest,
    found: Vec<Descriptor>,
) -> Result<(), Problem> {
    let to = registries.endpoint(destination)?.push();
    if listed(registries, &to, destination, subject).await?.is_some() {
        return Ok(());
    }
    let reference = destination.tagged(&stand_in(subject));
    let there = head_at(registries, &to, &reference)
        .await?
        .map(|head| head.digest);
    let mut rows = by_tag(registries, &to, destination, subject).await?;
    let before = rows.len();
    for one in found {
        if rows.iter().all(|row| row.digest != one.digest) {
            rows.push(one);
        }
    }
    if rows.len() == before {
        return Ok(());
    }
    let words: Vec<Value> = rows.into_iter().map(|row| row.words).collect();
    let document = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": words});
    let index = Manifest::parse(&reference.to_string(), None, document.to_string().into())?;
    // A change that another client made to the same list is not overwritten.
    let list_before = TagBefore::Only(there);
    put(registries, &to, &index, &reference, false, list_before).await
}
