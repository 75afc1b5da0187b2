//! Plans that were confirmed while a run goes on: one after another, in the order of their
//! confirmation.
//!
//! Owns who waits behind whom and what each stands at. A plan that waited is made anew before it is
//! started and must do the same as the one that was confirmed; where it does not, and where the run
//! before it did not end well, nothing is started and its operator is asked again. Must not start
//! anything that was not confirmed by typing: what waits carries its [`Confirmed`](super::confirm::Confirmed).

mod change;
pub mod view;

pub use change::{advance, again, broken, failed, must_wait, planned, put, started, take_out};

use std::collections::BTreeMap;

use super::effect::{Effect, RequestId};
use super::live::State;
use super::sign_in::Deed;
use crate::domain::Problem;
use crate::journal::{Outcome, RunId};
use crate::plan::Plan;

/// Why a plan that waited was not started.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// What stood before it did not end well.
    Before {
        /// Its title.
        title: String,
        /// How it ended; `None` where it was not even started.
        outcome: Option<Outcome>,
    },
    /// Made anew it does something else: in words, what.
    Changed(Vec<String>),
    /// It can no longer be made, or was refused at its start.
    Refused(Problem),
}

/// What a plan that waits stands at.
#[derive(Clone, Debug, PartialEq)]
pub enum Stands {
    /// Something else comes first.
    Behind,
    /// Its turn has come, and it is made anew.
    Looking(RequestId),
    /// It is being started.
    Starting(RequestId),
    /// It is not started by itself.
    Asks(Why),
}

/// A confirmed plan that waits.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Names it until it has the id of a run.
    pub place: RunId,
    /// What was confirmed.
    pub deed: Deed,
    /// The plan of it.
    pub plan: Plan,
    /// What it stands at.
    pub stands: Stands,
}

/// Everything that waits, and everything that is being started.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    waiting: Vec<Waiting>,
    starting: BTreeMap<RequestId, Plan>,
    numbered: u64,
}

impl Queue {
    /// What waits, in order.
    pub fn waiting(&self) -> &[Waiting] {
        &self.waiting
    }

    /// What waits in `place`.
    pub fn find(&self, place: &RunId) -> Option<&Waiting> {
        self.waiting.iter().find(|one| &one.place == place)
    }

    /// What stands before `place` and may still start.
    pub fn before(&self, place: &RunId) -> Option<&Waiting> {
        let at = self.waiting.iter().position(|one| &one.place == place)?;
        let earlier = self.waiting.get(..at)?;
        earlier.iter().rev().find(|one| one.may_start())
    }

    /// True where nothing waits and nothing is being started.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.starting.is_empty()
    }

    /// True while something is being started.
    pub fn starts(&self) -> bool {
        let starting = |one: &Waiting| matches!(one.stands, Stands::Starting(_));
        !self.starting.is_empty() || self.waiting.iter().any(starting)
    }

    /// Remembers that `plan` is being started by the request `id`.
    pub fn start(&mut self, id: RequestId, plan: Plan) {
        self.starting.insert(id, plan);
    }

    /// Lets go of everything that was not started.
    pub fn clear(&mut self) {
        self.waiting
            .retain(|one| matches!(one.stands, Stands::Starting(_)));
    }

    /// True where `effect` carries what was confirmed by typing before it came to wait here.
    pub fn holds(&self, effect: &Effect) -> bool {
        self.waiting.iter().any(|one| match (effect, &one.deed) {
            (Effect::Start { plan, .. }, Deed::Start(own)) => plan == own,
            (Effect::Resume { run, .. }, Deed::Resume(own)) => run == own,
            _ => false,
        })
    }
}

impl Waiting {
    /// How it stands, in one word.
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

/// What starts `deed`.
fn effect(id: RequestId, deed: Deed) -> Effect {
    let given = super::given::Given::default();
    match deed {
        Deed::Start(plan) => Effect::Start { id, plan, given },
        Deed::Resume(run) => Effect::Resume { id, run, given },
    }
}
