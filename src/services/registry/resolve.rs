//! Resolves a reference: digests by HEAD, manifests by digest, platforms and their configs.
//!
//! The order spares pull quota (HEAD, then the cache, then GET by digest). Content that does not
//! match its digest is never returned.

use std::collections::{HashMap, HashSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE};

use super::cache::{Entry, ManifestCache, digest_of};
use super::detail::{Config, attestations, order, platform_image};
use super::manifest::{self, Blob, Child, Content, Manifest};
use super::manifest_source::ManifestSource;
use super::request::{RequestSpec, ScopedEndpoint};
use super::{Head, Registries};
use crate::domain::detail::MissingManifest;
use crate::domain::image::{PlatformImage, Reference, Repository, ResolvedImage, Target};
use crate::domain::{Digest, ManifestDigest, Problem, ProblemKind, SanitizedText};
use crate::services::http::Answer;

/// The header in which a registry names the digest of what it returns or accepted.
pub(super) const CONTENT_DIGEST: &str = "docker-content-digest";
/// Requests in flight at once.
pub(super) const PARALLEL: usize = 4;
/// Deepest nesting of indexes.
const DEPTH: usize = 4;
/// Number of manifests of one image that are read.
const MOST: usize = 1000;
/// Their total size in bytes.
const MOST_BYTES: u64 = 32 << 20;

/// Returns the problem for a registry whose content differs from what it announced.
pub(super) fn digest_mismatch(
    what: &str,
    expected: &dyn std::fmt::Display,
    got: &dyn std::fmt::Display,
) -> Problem {
    Problem::new(ProblemKind::Invalid, format!("{what} does not match its digest"))
        .cause(format!("expected {expected}, got {got}"))
        .hint("it was discarded; try again, and report it to the registry operator if it happens again")
}

/// Checks the digest header of an answer, if present, against the expected digest.
pub(super) fn check_digest_header(what: &str, answer: &Answer, digest: Digest) -> Result<(), Problem> {
    match answer.header(CONTENT_DIGEST) {
        Some(text) if text.starts_with("sha256:") && text != digest.to_string() => {
            Err(digest_mismatch(what, &digest, &SanitizedText::capped(text, 100)))
        }
        _ => Ok(()),
    }
}

/// Sends HEAD with `access`; `None` if nothing is found.
pub(super) async fn head_at(
    registries: &Registries,
    access: &ScopedEndpoint,
    reference: &Reference,
) -> Result<Option<Head>, Problem> {
    let what = reference.to_string();
    let url = access.site.url(&format!("manifests/{}", reference.target))?;
    let ask = RequestSpec::new(Method::HEAD, url).header(ACCEPT, manifest::ACCEPT);
    let answer = registries
        .ask(access, &what, &ask)
        .await
        .map_err(|trouble| trouble.problem)?;
    match answer.status {
        200 => {}
        404 => return Ok(None),
        405 | 501 => return by_get(registries, access, reference).await,
        _ => return Err(registries.refusal(access, &what, &answer).await.problem),
    }
    let named = answer
        .header(CONTENT_DIGEST)
        .and_then(|text| text.parse::<ManifestDigest>().ok());
    // If the registry does not name the digest, the content is read and hashed.
    let Some(digest) = named else {
        return by_get(registries, access, reference).await;
    };
    if let Target::Digest(asked) = reference.target
        && asked != digest
    {
        return Err(digest_mismatch(&what, &asked, &digest));
    }
    let length = answer.header("content-length").and_then(|text| text.parse().ok());
    let Some(size) = length else {
        let by_digest = reference.repository.at(digest);
        return match cached(&registries.shared.cache, &what, digest) {
            Some(known) => Ok(Some(fact(&known))),
            None => by_get(registries, access, &by_digest).await,
        };
    };
    Ok(Some(Head {
        digest,
        media_type: media_type(&answer),
        size,
    }))
}

fn media_type(answer: &Answer) -> String {
    let text = answer.header(CONTENT_TYPE.as_str()).unwrap_or_default();
    SanitizedText::capped(text.split(';').next().unwrap_or_default().trim(), 200)
        .as_str()
        .to_owned()
}

/// Finds the digest by reading and hashing, for registries whose HEAD does not name it.
async fn by_get(
    registries: &Registries,
    access: &ScopedEndpoint,
    reference: &Reference,
) -> Result<Option<Head>, Problem> {
    let found = match fetch(registries, access, reference).await {
        Err(problem) if problem.kind == ProblemKind::NotFound => return Ok(None),
        other => other?,
    };
    Ok(Some(fact(&found)))
}

fn fact(manifest: &Manifest) -> Head {
    Head {
        digest: manifest.digest,
        size: manifest.bytes.len() as u64,
        media_type: manifest.media_type.clone(),
    }
}

/// Gets a manifest, verifies it and stores it in the cache.
pub(super) async fn fetch(
    registries: &Registries,
    access: &ScopedEndpoint,
    reference: &Reference,
) -> Result<Manifest, Problem> {
    let what = reference.to_string();
    let url = access.site.url(&format!("manifests/{}", reference.target))?;
    let ask = RequestSpec::new(Method::GET, url).header(ACCEPT, manifest::ACCEPT);
    let answer = registries
        .ask(access, &what, &ask)
        .await
        .map_err(|trouble| trouble.problem)?;
    if answer.status != 200 {
        return Err(registries.refusal(access, &what, &answer).await.problem);
    }
    fits(&what, answer.body.len() as u64)?;
    let digest = digest_of(&answer.body);
    if let Target::Digest(asked) = reference.target
        && asked.0 != digest
    {
        return Err(digest_mismatch(&what, &asked, &digest));
    }
    check_digest_header(&what, &answer, digest)?;
    let served = media_type(&answer);
    let parsed = Manifest::parse(&what, Some(&served), answer.body)?;
    let entry = Entry {
        media_type: parsed.media_type.clone(),
        bytes: parsed.bytes.clone(),
    };
    registries.shared.cache.put(digest, &entry);
    Ok(parsed)
}

pub(super) async fn head(registries: &Registries, reference: &Reference) -> Result<Option<Head>, Problem> {
    let access = registries.endpoint(&reference.repository)?.pull();
    head_at(registries, &access, reference).await
}

/// Returns a manifest that was read before.
pub(super) fn cached(cache: &ManifestCache, what: &str, digest: ManifestDigest) -> Option<Manifest> {
    let entry = cache.get(digest.0)?;
    Manifest::parse(what, Some(&entry.media_type), entry.bytes).ok()
}

pub(super) async fn manifest_at(
    registries: &Registries,
    access: &ScopedEndpoint,
    repository: &Repository,
    digest: ManifestDigest,
) -> Result<Manifest, Problem> {
    let reference = repository.at(digest);
    match cached(&registries.shared.cache, &reference.to_string(), digest) {
        Some(found) => Ok(found),
        None => fetch(registries, access, &reference).await,
    }
}

pub(super) async fn manifest(
    registries: &Registries,
    repository: &Repository,
    digest: ManifestDigest,
) -> Result<Manifest, Problem> {
    let access = registries.endpoint(repository)?.pull();
    manifest_at(registries, &access, repository, digest).await
}

/// Holds an image as far as it exists.
pub(super) struct Tree {
    /// Its manifests, each once, children before those that name them.
    pub(super) manifests: Vec<Manifest>,
    /// Manifests that its indexes name and the registry does not hold.
    pub(super) missing: Vec<MissingManifest>,
}

/// Reads the manifest and everything below it, each once, children before those that name them,
/// with `attestations` also attestations. All of it must exist.
pub(super) async fn tree(
    source: &ManifestSource,
    root: Manifest,
    attestations: bool,
) -> Result<Vec<Manifest>, Problem> {
    let name = source.name(root.digest);
    let platforms = root.children().to_vec();
    let Tree { manifests, missing } = tree_there(source, root, attestations).await?;
    if missing.is_empty() {
        return Ok(manifests);
    }
    Err(deleted(&name, &platforms, &missing))
}

/// Returns the problem for an index that names deleted manifests.
fn deleted(name: &str, children: &[Child], missing: &[MissingManifest]) -> Problem {
    let list = |words: Vec<String>| SanitizedText::capped(words.join(", "), 1000).to_string();
    let gone = list(missing.iter().map(ToString::to_string).collect());
    let problem = Problem::new(
        ProblemKind::NotFound,
        format!("{name} refers to {gone}, which no longer exists"),
    )
    .cause("it was probably deleted by a cleanup of untagged versions");
    let left: Vec<String> = children
        .iter()
        .filter(|child| !child.attestation && missing.iter().all(|one| one.digest != child.digest))
        .filter_map(|child| child.platform.as_ref().map(ToString::to_string))
        .collect();
    if left.is_empty() {
        return problem.hint("push the image again");
    }
    problem.hint(format!(
        "copy the rest, one platform at a time: --platform {}",
        list(left)
    ))
}

/// Reads as [`tree`] does, but lists what is missing.
pub(super) async fn tree_there(
    source: &ManifestSource,
    root: Manifest,
    attestations: bool,
) -> Result<Tree, Problem> {
    let name = source.name(root.digest);
    let too_much = |what: String| {
        Problem::new(ProblemKind::Invalid, format!("{name} contains {what}"))
            .hint("it is not a runnable image: check who pushed it")
    };
    let top = root.digest;
    let mut bytes = root.bytes.len() as u64;
    let mut found = HashMap::from([(top, root)]);
    let mut missing: Vec<MissingManifest> = Vec::new();
    let mut level = vec![top];
    for _ in 0..DEPTH {
        let mut wanted: Vec<Child> = Vec::new();
        let mut asked = HashSet::new();
        for child in level
            .iter()
            .filter_map(|digest| found.get(digest))
            .flat_map(Manifest::children)
        {
            if child.attestation && !attestations {
                continue;
            }
            if let Some(known) = found.get(&child.digest) {
                is_of_size(&source.name(child.digest), known, child.size)?;
            } else if missing.iter().all(|gone| gone.digest != child.digest)
                && asked.insert((child.digest, child.size))
            {
                wanted.push(child.clone());
                bytes = bytes.saturating_add(child.size);
            }
            if found.len() + wanted.len() > MOST {
                return Err(too_much(format!("more than {MOST} manifests")));
            }
            if bytes > MOST_BYTES {
                return Err(too_much(format!(
                    "more than {} MiB of manifests",
                    MOST_BYTES >> 20
                )));
            }
        }
        if wanted.is_empty() {
            return Ok(Tree {
                manifests: children_first(top, found, attestations),
                missing,
            });
        }
        let read: Vec<Result<Manifest, MissingManifest>> = stream::iter(wanted)
            .map(|named| async move {
                let name = source.name(named.digest);
                fits(&name, named.size)?;
                let child = match source.manifest(named.digest).await {
                    Err(problem) if problem.kind == ProblemKind::NotFound => {
                        return Ok(Err(MissingManifest {
                            digest: named.digest,
                            platform: named.platform,
                        }));
                    }
                    other => other?,
                };
                is_of_size(&name, &child, named.size)?;
                Ok::<_, Problem>(Ok(child))
            })
            .buffered(PARALLEL)
            .try_collect()
            .await?;
        level = Vec::with_capacity(read.len());
        for one in read {
            match one {
                Ok(manifest) => {
                    level.push(manifest.digest);
                    found.insert(manifest.digest, manifest);
                }
                Err(gone) if missing.iter().all(|known| known.digest != gone.digest) => missing.push(gone),
                Err(_) => {}
            }
        }
    }
    Err(too_much(format!("indexes nested more than {DEPTH} deep")))
}

/// Sorts `found` so that children come before those that name them; `top` is last.
fn children_first(
    top: ManifestDigest,
    mut found: HashMap<ManifestDigest, Manifest>,
    attestations: bool,
) -> Vec<Manifest> {
    let mut order = Vec::with_capacity(found.len());
    let mut seen = HashSet::new();
    // The second visit, after everything below it, adds the manifest itself.
    let mut visits = vec![(top, false)];
    while let Some((digest, below)) = visits.pop() {
        if below {
            order.extend(found.remove(&digest));
        } else if seen.insert(digest) {
            visits.push((digest, true));
            let children = found.get(&digest).map_or(&[][..], Manifest::children);
            let children = children.iter().filter(|child| attestations || !child.attestation);
            visits.extend(children.map(|child| (child.digest, false)));
        }
    }
    order
}

/// Refuses a manifest that is too large for any registry.
pub(super) fn fits(what: &str, size: u64) -> Result<(), Problem> {
    if size > manifest::CAP as u64 {
        return Err(Problem::new(
            ProblemKind::Invalid,
            format!("the manifest of {what} is not usable"),
        )
        .cause(format!("it is larger than {} bytes", manifest::CAP)));
    }
    Ok(())
}

/// Checks the size of a manifest against the announced one.
pub(super) fn is_of_size(what: &str, manifest: &Manifest, size: u64) -> Result<(), Problem> {
    let length = manifest.bytes.len() as u64;
    if length == size {
        Ok(())
    } else {
        Err(digest_mismatch(
            what,
            &format!("{size} bytes"),
            &format!("{length} bytes"),
        ))
    }
}

/// Returns the problem for a reference that does not exist.
pub(super) fn absent(reference: &Reference) -> Problem {
    Problem::new(ProblemKind::NotFound, format!("{reference} not found"))
        .hint("check the name and the tag or digest")
}

pub(super) async fn resolve(
    registries: &Registries,
    reference: &Reference,
) -> Result<ResolvedImage, Problem> {
    let access = registries.endpoint(&reference.repository)?.pull();
    let head = head_at(registries, &access, reference).await?;
    let head = head.ok_or_else(|| absent(reference))?;
    fits(&reference.to_string(), head.size)?;
    let source = &registries.manifest_source(access, &reference.repository);
    let root = source.manifest(head.digest).await?;
    is_of_size(&reference.to_string(), &root, head.size)?;
    let media_type = root.media_type.clone();
    let manifests = &tree(source, root, false).await?;
    let platforms: Vec<Option<PlatformImage>> = stream::iter(order(head.digest, manifests))
        .map(|(digest, platform)| async move {
            let image = manifests.iter().find(|manifest| manifest.digest == digest);
            let Some((image, Content::Image { config: blob, .. })) =
                image.map(|image| (image, &image.content))
            else {
                return Ok(None);
            };
            let platform = match platform {
                Some(platform) => platform,
                None => Config::parse(&source.config(blob).await?).platform(),
            };
            Ok::<_, Problem>(Some(platform_image(image, platform, blob)))
        })
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    Ok(ResolvedImage {
        reference: reference.clone(),
        digest: head.digest,
        media_type,
        size: unique(manifests).iter().map(|blob| blob.size).sum(),
        platforms: platforms.into_iter().flatten().collect(),
        attestations: attestations(manifests),
    })
}

/// Returns the blobs of some manifests, each once, in order of appearance.
pub(super) fn unique(manifests: &[Manifest]) -> Vec<Blob> {
    let mut seen = HashSet::new();
    manifests
        .iter()
        .flat_map(Manifest::blobs)
        .filter(|blob| seen.insert(blob.digest))
        .cloned()
        .collect()
}
