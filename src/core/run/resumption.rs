//! Decides what an unfinished run continues with.
//!
//! A rotation is planned again from the current state, as the same command would plan it: its
//! token is checked before another copy of it is sent, and what was sealed is used again. Every
//! other run continues with the plan that was confirmed.

use secrecy::SecretString;

use super::finished_steps;
use super::means::RunSecrets;
use super::session::{RunHandle, Session};
use super::steps::{may_be_ours, seconds_ahead};
use crate::domain::credential::TokenScope;
use crate::domain::{Problem, ProblemKind, SanitizedText};
use crate::journal::{RunId, RunRecord};
use crate::plan::{self, Intent, Op, Plan, RotateIntent, State, Step};

/// Holds what a run continues with.
#[derive(Clone, Debug)]
pub struct Resumption {
    /// The run.
    pub run: RunId,
    /// The plan.
    pub plan: Plan,
    /// True if the plan was made again, so that it has not been confirmed in this form.
    pub planned_again: bool,
    scope: Option<TokenScope>,
}

impl Resumption {
    /// Returns the sign-in that must come first; `None` if none is needed.
    pub const fn sign_in(&self) -> Option<&TokenScope> {
        self.scope.as_ref()
    }
}

impl Session {
    /// Reads what `run` continues with. `brought` is the value that the operator supplies again.
    /// Fails if the run cannot continue.
    pub async fn resumption(
        &self,
        run: &RunId,
        brought: Option<&SecretString>,
    ) -> Result<Resumption, Problem> {
        let record = self.resumable(run, brought.is_some())?;
        let own_plan = |record: RunRecord| Resumption {
            run: record.id.clone(),
            scope: record.sign_in().cloned(),
            plan: record.plan,
            planned_again: false,
        };
        // A run that cannot be started keeps its plan, and the checks at the start refuse it.
        if self.read_only || self.observer.is_offline() || record.plan.nothing_to_do() {
            return Ok(own_plan(record));
        }
        let Intent::Rotate(intent) = &record.plan.intent else {
            finished_steps::check(self, &record).await?;
            return Ok(own_plan(record));
        };
        if record.plan.workspace != self.config.workspace.name {
            let workspace = SanitizedText::new(&record.plan.workspace);
            return Err(Problem::new(
                ProblemKind::Refused,
                format!("run {run} belongs to the workspace {workspace}"),
            )
            .hint(format!("windlass --workspace {workspace} resume {run}")));
        }
        let plan = self.planned_again(&record, intent, brought).await?;
        Ok(Resumption {
            run: record.id,
            scope: plan.sign_in().cloned(),
            plan,
            planned_again: true,
        })
    }

    async fn planned_again(
        &self,
        record: &RunRecord,
        intent: &RotateIntent,
        brought: Option<&SecretString>,
    ) -> Result<Plan, Problem> {
        // Not through `Session::plan`: its future is not Send.
        let cached = self.observer.cached();
        let snapshot = self.observer.for_rotate(cached, intent, brought).await;
        let intent = Intent::Rotate(intent.clone());
        let plan = plan::plan(&self.config.workspace, &snapshot, &intent)?;
        let changed: Vec<String> = plan
            .steps
            .iter()
            .filter(|step| changed_since(record, step, seconds_ahead(self.observer.services())))
            .map(|step| match &step.before {
                State::Text(before) => format!("{}: {before}", step.target),
                State::Rows(_) | State::Nothing(()) => step.target.to_string(),
            })
            .collect();
        if changed.is_empty() {
            return Ok(plan);
        }
        let mut problem = Problem::new(
            ProblemKind::Refused,
            format!(
                "secrets were set by another client since run {} was planned",
                record.id
            ),
        );
        for text in changed {
            problem = problem.cause(text);
        }
        Err(problem
            .hint(format!(
                "preview what would be replaced: {}",
                plan.command.replacen("windlass ", "windlass plan ", 1)
            ))
            .hint(format!("replace them anyway: {}", plan.command)))
    }

    /// Resumes a run with the result of [`Session::resumption`].
    pub fn resume_as(&self, resumption: Resumption, means: RunSecrets) -> Result<RunHandle, Problem> {
        if resumption.sign_in().is_some() && means.login.is_none() && means.signed.is_none() {
            return Err(Problem::new(
                ProblemKind::Credentials,
                format!(
                    "run {} needs a new token: the first one was lost or is no longer valid",
                    resumption.run
                ),
            )
            .hint(format!("sign in again: windlass resume {}", resumption.run)));
        }
        let resumed = !resumption.planned_again;
        self.begin(resumption.plan, means, Some(resumption.run), resumed)
    }
}

/// Returns true if `step` would set a secret that was set after the run was planned, at a time
/// that no try of the run explains. `ahead`: seconds by which the local clock is ahead of
/// GitHub's.
fn changed_since(record: &RunRecord, step: &Step, ahead: i64) -> bool {
    let set_at = |step: &Step| match &step.op {
        Op::SetSecret { before, .. } | Op::SetOrganisationSecret { before, .. } => Some(*before),
        _ => None,
    };
    let (Some(now), Some(then)) = (set_at(step), record.plan.step(&step.id).and_then(set_at)) else {
        return false;
    };
    let made = record.step(&step.id).map(|step| &step.made);
    let ours = made.is_some_and(|made| {
        let explains = |sent| now.is_some_and(|now| may_be_ours(sent, now, ahead));
        (made.updated_at.is_some() && made.updated_at == now) || made.sent_at.is_some_and(explains)
    });
    step.skip_reason.is_none() && !ours && now != then
}
