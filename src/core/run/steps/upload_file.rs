//! Makes a file of this machine a revision of a resource.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::push::{Becomes, Push, perform_push};
use super::{StepContext, StepResult, StoreTools, note};
use crate::domain::{CharmName, FileFacts, ResourceName};
use crate::run::progress::Phase;
use crate::run::runner::Rate;
use crate::services::charmhub::writer::ResourceKind;

/// How often the progress of the transfer is updated.
const PICTURE: Duration = Duration::from_millis(200);

pub async fn perform(
    tools: &StoreTools,
    mut work: StepContext<'_>,
    charm: CharmName,
    resource: ResourceName,
    file: FileFacts,
    architectures: Vec<String>,
) -> StepResult {
    let (telling, id) = (work.telling, &work.step.id);
    note(&work, Phase::Sending, "uploading the file");
    telling.step(id, |p| p.bytes_total = Some(file.size));
    let sent = Arc::new(AtomicU64::new(0));
    let store = || async {
        let sending = tools.writer.store_file(&file, &sent);
        let mut sending = std::pin::pin!(sending);
        let mut rate = Rate::default();
        let mut told = 0;
        loop {
            let ended = tokio::time::timeout(PICTURE, &mut sending).await;
            let now = sent.load(Ordering::Relaxed);
            telling.step(id, |p| {
                p.bytes_done = now;
                p.rate = rate.count(now.saturating_sub(told));
            });
            told = now;
            if let Ok(stored) = ended {
                return stored;
            }
        }
    };
    let size = file.size;
    let push = Push {
        charm,
        sha256: file.digest,
        becomes: Becomes::Resource {
            resource,
            kind: ResourceKind::File,
            architectures,
        },
    };
    let before = work.made.upload_id.clone();
    work.made.bytes_skipped = 0;
    let mut ended = perform_push(tools, work, push, store).await;
    if ended.made.upload_id.is_some() && ended.made.upload_id != before {
        ended.made.bytes_sent = size;
    } else if ended.made.bytes_sent == 0 {
        ended.made.bytes_skipped = size;
    }
    ended
}
