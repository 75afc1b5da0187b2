//! Defines the stored records of runs and steps, and the outcomes with their exit codes.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

pub use crate::domain::RunId;
use crate::domain::credential::TokenScope;
use crate::domain::secret::{SealedOrganisation, SealedValue};
use crate::domain::{
    Base, Channel, CharmName, CharmRevision, CommitId, Digest, Fingerprint, Problem, ReleaseName,
    ResourceName, ResourceRevision, SanitizedText, SessionId,
};
use crate::plan::{Intent, Op, Plan, Step, StepId};

/// Steps of one attempt are never further apart than this.
const BETWEEN_STEPS: TimeDelta = TimeDelta::seconds(1);

/// Outcome of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Everything was done as planned.
    Done,
    /// Only optional or left-out steps were not done.
    Partly,
    /// A step failed.
    Failed,
    /// The run was cancelled.
    Cancelled,
    /// It is unknown whether a change was made: check before repeating it.
    Unknown,
}

impl Outcome {
    /// Returns the exit code of a run that started and had this outcome.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Done | Self::Partly => 0,
            Self::Failed => 1,
            Self::Unknown => 7,
            Self::Cancelled => 130,
        }
    }

    /// Returns the name used in JSON and on the screen.
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

/// Outcome of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepOutcome {
    /// It was done.
    Done,
    /// Already done.
    Skipped,
    /// It failed.
    Failed,
    /// Cancelled, or never started because the run was cancelled.
    Cancelled,
    /// The request was sent, but no response arrived.
    Unknown,
}

impl StepOutcome {
    /// Returns the name used in JSON and on the screen.
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

/// The stored record of one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The step of the plan.
    pub id: StepId,
    /// Outcome; `None` while the step runs or if the process died.
    pub outcome: Option<StepOutcome>,
    /// Number of times it was started.
    pub attempts: u32,
    /// When it was last started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Results: the resource revision, the bytes sent and others.
    pub made: StepOutput,
    /// Why it failed.
    pub problem: Option<Problem>,
}

/// An attempt of a run before the last one, as recorded for one of its steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierAttempt {
    /// When the step started; `None` if it did not.
    pub started_at: Option<DateTime<Utc>>,
    /// When the step ended; `None` if the process died.
    pub finished_at: Option<DateTime<Utc>>,
    /// True if it may have changed something.
    pub may_have_written: bool,
}

/// Results of a step that later steps or the user need.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepOutput {
    /// The resource revision that holds the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_revision: Option<ResourceRevision>,
    /// True if that revision was made by this step.
    #[serde(default)]
    pub created: bool,
    /// sha-256 of the upload: the upload is used for this content only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded: Option<Digest>,
    /// Id of the upload under review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload_id: Option<String>,
    /// Number of bytes that were sent.
    #[serde(default)]
    pub bytes_sent: u64,
    /// Number of bytes that were already present.
    #[serde(default)]
    pub bytes_skipped: u64,
    /// What the channels serve now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub released: Vec<Released>,
    /// Session of the token that was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// Expiry of the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// Fingerprint of the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// The value sealed for every target; only GitHub can open it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sealed: Vec<SealedValue>,
    /// The value sealed for organisations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sealed_organisation: Vec<SealedOrganisation>,
    /// When a secret was last sent, written before it is sent; set if no response arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<DateTime<Utc>>,
    /// The `updated_at` of the secret at GitHub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<DateTime<Utc>>,
    /// The bundle revision that was uploaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle_revision: Option<CharmRevision>,
    /// True if the store no longer accepts bundles: a publish may continue without one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_longer_accepted: bool,
    /// The commit that was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
    /// GitHub's id of the workflow run that was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_run: Option<u64>,
    /// Written before a workflow is started, so that its run can be found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatched: Option<Dispatched>,
    /// A note about the outcome to show to the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<SanitizedText>,
    /// Attempts before the last one, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<EarlierAttempt>,
}

/// State before a workflow was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatched {
    /// GitHub's id of its newest run; 0 if it had none.
    pub newest: u64,
    /// Account that starts it; `None` if GitHub does not report it.
    pub account: Option<SanitizedText>,
    /// Time of the start.
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

/// A resource that was released to a channel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReleasedResource {
    /// The resource.
    pub name: ResourceName,
    /// Its revision.
    pub revision: ResourceRevision,
}

/// A revision that a run uploaded, or found already uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// The charm or bundle.
    pub charm: CharmName,
    /// The resource; `None` for the revision of a bundle.
    pub resource: Option<ResourceName>,
    /// Number of the revision.
    pub revision: u64,
    /// True if the run created it.
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

/// The stored record of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its id.
    pub id: RunId,
    /// User and host that started it.
    pub actor: SanitizedText,
    /// The plan as it was confirmed.
    pub plan: Plan,
    /// Outcome; `None` while it runs or if the process died.
    pub outcome: Option<Outcome>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Its steps in the plan's order.
    pub steps: Vec<StepRecord>,
    /// Why it failed.
    pub problem: Option<Problem>,
    /// True while a running process works on it.
    pub running: bool,
    /// The run that rolled back all of its changes: then it is no longer unfinished.
    pub rolled_back_by: Option<RunId>,
    /// True if the run in `rolled_back_by` had no channel to restore.
    #[serde(default)]
    pub given_up: bool,
    /// The later run that replaced it, if it did not succeed: then it is no longer unfinished.
    pub replaced_by: Option<RunId>,
}

impl RunRecord {
    /// Returns true if it is unknown what the run changed, because its process died or its outcome
    /// is unknown. Other runs on the same subjects are blocked until it is resolved.
    pub fn is_uncertain(&self) -> bool {
        !self.running
            && self.rolled_back_by.is_none()
            && matches!(self.outcome, None | Some(Outcome::Unknown))
    }

    /// Returns the release that it published and when, if it left nothing out.
    pub fn published(&self) -> Option<(ReleaseName, DateTime<Utc>)> {
        match (&self.plan.intent, self.outcome, self.finished_at) {
            (Intent::Publish(wish), Some(Outcome::Done), Some(at)) => Some((wish.release.clone(), at)),
            _ => None,
        }
    }

    /// Returns the commands that resolve a run that did not succeed: resume it and, if it may have
    /// changed channels, roll it back.
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

    /// Returns the duration of the run without the pauses between attempts, and the sum of these
    /// pauses. `None` while it runs.
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
            // Between two steps of one attempt only the journal is written.
            if start - until >= BETWEEN_STEPS {
                paused += start - until;
            }
            until = until.max(end);
        }
        Some((all - paused, paused))
    }

    /// Returns the revisions that it uploaded, or found already uploaded, in order.
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

    /// Returns hints with the commands that resolve an unfinished run, for a user whose workspace is
    /// `name`: every such run can be resumed or given up.
    pub fn ways_out_from(&self, name: &str) -> Vec<String> {
        let workspace = if self.plan.workspace == name {
            String::new()
        } else {
            format!(" --workspace {}", SanitizedText::new(&self.plan.workspace))
        };
        let undo = if self.touched_channels() {
            "undo its channel releases"
        } else {
            "give it up"
        };
        vec![
            format!("finish it: windlass resume {}{workspace}", self.id),
            format!("{undo}: windlass rollback --run {}{workspace}", self.id),
        ]
    }

    /// Returns what it released to channels, in order.
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

    /// Returns the record of a step.
    pub fn step(&self, id: &StepId) -> Option<&StepRecord> {
        self.steps.iter().find(|step| &step.id == id)
    }

    /// Returns what the journal has about the first step whose operation fits.
    pub fn step_doing(&self, fits: impl Fn(&Op) -> bool) -> Option<&StepRecord> {
        let planned = self.plan.steps.iter().find(|step| fits(&step.op))?;
        self.step(&planned.id)
    }
}
