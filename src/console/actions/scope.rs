//! Defines where actions apply: scopes, and which of them are active together.
//!
//! A key must have one meaning in each of these sets. Must not depend on the model.

use std::fmt;

/// Everything known about a scope.
#[derive(Debug)]
pub struct ScopeSpec {
    /// Its title, which also identifies it.
    pub title: &'static str,
    /// The scopes that are active whenever it is, the narrowest first.
    pub wider: &'static [Scope],
    /// True if typed characters go into a field, so that editing keys cannot be bound to actions.
    pub takes_text: bool,
}

/// Where an action applies. The module of a feature declares its own.
#[derive(Clone, Copy)]
pub struct Scope(&'static ScopeSpec);

impl Scope {
    /// Everywhere, dialogs included.
    pub const ALWAYS: Self = Self::of(&ScopeSpec {
        title: "Everywhere, dialogs included",
        wider: &[],
        takes_text: true,
    });
    /// On every screen without a dialog.
    pub const EVERYWHERE: Self = Self::of(&ScopeSpec {
        title: "Every screen",
        wider: &[Self::ALWAYS],
        takes_text: false,
    });

    /// Returns the scope that `spec` describes.
    pub const fn of(spec: &'static ScopeSpec) -> Self {
        Self(spec)
    }

    /// Returns its title.
    pub const fn title(self) -> &'static str {
        self.0.title
    }

    /// Returns true if typed characters go into a field.
    pub const fn takes_text(self) -> bool {
        self.0.takes_text
    }

    /// Returns the scopes that are active whenever it is, the narrowest first.
    pub const fn wider(self) -> &'static [Self] {
        self.0.wider
    }

    /// Returns this scope and the ones active whenever it is, the narrowest first.
    pub fn with_wider(self) -> Vec<Self> {
        let mut all = vec![self];
        all.extend(self.0.wider);
        all
    }
}

impl PartialEq for Scope {
    fn eq(&self, other: &Self) -> bool {
        self.0.title == other.0.title
    }
}

impl Eq for Scope {}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.title)
    }
}

/// Declares scopes: `NAME "title" in [wider scopes];`, with `, typed` before `in` where characters go
/// into a field.
macro_rules! scopes {
    ($($(#[$doc:meta])* $id:ident $title:literal $(, $typed:ident)? in [$($wider:ident),*];)*) => {
        impl Scope {
            $(
                $(#[$doc])*
                pub const $id: Self = Self::of(&ScopeSpec {
                    title: $title,
                    wider: &[$(Self::$wider),*],
                    takes_text: scopes!(@typed $($typed)?),
                });
            )*
        }
    };
    (@typed typed) => { true };
    (@typed) => { false };
}

pub(in crate::console) use scopes;
