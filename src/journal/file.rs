//! Opens the database file for writing, or only for reading if it cannot be written.
//!
//! A journal of a newer windlass is never opened for writing. A file that cannot be written is
//! opened for reading; if that fails too, every statement returns the reason. Commands that only
//! read from services work without a journal.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::schema;
use super::store::{Journal, make_private, private_file};
use crate::config::file as plain;
use crate::domain::{Kind, Outside, Problem};

/// Name of the database file under the state folder.
pub(super) const FILE: &str = "journal.db";
/// Name of the file that holds the identity and the commit count of the journal, separate from the
/// database.
const MARK: &str = "journal.commits";
/// How long a statement waits for a lock of another process.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a journal cannot be written, and whether it can be read.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    pub(super) problem: Problem,
    pub(super) readable: bool,
}

/// Why a journal could not be opened for writing.
enum Failure {
    /// A newer windlass wrote it.
    Newer { schema: i64, version: Option<String> },
    /// The file is a symbolic link without a target.
    Dangling,
    /// SQLite reported an error.
    Database(rusqlite::Error),
    /// The folder or a file cannot be used.
    Files(std::io::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Files(error)
    }
}

impl Failure {
    fn problem(&self, path: &Path) -> Problem {
        let place = Outside::new(path.display().to_string());
        match self {
            Self::Newer { schema, version } => newer(&place, *schema, version.as_deref()),
            Self::Dangling => Problem::new(
                Kind::Machine,
                format!("journal {place} is a symbolic link to a file that does not exist"),
            )
            .hint("mount the file system of its target, or remove the link"),
            Self::Database(error) if is_damage(error) => damaged(&place, error),
            Self::Database(error) => unusable(&place, error),
            Self::Files(error) => unusable(&place, error),
        }
    }
}

fn newer(place: &Outside, schema: i64, version: Option<&str>) -> Problem {
    let known = schema::VERSION;
    let own = env!("CARGO_PKG_VERSION");
    // A build between two versions may have the number of this one.
    let version = version.filter(|version| *version != own);
    let by = version.map_or_else(
        || "a newer windlass".to_owned(),
        |version| format!("windlass {}", Outside::capped(version, 40)),
    );
    Problem::new(
        Kind::Refused,
        format!(
            "journal {place} was written by {by} with schema {schema}: this windlass {own} supports \
            schemas up to {known}"
        ),
    )
    .hint(version.map_or_else(
        || format!("install a windlass that supports schema {schema}"),
        |version| format!("install windlass {} or later", Outside::capped(version, 40)),
    ))
    .hint("or set WINDLASS_STATE_DIR to another directory to use a separate journal")
}

/// Returns the problem for a damaged file.
pub(super) fn damaged(place: &Outside, error: &rusqlite::Error) -> Problem {
    Problem::new(Kind::Machine, format!("journal {place} is damaged"))
        .because(error)
        .hint("windlass doctor --set-journal-aside recovers the readable rows and keeps the damaged file")
}

fn unusable(place: &Outside, error: &(dyn std::error::Error + 'static)) -> Problem {
    Problem::new(Kind::Machine, format!("cannot write the journal {place}"))
        .because(error)
        .hint("check that the directory is writable and the disk is not full")
}

/// Returns true if the file itself is damaged.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

impl Journal {
    /// Opens or creates the journal under `folder` for `environment`, for reading and writing.
    ///
    /// # Errors
    /// [`Kind::Refused`] if a newer windlass wrote it, [`Kind::Machine`] if it is damaged or not writable.
    pub fn open(folder: &Path, environment: &str) -> Result<Self, Problem> {
        let path = folder.join(FILE);
        let mut journal = writable(folder, &path)
            .map(|connection| Self::on(connection, folder, environment, None))
            .map_err(|failure| failure.problem(&path))?;
        journal.notice = lost_commits(&journal, &path);
        Ok(journal)
    }

    /// Opens the journal as [`Journal::open`] does. A journal that cannot be written is opened for
    /// reading; if that fails too, every statement returns the reason.
    ///
    /// # Errors
    /// If SQLite cannot be used at all.
    pub fn open_as_possible(folder: &Path, environment: &str) -> Result<Self, Problem> {
        let path = folder.join(FILE);
        let problem = match Self::open(folder, environment) {
            Ok(journal) => return Ok(journal),
            Err(problem) => problem,
        };
        // In an unknown schema the rows may have another meaning.
        let known = problem.kind != Kind::Refused;
        let reading = known.then(|| readable(&path)).and_then(Result::ok);
        let limit = Limit {
            problem,
            readable: reading.is_some(),
        };
        let connection = match reading {
            Some(connection) => connection,
            None => {
                Connection::open_in_memory().map_err(|error| unusable(&Outside::new("in memory"), &error))?
            }
        };
        Ok(Self::on(connection, folder, environment, Some(limit)))
    }

    /// Opens an existing journal for reading; creates and changes nothing.
    ///
    /// # Errors
    /// [`Kind::NotFound`] if there is no file, otherwise as [`Journal::open`].
    pub fn open_existing(folder: &Path, environment: &str) -> Result<Self, Problem> {
        let path = folder.join(FILE);
        let place = Outside::new(path.display().to_string());
        if !path.exists() {
            return Err(Problem::new(Kind::NotFound, format!("journal {place} not found")));
        }
        let opened = readable(&path).and_then(|connection| {
            refuse_newer(&connection)?;
            Ok(connection)
        });
        let connection = opened.map_err(|failure| failure.problem(&path))?;
        let limit = Limit {
            problem: Problem::new(Kind::Machine, format!("journal {place} was opened read-only")),
            readable: true,
        };
        Ok(Self::on(connection, folder, environment, Some(limit)))
    }

    fn on(connection: Connection, folder: &Path, environment: &str, limit: Option<Limit>) -> Self {
        Self {
            connection: Arc::new(Mutex::new(connection)),
            folder: folder.to_owned(),
            environment: environment.to_owned(),
            workspace: None,
            limit: limit.map(Arc::new),
            notice: None,
        }
    }

    /// Returns why the journal is not used or not written, or what was detected when it was opened.
    pub fn notice(&self) -> Option<&Problem> {
        self.limit
            .as_ref()
            .map_or(self.notice.as_ref(), |limit| Some(&limit.problem))
    }

    /// Checks that the journal can be written.
    ///
    /// # Errors
    /// The reason if it cannot.
    pub fn check_writable(&self) -> Result<(), Problem> {
        self.limit
            .as_ref()
            .map_or(Ok(()), |limit| Err(limit.problem.clone()))
    }

    /// Reads and verifies every page of the file. The time is proportional to its size.
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn check_pages(&self) -> Result<(), Problem> {
        let connection = self.reading()?;
        let place = Outside::new(self.folder.join(FILE).display().to_string());
        let said: String = connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(|error| damaged(&place, &error))?;
        if said == "ok" {
            return Ok(());
        }
        let error = rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
            Some(Outside::capped(said, 200).to_string()),
        );
        Err(damaged(&place, &error))
    }

    /// Returns the problem for a schema that another process upgraded while this one had the file
    /// open.
    pub(super) fn raised(&self, schema: i64, version: Option<&str>) -> Problem {
        let place = Outside::new(self.folder.join(FILE).display().to_string());
        newer(&place, schema, version)
    }

    /// Stores the number of committed transactions. If that fails, lost commits cannot be detected
    /// later.
    pub(super) fn mark(&self, (journal, commits): (String, i64)) {
        let write = || -> std::io::Result<()> {
            let mut file = plain::open_to_lock(&self.folder.join(MARK))?;
            file.seek(SeekFrom::Start(0))?;
            // The length is fixed, so that a shorter number does not leave the end of a longer one.
            file.write_all(format!("{journal} {commits:020}\n").as_bytes())
        };
        drop(write());
    }
}

/// Opens the file for writing, after a check that does not write.
fn writable(folder: &Path, path: &Path) -> Result<Connection, Failure> {
    if path.is_symlink() && !path.exists() {
        return Err(Failure::Dangling);
    }
    make_private(folder)?;
    // SQLite does not wait for a lock when the journal mode changes, so two processes that create
    // the file at once are serialised here.
    let turn = plain::open_to_lock(&folder.join("journal.lock"))?;
    turn.lock()?;
    if path.exists() {
        plain::check_plain(path)?;
        let looking = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        looking.busy_timeout(PATIENCE)?;
        refuse_newer(&looking)?;
    }
    let mut connection = Connection::open(path)?;
    private_file(path)?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // A transaction that reads first and then writes fails at once if another process wrote in
    // between; one that announces the write at its start waits for the lock.
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
    let fresh = schema::upgrade(&mut connection)?;
    if fresh {
        // Moves the identity to the main file, because a -wal file may get lost.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    Ok(connection)
}

/// Opens the file for reading only.
fn readable(path: &Path) -> Result<Connection, Failure> {
    plain::check_plain(path)?;
    let open = |path: &Path, flags: OpenFlags| -> Result<Connection, Failure> {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(PATIENCE)?;
        refuse_newer(&connection)?;
        // An older schema has other column names.
        if schema::version(&connection)? != schema::VERSION {
            return Err(Failure::Database(rusqlite::Error::QueryReturnedNoRows));
        }
        connection.query_row("SELECT count(*) FROM (SELECT 1 FROM run LIMIT 1)", [], |_| Ok(()))?;
        Ok(connection)
    };
    let reading = OpenFlags::SQLITE_OPEN_READ_ONLY;
    open(path, reading).or_else(|failure| {
        // If the folder is not writable, SQLite can only read a file that does not change; the content of
        // a -wal file would be left out.
        let mut wal = path.as_os_str().to_owned();
        wal.push("-wal");
        if std::fs::metadata(PathBuf::from(wal)).is_ok_and(|about| about.len() > 0) {
            return Err(failure);
        }
        let uri = url::Url::from_file_path(path).map(|url| format!("{url}?immutable=1"));
        let uri = uri.map_err(|()| failure)?;
        open(Path::new(&uri), reading | OpenFlags::SQLITE_OPEN_URI)
    })
}

fn refuse_newer(connection: &Connection) -> Result<(), Failure> {
    let schema = schema::version(connection)?;
    if schema > schema::VERSION {
        let version = schema::writer_version(connection).unwrap_or_default();
        return Err(Failure::Newer { schema, version });
    }
    Ok(())
}

/// Returns a problem if the file has fewer commits than its separate count.
fn lost_commits(journal: &Journal, path: &Path) -> Option<Problem> {
    let mut text = String::new();
    plain::open_plain(&journal.folder.join(MARK))
        .and_then(|file| file.take(200).read_to_string(&mut text))
        .ok()?;
    let (identity, counted) = text.trim().split_once(' ')?;
    let counted: i64 = counted.parse().ok()?;
    let (name, commits) = schema::commits(&journal.connection()).ok()?;
    let lost = counted
        .checked_sub(commits)
        .filter(|lost| *lost > 0 && name == identity)?;
    Some(
        Problem::new(
            Kind::Machine,
            format!(
                "the last {lost} changes are missing from journal {}: its -wal file was truncated or \
                removed, or the journal was replaced by an older copy",
                Outside::new(path.display().to_string())
            ),
        )
        .hint("compare windlass runs with windlass channels: runs may have done more than is recorded"),
    )
}

#[cfg(test)]
mod tests;
