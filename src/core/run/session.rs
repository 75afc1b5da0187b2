//! Opens a session: one workspace in one environment, with everything needed to observe, plan and
//! run.
//!
//! Turns a confirmed plan into a running one: read-only check, conflicts, locks, the run's id.
//! Console and command line both use it. Must not print.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::means::RunSecrets;
use super::progress::RunProgress;
use super::recheck;
use super::runner::{self, RunRequest};
use crate::config::Config;
use crate::config::file::{SMALL, text_within};
use crate::config::workspace::TokenKind;
use crate::domain::{Fingerprint, Problem, ProblemKind, SanitizedText, Snapshot, first_of};
use crate::journal::{Journal, RunId, RunRecord, RunState, SubjectLocks, continued_by};
use crate::observe::{Inputs, Observer};
use crate::plan::queue::{self, Queue};
use crate::plan::{self, Intent, Plan};
use crate::services::Services;
use crate::services::charmhub::StoreToken;

/// Maximum number of subjects that a conflict names.
const SUBJECTS_SHOWN: usize = 5;

/// Holds where a session stores things, and what it may do.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The journal's folder.
    pub state: PathBuf,
    /// The cache's folder.
    pub cache: PathBuf,
    /// Refuse everything that changes a remote.
    pub read_only: bool,
    /// Send no requests; show what was read last.
    pub offline: bool,
}

/// Holds one workspace in one environment, with its observer and journal.
#[derive(Clone)]
pub struct Session {
    /// The configuration.
    pub config: Arc<Config>,
    /// Reads the current state.
    pub observer: Observer,
    /// The local database of runs.
    pub journal: Journal,
    /// True if nothing may be changed: then no writer is ever made.
    pub read_only: bool,
}

/// Holds a run that is under way.
pub struct RunHandle {
    /// The id of the run.
    pub id: RunId,
    /// The progress of the run.
    pub progress: watch::Receiver<RunProgress>,
    /// Requests cancellation.
    pub cancel: CancellationToken,
    /// The record of the run once it has ended; an error if the journal could not be written.
    pub finished: JoinHandle<Result<RunRecord, Problem>>,
}

impl Session {
    /// Opens the journal and makes the observer.
    pub fn open(config: Config, services: Services, setting: &Setting) -> Result<Self, Problem> {
        let config = Arc::new(config);
        let workspace = Arc::new(config.workspace.clone());
        let journal = Journal::open_as_possible(&setting.state, &services.endpoints.world())?
            .of_workspace(&workspace.name);
        if setting.offline {
            services.http.go_offline();
        }
        let observer = Observer::new(
            services.with_operator(config.user.operator.clone()),
            workspace,
            Some(journal.clone()),
            Some(setting.cache.clone()),
            setting.offline,
        );
        Ok(Self {
            config,
            observer,
            journal,
            read_only: setting.read_only,
        })
    }

    /// Reads what `intent` needs, starting from `previous`, and plans it. A plan that has to wait
    /// for an unfinished run warns of that.
    pub async fn plan(
        &self,
        previous: Snapshot,
        intent: &Intent,
        inputs: Inputs<'_>,
    ) -> (Snapshot, Result<Plan, Problem>) {
        let snapshot = self.observer.for_intent(previous, intent, inputs).await;
        let plan = plan::plan(&self.config.workspace, &snapshot, intent).map(|mut plan| {
            if let Err(problem) = self.check_unblocked(&plan) {
                plan.warnings.push(problem.summary);
            }
            plan
        });
        (snapshot, plan)
    }

    /// Returns what automatic publishing would publish, from `snapshot` and the unsettled runs of
    /// the journal.
    pub fn queue(&self, snapshot: &Snapshot) -> Result<Queue, Problem> {
        let workspace = &self.config.workspace;
        queue::queue(workspace, snapshot, &self.journal.waiting(&workspace.name)?)
    }

    /// Accepts a value that the operator supplies: surrounding white space is dropped, and a store
    /// token in any format becomes the bare export that every charmcraft reads. Its fingerprint is
    /// written to the intent.
    pub fn bring(
        &self,
        kind: TokenKind,
        text: &SecretString,
        source: &str,
    ) -> Result<(SecretString, Fingerprint), Problem> {
        let value = match kind {
            TokenKind::Charmhub => StoreToken::from_export(text.expose_secret(), source)?.export(),
            TokenKind::Github | TokenKind::Other => SecretString::from(text.expose_secret().trim()),
        };
        if value.expose_secret().is_empty() {
            return Err(Problem::new(
                ProblemKind::Credentials,
                format!("{} is empty", SanitizedText::new(source)),
            )
            .hint("provide only the value, without quotes or other text around it"));
        }
        let fingerprint = self.journal.fingerprint(&value)?;
        Ok((value, fingerprint))
    }

    /// Starts a confirmed plan. An open or failed run of the same intent is resumed under its own
    /// id. Must be called within a runtime.
    pub fn start(&self, plan: Plan) -> Result<RunHandle, Problem> {
        self.start_with(plan, RunSecrets::default())
    }

    /// Starts as [`Session::start`] does, with inputs that no plan may hold.
    pub fn start_with(&self, plan: Plan, means: RunSecrets) -> Result<RunHandle, Problem> {
        let earlier = self.journal.unfinished(&plan.workspace, &plan.intent)?;
        self.begin(plan, means, earlier.map(|run| run.id), false)
    }

    /// Fails if an unfinished run that `plan` does not continue left half changed what `plan`
    /// changes. Called before the plan is confirmed; the start checks it again.
    ///
    /// # Errors
    /// [`ProblemKind::Conflict`], with the commands that resolve that run.
    pub fn check_unblocked(&self, plan: &Plan) -> Result<(), Problem> {
        let unfinished = self.journal.of_environment().unfinished_runs()?;
        let own = continued_by(&unfinished, &plan.workspace, &plan.intent);
        self.check_unblocked_by(&unfinished, plan, own.map(|run| &run.id))
    }

    /// Checks again what `plan` relies on. Called between confirmation and start: nothing was
    /// written yet, so changed state is a refusal and not a failed run.
    pub async fn recheck(&self, plan: &Plan) -> Result<(), Problem> {
        recheck::plan(self, plan).await
    }

    /// Resumes a run where it stopped.
    pub async fn resume(&self, run: &RunId) -> Result<RunHandle, Problem> {
        self.resume_with(run, RunSecrets::default()).await
    }

    /// Resumes as [`Session::resume`] does, with inputs that no plan may hold.
    pub async fn resume_with(&self, run: &RunId, means: RunSecrets) -> Result<RunHandle, Problem> {
        let resumption = self.resumption(run, means.brought.as_ref()).await?;
        self.resume_as(resumption, means)
    }

    /// Returns the record of a run of this workspace.
    ///
    /// # Errors
    /// [`ProblemKind::NotFound`] if the journal has no such run, [`ProblemKind::Refused`] if it belongs to
    /// another workspace.
    pub fn run_of_workspace(&self, run: &RunId) -> Result<RunRecord, Problem> {
        let record = self.journal.run(run)?.ok_or_else(|| {
            Problem::new(
                ProblemKind::NotFound,
                format!("run {run} not found in the journal"),
            )
            .hint("list runs with 'windlass runs'")
        })?;
        let workspace = &record.plan.workspace;
        if workspace == &self.config.workspace.name {
            return Ok(record);
        }
        let workspace = SanitizedText::new(workspace);
        Err(Problem::new(
            ProblemKind::Refused,
            format!("run {run} belongs to the workspace {workspace}"),
        )
        .hint(format!("use --workspace {workspace}")))
    }

    /// Returns the record of a run that can be resumed. `brought`: the operator supplies its value
    /// again.
    pub(super) fn resumable(&self, run: &RunId, brought: bool) -> Result<RunRecord, Problem> {
        let record = self.run_of_workspace(run)?;
        let settled = |how: &str, by: &RunId| {
            Problem::new(
                ProblemKind::Refused,
                format!("run {run} was {how} run {by}: there is nothing to resume"),
            )
            .hint(format!("run it again: {}", record.plan.command))
        };
        match record.state() {
            RunState::RolledBack(by) => {
                return Err(settled("rolled back by", &by)
                    .hint(format!("undo the rollback: windlass rollback --run {by}")));
            }
            RunState::GivenUp(by) => return Err(settled("given up by", &by)),
            RunState::Replaced(later) => return Err(settled("replaced by the later", &later)),
            RunState::Running | RunState::Finished | RunState::Unfinished => {}
        }
        let was_brought = match &record.plan.intent {
            Intent::Rotate(intent) => intent.brought.is_some(),
            _ => false,
        };
        if was_brought && !brought && !record.plan.nothing_to_do() {
            return Err(Problem::new(
                ProblemKind::Refused,
                format!("run {run} set an imported value, which is not stored"),
            )
            .hint("provide it again to finish the run: windlass rotate --token-file FILE"));
        }
        Ok(record)
    }

    /// Works as [`Session::check_unblocked`] does, for the `unfinished` runs and a plan that
    /// continues the run `own`.
    fn check_unblocked_by(
        &self,
        unfinished: &[RunRecord],
        plan: &Plan,
        own: Option<&RunId>,
    ) -> Result<(), Problem> {
        for open in unfinished.iter().filter(|open| Some(&open.id) != own) {
            let subjects = open.blocked_subjects(plan);
            if subjects.is_empty() {
                continue;
            }
            let subjects = first_of(&subjects, SUBJECTS_SHOWN);
            let title = SanitizedText::new(&open.plan.title);
            let problem = Problem::new(
                ProblemKind::Conflict,
                format!(
                    "run {} ({title}) of {} by {} is unfinished and changes {subjects} too",
                    open.id,
                    open.started_at.format("%Y-%m-%d %H:%M UTC"),
                    open.actor
                ),
            );
            let ways = open.ways_out_from(&self.config.workspace.name);
            return Err(ways.into_iter().fold(problem, Problem::hint));
        }
        Ok(())
    }

    pub(super) fn begin(
        &self,
        plan: Plan,
        means: RunSecrets,
        id: Option<RunId>,
        resumed: bool,
    ) -> Result<RunHandle, Problem> {
        if self.read_only {
            return Err(Problem::new(
                ProblemKind::Refused,
                "this session is read-only: nothing was changed",
            )
            .hint("run it without --read-only"));
        }
        if self.observer.is_offline() {
            return Err(Problem::new(
                ProblemKind::Refused,
                "this session is offline: nothing can be changed",
            )
            .hint("run it without --offline"));
        }
        self.journal.check_writable()?;
        let now = Utc::now();
        let id = id.unwrap_or_else(|| new_id(now));
        let subjects = plan.subjects();
        let actor = actor();
        let holder = format!("{actor} since {} (run {id})", now.format("%Y-%m-%d %H:%M:%S UTC"));
        let locks = SubjectLocks::take(&self.journal.locks(), &subjects, &id, &holder)?;
        // Only with the locks held is it certain that the process of an unfinished run has ended.
        let unfinished = self.journal.of_environment().unfinished_runs()?;
        self.check_unblocked_by(&unfinished, &plan, Some(&id))?;
        self.journal.begin(&id, &actor, &plan, now)?;
        let cancel = CancellationToken::new();
        let (order, progress) = RunRequest::new(
            self.clone(),
            id.clone(),
            plan,
            means,
            resumed,
            cancel.clone(),
            locks,
        );
        let finished = tokio::spawn(runner::run(order));
        Ok(RunHandle {
            id,
            progress,
            cancel,
            finished,
        })
    }
}

fn new_id(now: DateTime<Utc>) -> RunId {
    let random: String = uuid::Uuid::new_v4()
        .simple()
        .to_string()
        .chars()
        .take(4)
        .collect();
    RunId(format!("{}-{random}", now.format("%Y%m%dT%H%M%SZ")))
}

/// Returns the account of this process by the machine's user list: jobs often have no `USER`.
fn account() -> String {
    let uid = rustix::process::getuid().as_raw().to_string();
    let list = text_within("/etc/passwd".as_ref(), SMALL).unwrap_or_default();
    let named = list.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| format!("uid-{uid}"))
}

/// Returns who acts: user and host, and the person who started the job, if any.
pub(super) fn actor() -> String {
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let user = variable("GITHUB_ACTOR")
        .or_else(|| variable("USER"))
        .or_else(|| variable("LOGNAME"))
        .unwrap_or_else(account);
    let host = text_within("/proc/sys/kernel/hostname".as_ref(), SMALL)
        .ok()
        .map(|name| name.trim().to_owned())
        .or_else(|| variable("HOSTNAME"))
        .unwrap_or_else(|| "localhost".to_owned());
    SanitizedText::capped(format!("{user}@{host}"), 80).to_string()
}
