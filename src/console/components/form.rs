//! Forms: fields that are gone through one after another, and the editing of one.

use tui_input::{Input, InputRequest};

use crate::console::actions::Key;

/// Returns the field after `at` of `count`, or before it, wrapping around.
pub fn next_field(at: usize, count: usize, steps: isize) -> usize {
    let count = count.max(1) as isize;
    (at as isize + steps.clamp(-1, 1)).rem_euclid(count) as usize
}

/// Applies `key` to `input`; returns true if the key edits it.
pub fn edit(input: &mut Input, key: Key) -> bool {
    let request = match key {
        Key::Char(c) => InputRequest::InsertChar(c),
        Key::Backspace => InputRequest::DeletePrevChar,
        Key::Delete => InputRequest::DeleteNextChar,
        Key::Left => InputRequest::GoToPrevChar,
        Key::Right => InputRequest::GoToNextChar,
        Key::Home | Key::Ctrl('a') => InputRequest::GoToStart,
        Key::End | Key::Ctrl('e') => InputRequest::GoToEnd,
        Key::Ctrl('u') => InputRequest::DeleteLine,
        Key::Ctrl('w') => InputRequest::DeletePrevWord,
        Key::Ctrl('k') => InputRequest::DeleteTillEnd,
        _ => return false,
    };
    input.handle(request);
    true
}
