//! The sign-in dialog: e-mail, password and, if Ubuntu One requires it, a one-time password.
//!
//! The input is wiped when the dialog closes. It is opened only for a confirmed action, which it
//! carries.

pub mod actions;
mod update;
pub mod view;

pub use super::pending::PendingAction;
pub use update::{discharged, open};

use super::Model;
use super::effect::{Effect, RequestId};
use super::given::Given;
use super::hidden::Hidden;
use crate::domain::Problem;
use crate::domain::credential::TokenScope;

/// What a field is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Email of the Ubuntu One account.
    Email,
    /// Its password.
    Password,
    /// The one-time password.
    Otp,
    /// The passphrase of the encrypted file.
    Passphrase,
    /// The passphrase, repeated.
    PassphraseAgain,
}

impl Ask {
    /// Returns its label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Email => "Email",
            Self::Password => "Password",
            Self::Otp => "One-time password",
            Self::Passphrase => "Passphrase of file",
            Self::PassphraseAgain => "Passphrase again",
        }
    }

    /// Returns true if the input is masked.
    pub const fn masked(self) -> bool {
        !matches!(self, Self::Email)
    }
}

/// An input field.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// What it is for.
    pub ask: Ask,
    /// The input.
    pub text: Hidden,
}

impl Field {
    /// Returns an empty field.
    pub fn of(ask: Ask) -> Self {
        Self {
            ask,
            text: Hidden::default(),
        }
    }
}

/// Continues with what a sign-in was for.
pub type Continue = fn(&mut Model, PendingAction, Given) -> Vec<Effect>;

/// The state of the sign-in dialog.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// What it is for.
    pub deed: PendingAction,
    /// Continues with it once signed in.
    pub then: Continue,
    /// The scope of the token.
    pub scope: TokenScope,
    /// The fields.
    pub fields: Vec<Field>,
    /// The field with the cursor.
    pub at: usize,
    /// The pending request to Ubuntu One.
    pub in_flight: Option<RequestId>,
    /// Why the last attempt failed.
    pub problem: Option<Problem>,
}

impl SignIn {
    /// Returns the input of the field for `ask`.
    pub fn entry(&self, ask: Ask) -> Option<&Hidden> {
        self.fields
            .iter()
            .find(|field| field.ask == ask)
            .map(|field| &field.text)
    }
}
