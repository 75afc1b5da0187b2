//! Recognises a disk that is full, and says what to do about it.

use std::io;

use super::text::SanitizedText;

/// Why a file gets no more bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSpace {
    /// The disk is full.
    Disk,
    /// The user's share of the disk is used up.
    Quota,
    /// The limit on the size of a file is reached.
    FileSize,
}

impl NoSpace {
    /// Returns the lack of space that `error` reports, if it reports one.
    pub fn of(error: &io::Error) -> Option<Self> {
        match error.kind() {
            io::ErrorKind::StorageFull => Some(Self::Disk),
            io::ErrorKind::QuotaExceeded => Some(Self::Quota),
            io::ErrorKind::FileTooLarge => Some(Self::FileSize),
            _ => None,
        }
    }

    /// Returns the hint for a file or folder at `place`; `then` is what to do once there is space.
    pub fn hint(self, place: &SanitizedText, then: &str) -> String {
        match self {
            Self::Disk => format!("no space is left on the disk of {place}: free some, then {then}"),
            Self::Quota => format!("your quota on the disk of {place} is used up: free some, then {then}"),
            Self::FileSize => {
                format!("{place} reached the limit on the size of a file: raise it (ulimit -f), then {then}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::problem::{Problem, ProblemKind};
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_every_other_error_of_a_file() {
        let hint = |kind: io::ErrorKind| {
            let problem = Problem::new(ProblemKind::Machine, "a file cannot be written");
            let problem =
                problem.because_of_file(&kind.into(), &SanitizedText::new("/state"), "check its folder");
            assert_eq!(problem.causes.len(), 1);
            problem.hints[0].to_string()
        };
        assert_eq!(
            hint(io::ErrorKind::StorageFull),
            "no space is left on the disk of /state: free some, then run the same command again"
        );
        assert!(hint(io::ErrorKind::QuotaExceeded).contains("quota on the disk of /state"));
        assert!(hint(io::ErrorKind::FileTooLarge).contains("ulimit -f"));
        for other in [
            io::ErrorKind::PermissionDenied,
            io::ErrorKind::NotFound,
            io::ErrorKind::ReadOnlyFilesystem,
            io::ErrorKind::WriteZero,
        ] {
            assert_eq!(hint(other), "check its folder");
        }
    }
}
