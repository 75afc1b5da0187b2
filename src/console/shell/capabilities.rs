//! Detects what this terminal supports, from environment variables only: a query to the terminal
//! might never be answered.

use std::env;
use std::io::{self, IsTerminal as _};

use super::ConsoleOptions;
use crate::config::{Glyphs, UserConfig};
use crate::console::view::look::Look;
use crate::console::view::theme::{Depth, Palette};
use crate::domain::{Problem, ProblemKind};

/// Returns an error if the console cannot be opened here.
pub fn check() -> Result<(), Problem> {
    let hint = "commands need no terminal: windlass status, windlass publish RELEASE --yes";
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(Problem::new(ProblemKind::Usage, "the console needs a terminal").hint(hint));
    }
    if env::var_os("TERM").is_some_and(|term| term == "dumb") {
        return Err(Problem::new(
            ProblemKind::Usage,
            "this terminal (TERM=dumb) cannot move the cursor",
        )
        .hint(hint));
    }
    Ok(())
}

/// Returns colours and glyphs for this terminal, as configured by the user.
pub fn look(options: &ConsoleOptions, user: &UserConfig) -> Look {
    told(options, user, variable)
}

/// Same, from the given variables. `NO_COLOR` and the flags override the file: they apply to this
/// start only.
fn told(options: &ConsoleOptions, user: &UserConfig, variable: impl Fn(&str) -> Option<String>) -> Look {
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

/// Returns an environment variable, if it is set and not empty.
pub fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns true if the terminal supports hyperlinks, or at least ignores them: unknown terminals
/// may print the sequence as text.
pub fn links(variable: impl Fn(&str) -> Option<String>) -> bool {
    let term = variable("TERM").unwrap_or_default();
    let plain = term.is_empty()
        || ["linux", "dumb", "vt", "cons", "sun", "ansi"]
            .iter()
            .any(|old| term.starts_with(old));
    // VTE before 0.50 (used by many terminals) showed the rest of the screen as one link.
    let faulty = variable("VTE_VERSION").and_then(|version| version.parse::<u32>().ok());
    !plain
        && faulty.is_none_or(|version| version >= 5000)
        && variable("TERM_PROGRAM").is_none_or(|program| program != "Apple_Terminal")
        && !(term.starts_with("screen") && variable("TMUX").is_none())
}

/// Returns true if the terminal can save and restore the window title.
pub fn titled(variable: impl Fn(&str) -> Option<String>) -> bool {
    let term = variable("TERM").unwrap_or_default();
    [
        "xterm",
        "rxvt",
        "foot",
        "alacritty",
        "tmux",
        "wezterm",
        "st-",
        "konsole",
        "gnome",
    ]
    .iter()
    .any(|known| term.starts_with(known))
}

/// Returns false if the locale is explicitly not Unicode; an unset locale is taken for a minimal
/// container in a modern terminal.
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

    #[test]
    fn links_go_where_they_are_not_printed() {
        let of = |variables: &[(&str, &str)]| {
            links(|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        for good in [
            &[("TERM", "xterm-256color")][..],
            &[("TERM", "xterm-kitty")],
            &[("TERM", "xterm-256color"), ("VTE_VERSION", "6800")],
            &[("TERM", "screen-256color"), ("TMUX", "/tmp/tmux")],
            &[("TERM", "tmux-256color")],
        ] {
            assert!(of(good), "{good:?}");
        }
        for bad in [
            &[][..],
            &[("TERM", "linux")],
            &[("TERM", "dumb")],
            &[("TERM", "vt100")],
            &[("TERM", "screen")],
            &[("TERM", "xterm-256color"), ("VTE_VERSION", "4205")],
            &[("TERM", "xterm-256color"), ("TERM_PROGRAM", "Apple_Terminal")],
        ] {
            assert!(!of(bad), "{bad:?}");
        }
    }
    use crate::config::{Colors, Paint, ThemeName};

    const TRUE: (&str, &str) = ("COLORTERM", "truecolor");

    fn asked(options: ConsoleOptions, user: &UserConfig, environment: &[(&str, &str)]) -> Look {
        told(&options, user, |name| {
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
        let own = asked(usual.clone(), &user(), &[TRUE]);
        assert_eq!(
            own.palette,
            Palette::of(ThemeName::Dark, &user().colors, Depth::True)
        );
        assert_eq!(asked(usual.clone(), &UserConfig::default(), &[TRUE]), Look::FULL);
        let no_color = ConsoleOptions {
            no_color: true,
            ..usual.clone()
        };
        assert_eq!(asked(no_color, &user(), &[TRUE]).palette, Palette::MONO);
        assert_eq!(
            asked(usual.clone(), &user(), &[TRUE, ("NO_COLOR", "1")]).palette,
            Palette::MONO
        );
        assert_eq!(
            asked(usual.clone(), &user(), &[TRUE, ("NO_COLOR", "")]).palette,
            own.palette
        );
        let few = asked(usual.clone(), &user(), &[("TERM", "xterm-256color")]).palette;
        assert_eq!(few, Palette::of(ThemeName::Dark, &user().colors, Depth::Indexed));
    }

    #[test]
    fn glyphs_are_what_locale_file_and_flag_allow() {
        let usual = ConsoleOptions::default();
        let plain = ConsoleOptions {
            plain: true,
            ..usual.clone()
        };
        let wish = |glyphs| UserConfig {
            glyphs,
            ..UserConfig::default()
        };
        let signs = |options, glyphs, locale| {
            let look = asked(options, &wish(glyphs), &[("LANG", locale)]);
            (look.unicode, look.ascii_only, look.borders)
        };
        assert_eq!(
            signs(usual.clone(), Glyphs::Auto, "de_DE.UTF-8"),
            (true, false, true)
        );
        assert_eq!(signs(usual.clone(), Glyphs::Auto, ""), (true, false, true));
        assert_eq!(signs(usual.clone(), Glyphs::Auto, "POSIX"), (false, true, true));
        assert_eq!(
            signs(usual.clone(), Glyphs::Unicode, "POSIX"),
            (true, false, true)
        );
        // Names from outside stay unchanged if the terminal can show them.
        assert_eq!(
            signs(usual.clone(), Glyphs::Ascii, "de_DE.utf8"),
            (false, false, true)
        );
        assert_eq!(signs(plain, Glyphs::Unicode, "de_DE.utf8"), (false, false, false));
    }
}
