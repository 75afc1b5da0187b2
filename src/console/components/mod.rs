//! Components shared by screens, panes and dialogs: lists, forms, texts, questions.

pub mod actions;
pub mod dialog;
pub mod form;
pub mod front;
pub mod line;
pub mod list;
pub mod question;
pub mod search;
pub mod text;
pub mod text_dialog;

pub use dialog::Dialog;
pub use line::Line;
pub use list::List;
pub use question::question;
pub use text::Text;
