//! What a frame tells the pointer: click areas, wheel areas, borders and links.

use ratatui::layout::Rect;

use crate::console::msg::{Grip, Msg};
use crate::console::panes::id::PaneId;

/// The result of drawing a frame.
#[derive(Debug, Default)]
pub struct Drawn {
    /// Click areas with their messages; the last one that contains the point counts.
    pub hits: Vec<(Rect, Msg)>,
    /// Wheel areas with their panes.
    pub wheels: Vec<(Rect, Option<PaneId>)>,
    /// Borders that can be dragged.
    pub grips: Vec<(Rect, Grip)>,
    /// Areas whose first word links to a page.
    pub links: Vec<(Rect, String)>,
    /// Number of list rows built.
    pub rows_built: usize,
}

impl Drawn {
    /// Registers `msg` for a click into `rect`.
    pub fn hit(&mut self, rect: Rect, msg: Msg) {
        self.hits.push((rect, msg));
    }

    /// Registers `pane`, or the screen, for the wheel over `rect`.
    pub fn wheel(&mut self, rect: Rect, pane: Option<PaneId>) {
        self.wheels.push((rect, pane));
    }

    /// Returns the border at `x`, `y`.
    pub fn grip(&self, x: u16, y: u16) -> Option<Grip> {
        let held = self.grips.iter().find(|(rect, _)| rect.contains((x, y).into()));
        held.map(|(_, grip)| *grip)
    }

    /// Returns the message of a click at `x`, `y`.
    pub fn click(&self, x: u16, y: u16) -> Option<Msg> {
        let holds = |rect: &Rect| rect.contains((x, y).into());
        self.hits
            .iter()
            .rev()
            .find(|(rect, _)| holds(rect))
            .map(|(_, msg)| msg.clone())
    }

    /// Returns what the wheel at `x`, `y` scrolls.
    pub fn wheel_at(&self, x: u16, y: u16) -> Option<Option<PaneId>> {
        self.wheels
            .iter()
            .rev()
            .find(|(rect, _)| rect.contains((x, y).into()))
            .map(|(_, pane)| *pane)
    }
}
