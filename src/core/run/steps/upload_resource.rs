//! Makes an image in the store's registry a revision of a resource, by its descriptor.

use super::push::{Becomes, Push, perform_push};
use super::{StepContext, StepResult, StoreTools, note};
use crate::domain::{CharmName, ManifestDigest, ResourceName};
use crate::run::progress::Phase;
use crate::services::charmhub::writer::ResourceKind;

pub async fn perform(
    tools: &StoreTools,
    work: StepContext<'_>,
    charm: CharmName,
    resource: ResourceName,
    digest: ManifestDigest,
    architectures: Vec<String>,
) -> StepResult {
    let descriptor = match tools.writer.descriptor(&charm, &resource, digest).await {
        Ok(descriptor) => descriptor,
        Err(problem) => return StepResult::failed(work.made, problem),
    };
    let push = Push {
        charm,
        sha256: descriptor.sha256(),
        becomes: Becomes::Resource {
            resource,
            kind: ResourceKind::Image,
            architectures,
        },
    };
    note(&work, Phase::Sending, "uploading the image descriptor");
    perform_push(tools, work, push, || {
        tools.writer.store("image-resource.json", &descriptor)
    })
    .await
}
