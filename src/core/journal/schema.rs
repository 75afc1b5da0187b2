//! Defines the tables of the journal and the upgrades from every older schema.
//!
//! Add a table or a column as a new entry at the end of [`UPGRADES`]; never change an entry that
//! was released.

use rusqlite::{Connection, OptionalExtension, params};

use super::touched;

/// Upgrades a file from schema N-1 to schema N, for N = 1, 2, 3, ...
pub(super) const UPGRADES: [&str; 5] = [
    "
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
",
    "
CREATE TABLE IF NOT EXISTS lineage (
    number INTEGER PRIMARY KEY, world TEXT NOT NULL, repository TEXT NOT NULL, secret TEXT NOT NULL,
    updated_at TEXT NOT NULL, fingerprint TEXT NOT NULL, session TEXT, expires_at TEXT,
    run TEXT NOT NULL, at TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS lineage_by_target ON lineage (world, repository, secret, number);
",
    "
CREATE TABLE IF NOT EXISTS rolled_back (
    run TEXT PRIMARY KEY REFERENCES run (id), by_run TEXT NOT NULL REFERENCES run (id)
) STRICT;
CREATE TABLE IF NOT EXISTS earlier_change (
    number INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES run (id), change TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS earlier_change_by_run ON earlier_change (run, number);
",
    "
CREATE TABLE writer (
    one INTEGER PRIMARY KEY CHECK (one = 1), journal TEXT NOT NULL, version TEXT NOT NULL,
    commits INTEGER NOT NULL
) STRICT;
CREATE INDEX run_by_outcome ON run (world, outcome, started_at);
CREATE TABLE touched_row (
    world TEXT NOT NULL, charm TEXT NOT NULL, channel TEXT NOT NULL, base TEXT NOT NULL,
    run TEXT NOT NULL REFERENCES run (id), begun_at TEXT NOT NULL,
    PRIMARY KEY (run, charm, channel, base)
) STRICT;
CREATE INDEX touched_row_by_time ON touched_row (world, charm, channel, base, begun_at, run);
",
    "
ALTER TABLE run RENAME COLUMN world TO environment;
ALTER TABLE lineage RENAME COLUMN world TO environment;
ALTER TABLE lineage ADD COLUMN workspace TEXT NOT NULL DEFAULT '';
ALTER TABLE touched_row RENAME COLUMN world TO environment;
ALTER TABLE release_seen RENAME TO release_seen_4;
CREATE TABLE release_seen (
    environment TEXT NOT NULL, workspace TEXT NOT NULL DEFAULT '', repository TEXT NOT NULL,
    name TEXT NOT NULL, release TEXT NOT NULL, first_seen TEXT NOT NULL,
    PRIMARY KEY (environment, workspace, repository, name)
) STRICT;
INSERT INTO release_seen (environment, repository, name, release, first_seen)
    SELECT world, repository, name, release, first_seen FROM release_seen_4;
DROP TABLE release_seen_4;
",
];

/// The schema that this program reads and writes: the file's `user_version`.
pub(super) const VERSION: i64 = UPGRADES.len() as i64;

/// Sets the workspace of values that an older schema stored to that of their run.
pub(super) const NAME_WORKSPACES: &str = "
UPDATE lineage SET workspace = coalesce((SELECT run.workspace FROM run WHERE run.id = lineage.run), '')
    WHERE workspace = '';
";

/// Returns the current name of a column of an older schema.
pub(super) fn current_column(name: &str) -> &str {
    match name {
        "world" => "environment",
        other => other,
    }
}

/// The tables whose content cannot be derived from anything else.
pub(super) const RECORDS: [&str; 6] = [
    "run",
    "step",
    "release_seen",
    "lineage",
    "rolled_back",
    "earlier_change",
];

/// Returns the schema of a file; 0 if it has no tables yet.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Upgrades the file to [`VERSION`] and keeps its content. Does nothing if the schema is current.
/// Returns true if the file had no tables.
pub(super) fn upgrade(connection: &mut Connection) -> rusqlite::Result<bool> {
    let found = version(connection)?;
    if found >= VERSION {
        note_program(connection)?;
        return Ok(false);
    }
    let transaction = connection.transaction()?;
    // Another process may have upgraded it in the meantime.
    let from = version(&transaction)?;
    let missing = UPGRADES.iter().skip(usize::try_from(from).unwrap_or_default());
    for step in missing {
        transaction.execute_batch(step)?;
    }
    if from < 5 {
        transaction.execute_batch(NAME_WORKSPACES)?;
    }
    if from < 4 {
        touched::fill(&transaction)?;
        transaction.execute(
            "INSERT OR IGNORE INTO writer (one, journal, version, commits) VALUES (1, ?1, ?2, 0)",
            params![uuid::Uuid::new_v4().simple().to_string(), PROGRAM],
        )?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    note_program(connection)?;
    Ok(from == 0)
}

/// The version of this program.
const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// Records the version that wrote last, for older versions to report.
fn note_program(connection: &Connection) -> rusqlite::Result<()> {
    if writer_version(connection)?.as_deref() != Some(PROGRAM) {
        connection.execute("UPDATE writer SET version = ?1", params![PROGRAM])?;
    }
    Ok(())
}

/// Returns the version of windlass that wrote the file last, if recorded.
pub(super) fn writer_version(connection: &Connection) -> rusqlite::Result<Option<String>> {
    connection
        .query_row("SELECT version FROM writer", [], |row| row.get(0))
        .optional()
}

/// Returns the identity of the file and the number of committed transactions.
pub(super) fn commits(connection: &Connection) -> rusqlite::Result<(String, i64)> {
    connection.query_row("SELECT journal, commits FROM writer", [], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
}

/// Counts a transaction that is about to be committed, and returns identity and count.
pub(super) fn count_commit(connection: &Connection) -> rusqlite::Result<(String, i64)> {
    connection.query_row(
        "UPDATE writer SET commits = commits + 1 RETURNING journal, commits",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}
