//! Maps tones and signs to colours and glyphs of this terminal.
//!
//! The only mapping from meaning to appearance. Every meaning also has a word or a glyph, so that
//! nothing is lost without colour. The colours themselves come from a [theme](super::theme).

use ratatui::style::{Modifier, Style};

use super::theme::Palette;

/// The meaning of a piece of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Plain text.
    Plain,
    /// Less important.
    Dim,
    /// More important.
    Strong,
    /// Good.
    Good,
    /// Needs attention.
    Warn,
    /// Bad.
    Bad,
    /// New, or important now.
    Accent,
}

/// A small sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyph {
    /// Known.
    Known,
    /// Known, but old.
    Stale,
    /// Not known.
    Unknown,
    /// Done or good.
    Done,
    /// Failed.
    Failed,
    /// Stopped.
    Stopped,
    /// In progress.
    Running,
    /// Not started.
    Waiting,
    /// Needs attention.
    Warning,
    /// Held back.
    Held,
    /// Empty.
    Nothing,
    /// Separates two facts.
    Dot,
    /// The selected row.
    Cursor,
    /// From one value to another.
    Arrow,
    /// Sorted ascending.
    Ascending,
    /// Sorted descending.
    Descending,
    /// A marked row.
    Marked,
}

/// How the console looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// True if characters beyond ASCII may be used.
    pub unicode: bool,
    /// True if boxes and bars are drawn; if false, output is for a screen reader: panes are shown
    /// one at a time and the terminal's cursor marks the current row.
    pub borders: bool,
    /// True if everything beyond ASCII is replaced, because the terminal cannot show it.
    pub ascii_only: bool,
    /// The colours of each tone.
    pub palette: Palette,
}

impl Look {
    /// The default look.
    pub const FULL: Self = Self {
        unicode: true,
        borders: true,
        ascii_only: false,
        palette: Palette::TERMINAL,
    };

    /// Text only, for screen readers.
    pub const PLAIN: Self = Self {
        unicode: false,
        borders: false,
        ascii_only: false,
        palette: Palette::MONO,
    };

    /// Returns the style of `tone`.
    pub const fn style(&self, tone: Tone) -> Style {
        self.palette.style(tone)
    }

    /// Returns the style of the selected row, in the focused pane or in another.
    pub const fn selected(&self, focus: bool) -> Style {
        self.palette.selected(focus)
    }

    /// Returns the text of a glyph.
    pub const fn glyph(&self, glyph: Glyph) -> &'static str {
        if self.unicode {
            match glyph {
                Glyph::Known => "●",
                Glyph::Stale => "◐",
                Glyph::Unknown => "○",
                Glyph::Done => "✔",
                Glyph::Failed => "✘",
                Glyph::Stopped => "■",
                Glyph::Running => "▶",
                Glyph::Waiting => "·",
                Glyph::Warning => "▲",
                Glyph::Held => "‖",
                Glyph::Nothing => "–",
                Glyph::Dot => "·",
                Glyph::Cursor => "▸",
                Glyph::Arrow => "→",
                Glyph::Ascending => "↑",
                Glyph::Descending => "↓",
                Glyph::Marked => "◆",
            }
        } else {
            match glyph {
                Glyph::Known => "*",
                Glyph::Stale => "~",
                Glyph::Unknown => "o",
                Glyph::Done => "v",
                Glyph::Failed => "x",
                Glyph::Stopped => "#",
                Glyph::Running => ">",
                Glyph::Waiting => ".",
                Glyph::Warning => "!",
                Glyph::Held => "||",
                Glyph::Nothing => "-",
                Glyph::Dot => "-",
                Glyph::Cursor => ">",
                Glyph::Arrow => "->",
                Glyph::Ascending => "^",
                Glyph::Descending => "v",
                Glyph::Marked => "+",
            }
        }
    }

    /// Returns the full and empty cells of a bar; blank without pictures, because the number beside
    /// it says the same.
    pub const fn bar(&self) -> (char, char) {
        match (self.borders, self.unicode) {
            (false, _) => (' ', ' '),
            (true, true) => ('█', '·'),
            (true, false) => ('#', '.'),
        }
    }

    /// Returns a bar of `columns` cells, `filled` of them full.
    pub fn bar_of(&self, filled: usize, columns: usize) -> String {
        let (full, empty) = self.bar();
        let filled = filled.min(columns);
        let cells = std::iter::repeat_n(full, filled);
        cells
            .chain(std::iter::repeat_n(empty, columns - filled))
            .collect()
    }

    /// Returns the cell of a bar for what is already there, between full and empty.
    pub const fn part(&self) -> char {
        if self.unicode { '░' } else { '=' }
    }

    /// Returns the cells of a time lane: something served, nothing served.
    pub const fn lane(&self) -> (char, char) {
        if self.unicode { ('─', '·') } else { ('-', '.') }
    }

    /// Returns the sign for zero, and the bars from lowest to highest.
    pub const fn levels(&self) -> (char, &'static [char]) {
        if self.unicode {
            ('·', &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'])
        } else {
            ('.', &['_', '-', '=', '#'])
        }
    }

    /// Returns the style of characters that a filter matched: underlined, so that it is visible on
    /// the selected row and without colours too.
    pub fn found(&self) -> Style {
        Style::default().add_modifier(Modifier::UNDERLINED | Modifier::BOLD)
    }
}
