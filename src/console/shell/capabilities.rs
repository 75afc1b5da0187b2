//! What this terminal can do, told by the environment alone: a question to the terminal could
//! wait for an answer that never comes.

use std::env;
use std::io::{self, IsTerminal as _};

use super::ConsoleOptions;
use crate::config::{Glyphs, UserConfig};
use crate::console::view::look::Look;
use crate::console::view::theme::{Depth, Palette};
use crate::domain::{Kind, Problem};

/// Says why the console cannot be opened here.
pub fn check() -> Result<(), Problem> {
    let hint = "every command works without one: windlass status, windlass publish RELEASE --yes";
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(Problem::new(Kind::Usage, "the console needs a terminal").hint(hint));
    }
    if env::var_os("TERM").is_some_and(|term| term == "dumb") {
        return Err(Problem::new(Kind::Usage, "this terminal (TERM=dumb) cannot place a cursor").hint(hint));
    }
    Ok(())
}

/// Colours and glyphs for this terminal, as the user wants them.
pub fn look(options: ConsoleOptions, user: &UserConfig) -> Look {
    told(options, user, |name| {
        env::var_os(name).map(|value| value.to_string_lossy().into_owned())
    })
}

/// The same from what `variable` tells. `NO_COLOR` and the flags win over the file: they are
/// closer to this one start.
fn told(options: ConsoleOptions, user: &UserConfig, variable: impl Fn(&str) -> Option<String>) -> Look {
    let no_color = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
    let depth = Depth::told(variable("COLORTERM").as_deref(), variable("TERM").as_deref());
    let utf8 = unicode(variable);
    Look {
        unicode: !options.plain
            && match user.glyphs {
                Glyphs::Auto => utf8,
                Glyphs::Unicode => true,
                Glyphs::Ascii => false,
            },
        borders: !options.plain,
        ascii_only: !utf8 && user.glyphs != Glyphs::Unicode,
        palette: if options.no_color || no_color {
            Palette::MONO
        } else {
            Palette::of(user.theme, &user.colors, depth)
        },
    }
}

/// False where the locale says outright that it is not Unicode; one that says nothing is taken
/// for a bare container in a modern terminal.
fn unicode(variable: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(variable)
        .find(|value| !value.is_empty());
    locale.is_none_or(|locale| {
        let locale = locale.to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Colors, Paint, ThemeName};

    const TRUE: (&str, &str) = ("COLORTERM", "truecolor");

    fn asked(options: ConsoleOptions, user: &UserConfig, environment: &[(&str, &str)]) -> Look {
        told(options, user, |name| {
            environment
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    fn user() -> UserConfig {
        UserConfig {
            theme: ThemeName::Dark,
            colors: Colors {
                good: Some(Paint::Rgb(1, 2, 3)),
                background: Some(Paint::Rgb(0, 0, 0)),
                ..Colors::default()
            },
            ..UserConfig::default()
        }
    }

    #[test]
    fn the_file_chooses_and_what_is_closer_wins() {
        let usual = ConsoleOptions::default();
        let own = asked(usual, &user(), &[TRUE]);
        assert_eq!(
            own.palette,
            Palette::of(ThemeName::Dark, &user().colors, Depth::True)
        );
        assert_eq!(asked(usual, &UserConfig::default(), &[TRUE]), Look::FULL);
        let no_color = ConsoleOptions {
            no_color: true,
            ..usual
        };
        assert_eq!(asked(no_color, &user(), &[TRUE]).palette, Palette::MONO);
        assert_eq!(
            asked(usual, &user(), &[TRUE, ("NO_COLOR", "1")]).palette,
            Palette::MONO
        );
        assert_eq!(
            asked(usual, &user(), &[TRUE, ("NO_COLOR", "")]).palette,
            own.palette
        );
        let few = asked(usual, &user(), &[("TERM", "xterm-256color")]).palette;
        assert_eq!(few, Palette::of(ThemeName::Dark, &user().colors, Depth::Indexed));
    }

    #[test]
    fn glyphs_are_what_locale_file_and_flag_allow() {
        let usual = ConsoleOptions::default();
        let plain = ConsoleOptions { plain: true, ..usual };
        let wish = |glyphs| UserConfig {
            glyphs,
            ..UserConfig::default()
        };
        let signs = |options, glyphs, locale| {
            let look = asked(options, &wish(glyphs), &[("LANG", locale)]);
            (look.unicode, look.ascii_only, look.borders)
        };
        assert_eq!(signs(usual, Glyphs::Auto, "de_DE.UTF-8"), (true, false, true));
        assert_eq!(signs(usual, Glyphs::Auto, ""), (true, false, true));
        assert_eq!(signs(usual, Glyphs::Auto, "POSIX"), (false, true, true));
        assert_eq!(signs(usual, Glyphs::Unicode, "POSIX"), (true, false, true));
        // Names from outside stay what they are where the terminal can show them.
        assert_eq!(signs(usual, Glyphs::Ascii, "de_DE.utf8"), (false, false, true));
        assert_eq!(signs(plain, Glyphs::Unicode, "de_DE.utf8"), (false, false, false));
    }
}
