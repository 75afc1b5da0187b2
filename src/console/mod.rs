//! The terminal user interface: one model, one `update`, one action table, one view.
//!
//! ```text
//! key, mouse, paste ─┐                                 ┌─> view(&Model) -> frame + hit map
//! results, progress ─┴─> Msg ─> update(&mut Model) ────┤
//! clock (one timer) ─┘                                 └─> Vec<Effect> ─> shell ─> session
//! ```
//!
//! Everything outside [`shell`] is pure: no IO, no clock, no randomness; messages carry the time.
//! Modules follow features: every pane has its own state, update and view. The only effects that
//! can change a remote carry a plan that the operator confirmed by typing.

pub mod actions;
pub mod borders;
pub mod choice;
pub mod command;
pub mod components;
pub mod confirm;
pub mod dialogs;
pub mod effect;
pub mod find;
pub mod given;
pub mod hidden;
pub mod image;
pub mod jumps;
pub mod layout;
pub mod links;
pub mod listing;
pub mod live;
pub mod model;
pub mod msg;
pub mod notification;
pub mod panes;
pub mod paths;
pub mod pending;
pub mod picture;
pub mod promote;
pub mod queue;
pub mod record;
pub mod refresh;
pub mod registry;
pub mod release;
pub mod request;
pub mod review;
pub mod rollback;
pub mod running;
pub mod screen;
pub mod shell;
pub mod sign_in;
pub mod sorting;
pub mod split;
pub mod start;
pub mod state;
pub mod tags;
pub mod tour;
pub mod update;
pub mod upload;
pub mod view;
pub mod wake;
pub mod wishes;
pub mod words;
pub mod workflows;

#[cfg(test)]
mod tests;

pub use model::Model;
pub use msg::Msg;
pub use shell::{ConsoleOptions, restore_terminal, run};
