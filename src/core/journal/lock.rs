//! Locks charms and secrets, so that only one run at a time changes each of them in an environment
//! on this machine.
//!
//! The locks are those of the operating system and end with the process. Taking a lock never waits.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::record::RunId;
use super::store::make_private;
use crate::config::file;
use crate::domain::{Problem, ProblemKind, SanitizedText};
use crate::plan::Subject;

/// Longest name of a holder that is read, in bytes.
const HOLDER: u64 = 1000;

/// Locks that are held until dropped.
#[derive(Debug)]
pub struct SubjectLocks {
    _files: Vec<File>,
    run_file: PathBuf,
}

impl Drop for SubjectLocks {
    fn drop(&mut self) {
        // A leftover file is harmless: it is not locked.
        drop(std::fs::remove_file(&self.run_file));
    }
}

/// Returns true if a running process works on `run`.
pub fn is_running(folder: &Path, run: &RunId) -> bool {
    let Ok(file) = file::open_plain(&run_path(folder, run)) else {
        return false;
    };
    matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock))
}

/// Returns a run that a running process works on, in any environment whose locks are under
/// `folder`.
pub(super) fn any_running(folder: &Path) -> Option<String> {
    let files = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
    files(folder)
        .flat_map(|environment| files(&environment.path()))
        .find_map(|entry| {
            let name = entry.file_name();
            let run = name.to_str()?.strip_prefix("run-")?.strip_suffix(".lock")?;
            let file = file::open_plain(&entry.path()).ok()?;
            matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock)).then(|| run.to_owned())
        })
}

fn run_path(folder: &Path, run: &RunId) -> PathBuf {
    let name: String = run
        .0
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect();
    folder.join(format!("run-{name}.lock"))
}

/// Returns the file name of a subject, unique for each.
fn file_name(subject: &Subject) -> String {
    subject
        .to_string()
        .chars()
        .map(|c| match c {
            '/' => '+',
            ':' | ' ' => '=',
            other => other,
        })
        .collect()
}

impl SubjectLocks {
    /// Locks every subject, in sorted order so that two runs cannot block each other. If one is
    /// locked, the error names its holder and since when. `holder` is written to the file for that.
    pub fn take(folder: &Path, subjects: &[Subject], run: &RunId, holder: &str) -> Result<Self, Problem> {
        let broken = |error: std::io::Error| {
            let shown = SanitizedText::new(folder.display().to_string());
            Problem::new(ProblemKind::Machine, format!("cannot create locks in {shown}")).because_of_file(
                &error,
                &shown,
                "check that the state directory is writable",
            )
        };
        for folder in folder.parent().into_iter().chain([folder]) {
            make_private(folder).map_err(broken)?;
        }
        let mut sorted: Vec<&Subject> = subjects.iter().collect();
        sorted.sort();
        let mut files = Vec::new();
        for subject in sorted {
            let path = folder.join(format!("{}.lock", file_name(subject)));
            let mut file = file::open_to_lock(&path).map_err(broken)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(std::fs::TryLockError::WouldBlock) => {
                    let mut text = String::new();
                    let who = match (&mut file).take(HOLDER).read_to_string(&mut text) {
                        Ok(_) if !text.trim().is_empty() => SanitizedText::capped(text.trim(), 200),
                        _ => SanitizedText::new("another windlass"),
                    };
                    return Err(
                        Problem::new(ProblemKind::Conflict, format!("{subject} is in use by {who}"))
                            .hint("wait until that run finishes; see 'windlass runs'"),
                    );
                }
                Err(std::fs::TryLockError::Error(error)) => return Err(broken(error)),
            }
            file.set_len(0).map_err(broken)?;
            file.seek(SeekFrom::Start(0)).map_err(broken)?;
            file.write_all(holder.as_bytes()).map_err(broken)?;
            files.push(file);
        }
        let run_file = run_path(folder, run);
        let file = file::open_to_lock(&run_file).map_err(broken)?;
        if file.try_lock().is_err() {
            return Err(
                Problem::new(ProblemKind::Conflict, format!("run {run} is already in progress"))
                    .hint("wait until it finishes; see 'windlass runs'"),
            );
        }
        files.push(file);
        Ok(Self {
            _files: files,
            run_file,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_and_since_when() {
        let folder = tempfile::tempdir().unwrap();
        let charm = |name: &str| Subject::Charm(name.parse().unwrap());
        let secret = Subject::Secret("o/r:TOKEN".parse().unwrap());
        let charms = vec![charm("b"), secret, charm("a")];
        let (one, two) = (RunId("1".to_owned()), RunId("2".to_owned()));
        let held = SubjectLocks::take(folder.path(), &charms, &one, "ann@desk since 12:00 (run 7)").unwrap();
        assert!(is_running(folder.path(), &one));
        let problem = SubjectLocks::take(folder.path(), &charms[..1], &two, "bob").unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Conflict);
        assert!(problem.to_string().contains("ann@desk since 12:00"), "{problem}");
        drop(held);
        assert!(!is_running(folder.path(), &one));
        SubjectLocks::take(folder.path(), &charms, &two, "bob").unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_in_place_of_a_lock_is_refused_and_not_waited_for() {
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("demo");
        std::fs::create_dir(&folder).unwrap();
        let charm = Subject::Charm("a".parse().unwrap());
        let run = RunId("1".to_owned());
        let pipe = |path: &Path| {
            let mode = rustix::fs::Mode::from_raw_mode(0o600);
            rustix::fs::mkfifoat(rustix::fs::CWD, path, mode).unwrap();
        };
        pipe(&run_path(&folder, &run));
        assert!(!is_running(&folder, &run));
        assert_eq!(any_running(above.path()), None);
        let problem = SubjectLocks::take(&folder, &[], &run, "ann").unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Machine, "{problem}");
        pipe(&folder.join(format!("{}.lock", file_name(&charm))));
        let problem = SubjectLocks::take(&folder, &[charm], &run, "ann").unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Machine);
        assert!(
            problem
                .causes
                .iter()
                .any(|cause| cause.as_str().contains("a pipe")),
            "{problem}"
        );
    }
}
