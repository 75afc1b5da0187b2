//! The sign-in dialog: e-mail, password and, where Ubuntu One wants one, a one-time password.
//!
//! Owns what is typed until the dialog closes; it is wiped then. Opened only behind a confirmed
//! deed, which it carries. Must not send anything.

mod update;
pub mod view;

pub use update::{accept, close, discharged, edit, open, paste, step};

use super::confirm::Confirmed;
use super::effect::RequestId;
use super::hidden::Hidden;
use crate::domain::Problem;
use crate::domain::credential::TokenScope;
use crate::journal::RunId;
use crate::plan::Plan;

/// What the sign-in is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// A run of this plan.
    Start(Box<Confirmed<Plan>>),
    /// A run that is taken up.
    Resume(Confirmed<RunId>),
}

/// What a field asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// E-mail of the Ubuntu One account.
    Email,
    /// Its password.
    Password,
    /// The one-time password.
    Otp,
    /// The passphrase of the encrypted file.
    Passphrase,
    /// The same again.
    PassphraseAgain,
}

impl Ask {
    /// Its label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Email => "E-mail",
            Self::Password => "Password",
            Self::Otp => "One-time password",
            Self::Passphrase => "Passphrase of file",
            Self::PassphraseAgain => "Passphrase again",
        }
    }

    /// True where what is typed must not be seen.
    pub const fn masked(self) -> bool {
        !matches!(self, Self::Email)
    }
}

/// A field.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// What it asks for.
    pub ask: Ask,
    /// What is typed.
    pub text: Hidden,
}

impl Field {
    /// An empty field.
    pub fn of(ask: Ask) -> Self {
        Self {
            ask,
            text: Hidden::default(),
        }
    }
}

/// The dialog.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// What follows.
    pub deed: Deed,
    /// What the token is to be good for.
    pub scope: TokenScope,
    /// The fields.
    pub fields: Vec<Field>,
    /// The field with the cursor.
    pub at: usize,
    /// The question to Ubuntu One under way.
    pub in_flight: Option<RequestId>,
    /// Why the last try was none.
    pub problem: Option<Problem>,
}

impl SignIn {
    /// What was typed into the field that asks for `ask`.
    pub fn typed(&self, ask: Ask) -> Option<&Hidden> {
        self.fields
            .iter()
            .find(|field| field.ask == ask)
            .map(|field| &field.text)
    }
}
