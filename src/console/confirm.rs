//! Proves that the operator typed the confirmation word of an action.
//!
//! [`Confirmed`] can be constructed only here: the typed word must equal the required one. The
//! caller decides what that word is.

/// A value that was confirmed by typing.
#[derive(Clone, Debug, PartialEq)]
pub struct Confirmed<T>(T);

impl<T> Confirmed<T> {
    /// Returns `deed` as confirmed if `typed` equals `wanted` exactly.
    pub fn by_typing(deed: T, typed: &str, wanted: &str) -> Option<Self> {
        (!wanted.is_empty() && typed.trim() == wanted).then_some(Self(deed))
    }

    /// Returns the confirmed value.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// Returns a reference to the confirmed value.
    pub const fn get(&self) -> &T {
        &self.0
    }
}
