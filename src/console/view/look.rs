//! Colours and glyphs: what a tone looks like on this terminal.
//!
//! Owns the only mapping from meaning to appearance. Every meaning also has a word or a glyph, so
//! nothing is lost without colour. The colours themselves are those of a [theme](super::theme).

use ratatui::style::{Modifier, Style};

use super::theme::Palette;

/// What a piece of text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Plain text.
    Plain,
    /// Less important.
    Dim,
    /// More important.
    Strong,
    /// As it should be.
    Good,
    /// To be looked at.
    Warn,
    /// Wrong.
    Bad,
    /// New, or where the eye should go.
    Accent,
}

/// A small sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyph {
    /// Known.
    Known,
    /// Known once.
    Stale,
    /// Not known.
    Unknown,
    /// Done, or as it should be.
    Done,
    /// Failed.
    Failed,
    /// Stopped.
    Stopped,
    /// Under way.
    Running,
    /// Not begun.
    Waiting,
    /// Look here.
    Warning,
    /// Held back.
    Held,
    /// Nothing there.
    Nothing,
    /// Between two facts.
    Dot,
    /// The selected row.
    Cursor,
    /// From this to that.
    Arrow,
    /// Sorted, the least first.
    Ascending,
    /// Sorted, the greatest first.
    Descending,
    /// A marked row.
    Marked,
}

/// How the console looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Signs of its own beyond ASCII may be used.
    pub unicode: bool,
    /// Boxes and pictures are drawn; where not, a screen reader is taken to read along: panes do
    /// not stand side by side and the terminal's cursor stands where one is.
    pub borders: bool,
    /// Whatever is not ASCII is replaced: the terminal could not show it.
    pub ascii_only: bool,
    /// What colours mean.
    pub palette: Palette,
}

impl Look {
    /// The usual look.
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

    /// The style of `tone`.
    pub const fn style(&self, tone: Tone) -> Style {
        self.palette.style(tone)
    }

    /// The style laid over the selected row, in the pane with the focus or in another.
    pub const fn selected(&self, focus: bool) -> Style {
        self.palette.selected(focus)
    }

    /// The sign.
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

    /// Full and empty cells of a bar; blank where nobody looks at pictures: the number beside it
    /// says the same.
    pub const fn bar(&self) -> (char, char) {
        match (self.borders, self.unicode) {
            (false, _) => (' ', ' '),
            (true, true) => ('█', '·'),
            (true, false) => ('#', '.'),
        }
    }

    /// A bar of `columns` cells, `filled` of them full.
    pub fn bar_of(&self, filled: usize, columns: usize) -> String {
        let (full, empty) = self.bar();
        let filled = filled.min(columns);
        let cells = std::iter::repeat_n(full, filled);
        cells
            .chain(std::iter::repeat_n(empty, columns - filled))
            .collect()
    }

    /// The cell of a bar for what is there already, between full and empty.
    pub const fn part(&self) -> char {
        if self.unicode { '░' } else { '=' }
    }

    /// Cells of a lane of time: something is served, nothing is.
    pub const fn lane(&self) -> (char, char) {
        if self.unicode { ('─', '·') } else { ('-', '.') }
    }

    /// Nothing, and bars from the lowest to the highest.
    pub const fn levels(&self) -> (char, &'static [char]) {
        if self.unicode {
            ('·', &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'])
        } else {
            ('.', &['_', '-', '=', '#'])
        }
    }

    /// The style laid over the characters that a filter found: a line under them, so that it shows
    /// on the selected row and without colours too.
    pub fn found(&self) -> Style {
        Style::default().add_modifier(Modifier::UNDERLINED | Modifier::BOLD)
    }
}
