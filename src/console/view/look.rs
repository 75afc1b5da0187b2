//! Colours and glyphs: what a tone looks like on this terminal.
//!
//! Owns the only mapping from meaning to appearance. Every meaning also has a word or a glyph, so
//! nothing is lost without colour. The terminal's own 16 colours are used, so light and dark
//! backgrounds both work.

use ratatui::style::{Color, Modifier, Style};

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
}

/// How the console looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Colours may be used.
    pub color: bool,
    /// Characters beyond ASCII may be used.
    pub unicode: bool,
    /// Boxes are drawn.
    pub borders: bool,
}

impl Look {
    /// The usual look.
    pub const FULL: Self = Self {
        color: true,
        unicode: true,
        borders: true,
    };

    /// The style of `tone`.
    pub fn style(&self, tone: Tone) -> Style {
        let style = Style::default();
        if !self.color {
            return match tone {
                Tone::Plain | Tone::Good => style,
                Tone::Dim => style.add_modifier(Modifier::DIM),
                Tone::Strong | Tone::Accent | Tone::Warn | Tone::Bad => style.add_modifier(Modifier::BOLD),
            };
        }
        match tone {
            Tone::Plain => style,
            Tone::Dim => style.fg(Color::DarkGray),
            Tone::Strong => style.add_modifier(Modifier::BOLD),
            Tone::Good => style.fg(Color::Green),
            Tone::Warn => style.fg(Color::Yellow),
            Tone::Bad => style.fg(Color::Red).add_modifier(Modifier::BOLD),
            Tone::Accent => style.fg(Color::Cyan).add_modifier(Modifier::BOLD),
        }
    }

    /// The style laid over the selected row, in the pane with the focus or in another.
    pub fn selected(&self, focus: bool) -> Style {
        if focus {
            Style::default().add_modifier(Modifier::REVERSED)
        } else {
            Style::default().add_modifier(Modifier::BOLD)
        }
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
            }
        }
    }

    /// Full and empty cells of a bar.
    pub const fn bar(&self) -> (char, char) {
        if self.unicode { ('█', '·') } else { ('#', '.') }
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
