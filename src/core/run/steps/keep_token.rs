//! Stores the token of this run on this machine: keyring, encrypted file or export.

use std::path::Path;

use secrecy::ExposeSecret;

use super::{StepClients, StepContext, StepResult, note};
use crate::domain::{Problem, ProblemKind};
use crate::plan::{StepId, TokenStorage, rotate};
use crate::run::progress::Phase;
use crate::services::charmhub::StoreToken;
use crate::services::credential_file::CredentialFile;
use crate::services::{keyring, private_file};

pub async fn perform(tools: &StepClients, mut work: StepContext<'_>, keep: TokenStorage) -> StepResult {
    if let Some(minted) = (work.made_of)(&StepId(rotate::SIGN_IN_STEP.to_owned())) {
        work.made.session = minted.session;
        work.made.expires_at = minted.expires_at;
    }
    note(&work, Phase::Sending, "storing the token");
    let exported = matches!(keep, TokenStorage::Export { .. });
    let kept = match keep {
        TokenStorage::Keyring => in_keyring(tools).await,
        TokenStorage::EncryptedFile => in_encrypted_file(tools),
        TokenStorage::Export { path, force } => export(tools, Path::new(&path), force),
    };
    match kept {
        Ok(()) => {
            if !exported {
                use_it(tools);
            }
            StepResult::done(work.made)
        }
        Err(problem) => StepResult::failed(
            work.made,
            problem.hint("the new token was not stored: revoke its session, or sign in again"),
        ),
    }
}

/// Uses the new token in this process from now on. Needed because the place where it was stored
/// may be locked by a passphrase, and a variable may name another token.
fn use_it(tools: &StepClients) {
    let services = tools.services();
    match tools.value() {
        Ok(value) => match StoreToken::from_export(value.expose_secret(), "the sign-in") {
            Ok(token) => services.use_token(token),
            Err(_) => services.forget_token(),
        },
        Err(_) => services.forget_token(),
    }
}

async fn in_keyring(tools: &StepClients) -> Result<(), Problem> {
    let export = tools.value()?;
    keyring::keep(&tools.services().endpoints.charmhub, &export).await
}

fn in_encrypted_file(tools: &StepClients) -> Result<(), Problem> {
    let export = tools.value()?;
    let passphrase = tools.means.passphrase.as_ref().ok_or_else(|| {
        Problem::new(ProblemKind::Usage, "the encrypted file needs a passphrase")
            .hint("give --passphrase-file FILE")
    })?;
    CredentialFile::in_folder(tools.session.journal.folder()).keep(
        passphrase,
        &tools.services().endpoints.charmhub,
        &export,
    )
}

fn export(tools: &StepClients, path: &Path, force: bool) -> Result<(), Problem> {
    let export = tools.value()?;
    let write = if force {
        private_file::write
    } else {
        private_file::write_new
    };
    write(path, export.expose_secret().as_bytes())
}
