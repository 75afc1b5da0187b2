//! What a deed is given beside its plan: who signs in, the proof of it, a passphrase.
//!
//! Owns it between the dialog and the shell. Nothing here is shown by `Debug`. Must not send
//! anything.

use std::fmt;
use std::sync::Arc;

use super::hidden::Hidden;
use crate::services::charmhub::SignedOn;

/// Who signs in.
#[derive(Clone, Debug, PartialEq)]
pub struct Entered {
    /// E-mail of the account.
    pub email: Hidden,
    /// Its password.
    pub password: Hidden,
    /// The one-time password, where one was asked for.
    pub otp: Option<Hidden>,
}

/// A proven sign-in. Two are the same only where they are one.
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

/// What Ubuntu One says.
#[derive(Clone, Debug, PartialEq)]
pub enum Discharge {
    /// It is who it says.
    Signed(Proof),
    /// A one-time password is needed too.
    OtpWanted,
}

/// What a run is given beside its plan; nothing where it signs nobody in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    /// Who signs in, for a second try where the first token gets lost on its way.
    pub login: Option<Entered>,
    /// The proof that waits for its exchange.
    pub proof: Option<Proof>,
    /// What opens the encrypted file.
    pub passphrase: Option<Hidden>,
}
