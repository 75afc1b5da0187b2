//! Handles the mouse: clicks, double clicks and dragged borders, using the frame drawn last.
//!
//! The hit map of that frame decides what a position means. Must not read a clock.

use std::time::Duration;

use tokio::time::Instant;

use crate::console::Msg;
use crate::console::msg::Grip;
use crate::console::view::Drawn;

/// Two clicks within this time are a double click.
const TWICE: Duration = Duration::from_millis(400);

/// The state of the mouse.
#[derive(Debug, Default)]
pub struct Pointer {
    held: Option<Grip>,
    last: Option<(Instant, Msg)>,
}

impl Pointer {
    /// Handles a press of the button.
    pub fn press(&mut self, drawn: &Drawn, x: u16, y: u16, now: Instant) -> Vec<Msg> {
        self.held = drawn.grip(x, y);
        let Some(msg) = drawn.click(x, y) else {
            self.last = None;
            return Vec::new();
        };
        let before = self.last.take();
        let twice = before.is_some_and(|(at, before)| before == msg && now - at <= TWICE);
        if twice && matches!(msg, Msg::Select(..) | Msg::Pick(_)) {
            return vec![msg, Msg::Twice];
        }
        self.last = Some((now, msg.clone()));
        vec![msg]
    }

    /// Handles a move with the button pressed.
    pub fn drag(&mut self, x: u16, y: u16) -> Option<Msg> {
        self.last = None;
        self.held.map(|grip| Msg::Drag(grip, x, y))
    }

    /// Handles a release of the button, or the loss of the mouse.
    pub const fn release(&mut self) {
        self.held = None;
    }
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;

    use super::*;
    use crate::console::msg::Border;
    use crate::console::panes::PaneId;

    fn drawn() -> Drawn {
        let mut drawn = Drawn::default();
        for y in 0..2 {
            let msg = Msg::Select(PaneId::RELEASES, usize::from(y));
            drawn.hit(Rect::new(0, y, 10, 1), msg);
        }
        let grip = Grip {
            border: Border::Row,
            before: 1,
        };
        drawn.grips.push((Rect::new(0, 5, 10, 1), grip));
        drawn
    }

    #[tokio::test(start_paused = true)]
    async fn two_clicks_on_one_row_open_it_and_a_third_is_a_first() {
        let (drawn, mut pointer) = (drawn(), Pointer::default());
        let first = || Msg::Select(PaneId::RELEASES, 0);
        let mut press = |y| pointer.press(&drawn, 3, y, Instant::now());
        assert_eq!(press(0), [first()]);
        assert_eq!(press(0), [first(), Msg::Twice]);
        assert_eq!(press(0), [first()]);
        // Another row, or too late: separate clicks.
        assert_eq!(press(1), [Msg::Select(PaneId::RELEASES, 1)]);
        assert_eq!(press(0), [first()]);
        tokio::time::advance(TWICE * 2).await;
        assert_eq!(press(0), [first()]);
        assert_eq!(press(9), []);
    }

    #[tokio::test(start_paused = true)]
    async fn a_border_is_held_until_the_button_comes_up() {
        let (drawn, mut pointer) = (drawn(), Pointer::default());
        assert_eq!(pointer.drag(3, 3), None);
        pointer.press(&drawn, 3, 5, Instant::now());
        let moved = pointer.drag(3, 8);
        assert!(matches!(moved, Some(Msg::Drag(_, 3, 8))), "{moved:?}");
        pointer.release();
        assert_eq!(pointer.drag(3, 9), None);
    }
}
