//! The proof that somebody typed what a deed asks for.
//!
//! Owns the only way to make a [`Confirmed`]: the typed word must be the wanted one. Must not
//! decide what word that is.

/// Something that was confirmed by typing.
#[derive(Clone, Debug, PartialEq)]
pub struct Confirmed<T>(T);

impl<T> Confirmed<T> {
    /// `deed` confirmed, where `typed` is exactly `wanted`.
    pub fn by_typing(deed: T, typed: &str, wanted: &str) -> Option<Self> {
        (!wanted.is_empty() && typed.trim() == wanted).then_some(Self(deed))
    }

    /// What was confirmed.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// A look at it.
    pub const fn get(&self) -> &T {
        &self.0
    }
}
