//! Plans an upload to a resource: a file, or an image that is copied to the store's registry first.
//!
//! Name, resource, type, permissions and platforms are checked before anything is sent. If a
//! revision already has the content, nothing is uploaded.

#[cfg(test)]
mod tests;

use crate::config::Workspace;
use crate::domain::charm::CharmFacts;
use crate::domain::{
    ContentFacts, FileFacts, ImageDetail, ImageFacts, ManifestDigest, Problem, ProblemKind, ResourceRevision,
    SanitizedText, Snapshot,
};

use super::evidence::is_held;
use super::release::ours;
use super::{Assumption, Content, Intent, Op, Plan, State, Step, StepId, Undo, UploadIntent};

/// The architectures that the store supports.
const ARCHITECTURES: [&str; 7] = ["amd64", "arm64", "armhf", "ppc64el", "riscv64", "s390x", "all"];

/// The store's type of a resource that is an image.
const IMAGE: &str = "oci-image";

/// Plans `intent`.
pub fn plan(workspace: &Workspace, snapshot: &Snapshot, intent: &UploadIntent) -> Result<Plan, Problem> {
    let mut warnings = Vec::new();
    let facts = welcome(snapshot, intent, &mut warnings)?;
    let content = found(snapshot)?;
    let steps = match (content, &intent.content) {
        (ContentFacts::File(file), Content::File { architectures, .. }) => {
            vec![file_step(facts, intent, file, architectures, &mut warnings)?]
        }
        (ContentFacts::Image(image), Content::Digest { .. } | Content::From { .. }) => {
            image.detail.check_layers()?;
            warnings.extend(image.remark());
            warnings.extend(image.detail.remarks());
            let held = holding(snapshot, facts, intent, &image.detail);
            warnings.extend(held.and_then(|held| other_manifest(intent, image, held)));
            image_steps(intent, image, held)?
        }
        _ => {
            return Err(Problem::new(
                ProblemKind::Internal,
                "the content that was read is not the content \
            of this upload",
            ));
        }
    };
    let mut plan = Plan::new(
        &workspace.name,
        &snapshot.world,
        format!("Upload to {} of {}", intent.resource, intent.charm),
        Intent::Upload(intent.clone()),
        steps,
        intent.resource.to_string(),
    );
    plan.assumptions = vec![match content {
        ContentFacts::File(file) => Assumption {
            what: SanitizedText::new(&file.path),
            value: SanitizedText::new(format!("{} ({} bytes)", file.digest, file.size)),
            step: Some(StepId(format!("upload/{}/{}", intent.charm, intent.resource))),
        },
        ContentFacts::Image(image) => Assumption {
            what: SanitizedText::new(image.detail.source.to_string()),
            value: SanitizedText::new(image.detail.digest.to_string()),
            step: Some(StepId(format!("copy/{}/{}", intent.charm, intent.resource))),
        },
    }];
    plan.warnings = warnings;
    Ok(plan)
}

/// Checks everything that does not need the content: name, permissions, resource and type.
pub fn welcome<'a>(
    snapshot: &'a Snapshot,
    intent: &UploadIntent,
    warnings: &mut Vec<SanitizedText>,
) -> Result<&'a CharmFacts, Problem> {
    let facts = ours(snapshot, &intent.charm, warnings)?;
    fits(facts, intent)?;
    Ok(facts)
}

/// Returns the content of the intent. If it was not found, that problem is returned unchanged.
pub(super) fn found(snapshot: &Snapshot) -> Result<&ContentFacts, Problem> {
    match (&snapshot.content.value, &snapshot.content.problem) {
        (_, Some(problem)) => Err(problem.clone()),
        (Some(content), None) => Ok(content),
        (None, None) => Err(Problem::new(
            ProblemKind::Internal,
            "the content to upload was not read",
        )),
    }
}

/// Checks that the charm has such a resource, of the type to be uploaded.
fn fits(facts: &CharmFacts, intent: &UploadIntent) -> Result<(), Problem> {
    let UploadIntent {
        charm,
        resource,
        content,
    } = intent;
    let newest = facts
        .declared
        .iter()
        .filter(|one| &one.name == resource)
        .max_by_key(|one| one.charm_revision);
    let Some(declared) = newest else {
        let mut known: Vec<String> = facts.declared.iter().map(|one| one.name.to_string()).collect();
        known.sort();
        known.dedup();
        let problem = Problem::new(
            ProblemKind::NotFound,
            format!("{charm} has no resource {resource}"),
        );
        return Err(if known.is_empty() {
            problem.hint(
                "no revision declares a resource; upload the charm first: charmcraft \
                upload",
            )
        } else {
            problem.hint(format!("it declares {}", known.join(", ")))
        });
    };
    let image = declared.kind.as_str() == IMAGE;
    match (content, image) {
        (Content::File { .. }, true) => Err(Problem::new(
            ProblemKind::Usage,
            format!("{resource} of {charm} is an image, not a file"),
        )
        .hint("upload an image with --image DIGEST or --from REFERENCE")),
        (Content::Digest { .. } | Content::From { .. }, false) => Err(Problem::new(
            ProblemKind::Usage,
            format!("{resource} of {charm} is of type {}, not an image", declared.kind),
        )
        .hint("upload it with --filepath PATH")),
        _ => Ok(()),
    }
}

/// Checks the requested architectures, as charmcraft does.
pub fn architectures(asked: &[String]) -> Result<(), Problem> {
    if let Some(unknown) = asked.iter().find(|one| !ARCHITECTURES.contains(&one.as_str())) {
        return Err(Problem::new(
            ProblemKind::Usage,
            format!("unknown architecture {}", SanitizedText::capped(unknown, 60)),
        )
        .hint(format!("known architectures: {}", ARCHITECTURES.join(", "))));
    }
    if asked.len() > 1 && asked.iter().any(|one| one == "all") {
        return Err(Problem::new(
            ProblemKind::Usage,
            "the architecture 'all' cannot be combined with others",
        )
        .hint("remove either 'all' or the others"));
    }
    Ok(())
}

fn file_step(
    facts: &CharmFacts,
    intent: &UploadIntent,
    file: &FileFacts,
    asked: &[String],
    warnings: &mut Vec<SanitizedText>,
) -> Result<Step, Problem> {
    architectures(asked)?;
    let architectures = if asked.is_empty() {
        vec!["all".to_owned()]
    } else {
        asked.to_vec()
    };
    let same = facts
        .resources
        .get(&intent.resource)
        .into_iter()
        .flatten()
        .find(|one| one.sha256 == file.digest);
    if let Some(same) = same
        && same.architectures != architectures
        && !same.architectures.is_empty()
    {
        warnings.push(SanitizedText::new(format!(
            "revision {} already holds this file for {}; Charmhub keeps that revision and its \
            architectures",
            same.revision.0,
            same.architectures.join(", ")
        )));
    }
    let op = Op::UploadFile {
        charm: intent.charm.clone(),
        resource: intent.resource.clone(),
        path: file.path.clone(),
        digest: file.digest,
        size: file.size,
        architectures: architectures.clone(),
    };
    Ok(Step {
        id: StepId(format!("upload/{}/{}", intent.charm, intent.resource)),
        kind: op.kind().to_owned(),
        target: SanitizedText::new(format!("{} {}", intent.charm, intent.resource)),
        before: State::text(&file.path),
        after: State::text(format!(
            "a revision with sha256 {} for {}",
            file.digest.short(),
            architectures.join(", ")
        )),
        bytes: Some(if same.is_some() { 0 } else { file.size }),
        skip_reason: same.map(|same| {
            SanitizedText::new(format!(
                "revision {} of {} already holds this file",
                same.revision.0, intent.resource
            ))
        }),
        undo: Undo::impossible("Charmhub keeps revisions; uploading one releases nothing"),
        optional: false,
        op,
    })
}

/// A resource revision that already holds an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldImage {
    /// The revision.
    pub revision: ResourceRevision,
    /// The manifest digest that it names.
    pub digest: ManifestDigest,
}

/// Returns the newest revision of the resource that names the manifest of `image`, or else the
/// newest one that has the same image with another manifest, for the same architectures.
pub fn holding(
    snapshot: &Snapshot,
    facts: &CharmFacts,
    intent: &UploadIntent,
    image: &ImageDetail,
) -> Option<HeldImage> {
    let architectures = image.store_architectures();
    facts
        .resources
        .get(&intent.resource)?
        .iter()
        .filter_map(|one| {
            let behind = snapshot.image_behind(&intent.charm, &intent.resource, one.revision)?;
            let exact = behind.digest == image.digest;
            let fits = one.architectures.is_empty()
                || one.architectures.iter().any(|name| name == "all")
                || one.architectures == architectures;
            let platforms = image.platforms.iter().map(|one| &one.image);
            let held = exact || (fits && is_held(image.digest, platforms, behind));
            let digest = behind.digest;
            held.then_some((exact, one.revision, digest))
        })
        .max()
        .map(|(_, revision, digest)| HeldImage { revision, digest })
}

/// Describes the manifest of an existing revision that is used in place of a new one.
fn other_manifest(intent: &UploadIntent, image: &ImageFacts, held: HeldImage) -> Option<SanitizedText> {
    (held.digest != image.detail.digest).then(|| {
        SanitizedText::new(format!(
            "no new revision: revision {} of {} already holds this image as manifest {}, with the \
            same config digest",
            held.revision.0, intent.resource, held.digest
        ))
    })
}

fn image_steps(
    intent: &UploadIntent,
    image: &ImageFacts,
    held: Option<HeldImage>,
) -> Result<Vec<Step>, Problem> {
    let UploadIntent { charm, resource, .. } = intent;
    let detail = &image.detail;
    let digest = detail.digest;
    let architectures = detail.store_architectures();
    if architectures.is_empty() {
        let has: Vec<String> = detail
            .platforms
            .iter()
            .map(|one| one.image.platform.to_string())
            .collect();
        let has = if has.is_empty() {
            "none".to_owned()
        } else {
            has.join(", ")
        };
        return Err(Problem::new(
            ProblemKind::Invalid,
            format!("{} has no platform that Charmhub supports", detail.source),
        )
        .cause(format!("its platforms are {has}"))
        .hint("Charmhub accepts linux images for amd64, arm64, armhf, ppc64el, riscv64 and s390x"));
    }
    let already = held.map(|held| {
        SanitizedText::new(format!(
            "revision {} of {resource} already holds this image",
            held.revision.0
        ))
    });
    let copy = Op::CopyImage {
        charm: charm.clone(),
        resource: resource.clone(),
        source: image.origin.clone(),
        digest,
        cut: image.cut.clone(),
    };
    let upload = Op::UploadResource {
        charm: charm.clone(),
        resource: resource.clone(),
        digest,
        architectures: architectures.clone(),
    };
    let target = SanitizedText::new(format!("{charm} {resource}"));
    let there = image
        .there
        .then(|| SanitizedText::new("the image is already in Canonical's registry"));
    let skip_copy = already.clone().or(there);
    Ok(vec![
        Step {
            id: StepId(format!("copy/{charm}/{resource}")),
            kind: copy.kind().to_owned(),
            target: target.clone(),
            before: State::text(detail.source.to_string()),
            after: State::text(digest.to_string()),
            bytes: Some(if skip_copy.is_some() {
                0
            } else {
                image.bytes_missing
            }),
            skip_reason: skip_copy,
            undo: Undo::needless("an image in Charmhub's registry has no effect by itself"),
            optional: false,
            op: copy,
        },
        Step {
            id: StepId(format!("upload/{charm}/{resource}")),
            kind: upload.kind().to_owned(),
            target,
            before: State::Nothing(()),
            after: State::text(format!(
                "a revision with {} for {}",
                digest.short(),
                architectures.join(", ")
            )),
            bytes: None,
            skip_reason: already,
            undo: Undo::impossible("Charmhub keeps revisions; uploading one releases nothing"),
            optional: false,
            op: upload,
        },
    ])
}
