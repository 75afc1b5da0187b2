//! The queue of plans confirmed while a run is in progress; they run one after another in order of
//! confirmation.
//!
//! A plan that waited is made again before it starts and must do the same as the confirmed one; if
//! it does not, or if the previous run did not succeed, nothing starts and the operator is asked
//! again. Must not start anything that was not confirmed by typing: a waiting plan carries its
//! [`Confirmed`](super::confirm::Confirmed).

mod change;
pub mod view;

pub use change::{advance, again, broken, failed, must_wait, planned, put, started, take_out};

use std::collections::BTreeMap;

use super::Model;
use super::effect::{Effect, RequestId};
use super::live::State;
use super::pending::PendingAction;
use super::state::state;
use crate::domain::Problem;
use crate::journal::{Outcome, RunId};
use crate::plan::Plan;

/// Why a waiting plan was not started.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// The previous run did not succeed.
    Before {
        /// Its title.
        title: String,
        /// How it ended; `None` if it was not started.
        outcome: Option<Outcome>,
    },
    /// The new plan does something else; these are the differences.
    Changed(Vec<String>),
    /// It can no longer be planned, or was refused at its start.
    Refused(Problem),
}

/// The state of a waiting plan.
#[derive(Clone, Debug, PartialEq)]
pub enum Stands {
    /// Another plan comes first.
    Behind,
    /// It is next, and is being planned again.
    Looking(RequestId),
    /// It is being started.
    Starting(RequestId),
    /// It needs confirmation again.
    Asks(Why),
}

/// A confirmed plan that waits.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Identifies it until it has the id of a run.
    pub place: RunId,
    /// What was confirmed.
    pub deed: PendingAction,
    /// Its plan.
    pub plan: Plan,
    /// Its state.
    pub stands: Stands,
}

/// Everything that waits or is being started.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    waiting: Vec<Waiting>,
    starting: BTreeMap<RequestId, Plan>,
    numbered: u64,
}

state!(Queue);

impl Model {
    /// Returns the plans that wait.
    pub fn queue(&self) -> &Queue {
        self.state()
    }

    /// Returns the plans that wait for changes.
    pub fn queue_mut(&mut self) -> &mut Queue {
        self.state_mut()
    }
}

/// Returns true while a run of this console is running or starting.
pub fn busy(model: &Model) -> bool {
    model.live().values().any(|live| !live.ended) || model.queue().starts()
}

impl Queue {
    /// Returns the waiting plans, in order.
    pub fn waiting(&self) -> &[Waiting] {
        &self.waiting
    }

    /// Returns the waiting plan `place`.
    pub fn find(&self, place: &RunId) -> Option<&Waiting> {
        self.waiting.iter().find(|one| &one.place == place)
    }

    /// Returns the plan before `place` that may still start.
    pub fn before(&self, place: &RunId) -> Option<&Waiting> {
        let at = self.waiting.iter().position(|one| &one.place == place)?;
        let earlier = self.waiting.get(..at)?;
        earlier.iter().rev().find(|one| one.may_start())
    }

    /// Returns true if nothing waits and nothing is being started.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.starting.is_empty()
    }

    /// Returns true while something is being started.
    pub fn starts(&self) -> bool {
        let starting = |one: &Waiting| matches!(one.stands, Stands::Starting(_));
        !self.starting.is_empty() || self.waiting.iter().any(starting)
    }

    /// Stores that `plan` is being started by the request `id`.
    pub fn start(&mut self, id: RequestId, plan: Plan) {
        self.starting.insert(id, plan);
    }

    /// Removes everything that was not started.
    pub fn clear(&mut self) {
        self.waiting
            .retain(|one| matches!(one.stands, Stands::Starting(_)));
    }

    /// Returns true if `effect` carries something that was confirmed before it was queued here.
    pub fn holds(&self, effect: &Effect) -> bool {
        self.waiting.iter().any(|one| match (effect, &one.deed) {
            (Effect::Start { plan, .. }, PendingAction::Start(own)) => plan == own,
            (Effect::Resume { run, .. }, PendingAction::Resume(own)) => run == own,
            _ => false,
        })
    }
}

impl Waiting {
    /// Returns its state for the screen.
    pub const fn state(&self) -> State {
        match self.stands {
            Stands::Behind | Stands::Looking(_) | Stands::Starting(_) => State::Queued,
            Stands::Asks(_) => State::Asks,
        }
    }

    const fn may_start(&self) -> bool {
        !matches!(self.stands, Stands::Asks(_))
    }
}

/// Returns the effect that starts `deed`.
fn effect(id: RequestId, deed: PendingAction) -> Effect {
    let given = super::given::Given::default();
    match deed {
        PendingAction::Start(plan) => Effect::Start { id, plan, given },
        PendingAction::Resume(run) => Effect::Resume { id, run, given },
    }
}
