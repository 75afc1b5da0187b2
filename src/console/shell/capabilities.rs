//! What this terminal can do, told by the environment alone: a question to the terminal could
//! wait for an answer that never comes.

use std::env;
use std::io::{self, IsTerminal as _};

use super::ConsoleOptions;
use crate::console::view::look::Look;
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

/// Colours and glyphs for this terminal.
pub fn look(options: &ConsoleOptions) -> Look {
    let no_color = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    Look {
        color: !options.no_color && !no_color,
        unicode: !options.plain && unicode(),
        borders: !options.plain,
    }
}

/// A variable of the environment, where it says something.
pub fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// True where the terminal takes links, or at least leaves them out: what is not known to print
/// them as text.
pub fn links(variable: impl Fn(&str) -> Option<String>) -> bool {
    let term = variable("TERM").unwrap_or_default();
    let plain = term.is_empty()
        || ["linux", "dumb", "vt", "cons", "sun", "ansi"]
            .iter()
            .any(|old| term.starts_with(old));
    // Before 0.50 the library of many terminals had a fault that showed the rest of the screen as
    // one link.
    let faulty = variable("VTE_VERSION").and_then(|version| version.parse::<u32>().ok());
    !plain
        && faulty.is_none_or(|version| version >= 5000)
        && variable("TERM_PROGRAM").is_none_or(|program| program != "Apple_Terminal")
        && !(term.starts_with("screen") && variable("TMUX").is_none())
}

/// True where the window has a title that can be kept and given back.
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

/// False where the locale says outright that it is not Unicode; one that says nothing is taken
/// for a bare container in a modern terminal.
fn unicode() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(|name| env::var(name).ok())
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
}
