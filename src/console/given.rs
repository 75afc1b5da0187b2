//! Holds what a run needs besides its plan: the account, the proven sign-in, a passphrase.
//!
//! It is kept here between the dialog and the shell, and is never printed by `Debug`.

use std::fmt;
use std::sync::Arc;

use super::hidden::Hidden;
use crate::services::charmhub::SignedOn;

/// The account that signs in.
#[derive(Clone, Debug, PartialEq)]
pub struct Entered {
    /// Email of the account.
    pub email: Hidden,
    /// Its password.
    pub password: Hidden,
    /// The one-time password, if one was requested.
    pub otp: Option<Hidden>,
}

/// A proven sign-in. Two are equal only if they are the same object.
#[derive(Clone)]
pub struct Proof(pub Arc<SignedOn>);

impl PartialEq for Proof {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proof")
    }
}

/// The answer of Ubuntu One.
#[derive(Clone, Debug, PartialEq)]
pub enum Discharge {
    /// The sign-in is proven.
    Signed(Proof),
    /// A one-time password is required too.
    OtpWanted,
}

/// What a run needs besides its plan; empty if it signs no account in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    /// The account, for a second attempt if the first token is lost in transit.
    pub login: Option<Entered>,
    /// The proof, until it is exchanged.
    pub proof: Option<Proof>,
    /// The passphrase of the encrypted file.
    pub passphrase: Option<Hidden>,
}
