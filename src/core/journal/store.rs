//! Reads and writes the database file: `journal.db` under the state folder, WAL,
//! `synchronous=FULL`.
//!
//! A step is written to disk before it is started. Every row names its environment; runs and
//! lineage also name their workspace.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::damage::Damage;
use super::file::{self, Limit};
use super::record::{Outcome, RunId, RunRecord, StepOutcome, StepOutput, StepRecord};
use super::{changes, schema, touched};
use crate::domain::{Problem, ProblemKind, ReleaseName, SanitizedText};
use crate::plan::{Intent, Plan, RollbackIntent, RolledBack, StepId};

/// The journal of one environment, limited to one workspace or not.
#[derive(Clone)]
pub struct Journal {
    pub(super) connection: Arc<Mutex<Connection>>,
    pub(super) folder: PathBuf,
    pub(super) environment: String,
    /// The workspace whose rows are read; `None` reads those of all.
    pub(super) workspace: Option<Arc<str>>,
    /// Why the journal cannot be written or read.
    pub(super) limit: Option<Arc<Limit>>,
    /// What was detected when it was opened.
    pub(super) notice: Option<Problem>,
}

impl Journal {
    /// Returns the folder of the journal.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the same journal, limited to the rows of `workspace`.
    pub fn of_workspace(&self, workspace: &str) -> Self {
        Self {
            workspace: Some(workspace.into()),
            ..self.clone()
        }
    }

    /// Returns the same journal with the rows of every workspace of the environment.
    pub fn of_environment(&self) -> Self {
        Self {
            workspace: None,
            ..self.clone()
        }
    }

    /// Returns the folder of this environment's locks.
    pub fn locks(&self) -> PathBuf {
        let environment: String = self
            .environment
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '.' {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        self.folder.join("locks").join(environment)
    }

    pub(super) fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the connection for statements that only read.
    pub(super) fn reading(&self) -> Result<MutexGuard<'_, Connection>, Problem> {
        match &self.limit {
            Some(limit) if !limit.readable => Err(limit.problem.clone()),
            _ => Ok(self.connection()),
        }
    }

    /// Runs `work` in a transaction.
    pub(super) fn transact<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Problem> {
        self.transact_in(None, work)
    }

    /// Runs `work` in a transaction. `run` is the run of the journal that it belongs to.
    fn transact_in<T>(
        &self,
        run: Option<&RunId>,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Problem> {
        self.check_writable()?;
        let mut connection = self.connection();
        let commit = || {
            let transaction = connection.transaction()?;
            // A newer windlass may have upgraded the schema while this one had the file open.
            let found = schema::version(&transaction)?;
            if found > schema::VERSION {
                let by = schema::writer_version(&transaction).unwrap_or_default();
                return Ok(Err(self.raised(found, by.as_deref())));
            }
            let before = transaction.total_changes();
            let value = work(&transaction)?;
            let changed = transaction.total_changes() != before;
            let commits = changed.then(|| schema::count_commit(&transaction)).transpose()?;
            transaction.commit()?;
            Ok(Ok((value, commits)))
        };
        let (value, commits) = commit().map_err(|error| self.broken_in(run, &error))??;
        if let Some(commits) = commits {
            self.mark(commits);
        }
        Ok(value)
    }

    /// Writes a run that is about to start, with every step. If the id exists, the run is resumed:
    /// its plan is replaced, the results of steps that stay the same are kept, and the channel
    /// changes of the others are kept for a rollback.
    pub fn begin(&self, id: &RunId, actor: &str, plan: &Plan, at: DateTime<Utc>) -> Result<(), Problem> {
        let intent = json(&plan.intent)?;
        let text = json(plan)?;
        let known = self.run(id)?;
        let replaced = known.as_ref().map(|run| changes::replaced(run, plan));
        let replaced = replaced.unwrap_or_default();
        let texts: Vec<String> = replaced.iter().map(json).collect::<Result<_, Problem>>()?;
        self.transact_in(known.as_ref().map(|run| &run.id), |transaction| {
            let earlier: Option<String> = transaction
                .query_row("SELECT plan FROM run WHERE id = ?1", params![id.0], |row| {
                    row.get(0)
                })
                .optional()?;
            let earlier: Option<Plan> = earlier.and_then(|text| serde_json::from_str(&text).ok());
            transaction.execute(
                "INSERT INTO run (id, environment, workspace, actor, intent, plan, started_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (id) DO UPDATE SET plan = ?6, actor = ?4, outcome = NULL, problem = NULL,
                     finished_at = NULL",
                params![
                    id.0,
                    self.environment,
                    plan.workspace,
                    actor,
                    intent,
                    text,
                    stamp(at)
                ],
            )?;
            for change in &texts {
                transaction.execute(
                    "INSERT INTO earlier_change (run, change) VALUES (?1, ?2)",
                    params![id.0, change],
                )?;
            }
            for step in &plan.steps {
                let same = earlier
                    .as_ref()
                    .and_then(|plan| plan.step(&step.id))
                    .map(|old| old.op == step.op);
                if same == Some(false) {
                    transaction.execute(
                        "DELETE FROM step WHERE run = ?1 AND id = ?2",
                        params![id.0, step.id.0],
                    )?;
                }
                transaction.execute(
                    "INSERT INTO step (run, id, attempts, made) VALUES (?1, ?2, 0, '{}')
                     ON CONFLICT (run, id) DO NOTHING",
                    params![id.0, step.id.0],
                )?;
            }
            touched::keep(transaction, &self.environment, &id.0, plan, &replaced, &stamp(at))
        })
    }

    /// Records that a step is about to start.
    pub fn step_begins(&self, run: &RunId, step: &StepId, at: DateTime<Utc>) -> Result<(), Problem> {
        self.write_in(
            Some(run),
            "UPDATE step SET outcome = NULL, attempts = attempts + 1, started_at = ?3, finished_at = NULL,
                 problem = NULL WHERE run = ?1 AND id = ?2",
            params![run.0, step.0, stamp(at)],
        )
    }

    /// Records the results of a running step so far.
    pub fn step_made(&self, run: &RunId, step: &StepId, made: &StepOutput) -> Result<(), Problem> {
        let made = json(made)?;
        self.write_in(
            Some(run),
            "UPDATE step SET made = ?3 WHERE run = ?1 AND id = ?2",
            params![run.0, step.0, made],
        )
    }

    /// Records the outcome of a step.
    pub fn step_ends(
        &self,
        run: &RunId,
        step: &StepId,
        outcome: StepOutcome,
        made: &StepOutput,
        problem: Option<&Problem>,
        at: DateTime<Utc>,
    ) -> Result<(), Problem> {
        let problem = problem.map(json).transpose()?;
        let made = json(made)?;
        self.write_in(
            Some(run),
            "UPDATE step SET outcome = ?3, made = ?4, problem = ?5, finished_at = ?6 WHERE run = ?1 AND id = ?2",
            params![run.0, step.0, outcome.as_str(), made, problem, stamp(at)],
        )
    }

    /// Records the outcome of a run. If it rolled back another run, that one is no longer
    /// unfinished.
    pub fn end(
        &self,
        run: &RunId,
        outcome: Outcome,
        problem: Option<&Problem>,
        at: DateTime<Utc>,
    ) -> Result<(), Problem> {
        let problem = problem.map(json).transpose()?;
        self.transact_in(Some(run), |transaction| {
            transaction.execute(
                "UPDATE run SET outcome = ?2, problem = ?3, finished_at = ?4 WHERE id = ?1",
                params![run.0, outcome.as_str(), problem, stamp(at)],
            )?;
            if matches!(outcome, Outcome::Done | Outcome::Partly) {
                let intent: String =
                    transaction.query_row("SELECT intent FROM run WHERE id = ?1", params![run.0], |row| {
                        row.get(0)
                    })?;
                if let Some(settled) = rolls_back(&intent) {
                    // If the rolled-back run was a rollback itself, the run that it had rolled back
                    // counts again.
                    transaction.execute("DELETE FROM rolled_back WHERE by_run = ?1", params![settled.0])?;
                    transaction.execute(
                        "INSERT INTO rolled_back (run, by_run)
                         SELECT id, ?2 FROM run WHERE id = ?1
                         ON CONFLICT (run) DO UPDATE SET by_run = ?2",
                        params![settled.0, run.0],
                    )?;
                }
            }
            Ok(())
        })
    }

    pub(super) fn write(&self, sql: &str, values: impl rusqlite::Params) -> Result<(), Problem> {
        self.write_in(None, sql, values)
    }

    fn write_in(&self, run: Option<&RunId>, sql: &str, values: impl rusqlite::Params) -> Result<(), Problem> {
        self.transact_in(run, |transaction| transaction.execute(sql, values).map(drop))
    }

    pub(super) fn broken(&self, error: &rusqlite::Error) -> Problem {
        self.broken_in(None, error)
    }

    /// Returns the problem for a failed statement that belongs to `run`, or to no run that the
    /// journal has.
    fn broken_in(&self, run: Option<&RunId>, error: &rusqlite::Error) -> Problem {
        let place = SanitizedText::new(self.folder.join(file::FILE).display().to_string());
        if let Some(found) = Damage::of(error) {
            return found.problem(&place, None);
        }
        let then = run.map_or_else(
            || "run the same command again".to_owned(),
            |run| format!("windlass resume {run}"),
        );
        let hint = match file::no_space(error) {
            Some(space) => space.hint(&place, &then),
            None => format!("make the directory and its disk available, then {then}"),
        };
        Problem::new(ProblemKind::Machine, format!("cannot access the journal {place}"))
            .because(error)
            .hint(hint)
    }

    /// Returns the newest `limit` runs, newest first.
    pub fn runs(&self, limit: usize) -> Result<Vec<RunRecord>, Problem> {
        let ids: Vec<String> = {
            let connection = self.reading()?;
            let read = || {
                let mut statement = connection.prepare(
                    "SELECT id FROM run WHERE environment = ?1 AND (?3 IS NULL OR workspace = ?3)
                     ORDER BY started_at DESC, id DESC LIMIT ?2",
                )?;
                let limit = i64::try_from(limit).unwrap_or(i64::MAX);
                statement
                    .query_map(params![self.environment, limit, self.workspace], |row| row.get(0))?
                    .collect::<Result<_, _>>()
            };
            read().map_err(|error| self.broken(&error))?
        };
        ids.into_iter()
            .filter_map(|id| self.run(&RunId(id)).transpose())
            .collect()
    }

    /// Returns the releases that runs of this journal published without leaving anything out, with
    /// the time, newest first.
    pub fn publishes(&self) -> Result<Vec<(ReleaseName, DateTime<Utc>)>, Problem> {
        let connection = self.reading()?;
        let read = || {
            let mut statement = connection.prepare(
                "SELECT intent, finished_at FROM run
                 WHERE environment = ?1 AND outcome = 'done' AND (?2 IS NULL OR workspace = ?2)
                 ORDER BY started_at DESC",
            )?;
            let mut rows = statement.query(params![self.environment, self.workspace])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let intent = serde_json::from_str(&row.get::<_, String>(0)?);
                let at = row.get::<_, Option<String>>(1)?.as_deref().and_then(instant);
                if let (Ok(Intent::Publish(intent)), Some(at)) = (intent, at) {
                    found.push((intent.release, at));
                }
            }
            Ok(found)
        };
        read().map_err(|error: rusqlite::Error| self.broken(&error))
    }

    /// Returns a run by id, from any workspace.
    pub fn run(&self, id: &RunId) -> Result<Option<RunRecord>, Problem> {
        let mut found = self.read_run(id)?;
        if let Some(run) = &mut found {
            run.replaced_by = self.replaced_by(run)?;
        }
        Ok(found)
    }

    /// Returns a run by id, without finding out whether a later run replaced it.
    pub(super) fn read_run(&self, id: &RunId) -> Result<Option<RunRecord>, Problem> {
        let connection = self.reading()?;
        let read = || {
            let found = connection
                .query_row(
                    "SELECT run.actor, run.plan, run.outcome, run.problem, run.started_at, run.finished_at,
                         by_run, back.plan
                     FROM run LEFT JOIN rolled_back ON rolled_back.run = run.id
                     LEFT JOIN run AS back ON back.id = by_run
                     WHERE run.id = ?1 AND run.environment = ?2",
                    params![id.0, self.environment],
                    |row| {
                        Ok((
                            row.get::<_, String>(0)?,
                            row.get::<_, String>(1)?,
                            row.get::<_, Option<String>>(2)?,
                            row.get::<_, Option<String>>(3)?,
                            row.get::<_, String>(4)?,
                            row.get::<_, Option<String>>(5)?,
                            row.get::<_, Option<String>>(6)?,
                            row.get::<_, Option<String>>(7)?,
                        ))
                    },
                )
                .optional()?;
            let Some(found) = found else { return Ok(None) };
            let mut statement = connection.prepare(
                "SELECT id, outcome, attempts, started_at, finished_at, made, problem FROM step WHERE run = ?1",
            )?;
            let steps = statement
                .query_map(params![id.0], |row| {
                    Ok(StepRecord {
                        id: StepId(row.get(0)?),
                        outcome: row.get::<_, Option<String>>(1)?.as_deref().and_then(word),
                        attempts: row.get(2)?,
                        started_at: row.get::<_, Option<String>>(3)?.as_deref().and_then(instant),
                        finished_at: row.get::<_, Option<String>>(4)?.as_deref().and_then(instant),
                        made: serde_json::from_str(&row.get::<_, String>(5)?).unwrap_or_default(),
                        problem: row
                            .get::<_, Option<String>>(6)?
                            .and_then(|text| serde_json::from_str(&text).ok()),
                    })
                })?
                .collect::<Result<Vec<_>, _>>()?;
            Ok(Some((found, steps)))
        };
        let found = read().map_err(|error: rusqlite::Error| self.broken(&error))?;
        drop(connection);
        let Some(((actor, plan, outcome, problem, started_at, finished_at, by_run, back), steps)) = found
        else {
            return Ok(None);
        };
        let back = back.and_then(|back| serde_json::from_str::<Plan>(&back).ok());
        let given_up = back.is_some_and(|back| !back.changes_channels());
        let plan: Plan = serde_json::from_str(&plan).map_err(|error| {
            Problem::new(
                ProblemKind::Machine,
                format!("cannot read run {id} from the journal"),
            )
            .because(&error)
            .hint("it was written by another version of windlass")
        })?;
        let mut ordered = Vec::new();
        for step in &plan.steps {
            ordered.extend(steps.iter().find(|record| record.id == step.id).cloned());
        }
        let running = outcome.is_none() && super::lock::is_running(&self.locks(), id);
        Ok(Some(RunRecord {
            id: id.clone(),
            actor: SanitizedText::new(actor),
            outcome: outcome.as_deref().and_then(word),
            problem: problem.and_then(|text| serde_json::from_str(&text).ok()),
            started_at: instant(&started_at).unwrap_or_default(),
            finished_at: finished_at.as_deref().and_then(instant),
            steps: ordered,
            plan,
            running,
            rolled_back_by: by_run.map(RunId),
            given_up,
            replaced_by: None,
        }))
    }

    /// Records releases seen upstream and returns those seen before but missing from `now`.
    pub fn withdrawn(
        &self,
        repository: &str,
        now: &[crate::domain::Release],
        at: DateTime<Utc>,
    ) -> Result<Vec<crate::domain::Release>, Problem> {
        let workspace = self.workspace.as_deref().unwrap_or_default();
        // If the journal cannot be written, known releases are still read.
        if self.check_writable().is_ok() {
            self.transact(|transaction| {
                // Rows of an older schema have no workspace: they are assigned to the first one
                // that reads the repository.
                transaction.execute(
                    "UPDATE OR IGNORE release_seen SET workspace = ?2
                     WHERE environment = ?1 AND workspace = '' AND repository = ?3",
                    params![self.environment, workspace, repository],
                )?;
                for release in now {
                    let text = serde_json::to_string(release).unwrap_or_default();
                    transaction.execute(
                        "INSERT INTO release_seen (environment, workspace, repository, name, release, first_seen)
                         VALUES (?1, ?6, ?2, ?3, ?4, ?5)
                         ON CONFLICT (environment, workspace, repository, name)
                         DO UPDATE SET release = ?4 WHERE release <> ?4",
                        params![self.environment, repository, release.name.as_str(), text, stamp(at), workspace],
                    )?;
                }
                Ok(())
            })?;
        }
        let connection = self.reading()?;
        let read = || {
            let mut statement = connection.prepare(
                "SELECT release FROM release_seen
                 WHERE environment = ?1 AND workspace = ?2 AND repository = ?3",
            )?;
            statement
                .query_map(params![self.environment, workspace, repository], |row| {
                    row.get::<_, String>(0)
                })?
                .collect::<Result<Vec<_>, _>>()
        };
        let known: Vec<String> = read().map_err(|error: rusqlite::Error| self.broken(&error))?;
        Ok(known
            .iter()
            .filter_map(|text| serde_json::from_str::<crate::domain::Release>(text).ok())
            .filter(|seen| !now.iter().any(|release| release.name == seen.name))
            .collect())
    }
}

/// Returns the run that a run of this intent rolls back completely.
fn rolls_back(intent: &str) -> Option<RunId> {
    match serde_json::from_str(intent).ok()? {
        Intent::Rollback(RollbackIntent {
            of: RolledBack::Run(run),
            ..
        }) => Some(run),
        _ => None,
    }
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, Problem> {
    serde_json::to_string(value)
        .map_err(|error| Problem::new(ProblemKind::Internal, "cannot serialise a record").because(&error))
}

pub(super) fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

pub(super) fn instant(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).map(|at| at.to_utc()).ok()
}

fn word<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).ok()
}

/// Creates `folder`, accessible to the user only.
pub(super) fn make_private(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

pub(super) fn private_file(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}
