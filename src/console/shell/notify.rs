//! Sends a terminal notification or the bell, for an operator in another window.
//!
//! Knows which sequence each terminal supports; the caller decides when to send.

/// The kind of notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// OSC 9, a text.
    Growl,
    /// OSC 777, a title and a text.
    Titled,
    /// The bell only.
    Bell,
}

/// Returns what the terminal of this environment supports.
///
/// Under a multiplexer only the bell is passed on: other sequences are dropped or passed to an
/// unknown terminal. An unidentified terminal gets the bell too, because some print sequences they
/// do not support.
pub fn form(variable: impl Fn(&str) -> Option<String>) -> Form {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let term = set("TERM").unwrap_or_default();
    if set("TMUX").is_some() || set("STY").is_some() || term.starts_with("screen") || term.starts_with("tmux")
    {
        return Form::Bell;
    }
    let program = set("TERM_PROGRAM").unwrap_or_default();
    if matches!(
        program.as_str(),
        "iTerm.app" | "WezTerm" | "ghostty" | "WarpTerminal"
    ) || matches!(term.as_str(), "xterm-kitty" | "xterm-ghostty" | "wezterm")
        || set("ConEmuPID").is_some()
        || set("KITTY_WINDOW_ID").is_some()
    {
        return Form::Growl;
    }
    if set("VTE_VERSION").is_some() || term.starts_with("rxvt-unicode") || term.starts_with("foot") {
        return Form::Titled;
    }
    Form::Bell
}

/// Returns the escape sequence for `text`. Control characters are removed, so the text cannot end
/// the sequence.
pub fn sequence(form: Form, text: &str) -> Vec<u8> {
    // A semicolon separates title and text, and some terminals read a leading number as a command.
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    let text = text.replace(';', ",");
    match form {
        Form::Growl => format!("\u{1b}]9;windlass: {text}\u{7}\u{7}"),
        Form::Titled => format!("\u{1b}]777;notify;windlass;{text}\u{7}\u{7}"),
        Form::Bell => "\u{7}".to_owned(),
    }
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Form {
        form(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn each_terminal_gets_what_it_understands() {
        for (variables, wanted) in [
            (
                &[("TERM_PROGRAM", "iTerm.app"), ("TERM", "xterm-256color")][..],
                Form::Growl,
            ),
            (&[("TERM", "xterm-kitty")], Form::Growl),
            (
                &[("TERM", "xterm-256color"), ("VTE_VERSION", "6800")],
                Form::Titled,
            ),
            (&[("TERM", "foot")], Form::Titled),
            (&[("TERM", "xterm-256color")], Form::Bell),
            (&[("TERM", "linux")], Form::Bell),
            // A multiplexer inherits the environment it was started in.
            (
                &[("TERM", "screen-256color"), ("VTE_VERSION", "6800")],
                Form::Bell,
            ),
            (
                &[
                    ("TERM", "xterm-256color"),
                    ("VTE_VERSION", "6800"),
                    ("TMUX", "/tmp/x"),
                ],
                Form::Bell,
            ),
            (&[], Form::Bell),
        ] {
            assert_eq!(of(variables), wanted, "{variables:?}");
        }
    }

    #[test]
    fn no_text_breaks_out_of_its_sequence() {
        let text = "a;b\u{7}\u{1b}]0;x";
        assert_eq!(
            sequence(Form::Titled, text),
            b"\x1b]777;notify;windlass;a,b]0,x\x07\x07"
        );
        assert_eq!(sequence(Form::Growl, text), b"\x1b]9;windlass: a,b]0,x\x07\x07");
        assert_eq!(sequence(Form::Bell, text), b"\x07");
    }
}
