//! Computes the style of each tone from a theme, custom colours and the terminal's colour depth.
//!
//! Used only through [`super::look`]. Must not read the environment.

mod depth;
mod tables;
#[cfg(test)]
mod tests;

use ratatui::style::{Color, Modifier, Style};

use super::look::Tone;
use crate::config::{Colors, Paint, ThemeName};
pub use depth::{Depth, Rgb};
use tables::Table;

/// The styles of all tones and highlights.
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

/// One reversed bar without tones: each tone would become a background colour.
const REVERSED: Style = Style::new()
    .fg(Color::Reset)
    .bg(Color::Reset)
    .add_modifier(Modifier::REVERSED)
    .remove_modifier(Modifier::DIM);

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);

impl Palette {
    /// Without colour: importance is shown by weight, meaning by words and signs.
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

    /// The terminal's own colours. Uses only those of the 16 that are readable on black and on
    /// white: bright black is invisible in some dark schemes and yellow in light ones, so dim text
    /// is the dimmed foreground and a warning is magenta.
    pub const TERMINAL: Self = Self {
        good: Style::new().fg(Color::Green),
        warn: Style::new().fg(Color::LightMagenta),
        bad: BOLD.fg(Color::LightRed),
        accent: BOLD.fg(Color::Cyan),
        ..Self::MONO
    };

    /// Returns the styles of `theme` with custom `colors`, for a terminal of `depth`.
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
            // A custom colour is shown unchanged.
            palette.dim = Style::new().fg(shown(paint));
        }
        palette.backdrop = colors.background.map(shown);
        palette
    }

    fn from_table(table: &Table, depth: Depth) -> Self {
        let ink = |rgb: Rgb| Style::new().fg(depth.nearest(rgb));
        let under = |rgb: Rgb| Style::new().bg(depth.nearest(rgb));
        // With few colours the nearest to a slightly lighter background would be that background,
        // or black, and would not be visible.
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

    /// Returns the style of `tone`.
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

    /// Returns the style of a selected row, in the focused pane or in another.
    pub const fn selected(&self, focus: bool) -> Style {
        if focus { self.selected } else { self.idle }
    }

    /// Returns the background colour, if the user configured painting it.
    pub const fn backdrop(&self) -> Option<Color> {
        self.backdrop
    }
}

/// Returns the background that the colours of `theme` were chosen for; `None` if it uses the
/// terminal's own.
pub const fn made_for(theme: ThemeName) -> Option<Rgb> {
    match theme {
        ThemeName::Dark => Some(tables::DARK.backdrop),
        ThemeName::Light => Some(tables::LIGHT.backdrop),
        ThemeName::Colorblind => Some(tables::COLORBLIND.backdrop),
        ThemeName::ColorblindLight => Some(tables::COLORBLIND_LIGHT.backdrop),
        ThemeName::Terminal | ThemeName::Mono => None,
    }
}
