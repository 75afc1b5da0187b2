//! Chooses the image of each resource, and creates the copy and upload steps.
//!
//! An image that the store already has is recognised by its config digest and not uploaded again.

use crate::config::Workspace;
use crate::config::workspace::Charm;
use crate::domain::charm::CharmFacts;
use crate::domain::{
    Origin, Problem, ProblemKind, Release, Remedy, ResolvedImage, ResourceName, ResourceRevision,
    SanitizedText, Snapshot, Target,
};
use crate::plan::evidence::is_held;
use crate::plan::{AttachFrom, Op, PublishIntent, State, Step, StepId, Undo};

/// An image chosen for a resource.
pub struct ChosenImage<'a> {
    /// The resource.
    pub resource: &'a ResourceName,
    /// Key in the manifest.
    pub key: &'a str,
    /// The chosen tag or digest.
    pub target: Target,
    /// The image as the registry resolved it.
    pub resolved: &'a ResolvedImage,
    /// The resource revision that already holds it.
    pub existing: Option<ResourceRevision>,
}

/// Returns the images of `charm` for the resources that name a manifest key.
pub fn choose<'a>(
    workspace: &Workspace,
    snapshot: &'a Snapshot,
    intent: &PublishIntent,
    release: &Release,
    charm: &'a Charm,
    facts: &CharmFacts,
) -> Result<Vec<ChosenImage<'a>>, Problem> {
    let mut chosen = Vec::new();
    for (resource, key) in charm.fed() {
        let target = match (intent.images.get(key), release.images.get(key)) {
            (Some(target), _) => target.clone(),
            (None, Some(tag)) => Target::Tag(tag.clone()),
            (None, None) => {
                return Err(Problem::new(
                    ProblemKind::Invalid,
                    format!(
                        "release {} names no image {key}, which {} needs",
                        release.name, charm.name
                    ),
                )
                .remedy(
                    &[Remedy::ReplaceImage, Remedy::LeaveImageOut],
                    format!(
                        "choose one with --image {key}=TAG, or leave the charm out with \
                        --charm"
                    ),
                ));
            }
        };
        let repository = workspace.image_repository(key)?;
        let reference = match &target {
            Target::Tag(tag) => repository.tagged(tag),
            Target::Digest(digest) => repository.at(*digest),
        };
        let resolved = snapshot
            .image(&reference)
            .ok_or_else(|| Problem::new(ProblemKind::Internal, format!("{reference} was not read")))?;
        if let Some(problem) = &resolved.problem
            && problem.kind == ProblemKind::NotFound
        {
            return Err(problem
                .clone()
                .within(if intent.images.contains_key(key) {
                    format!("you chose {reference} for {key}, which does not exist")
                } else {
                    format!("release {} names {reference}, which does not exist", release.name)
                })
                .remedy(
                    &[Remedy::ReplaceImage, Remedy::LeaveImageOut],
                    format!(
                        "the image may not be pushed yet; wait, or choose another with --image \
                        {key}=TAG"
                    ),
                ));
        }
        let resolved = resolved.need(&format!("image {reference}"))?;
        if resolved.platforms.is_empty() {
            return Err(Problem::new(
                ProblemKind::Invalid,
                format!("{reference} contains no image that can run"),
            )
            .cause("its index lists no platform")
            .remedy(
                &[Remedy::ReplaceImage, Remedy::LeaveImageOut],
                format!("choose another with --image {key}=TAG"),
            ));
        }
        let existing = facts.resources.get(resource).and_then(|revisions| {
            revisions
                .iter()
                .map(|facts| facts.revision)
                .filter(|revision| {
                    snapshot
                        .image_behind(&charm.name, resource, *revision)
                        .is_some_and(|behind| is_held(resolved.digest, resolved.platforms.iter(), behind))
                })
                .max()
        });
        declared(charm, facts, resource)?;
        chosen.push(ChosenImage {
            resource,
            key,
            target,
            resolved,
            existing,
        });
    }
    Ok(chosen)
}

fn declared(charm: &Charm, facts: &CharmFacts, resource: &ResourceName) -> Result<(), Problem> {
    if facts.declared.is_empty() || facts.declared.iter().any(|d| &d.name == resource) {
        return Ok(());
    }
    let mut known: Vec<_> = facts.declared.iter().map(|d| d.name.to_string()).collect();
    known.sort();
    known.dedup();
    Err(Problem::new(
        ProblemKind::Config,
        format!("no revision of {} declares resource {resource}", charm.name),
    )
    .hint(format!(
        "it declares: {}; correct the workspace file",
        known.join(", ")
    )))
}

impl ChosenImage<'_> {
    /// Returns the source of the resource's revision number.
    pub fn attach(&self, charm: &Charm) -> AttachFrom {
        match self.existing {
            Some(revision) => AttachFrom::Revision(revision),
            None => AttachFrom::Step(self.upload_id(charm)),
        }
    }

    fn upload_id(&self, charm: &Charm) -> StepId {
        StepId(format!("upload/{}/{}", charm.name, self.resource))
    }

    fn already(&self) -> Option<SanitizedText> {
        self.existing.map(|revision| {
            SanitizedText::new(format!(
                "revision {} of {} already holds this image",
                revision.0, self.resource
            ))
        })
    }

    /// Returns the step that copies the image to the store's registry.
    pub fn copy_step(&self, snapshot: &Snapshot, charm: &Charm) -> Step {
        let digest = self.resolved.digest;
        let missing = snapshot.missing_bytes(&charm.name, self.resource, digest);
        let skip_reason = self.already();
        let bytes = match (&skip_reason, missing) {
            (Some(_), _) => 0,
            (None, Some(bytes)) => bytes,
            (None, None) => self.resolved.size,
        };
        let op = Op::CopyImage {
            charm: charm.name.clone(),
            resource: self.resource.clone(),
            source: Origin::Registry(self.resolved.reference.repository.clone()),
            digest,
            cut: None,
        };
        Step {
            id: StepId(format!("copy/{}/{}", charm.name, self.resource)),
            kind: op.kind().to_owned(),
            target: SanitizedText::new(format!("{} {}", charm.name, self.resource)),
            before: State::text(self.resolved.reference.to_string()),
            after: State::text(digest.to_string()),
            bytes: Some(bytes),
            skip_reason,
            undo: Undo::needless("an image in Charmhub's registry has no effect by itself"),
            optional: false,
            op,
        }
    }

    /// Returns the step that makes it a resource revision.
    pub fn upload_step(&self, charm: &Charm) -> Step {
        let op = Op::UploadResource {
            charm: charm.name.clone(),
            resource: self.resource.clone(),
            digest: self.resolved.digest,
            architectures: self.resolved.store_architectures(),
        };
        Step {
            id: self.upload_id(charm),
            kind: op.kind().to_owned(),
            target: SanitizedText::new(format!("{} {}", charm.name, self.resource)),
            before: State::Nothing(()),
            after: State::text(format!("a revision that holds {}", self.resolved.digest)),
            bytes: None,
            skip_reason: self.already(),
            undo: Undo::impossible(
                "Charmhub keeps resource revisions; unreleased ones have no \
                effect",
            ),
            optional: false,
            op,
        }
    }
}
