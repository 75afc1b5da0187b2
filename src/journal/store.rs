//! The database file: `journal.db` under the state folder, WAL, `synchronous=FULL`.
//!
//! Owns the schema and every statement. What is about to be done is on disk before it is done.
//! Must not be shared between worlds without saying so: every row names its world.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::changes;
use super::record::{Made, Outcome, RunId, RunRecord, StepOutcome, StepRecord};
use crate::domain::{Kind, Outside, Problem};
use crate::plan::{Intent, Plan, RollbackIntent, RolledBack, StepId};

/// The journal of one world.
#[derive(Clone)]
pub struct Journal {
    connection: Arc<Mutex<Connection>>,
    folder: PathBuf,
    pub(super) world: String,
}

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS run (
    id TEXT PRIMARY KEY, world TEXT NOT NULL, workspace TEXT NOT NULL, actor TEXT NOT NULL,
    intent TEXT NOT NULL, plan TEXT NOT NULL, outcome TEXT, problem TEXT,
    started_at TEXT NOT NULL, finished_at TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS run_by_time ON run (world, started_at);
CREATE TABLE IF NOT EXISTS step (
    run TEXT NOT NULL REFERENCES run (id), id TEXT NOT NULL, outcome TEXT, attempts INTEGER NOT NULL,
    started_at TEXT, finished_at TEXT, made TEXT NOT NULL, problem TEXT,
    PRIMARY KEY (run, id)
) STRICT;
CREATE TABLE IF NOT EXISTS release_seen (
    world TEXT NOT NULL, repository TEXT NOT NULL, name TEXT NOT NULL, release TEXT NOT NULL,
    first_seen TEXT NOT NULL,
    PRIMARY KEY (world, repository, name)
) STRICT;
CREATE TABLE IF NOT EXISTS lineage (
    number INTEGER PRIMARY KEY, world TEXT NOT NULL, repository TEXT NOT NULL, secret TEXT NOT NULL,
    updated_at TEXT NOT NULL, fingerprint TEXT NOT NULL, session TEXT, expires_at TEXT,
    run TEXT NOT NULL, at TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS lineage_by_target ON lineage (world, repository, secret, number);
CREATE TABLE IF NOT EXISTS rolled_back (
    run TEXT PRIMARY KEY REFERENCES run (id), by_run TEXT NOT NULL REFERENCES run (id)
) STRICT;
CREATE TABLE IF NOT EXISTS earlier_change (
    number INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES run (id), change TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS earlier_change_by_run ON earlier_change (run, number);
";

/// Which schema a file has: stands in its `user_version`.
const VERSION: i64 = 3;

impl Journal {
    /// Opens (or makes) the journal under `folder` for `world`.
    pub fn open(folder: &Path, world: &str) -> Result<Self, Problem> {
        let path = folder.join("journal.db");
        let place = Outside::new(path.display().to_string());
        let broken = |error: &(dyn std::error::Error + 'static)| {
            Problem::new(Kind::Machine, format!("the journal {place} cannot be used"))
                .because(error)
                .hint("check that the folder can be written and the disk is not full; WINDLASS_STATE_DIR names another")
                .hint("a damaged file can be moved away: what is released is looked up in the world, never in the journal")
        };
        make_private(folder).map_err(|error| broken(&error))?;
        // Two processes that make the file at once: SQLite does not wait where the journal mode
        // changes, so they take turns here.
        let turn = super::lock::private()
            .open(folder.join("journal.lock"))
            .map_err(|error| broken(&error))?;
        turn.lock().map_err(|error| broken(&error))?;
        let mut connection = Connection::open(&path).map_err(|error| broken(&error))?;
        private_file(&path).map_err(|error| broken(&error))?;
        prepare(&mut connection).map_err(|error| broken(&error))?;
        drop(turn);
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
            folder: folder.to_owned(),
            world: world.to_owned(),
        })
    }

    /// The folder that it lies in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the locks of this world lie.
    pub fn locks(&self) -> PathBuf {
        let world: String = self
            .world
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '.' {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        self.folder.join("locks").join(world)
    }

    pub(super) fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a run that is about to begin, every step of it. A run of the same id is taken up
    /// again: its plan is replaced, what its steps brought is kept where they are to do the very
    /// same, and what the others changed in channels is kept for a rollback.
    pub fn begin(&self, id: &RunId, actor: &str, plan: &Plan, at: DateTime<Utc>) -> Result<(), Problem> {
        let intent = json(&plan.intent)?;
        let text = json(plan)?;
        let replaced = self.run(id)?.map(|run| changes::replaced(&run, plan));
        let replaced: Vec<String> = replaced
            .iter()
            .flatten()
            .map(json)
            .collect::<Result<_, Problem>>()?;
        let mut connection = self.connection();
        let mut write = || {
            let transaction = connection.transaction()?;
            let earlier: Option<String> = transaction
                .query_row("SELECT plan FROM run WHERE id = ?1", params![id.0], |row| {
                    row.get(0)
                })
                .optional()?;
            let earlier: Option<Plan> = earlier.and_then(|text| serde_json::from_str(&text).ok());
            transaction.execute(
                "INSERT INTO run (id, world, workspace, actor, intent, plan, started_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (id) DO UPDATE SET plan = ?6, actor = ?4, outcome = NULL, problem = NULL,
                     finished_at = NULL",
                params![id.0, self.world, plan.workspace, actor, intent, text, stamp(at)],
            )?;
            for change in &replaced {
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
            transaction.commit()
        };
        write().map_err(|error| self.broken(&error))
    }

    /// Writes that a step is about to be done.
    pub fn step_begins(&self, run: &RunId, step: &StepId, at: DateTime<Utc>) -> Result<(), Problem> {
        self.write(
            "UPDATE step SET outcome = NULL, attempts = attempts + 1, started_at = ?3, finished_at = NULL,
                 problem = NULL WHERE run = ?1 AND id = ?2",
            params![run.0, step.0, stamp(at)],
        )
    }

    /// Writes what a step has brought so far, while it goes on.
    pub fn step_made(&self, run: &RunId, step: &StepId, made: &Made) -> Result<(), Problem> {
        let made = json(made)?;
        self.write(
            "UPDATE step SET made = ?3 WHERE run = ?1 AND id = ?2",
            params![run.0, step.0, made],
        )
    }

    /// Writes how a step ended.
    pub fn step_ends(
        &self,
        run: &RunId,
        step: &StepId,
        outcome: StepOutcome,
        made: &Made,
        problem: Option<&Problem>,
        at: DateTime<Utc>,
    ) -> Result<(), Problem> {
        let problem = problem.map(json).transpose()?;
        let made = json(made)?;
        self.write(
            "UPDATE step SET outcome = ?3, made = ?4, problem = ?5, finished_at = ?6 WHERE run = ?1 AND id = ?2",
            params![run.0, step.0, outcome.as_str(), made, problem, stamp(at)],
        )
    }

    /// Writes how a run ended. One that rolled another back settles that one: it no longer waits.
    pub fn end(
        &self,
        run: &RunId,
        outcome: Outcome,
        problem: Option<&Problem>,
        at: DateTime<Utc>,
    ) -> Result<(), Problem> {
        let problem = problem.map(json).transpose()?;
        let mut connection = self.connection();
        let mut write = || {
            let transaction = connection.transaction()?;
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
                    // What the settled run had rolled back stands again as that left it.
                    transaction.execute("DELETE FROM rolled_back WHERE by_run = ?1", params![settled.0])?;
                    transaction.execute(
                        "INSERT INTO rolled_back (run, by_run)
                         SELECT id, ?2 FROM run WHERE id = ?1
                         ON CONFLICT (run) DO UPDATE SET by_run = ?2",
                        params![settled.0, run.0],
                    )?;
                }
            }
            transaction.commit()
        };
        write().map_err(|error| self.broken(&error))
    }

    pub(super) fn write(&self, sql: &str, values: impl rusqlite::Params) -> Result<(), Problem> {
        self.connection()
            .execute(sql, values)
            .map(drop)
            .map_err(|error| self.broken(&error))
    }

    pub(super) fn broken(&self, error: &rusqlite::Error) -> Problem {
        Problem::new(
            Kind::Machine,
            format!(
                "the journal in {} cannot be written or read",
                Outside::new(self.folder.display().to_string())
            ),
        )
        .because(error)
        .hint("free space on that disk or name another folder with WINDLASS_STATE_DIR, then: windlass resume")
    }

    /// The newest runs of this world, newest first.
    pub fn runs(&self, limit: usize) -> Result<Vec<RunRecord>, Problem> {
        let ids: Vec<String> = {
            let connection = self.connection();
            let read = || {
                let mut statement = connection.prepare(
                    "SELECT id FROM run WHERE world = ?1 ORDER BY started_at DESC, id DESC LIMIT ?2",
                )?;
                let limit = i64::try_from(limit).unwrap_or(i64::MAX);
                statement
                    .query_map(params![self.world, limit], |row| row.get(0))?
                    .collect::<Result<_, _>>()
            };
            read().map_err(|error| self.broken(&error))?
        };
        ids.into_iter()
            .filter_map(|id| self.run(&RunId(id)).transpose())
            .collect()
    }

    /// Runs that wait to be settled, oldest first.
    pub fn open_runs(&self) -> Result<Vec<RunRecord>, Problem> {
        let mut open: Vec<_> = self.runs(1000)?.into_iter().filter(RunRecord::open).collect();
        open.reverse();
        Ok(open)
    }

    /// A run by id.
    pub fn run(&self, id: &RunId) -> Result<Option<RunRecord>, Problem> {
        let connection = self.connection();
        let read = || {
            let found = connection
                .query_row(
                    "SELECT actor, plan, outcome, problem, started_at, finished_at, by_run
                     FROM run LEFT JOIN rolled_back ON rolled_back.run = run.id
                     WHERE id = ?1 AND world = ?2",
                    params![id.0, self.world],
                    |row| {
                        Ok((
                            row.get::<_, String>(0)?,
                            row.get::<_, String>(1)?,
                            row.get::<_, Option<String>>(2)?,
                            row.get::<_, Option<String>>(3)?,
                            row.get::<_, String>(4)?,
                            row.get::<_, Option<String>>(5)?,
                            row.get::<_, Option<String>>(6)?,
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
        let Some(((actor, plan, outcome, problem, started_at, finished_at, by_run), steps)) = found else {
            return Ok(None);
        };
        let plan: Plan = serde_json::from_str(&plan).map_err(|error| {
            Problem::new(Kind::Machine, format!("run {id} in the journal cannot be read"))
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
            actor: Outside::new(actor),
            outcome: outcome.as_deref().and_then(word),
            problem: problem.and_then(|text| serde_json::from_str(&text).ok()),
            started_at: instant(&started_at).unwrap_or_default(),
            finished_at: finished_at.as_deref().and_then(instant),
            steps: ordered,
            plan,
            running,
            rolled_back_by: by_run.map(RunId),
        }))
    }

    /// The newest run of the same wish, where it did not end well, nobody works on it or rolled it
    /// back, and no later rotation touched the same secrets: what it sealed would put an older value over a newer one.
    pub fn unfinished(&self, workspace: &str, intent: &Intent) -> Result<Option<RunRecord>, Problem> {
        let runs = self.runs(200)?;
        let newest = runs
            .iter()
            .find(|run| run.plan.workspace == workspace && intent.takes_up(&run.plan.intent))
            .filter(|run| !matches!(run.outcome, Some(Outcome::Done | Outcome::Partly)) && !run.running)
            .filter(|run| run.rolled_back_by.is_none());
        Ok(newest.filter(|run| overtaken(run, &runs).is_none()).cloned())
    }

    /// The later rotation that touched a secret of the rotation `run`, where there is one.
    pub fn overtaken(&self, run: &RunRecord) -> Result<Option<RunRecord>, Problem> {
        Ok(overtaken(run, &self.runs(200)?).cloned())
    }

    /// Remembers releases seen upstream and gives back those seen before and missing from `now`.
    pub fn withdrawn(
        &self,
        repository: &str,
        now: &[crate::domain::Release],
        at: DateTime<Utc>,
    ) -> Result<Vec<crate::domain::Release>, Problem> {
        let mut connection = self.connection();
        let mut exchange = || {
            let transaction = connection.transaction()?;
            for release in now {
                let text = serde_json::to_string(release).unwrap_or_default();
                transaction.execute(
                    "INSERT INTO release_seen (world, repository, name, release, first_seen)
                     VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (world, repository, name) DO UPDATE SET release = ?4 WHERE release <> ?4",
                    params![self.world, repository, release.name.as_str(), text, stamp(at)],
                )?;
            }
            let known = {
                let mut statement = transaction
                    .prepare("SELECT release FROM release_seen WHERE world = ?1 AND repository = ?2")?;
                statement
                    .query_map(params![self.world, repository], |row| row.get::<_, String>(0))?
                    .collect::<Result<Vec<_>, _>>()?
            };
            transaction.commit()?;
            Ok(known)
        };
        let known: Vec<String> = exchange().map_err(|error: rusqlite::Error| self.broken(&error))?;
        Ok(known
            .iter()
            .filter_map(|text| serde_json::from_str::<crate::domain::Release>(text).ok())
            .filter(|seen| !now.iter().any(|release| release.name == seen.name))
            .collect())
    }
}

/// The rotation among `runs` that began after `run` and touched a secret of it.
fn overtaken<'r>(run: &RunRecord, runs: &'r [RunRecord]) -> Option<&'r RunRecord> {
    let rotation = |run: &RunRecord| matches!(run.plan.intent, Intent::Rotate(_));
    if !rotation(run) {
        return None;
    }
    let subjects = run.plan.subjects();
    runs.iter().find(|later| {
        later.id != run.id
            && rotation(later)
            && later.started_at > run.started_at
            && later
                .plan
                .subjects()
                .iter()
                .any(|subject| subjects.contains(subject))
    })
}

/// Settles how the file is used, and makes its tables where they are not there.
fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // A transaction that reads first and writes then is turned away at once where another process
    // wrote in between; one that says at its start that it will write waits its turn.
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version != VERSION {
        let transaction = connection.transaction()?;
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()?;
    }
    Ok(())
}

/// The run that a run of this wish rolls back, whole.
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
        .map_err(|error| Problem::new(Kind::Internal, "a record cannot be written as text").because(&error))
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

/// Makes `folder` and keeps others out of it.
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
