//! Actions, and what derives from them: keymap, footer, help.
//!
//! Also defines lookup and scopes. There is no second list of keys.

pub mod aliases;
mod id;
mod key;
mod keymap;
mod lookup;
pub mod page;
pub mod param;
mod perform;
mod scope;
mod spec;
mod twin;

pub use id::ActionId;
pub use key::{Chord, Key};
pub use keymap::{Conflict, Keymap};
pub use lookup::{detail, elsewhere, following, footer, lookup, reachable, scopes};
pub use param::Param;
pub use perform::{act, perform};
pub(in crate::console) use scope::scopes;
pub use scope::{Scope, ScopeSpec};
pub(in crate::console) use spec::actions;
pub use spec::{
    ActionSpec, Availability, FeatureActions, READ_ONLY, always, narrowest, online, online_unless,
};
pub use twin::twin;
