//! The plan review: what would change, and changes to the intent before it is confirmed. A publish
//! is shown by image and channel, every other plan by step.
//!
//! It never plans itself but requests a new plan.

pub mod actions;
mod blocked;
mod fold;
mod leave;
mod lines;
mod outline;
mod rows;
pub mod screen;
mod sections;
mod seen;
pub mod state;
mod steps;
mod update;
pub mod view;

pub use blocked::blocking;
pub use fold::{in_sight, move_by, pick, scroll, selected};
pub use leave::{come_back, sign_in};
pub use lines::{Outline, outline};
pub use outline::{Entry, Folds, ReviewLine};
pub use state::{
    Item, Origin, Orphan, Review, ReviewKind, choices, items, left_out_secrets, orphans, refused_secrets,
};
pub use update::{open, open_over, plan_again, planned, replace_image, started, usual_scope};
