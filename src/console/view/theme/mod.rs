//! From a theme, the user's own colours and the depth of a terminal to one style a tone.
//!
//! Owns how tones and selected rows are coloured; [`super::look`] is the only one to ask. Must not
//! read the environment, nor know what is drawn.

mod depth;
mod tables;
#[cfg(test)]
mod tests;

use ratatui::style::{Color, Modifier, Style};

use super::look::Tone;
use crate::config::{Colors, Paint, ThemeName};
pub use depth::{Depth, Rgb};
use tables::Table;

/// The styles of everything that has a meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Palette {
    plain: Style,
    dim: Style,
    strong: Style,
    good: Style,
    warn: Style,
    bad: Style,
    accent: Style,
    selected: Style,
    idle: Style,
    backdrop: Option<Color>,
}

/// One bar whatever the tones on it: each would turn into a background of its own.
const REVERSED: Style = Style::new()
    .fg(Color::Reset)
    .bg(Color::Reset)
    .add_modifier(Modifier::REVERSED)
    .remove_modifier(Modifier::DIM);

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);

impl Palette {
    /// Without colour: importance is told by weight, meaning by words and signs.
    pub const MONO: Self = Self {
        plain: Style::new(),
        dim: Style::new().add_modifier(Modifier::DIM),
        strong: BOLD,
        good: Style::new(),
        warn: BOLD,
        bad: BOLD,
        accent: BOLD,
        selected: REVERSED,
        idle: BOLD,
        backdrop: None,
    };

    /// The terminal's own colours. Of the 16 only those are used that can be read on black and on
    /// white: bright black vanishes on some dark schemes and yellow on light ones, so dim text is
    /// the foreground dimmed and a warning is magenta.
    pub const TERMINAL: Self = Self {
        good: Style::new().fg(Color::Green),
        warn: Style::new().fg(Color::LightMagenta),
        bad: BOLD.fg(Color::LightRed),
        accent: BOLD.fg(Color::Cyan),
        ..Self::MONO
    };

    /// The styles of `theme` with the user's `colors`, in what a terminal of `depth` can show.
    pub fn of(theme: ThemeName, colors: &Colors, depth: Depth) -> Self {
        let mut palette = match theme {
            ThemeName::Terminal => Self::TERMINAL,
            ThemeName::Dark => Self::from_table(&tables::DARK, depth),
            ThemeName::Light => Self::from_table(&tables::LIGHT, depth),
            ThemeName::Colorblind => Self::from_table(&tables::COLORBLIND, depth),
            ThemeName::ColorblindLight => Self::from_table(&tables::COLORBLIND_LIGHT, depth),
            ThemeName::Mono => Self::MONO,
        };
        let shown = |paint: Paint| match paint {
            Paint::Default => Color::Reset,
            Paint::Rgb(r, g, b) => depth.nearest((r, g, b)),
            Paint::Indexed(number) => depth.numbered(number),
        };
        let own = [
            (&mut palette.plain, colors.plain),
            (&mut palette.dim, colors.dim),
            (&mut palette.strong, colors.strong),
            (&mut palette.good, colors.good),
            (&mut palette.warn, colors.warn),
            (&mut palette.bad, colors.bad),
            (&mut palette.accent, colors.accent),
        ];
        for (style, paint) in own {
            if let Some(paint) = paint {
                *style = style.fg(shown(paint));
            }
        }
        if let Some(paint) = colors.dim {
            // A colour that was chosen is shown as it is.
            palette.dim = Style::new().fg(shown(paint));
        }
        palette.backdrop = colors.background.map(shown);
        palette
    }

    fn from_table(table: &Table, depth: Depth) -> Self {
        let ink = |rgb: Rgb| Style::new().fg(depth.nearest(rgb));
        let under = |rgb: Rgb| Style::new().bg(depth.nearest(rgb));
        // Where the steps are coarse the nearest to a background a little lighter would be that
        // background, or black: no mark at all.
        let (dim, selected, idle) = match depth {
            Depth::Sixteen => (Self::MONO.dim, REVERSED, BOLD),
            Depth::Indexed => (ink(table.dim), under(table.selected), BOLD),
            Depth::True => (ink(table.dim), under(table.selected), under(table.idle)),
        };
        Self {
            plain: ink(table.plain),
            dim,
            strong: ink(table.strong).add_modifier(Modifier::BOLD),
            good: ink(table.good),
            warn: ink(table.warn),
            bad: ink(table.bad).add_modifier(Modifier::BOLD),
            accent: ink(table.accent).add_modifier(Modifier::BOLD),
            selected,
            idle,
            backdrop: None,
        }
    }

    /// The style of `tone`.
    pub const fn style(&self, tone: Tone) -> Style {
        match tone {
            Tone::Plain => self.plain,
            Tone::Dim => self.dim,
            Tone::Strong => self.strong,
            Tone::Good => self.good,
            Tone::Warn => self.warn,
            Tone::Bad => self.bad,
            Tone::Accent => self.accent,
        }
    }

    /// The style laid over a selected row, of the pane with the focus or of another.
    pub const fn selected(&self, focus: bool) -> Style {
        if focus { self.selected } else { self.idle }
    }

    /// What is painted behind everything, where the user asks for it.
    pub const fn backdrop(&self) -> Option<Color> {
        self.backdrop
    }
}

/// What the colours of `theme` were chosen for; none where it takes the terminal's own.
pub const fn made_for(theme: ThemeName) -> Option<Rgb> {
    match theme {
        ThemeName::Dark => Some(tables::DARK.backdrop),
        ThemeName::Light => Some(tables::LIGHT.backdrop),
        ThemeName::Colorblind => Some(tables::COLORBLIND.backdrop),
        ThemeName::ColorblindLight => Some(tables::COLORBLIND_LIGHT.backdrop),
        ThemeName::Terminal | ThemeName::Mono => None,
    }
}
