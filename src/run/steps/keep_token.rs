//! Keeps the token of this run on this machine: keyring, encrypted file or export.

use std::path::Path;

use secrecy::ExposeSecret;

use super::{Ended, Tools, Work, note};
use crate::domain::{Kind, Problem};
use crate::plan::{Keep, StepId, rotate};
use crate::run::progress::Phase;
use crate::services::credential_file::CredentialFile;
use crate::services::{keyring, private_file};

pub async fn perform(tools: &Tools, mut work: Work<'_>, keep: Keep) -> Ended {
    if let Some(minted) = (work.made_of)(&StepId(rotate::SIGN_IN_STEP.to_owned())) {
        work.made.session = minted.session;
        work.made.expires_at = minted.expires_at;
    }
    note(&work, Phase::Sending, "keeping the token");
    let kept = match keep {
        Keep::Keyring => in_keyring(tools).await,
        Keep::EncryptedFile => in_encrypted_file(tools),
        Keep::Export { path, force } => export(tools, Path::new(&path), force),
    };
    match kept {
        Ok(()) => {
            tools.services().forget_token();
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
    let write = if force {
        private_file::write
    } else {
        private_file::write_new
    };
    write(path, export.expose_secret().as_bytes())
}
