//! Packs a bundle and makes it a revision that no channel serves yet.

use std::collections::BTreeMap;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::push::{Becomes, Push, perform_push};
use super::{StepContext, StepResult, StoreTools, note};
use crate::domain::bundle::archive::{archive, sha3_384};
use crate::domain::{CharmName, Digest, FileBytes};
use crate::run::progress::Phase;

pub async fn perform(
    tools: &StoreTools,
    work: StepContext<'_>,
    bundle: CharmName,
    files: BTreeMap<String, FileBytes>,
) -> StepResult {
    let packed = match archive(&files) {
        Ok(packed) => Bytes::from(packed),
        Err(problem) => return StepResult::failed(work.made, problem),
    };
    let push = Push {
        sha256: Digest::from_bytes(Sha256::digest(&packed).into()),
        becomes: Becomes::Bundle {
            sha3: sha3_384(&packed),
        },
        charm: bundle.clone(),
    };
    note(&work, Phase::Sending, "uploading the bundle");
    let before = work.made.upload_id.clone();
    let mut ended = perform_push(tools, work, push, || async {
        tools.writer.store_bytes(&format!("{bundle}.zip"), &packed).await
    })
    .await;
    if ended.made.upload_id.is_some() && ended.made.upload_id != before {
        ended.made.bytes_sent = packed.len() as u64;
    }
    ended
}
