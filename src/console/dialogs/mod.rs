//! Dialogs of the console itself: palette, help, an input field, a choice.

pub mod actions;
pub mod choose;
pub mod help;
mod leave;
pub mod palette;
mod prompt;
pub mod search_view;
mod signs;

pub use choose::{Choice, Choose};
pub use help::Help;
pub use leave::Leave;
pub use palette::Palette;
pub use prompt::{Prompt, Purpose};
