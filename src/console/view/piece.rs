//! Pieces of text with a tone, and lines of them that never exceed their width.

use ratatui::text::{Line, Span};

use super::look::{Look, Tone};
use crate::console::words;

/// A piece of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its text.
    pub text: String,
    /// Its tone.
    pub tone: Tone,
}

impl Piece {
    /// Returns a piece.
    pub fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self {
            text: text.into(),
            tone,
        }
    }
}

/// A line of pieces of at most `width` columns.
#[derive(Clone, Debug)]
pub struct Cells {
    width: usize,
    used: usize,
    pieces: Vec<Piece>,
}

impl Cells {
    /// Returns an empty line.
    pub const fn new(width: usize) -> Self {
        Self {
            width,
            used: 0,
            pieces: Vec::new(),
        }
    }

    /// Returns the columns used.
    pub const fn used(&self) -> usize {
        self.used
    }

    /// Returns the columns left.
    pub const fn left(&self) -> usize {
        self.width.saturating_sub(self.used)
    }

    /// Puts `text` into a column of `columns`, with a space after it if it had to be cut.
    pub fn put(&mut self, text: &str, columns: usize, tone: Tone) {
        let columns = columns.min(self.left());
        let text = if words::width(text) >= columns {
            words::pad(&words::cut(text, columns.saturating_sub(1)), columns)
        } else {
            words::pad(text, columns)
        };
        self.used += columns;
        self.pieces.push(Piece::new(text, tone));
    }

    /// Puts pieces into a column of `columns`.
    pub fn put_pieces(&mut self, pieces: Vec<Piece>, columns: usize) {
        let end = (self.used + columns).min(self.width);
        for piece in pieces {
            let text = words::cut(&piece.text, end - self.used.min(end));
            self.used += words::width(&text);
            self.pieces.push(Piece::new(text, piece.tone));
        }
        if self.used < end {
            self.pieces
                .push(Piece::new(" ".repeat(end - self.used), Tone::Plain));
            self.used = end;
        }
    }

    /// Appends `piece`, cut to the space left.
    pub fn push(&mut self, piece: Piece) {
        let text = words::cut(&piece.text, self.left());
        self.used += words::width(&text);
        self.pieces.push(Piece::new(text, piece.tone));
    }

    /// Returns the line, padded to its width.
    pub fn line(mut self, look: &Look) -> Line<'static> {
        let left = self.left();
        if left > 0 {
            self.pieces.push(Piece::new(" ".repeat(left), Tone::Plain));
        }
        spans(look, self.pieces)
    }
}

/// Returns pieces as a line.
pub fn spans(look: &Look, pieces: Vec<Piece>) -> Line<'static> {
    Line::from(
        pieces
            .into_iter()
            .map(|piece| Span::styled(piece.text, look.style(piece.tone)))
            .collect::<Vec<_>>(),
    )
}
