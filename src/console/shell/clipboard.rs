//! The clipboard, by way of the terminal (OSC 52): works over ssh too. There is no answer, so
//! nobody can tell whether the terminal took it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What copies `text`, as the terminal reads it. Encoded, no text can end the sequence.
pub fn sequence(text: &str) -> Vec<u8> {
    format!("\u{1b}]52;c;{}\u{7}", STANDARD.encode(text)).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_travels_encoded() {
        assert_eq!(sequence("a\u{7}é"), b"\x1b]52;c;YQfDqQ==\x07");
    }
}
