//! The interface between screens and the rest of the console.

use std::any::Any;
use std::fmt;

use ratatui::Frame;

use super::Model;
use super::actions::{ActionId, Availability, Scope};
use super::find::Find;
use super::panes::id::PaneId;
use super::view::Drawn;

/// The state of a screen.
pub trait Screen: fmt::Debug + Any + Send + Sync {
    /// Returns what the screen does.
    fn spec(&self) -> &'static ScreenSpec;

    /// Returns a copy.
    fn boxed(&self) -> Box<dyn Screen>;
}

impl Clone for Box<dyn Screen> {
    fn clone(&self) -> Self {
        (**self).boxed()
    }
}

/// What a screen does with the model while it is visible.
pub struct ScreenSpec {
    /// Returns the scope of its actions.
    pub scope: fn(&Model) -> Scope,
    /// Draws it into the area between header and footer.
    pub draw: fn(&Model, &mut Frame, &mut Drawn),
    /// Fits cursors and scroll positions to columns and lines inside its border.
    pub fit: fn(&mut Model, usize, usize),
    /// Moves by rows.
    pub move_by: fn(&mut Model, isize),
    /// Scrolls by lines.
    pub scroll: fn(&mut Model, isize),
    /// Returns the number of its lines for moving by pages.
    pub page_height: fn(&Model) -> usize,
    /// Handles the wheel, over a pane if it shows panes.
    pub wheel: fn(&mut Model, Option<PaneId>, isize),
    /// Selects the line that was clicked.
    pub pick: fn(&mut Model, usize),
    /// Returns the action of a double click.
    pub double_click: fn(&Model) -> Option<ActionId>,
    /// Returns the text to copy.
    pub copied: fn(&Model) -> Option<String>,
    /// Returns the page of what is selected.
    pub page: fn(&Model) -> Option<String>,
    /// Returns whether that page can be opened.
    pub can_browse: fn(&Model) -> Availability,
    /// Returns the whole text for the pager.
    pub pager: fn(&Model) -> Option<String>,
    /// How its text is searched, if it has one.
    pub search: Option<SearchSpec>,
}

/// How the text of a screen is searched.
pub struct SearchSpec {
    /// Returns whether there is a text to search.
    pub can_begin: fn(&Model) -> Availability,
    /// Brings the text to the front.
    pub begin: fn(&mut Model),
    /// Returns the search.
    pub find: fn(&Model) -> Option<&Find>,
    /// Returns the search for changes.
    pub find_mut: fn(&mut Model) -> Option<&mut Find>,
    /// Returns the lines and the index of the first one on screen.
    pub lines: fn(&Model) -> (Vec<String>, usize),
    /// Scrolls to a line.
    pub show_line: fn(&mut Model, usize),
}

impl Model {
    /// Shows `screen`.
    pub fn show(&mut self, screen: impl Screen) {
        self.screen = Box::new(screen);
    }

    /// Returns the visible screen, if it is a `T`.
    pub fn on<T: Screen>(&self) -> Option<&T> {
        let screen: &dyn Any = self.screen.as_ref();
        screen.downcast_ref()
    }

    /// Returns the visible screen for changes, if it is a `T`.
    pub fn on_mut<T: Screen>(&mut self) -> Option<&mut T> {
        let screen: &mut dyn Any = self.screen.as_mut();
        screen.downcast_mut()
    }

    /// Returns the narrowest scope of the screen, ignoring dialogs.
    pub fn screen_scope(&self) -> Scope {
        (self.screen.spec().scope)(self)
    }
}
