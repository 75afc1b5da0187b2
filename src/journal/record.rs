//! What the journal remembers of a run, as people and scripts see it.
//!
//! Owns the outcomes and their exit codes. Must not know SQL.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

pub use crate::domain::RunId;
use crate::domain::credential::TokenScope;
use crate::domain::secret::{SealedOrganisation, SealedValue};
use crate::domain::{
    Base, Channel, CharmName, CharmRevision, CommitId, Digest, Fingerprint, Outside, Problem, ReleaseName,
    ResourceName, ResourceRevision, SessionId,
};
use crate::plan::{Intent, Op, Plan, Step, StepId};

/// No two steps of one attempt are further apart.
const BETWEEN_STEPS: TimeDelta = TimeDelta::seconds(1);

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Everything is as planned.
    Done,
    /// Only optional or left-out steps are missing.
    Partly,
    /// A step failed.
    Failed,
    /// Somebody stopped it.
    Cancelled,
    /// It may or may not have happened: look before doing it again.
    Unknown,
}

impl Outcome {
    /// The exit code of a run that started.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Done | Self::Partly => 0,
            Self::Failed => 1,
            Self::Unknown => 7,
            Self::Cancelled => 130,
        }
    }

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Partly => "partly",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepOutcome {
    /// It was done.
    Done,
    /// It was so already.
    Skipped,
    /// It failed.
    Failed,
    /// It was stopped, or never begun because the run was.
    Cancelled,
    /// The request left, the answer did not arrive.
    Unknown,
}

impl StepOutcome {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }
}

/// What is remembered of one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The step of the plan.
    pub id: StepId,
    /// How it ended; `None` while it runs or where the process died.
    pub outcome: Option<StepOutcome>,
    /// How often it was begun.
    pub attempts: u32,
    /// When it was last begun.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// What it brought: the resource revision, the bytes sent.
    pub made: Made,
    /// Why it failed.
    pub problem: Option<Problem>,
}

/// An attempt of a run before the last one, as one of its steps saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierAttempt {
    /// When the step began; `None` where it did not.
    pub started_at: Option<DateTime<Utc>>,
    /// When the step ended; `None` where the process died.
    pub finished_at: Option<DateTime<Utc>>,
    /// True where it may have changed something.
    pub may_have_written: bool,
}

/// What a step brought that later steps or people need.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The resource revision that holds the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_revision: Option<ResourceRevision>,
    /// True where that revision was made by this step.
    #[serde(default)]
    pub created: bool,
    /// sha-256 of what was uploaded: an upload counts for nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded: Option<Digest>,
    /// Id of the upload under review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload_id: Option<String>,
    /// Bytes that went over the wire.
    #[serde(default)]
    pub bytes_sent: u64,
    /// Bytes that were there already.
    #[serde(default)]
    pub bytes_skipped: u64,
    /// What the channels serve now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub released: Vec<Released>,
    /// The session of the token that was minted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// When the value ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// Which value it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// The value, sealed for every target: only GitHub can open these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sealed: Vec<SealedValue>,
    /// The value, sealed for organisations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sealed_organisation: Vec<SealedOrganisation>,
    /// When a secret was sent last, where no answer came: written before it is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<DateTime<Utc>>,
    /// When GitHub says that the secret was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<DateTime<Utc>>,
    /// The bundle revision that was uploaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle_revision: Option<CharmRevision>,
    /// True where the store no longer takes bundles: a publish may go on without one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_longer_accepted: bool,
    /// The commit that was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
    /// GitHub's number of the workflow run that was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_run: Option<u64>,
    /// Written before a workflow is started, so that its run can be found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatched: Option<Dispatched>,
    /// What a person should know of how it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Outside>,
    /// Attempts before the last one, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<EarlierAttempt>,
}

/// What was so when a workflow was about to be started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatched {
    /// GitHub's number of its newest run; 0 where it had none.
    pub newest: u64,
    /// Who starts it; `None` where GitHub does not say.
    pub account: Option<Outside>,
    /// When.
    pub at: DateTime<Utc>,
}

/// A channel that a run released to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Released {
    /// The charm.
    pub charm: CharmName,
    /// The channel.
    pub channel: Channel,
    /// The charm revision.
    pub revision: CharmRevision,
    /// The resources.
    pub resources: Vec<ReleasedResource>,
}

/// A resource of such a channel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReleasedResource {
    /// The resource.
    pub name: ResourceName,
    /// Its revision.
    pub revision: ResourceRevision,
}

/// A revision that a run uploaded, or found uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// The charm or bundle.
    pub charm: CharmName,
    /// The resource; `None` for the revision of a bundle.
    pub resource: Option<ResourceName>,
    /// The number of the revision.
    pub revision: u64,
    /// True where the run created it.
    pub created: bool,
}

impl std::fmt::Display for Uploaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            charm,
            resource,
            revision,
            created,
        } = self;
        if let Some(resource) = resource {
            write!(f, "{charm} {resource} r{revision}")?;
        } else {
            write!(f, "{charm} r{revision}")?;
        }
        f.write_str(if *created {
            ", created"
        } else {
            ", already uploaded"
        })
    }
}

/// What is remembered of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its id.
    pub id: RunId,
    /// Who started it: user and host.
    pub actor: Outside,
    /// The plan as it was confirmed.
    pub plan: Plan,
    /// How it ended; `None` while it runs or where the process died.
    pub outcome: Option<Outcome>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Its steps in the plan's order.
    pub steps: Vec<StepRecord>,
    /// Why it failed.
    pub problem: Option<Problem>,
    /// True while a living process works on it.
    pub running: bool,
    /// The run that gave back everything it had changed: then it no longer waits.
    pub rolled_back_by: Option<RunId>,
    /// The later run that took its place, where it did not end well: then it no longer waits.
    pub replaced_by: Option<RunId>,
}

impl RunRecord {
    /// True where nobody knows what it changed: it died, or its outcome is not known. Other runs on
    /// the same subjects wait until it is settled.
    pub fn is_uncertain(&self) -> bool {
        !self.running
            && self.rolled_back_by.is_none()
            && matches!(self.outcome, None | Some(Outcome::Unknown))
    }

    /// The release that it published and when, where it left nothing out.
    pub fn published(&self) -> Option<(ReleaseName, DateTime<Utc>)> {
        match (&self.plan.intent, self.outcome, self.finished_at) {
            (Intent::Publish(wish), Some(Outcome::Done), Some(at)) => Some((wish.release.clone(), at)),
            _ => None,
        }
    }

    /// The commands that settle it where it did not end well: going on, and giving back what it
    /// changed in channels, where it may have changed any.
    pub fn ways_on(&self) -> Vec<String> {
        if !self.state().is_unfinished() {
            return Vec::new();
        }
        let mut ways = vec![format!("windlass resume {}", self.id)];
        if self.touched_channels() {
            ways.push(format!("windlass rollback --run {}", self.id));
        }
        ways
    }

    /// How long it took, without the time between an attempt that ended and the next one; and that
    /// time. `None` while it runs.
    pub fn took(&self) -> Option<(TimeDelta, TimeDelta)> {
        let end = self.finished_at?;
        let all = end - self.started_at;
        if self.steps.iter().all(|step| step.made.earlier.is_empty()) {
            return Some((all, TimeDelta::zero()));
        }
        let attempts = self.steps.iter().flat_map(|step| {
            let earlier = step.made.earlier.iter();
            let earlier = earlier.map(|one| (one.started_at, one.finished_at));
            earlier.chain([(step.started_at, step.finished_at)])
        });
        let mut attempts: Vec<_> = attempts
            .filter_map(|(start, end)| Some((start?, end.or(start)?)))
            .collect();
        attempts.sort();
        attempts.push((end, end));
        let mut paused = TimeDelta::zero();
        let mut until = self.started_at;
        for (start, end) in attempts {
            // Between two steps of one attempt nothing but the journal is written.
            if start - until >= BETWEEN_STEPS {
                paused += start - until;
            }
            until = until.max(end);
        }
        Some((all - paused, paused))
    }

    /// The revisions that it uploaded, or found uploaded, in order.
    pub fn uploaded(&self) -> Vec<Uploaded> {
        let steps = self.plan.steps.iter();
        steps
            .filter_map(|step| {
                let made = &self.step(&step.id)?.made;
                let (charm, resource, revision) = match &step.op {
                    Op::UploadResource { charm, resource, .. } | Op::UploadFile { charm, resource, .. } => {
                        (charm, Some(resource.clone()), made.resource_revision?.0)
                    }
                    Op::UploadBundle { bundle, .. } => (bundle, None, made.bundle_revision?.0),
                    _ => return None,
                };
                Some(Uploaded {
                    charm: charm.clone(),
                    resource,
                    revision,
                    created: made.created,
                })
            })
            .collect()
    }

    /// As [`RunRecord::ways_on`], for somebody who works with the workspace `name`.
    pub fn ways_on_from(&self, name: &str) -> Vec<String> {
        let mut ways = self.ways_on();
        if self.plan.workspace != name {
            let other = Outside::new(&self.plan.workspace);
            for way in &mut ways {
                way.push_str(&format!(" --workspace {other}"));
            }
        }
        ways
    }

    /// What it released, in order.
    pub fn released(&self) -> Vec<Released> {
        self.steps
            .iter()
            .flat_map(|step| step.made.released.clone())
            .collect()
    }

    /// The bases that a channel release was planned for.
    pub fn released_bases(&self, released: &Released) -> impl Iterator<Item = Option<&Base>> {
        let moves = self.plan.steps.iter().filter_map(move |step| match &step.op {
            Op::Release { charm, moves } if *charm == released.charm => Some(moves),
            _ => None,
        });
        moves
            .flatten()
            .filter(move |planned| {
                (&planned.channel, planned.revision) == (&released.channel, released.revision)
            })
            .map(|planned| planned.base.as_ref())
    }

    /// The channel of a channel release; with its bases where the run released another revision to
    /// the same channel.
    pub fn released_to(&self, released: &Released) -> String {
        let channel = &released.channel;
        let all = self.released();
        let mut revisions = all
            .iter()
            .filter(|one| (&one.charm, &one.channel) == (&released.charm, channel))
            .map(|one| one.revision);
        if revisions.all(|revision| revision == released.revision) {
            return channel.to_string();
        }
        let bases: Vec<String> = self
            .released_bases(released)
            .flatten()
            .map(ToString::to_string)
            .collect();
        if bases.is_empty() {
            return channel.to_string();
        }
        format!("{channel} ({})", bases.join(", "))
    }

    /// What a sign-in must bring before the run can be taken up; `None` where none is wanted.
    pub fn sign_in(&self) -> Option<&TokenScope> {
        let settled = |step: &Step| {
            let outcome = self.step(&step.id).and_then(|record| record.outcome);
            matches!(outcome, Some(StepOutcome::Done | StepOutcome::Skipped))
        };
        let wanted = self
            .plan
            .steps
            .iter()
            .any(|step| step.op.wants_token() && step.skip_reason.is_none() && !settled(step));
        self.plan.sign_in().filter(|_| wanted)
    }

    /// The record of a step.
    pub fn step(&self, id: &StepId) -> Option<&StepRecord> {
        self.steps.iter().find(|step| &step.id == id)
    }
}
