//! Reads the facts that planning an intent needs. Nothing that the plan relies on is older than this
//! read.

use secrecy::SecretString;

use super::{Hear, Observer};
use crate::domain::Snapshot;
use crate::plan::Intent;

/// Holds what an observation needs besides the intent.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The value that the operator supplies for a rotation.
    pub value: Option<&'a SecretString>,
    /// Called with the progress of packing a local image.
    pub packing: Hear<'a>,
}

impl Default for Inputs<'_> {
    fn default() -> Self {
        Self {
            value: None,
            packing: &|_| {},
        }
    }
}

impl Observer {
    /// Reads what planning `intent` needs. What cannot be read keeps its value of `previous`.
    pub async fn for_intent(&self, previous: Snapshot, intent: &Intent, inputs: Inputs<'_>) -> Snapshot {
        // Boxed: together these futures exceed the stack of a thread in a debug build.
        match intent {
            Intent::Publish(intent) => Box::pin(self.for_publish(previous, intent)).await,
            Intent::Rotate(intent) => Box::pin(self.for_rotate(previous, intent, inputs.value)).await,
            Intent::SignIn(_) => self.for_sign_in(previous),
            Intent::Revoke(_) => Box::pin(self.for_credentials(previous)).await,
            Intent::Upload(intent) => Box::pin(self.for_upload(previous, intent, inputs.packing)).await,
            Intent::Copy(intent) => Box::pin(self.for_copy(previous, intent, inputs.packing)).await,
            Intent::Release(intent) => {
                let channels = Some(&intent.channels[..]);
                Box::pin(self.for_charm(previous, &intent.charm, channels)).await
            }
            Intent::Close(intent) => {
                let channels = Some(std::slice::from_ref(&intent.channel));
                Box::pin(self.for_charm(previous, &intent.charm, channels)).await
            }
            Intent::Promote(intent) => Box::pin(self.for_promote(previous, intent)).await,
            Intent::PromoteTrack(_) => Box::pin(self.view(previous, super::View::Planning)).await,
            Intent::Rollback(intent) => Box::pin(self.for_rollback(previous, intent)).await,
            Intent::Hold(_) => Box::pin(self.for_hold(previous)).await,
            Intent::Workflow(intent) => Box::pin(self.for_workflow(previous, intent)).await,
        }
    }

    /// A sign-in depends on no service: the snapshot is only dated.
    fn for_sign_in(&self, mut snapshot: Snapshot) -> Snapshot {
        self.date(&mut snapshot);
        snapshot
    }
}
