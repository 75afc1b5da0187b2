//! Renders frames to bytes: the difference between the new frame and what is on screen.
//!
//! Holds the two buffers and wraps every frame in synchronized output. A frame equal to the
//! previous one produces no bytes. Must not write to the terminal.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use crossterm::queue;
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};

/// Bytes held back until it is known whether they are needed.
#[derive(Clone, Default)]
struct Held(Rc<RefCell<Vec<u8>>>);

impl Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A drawing surface of one size. It never follows the terminal's size by itself, so that a frame
/// and its buffer always have the same size.
pub struct Canvas {
    terminal: Terminal<CrosstermBackend<Held>>,
    held: Held,
    shown: Option<Buffer>,
    last: Vec<u8>,
}

impl Canvas {
    /// Returns an empty canvas.
    pub fn new((columns, lines): (u16, u16)) -> io::Result<Self> {
        let held = Held::default();
        let options = TerminalOptions {
            viewport: Viewport::Fixed(Rect::new(0, 0, columns, lines)),
        };
        Ok(Self {
            terminal: Terminal::with_options(CrosstermBackend::new(held.clone()), options)?,
            held,
            shown: None,
            last: Vec::new(),
        })
    }

    /// Draws a frame; returns what `view` returned, and the bytes that show the frame on screen.
    pub fn draw<T: Default>(&mut self, view: impl FnOnce(&mut Frame) -> T) -> io::Result<(T, Vec<u8>)> {
        let mut said = T::default();
        let mut next = None;
        self.terminal.draw(|frame| {
            said = view(frame);
            next = Some(frame.buffer_mut().clone());
        })?;
        let bytes = std::mem::take(&mut *self.held.0.borrow_mut());
        // If no cell differs, only the cursor is left: repeated cursor bytes are dropped.
        let same = self.shown.is_some() && self.shown == next && self.last.ends_with(&bytes);
        if same {
            return Ok((said, Vec::new()));
        }
        let mut out = Vec::with_capacity(bytes.len() + 32);
        queue!(out, BeginSynchronizedUpdate)?;
        if self.shown.is_none() {
            queue!(out, Clear(ClearType::All))?;
        }
        out.extend_from_slice(&bytes);
        queue!(out, EndSynchronizedUpdate)?;
        self.shown = next;
        self.last = bytes;
        Ok((said, out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(canvas: &mut Canvas, text: &str, cursor: Option<(u16, u16)>) -> String {
        let (said, bytes) = canvas
            .draw(|frame| {
                let area = frame.area();
                frame.render_widget(text, area);
                if let Some(at) = cursor {
                    frame.set_cursor_position(at);
                }
                text.len()
            })
            .unwrap();
        assert_eq!(said, text.len());
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_frame_that_looks_the_same_is_no_byte() {
        let mut canvas = Canvas::new((20, 3)).unwrap();
        let first = draw(&mut canvas, "one", None);
        assert!(first.starts_with("\u{1b}[?2026h\u{1b}[2J"), "{first:?}");
        assert!(
            first.contains("one") && first.ends_with("\u{1b}[?2026l"),
            "{first:?}"
        );
        assert_eq!(draw(&mut canvas, "one", None), "");
        let other = draw(&mut canvas, "two", None);
        assert!(!other.contains("[2J") && other.contains("tw"), "{other:?}");
        // The same cells, with a new cursor, the same cursor, another one, none.
        assert_ne!(draw(&mut canvas, "two", Some((1, 0))), "");
        assert_eq!(draw(&mut canvas, "two", Some((1, 0))), "");
        assert_ne!(draw(&mut canvas, "two", Some((2, 0))), "");
        assert_ne!(draw(&mut canvas, "two", None), "");
        assert_eq!(draw(&mut canvas, "two", None), "");
        assert_ne!(draw(&mut canvas, "one", None), "");
    }
}
