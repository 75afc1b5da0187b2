//! Lists the sources that the steps of a plan can change, so that only these are read again after a
//! run of another windlass.

use std::collections::BTreeSet;

use super::{Op, Plan};
use crate::domain::{CharmName, Source};

/// Sources to read again, and the charms to read there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// The sources.
    pub sources: BTreeSet<Source>,
    /// The charms and bundles.
    pub charms: BTreeSet<CharmName>,
}

impl Changed {
    /// Returns true if nothing must be read again.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Adds `other`.
    pub fn add(&mut self, other: Self) {
        self.sources.extend(other.sources);
        self.charms.extend(other.charms);
    }
}

impl Plan {
    /// Returns what a run of this plan can have changed.
    pub fn changes(&self) -> Changed {
        let mut changed = Changed::default();
        for step in self.steps.iter().filter(|step| step.skip_reason.is_none()) {
            let sources = step.op.changes();
            changed.sources.extend(sources);
            changed
                .charms
                .extend(step.op.charm().filter(|_| !sources.is_empty()).cloned());
        }
        changed
    }
}

impl Op {
    /// Returns the sources that the step changes.
    pub const fn changes(&self) -> &'static [Source] {
        match self {
            Self::CreateTrack { .. }
            | Self::UploadResource { .. }
            | Self::UploadFile { .. }
            | Self::Release { .. }
            | Self::Close { .. }
            | Self::UploadBundle { .. }
            | Self::ReleaseBundle { .. } => &[
                Source::Charms,
                Source::Channels,
                Source::ResourceImages,
                Source::ReleaseNames,
            ],
            Self::CreateBranch { .. } => &[Source::Markers],
            Self::SetHold { .. } | Self::LiftHold { .. } => &[Source::Holds],
            // A token is listed as a session from the moment it is created.
            Self::SignIn { .. } => &[Source::Sessions],
            Self::KeepToken { .. } => &[Source::StoreAccount, Source::Sessions],
            // What the journal knows about secrets is read with them.
            Self::SetSecret { .. } | Self::SetOrganisationSecret { .. } | Self::DeleteSecret { .. } => {
                &[Source::Secrets]
            }
            Self::RevokeSession { .. } => &[Source::StoreAccount, Source::Secrets, Source::Sessions],
            // Read only when an action needs it, or changes nothing.
            Self::CopyImage { .. }
            | Self::Copy { .. }
            | Self::Verify { .. }
            | Self::Commit { .. }
            | Self::Dispatch { .. }
            | Self::RerunWorkflow { .. }
            | Self::CancelWorkflow { .. }
            | Self::CheckToken { .. }
            | Self::SealSecrets { .. } => &[],
        }
    }
}
