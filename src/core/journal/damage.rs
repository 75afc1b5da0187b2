//! Detects that the journal's file is damaged: SQLite reports it, the file ends within a page, or
//! it is empty although commits were counted.

use std::collections::BTreeSet;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use crate::config::file;
use crate::domain::{Problem, ProblemKind, SanitizedText, count};

/// Page size of the journal in bytes: SQLite's default.
pub(super) const PAGE: u16 = 4096;
/// Size of the header of a -wal file, and of the header before each of its pages
/// (<https://www.sqlite.org/fileformat2.html#the_write_ahead_log>).
const WAL_HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;

/// What is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// SQLite found it.
    Database(SanitizedText),
    /// The file ends within a page.
    Cut {
        /// Length of the file in bytes.
        length: u64,
        /// Size of a page in bytes.
        page: u64,
    },
    /// The file is empty, but `commits` were written to it.
    Emptied { commits: i64 },
}

impl Damage {
    /// Returns the damage that an error of SQLite reports.
    pub(super) fn of(error: &rusqlite::Error) -> Option<Self> {
        let code = error.sqlite_error()?;
        let damaged = matches!(code.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
            // The file ends where SQLite expects content.
            || code.extended_code == ffi::SQLITE_IOERR_SHORT_READ;
        damaged.then(|| Self::Database(SanitizedText::capped(error.to_string(), 200)))
    }

    /// Returns the damage that the length of the file at `path` shows.
    ///
    /// SQLite reads the missing end of a page as zeros. An interrupted checkpoint leaves such an
    /// end too, but then the whole page is in the -wal file.
    pub(super) fn of_length(path: &Path, connection: &Connection) -> Option<Self> {
        let length = || std::fs::metadata(path).map(|about| about.len()).ok();
        let page: i64 = connection
            .pragma_query_value(None, "page_size", |row| row.get(0))
            .ok()?;
        let page = u64::try_from(page).ok().filter(|page| *page > 0)?;
        let found = length()?;
        let last = found / page + 1;
        // Another process may write the page while the files are read.
        let whole = |length: u64| length.is_multiple_of(page);
        if whole(found) || wal_has(path, last, page) || length() != Some(found) {
            return None;
        }
        Some(Self::Cut { length: found, page })
    }

    /// Returns the problem. At most `runs` runs can still be read, if known.
    pub(super) fn problem(&self, place: &SanitizedText, runs: Option<usize>) -> Problem {
        let rest = match runs {
            Some(0) => "; none of its runs can be read".to_owned(),
            Some(runs) => format!("; up to {} can still be read", count(runs, "run", "runs")),
            None => String::new(),
        };
        let problem = Problem::new(ProblemKind::Machine, format!("journal {place} is damaged{rest}"));
        let problem = match self {
            Self::Database(why) => problem.cause(why),
            Self::Cut { length, page } => problem.cause(format!(
                "the file was cut short: it has {length} bytes, which is no multiple of its page size {page}"
            )),
            Self::Emptied { commits } => problem.cause(format!(
                "the file is empty, but {} were written to it",
                count(usize::try_from(*commits).unwrap_or_default(), "change", "changes")
            )),
        };
        problem
            .hint("windlass doctor --set-journal-aside recovers the readable rows and keeps the damaged file")
    }
}

/// Returns the path of a file that SQLite keeps beside the database file.
pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Returns true if the -wal file of the database at `path` has content for page `number`.
fn wal_has(path: &Path, number: u64, page: u64) -> bool {
    let search = || -> std::io::Result<bool> {
        let mut wal = file::open_plain(&beside(path, "-wal"))?;
        let mut header = [0; WAL_HEADER as usize];
        wal.read_exact(&mut header)?;
        let mut at = WAL_HEADER;
        loop {
            let mut frame = [0; FRAME_HEADER as usize];
            wal.seek(SeekFrom::Start(at))?;
            wal.read_exact(&mut frame)?;
            // Frames of an earlier generation have other salts.
            if frame[8..16] != header[16..24] {
                return Ok(false);
            }
            let [a, b, c, d, ..] = frame;
            if u64::from(u32::from_be_bytes([a, b, c, d])) == number {
                return Ok(true);
            }
            at += FRAME_HEADER + page;
        }
    };
    search().unwrap_or_default()
}

/// Returns the number of runs that SQLite reads from the damaged file at `path`; `None` if it reads
/// nothing at all. Setting the journal aside leaves out runs in a page that was cut.
pub(super) fn readable_runs(path: &Path) -> Option<usize> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
    // SQLite then also reads a file that is shorter than its header states.
    connection.pragma_update(None, "writable_schema", true).ok()?;
    let mut found: BTreeSet<String> = BTreeSet::new();
    let mut read = |order: &str| -> rusqlite::Result<()> {
        let mut select = connection.prepare(&format!("SELECT * FROM run ORDER BY rowid {order}"))?;
        let columns = select.column_count();
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                row.get::<_, Value>(column)?;
            }
            // A row in a page that was cut may have no id.
            found.extend(row.get::<_, String>("id"));
        }
        Ok(())
    };
    // After damage the rest is read from the end.
    let read = read("ASC").or_else(|_| read("DESC"));
    (read.is_ok() || !found.is_empty()).then_some(found.len())
}
