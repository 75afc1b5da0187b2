//! Holds what a run needs that no plan, journal or screen may hold: a login or a value.
//!
//! The secrets are kept in memory and wiped when they are dropped at the end of the run. Must not
//! be serialised or shown.

use secrecy::SecretString;

use crate::services::charmhub::sign_on::{Login, SignedOn};

/// Holds the inputs of a run besides its plan.
#[derive(Clone, Default)]
pub struct RunSecrets {
    /// The operator's login, for a second try if the first token got lost on the way.
    pub login: Option<Login>,
    /// A sign-in whose exchange is still to be made.
    pub signed: Option<SignedOn>,
    /// The value that the operator supplied.
    pub brought: Option<SecretString>,
    /// The passphrase of the encrypted file.
    pub passphrase: Option<SecretString>,
}

impl std::fmt::Debug for RunSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RunSecrets(not shown)")
    }
}
