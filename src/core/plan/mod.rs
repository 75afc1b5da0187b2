//! Plans an intent: computes from a snapshot the steps that carry it out.
//!
//! A plan is data: it can be serialised, printed and compared; the runner executes it. Planning
//! does no IO and uses no clock and no random numbers. Each kind of intent has a submodule.

pub mod axis;
pub mod bundle;
pub mod calendar;
pub mod changed;
pub mod copy;
pub mod credentials;
pub mod doctor;
pub mod evidence;
pub mod hold;
pub mod intent;
pub mod known_images;
pub mod label;
mod pairs;
pub mod promote;
pub mod publish;
pub mod queue;
pub mod release;
pub mod revoke;
pub mod rhythm;
pub mod rollback;
pub mod rotate;
pub mod row_changes;
pub mod sign_in;
pub mod step;
pub mod upload;
pub mod workflow;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::config::Workspace;
pub use crate::domain::Serving;
use crate::domain::charm::Attached;
use crate::domain::{Base, Channel, CharmName, CharmRevision, Problem, SanitizedText, Snapshot};
pub use changed::Changed;
pub use intent::{
    CloseIntent, Content, CopyIntent, HoldIntent, Intent, LaterChanges, Moment, PromoteIntent,
    PromoteTrackIntent, PublishIntent, ReleaseIntent, RevokeIntent, Revoked, RollbackIntent, RolledBack,
    RotateIntent, SignInIntent, TokenStorage, UploadIntent, WorkflowAction, WorkflowIntent,
};
pub use step::{
    AttachFrom, ChannelUpdate, Need, NeededPackage, Op, PlannedResource, PlannedRow, ResourceAttachment,
    State, Step, StepId, Subject, Undo,
};

/// Impact of a plan: how much harm it can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// Changes nothing.
    Read,
    /// Makes changes that can be undone.
    Write,
    /// Makes a change that cannot be undone.
    Irreversible,
}

/// A fact that a step relies on. It is checked again before the step runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assumption {
    /// What was checked.
    pub what: SanitizedText,
    /// The value that was found.
    pub value: SanitizedText,
    /// The step that checks it again, if one does.
    pub step: Option<StepId>,
}

/// Certainty of what a row served at a past time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// Recorded by a run in the journal.
    Recorded,
    /// The store lists it for the row since before that time.
    Observed,
    /// Inferred from other facts.
    Inferred,
}

impl Certainty {
    /// Returns the name used in JSON and on the screen.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Observed => "observed",
            Self::Inferred => "inferred",
        }
    }
}

/// What a row served at a past time, and the evidence for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownRow {
    /// The charm or bundle.
    pub charm: CharmName,
    /// The channel.
    pub channel: Channel,
    /// The base; `None` for a bundle.
    pub base: Option<Base>,
    /// The charm revision; `None` if the channel was closed.
    pub revision: Option<CharmRevision>,
    /// The resources.
    pub resources: Vec<Attached>,
    /// Certainty of the value.
    pub certainty: Certainty,
    /// Evidence for the value.
    pub evidence: SanitizedText,
}

impl KnownRow {
    /// Returns a remark to show if no run recorded the row.
    pub fn remark(&self) -> Option<SanitizedText> {
        if self.certainty == Certainty::Recorded {
            return None;
        }
        let base = self
            .base
            .as_ref()
            .map_or_else(String::new, |base| format!(" for {base}"));
        let revision = self
            .revision
            .map_or_else(|| "closed".to_owned(), |revision| revision.to_string());
        let resources: String = self
            .resources
            .iter()
            .filter_map(|one| Some(format!(" + {} {}", one.name, one.revision?)))
            .collect();
        Some(SanitizedText::new(format!(
            "{} {}{base} was {revision}{resources} at that time, {}: {}",
            self.charm,
            self.channel,
            self.certainty.as_str(),
            self.evidence
        )))
    }
}

/// A plan: the steps that would be run, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Digest of the content: the same intent on the same snapshot has the same id.
    pub id: String,
    /// Title in one line.
    pub title: String,
    /// The workspace that it was made for.
    pub workspace: String,
    /// The environment that it was made for.
    pub world: String,
    /// The highest impact of its steps.
    pub risk: Risk,
    /// The steps.
    pub steps: Vec<Step>,
    /// The preconditions of its steps.
    pub assumptions: Vec<Assumption>,
    /// Warnings to show before the plan is confirmed.
    pub warnings: Vec<SanitizedText>,
    /// What the operator left out. If not empty, the run ends as `partly` at best.
    #[serde(default)]
    pub left_out: Vec<SanitizedText>,
    /// What rows served at the time that a rollback names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<KnownRow>,
    /// The command that makes the same plan.
    pub command: String,
    /// The intent of the plan.
    pub intent: Intent,
    /// The text to type to confirm the plan.
    pub confirm: String,
}

/// Plans `intent` from `snapshot`, for `workspace`.
pub fn plan(workspace: &Workspace, snapshot: &Snapshot, intent: &Intent) -> Result<Plan, Problem> {
    match intent {
        Intent::Publish(intent) => publish::plan(workspace, snapshot, intent),
        Intent::Rotate(intent) => rotate::plan(workspace, snapshot, intent),
        Intent::SignIn(intent) => sign_in::plan(workspace, snapshot, intent),
        Intent::Revoke(intent) => revoke::plan(workspace, snapshot, intent),
        Intent::Upload(intent) => upload::plan(workspace, snapshot, intent),
        Intent::Copy(intent) => copy::plan(workspace, snapshot, intent),
        Intent::Release(intent) => release::plan(workspace, snapshot, intent),
        Intent::Close(intent) => release::close(workspace, snapshot, intent),
        Intent::Promote(intent) => promote::plan(workspace, snapshot, intent),
        Intent::PromoteTrack(intent) => promote::track::plan(workspace, snapshot, intent),
        Intent::Rollback(intent) => rollback::plan(workspace, snapshot, intent),
        Intent::Hold(intent) => hold::plan(workspace, snapshot, intent),
        Intent::Workflow(intent) => workflow::plan(workspace, snapshot, intent),
    }
}

impl Plan {
    /// Creates a plan. Its id is a digest of intent and steps. `name` is the text that confirms it
    /// if `yes` is not enough: the name of the release, charm or channel.
    pub fn new(
        workspace: &str,
        world: &str,
        title: String,
        intent: Intent,
        steps: Vec<Step>,
        name: String,
    ) -> Self {
        let risk = steps
            .iter()
            .filter(|step| step.skip_reason.is_none())
            .map(Step::risk)
            .max()
            .unwrap_or(Risk::Read);
        let is_public = steps
            .iter()
            .any(|step| step.skip_reason.is_none() && step.op.changes_what_users_get());
        let confirm = if risk == Risk::Irreversible || is_public {
            name
        } else {
            "yes".to_owned()
        };
        // Text for display is not part of the digest.
        let content: Vec<(&StepId, &Op, bool)> = steps
            .iter()
            .map(|step| (&step.id, &step.op, step.skip_reason.is_some()))
            .collect();
        let mut hash = Sha256::new();
        hash.update(serde_json::to_vec(&(&intent, &content, world)).unwrap_or_default());
        let id = hex::encode(hash.finalize()).chars().take(12).collect();
        Self {
            id,
            title,
            workspace: workspace.to_owned(),
            world: world.to_owned(),
            risk,
            steps,
            assumptions: Vec::new(),
            warnings: Vec::new(),
            left_out: Vec::new(),
            history: Vec::new(),
            command: intent.command(),
            intent,
            confirm,
        }
    }

    /// Returns true if no step is left to do.
    pub fn nothing_to_do(&self) -> bool {
        self.steps.iter().all(|step| step.skip_reason.is_some())
    }

    /// Returns true if a step changes a channel, even if the channel is already as planned.
    pub fn changes_channels(&self) -> bool {
        self.steps.iter().any(|step| step.op.changes_channels())
    }

    /// Returns true if it changes nothing but ends an unfinished run: a rollback of that run.
    pub fn only_gives_up_a_run(&self) -> bool {
        let of_run = |intent: &RollbackIntent| matches!(intent.of, RolledBack::Run(_));
        self.nothing_to_do() && matches!(&self.intent, Intent::Rollback(intent) if of_run(intent))
    }

    /// Returns the charms whose channels or resources the plan changes, without duplicates.
    pub fn charms(&self) -> Vec<CharmName> {
        let mut names: Vec<CharmName> = self
            .steps
            .iter()
            .filter_map(|step| step.op.charm().cloned())
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Returns the subjects that no other run may change at the same time, sorted and without
    /// duplicates.
    pub fn subjects(&self) -> Vec<Subject> {
        let mut subjects: Vec<Subject> = self.steps.iter().flat_map(|step| step.op.subjects()).collect();
        subjects.sort();
        subjects.dedup();
        subjects
    }

    /// Returns the scope of the plan's sign-in, if one is still to be done.
    pub fn sign_in(&self) -> Option<&crate::domain::credential::TokenScope> {
        self.steps.iter().find_map(|step| match &step.op {
            Op::SignIn { scope } if step.skip_reason.is_none() => Some(scope),
            _ => None,
        })
    }

    /// Returns the step with this id.
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|step| &step.id == id)
    }

    /// Returns the number of bytes that the steps would send, as far as known.
    pub fn bytes(&self) -> u64 {
        self.steps
            .iter()
            .filter(|step| step.skip_reason.is_none())
            .filter_map(|step| step.bytes)
            .sum()
    }
}
