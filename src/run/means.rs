//! What a run needs that no plan, journal or screen may hold: a login, a value that was brought.
//!
//! Owns it in memory until the run is over; the secrets in it are wiped when it is dropped. Must
//! not be serialised or shown.

use secrecy::SecretString;

use crate::services::charmhub::sign_on::{Login, SignedOn};

/// What a run is given beside its plan.
#[derive(Clone, Default)]
pub struct Means {
    /// The operator's login, for a second try where the first token got lost on its way.
    pub login: Option<Login>,
    /// A sign-in that waits for its exchange.
    pub signed: Option<SignedOn>,
    /// The value that the operator brought.
    pub brought: Option<SecretString>,
    /// What opens the encrypted file.
    pub passphrase: Option<SecretString>,
}

impl std::fmt::Debug for Means {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Means(not shown)")
    }
}
