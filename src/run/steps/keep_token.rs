//! Keeps the token of this run on this machine: keyring, encrypted file or export.

use std::io::Write;
use std::path::Path;

use secrecy::ExposeSecret;

use super::{Ended, Tools, Work, note};
use crate::domain::{Kind, Outside, Problem};
use crate::plan::{Keep, StepId, rotate};
use crate::run::progress::Phase;
use crate::services::charmhub::StoreToken;
use crate::services::credential_file::CredentialFile;
use crate::services::keyring;

pub async fn perform(tools: &Tools, mut work: Work<'_>, keep: Keep) -> Ended {
    if let Some(minted) = (work.made_of)(&StepId(rotate::SIGN_IN_STEP.to_owned())) {
        work.made.session = minted.session;
        work.made.expires_at = minted.expires_at;
    }
    note(&work, Phase::Sending, "keeping the token");
    let exported = matches!(keep, Keep::Export { .. });
    let kept = match keep {
        Keep::Keyring => in_keyring(tools).await,
        Keep::EncryptedFile => in_encrypted_file(tools),
        Keep::Export { path, force } => export(tools, Path::new(&path), force),
    };
    match kept {
        Ok(()) => {
            if !exported {
                use_it(tools);
            }
            Ended::done(work.made)
        }
        Err(problem) => Ended::failed(
            work.made,
            problem.hint(
                "the token that was minted is held by nobody now: revoke its session, or sign in again",
            ),
        ),
    }
}

/// Whoever signed in means to go on with that token, in this process at least: where it was kept
/// may be closed by a passphrase, and a variable may name another.
fn use_it(tools: &Tools) {
    let services = tools.services();
    match tools.value() {
        Ok(value) => match StoreToken::from_export(value.expose_secret(), "the sign-in") {
            Ok(token) => services.use_token(token),
            Err(_) => services.forget_token(),
        },
        Err(_) => services.forget_token(),
    }
}

async fn in_keyring(tools: &Tools) -> Result<(), Problem> {
    let export = tools.value()?;
    keyring::keep(&tools.services().endpoints.charmhub, &export).await
}

fn in_encrypted_file(tools: &Tools) -> Result<(), Problem> {
    let export = tools.value()?;
    let passphrase = tools.means.passphrase.as_ref().ok_or_else(|| {
        Problem::new(Kind::Usage, "the encrypted file needs a passphrase").hint("give --passphrase-file FILE")
    })?;
    CredentialFile::in_folder(tools.session.journal.folder()).keep(
        passphrase,
        &tools.services().endpoints.charmhub,
        &export,
    )
}

fn export(tools: &Tools, path: &Path, force: bool) -> Result<(), Problem> {
    let export = tools.value()?;
    let shown = Outside::new(path.display().to_string());
    let failed = |error: std::io::Error| {
        let problem = if error.kind() == std::io::ErrorKind::AlreadyExists {
            Problem::new(Kind::Refused, format!("{shown} exists: it is not overwritten"))
                .hint("name another file, or add --force")
        } else {
            Problem::new(Kind::Machine, format!("{shown} cannot be written")).because(&error)
        };
        problem.hint("nothing was written there")
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let name = path
        .file_name()
        .map_or_else(|| "export".to_owned(), |name| name.to_string_lossy().into_owned());
    let draft = folder
        .unwrap_or(Path::new("."))
        .join(format!(".{name}.{}", uuid::Uuid::new_v4().simple()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&draft).and_then(|mut file| {
        file.write_all(export.expose_secret().as_bytes())?;
        file.sync_all()
    });
    // A link never replaces what is there; a rename does.
    let placed = written.and_then(|()| {
        if force {
            std::fs::rename(&draft, path)
        } else {
            std::fs::hard_link(&draft, path)
        }
    });
    drop(std::fs::remove_file(&draft));
    placed.map_err(failed)
}
