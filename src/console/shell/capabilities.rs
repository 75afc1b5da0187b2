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

/// Colours and glyphs for this terminal, as the user wants them. `NO_COLOR` and the flags win over
/// the file: they are closer to this one start.
pub fn look(options: ConsoleOptions, user: &UserConfig) -> Look {
    let variable = |name| env::var(name).ok();
    let no_color = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let depth = Depth::told(variable("COLORTERM").as_deref(), variable("TERM").as_deref());
    let utf8 = unicode();
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
