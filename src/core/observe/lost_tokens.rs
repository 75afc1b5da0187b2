//! Finds tokens that a run of windlass made and lost because it stopped before it kept or sealed
//! them.
//!
//! The store's list of sessions shows which are alive. If it cannot be read, the journal still
//! names those whose session the run had recorded.

use chrono::{DateTime, Utc};

use super::Observer;
use super::credentials::seals;
use crate::domain::secret::SessionFacts;
use crate::domain::{Observed, SanitizedText, SessionId, Snapshot};
use crate::journal::{RunRecord, StepOutcome};
use crate::plan::credentials::status::{is_live, revoked_at};
use crate::plan::{Intent, Op};
use crate::services::charmhub::{Publisher, StoreToken};

/// Prefix of the description of a session that a run of windlass made; the run's id follows.
const MADE_BY: &str = "windlass@";
/// Number of the journal's runs that are searched, newest first.
const SEARCHED: usize = 200;

impl Observer {
    /// Returns live sessions whose tokens were lost. `token` reads the store's list; without it
    /// the credential in use does.
    pub async fn lost_tokens(&self, token: Option<StoreToken>) -> Vec<SessionId> {
        let list = async {
            let publisher = match token {
                Some(token) => Publisher::new(
                    self.services.http.clone(),
                    self.services.endpoints.charmhub.clone(),
                    token,
                ),
                None => self.services.publisher().await?,
            };
            publisher.sessions(true).await
        };
        let mut snapshot = Snapshot {
            sessions: Observed::from_result(list.await, Utc::now()),
            taken_at: Utc::now(),
            ..Snapshot::default()
        };
        self.remember(&mut snapshot);
        self.remember_orphans(&mut snapshot);
        snapshot.orphans
    }

    /// Adds the lost tokens to the sessions in `snapshot`. If the list has no session of windlass,
    /// no run is read.
    pub(super) fn remember_orphans(&self, snapshot: &mut Snapshot) {
        let Some(journal) = &self.journal else { return };
        let listed = snapshot.sessions.value.as_ref();
        if listed.is_some_and(|all| all.iter().all(|session| run_of(session).is_none())) {
            snapshot.orphans = Vec::new();
            return;
        }
        match journal.runs(SEARCHED) {
            Ok(runs) => snapshot.orphans = orphans(snapshot, &runs),
            Err(problem) => tracing::warn!("{problem}"),
        }
    }
}

/// Returns the id of the run that made `session`, taken from its description.
fn run_of(session: &SessionFacts) -> Option<&str> {
    let described = session.description.as_ref().map_or("", SanitizedText::as_str);
    let (_, run) = described.strip_prefix(MADE_BY)?.split_once(' ')?;
    Some(run)
}

/// Returns live sessions that one of `runs` made and could not use.
fn orphans(snapshot: &Snapshot, runs: &[RunRecord]) -> Vec<SessionId> {
    let placed = |session: &SessionId| {
        let mut records = snapshot.lineage.iter();
        records.any(|record| record.session.as_ref() == Some(session))
    };
    let lost = |run: &RunRecord, session: &SessionId| !run.running && !used(run, session) && !placed(session);
    let Some(listed) = &snapshot.sessions.value else {
        let recorded = runs.iter().filter_map(|run| {
            let (session, end) = minted(run)?;
            let expired = end.is_some_and(|end| end <= snapshot.taken_at);
            let live = !expired && revoked_at(snapshot, session).is_none();
            (live && lost(run, session)).then(|| session.clone())
        });
        return recorded.collect();
    };
    listed
        .iter()
        .filter(|session| is_live(snapshot, session, snapshot.taken_at))
        .filter(|session| {
            let made_by = run_of(session);
            runs.iter()
                .any(|run| Some(run.id.0.as_str()) == made_by && lost(run, &session.id))
        })
        .map(|session| session.id.clone())
        .collect()
}

/// Returns the session that `run` recorded when it made a token, with its expiry.
fn minted(run: &RunRecord) -> Option<(&SessionId, Option<DateTime<Utc>>)> {
    let step = run.step_doing(|op| matches!(op, Op::SignIn { .. }))?;
    Some((step.made.session.as_ref()?, step.made.expires_at))
}

/// Returns true if `run` stored the token of `session` anywhere.
fn used(run: &RunRecord, session: &SessionId) -> bool {
    match run.plan.intent {
        Intent::Rotate(_) => seals(run).and_then(|made| made.session.as_ref()) == Some(session),
        Intent::SignIn(_) => {
            let kept = run.step_doing(|op| matches!(op, Op::KeepToken { .. }));
            kept.is_some_and(|step| {
                step.outcome == Some(StepOutcome::Done) && step.made.session.as_ref() == Some(session)
            })
        }
        _ => true,
    }
}
