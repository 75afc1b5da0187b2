//! Records which value every secret holds: what was written, when GitHub set it, and a keyed
//! fingerprint.
//!
//! The key of the fingerprints is `lineage.key` beside the journal. A fingerprint shows whether two
//! values are equal, but only to those who have the key. Values are never stored.

use std::collections::BTreeSet;
use std::io::Write;

use hmac::{Hmac, KeyInit, Mac};
use rusqlite::params;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use super::store::{Journal, instant, stamp};
use crate::config::file;
use crate::domain::secret::{LineageRecord, Revocation};
use crate::domain::{Fingerprint, Problem, ProblemKind, SanitizedText, SecretTarget, SessionId};
use crate::plan::rotate::revocations::REVOKE_STEP;

/// Length of the key in bytes.
const KEY: usize = 32;

impl Journal {
    /// Returns the keyed fingerprint of a value.
    pub fn fingerprint(&self, value: &SecretString) -> Result<Fingerprint, Problem> {
        let key = self.lineage_key()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|error| {
            Problem::new(ProblemKind::Internal, "the secret fingerprint key is invalid").because(&error)
        })?;
        mac.update(value.expose_secret().as_bytes());
        Ok(Fingerprint(hex::encode(&mac.finalize().into_bytes()[..16])))
    }

    fn lineage_key(&self) -> Result<Vec<u8>, Problem> {
        let path = self.folder().join("lineage.key");
        let broken = |error: std::io::Error| {
            let shown = SanitizedText::new(path.display().to_string());
            let text = format!("cannot use the secret fingerprint key {shown}");
            Problem::new(ProblemKind::Machine, text).because_of_file(
                &error,
                &shown,
                "check that the state directory is writable, or move the file away to create a new key; \
                earlier values then count as unknown",
            )
        };
        let read = || -> std::io::Result<Option<Vec<u8>>> {
            let key = match file::read_within(&path, file::SMALL) {
                Ok(key) => key,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            };
            if key.len() == KEY {
                Ok(Some(key))
            } else {
                Err(std::io::Error::other("it is not 32 bytes long"))
            }
        };
        if let Some(key) = read().map_err(broken)? {
            return Ok(key);
        }
        // Two random UUIDs have 244 random bits.
        let mut key = uuid::Uuid::new_v4().into_bytes().to_vec();
        key.extend_from_slice(uuid::Uuid::new_v4().as_bytes());
        let draft = self
            .folder()
            .join(format!(".lineage.key.{}", uuid::Uuid::new_v4().simple()));
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options
            .open(&draft)
            .and_then(|mut file| file.write_all(&key).and_then(|()| file.sync_all()));
        // The link fails if another process was first: then its key is used.
        let linked = written.and_then(|()| std::fs::hard_link(&draft, &path));
        drop(std::fs::remove_file(&draft));
        match linked {
            Ok(()) => Ok(key),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                read().map_err(broken)?.ok_or_else(|| broken(error))
            }
            Err(error) => Err(broken(error)),
        }
    }

    /// Records a value that was written.
    pub fn record_lineage(&self, record: &LineageRecord) -> Result<(), Problem> {
        self.write(
            "INSERT INTO lineage
                 (environment, workspace, repository, secret, updated_at, fingerprint, session, expires_at, run, at)
             VALUES (?1, ?10, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                self.environment,
                record.target.repository.as_str(),
                record.target.secret.as_str(),
                stamp(record.updated_at),
                record.fingerprint.0,
                record.session.as_ref().map(SessionId::as_str),
                // Exactly as in the value, because the same expiry is stored elsewhere too.
                record
                    .expires_at
                    .map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)),
                record.run.as_str(),
                stamp(record.at),
                self.workspace.as_deref().unwrap_or_default(),
            ],
        )
    }

    /// Returns the sessions that runs of this workspace revoked, and those of `lineage` that any
    /// run revoked, oldest first.
    pub fn revocations(&self, lineage: &[LineageRecord]) -> Result<Vec<Revocation>, Problem> {
        let connection = self.reading()?;
        let read = || {
            let mut statement = connection.prepare(
                "SELECT step.id, step.finished_at, ?3 IS NULL OR run.workspace = ?3
                 FROM step JOIN run ON run.id = step.run
                 WHERE run.environment = ?1 AND step.outcome = 'done' AND step.id LIKE ?2
                 ORDER BY step.finished_at",
            )?;
            statement
                .query_map(
                    params![self.environment, format!("{REVOKE_STEP}%"), self.workspace],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )?
                .collect::<Result<Vec<(String, Option<String>, bool)>, rusqlite::Error>>()
        };
        let rows = read().map_err(|error| self.broken(&error))?;
        let held = |session: &SessionId| {
            lineage
                .iter()
                .any(|record| record.session.as_ref() == Some(session))
        };
        let revocation = |(step, at, own): (String, Option<String>, bool)| {
            let session = SessionId::new(step.strip_prefix(REVOKE_STEP)?);
            let at = instant(&at?)?;
            (own || held(&session)).then_some(Revocation { session, at })
        };
        Ok(rows.into_iter().filter_map(revocation).collect())
    }

    /// Returns every value that a run of this workspace wrote, and those that any run wrote to the
    /// secrets `named`, oldest first.
    pub fn lineage(&self, named: &BTreeSet<&SecretTarget>) -> Result<Vec<LineageRecord>, Problem> {
        struct Row {
            own: bool,
            record: Option<LineageRecord>,
        }
        let record = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Row> {
            let text = |at: usize| row.get::<_, String>(at);
            let optional = |at: usize| row.get::<_, Option<String>>(at);
            let read = |repository: &str, secret: &str, updated_at: &str, at: &str| {
                Some((
                    SecretTarget {
                        repository: repository.parse().ok()?,
                        secret: secret.parse().ok()?,
                    },
                    instant(updated_at)?,
                    instant(at)?,
                ))
            };
            let parsed = read(&text(0)?, &text(1)?, &text(2)?, &text(7)?);
            let (fingerprint, session, end, run) = (text(3)?, optional(4)?, optional(5)?, text(6)?);
            Ok(Row {
                own: row.get(8)?,
                record: parsed.map(|(target, updated_at, at)| LineageRecord {
                    target,
                    updated_at,
                    fingerprint: Fingerprint(fingerprint),
                    session: session.map(|session| SessionId::new(&session)),
                    expires_at: end.as_deref().and_then(instant),
                    run: SanitizedText::new(run),
                    at,
                }),
            })
        };
        let connection = self.reading()?;
        let read = || {
            let mut statement = connection.prepare(
                "SELECT repository, secret, updated_at, fingerprint, session, expires_at, run, at,
                     ?2 IS NULL OR workspace = ?2
                 FROM lineage WHERE environment = ?1 ORDER BY number",
            )?;
            statement
                .query_map(params![self.environment, self.workspace], record)?
                .collect::<Result<Vec<Row>, rusqlite::Error>>()
        };
        let rows = read().map_err(|error| self.broken(&error))?;
        let kept = |row: Row| {
            let record = row.record?;
            (row.own || named.contains(&record.target)).then_some(record)
        };
        Ok(rows.into_iter().filter_map(kept).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    #[test]
    fn a_fingerprint_is_the_same_only_under_the_same_key() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let value = SecretString::from("AgEP-value");
        let mine = Journal::open(here.path(), "w").unwrap();
        let first = mine.fingerprint(&value).unwrap();
        let again = Journal::open(here.path(), "other").unwrap();
        assert_eq!(again.fingerprint(&value).unwrap(), first);
        assert_ne!(
            mine.fingerprint(&SecretString::from("AgEP-valuf")).unwrap(),
            first
        );
        let theirs = Journal::open(there.path(), "w").unwrap();
        assert_ne!(theirs.fingerprint(&value).unwrap(), first);
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(here.path().join("lineage.key"))
                .unwrap()
                .permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn lineage_is_read_back_in_order_and_by_environment() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), "w").unwrap();
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let record = |seconds| LineageRecord {
            target: "o/r:TOKEN".parse().unwrap(),
            updated_at: at(seconds),
            fingerprint: Fingerprint("f".to_owned()),
            session: Some(SessionId::new("s")),
            expires_at: None,
            run: SanitizedText::new("r"),
            at: at(seconds + 1),
        };
        journal.record_lineage(&record(2)).unwrap();
        journal.record_lineage(&record(1)).unwrap();
        let all = journal.lineage(&BTreeSet::new()).unwrap();
        assert_eq!(all, [record(2), record(1)]);
        let elsewhere = Journal::open(folder.path(), "another").unwrap();
        assert!(elsewhere.lineage(&BTreeSet::new()).unwrap().is_empty());
        // Values of another workspace are included if this one names their secret.
        let regtech = journal.of_workspace("regtech");
        assert!(regtech.lineage(&BTreeSet::new()).unwrap().is_empty());
        assert_eq!(
            regtech.lineage(&BTreeSet::from([&record(1).target])).unwrap(),
            all
        );
        regtech.record_lineage(&record(3)).unwrap();
        assert_eq!(regtech.lineage(&BTreeSet::new()).unwrap(), [record(3)]);
    }
}
