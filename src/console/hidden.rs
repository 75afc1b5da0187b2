//! Holds text that must not be shown: input of masked fields, pasted text.
//!
//! Every copy is overwritten when it is dropped. Values compare by content, so that messages can be
//! compared, and are never printed.

use std::fmt;

use zeroize::Zeroizing;

/// Allocation step in bytes. Text that outgrows its buffer is moved and the old buffer wiped.
const ROOM: usize = 256;

/// The secret text.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Hidden(Zeroizing<String>);

impl Hidden {
    /// Returns the text itself, for the code that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns true if it is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the number of characters.
    pub fn len(&self) -> usize {
        self.0.chars().count()
    }

    /// Appends a character.
    pub fn push(&mut self, c: char) {
        if self.0.len() + c.len_utf8() > self.0.capacity() {
            let mut roomier = Zeroizing::new(String::with_capacity(self.0.len() + ROOM));
            roomier.push_str(&self.0);
            self.0 = roomier;
        }
        self.0.push(c);
    }

    /// Removes the last character.
    pub fn pop(&mut self) {
        self.0.pop();
    }

    /// Wipes and empties the text.
    pub fn clear(&mut self) {
        self.0 = Zeroizing::default();
    }
}

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<&str> for Hidden {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_edited_compared_and_never_printed() {
        let mut text = Hidden::default();
        for c in "pässwörd".chars() {
            text.push(c);
        }
        assert_eq!(text, Hidden::from("pässwörd"));
        text.pop();
        assert_eq!((text.expose(), text.len()), ("pässwör", 7));
        assert_eq!(format!("{text:?}"), "Hidden");
        text.clear();
        assert!(text.is_empty());
    }
}
