//! Opens the database file for writing, or only for reading if it cannot be written.
//!
//! A journal of a newer windlass is never opened for writing. A file that cannot be written is
//! opened for reading; if that fails too, or if the file is damaged, every statement returns the
//! reason. Commands that only read from services work without a journal.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::damage::{self, Damage};
use super::schema;
use super::store::{Journal, make_private, private_file};
use crate::config::file as plain;
use crate::domain::{NoSpace, Problem, ProblemKind, SanitizedText};

/// Name of the database file under the state folder.
pub(super) const FILE: &str = "journal.db";
/// Name of the file that holds the identity and the commit count of the journal, separate from the
/// database.
const MARK: &str = "journal.commits";
/// Hint for a journal that cannot be written for another reason than space.
const WRITABLE: &str = "check that the directory is writable";
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
    /// An older windlass wrote it, and it was opened only for reading.
    Older { schema: i64 },
    /// The file is damaged.
    Damaged(Damage),
    /// The file is a symbolic link without a target.
    Dangling,
    /// SQLite reported an error.
    Database(rusqlite::Error),
    /// The folder or a file cannot be used.
    Files(std::io::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        match Damage::of(&error) {
            Some(damage) => Self::Damaged(damage),
            None => Self::Database(error),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Files(error)
    }
}

impl Failure {
    fn problem(&self, path: &Path) -> Problem {
        let place = SanitizedText::new(path.display().to_string());
        match self {
            Self::Newer { schema, version } => newer(&place, *schema, version.as_deref()),
            Self::Dangling => Problem::new(
                ProblemKind::Machine,
                format!("journal {place} is a symbolic link to a file that does not exist"),
            )
            .hint("mount the file system of its target, or remove the link"),
            Self::Older { schema } => older(&place, *schema),
            Self::Damaged(found) => found.problem(&place, damage::readable_runs(path)),
            Self::Database(error) => unusable(&place, error),
            Self::Files(error) => {
                Problem::new(ProblemKind::Machine, format!("cannot write the journal {place}"))
                    .because_of_file(error, &place, WRITABLE)
            }
        }
    }
}

fn newer(place: &SanitizedText, schema: i64, version: Option<&str>) -> Problem {
    let known = schema::VERSION;
    let own = env!("CARGO_PKG_VERSION");
    // A build between two versions may have the number of this one.
    let version = version.filter(|version| *version != own);
    let by = version.map_or_else(
        || "a newer windlass".to_owned(),
        |version| format!("windlass {}", SanitizedText::capped(version, 40)),
    );
    Problem::new(
        ProblemKind::Refused,
        format!(
            "journal {place} was written by {by} with schema {schema}: this windlass {own} supports \
            schemas up to {known}"
        ),
    )
    .hint(version.map_or_else(
        || format!("install a windlass that supports schema {schema}"),
        |version| format!("install windlass {} or later", SanitizedText::capped(version, 40)),
    ))
    .hint("or set WINDLASS_STATE_DIR to another directory to use a separate journal")
}

fn older(place: &SanitizedText, schema: i64) -> Problem {
    Problem::new(
        ProblemKind::Machine,
        format!(
            "the journal {place} has the older schema {schema}, and is read only after an upgrade to {}",
            schema::VERSION
        ),
    )
    .hint("make the directory writable: the next command upgrades the journal and keeps everything")
}

fn unusable(place: &SanitizedText, error: &rusqlite::Error) -> Problem {
    let problem = Problem::new(ProblemKind::Machine, format!("cannot write the journal {place}"));
    let hint = no_space(error).map(|space| space.hint(place, "run the same command again"));
    problem
        .because(error)
        .hint(hint.unwrap_or_else(|| WRITABLE.to_owned()))
}

/// Returns the lack of space that SQLite reports, if it reports one.
pub(super) fn no_space(error: &rusqlite::Error) -> Option<NoSpace> {
    (error.sqlite_error_code() == Some(ErrorCode::DiskFull)).then_some(NoSpace::Disk)
}

impl Journal {
    /// Opens or creates the journal under `folder` for `environment`, for reading and writing.
    ///
    /// # Errors
    /// [`ProblemKind::Refused`] if a newer windlass wrote it, [`ProblemKind::Machine`] if it is damaged or not writable.
    pub fn open(folder: &Path, environment: &str) -> Result<Self, Problem> {
        let path = folder.join(FILE);
        Self::for_writing(folder, &path, environment).map_err(|failure| failure.problem(&path))
    }

    fn for_writing(folder: &Path, path: &Path, environment: &str) -> Result<Self, Failure> {
        let connection = writable(folder, path)?;
        let mut journal = Self::on(connection, folder, environment, None);
        journal.notice = lost_commits(&journal, path);
        Ok(journal)
    }

    /// Opens the journal as [`Journal::open`] does. A journal that cannot be written is opened for
    /// reading; if that fails too, every statement returns the reason.
    ///
    /// # Errors
    /// If SQLite cannot be used at all.
    pub fn open_as_possible(folder: &Path, environment: &str) -> Result<Self, Problem> {
        let path = folder.join(FILE);
        let failure = match Self::for_writing(folder, &path, environment) {
            Ok(journal) => return Ok(journal),
            Err(failure) => failure,
        };
        let mut problem = failure.problem(&path);
        let reading = match failure {
            // In an unknown schema the rows may have another meaning; a damaged file lacks some.
            Failure::Newer { .. } | Failure::Damaged(_) => None,
            _ => match readable(&path) {
                Ok(connection) => Some(connection),
                Err(failure) => {
                    if let Failure::Older { .. } | Failure::Damaged(_) = failure {
                        problem = failure.problem(&path).and(problem);
                    }
                    None
                }
            },
        };
        let limit = Limit {
            problem,
            readable: reading.is_some(),
        };
        let connection = match reading {
            Some(connection) => connection,
            None => Connection::open_in_memory()
                .map_err(|error| unusable(&SanitizedText::new("in memory"), &error))?,
        };
        Ok(Self::on(connection, folder, environment, Some(limit)))
    }

    /// Opens an existing journal for reading; creates and changes nothing.
    ///
    /// # Errors
    /// [`ProblemKind::NotFound`] if there is no file, otherwise as [`Journal::open`].
    pub fn open_existing(folder: &Path, environment: &str) -> Result<Self, Problem> {
        let path = folder.join(FILE);
        let place = SanitizedText::new(path.display().to_string());
        if !path.exists() {
            return Err(Problem::new(
                ProblemKind::NotFound,
                format!("journal {place} not found"),
            ));
        }
        let opened = readable(&path).and_then(|connection| {
            refuse_newer(&connection)?;
            Ok(connection)
        });
        let connection = opened.map_err(|failure| failure.problem(&path))?;
        let limit = Limit {
            problem: Problem::new(
                ProblemKind::Machine,
                format!("journal {place} was opened read-only"),
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
        let path = self.folder.join(FILE);
        let checked: String = connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .unwrap_or_else(|error| error.to_string());
        let found = if checked == "ok" {
            Damage::of_length(&path, &connection)
        } else {
            Some(Damage::Database(SanitizedText::capped(checked, 200)))
        };
        found.map_or(Ok(()), |found| {
            let place = SanitizedText::new(path.display().to_string());
            Err(found.problem(&place, damage::readable_runs(&path)))
        })
    }

    /// Returns the problem for a schema that another process upgraded while this one had the file
    /// open.
    pub(super) fn raised(&self, schema: i64, version: Option<&str>) -> Problem {
        let place = SanitizedText::new(self.folder.join(FILE).display().to_string());
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
        refuse_emptied(folder, path)?;
        let looking = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        looking.busy_timeout(PATIENCE)?;
        refuse_newer(&looking)?;
        refuse_cut(path, &looking)?;
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
fn readable(file: &Path) -> Result<Connection, Failure> {
    plain::check_plain(file)?;
    let open = |path: &Path, flags: OpenFlags| -> Result<Connection, Failure> {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(PATIENCE)?;
        refuse_newer(&connection)?;
        refuse_cut(file, &connection)?;
        // An older schema has other column names.
        let schema = schema::version(&connection)?;
        if schema != schema::VERSION {
            return Err(Failure::Older { schema });
        }
        connection.query_row("SELECT count(*) FROM (SELECT 1 FROM run LIMIT 1)", [], |_| Ok(()))?;
        Ok(connection)
    };
    let reading = OpenFlags::SQLITE_OPEN_READ_ONLY;
    open(file, reading).or_else(|failure| {
        if let Failure::Newer { .. } | Failure::Older { .. } | Failure::Damaged(_) = failure {
            return Err(failure);
        }
        // If the folder is not writable, SQLite can only read a file that does not change; the content of
        // a -wal file would be left out.
        if has_content(&damage::beside(file, "-wal")) {
            return Err(failure);
        }
        let uri = url::Url::from_file_path(file).map(|url| format!("{url}?immutable=1"));
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

fn refuse_cut(path: &Path, connection: &Connection) -> Result<(), Failure> {
    Damage::of_length(path, connection).map_or(Ok(()), |damage| Err(Failure::Damaged(damage)))
}

/// Fails if the file is empty although commits were counted. SQLite would fill it as a new one.
fn refuse_emptied(folder: &Path, path: &Path) -> Result<(), Failure> {
    if has_content(path) || has_content(&damage::beside(path, "-wal")) {
        return Ok(());
    }
    match counted(folder) {
        Some((_, commits)) if commits > 0 => Err(Failure::Damaged(Damage::Emptied { commits })),
        _ => Ok(()),
    }
}

fn has_content(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|about| about.len() > 0)
}

/// Returns the identity and the commit count that are kept separately in `folder`.
fn counted(folder: &Path) -> Option<(String, i64)> {
    let mut text = String::new();
    plain::open_plain(&folder.join(MARK))
        .and_then(|file| file.take(200).read_to_string(&mut text))
        .ok()?;
    let (identity, commits) = text.trim().split_once(' ')?;
    Some((identity.to_owned(), commits.parse().ok()?))
}

/// Returns a problem if the file has fewer commits than its separate count.
fn lost_commits(journal: &Journal, path: &Path) -> Option<Problem> {
    let (identity, counted) = counted(&journal.folder)?;
    let (name, commits) = schema::commits(&journal.connection()).ok()?;
    let lost = counted
        .checked_sub(commits)
        .filter(|lost| *lost > 0 && name == identity)?;
    Some(
        Problem::new(
            ProblemKind::Machine,
            format!(
                "the last {lost} changes are missing from journal {}: its -wal file was truncated or \
                removed, or the journal was replaced by an older copy",
                SanitizedText::new(path.display().to_string())
            ),
        )
        .hint("compare windlass runs with windlass channels: runs may have done more than is recorded"),
    )
}

#[cfg(test)]
mod tests;
