//! Opens the database file, or says why it is used less than fully.
//!
//! A journal of a newer program is never opened for writing. Where the file cannot be written it
//! is read, where it cannot be read either every statement returns the reason: what only reads
//! services works without a journal.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::store::{Journal, make_private, private_file};
use super::{lock, schema};
use crate::domain::{Kind, Outside, Problem};

/// The database file under the state folder.
pub(super) const FILE: &str = "journal.db";
/// Holds identity and number of commits of the journal, outside of it.
const MARK: &str = "journal.commits";
/// How long a statement waits for another process.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a journal cannot be written, and whether it can be read.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    pub(super) problem: Problem,
    pub(super) readable: bool,
}

/// Why a journal could not be opened for writing.
enum Failure {
    /// A newer program wrote it.
    Newer { schema: i64, version: Option<String> },
    /// The file is a symbolic link to nothing.
    Dangling,
    /// The database refused.
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
                format!("the journal {place} is a symbolic link to a file that does not exist"),
            )
            .hint("mount what it points to, or remove the link"),
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
            "the journal {place} was written by {by} and has schema {schema}: this windlass {own} knows schemas up to {known}"
        ),
    )
    .hint(version.map_or_else(
        || format!("install a windlass that knows schema {schema}"),
        |version| format!("install windlass {} or newer", Outside::capped(version, 40)),
    ))
    .hint("or keep a journal of its own for this one: set WINDLASS_STATE_DIR to another folder")
}

/// The problem of a damaged file.
pub(super) fn damaged(place: &Outside, error: &rusqlite::Error) -> Problem {
    Problem::new(Kind::Machine, format!("the journal {place} is damaged"))
        .because(error)
        .hint("windlass doctor --set-journal-aside keeps the damaged file and saves what can be read of it")
}

fn unusable(place: &Outside, error: &(dyn std::error::Error + 'static)) -> Problem {
    Problem::new(Kind::Machine, format!("the journal {place} cannot be written"))
        .because(error)
        .hint("check that the folder can be written and the disk is not full")
}

/// True where the file itself is damaged.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

impl Journal {
    /// Opens (or makes) the journal under `folder` for `environment`, to read and write.
    ///
    /// # Errors
    /// [`Kind::Refused`] where a newer windlass wrote it, [`Kind::Machine`] where it is damaged or
    /// cannot be written.
    pub fn open(folder: &Path, environment: &str) -> Result<Self, Problem> {
        let path = folder.join(FILE);
        let mut journal = writable(folder, &path)
            .map(|connection| Self::on(connection, folder, environment, None))
            .map_err(|failure| failure.problem(&path))?;
        journal.notice = lost_commits(&journal, &path);
        Ok(journal)
    }

    /// As [`Journal::open`]; a journal that cannot be written is read, and one that cannot be read
    /// either returns the reason from every statement.
    ///
    /// # Errors
    /// The reason, where SQLite cannot be used at all.
    pub fn open_as_possible(folder: &Path, environment: &str) -> Result<Self, Problem> {
        let path = folder.join(FILE);
        let problem = match Self::open(folder, environment) {
            Ok(journal) => return Ok(journal),
            Err(problem) => problem,
        };
        // Rows of a schema that this program does not know may mean something else.
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

    /// Opens a journal that exists, to be read; makes and changes nothing.
    ///
    /// # Errors
    /// [`Kind::NotFound`] without a file, and as [`Journal::open`].
    pub fn open_existing(folder: &Path, environment: &str) -> Result<Self, Problem> {
        let path = folder.join(FILE);
        let place = Outside::new(path.display().to_string());
        if !path.exists() {
            return Err(Problem::new(
                Kind::NotFound,
                format!("there is no journal {place}"),
            ));
        }
        let opened = readable(&path).and_then(|connection| {
            refuse_newer(&connection)?;
            Ok(connection)
        });
        let connection = opened.map_err(|failure| failure.problem(&path))?;
        let limit = Limit {
            problem: Problem::new(
                Kind::Machine,
                format!("the journal {place} was opened to be read"),
            ),
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

    /// Why the journal is not used, or not written; what was noticed of it when it was opened.
    pub fn notice(&self) -> Option<&Problem> {
        self.limit
            .as_ref()
            .map_or(self.notice.as_ref(), |limit| Some(&limit.problem))
    }

    /// Refuses where nothing can be written.
    ///
    /// # Errors
    /// The reason.
    pub fn check_writable(&self) -> Result<(), Problem> {
        self.limit
            .as_ref()
            .map_or(Ok(()), |limit| Err(limit.problem.clone()))
    }

    /// Reads every page of the file and compares them. Takes time in proportion to its size.
    ///
    /// # Errors
    /// What is wrong with it.
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

    /// Problem of a schema that another process raised while this one had the file open.
    pub(super) fn raised(&self, schema: i64, version: Option<&str>) -> Problem {
        let place = Outside::new(self.folder.join(FILE).display().to_string());
        newer(&place, schema, version)
    }

    /// Keeps how many transactions were committed. A mark that cannot be kept notices nothing.
    pub(super) fn mark(&self, (journal, commits): (String, i64)) {
        let write = || -> std::io::Result<()> {
            let mut file = lock::private().open(self.folder.join(MARK))?;
            file.seek(SeekFrom::Start(0))?;
            // Of one length: a shorter number would leave the end of a longer one behind.
            file.write_all(format!("{journal} {commits:020}\n").as_bytes())
        };
        drop(write());
    }
}

/// Opens for writing, after a look that does not write.
fn writable(folder: &Path, path: &Path) -> Result<Connection, Failure> {
    if path.is_symlink() && !path.exists() {
        return Err(Failure::Dangling);
    }
    make_private(folder)?;
    // Two processes that make the file at once: SQLite does not wait where the journal mode
    // changes, so they take turns here.
    let turn = lock::private().open(folder.join("journal.lock"))?;
    turn.lock()?;
    if path.exists() {
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
    // A transaction that reads first and writes then is turned away at once where another process
    // wrote in between; one that says at its start that it will write waits its turn.
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
    let fresh = schema::upgrade(&mut connection)?;
    if fresh {
        // Its identity is in the file itself, not in a -wal file that may get lost.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    Ok(connection)
}

/// Opens for reading only.
fn readable(path: &Path) -> Result<Connection, Failure> {
    let open = |path: &Path, flags: OpenFlags| -> Result<Connection, Failure> {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(PATIENCE)?;
        refuse_newer(&connection)?;
        // An older schema names its columns otherwise.
        if schema::version(&connection)? != schema::VERSION {
            return Err(Failure::Database(rusqlite::Error::QueryReturnedNoRows));
        }
        connection.query_row("SELECT count(*) FROM (SELECT 1 FROM run LIMIT 1)", [], |_| Ok(()))?;
        Ok(connection)
    };
    let reading = OpenFlags::SQLITE_OPEN_READ_ONLY;
    open(path, reading).or_else(|failure| {
        // In a folder that cannot be written SQLite can only read a file that nothing changes; a
        // -wal file with content would be left out.
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

/// Says where the file holds fewer commits than were counted beside it.
fn lost_commits(journal: &Journal, path: &Path) -> Option<Problem> {
    let mut text = String::new();
    std::fs::File::open(journal.folder.join(MARK))
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
                "the journal {} lacks the last {lost} of its changes: its -wal file was emptied or removed, or an older copy took its place",
                Outside::new(path.display().to_string())
            ),
        )
        .hint("compare windlass runs with windlass channels: a run may have done more than it says"),
    )
}

#[cfg(test)]
mod tests;
