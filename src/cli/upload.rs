//! `upload-resource`: uploads a file or an image as a revision of a resource.
//!
//! Prints the lines that scripts wait for: to standard output, with `--json` to standard error.

use serde_json::json;

use super::args::UploadResource;
use super::carry_out::{self, Mode};
use super::output::Output;
use super::transfer::{platforms, source};
use super::{Ending, confirm, runs};
use crate::domain::{
    ContentFacts, ImageFacts, ImageSource, LocalSource, Problem, ProblemKind, ResourceRevision, Snapshot,
};
use crate::journal::{Outcome, RunRecord};
use crate::plan::{Content, Intent, Op, Step, UploadIntent, upload};
use crate::run::Session;
use crate::services::engine::DigestQuery;

fn intent(wish: &UploadResource) -> Result<UploadIntent, Problem> {
    if wish.filepath.is_none() && !wish.arch.is_empty() {
        return Err(Problem::new(ProblemKind::Usage, "--arch requires --filepath")
            .hint("architectures of an image are read from the image; choose platforms with --platform"));
    }
    if wish.from.is_none() && !wish.platform.is_empty() {
        return Err(Problem::new(ProblemKind::Usage, "--platform requires --from"));
    }
    let content = match (&wish.filepath, &wish.image, &wish.from) {
        (Some(path), None, None) => {
            let path = std::path::absolute(path).map_err(|error| {
                Problem::new(ProblemKind::Usage, format!("cannot access {}", path.display())).because(&error)
            })?;
            upload::architectures(&wish.arch)?;
            Content::File {
                path: path.to_string_lossy().into_owned(),
                architectures: wish.arch.clone(),
            }
        }
        (None, Some(digest), None) => {
            // Rejected before any service is contacted.
            DigestQuery::parse(digest)?;
            Content::Digest {
                digest: digest.clone(),
            }
        }
        (None, None, Some(from)) => Content::From {
            source: source(from)?,
            platforms: platforms(&wish.platform)?,
        },
        _ => {
            return Err(Problem::new(
                ProblemKind::Usage,
                "give exactly one of --filepath, --image and --from",
            ));
        }
    };
    Ok(UploadIntent {
        charm: wish.charm.parse()?,
        resource: wish.resource.parse()?,
        content,
    })
}

/// Uploads the resource, or shows what that would change.
pub async fn run(session: &Session, wish: &UploadResource, mode: Mode, output: &Output) -> Ending {
    let intent = intent(wish)?;
    let whole = Intent::Upload(intent.clone());
    if mode == Mode::Plan {
        return carry_out::run(session, &whole, mode, output).await;
    }
    confirm::writable(session, Some(&whole))?;
    let cached = session.observer.cached();
    let (snapshot, plan) = carry_out::planned_from(session, cached, &whole, None, output).await;
    let plan = plan?;
    let image = match &snapshot.content.value {
        Some(ContentFacts::Image(image)) => Some(image.as_ref()),
        _ => None,
    };
    let copies = |step: &Step| step.skip_reason.is_none() && matches!(step.op, Op::CopyImage { .. });
    let sends = plan.steps.iter().any(copies);
    if let Some(image) = image
        && (sends || image.there)
    {
        tell(output, &found(image));
    }
    let record = confirm::confirmed(session, plan, output).await?;
    let done = record.outcome == Some(Outcome::Done);
    if let (true, true, Some(image)) = (done, sends, image) {
        tell(
            output,
            &format!("Image uploaded, new remote digest: {}", image.detail.digest),
        );
    }
    let resource = Resource::of(&snapshot, &intent, &record);
    if !output.json {
        if !done {
            return Ok(runs::report(session, &record, output));
        }
        if let Some(resource) = &resource {
            output.answer(&format!("{}\n", resource.sentence(&intent)));
        }
        return Ok(0);
    }
    if let (true, Some(resource)) = (done, &resource) {
        output.say(&resource.sentence(&intent));
    }
    let more = resource.map(|resource| ("resource", resource.document()));
    Ok(runs::report_with(
        session,
        &record,
        more.into_iter().collect(),
        output,
    ))
}

/// Returns what is printed before anything is sent.
fn found(image: &ImageFacts) -> String {
    if image.there {
        return "Using the OCI image from Canonical's registry".to_owned();
    }
    match &image.detail.source {
        ImageSource::Local(LocalSource::DockerDaemon { .. } | LocalSource::ContainersStorage { .. }) => {
            "Remote image not found, uploading from local registry".to_owned()
        }
        ImageSource::Local(other) => format!("Remote image not found, uploading from {other}"),
        ImageSource::Registry(reference) => format!(
            "Remote image not found, uploading from {}@{}",
            reference.repository,
            image
                .cut
                .as_ref()
                .map_or(image.detail.digest, |cut| cut.from.into())
        ),
    }
}

fn tell(output: &Output, text: &str) {
    if output.json {
        output.say(text);
    } else {
        output.answer(&format!("{text}\n"));
    }
}

/// The result of an upload.
struct Resource {
    revision: Option<ResourceRevision>,
    created: bool,
    image: bool,
    digest: String,
    config_digest: Option<String>,
    bytes_sent: u64,
    bytes_skipped: u64,
}

impl Resource {
    fn of(snapshot: &Snapshot, intent: &UploadIntent, record: &RunRecord) -> Option<Self> {
        let content = snapshot.content.value.as_ref()?;
        let facts = snapshot.charms.get(&intent.charm)?.value.as_ref()?;
        let made = |wanted: &dyn Fn(&Op) -> bool| {
            let step = record.plan.steps.iter().find(|step| wanted(&step.op))?;
            record.step(&step.id).map(|step| step.made.clone())
        };
        let uploaded =
            made(&|op| matches!(op, Op::UploadResource { .. } | Op::UploadFile { .. })).unwrap_or_default();
        Some(match content {
            ContentFacts::File(file) => {
                let held = facts
                    .resources
                    .get(&intent.resource)
                    .into_iter()
                    .flatten()
                    .find(|one| one.sha256 == file.digest)
                    .map(|one| one.revision);
                Self {
                    revision: uploaded.resource_revision.or(held),
                    created: uploaded.created,
                    image: false,
                    digest: file.digest.to_string(),
                    config_digest: None,
                    bytes_sent: uploaded.bytes_sent,
                    bytes_skipped: file.size.saturating_sub(uploaded.bytes_sent),
                }
            }
            ContentFacts::Image(image) => {
                let copied = made(&|op| matches!(op, Op::CopyImage { .. })).unwrap_or_default();
                let held = upload::holding(snapshot, facts, intent, &image.detail);
                let held = held.filter(|_| uploaded.resource_revision.is_none());
                let digest = held.map_or(image.detail.digest, |held| held.digest);
                Self {
                    revision: uploaded.resource_revision.or(held.map(|held| held.revision)),
                    created: uploaded.created,
                    image: true,
                    digest: digest.to_string(),
                    config_digest: image.detail.config_digest().map(|digest| digest.to_string()),
                    bytes_sent: copied.bytes_sent,
                    bytes_skipped: image.detail.size.saturating_sub(copied.bytes_sent),
                }
            }
        })
    }

    fn sentence(&self, intent: &UploadIntent) -> String {
        let UploadIntent { charm, resource, .. } = intent;
        let number = self.revision.map_or(0, |revision| revision.0);
        if self.created {
            format!("Revision {number} created of resource '{resource}' for charm '{charm}'")
        } else {
            let what = if self.image { "image" } else { "file" };
            format!(
                "Revision {number} of resource '{resource}' for charm '{charm}' already contains this \
                {what}"
            )
        }
    }

    fn document(&self) -> serde_json::Value {
        json!({
            "revision": self.revision, "created": self.created, "digest": self.digest,
            "config_digest": self.config_digest, "bytes_sent": self.bytes_sent,
            "bytes_skipped": self.bytes_skipped,
        })
    }
}
