//! Translates terminal events into the console's messages.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind};

use crate::console::Msg;
use crate::console::actions::Key;

/// Input from the terminal.
pub enum Input {
    /// A message.
    Msg(Msg),
    /// The left button was pressed, at column and row.
    Click(u16, u16),
    /// The pointer moved with the left button pressed, to column and row.
    Drag(u16, u16),
    /// The left button was released.
    Release,
    /// The wheel turned, at column and row, by lines.
    Wheel(u16, u16, isize),
    /// Suspend the program (Ctrl-Z).
    Suspend,
    /// Input without a meaning.
    Nothing,
}

const WHEEL_LINES: isize = 3;

/// Translates `event`.
pub fn read(event: Event) -> Input {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => read_key(key),
        Event::Key(_) => Input::Nothing,
        Event::Paste(text) => Input::Msg(Msg::Paste(text.into())),
        Event::Resize(columns, lines) => Input::Msg(Msg::Resize(columns, lines)),
        Event::FocusGained => Input::Msg(Msg::Focus(true)),
        Event::FocusLost => Input::Msg(Msg::Focus(false)),
        Event::Mouse(mouse) => match mouse.kind {
            MouseEventKind::Down(MouseButton::Left) => Input::Click(mouse.column, mouse.row),
            MouseEventKind::Drag(MouseButton::Left) => Input::Drag(mouse.column, mouse.row),
            MouseEventKind::Up(MouseButton::Left) => Input::Release,
            MouseEventKind::ScrollUp => Input::Wheel(mouse.column, mouse.row, -WHEEL_LINES),
            MouseEventKind::ScrollDown => Input::Wheel(mouse.column, mouse.row, WHEEL_LINES),
            _ => Input::Nothing,
        },
    }
}

fn read_key(event: KeyEvent) -> Input {
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    if event
        .modifiers
        .intersects(KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::META)
    {
        return Input::Nothing;
    }
    let key = match event.code {
        KeyCode::Char('z') if control => return Input::Suspend,
        KeyCode::Char(c) if control => Key::Ctrl(c.to_ascii_lowercase()),
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Delete => Key::Delete,
        KeyCode::F(n) => Key::F(n),
        _ => return Input::Nothing,
    };
    Input::Msg(Msg::Key(key))
}
