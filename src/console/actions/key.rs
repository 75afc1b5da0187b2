//! Defines keys independently of the terminal library, alone or after a prefix.
//!
//! Parses and prints their text form (`p`, `ctrl-r`, `shift-tab`, `g r`), used by the action table,
//! custom keys, help and footer. The shell translates from crossterm.

use std::fmt;

/// One key press.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A character, as typed.
    Char(char),
    /// A letter with Ctrl held.
    Ctrl(char),
    /// A function key.
    F(u8),
    /// Return.
    Enter,
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Tab with Shift held.
    BackTab,
    /// Up.
    Up,
    /// Down.
    Down,
    /// Left.
    Left,
    /// Right.
    Right,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Delete to the left.
    Backspace,
    /// Delete to the right.
    Delete,
}

const NAMED: [(&str, Key); 15] = [
    ("enter", Key::Enter),
    ("esc", Key::Esc),
    ("tab", Key::Tab),
    ("shift-tab", Key::BackTab),
    ("up", Key::Up),
    ("down", Key::Down),
    ("left", Key::Left),
    ("right", Key::Right),
    ("home", Key::Home),
    ("end", Key::End),
    ("pgup", Key::PageUp),
    ("pgdn", Key::PageDown),
    ("backspace", Key::Backspace),
    ("delete", Key::Delete),
    ("space", Key::Char(' ')),
];

impl Key {
    /// Parses the text form; `None` if it is not a key.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some((_, key)) = NAMED.iter().find(|(name, _)| *name == text) {
            return Some(*key);
        }
        if let Some(rest) = text.strip_prefix("ctrl-") {
            let mut chars = rest.chars();
            return match (chars.next(), chars.next()) {
                // A terminal sends Ctrl-I as Tab and Ctrl-M as Return; Ctrl-Z suspends.
                (Some(c), None) if c.is_ascii_lowercase() && !matches!(c, 'i' | 'm' | 'z') => {
                    Some(Self::Ctrl(c))
                }
                _ => None,
            };
        }
        if let Some(number) = text.strip_prefix('f').and_then(|rest| rest.parse().ok()) {
            return (1..=12).contains(&number).then_some(Self::F(number));
        }
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) if !c.is_control() && !c.is_whitespace() => Some(Self::Char(c)),
            _ => None,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, _)) = NAMED.iter().find(|(_, key)| key == self) {
            return f.pad(name);
        }
        match self {
            Self::Char(c) => f.pad(&c.to_string()),
            Self::Ctrl(c) => f.pad(&format!("ctrl-{c}")),
            Self::F(n) => f.pad(&format!("f{n}")),
            _ => f.pad("?"),
        }
    }
}

/// The keys pressed for one action: one key, or a prefix and then a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chord {
    /// The first key, if two are needed.
    pub prefix: Option<Key>,
    /// The key, or the second of the two.
    pub key: Key,
}

/// How keys are written; part of the message about an invalid one.
pub const WRITTEN: &str = "a key is one character (p, P, ?), ctrl- and a small letter (ctrl-r; not \
    i, m, z), f1 to f12, or one of enter, esc, tab, shift-tab, space, up, down, left, right, \
    home, end, pgup, pgdn, backspace, delete; for two keys in sequence, write a space between \
    them: g r";

impl Chord {
    /// Returns a chord of one key.
    pub const fn alone(key: Key) -> Self {
        Self { prefix: None, key }
    }

    /// Parses the text form; `None` if it is not a chord. Escape drops a prefix, so no two-key
    /// chord contains it.
    pub fn parse(text: &str) -> Option<Self> {
        let Some((prefix, key)) = text.split_once(' ') else {
            return Key::parse(text).map(Self::alone);
        };
        let (prefix, key) = (Key::parse(prefix)?, Key::parse(key)?);
        (prefix != Key::Esc && key != Key::Esc).then_some(Self {
            prefix: Some(prefix),
            key,
        })
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix {
            Some(prefix) => f.pad(&format!("{prefix} {}", self.key)),
            None => self.key.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_said_again() {
        for text in [
            "p",
            "P",
            "?",
            "ctrl-r",
            "f1",
            "f12",
            "space",
            "g r",
            "ctrl-x space",
            "é",
        ] {
            assert_eq!(Chord::parse(text).unwrap().to_string(), text);
        }
        for wrong in [
            "", " ", "pp", "ctrl-R", "ctrl-i", "ctrl-", "f0", "f13", "Enter", "g r x", "esc p", "g esc", "\t",
        ] {
            assert_eq!(Chord::parse(wrong), None, "{wrong:?}");
        }
    }
}
