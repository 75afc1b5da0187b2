//! Replaces a damaged journal by a new one with every row that can still be read. Nothing is
//! deleted.

use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::damage::{PAGE, beside};
use super::file::FILE;
use super::store::{Journal, make_private};
use super::{lock, schema, touched};
use crate::config::file;
use crate::domain::{Problem, ProblemKind, SanitizedText};

/// Suffixes of the files that SQLite keeps beside the database file.
const BESIDE: [&str; 2] = ["-wal", "-shm"];
/// First bytes of a SQLite database.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Result of setting a journal aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// New path of the old journal.
    pub kept_as: PathBuf,
    /// Number of rows that were copied, by table.
    pub saved: Vec<(&'static str, u64)>,
    /// Tables that may lack rows, with SQLite's error.
    pub damaged: Vec<(&'static str, SanitizedText)>,
}

impl Journal {
    /// True where the journal under `folder` exists and can be read and written.
    pub fn is_sound(folder: &Path) -> bool {
        folder.join(FILE).exists()
            && Self::open(folder, "").is_ok_and(|journal| journal.check_pages().is_ok())
    }

    /// Renames the journal under `folder` and makes a new one from what can be read of it.
    ///
    /// # Errors
    /// [`ProblemKind::Conflict`] if a run is in progress, [`ProblemKind::NotFound`] if there is no journal,
    /// [`ProblemKind::Refused`] if a newer windlass wrote it, [`ProblemKind::Machine`] if the folder is not writable.
    pub fn set_aside(folder: &Path, now: DateTime<Utc>) -> Result<SetAside, Problem> {
        let path = folder.join(FILE);
        let shown = SanitizedText::new(path.display().to_string());
        if !path.exists() {
            return Err(
                Problem::new(ProblemKind::NotFound, format!("journal {shown} not found"))
                    .hint("run any command to create one"),
            );
        }
        if let Some(run) = lock::any_running(&folder.join("locks")) {
            return Err(Problem::new(
                ProblemKind::Conflict,
                format!("run {run} is in progress and writes to the journal"),
            )
            .hint("wait until it finishes"));
        }
        match Self::open(folder, "") {
            Err(problem) if problem.kind == ProblemKind::Refused => return Err(problem),
            _ => {}
        }
        let failed =
            |error: std::io::Error| {
                Problem::new(ProblemKind::Machine, format!("cannot rename the journal {shown}"))
                    .because_of_file(&error, &shown, "check that the directory is writable")
            };
        let kept_as = unused_name(folder, now);
        // The main file is moved last. After a crash in between, the old journal is still there
        // without the end from its -wal file, and a new journal never gets an unrelated -wal file.
        for end in BESIDE.into_iter().chain([""]) {
            match std::fs::rename(beside(&path, end), beside(&kept_as, end)) {
                Err(error) if end.is_empty() || error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(failed(error));
                }
                _ => {}
            }
        }
        let copies = folder.join(format!(".salvage-{}", uuid::Uuid::new_v4().simple()));
        let copy = copies.join(FILE);
        let copied = make_private(&copies).and_then(|()| copy_of(&kept_as, &copy));
        let rebuilt = copied
            .map_err(failed)
            .and_then(|()| Self::open(folder, ""))
            .map(|journal| salvage(&copy, &journal.connection()));
        drop(std::fs::remove_dir_all(&copies));
        let (saved, damaged) = rebuilt?;
        Ok(SetAside {
            kept_as,
            saved,
            damaged,
        })
    }
}

/// Returns a path for the old journal that no file has: the time, with a number if it was used.
fn unused_name(folder: &Path, now: DateTime<Utc>) -> PathBuf {
    let time = now.format("%Y%m%dT%H%M%SZ");
    let mut path = folder.join(format!("journal-{time}.db"));
    let mut number = 2;
    while path.exists() {
        path = folder.join(format!("journal-{time}-{number}.db"));
        number += 1;
    }
    path
}

/// Copies a database and its -wal file, so that reading changes neither. If the header is damaged,
/// the copy gets the one that SQLite writes by default.
fn copy_of(from: &Path, to: &Path) -> std::io::Result<()> {
    file::copy_plain(from, to)?;
    let wal = beside(from, "-wal");
    if wal.exists() {
        file::copy_plain(&wal, &beside(to, "-wal"))?;
    }
    let mut file = std::fs::OpenOptions::new().read(true).write(true).open(to)?;
    let mut begins = [0; 16];
    let read = std::io::Read::read(&mut file, &mut begins)?;
    if read == begins.len() && &begins != MAGIC {
        let mut header = [0_u8; 100];
        header[..16].copy_from_slice(MAGIC);
        header[16..18].copy_from_slice(&PAGE.to_be_bytes());
        // Versions of the file format (2 = with a -wal file), and the page fractions that SQLite
        // requires.
        header[18..24].copy_from_slice(&[2, 2, 0, 64, 32, 32]);
        // Schema format and UTF-8.
        header[47] = 4;
        header[59] = 1;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&header)?;
    }
    let pages = file.metadata()?.len() / u64::from(PAGE);
    // For a truncated file: SQLite refuses a database that is shorter than its header states.
    file.seek(SeekFrom::Start(28))?;
    file.write_all(&u32::try_from(pages).unwrap_or_default().to_be_bytes())
}

type Saved = (Vec<(&'static str, u64)>, Vec<(&'static str, SanitizedText)>);

/// Copies the readable rows, table by table.
fn salvage(from: &Path, to: &Connection) -> Saved {
    let (mut saved, mut damaged) = (Vec::new(), Vec::new());
    let old = match Connection::open(from) {
        Ok(old) => old,
        Err(error) => return (saved, vec![("run", SanitizedText::new(error.to_string()))]),
    };
    // A row may refer to a lost one.
    drop(to.pragma_update(None, "foreign_keys", false));
    drop(to.execute_batch("BEGIN IMMEDIATE"));
    for table in schema::RECORDS {
        let (rows, problem) = copy_table(&old, to, table);
        saved.push((table, rows));
        damaged.extend(problem.map(|error| (table, SanitizedText::capped(error.to_string(), 200))));
    }
    // Steps are useless without their run.
    drop(to.execute_batch(
        "DELETE FROM step WHERE run NOT IN (SELECT id FROM run);
         DELETE FROM rolled_back WHERE run NOT IN (SELECT id FROM run);
         DELETE FROM earlier_change WHERE run NOT IN (SELECT id FROM run);",
    ));
    drop(to.execute_batch(schema::NAME_WORKSPACES));
    drop(touched::fill(to));
    if let Err(error) = to.execute_batch("COMMIT") {
        // If no row could be copied, for example because the disk is full, the damaged file still
        // has them.
        let why = SanitizedText::capped(error.to_string(), 200);
        for (table, rows) in &mut saved {
            *rows = 0;
            damaged.push((*table, why.clone()));
        }
        drop(to.execute_batch("ROLLBACK"));
    }
    drop(to.pragma_update(None, "foreign_keys", true));
    (saved, damaged)
}

/// Copies a table from its beginning, and after damage from its end.
fn copy_table(old: &Connection, to: &Connection, table: &str) -> (u64, Option<rusqlite::Error>) {
    match columns(old, table) {
        Ok(columns) if columns.is_empty() => (0, None),
        Ok(columns) => {
            let mut rows = 0;
            let forward = copy_rows(old, to, table, &columns, "ASC", &mut rows);
            if forward.is_err() {
                drop(copy_rows(old, to, table, &columns, "DESC", &mut rows));
            }
            (rows, forward.err())
        }
        Err(error) => (0, Some(error)),
    }
}

fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare("SELECT name FROM pragma_table_info(?1)")?
        .query_map([table], |row| row.get(0))?
        .collect()
}

fn copy_rows(
    old: &Connection,
    to: &Connection,
    table: &str,
    columns: &[String],
    order: &str,
    rows: &mut u64,
) -> rusqlite::Result<()> {
    let names = columns.join(", ");
    let written: Vec<&str> = columns.iter().map(|name| schema::current_column(name)).collect();
    let written = written.join(", ");
    let places = vec!["?"; columns.len()].join(", ");
    let mut insert = to.prepare(&format!(
        "INSERT OR IGNORE INTO {table} ({written}) VALUES ({places})"
    ))?;
    let mut select = old.prepare(&format!("SELECT {names} FROM {table} ORDER BY rowid {order}"))?;
    let mut found = select.query([])?;
    while let Some(row) = found.next()? {
        let values: Vec<Value> = (0..columns.len())
            .map(|column| row.get(column))
            .collect::<rusqlite::Result<_>>()?;
        // A row that violates a constraint of the table is damaged.
        let written = insert.execute(params_from_iter(values)).unwrap_or_default();
        *rows += u64::try_from(written).unwrap_or_default();
    }
    Ok(())
}
