//! Parses the user's settings for the look of the console: theme, colours and glyphs.
//!
//! The error of a value carries its line and column. What a colour is used for, and what the
//! terminal supports, is decided by the console.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A colour theme of the console.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThemeName {
    /// The 16 colours of the terminal itself, on its own background.
    #[default]
    Terminal,
    /// Dark background.
    Dark,
    /// Light background.
    Light,
    /// Blue and orange in place of green and red, for dark backgrounds.
    Colorblind,
    /// Blue and orange in place of green and red, for light backgrounds.
    ColorblindLight,
    /// No colours.
    Mono,
}

impl ThemeName {
    /// All themes with their names.
    pub const ALL: [(&'static str, Self); 6] = [
        ("terminal", Self::Terminal),
        ("dark", Self::Dark),
        ("light", Self::Light),
        ("colorblind", Self::Colorblind),
        ("colorblind-light", Self::ColorblindLight),
        ("mono", Self::Mono),
    ];
}

/// Character set of the console's symbols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Glyphs {
    /// Chosen by the locale.
    #[default]
    Auto,
    /// Unicode symbols.
    Unicode,
    /// ASCII symbols only.
    Ascii,
}

impl Glyphs {
    const ALL: [(&'static str, Self); 3] = [
        ("auto", Self::Auto),
        ("unicode", Self::Unicode),
        ("ascii", Self::Ascii),
    ];
}

/// A colour in the user's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// The terminal's own foreground or background.
    Default,
    /// Red, green and blue.
    Rgb(u8, u8, u8),
    /// An index into the 256 colours; below 16 the terminal's own colours.
    Indexed(u8),
}

/// Names of the terminal's 16 colours, by index.
const NAMES: [&str; 16] = [
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "white",
    "bright-black",
    "bright-red",
    "bright-green",
    "bright-yellow",
    "bright-blue",
    "bright-magenta",
    "bright-cyan",
    "bright-white",
];

impl Paint {
    /// Parses `#rrggbb`, a name or an index.
    fn named(text: &str) -> Option<Self> {
        if text == "default" {
            return Some(Self::Default);
        }
        if let Some(hex) = text.strip_prefix('#') {
            let mut bytes = [0; 3];
            hex::decode_to_slice(hex, &mut bytes).ok()?;
            return Some(Self::Rgb(bytes[0], bytes[1], bytes[2]));
        }
        NAMES
            .iter()
            .position(|name| *name == text)
            .map(|at| Self::Indexed(at as u8))
    }
}

impl fmt::Display for Paint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Rgb(r, g, b) => write!(f, "#{r:02x}{g:02x}{b:02x}"),
            Self::Indexed(at) => match NAMES.get(usize::from(*at)) {
                Some(name) => f.write_str(name),
                None => write!(f, "{at}"),
            },
        }
    }
}

/// Colours that replace those of the theme, by meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Colors {
    /// Plain text.
    pub plain: Option<Paint>,
    /// Less important text.
    pub dim: Option<Paint>,
    /// More important text.
    pub strong: Option<Paint>,
    /// Good state.
    pub good: Option<Paint>,
    /// Warning.
    pub warn: Option<Paint>,
    /// Error.
    pub bad: Option<Paint>,
    /// New or highlighted.
    pub accent: Option<Paint>,
    /// Background of the whole screen; not painted if not set.
    pub background: Option<Paint>,
}

fn choose<'de, D: Deserializer<'de>, T: Copy>(from: D, what: &str, all: &[(&str, T)]) -> Result<T, D::Error> {
    let text = String::deserialize(from)?;
    if let Some((_, found)) = all.iter().find(|(name, _)| *name == text) {
        return Ok(*found);
    }
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    Err(D::Error::custom(format!(
        "unknown {what} '{text}'; use one of {}",
        names.join(", ")
    )))
}

fn name_of<T: PartialEq>(all: &[(&'static str, T)], value: &T) -> &'static str {
    all.iter()
        .find(|(_, known)| known == value)
        .map_or("", |(name, _)| name)
}

impl<'de> Deserialize<'de> for ThemeName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        choose(from, "theme", &Self::ALL)
    }
}

impl Serialize for ThemeName {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(name_of(&Self::ALL, self))
    }
}

impl<'de> Deserialize<'de> for Glyphs {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        choose(from, "glyph set", &Self::ALL)
    }
}

impl Serialize for Glyphs {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(name_of(&Self::ALL, self))
    }
}

impl Serialize for Paint {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Paint {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Paint;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(
                    f,
                    "a colour: \"#rrggbb\", a number from 0 to 255, \"default\", or one of {}",
                    NAMES.join(", ")
                )
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Paint, E> {
                Paint::named(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Paint, E> {
                u8::try_from(number)
                    .map(Paint::Indexed)
                    .map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Paint, E> {
                u8::try_from(number)
                    .map(Paint::Indexed)
                    .map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
            }
        }
        from.deserialize_any(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::UserConfig;

    fn read(text: &str) -> Result<UserConfig, String> {
        UserConfig::parse(text, "config.toml").map_err(|problem| problem.to_string())
    }

    #[test]
    fn themes_glyphs_and_colours_are_read() {
        let user = read(
            "theme = \"colorblind\"\nglyphs = \"ascii\"\n\
             [colors]\ngood = \"#0A14fF\"\nwarn = 208\nbad = \"bright-red\"\nbackground = \"default\"\n",
        )
        .unwrap();
        assert_eq!(user.theme, ThemeName::Colorblind);
        assert_eq!(user.glyphs, Glyphs::Ascii);
        assert_eq!(user.colors.good, Some(Paint::Rgb(10, 20, 255)));
        assert_eq!(user.colors.warn, Some(Paint::Indexed(208)));
        assert_eq!(user.colors.bad, Some(Paint::Indexed(9)));
        assert_eq!(user.colors.background, Some(Paint::Default));
        assert_eq!(user.colors.dim, None);
        assert_eq!(read("").unwrap().theme, ThemeName::Terminal);
    }

    #[test]
    fn what_is_read_is_shown_in_the_same_words() {
        let text = "theme = \"colorblind-light\"\nglyphs = \"unicode\"\n\
                    [colors]\ngood = \"#0a14ff\"\nwarn = 208\nbad = \"bright-red\"\n";
        let shown = serde_json::to_value(read(text).unwrap()).unwrap();
        assert_eq!(shown["theme"], "colorblind-light");
        assert_eq!(shown["glyphs"], "unicode");
        assert_eq!(shown["colors"]["good"], "#0a14ff");
        assert_eq!(shown["colors"]["warn"], "208");
        assert_eq!(shown["colors"]["bad"], "bright-red");
    }

    #[test]
    fn what_is_not_known_is_named_with_its_place_and_what_there_is() {
        for (text, place, said) in [
            (
                "\ntheme = \"drak\"",
                "line 2, column 9",
                "unknown theme 'drak'; use one of terminal, dark, light, colorblind, colorblind-light, mono",
            ),
            (
                "glyphs = \"fancy\"",
                "line 1, column 10",
                "unknown glyph set 'fancy'; use one of auto, unicode, ascii",
            ),
            (
                "[colors]\ngoood = \"red\"",
                "line 2, column 1",
                "unknown field `goood`",
            ),
            ("[colors]\ngoood = \"red\"", "line 2, column 1", "`good`"),
            ("[colors]\ngood = \"rde\"", "line 2, column 8", "\"rde\""),
            ("[colors]\ngood = \"rde\"", "line 2, column 8", "bright-magenta"),
            ("[colors]\ngood = \"#12345\"", "line 2, column 8", "#rrggbb"),
            ("[colors]\ngood = \"#12345ü\"", "line 2, column 8", "#rrggbb"),
            ("[colors]\n\ngood = 256", "line 3, column 8", "from 0 to 255"),
            ("[colors]\ngood = -1", "line 2, column 8", "from 0 to 255"),
            ("[colors]\ngood = true", "line 2, column 8", "a colour"),
        ] {
            let problem = read(text).unwrap_err();
            assert!(problem.contains(place), "{text:?}: {problem}");
            assert!(problem.contains(said), "{text:?}: {problem}");
        }
    }
}
