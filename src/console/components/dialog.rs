//! The interface between dialogs and the rest of the console.
//!
//! At most one dialog is open; it may keep another one below itself. A dialog draws itself and
//! handles what reaches it; its actions are in its own part of the table.

use std::any::Any;
use std::fmt;

use ratatui::Frame;

use super::Text;
use crate::console::Model;
use crate::console::actions::{ActionId, Key, Scope};
use crate::console::hidden::Hidden;
use crate::console::view::Drawn;
use crate::domain::Repository;

/// Most characters that are pasted at once.
const PASTED: usize = 200;

/// A dialog above the screen.
pub trait Dialog: fmt::Debug + Any + Send + Sync {
    /// Returns the scope of its actions.
    fn scope(&self) -> Scope;

    /// Returns a copy.
    fn boxed(&self) -> Box<dyn Dialog>;

    /// Draws it over the screen.
    fn draw(&self, model: &Model, frame: &mut Frame, drawn: &mut Drawn);

    /// Fits scroll positions and cursors to what is shown now.
    fn fit(&mut self, _: &Model) {}

    /// Moves its cursor by rows or fields, or scrolls it by lines.
    fn move_by(&mut self, _: &Model, _steps: isize) {}

    /// Selects the line that was clicked.
    fn pick(&mut self, _: &Model, _line: usize) {}

    /// Applies a typed key to its field.
    fn typed(&mut self, _: &Model, _key: Key) {}

    /// Pastes into its field.
    fn paste(&mut self, model: &Model, text: &Hidden) {
        if self.scope().takes_text() {
            let typed = text.expose().trim().chars().filter(|c| !c.is_control());
            for c in typed.take(PASTED) {
                self.typed(model, Key::Char(c));
            }
        }
    }

    /// Returns its text, if it shows one that can be searched and paged.
    fn text(&self) -> Option<&Text> {
        None
    }

    /// Returns its text for changes.
    fn text_mut(&mut self) -> Option<&mut Text> {
        None
    }

    /// Returns the page of what it shows.
    fn page(&self, _: &Model) -> Option<String> {
        self.text()?.link.clone()
    }

    /// Returns the action of a double click.
    fn double_click(&self) -> Option<ActionId> {
        None
    }

    /// Handles its closing, or goes back one step and opens it again.
    fn close(self: Box<Self>, _: &mut Model) {}

    /// Returns true if what is typed into it must not be recorded.
    fn is_secret(&self) -> bool {
        false
    }

    /// Returns true if it stays open below the details of an image.
    fn stays_below(&self) -> bool {
        false
    }

    /// Returns the path typed in its field, and whether the resource that it is for contains
    /// images, if known.
    fn typed_path(&self, _: &Model) -> Option<(String, Option<bool>)> {
        None
    }

    /// Returns the repository whose tags its field accepts.
    fn repository(&self, _: &Model) -> Option<Repository> {
        None
    }

    /// Puts a tag of `repository` into its field.
    fn put_tag(&mut self, _repository: &Repository, _tag: &str) {}

    /// Returns the word that must be typed into it to confirm.
    fn confirmation(&self) -> Option<&str> {
        None
    }
}

impl Clone for Box<dyn Dialog> {
    fn clone(&self) -> Self {
        (**self).boxed()
    }
}

impl Model {
    /// Opens `dialog` in place of the one that is open.
    pub fn open(&mut self, dialog: impl Dialog) {
        self.modal = Some(Box::new(dialog));
    }

    /// Opens a dialog with a problem in full.
    pub fn open_problem(&mut self, title: impl Into<String>, problem: &crate::domain::Problem) {
        self.open(Text::of_problem(title, problem));
    }

    /// Returns the open dialog, if it is a `T`.
    pub fn dialog<T: Dialog>(&self) -> Option<&T> {
        let dialog: &dyn Any = self.modal.as_deref()?;
        dialog.downcast_ref()
    }

    /// Returns the open dialog for changes, if it is a `T`.
    pub fn dialog_mut<T: Dialog>(&mut self) -> Option<&mut T> {
        let dialog: &mut dyn Any = self.modal.as_deref_mut()?;
        dialog.downcast_mut()
    }

    /// Closes the open dialog and returns it, if it is a `T`.
    pub fn take_dialog<T: Dialog>(&mut self) -> Option<T> {
        self.dialog::<T>()?;
        let dialog: Box<dyn Any> = self.modal.take()?;
        dialog.downcast().ok().map(|dialog| *dialog)
    }

    /// Changes the open dialog with a view of everything else.
    pub fn change_dialog(&mut self, change: impl FnOnce(&mut dyn Dialog, &Self)) {
        if let Some(mut dialog) = self.modal.take() {
            change(dialog.as_mut(), self);
            self.modal = Some(dialog);
        }
    }

    /// Closes the open dialog, or goes back one step in it.
    pub fn close_dialog(&mut self) {
        self.leaving = false;
        if let Some(dialog) = self.modal.take() {
            dialog.close(self);
        }
    }
}
