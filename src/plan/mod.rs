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
use crate::domain::charm::Attached;
use crate::domain::{Base, Channel, CharmName, CharmRevision, Outside};
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

/// How sure it is what a row served at a past time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// A run of the journal left it there.
    Recorded,
    /// The store lists it there since before that time.
    Observed,
    /// It follows from other facts.
    Inferred,
}

impl Certainty {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Observed => "observed",
            Self::Inferred => "inferred",
        }
    }
}

/// What a row served at a past time, and how that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownRow {
    /// The charm or bundle.
    pub charm: CharmName,
    /// The channel.
    pub channel: Channel,
    /// The base; bundles have none.
    pub base: Option<Base>,
    /// The charm revision; `None` where the channel was closed.
    pub revision: Option<CharmRevision>,
    /// The resources.
    pub resources: Vec<Attached>,
    /// How sure that is.
    pub certainty: Certainty,
    /// What it rests on.
    pub evidence: Outside,
}

impl KnownRow {
    /// What a person should know of a row that no run recorded.
    pub fn remark(&self) -> Option<Outside> {
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
        Some(Outside::new(format!(
            "{} {}{base} was {revision}{resources} then, {}: {}",
            self.charm,
            self.channel,
            self.certainty.as_str(),
            self.evidence
        )))
    }
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
    /// What rows served at the time that a rollback names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<KnownRow>,
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
            history: Vec::new(),
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
