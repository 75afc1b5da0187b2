//! Plans the copy of an image to a registry.
//!
//! The image is pinned by digest. If the destination's tag names another image, the plan warns that
//! the tag moves.

use crate::config::Workspace;
use crate::domain::{ContentFacts, Problem, ProblemKind, SanitizedText, Snapshot, Target};

use super::upload::found;
use super::{Assumption, CopyIntent, Intent, Op, Plan, State, Step, StepId, Undo};

/// Plans `intent`.
pub fn plan(workspace: &Workspace, snapshot: &Snapshot, intent: &CopyIntent) -> Result<Plan, Problem> {
    let ContentFacts::Image(image) = found(snapshot)? else {
        return Err(Problem::new(
            ProblemKind::Internal,
            "the image that was read is not the image of this \
            copy",
        ));
    };
    let digest = image.detail.digest;
    let repository = &intent.destination.repository;
    let tag = match &intent.destination.target {
        Target::Tag(tag) => Some(tag.clone()),
        Target::Digest(wanted) if *wanted == digest => intent.destination.beside.clone(),
        Target::Digest(wanted) => {
            return Err(Problem::new(
                ProblemKind::Refused,
                format!(
                    "{} is not the image that {} names",
                    intent.source, intent.destination
                ),
            )
            .cause(format!("it is {digest}, not {wanted}"))
            .hint("use a tag in the destination, or that digest in the source"));
        }
    };
    image.detail.check_layers()?;
    let mut warnings: Vec<SanitizedText> = image.remark().into_iter().collect();
    warnings.extend(image.detail.remarks());
    let tag_stands = tag.is_none() || image.tagged == Some(digest);
    if let (Some(tag), Some(now)) = (&tag, image.tagged)
        && now != digest
    {
        warnings.push(SanitizedText::new(format!(
            "{repository}:{tag} currently names {now}; the copy moves the tag"
        )));
    }
    let op = Op::Copy {
        source: image.origin.clone(),
        digest,
        cut: image.cut.clone(),
        destination: repository.clone(),
        tag: tag.clone(),
        before: image.tagged,
        over: intent.over,
    };
    let id = StepId(format!("copy/{}", intent.destination));
    let before = match (&tag, image.tagged) {
        (Some(tag), Some(now)) => State::text(format!("{tag} is {now}")),
        (Some(tag), None) => State::text(format!("no tag {tag}")),
        (None, _) => State::Nothing(()),
    };
    let undo = match (&tag, image.tagged) {
        (Some(tag), Some(now)) if now != digest => {
            Undo::by(format!("windlass copy {repository}@{now} {repository}:{tag}"))
        }
        _ => Undo::needless("registries delete content by their own rules; no tag moves"),
    };
    let step = Step {
        id: id.clone(),
        kind: op.kind().to_owned(),
        target: SanitizedText::new(intent.destination.to_string()),
        before,
        after: State::text(match image.attachments_missing {
            0 => digest.to_string(),
            more => format!("{digest} and {more} signatures or other attachments"),
        }),
        bytes: Some(image.bytes_missing),
        skip_reason: (image.there && tag_stands && image.attachments_missing == 0)
            .then(|| SanitizedText::new("the destination already has it")),
        undo,
        optional: false,
        op,
    };
    let mut plan = Plan::new(
        &workspace.name,
        &snapshot.world,
        format!("Copy {} to {}", intent.source, intent.destination),
        Intent::Copy(intent.clone()),
        vec![step],
        tag.unwrap_or_else(|| repository.to_string()),
    );
    plan.assumptions = vec![
        Assumption {
            what: SanitizedText::new(intent.source.to_string()),
            value: SanitizedText::new(digest.to_string()),
            step: Some(id.clone()),
        },
        Assumption {
            what: SanitizedText::new(intent.destination.to_string()),
            value: SanitizedText::new(
                image
                    .tagged
                    .map_or_else(|| "absent".to_owned(), |digest| digest.to_string()),
            ),
            step: Some(id),
        },
    ];
    plan.warnings = warnings;
    Ok(plan)
}
