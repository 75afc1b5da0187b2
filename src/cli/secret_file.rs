//! Reads a secret from a file or pipe, only if other users cannot read it.

use std::io::Read;
use std::path::Path;

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::config::file::open_plain;
use crate::domain::{Problem, ProblemKind, SanitizedText};

/// Largest secret read, in bytes: slightly above GitHub's limit.
const LARGEST: u64 = 65_536;

/// Reads the secret in `path` and trims white space; `-` is standard input.
pub fn read(path: &Path) -> Result<SecretString, Problem> {
    if path == Path::new("-") {
        return text_of(std::io::stdin().lock(), "standard input");
    }
    let shown = SanitizedText::new(path.display().to_string());
    let refused = |why: &str| Problem::new(ProblemKind::Credentials, format!("cannot use {shown}: {why}"));
    let failed = |error: std::io::Error| {
        Problem::new(ProblemKind::Credentials, format!("cannot read {shown}"))
            .because(&error)
            .hint("check the path and that you own the file")
    };
    let facts = std::fs::metadata(path).map_err(failed)?;
    if !facts.is_file() {
        return Err(refused("it is not a regular file").hint("use - to read from a pipe"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if facts.permissions().mode() & 0o077 != 0 {
            return Err(refused("other users can read it")
                .cause("the secret may already have been read")
                .hint(format!("chmod 600 {shown}"))
                .hint("if other users have access to this machine, create a new token instead"));
        }
    }
    if facts.len() > LARGEST {
        return Err(refused("it is larger than any secret").hint("use a file that contains only the value"));
    }
    text_of(open_plain(path).map_err(failed)?, shown.as_str())
}

fn text_of(input: impl Read, place: &str) -> Result<SecretString, Problem> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LARGEST as usize));
    input.take(LARGEST).read_to_end(&mut bytes).map_err(|error| {
        Problem::new(ProblemKind::Credentials, format!("cannot read {place}")).because(&error)
    })?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| {
            Problem::new(ProblemKind::Credentials, format!("{place} is not valid UTF-8"))
                .hint("use a file that contains only the value")
        })?
        .trim();
    if text.is_empty() {
        return Err(
            Problem::new(ProblemKind::Credentials, format!("{place} is empty"))
                .hint("write the value into it, for example with windlass login --export FILE"),
        );
    }
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "  value\n").unwrap();
        let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        for open in [0o644, 0o640, 0o604] {
            mode(open);
            let problem = read(&path).unwrap_err();
            assert_eq!(problem.kind, ProblemKind::Credentials);
            assert!(problem.hints[0].as_str().starts_with("chmod 600"), "{problem:?}");
        }
        mode(0o600);
        assert_eq!(read(&path).unwrap().expose_secret(), "value");
        std::fs::write(&path, " \n").unwrap();
        assert!(read(&path).is_err());
        assert!(read(dir.path()).is_err());
    }
}
