//! The action table. Keymap, footer, help and the key page derive from it.
//!
//! Order matters: where two actions of one scope share a key, the first that is not hidden gets it.

mod dialogs;
mod panes;
mod review;
mod run;

use super::ActionSpec;

/// Builds a line of the table.
macro_rules! action {
    ($id:ident, $scope:expr, $keys:expr, $title:literal, $help:literal, $message:expr
     $(, footer $rank:literal)? $(, if $available:ident)? $(, risk $risk:ident)? $(, twin $twin:literal)?
     $(, takes $takes:expr)?) => {
        ActionSpec {
            id: ActionId::$id,
            title: $title,
            help: $help,
            scope: $scope,
            keys: &$keys,
            footer: action!(@footer $($rank)?),
            risk: action!(@risk $($risk)?),
            availability: action!(@if $($available)?),
            message: $message,
            twin: action!(@twin $($twin)?),
            takes: action!(@takes $($takes)?),
        }
    };
    (@footer $rank:literal) => { Some($rank) };
    (@footer) => { None };
    (@risk $risk:ident) => { Risk::$risk };
    (@risk) => { Risk::Read };
    (@if $available:ident) => { can::$available };
    (@if) => { can::always };
    (@twin $twin:literal) => { Some($twin) };
    (@twin) => { None };
    (@takes $takes:expr) => { &$takes };
    (@takes) => { &[] };
}

use action;

static PARTS: [&[ActionSpec]; 4] = [panes::PART, review::PART, run::PART, dialogs::PART];

/// Returns every action.
pub fn all() -> impl Iterator<Item = &'static ActionSpec> {
    PARTS.into_iter().flatten()
}
