//! Intent + snapshot -> plan. Pure: no IO, no clock, no randomness.
//!
//! Owns the vocabulary of plans (steps, operations, assumptions, undo) and, in its rooms, the
//! planning of each intent. A plan is data: serialisable, printable, comparable. Must not run
//! anything; the runner reads plans and knows how.

pub mod axis;
pub mod bundle;
pub mod calendar;
pub mod copy;
pub mod credentials;
pub mod doctor;
pub mod evidence;
pub mod hold;
pub mod intent;
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

pub use crate::domain::Serving;
use crate::domain::{CharmName, Outside};
pub use intent::{
    CloseIntent, Content, CopyIntent, HoldIntent, Intent, Keep, Moment, PromoteIntent, PromoteTrackIntent,
    PublishIntent, ReleaseIntent, RevokeIntent, Revoked, RollbackIntent, RolledBack, RotateIntent,
    SignInIntent, UploadIntent, WorkflowAction, WorkflowIntent,
};
pub use step::{
    Attach, AttachFrom, Move, Need, NeededPackage, Op, PlannedResource, PlannedRow, State, Step, StepId,
    Subject, Undo,
};

/// How much harm a plan can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// Changes nothing.
    Read,
    /// Changes what can be put back.
    Write,
    /// Changes something that stays.
    Irreversible,
}

/// Something that was true when the plan was made and is looked at again before its step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assumption {
    /// What was looked at.
    pub what: Outside,
    /// What was seen.
    pub value: Outside,
    /// The step that looks again, where one does.
    pub step: Option<StepId>,
}

/// What would change, in the order in which it would.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Names the content: the same intent on the same snapshot has the same id.
    pub id: String,
    /// One line for people.
    pub title: String,
    /// The workspace it is for.
    pub workspace: String,
    /// The world it is for.
    pub world: String,
    /// The worst of its steps.
    pub risk: Risk,
    /// The steps.
    pub steps: Vec<Step>,
    /// What it builds on.
    pub assumptions: Vec<Assumption>,
    /// What a person should know before saying yes.
    pub warnings: Vec<Outside>,
    /// What the operator left out, so that the whole is done `partly` at best.
    #[serde(default)]
    pub left_out: Vec<Outside>,
    /// The command that makes the same plan.
    pub command: String,
    /// The wish behind it.
    pub intent: Intent,
    /// What is typed to confirm it.
    pub confirm: String,
}

impl Plan {
    /// Puts a plan together; its id is a digest of intent and steps. `name` is what confirms it
    /// where `yes` is not enough: the release, charm or channel that it is about.
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
            .map(|step| step.op.risk())
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
        // Texts for people are not part of what it does.
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
            command: intent.command(),
            intent,
            confirm,
        }
    }

    /// True where nothing is left to do.
    pub fn nothing_to_do(&self) -> bool {
        self.steps.iter().all(|step| step.skip_reason.is_some())
    }

    /// The charms whose channels or resources it touches, each once.
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

    /// What no other run may work on meanwhile, each once, sorted.
    pub fn subjects(&self) -> Vec<Subject> {
        let mut subjects: Vec<Subject> = self.steps.iter().flat_map(|step| step.op.subjects()).collect();
        subjects.sort();
        subjects.dedup();
        subjects
    }

    /// What a sign-in of this plan asks for, where one is still to be made.
    pub fn sign_in(&self) -> Option<&crate::domain::credential::TokenScope> {
        self.steps.iter().find_map(|step| match &step.op {
            Op::SignIn { scope } if step.skip_reason.is_none() => Some(scope),
            _ => None,
        })
    }

    /// A step by id.
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|step| &step.id == id)
    }

    /// Bytes that its steps would send, where known.
    pub fn bytes(&self) -> u64 {
        self.steps
            .iter()
            .filter(|step| step.skip_reason.is_none())
            .filter_map(|step| step.bytes)
            .sum()
    }
}
